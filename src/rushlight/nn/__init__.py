"""``torch.nn``: modules, parameters, losses; everything is loaded when first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .._missing import missing_attribute

_PARAMETERS = ("Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter")
_SUBMODULES = (
    "attention", "common_types", "functional", "grad", "init", "modules", "parallel", "parameter",
    "utils",
)  # fmt: skip


def _module_names() -> dict[str, str]:
    from .modules import HOME_OF

    return HOME_OF


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module("." + name, __name__)
    if name in _PARAMETERS:
        from . import parameter

        found = globals()[name] = getattr(parameter, name)
        return found
    if name == "__all__":
        return sorted((*_PARAMETERS, *_module_names(), "DataParallel"))
    if name in _module_names():
        modules = import_module(".modules", __name__)
        found = globals()[name] = getattr(modules, name)
        return found
    if name == "DataParallel":
        found = globals()[name] = import_module(".parallel", __name__).DataParallel
        return found
    if name == "factory_kwargs":
        from ._factory import factory_kwargs

        globals()[name] = factory_kwargs
        return factory_kwargs
    raise missing_attribute(__name__, name)


def __dir__() -> list[str]:
    return sorted(
        {*globals(), *_PARAMETERS, *_SUBMODULES, *_module_names(), "DataParallel",
         "factory_kwargs"}
    )  # fmt: skip
