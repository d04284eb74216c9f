"""Tensors and other libraries' arrays through DLPack."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from .._tensor.registry import FUNCTIONS, resolve

__all__ = ["from_dlpack", "to_dlpack"]


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of another library's array: :func:`torch.from_dlpack`."""
    options = {n: v for n, v in (("device", device), ("copy", copy)) if v is not None}
    found: Tensor = resolve(FUNCTIONS["from_dlpack"], "from_dlpack")(ext_tensor, **options)
    return found


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule over the memory of a tensor."""
    return tensor.__dlpack__()
