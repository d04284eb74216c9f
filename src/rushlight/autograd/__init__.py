"""Automatic differentiation.

Everything here is cheap to import; what is not used by every program comes when it is first named.
"""

from __future__ import annotations

from typing import Any

from . import nodes as _nodes  # noqa: F401 - gives nodes what users see of them
from .differentiate import backward, grad
from .grad_mode import (
    enable_grad,
    inference_mode,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)  # fmt: skip
from .gradcheck import gradcheck, gradgradcheck

_WHERE = {
    "Function": "function",
    "GradientEdge": "graph",
    "Node": "graph",
    "Variable": "variable",
    "detect_anomaly": "anomaly_mode",
    "set_detect_anomaly": "anomaly_mode",
}
_SUBMODULES = frozenset(
    ("anomaly_mode", "engine", "forward_ad", "function", "functional", "graph", "variable")
)

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _SUBMODULES:
        return import_module("." + name, __name__)
    if name in _WHERE:
        found = globals()[name] = getattr(import_module("." + _WHERE[name], __name__), name)
        return found
    from .._missing import missing_attribute

    raise missing_attribute(__name__, name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__) | _SUBMODULES)
