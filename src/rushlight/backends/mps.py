"""``torch.backends.mps``: Apple's GPUs, which rushlight does not use."""

from __future__ import annotations

from typing import Any

from .._missing import missing_attribute


def is_available() -> bool:
    """Whether there is an MPS device: never here."""
    return False


def is_built() -> bool:
    """Whether PyTorch was built for MPS: not here."""
    return False


def is_macos13_or_newer(minor: int = 0) -> bool:
    """Whether MPS runs on macOS 13: there is no MPS."""
    return False


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
