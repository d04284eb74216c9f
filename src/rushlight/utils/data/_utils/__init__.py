"""The parts of the data loader."""

from __future__ import annotations

from typing import Any

MP_STATUS_CHECK_INTERVAL = 5.0
"""Seconds that a worker has to end by itself."""

__all__ = ["MP_STATUS_CHECK_INTERVAL", "collate", "fetch", "pin_memory", "worker"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from importlib import import_module

        return import_module("." + name, __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
