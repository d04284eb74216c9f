"""The name ``torch``: every ``torch.*`` import path leads to the one rushlight module.

A finder in front of ``sys.meta_path`` answers for ``torch`` and ``torch.*``. Its loader lets
Python make an empty module and then puts the real one into ``sys.modules`` under the same name:
handing the real one over from ``create_module`` would overwrite its ``__spec__``. The finder also
watches ``rushlight.*`` imports, so that a module loaded later is registered under both names.

Other processes (spawned workers, subprocesses) come here through the shim directory, which
``rushlight run`` and ``as_torch`` put on PYTHONPATH.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import sys
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from rushlight._missing import missing_module, missing_name

if TYPE_CHECKING:
    from collections.abc import Sequence

_REAL = "rushlight"
_ALIAS = "torch"

SHIM_DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_shim")
"""Holds ``torch/`` for other processes and ``torch-2.13.0.dist-info/`` for their metadata."""


def _belongs(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _alias_of(real_name: str) -> str:
    return _ALIAS + real_name[len(_REAL) :]


def _is_public(real_name: str) -> bool:
    return _belongs(real_name, _REAL) and "._" not in real_name


class _AliasLoader:
    """Loads ``torch.x`` by importing ``rushlight.x`` and registering it under both names."""

    def __init__(self, real_name: str) -> None:
        self.real_name = real_name

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[_alias_of(self.real_name)] = importlib.import_module(self.real_name)

    def __getattr__(self, name: str) -> Any:
        """What runpy and inspect ask a loader for, answered by the real module's loader."""
        if name not in ("get_code", "get_filename", "get_source", "is_package"):
            raise AttributeError(name)
        from importlib.util import find_spec

        real_spec = find_spec(self.real_name)
        answer = getattr(real_spec and real_spec.loader, name)
        return lambda fullname=None: answer(self.real_name)


class _AliasFinder:
    """Finds ``torch.*`` in rushlight, and registers ``rushlight.*`` modules as they are loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if _belongs(name, _ALIAS):
            return self._find_alias(name)
        if _belongs(name, _REAL):
            return self._find_real(name, path, target)
        return None

    def _find_alias(self, name: str) -> importlib.machinery.ModuleSpec | None:
        real_name = _REAL + name[len(_ALIAS) :]
        real = sys.modules.get(real_name)
        if real is not None:
            origin, is_package = getattr(real, "__file__", None), hasattr(real, "__path__")
        else:
            from importlib.util import find_spec

            found = find_spec(real_name)
            if found is None:
                if _who_asks() == "import":
                    raise missing_module(name)
                return None
            origin, is_package = found.origin, found.submodule_search_locations is not None
        spec = importlib.machinery.ModuleSpec(
            name,
            _AliasLoader(real_name),  # type: ignore[arg-type]
            origin=origin,
            is_package=is_package,
        )
        if is_package and real is not None:
            spec.submodule_search_locations = list(real.__path__)
        return spec

    def _find_real(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> importlib.machinery.ModuleSpec | None:
        for finder in sys.meta_path:
            find_spec = getattr(finder, "find_spec", None)
            if find_spec is None or isinstance(finder, _AliasFinder):
                continue
            spec: importlib.machinery.ModuleSpec | None = find_spec(name, path, target)
            if spec is not None:
                _register_after_loading(spec)
                return spec
        if _who_asks() == "from":
            parent, _, child = name.rpartition(".")
            raise missing_name(parent, child)
        return None


def _who_asks() -> str:
    """Why the finder was called: an "import" statement, a "from" list, or a "probe".

    Only an import may raise the error that names rushlight: ``importlib.util.find_spec`` must
    answer None, and for ``from torch import name`` the error is about the name, not a module.
    """
    frame = sys._getframe(2)
    chain: list[str] = []
    while (frame := frame.f_back) is not None and len(chain) < 6:  # type: ignore[assignment]
        if not frame.f_code.co_filename.startswith("<frozen importlib"):
            break
        chain.append(frame.f_code.co_name)
    if chain[:2] != ["_find_spec", "_find_and_load_unlocked"]:
        return "probe"
    # Between the two: _find_and_load, perhaps _gcd_import, _call_with_frames_removed.
    outer = [name for name in chain[2:] if name not in ("_find_and_load", "_gcd_import")]
    return "from" if outer[:2] == ["_call_with_frames_removed", "_handle_fromlist"] else "import"


def _register_after_loading(spec: importlib.machinery.ModuleSpec) -> None:
    """Let the spec's own loader, unchanged in class and name, register the module it loads."""
    loader: Any = spec.loader
    if loader is None or not hasattr(loader, "__dict__"):
        return
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        _register(sys.modules.get(spec.name, module), spec.name)

    loader.exec_module = exec_module


