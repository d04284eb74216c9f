"""``torch.backends.mkl``: Intel's MKL, which rushlight does not use."""

from __future__ import annotations


def is_available() -> bool:
    """Whether MKL is in use: not here, NumPy's own BLAS is."""
    return False
