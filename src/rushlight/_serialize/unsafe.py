"""Python's own unpickler for `weights_only=False`: it runs whatever the file asks for."""

from __future__ import annotations

import importlib
import pickle
from typing import Any

from rushlight._serialize.globals import Missing, allowed_globals


def find_torch_name(module: str, name: str) -> Any:
    """The object that a file calls `module.name`, for modules of torch.

    Raises:
        AttributeError: if rushlight has no such thing.
    """
    known = allowed_globals().values.get(f"{module}.{name}")
    if known is not None:
        return known() if type(known) is Missing else known
    # PyTorch's path, then the packages above it: rushlight may keep the class elsewhere.
    here = "rushlight" + module[len("torch") :]
    while here:
        try:
            found: Any = importlib.import_module(here)
        except ModuleNotFoundError as error:
            if error.name is None or not here.startswith(error.name):
                raise
        else:
            for part in name.split("."):
                found = getattr(found, part, None)
            if found is not None:
                return found
        here = here.rpartition(".")[0]
    raise AttributeError(f"torch.load: {module}.{name} does not exist in rushlight")


def unpickler_class(pickle_module: Any) -> type[Any]:
    """The module's `Unpickler`, with the names of torch leading to rushlight."""
    base: Any = (pickle if pickle_module is None else pickle_module).Unpickler

    class Unpickler(base):
        def find_class(self, module: str, name: str) -> Any:
            if module == "torch" or module.startswith("torch."):
                return find_torch_name(module, name)
            return super().find_class(module, name)

    return Unpickler
