"""How many threads matrix products use: those of the OpenBLAS that NumPy brings along."""

from __future__ import annotations

import os
from typing import Any

from .._kernels.blas import controls as _controls
from .registry import public


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
