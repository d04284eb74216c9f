"""``torch.backends.openmp``: OpenMP, which rushlight does not use."""

from __future__ import annotations


def is_available() -> bool:
    """Whether OpenMP is in use: not here."""
    return False
