"""Memory for large arrays: kept for the next ones, and aligned where it pays.

A training step makes the same large arrays again and again. glibc returns each to the system when
it is freed, and the next one is fetched page by page: a fifth of the time of a step that is not
dominated by products. So once a program multiplies matrices of some size, blocks of up to 32 MB are
taken from the heap, and up to 256 MB of free heap are kept. ``RUSHLIGHT_KEEP_MEMORY=0`` in the
environment leaves the C library as it is; elsewhere than on glibc nothing happens.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt's names for them
_KEPT = 256 << 20
_FROM_HEAP = 32 << 20  # glibc accepts no more


def keep_freed_memory() -> bool:
    """Ask glibc to keep freed memory; whether it agreed."""
    if os.environ.get("RUSHLIGHT_KEEP_MEMORY") == "0":
        return False
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    kept = mallopt(_TRIM_THRESHOLD, _KEPT)
    return bool(kept and mallopt(_MMAP_THRESHOLD, _FROM_HEAP))


_asked = False


def keep_freed_memory_once() -> None:
    """The same, unless it was asked before: for kernels that meet large arrays."""
    global _asked
    if not _asked:
        _asked = True
        keep_freed_memory()


_LINE = 64  # bytes of a cache line, and of the widest vector


def aligned(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """An array whose first number begins a cache line; its values are still to be set.

    malloc aligns to 16 bytes only, and products whose operand is read again and again are a third
    slower where every vector straddles two lines. For scratch and saved values: not for results,
    whose memory users may look at as a storage.
    """
    dtype = np.dtype(dtype)
    size = dtype.itemsize
    for n in shape:
        size *= n
    block = np.empty(size + _LINE, np.uint8)
    offset = -block.ctypes.data % _LINE
    return np.ndarray(shape, dtype, block, offset)


def meets_itself(window: Any) -> bool:
    """Whether elements may share memory: windows of `unfold`, expanded dims."""
    reach = window.itemsize
    steps = [(abs(s), n) for s, n in zip(window.strides, window.shape, strict=True) if n > 1]
    for step, size in sorted(steps):
        if step < reach:
            return True
        reach += step * (size - 1)
    return False
