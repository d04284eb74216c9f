"""How classes and functions are called in files: by PyTorch's modules, not by rushlight's."""

from __future__ import annotations

import pickle
import sys
from typing import Any


def torch_module_name(module: str) -> str:
    """The module as files name it: `torch.nn` for `rushlight.nn`."""
    if module == "rushlight" or module.startswith("rushlight."):
        return "torch" + module[len("rushlight") :]
    return module


def find_by_name(module: str, path: str) -> Any:
    """The object of that name, or None: modules of torch may exist under rushlight only."""
    for name in (
        module,
        "rushlight" + module[5:] if module.split(".")[0] == "torch" else module,
    ):
        try:
            __import__(name)
            found: Any = sys.modules[name]
            for part in path.split("."):
                found = getattr(found, part)
        except (ImportError, KeyError, AttributeError):
            continue
        return found
    return None


def check_found(value: Any, module: str, name: str) -> None:
    """Refuse what could not be found again under its name, as pickle does."""
    found = find_by_name(module, name)
    if found is value:
        return
    if found is None:
        if module.split(".")[0] in ("torch", "rushlight"):
            return  # PyTorch has the class at a path of its own
        raise pickle.PicklingError(
            f"Can't pickle {value!r}: attribute lookup {name} on {module} failed"
        )
    raise pickle.PicklingError(
        f"Can't pickle {value!r}: it's not the same object as {module}.{name}"
    )
