"""Tools around training: loading data, handles of hooks."""

from __future__ import annotations

import os
from typing import Any

from .._missing import missing_attribute


def __getattr__(name: str) -> Any:
    """Submodules, loaded when first used."""
    if name.isidentifier() and not name.startswith("_"):
        path = os.path.join(os.path.dirname(__file__), name)
        if os.path.isdir(path) or os.path.isfile(path + ".py"):
            from importlib import import_module

            return import_module("." + name, __name__)
    raise missing_attribute(__name__, name)
