"""Tensors with random values for tests."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from .._core import Tensor

_INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
_FLOATS = ("float16", "bfloat16", "float32", "float64")
_COMPLEX = ("complex64", "complex128")


def _interval(
    low: Any, high: Any, dtype: Any, lowest: float, highest: float, defaults: tuple[int, int]
) -> tuple[Any, Any]:
    """The bounds, or the defaults, within what the dtype can hold.

    Raises:
        ValueError: bounds that leave nothing.
    """
    low = defaults[0] if low is None else low
    high = defaults[1] if high is None else high
    if any(isinstance(v, float) and math.isnan(v) for v in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    floating = dtype.is_floating_point or dtype.is_complex
    if low == high and floating:
        warnings.warn(
            "Passing `low==high` to `torch.testing.make_tensor` for floating or complex types is "
            "deprecated since 2.1 and will be removed in 2.3. Use `torch.full(...)` instead.",
            FutureWarning,
            stacklevel=4,
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < lowest or low >= highest:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {dtype} "
            f"only supports [{lowest}, {highest})"
        )
    low, high = max(min(low, highest), lowest), max(min(high, highest), lowest)
    return (low, high) if floating else (math.ceil(low), math.ceil(high))


def make_tensor(
    *shape: Any, dtype: Any, device: Any, low: float | None = None, high: float | None = None,
    requires_grad: bool = False, noncontiguous: bool = False, exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """A tensor with values drawn uniformly from ``[low, high)``.

    Args:
        low, high: the bounds, by default -9 and 9 (integers: 9 included; uint8: 0 to 9).
        noncontiguous: with other elements between its own.
        exclude_zero: zeros become the least positive number, or 1.
        memory_format: the order of memory, for contiguous tensors.

    Raises:
        ValueError: bounds that leave nothing; options that exclude one another.

    Source: https://docs.pytorch.org/docs/stable/testing.html#torch.testing.make_tensor

    >>> import rushlight as torch
    >>> torch.testing.make_tensor(2, 3, dtype=torch.float32, device="cpu").shape
    torch.Size([2, 3])
    """
    import rushlight

    torch: Any = rushlight
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
            f"{noncontiguous=} and {memory_format=}"
        )
    name = dtype.name
    if requires_grad and (name == "bool" or name in _INTEGERS):
        raise ValueError(
            "`requires_grad=True` is not supported for boolean and integral dtypes, but got "
            f"{dtype=}"
        )
    if len(shape) == 1 and isinstance(shape[0], Sequence):
        shape = tuple(shape[0])
    spread = noncontiguous and math.prod(shape) > 1
    drawn = (*shape[:-1], 2 * shape[-1]) if spread else shape
    found: Any
    if name == "bool":
        low, high = _interval(low, high, dtype, 0, 2, (0, 2))
        found = torch.randint(low, high, drawn, device=device, dtype=dtype)
    elif name in _INTEGERS:
        info = torch.iinfo(dtype)
        # PyTorch lets the greatest int64 out, and no other.
        highest = info.max + (0 if name == "int64" else 1)
        defaults = (0, 10) if name == "uint8" else (-9, 10)
        low, high = _interval(low, high, dtype, info.min, highest, defaults)
        found = torch.randint(low, high, drawn, device=device, dtype=dtype)
    elif name in _FLOATS or name in _COMPLEX:
        limits = torch.finfo(dtype)
        low, high = _interval(low, high, dtype, limits.min, limits.max, (-9, 9))
        found = torch.empty(drawn, device=device, dtype=dtype)
        _fill(torch.view_as_real(found) if name in _COMPLEX else found, low, high, limits.max)
    else:
        raise TypeError(
            f"The requested dtype '{dtype}' is not supported by torch.testing.make_tensor(). To "
            "request support, file an issue at: https://github.com/pytorch/pytorch/issues"
        )
    if spread:
        found = found[..., 1::2]
    elif memory_format is not None:
        found = found.clone(memory_format=memory_format)
    if exclude_zero:
        least = torch.finfo(dtype).tiny if name in _FLOATS or name in _COMPLEX else 1
        found[found == 0] = least
    if requires_grad:
        found.requires_grad_(True)
    made: Tensor = found
    return made


def _fill(t: Any, low: float, high: float, highest: float) -> None:
    if high - low >= highest:
        t.uniform_(low / 2, high / 2).mul_(2)  # the width itself would overflow
    elif low == high:
        t.fill_(low)
    else:
        t.uniform_(low, high)


make_tensor.__module__ = "torch.testing"
