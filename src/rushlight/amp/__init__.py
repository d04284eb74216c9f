"""``torch.amp``: mixed precision, as far as there is any on the CPU."""

from __future__ import annotations

from typing import Any

from .._missing import missing_attribute
from .autocast_mode import autocast, is_autocast_available
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "is_autocast_available"]


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
