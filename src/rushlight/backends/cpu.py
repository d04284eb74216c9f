"""``torch.backends.cpu``: the processor."""

from __future__ import annotations


def get_cpu_capability() -> str:
    """The vector instructions that kernels may use: NumPy chooses its own."""
    return "DEFAULT"
