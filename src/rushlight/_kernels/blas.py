"""The OpenBLAS that NumPy brings along: where it lies, and the number of its threads."""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np

_PREFIXES = ("scipy_openblas_", "openblas_")
_SUFFIXES = ("64_", "")


def _libraries() -> list[str]:
    """Where it may lie: beside the package, or among the loaded libraries."""
    package = os.path.dirname(np.__file__)
    found = []
    for folder in (f"{package}.libs", os.path.join(package, ".libs"),
                   os.path.join(package, ".dylibs")):  # fmt: skip
        if os.path.isdir(folder):
            found += [os.path.join(folder, n) for n in os.listdir(folder) if "openblas" in n]
    try:
        with open("/proc/self/maps", encoding="utf-8") as maps:
            paths = {line.split()[-1] for line in maps if "openblas" in line}
    except OSError:
        paths = set()
    return found + sorted(path for path in paths if path not in found)


@functools.lru_cache(maxsize=1)
def controls() -> tuple[Any, Any] | None:
    """The functions that set and get the number of threads; None without OpenBLAS."""
    import ctypes

    for path in _libraries():
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for prefix in _PREFIXES:
            for suffix in _SUFFIXES:
                try:
                    setter = getattr(library, f"{prefix}set_num_threads{suffix}")
                    getter = getattr(library, f"{prefix}get_num_threads{suffix}")
                except AttributeError:
                    continue
                setter.argtypes, setter.restype = (ctypes.c_int,), None
                getter.argtypes, getter.restype = (), ctypes.c_int
                return setter, getter
    return None
