"""The OpenBLAS that NumPy brings along: where it lies, and the number of its threads."""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np

_PREFIXES = ("scipy_", "")
_SUFFIXES = ("64_", "", "_64")


def _paths() -> list[str]:
    """Where it may lie: beside the package, or among the loaded libraries."""
    package = os.path.dirname(os.path.abspath(np.__file__))
    found = []
    for folder in (f"{package}.libs", os.path.join(package, ".libs"),
                   os.path.join(package, ".dylibs")):  # fmt: skip
        if os.path.isdir(folder):
            found += [os.path.join(folder, n) for n in sorted(os.listdir(folder))
                      if "openblas" in n]  # fmt: skip
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            for line in maps:
                path = "/" + line.rstrip("\n").partition("/")[2]
                if "openblas" in os.path.basename(path) and path not in found:
                    found.append(path)
    except OSError:
        pass
    return found


@functools.lru_cache(maxsize=1)
def library() -> Any:
    """The loaded OpenBLAS, None without one: opening it again gives the same copy."""
    import ctypes

    for path in _paths():
        try:
            return ctypes.CDLL(path)
        except OSError:
            continue
    return None


def function(name: str, answer: Any, *arguments: Any) -> Any:
    """OpenBLAS's function ``openblas_<name>`` under any of its builds' names, or None.

    Args:
        answer: the ctypes type it returns; None for none.
        arguments: the ctypes types it takes.
    """
    for prefix in _PREFIXES:
        for suffix in _SUFFIXES:
            found = getattr(library(), f"{prefix}openblas_{name}{suffix}", None)
            if found is not None:
                found.restype, found.argtypes = answer, arguments
                return found
    return None


@functools.lru_cache(maxsize=1)
def controls() -> tuple[Any, Any] | None:
    """The functions that set and get the number of threads; None without OpenBLAS."""
    from ctypes import c_int

    setter = function("set_num_threads", None, c_int)
    getter = function("get_num_threads", c_int)
    return None if setter is None or getter is None else (setter, getter)
