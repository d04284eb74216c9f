"""``torch.backends.nnpack``: NNPACK, which rushlight does not use."""

from __future__ import annotations


def is_available() -> bool:
    """Whether NNPACK is in use: not here."""
    return False
