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

from . import blas
from .memory import keep_freed_memory

# OpenBLAS itself runs products of fewer multiply-adds on one thread.
_THREADED = 1 << 18
# From this size on the time is that of the arithmetic, and the best rate can be learned.
_LEARNED = 1 << 21
_LATE = 1e-3
_SHORTEST, _LONGEST = 0.02, 0.64

_matmul = np.matmul


class _Pace:
    """What products cost here, and whether threads pay at the moment.

    Attributes:
        best: the least seconds for a multiply-add that a threaded product has shown.
        alone_until: until when products run on one thread.
        pause: how long the next such while is.
        large: whether large products have been seen.
    """

    __slots__ = ("alone_until", "best", "large", "pause")

    def __init__(self) -> None:
        self.best = 1e-9
        self.alone_until = 0.0
        self.pause = _SHORTEST
        self.large = False


_pace = _Pace()


def matmul(x: Any, y: Any, out: Any = None) -> Any:
    """``x @ y`` of arrays."""
    work = x.size * y.shape[-1]
    if work < _THREADED:
        return _matmul(x, y, out=out)
    pace = _pace
    began = perf_counter()
    if began < pace.alone_until:
        return _alone(x, y, out)
    found = _matmul(x, y, out=out)
    seconds = perf_counter() - began
    if work >= _LEARNED:
        if seconds < pace.best * work:
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
