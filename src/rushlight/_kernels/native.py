"""The door to native kernels: shut until enough large work has come by.

Kernels ask here once they have `limit` elements before them. When what has asked adds up to
`ENOUGH`, it is decided whether there are native kernels at all: llvmlite is installed and
``RUSHLIGHT_NATIVE`` is not 0 in the environment (1: do not wait for anything). If so, smaller
arrays may ask from then on as well. As long as an answer is None, NumPy does the work.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from .memory import keep_freed_memory_once

#: Elements from which on kernels ask while the door is shut, and when it is open.
LARGE, SOME = 1 << 15, 1 << 10
#: Elements that must have asked in all before llvmlite is loaded (40 ms): NumPy has spent about as
#: much time on them.
ENOUGH = 1 << 20

_setting = os.environ.get("RUSHLIGHT_NATIVE", "")
#: Whether to make machine code for whatever comes, without waiting for it to come again.
eager = _setting == "1"
#: From how many elements on kernels ask; likewise multiply-adds of a product.
limit = SOME if eager else LARGE
products = _PRODUCTS = 1 << 19
#: From so many on BLAS multiplies two matrices as fast.
BLAS_AS_GOOD = 1 << 27

_parts: Any = None
_asked = 0


def parts(size: int = ENOUGH) -> Any:
    """The room of native kernels (`_native`), or None.

    Args:
        size: the elements that it would save NumPy from passing over several times.
    """
    global _asked
    if _parts is None:
        _asked += size
        if _asked < ENOUGH and not eager:
            return None
        turn(True)
    return _parts or None


def turn(on: bool) -> bool:
    """Open the door, or shut it for good; whether it is open now."""
    global _parts, limit, products
    _parts = _open() if on else False
    limit = SOME if _parts else LARGE
    products = _PRODUCTS if _parts else sys.maxsize
    if _parts:
        keep_freed_memory_once()
    return bool(_parts)


def reset() -> None:
    """As at the beginning: undecided."""
    global _parts, _asked, limit, products
    _parts, _asked = None, 0
    limit, products = SOME if eager else LARGE, _PRODUCTS


def _open() -> Any:
    if _setting == "0":
        return False
    try:
        from .. import _native

        _native.check()
        _native.install()
    except (ImportError, OSError, RuntimeError):
        return False
    return _native


def pointwise(key: Any, arrays: tuple[Any, ...], values: tuple[Any, ...] = ()) -> Any:
    """What a formula gives for large arrays, or None.

    Args:
        key: the formula, or the kernel that computes it.
        values: its numbers.
    """
    room = parts(arrays[0].size)
    return room.evaluate(key, arrays, values) if room else None


def whole(name: str, *arguments: Any, out: Any = None) -> Any:
    """The results of an operation on large arrays, as a list, or None.

    Args:
        arguments: the first is an array.
        out: memory for the only result.
    """
    room = parts(arguments[0].size)
    return room.operate(name, arguments, out) if room else None


def product(x: Any, y: Any, out: Any = None) -> Any:
    """``x @ y``, or None."""
    room = parts((x.size * y.shape[-1]) >> 6)
    if not room:
        return None
    made = room.operate("matmul", (x, y), out)
    return None if made is None else made[0]


def affine(x: Any, w: Any, b: Any) -> Any:
    """``x @ w.T + b`` for matrices `w`, or None."""
    work = x.size * len(w)
    room = parts(work >> 6)
    if not room or (work >= BLAS_AS_GOOD and x.ndim == 2) or x.ndim < 2:
        return None
    if x.dtype != w.dtype or b.dtype != w.dtype or x.shape[-1] != w.shape[1]:
        return None
    made = room.operate("linear", (x, w, b))
    return None if made is None else made[0]


def convolution(
    name: str, a: Any, b: Any, shape: tuple[int, ...], stride: tuple[int, ...],
    padding: tuple[int, ...], dilation: tuple[int, ...], groups: int,
) -> Any:  # fmt: skip
    """A convolution in two dimensions (``conv2d``) or one of its adjoints, or None.

    Args:
        shape: of the result.
    """
    room = parts(4 * a.size)
    if not room:
        return None
    geometry = (
        ("stride", stride), ("padding", padding), ("dilation", dilation), ("groups", groups)
    )  # fmt: skip
    made = room.operate(name, (a, b, shape, geometry))
    return None if made is None else made[0]
