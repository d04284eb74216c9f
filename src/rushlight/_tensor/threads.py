"""How many threads matrix products use: those of the OpenBLAS that NumPy brings along."""

from __future__ import annotations

import functools
import os
from typing import Any

from .registry import public

_PREFIXES = ("scipy_openblas_", "openblas_")
_SUFFIXES = ("64_", "")


def _libraries() -> list[str]:
    """Where NumPy's OpenBLAS may lie: beside the package, or among the loaded libraries."""
    import numpy as np

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
def _controls() -> tuple[Any, Any] | None:
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


class _Threads:
    """The numbers that programs asked for; None where they did not ask."""

    __slots__ = ("between", "within")

    def __init__(self) -> None:
        self.within: int | None = None
        self.between: int | None = None


_threads = _Threads()


def _checked(name: str, number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool):
        raise RuntimeError(f"{name} expects an int, but got {type(number).__name__}")
    if number <= 0:
        raise RuntimeError(f"{name} expects a positive integer")
    return number


def set_num_threads(num: int, /) -> None:
    """Let matrix products use this many threads.

    Raises:
        RuntimeError: no positive int.
    """
    number = _checked("set_num_threads", num)
    _threads.within = number
    controls = _controls()
    if controls is not None:
        controls[0](number)


def get_num_threads() -> int:
    """How many threads matrix products use."""
    if _threads.within is not None:
        return _threads.within
    controls = _controls()
    return int(controls[1]()) if controls is not None else os.cpu_count() or 1


def set_num_interop_threads(num: int, /) -> None:
    """Remember the number of threads between operations: rushlight runs them in turn.

    Raises:
        RuntimeError: no positive int.
    """
    _threads.between = _checked("set_num_interop_threads", num)


def get_num_interop_threads() -> int:
    """What `set_num_interop_threads` was told, else the number of processors."""
    return _threads.between or os.cpu_count() or 1


for _function in (
    set_num_threads, get_num_threads, set_num_interop_threads, get_num_interop_threads,
):  # fmt: skip
    _function.__module__ = "torch"
    public(_function.__name__, _function, method=False)
