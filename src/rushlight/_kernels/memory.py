"""Lets the C library keep the memory that large arrays leave, for the next ones.

A training step makes the same large arrays again and again. glibc returns each to the system when
it is freed, and the next one is fetched page by page: a fifth of the time of a step that is not
dominated by products. So once a program multiplies matrices of some size, blocks of up to 32 MB are
taken from the heap, and up to 256 MB of free heap are kept. ``RUSHLIGHT_KEEP_MEMORY=0`` in the
environment leaves the C library as it is; elsewhere than on glibc nothing happens.
"""

from __future__ import annotations

import os

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
