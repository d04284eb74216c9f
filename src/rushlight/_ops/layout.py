"""Copies in a memory format of the caller's choice: ``clone`` and ``contiguous``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define.kinds import linear

_ORDERS = {"channels_last": (0, 2, 3, 1), "channels_last_3d": (0, 2, 3, 4, 1)}


def in_format(data: Any, name: str) -> bool:
    """Whether the elements lie in memory in the order of the format."""
    if name == "contiguous_format":
        return bool(data.flags.c_contiguous)
    order = _ORDERS[name]
    return data.ndim == len(order) and bool(data.transpose(order).flags.c_contiguous)


def _copy(x: Any, memory_format: str) -> Any:
    order = _ORDERS.get(memory_format)
    if order is None:
        return x.copy(order="C")
    if x.ndim != len(order):
        raise RuntimeError(f"required rank {len(order)} tensor to use {memory_format} format")
    back = (0, x.ndim - 1, *range(1, x.ndim - 1))
    return np.ascontiguousarray(x.transpose(order)).copy().transpose(back) if in_format(
        x, memory_format
    ) else np.ascontiguousarray(x.transpose(order)).transpose(back)


def _check(x: Any, memory_format: str) -> tuple[str]:
    order = _ORDERS.get(memory_format)
    if order is not None and x.ndim != len(order):
        raise RuntimeError(f"required rank {len(order)} tensor to use {memory_format} format")
    return (memory_format,)


#: A copy in the named memory format.
laid_out = linear(
    "laid_out", _copy, "_laid_out(Tensor self, str memory_format) -> Tensor",
    x=lambda g: g, node="CloneBackward0", public=False, check=_check,
)  # fmt: skip
