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


def refuse(kernel: str, kinds: str = "iub", half: bool = True, tensors: int = 1) -> Any:
    """A row's `check` that refuses dtypes as PyTorch's `kernel` does.

    Args:
        kinds: NumPy's letters of the refused dtypes.
        half: whether float16 and bfloat16 are welcome.
        tensors: how many arguments come before the attributes.
    """

    def check(*arguments: Any) -> tuple[Any, ...]:
        dtype = arguments[0].dtype
        if dtype.kind in kinds or (not half and dtype.itemsize == 2 and dtype.kind in "fV"):
            name = _dtypes.from_numpy(dtype).type_name
            raise NotImplementedError(f"\"{kernel}\" not implemented for '{name}'")
        return arguments[tensors:]

    return check
