"""Shapes computed without tensors."""

from __future__ import annotations

from typing import Any

from .device import Size
from .registry import public


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of the given shapes have together.

    Raises:
        RuntimeError: they do not fit.

    >>> import rushlight as torch
    >>> torch.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    listed = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    rank = max((len(s) for s in listed), default=0)
    result = [1] * rank
    for i, shape in enumerate(listed):
        for d in range(-1, -1 - len(shape), -1):
            n = shape[d]
            if n < 0:
                raise ValueError("Attempting to broadcast a dimension with negative length!")
            if n in (1, result[d]):
                continue
            if result[d] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {n} at {d}! Mismatching "
                    f"argument at index {i} had {shape}; but expected shape should be "
                    f"broadcastable to {result}"
                )
            result[d] = n
    return Size(result)


broadcast_shapes.__module__ = "torch.functional"
public("broadcast_shapes", broadcast_shapes, method=False)
