"""``torch.xpu``: there is no Intel GPU here."""

from __future__ import annotations

from typing import Any

from ._missing import missing_attribute


def is_available() -> bool:
    """Whether there is an XPU device: never here."""
    return False


def device_count() -> int:
    """The number of XPU devices: 0."""
    return 0


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
