"""The `reduction` argument of losses, and the two flags it replaced."""

from __future__ import annotations

import warnings

_NUMBERS = {"none": 0, "mean": 1, "sum": 2, "elementwise_mean": 1}


def get_enum(reduction: str) -> int:
    """The number PyTorch's ops take for a reduction.

    Raises:
        ValueError: not "none", "mean" or "sum".
    """
    found = _NUMBERS.get(reduction)
    if found is None:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if reduction == "elementwise_mean":
        warnings.warn(
            "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.",
            stacklevel=2,
        )
    return found


def legacy_get_string(
    size_average: bool | None, reduce: bool | None, emit_warning: bool = True
) -> str:
    """The reduction that the flags of old PyTorch meant, with its warning."""
    if size_average is None:
        size_average = True
    if reduce is None:
        reduce = True
    found = "none" if not reduce else "mean" if size_average else "sum"
    if emit_warning:
        warnings.warn(
            "size_average and reduce args will be deprecated, please use "
            f"reduction='{found}' instead.",
            stacklevel=3,
        )
    return found


def legacy_get_enum(
    size_average: bool | None, reduce: bool | None, emit_warning: bool = True
) -> int:
    """`get_enum` of `legacy_get_string`."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))
