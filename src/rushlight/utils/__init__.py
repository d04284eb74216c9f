"""Tools around training: loading data, handles of hooks."""

from __future__ import annotations

import os
from typing import Any

from .._missing import missing_attribute


def set_module(obj: Any, mod: str) -> None:
    """Let a class or function say that it is of another module."""
    if not isinstance(mod, str):
        raise TypeError("The mod argument should be a string")
    obj.__module__ = mod


def swap_tensors(t1: Any, t2: Any) -> None:
    """Let two tensors change places: each becomes what the other was, for all who hold it.

    Raises:
        RuntimeError: something refers to one of them weakly.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.utils.swap_tensors.html

    >>> import rushlight as torch
    >>> a, b = torch.zeros(2), torch.ones(3)
    >>> torch.utils.swap_tensors(a, b)
    >>> a
    tensor([1., 1., 1.])
    """
    from weakref import getweakrefs

    for name, t in (("t1", t1), ("t2", t2)):
        if getweakrefs(t):
            raise RuntimeError(f"Cannot swap {name} because it has weakref associated with it")
    for field in ("__class__", "__dict__", "_data", "_edge", "_cell"):
        first, second = getattr(t1, field), getattr(t2, field)
        setattr(t1, field, second)
        setattr(t2, field, first)


def __getattr__(name: str) -> Any:
    """Submodules, loaded when first used."""
    if name.isidentifier() and (name == "_pytree" or not name.startswith("_")):
        path = os.path.join(os.path.dirname(__file__), name)
        if os.path.isdir(path) or os.path.isfile(path + ".py"):
            from importlib import import_module

            return import_module("." + name, __name__)
    raise missing_attribute(__name__, name)


def __dir__() -> list[str]:
    """With the submodules, loaded or not."""
    files = {name.partition(".")[0] for name in os.listdir(os.path.dirname(__file__))}
    here = {name for name in globals() if name not in ("Any", "annotations", "missing_attribute")}
    return sorted({*here, *(name for name in files if not name.startswith("_"))} - {"os"})
