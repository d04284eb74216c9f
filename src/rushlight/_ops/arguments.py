"""Argument checks of functions that compose rows, so that a wrong call fails as PyTorch's does."""

from __future__ import annotations

from typing import Any

from .._core import Tensor


def require_tensors(name: str, schemas: tuple[str, ...], *arguments: Any) -> None:
    """Raise PyTorch's TypeError where `arguments`, in schema order, do not fit the schemas.

    Only the arguments' types are looked at first, so that a right call costs one `isinstance`
    for each tensor; `arguments` may stop after the last tensor.
    """
    from .._define.binding import bind

    bind(name, schemas, arguments, {})


def half_precision(x: Tensor) -> bool:
    """Whether `x` is float16 or bfloat16, which are computed in float32 and rounded once."""
    dtype = x._data.dtype
    return dtype.itemsize == 2 and dtype.kind in "fV"
