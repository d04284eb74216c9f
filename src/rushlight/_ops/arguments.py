"""Argument checks of functions that compose rows, so that a wrong call fails as PyTorch's does."""

from __future__ import annotations

from typing import Any

from .. import _dtypes
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


def floating_only(name: str) -> Any:
    """A row's `check` that refuses integers as PyTorch's kernel `name` does."""

    def check(x: Any, *others: Any) -> tuple[Any, ...]:
        if x.dtype.kind != "f":
            d = _dtypes.from_numpy(x.dtype)
            if d.category < _dtypes.FLOATING:
                raise NotImplementedError(f"\"{name}\" not implemented for '{d.type_name}'")
        return others

    return check
