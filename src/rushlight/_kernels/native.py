"""The door to native kernels: shut until enough large work has come by.

Kernels ask here once they have `limit` elements before them. When what has asked adds up to
`ENOUGH`, it is decided whether there are native kernels at all: llvmlite is installed and
``RUSHLIGHT_NATIVE`` is not 0. If so, smaller arrays may ask from then on as well. As long as an answer is None, NumPy does the work.
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

#: From how many elements on kernels ask; likewise multiply-adds of a product.
limit = LARGE
products = _PRODUCTS = 1 << 19

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
        if _asked < ENOUGH:
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


def _open() -> Any:
    if os.environ.get("RUSHLIGHT_NATIVE") == "0":
        return False
    try:
        from .. import _native

        _native.check()
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
    return room.pointwise(key, arrays, values) if room else None


def whole(name: str, *arguments: Any, out: Any = None) -> Any:
    """The results of an operation on large arrays, as a list, or None.

    Args:
        arguments: the first is an array.
        out: memory for the only result.
    """
    room = parts(arguments[0].size)
    return room.shaped(name, arguments, out) if room else None


def product(x: Any, y: Any, out: Any = None) -> Any:
    """``x @ y``, or None."""
    room = parts((x.size * y.shape[-1]) >> 6)
    if not room:
        return None
    made = room.shaped("matmul", (x, y), out)
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
    made = room.shaped(name, (a, b, shape, geometry))
    return None if made is None else made[0]
