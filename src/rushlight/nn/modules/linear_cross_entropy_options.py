"""How PyTorch saves memory in `linear_cross_entropy`: rushlight computes the same numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["LinearCrossEntropyOptions"]


class LinearCrossEntropyOptions(NamedTuple):
    """Options of :func:`torch.nn.functional.linear_cross_entropy`: accepted, without effect."""

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None


LinearCrossEntropyOptions.__module__ = "torch.nn.modules.linear_cross_entropy_options"
