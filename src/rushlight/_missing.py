"""The errors for ``torch.x`` that does not exist here: each names itself and says whose gap it is.

Libraries probe with ``hasattr``, ``getattr(..., default)`` and ``try: import``, so every error here
is also of the kind that those expect. A name that PyTorch has and rushlight lacks raises
``MissingFromRushlight``, which is a NotImplementedError as well. ``_pytorch_names.txt``, read at
the first miss, tells them apart; ``tools/pytorch_names.py`` writes it.
"""

from __future__ import annotations

import functools
import os

_NOT_HERE = "rushlight does not have it yet"


class MissingFromRushlight(NotImplementedError, AttributeError):
    """PyTorch has this name and rushlight does not."""


class MissingModuleError(ModuleNotFoundError, NotImplementedError):
    """PyTorch has this module and rushlight does not."""


@functools.lru_cache(maxsize=1)
def _pytorch_names() -> dict[str, str]:
    """From the path of each of PyTorch's public modules and classes to the names in it."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_pytorch_names.txt")
    with open(path, encoding="utf-8") as file:
        entries = (line.rstrip("\n").partition(" ") for line in file)
        return {owner: f" {names} " for owner, _, names in entries}


def in_pytorch(owner: str, name: str) -> bool:
    """Whether PyTorch 2.13 has the public name ``owner.name``."""
    names = _pytorch_names()
    return f"{owner}.{name}" in names or f" {name} " in names.get(owner, "")


def _as_torch_path(name: str) -> str:
    package, dot, rest = name.partition(".")
    return f"torch{dot}{rest}" if package == "rushlight" else name


def missing_attribute(owner: str, name: str) -> AttributeError:
    """The exception that a module's or class's ``__getattr__`` raises for an unknown name.

    Args:
        owner: the module (``rushlight.nn``, ``torch.nn``: the same), or a class such as
            ``torch.Tensor``.
        name: the attribute asked for.

    Example::

        >>> raise missing_attribute("rushlight.nn", "no_such_name")
        Traceback (most recent call last):
        AttributeError: module 'torch.nn' has no attribute 'no_such_name'
    """
    path = _as_torch_path(owner)
    last = path.rpartition(".")[2]
    holder = f"{last!r} object" if last[:1].isupper() else f"module {path!r}"
    message = f"{holder} has no attribute {name!r}"
    if name.startswith("_") or not in_pytorch(path, name):
        return AttributeError(message)
    return MissingFromRushlight(f"{message}: PyTorch has {path}.{name}, {_NOT_HERE}")


def missing_name(owner: str, name: str) -> ImportError:
    """The exception for ``from owner import name``."""
    path = _as_torch_path(owner)
    message = f"cannot import name {name!r} from {path!r}"
    if in_pytorch(path, name):
        message += f": PyTorch has {path}.{name}, {_NOT_HERE}"
    else:
        message += " (torch is rushlight here)"
    return ImportError(message, name=path)


def missing_module(path: str) -> ModuleNotFoundError:
    """The exception for ``import path``, a ``torch.*`` path that leads nowhere."""
    message = f"No module named {path!r}"
    parent, _, child = path.rpartition(".")
    if path in _pytorch_names():
        return MissingModuleError(f"{message}: PyTorch has {path}, {_NOT_HERE}", name=path)
    if child.startswith("_") or "._" in parent:
        return ModuleNotFoundError(
            f"{message}: {path} is internal to PyTorch, and rushlight does not have it", name=path
        )
    return ModuleNotFoundError(f"{message} (torch is rushlight here)", name=path)
