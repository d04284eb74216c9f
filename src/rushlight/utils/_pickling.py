"""Pickles objects of classes that report PyTorch's module names.

Under the alias such a class is found under that name, and the pickle is one that PyTorch reads.
Without it, ``torch`` is not importable or is PyTorch: the pickle then names rushlight's module.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .. import _alias


def _empty(module: str, name: str) -> Any:
    cls = getattr(import_module(module), name)
    return cls.__new__(cls)


def reduce_ex(self: Any, protocol: Any) -> Any:
    """The ``__reduce_ex__`` of such classes; subclasses of the user's keep the usual way."""
    cls = type(self)
    package, _, rest = cls.__module__.partition(".")
    if package != "torch" or _alias.is_active():
        return object.__reduce_ex__(self, protocol)
    getstate = getattr(self, "__getstate__", None)
    state = self.__dict__ if getstate is None else getstate()
    return _empty, (f"rushlight.{rest}", cls.__qualname__), state