def _register(module: ModuleType, real_name: str) -> None:
    sys.modules[_alias_of(real_name)] = module
    publish(module, real_name)


_finder = _AliasFinder()


def is_active() -> bool:
    """True if ``torch`` is rushlight in this process."""
    return _finder in sys.meta_path


def publish(module: ModuleType, real_name: str | None = None) -> None:
    """Give the classes and functions of a public module PyTorch's ``__module__``.

    ``rushlight.nn.linear`` becomes ``torch.nn.linear``: printing and pickles then look as under
    PyTorch. Without the alias nothing changes, because ``torch`` would not be importable. Objects
    that name another public rushlight module as their home are included; those of private modules
    (a path component that starts with an underscore) keep their name.

    Args:
        module: a rushlight module that has just been loaded or extended.
        real_name: its name, by default ``module.__name__``.
    """
    if not is_active() or not _is_public(real_name or module.__name__):
        return
    for value in list(vars(module).values()):
        _rename(value)


def _rename(value: Any) -> None:
    if not isinstance(value, (type, FunctionType)):
        return
    home = value.__module__
    if not isinstance(home, str) or not _is_public(home):
        return
    line = vars(value).get("__firstlineno__")
    value.__module__ = _alias_of(home)
    if isinstance(value, type):
        if line is not None:  # from Python 3.13: a new __module__ drops it, and getsource needs it
            value.__firstlineno__ = line  # type: ignore[attr-defined]
        for member in list(vars(value).values()):
            _rename(member)


def activate() -> ModuleType:
    """Make ``torch`` mean rushlight in this process, without touching paths or environment.

    Raises:
        RuntimeError: real PyTorch is already imported.
    """
    real = importlib.import_module(_REAL)
    present = sys.modules.get(_ALIAS)
    if present is not None and present is not real and not _is_shim(present):
        origin = getattr(present, "__file__", None) or "an unknown place"
        raise RuntimeError(
            f"PyTorch is already imported in this process, from {origin}, so `torch` cannot become "
            "rushlight: objects of the two would mix. Call rushlight.as_torch() before the first "
            "`import torch` (in a notebook: restart the kernel first), or start the program with "
            "`rushlight run SCRIPT`."
        )
    if not is_active():
        sys.meta_path.insert(0, _finder)
    for name, module in list(sys.modules.items()):
        if _belongs(name, _REAL) and isinstance(module, ModuleType):
            _register(module, name)
    return real


def _is_shim(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and os.path.abspath(file).startswith(SHIM_DIRECTORY + os.sep)


def with_shim(search_path: str | None) -> str:
    """The value of PYTHONPATH that puts the shim directory first.

    Args:
        search_path: the present value, or None.

    Raises:
        RuntimeError: rushlight lies in a folder that PYTHONPATH cannot name.
    """
    if os.pathsep in SHIM_DIRECTORY:
        raise RuntimeError(
            f"rushlight is installed in {SHIM_DIRECTORY!r}. PYTHONPATH, through which child "
            f"processes find it, cannot name a folder with {os.pathsep!r} in it: install rushlight "
            "elsewhere."
        )
    entries = search_path.split(os.pathsep) if search_path else []
    if entries[:1] == [SHIM_DIRECTORY]:
        return os.pathsep.join(entries)
    kept = [entry for entry in entries if entry != SHIM_DIRECTORY]
    return os.pathsep.join([SHIM_DIRECTORY, *kept])


def as_torch() -> ModuleType:
    """Make ``import torch`` mean rushlight, here and in the processes started from here.

    Call it before anything imports ``torch``: afterwards every ``torch.*`` path, in this program
    and in the libraries it uses, is rushlight's module of that name, and
    ``importlib.metadata.version("torch")`` answers. Calling it again changes nothing. A script
    needs no call when it is started with ``rushlight run SCRIPT``.

    Returns:
        The rushlight module.

    Raises:
        RuntimeError: real PyTorch is already imported in this process.

    Example::

        >>> import rushlight
        >>> torch = rushlight.as_torch()        # doctest: +SKIP
        >>> import torch.nn.functional as F     # doctest: +SKIP
    """
    real = activate()
    if SHIM_DIRECTORY not in sys.path:
        sys.path.insert(1, SHIM_DIRECTORY)
    os.environ["PYTHONPATH"] = with_shim(os.environ.get("PYTHONPATH"))
    return real
