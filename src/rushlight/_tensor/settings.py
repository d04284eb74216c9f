"""Small questions and settings of the torch namespace: symbolic numbers, warnings, libraries.

rushlight has no symbolic sizes: the ``sym_`` functions are those of plain numbers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .options import finish, numpy_dtype
from .registry import public


def sym_int(a: Any) -> int:
    """`a` as an int, cut towards zero."""
    return math.trunc(a)


def sym_float(a: Any) -> float:
    """`a` as a float."""
    return float(a)


def sym_not(a: Any) -> bool:
    """Logical negation."""
    return not a


def sym_max(a: Any, b: Any) -> Any:
    """The larger number; a float if one of them is."""
    larger = b if b > a else a
    return float(larger) if isinstance(a, float) or isinstance(b, float) else larger


def sym_min(a: Any, b: Any) -> Any:
    """The smaller number; a float if one of them is."""
    smaller = b if b < a else a
    return float(smaller) if isinstance(a, float) or isinstance(b, float) else smaller


def sym_sum(args: Any) -> Any:
    """The sum of numbers."""
    return sum(args)


def sym_sqrt(a: Any) -> float:
    """The square root."""
    return math.sqrt(a)


def sym_ite(b: Any, t: Any, f: Any) -> Any:
    """`t` if `b` holds, else `f`."""
    return t if b else f


class _Always:
    on = False


def set_warn_always(b: bool, /) -> None:
    """Whether PyTorch's C++ warnings appear each time; rushlight's are Python's own.

    Accepted and remembered; use the `warnings` module to filter.
    """
    _Always.on = bool(b)


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` was last given."""
    return _Always.on


def is_vulkan_available() -> bool:
    """False."""
    return False


def init_num_threads() -> None:
    """Without effect: threads are those of NumPy."""


def from_file(
    filename: str, shared: bool | None = None, size: int | None = 0, *, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """A vector over the bytes of a file.

    Args:
        shared: write changes back to the file, which is made if it is missing.
        size: how many elements.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.from_file.html
    """
    kind = numpy_dtype(dtype)
    n = 0 if size is None else size
    if n == 0:
        return finish(np.empty(0, kind), layout, device, pin_memory, requires_grad)
    if shared:
        with open(filename, "ab") as file:
            if file.tell() < n * kind.itemsize:
                file.truncate(n * kind.itemsize)
        array: Any = np.memmap(filename, kind, "r+", shape=(n,)).view(np.ndarray)
    else:
        try:
            array = np.fromfile(filename, kind, n)
        except FileNotFoundError:
            raise RuntimeError(
                f"unable to open file <{filename}> in read-only mode: No such file or directory (2)"
            ) from None
    return finish(array, layout, device, pin_memory, requires_grad)


def to_dlpack(tensor: Any) -> Any:
    """The DLPack capsule of a tensor."""
    return tensor.__dlpack__()


for _function in (
    sym_int, sym_float, sym_not, sym_max, sym_min, sym_sum, sym_sqrt, sym_ite, set_warn_always,
    is_warn_always_enabled, is_vulkan_available, init_num_threads, from_file, to_dlpack,
):  # fmt: skip
    _function.__module__ = "torch"
    setattr(_function, "guarded", True)  # noqa: B010 - Python functions in PyTorch too
    public(_function.__name__, _function, method=False)
