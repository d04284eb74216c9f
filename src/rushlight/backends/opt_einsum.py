"""``torch.backends.opt_einsum``: how einsum orders its products."""

from __future__ import annotations

enabled = False
strategy: str | None = None


def is_available() -> bool:
    """Whether the package opt_einsum is used: not here, einsum orders by itself."""
    return False
