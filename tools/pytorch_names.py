"""Write the list of PyTorch's public names, from which rushlight words the error of a missing one.

Run with an interpreter that has the PyTorch version rushlight follows::

    python tools/pytorch_names.py src/rushlight/_pytorch_names.txt

One line per public module or class: its path, then the public names it holds. Names that merely
leaked into a module from elsewhere (``math``, ``Optional``, NumPy) are left out. Of the packages
in PATH_ONLY, which rushlight has no part of, only the modules' existence is recorded.
"""

from __future__ import annotations

import importlib
import pathlib
import pkgutil
import sys
import types
import warnings

import torch

SKIPPED = (
    "torch.testing._internal",
    "torch.utils.benchmark.examples",
    "torch.utils.tensorboard",
    "torch.utils.model_dump",
    "torch.contrib",
)
PATH_ONLY = (
    "torch.ao.",
    "torch.distributed.",
    "torch.export.",
    "torch.fx.experimental.",
    "torch.fx.passes.",
    "torch.jit.",
    "torch.onnx.",
    "torch.package.",
    "torch.quantization.",
    "torch.utils.hipify.",
)
TYPING_LEFTOVERS = frozenset(dir(importlib.import_module("typing")))
CLASSES = ("torch.Tensor", "torch.nn.Module", "torch.Generator", "torch.optim.Optimizer")


def public_modules() -> list[str]:
    """Every importable module below torch without a private path component."""
    found = ["torch"]
    for info in pkgutil.walk_packages(torch.__path__, "torch.", onerror=lambda name: None):
        if "._" in info.name or info.name.startswith(SKIPPED) or info.name.endswith("__main__"):
            continue
        found.append(info.name)
    return found


def belongs(module: types.ModuleType, name: str) -> bool:
    """Whether a module's name is PyTorch's own."""
    value = getattr(module, name)
    if isinstance(value, types.ModuleType):
        return value.__name__.startswith("torch.")
    home = getattr(value, "__module__", None)
    if isinstance(home, str):
        return home.split(".")[0] == "torch"
    return name not in TYPING_LEFTOVERS


def names_of(module: types.ModuleType) -> list[str]:
    """The public names of a module: what it exports, and what it holds of PyTorch's own."""
    names = set(getattr(module, "__all__", ()))
    for name in dir(module):
        if not name.startswith("_") and belongs(module, name):
            names.add(name)
    return sorted(name for name in names if not name.startswith("_"))


def lines() -> list[str]:
    """The lines of the list."""
    found = []
    for path in public_modules():
        try:
            module = importlib.import_module(path)
        except Exception:  # it exists, but needs another package to load
            found.append(path)
            continue
        names = [] if path.startswith(PATH_ONLY) else names_of(module)
        found.append(" ".join([path, *names]))
    for path in CLASSES:
        parent, _, name = path.rpartition(".")
        cls = getattr(importlib.import_module(parent), name)
        found.append(" ".join([path, *(name for name in dir(cls) if name[0] != "_")]))
    return sorted(found)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    pathlib.Path(sys.argv[1]).write_text("\n".join(lines()) + "\n", encoding="utf-8")
