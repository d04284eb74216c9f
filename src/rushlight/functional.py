"""torch.functional: where PyTorch keeps those functions of `torch` that it writes in Python."""

from __future__ import annotations

from typing import Any

from ._missing import missing_attribute
from ._tensor import registry

_NAMES = (
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes",
    "broadcast_tensors", "cartesian_prod", "cdist", "chain_matmul", "einsum", "meshgrid", "norm",
    "split", "tensordot", "unique", "unique_consecutive", "unravel_index",
)  # fmt: skip
__all__ = list(_NAMES)


def __getattr__(name: str) -> Any:
    target = registry.function(name) if name in __all__ else None
    if target is None:
        raise missing_attribute(__name__, name)
    found = globals()[name] = registry.resolve(target, name)
    return found


def __dir__() -> list[str]:
    return __all__
