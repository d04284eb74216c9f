"""Matrix products that do not collapse on a busy machine.

OpenBLAS splits a product among its threads and lets each spin until all are done. When other
processes hold a processor, the spinning threads wait for the one that is not running, and a
product that takes 0.2 ms takes 20. So products are timed: one that took many times what its size
costs shows such a moment, and for a while products run on one thread, which needs to wait for
nobody. Then threads are tried again, after longer pauses while the machine stays busy.

The number of threads is changed for the one call and put back, so NumPy outside keeps its own.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np

from . import blas, native
from .memory import keep_freed_memory

# OpenBLAS itself runs products of fewer multiply-adds on one thread.
_THREADED = 1 << 18
# From this size on the time is that of the arithmetic, and the best rate can be learned.
_LEARNED = 1 << 21
# Outer products of more numbers than this are faster as multiplications.
_OUTER = 1 << 10
# Up to this many multiply-adds OpenBLAS needs no packing; results of up to _FEW numbers are worth
# splitting into such products.
_UNPACKED, _FEW, _BLOCK = 1_000_000, 2560, 256
_LATE = 1e-3
_SHORTEST, _LONGEST = 0.02, 0.64

_matmul = np.matmul


class _Pace:
    """What products cost here, and whether threads pay at the moment.

    Attributes:
        best: the least seconds for a multiply-add that a threaded product has shown.
        alone_until: until when products run on one thread.
        pause: how long the next such while is.
        large: whether a product worth threads has been seen.
    """

    __slots__ = ("alone_until", "best", "large", "pause")

    def __init__(self) -> None:
        self.best = 1e-9
        self.alone_until = 0.0
        self.pause = _SHORTEST
        self.large = False


_pace = _Pace()


def _stack_of(x: Any, y: Any) -> Any:
    """A stack of products, each small: nothing for threads."""
    if not _pace.large:
        _pace.large = True
        keep_freed_memory()
    if x.shape[-1] == 1:
        return np.multiply(x, y)
    if y.strides[0] == 0 and len(x) == len(y) and x.flags.c_contiguous:
        # One matrix for all, as vmap expands weights: one product.
        count, rows, inner = x.shape
        return matmul(x.reshape(count * rows, inner), y[0]).reshape(count, rows, y.shape[2])
    return _matmul(x, y)


def matmul(x: Any, y: Any, out: Any = None) -> Any:
    """``x @ y`` of arrays."""
    work = x.size * y.shape[-1]
    if work < _THREADED:
        if work > _OUTER and x.shape[-1] == 1:
            return np.multiply(x, y, out=out)
        return _matmul(x, y, out=out)
    if work >= native.products and x.shape[-1] > 1:
        made = _native(x, y, out, work)
        if made is not None:
            return made
    if y.ndim == 3 and x.ndim == 3 and out is None:
        return _stack_of(x, y)
    if x.ndim == y.ndim == 2 and len(x) * y.shape[1] <= _FEW and work > _UNPACKED:
        if out is None and x.flags.f_contiguous and y.flags.c_contiguous:
            return _deep(x, y)
    pace = _pace
    began = perf_counter()
    if began < pace.alone_until:
        return _alone(x, y, out)
    found = _matmul(x, y, out=out)
    seconds = perf_counter() - began
    if work >= _LEARNED and seconds < pace.best * work:
        pace.best = seconds / work
    if not pace.large:
        pace.large = True
        keep_freed_memory()
    if seconds > _LATE and seconds > 6 * pace.best * work + _LATE:
        pace.alone_until = began + seconds + pace.pause
        pace.pause = min(_LONGEST, 2 * pace.pause)
    elif pace.pause > _SHORTEST:
        pace.pause /= 2
    return found


def _native(x: Any, y: Any, out: Any, work: int) -> Any:
    """The product by kernels of our own, or None where BLAS is as good."""
    if min(x.ndim, y.ndim) < 2 or (work >= native.BLAS_AS_GOOD and x.ndim == 2):
        return None
    if not _pace.large:
        _pace.large = True
        keep_freed_memory()
    return native.product(x, y, out)


def _deep(x: Any, y: Any) -> Any:
    """A small result of long sums: block by block, each small enough for one thread."""
    rows, columns = x.shape[0], y.shape[1]
    whole = len(y) // _BLOCK
    cut = whole * _BLOCK
    parts = _matmul(
        x.T[:cut].reshape(whole, _BLOCK, rows).swapaxes(1, 2),
        y[:cut].reshape(whole, _BLOCK, columns),
    )
    total = np.add.reduce(parts, axis=0)
    return total if cut == len(y) else np.add(total, _matmul(x[:, cut:], y[cut:]), out=total)


def _alone(x: Any, y: Any, out: Any) -> Any:
    """The product on one thread."""
    control = blas.controls()
    if control is None:
        return _matmul(x, y, out=out)
    setter, getter = control
    threads = getter()
    if threads == 1:
        return _matmul(x, y, out=out)
    setter(1)
    try:
        return _matmul(x, y, out=out)
    finally:
        setter(threads)
