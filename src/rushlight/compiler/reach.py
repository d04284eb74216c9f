"""What a step can reach by name: the objects whose contents its Python may have read.

From the globals, closure cells, defaults and arguments that the recorded code loads, through
containers and through those attributes whose names occur in that code: more than was read, and so
all that was read. Names are compared on every call, contents of containers too, and what the step
itself changes there shows by comparing before with after.
"""

from __future__ import annotations

import types
from collections import deque
from functools import partial
from math import copysign
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core import Tensor
from .bytecode import reading

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN = (int, float, complex, str, bytes, bool, type(None))
#: More objects than this are too many to be compared on every call.
_MOST = 4096
#: Containers with more entries, and arrays with more bytes, than these are not compared.
_MOST_ENTRIES, _MOST_BYTES = 256, 65536
_CONTAINERS = (list, tuple, dict, set, frozenset, deque)
#: What is no state of anybody's.
_STILL = (
    types.BuiltinFunctionType, types.CodeType, types.GetSetDescriptorType,
    types.MemberDescriptorType,
    types.MethodDescriptorType, types.WrapperDescriptorType, types.MethodWrapperType, range, slice,
    type(...), type(NotImplemented), np.dtype, np.generic, np.ufunc, types.GenericAlias,
)  # fmt: skip
_LIBRARY = ("rushlight", "torch", "numpy", "math", "ml_dtypes")
_HEAP = 1 << 9  # Py_TPFLAGS_HEAPTYPE: a class that a class statement made
#: Attributes of modules that are read as the library's own, under the structural epoch.
_OWN = frozenset(("_parameters", "_buffers", "_modules", "training"))


class Missing:
    """Stands for an attribute or entry that is not there."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT: Any = Missing()


class Name:
    """Something user code reads by name.

    Attributes:
        container: the dict, cell, sequence or object that holds it; `key` its name or index there.
        value: what it was.
        path: for messages; `file` and `line`: where its root is read.
    """

    __slots__ = ("container", "file", "key", "line", "path", "value")

    def __init__(
        self, container: Any, key: Any, value: Any, path: str, file: str = "", line: int = 0
    ) -> None:
        self.container = container
        self.key = key
        self.value = value
        self.path = path
        self.file = file
        self.line = line

    def read(self) -> Any:
        """What it is now; `ABSENT` if it is gone."""
        container = self.container
        try:
            if isinstance(container, dict):
                return container[self.key]
            if type(container) is types.CellType:
                return container.cell_contents
            if isinstance(container, list | tuple):
                return container[self.key]
            return getattr(container, self.key)
        except (KeyError, IndexError, ValueError, AttributeError):
            return ABSENT


class Contents:
    """A container read by name, with what it held."""

    __slots__ = ("container", "file", "kept", "line", "path")

    def __init__(self, container: Any, path: str, file: str = "", line: int = 0) -> None:
        self.container = container
        self.kept = frozen(container)
        self.path = path
        self.file = file
        self.line = line

    def holds(self) -> bool:
        """Whether it holds the same now. Tensors in it are compared as names."""
        return unchanged(self.container, self.kept)


def frozen(container: Any) -> Any:
    """A copy of what a container holds, to be compared later."""
    if isinstance(container, np.ndarray):
        return container.copy()
    if isinstance(container, dict):
        return [(k, _kept(v)) for k, v in container.items()]
    if isinstance(container, set | frozenset):
        return set(container)
    return list(map(_kept, container))


def _kept(value: Any) -> Any:
    return Tensor if isinstance(value, Tensor) else value


def unchanged(container: Any, kept: Any) -> bool:
    """Whether a container holds what `frozen` copied."""
    if isinstance(container, np.ndarray):
        return bool(
            container.dtype == kept.dtype and container.shape == kept.shape
            and container.tobytes() == kept.tobytes()
        )  # fmt: skip
    if isinstance(container, set | frozenset):
        return bool(container == kept)
    if len(container) != len(kept):
        return False
    if isinstance(container, dict):
        return all(
            alike(k, m) and alike(v, w)
            for (k, v), (m, w) in zip(container.items(), kept, strict=True)
        )
    return all(map(alike, container, kept))


def alike(now: Any, then: Any) -> bool:
    """The same object, an equal plain value, or two tensors (`Tensor` stands for any)."""
    if now is then:
        return True
    if then is Tensor:
        return isinstance(now, Tensor)
    if type(now) is not type(then):
        return False
    if type(now) in _PLAIN:
        return same_plain(now, then)
    if isinstance(now, np.generic):
        return now.tobytes() == then.tobytes()
    return isinstance(now, Tensor)


def same_plain(now: Any, then: Any) -> bool:
    """Equal numbers or texts of one type; zeros by their sign, and NaN like NaN."""
    if now != then:
        return bool(now != now and then != then)
    if type(now) is float and now == 0.0:
        return copysign(1.0, now) == copysign(1.0, then)
    return True


def is_library(owner: Any) -> bool:
    """Whether a function or class is this package's, NumPy's or built in."""
    if isinstance(owner, type) and not owner.__flags__ & _HEAP:
        return True
    return (owner.__module__ or "").split(".")[0] in _LIBRARY


class Reach:
    """Walks from roots to all that code with certain names can reach.

    Args:
        codes: code objects that ran, with the globals they ran in.
        everything: whether all attributes count, because some were read by computed names.

    Attributes:
        names, contents, modules: what was found.
        objects: id -> object of everything that was reached.
        problems: (what, file, line) that no guard can cover.
    """

    def __init__(self, codes: dict[Any, Any], everything: bool, dynamic: bool) -> None:
        self.codes = codes
        self.everything = everything
        self.names: dict[tuple[int, Any], Name] = {}
        self.contents: dict[int, Contents] = {}
        self.modules: dict[int, Any] = {}
        self.objects: dict[int, Any] = {}
        self.problems: list[tuple[str, str, int]] = []
        self.wanted: set[str] = set()
        self.asked: set[str] = set()
        for code in codes:
            found = reading(code)
            self.wanted |= found.attributes
            if dynamic:
                self.asked |= found.strings
        self.wanted |= self.asked
        self.everything |= "__dict__" in self.wanted
        self.cells: dict[Any, tuple[Any, ...]] = {}
        self._stack: list[tuple[Any, str, str, int]] = []

    def run(self, function: Any, arguments: Iterable[Any]) -> None:
        """Walk from the step, its arguments and the globals of all code."""
        self.push(function, getattr(function, "__name__", "the step"), "", 0)
        for number, value in enumerate(arguments):
            self.push(value, f"argument {number}", "", 0)
        for code, names in self.codes.items():
            for name, line in reading(code).globals.items():
                if name in names:
                    self.add(names, name, names[name], name, code.co_filename, line)
        self.drain()

    def drain(self) -> None:
        while self._stack:
            if len(self.objects) > _MOST:
                _, path, file, line = self._stack[-1]
                self.problems.append((f"too much is reached by name, beyond {path}", file, line))
                self._stack.clear()
                return
            self._visit(*self._stack.pop())

    def push(self, value: Any, path: str, file: str, line: int) -> None:
        if isinstance(value, _PLAIN) or isinstance(value, _STILL) or isinstance(value, Tensor):
            return
        if id(value) not in self.objects:
            self.objects[id(value)] = value
            self._stack.append((value, path, file, line))

    def add(self, container: Any, key: Any, value: Any, path: str, file: str, line: int) -> None:
        """A name and what it leads to."""
        known = (id(container), key)
        if known in self.names:
            return
        if not isinstance(value, types.ModuleType | types.BuiltinFunctionType) and not (
            isinstance(value, types.FunctionType | type) and is_library(value)
        ):
            self.names[known] = Name(container, key, value, path, file, line)
        self.push(value, path, file, line)

    # ---- kinds of objects ----------------------------------------------------------------------

    def _visit(self, value: Any, path: str, file: str, line: int) -> None:
        if _is_module(value):
            self._module(value, path, file, line)
        elif isinstance(value, types.FunctionType):
            self._function(value, path, file, line)
        elif isinstance(value, types.MethodType):
            self.push(value.__self__, path, file, line)
            self.push(value.__func__, path, file, line)
        elif isinstance(value, partial):
            self.push(value.func, path, file, line)
            self.push(value.args, path, file, line)
            self.push(value.keywords, path, file, line)
        elif isinstance(value, staticmethod | classmethod | property):
            for name in ("__func__", "fget"):
                self.push(getattr(value, name, None), path, file, line)
        elif isinstance(value, type):
            self._class(value, path, file, line)
        elif isinstance(value, types.ModuleType):
            self._namespace(value, path, file, line)
        elif isinstance(value, _CONTAINERS):
            self._container(value, path, file, line)
        elif isinstance(value, np.ndarray):
            if value.nbytes > _MOST_BYTES or value.dtype.hasobject:
                self.problems.append((f"the NumPy array {path} is read", file, line))
            else:
                self.contents[id(value)] = Contents(value, path, file, line)
        elif hasattr(type(value), "__next__"):
            self.problems.append((f"the iterator {path} is read", file, line))
        else:
            self._instance(value, path, file, line)

    def _container(self, value: Any, path: str, file: str, line: int) -> None:
        fixed = isinstance(value, tuple | frozenset)
        if not fixed:
            if len(value) > _MOST_ENTRIES:
                self.problems.append((f"{path} has more than {_MOST_ENTRIES} entries", file, line))
                return
            self.contents[id(value)] = Contents(value, path, file, line)
        if isinstance(value, dict):
            for key, item in value.items():
                self._item(value, key, item, f"{path}[{key!r}]", file, line)
        elif isinstance(value, list | tuple):
            for i, item in enumerate(value):
                self._item(value, i, item, f"{path}[{i}]", file, line)
        else:
            for item in value:
                self.push(item, path, file, line)

    def _item(
        self, container: Any, key: Any, item: Any, path: str, file: str, line: int
    ) -> None:
        if isinstance(item, Tensor):
            self.add(container, key, item, path, file, line)
        else:
            self.push(item, path, file, line)

    def _function(self, function: Any, path: str, file: str, line: int) -> None:
        code = function.__code__
        if code not in self.codes:
            wrapped = function.__dict__.get("__wrapped__")
            if wrapped is not None:
                self.push(wrapped, path, file, line)
            return
        self.cells.setdefault(code, function.__closure__ or ())
        found = reading(code)
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            try:
                inner = cell.cell_contents
            except ValueError:
                continue
            where = found.free.get(name, code.co_firstlineno)
            if name != "__class__":
                self.add(cell, None, inner, name, code.co_filename, where)
        for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self.push(value, f"a default of {function.__name__}", code.co_filename,
                      code.co_firstlineno)  # fmt: skip
        for i, value in enumerate(function.__defaults__ or ()):
            if isinstance(value, Tensor):
                self.add(function.__defaults__, i, value, f"a default of {function.__name__}",
                         code.co_filename, code.co_firstlineno)  # fmt: skip

    def _class(self, cls: type, path: str, file: str, line: int) -> None:
        for base in cls.__mro__:
            if is_library(base):
                continue
            for name, value in list(vars(base).items()):
                if isinstance(value, types.FunctionType | staticmethod | classmethod | property):
                    self.push(value, f"{path}.{name}", file, line)
                elif self._reads(name) and not hasattr(type(value), "__get__"):
                    self.add(cls, name, getattr(cls, name), f"{path}.{name}", file, line)

    def _namespace(self, module: Any, path: str, file: str, line: int) -> None:
        """A module of Python code that is the user's: its functions and variables."""
        if module.__name__.split(".")[0] in _LIBRARY or _is_standard(module):
            return
        for name in self.wanted & vars(module).keys():
            value = vars(module)[name]
            self.add(vars(module), name, value, f"{path}.{name}", file, line)

    def _module(self, module: Any, path: str, file: str, line: int) -> None:
        """Attributes of modules are compared when the epoch moves, their containers here."""
        self.modules[id(module)] = module
        for name, child in module._modules.items():
            if child is not None:
                self.push(child, f"{path}.{name}", file, line)
        for name, value in module.__dict__.items():
            if name.endswith("_hooks") and isinstance(value, dict):
                for hook in value.values():
                    self.push(hook, f"{path}.{name}", file, line)
            elif name not in _OWN and self._reads(name):
                self.push(value, f"{path}.{name}", file, line)
                if isinstance(value, Tensor):
                    self.add(module, name, value, f"{path}.{name}", file, line)
        self.push(type(module), f"{path}.__class__", file, line)

    def _instance(self, value: Any, path: str, file: str, line: int) -> None:
        kind = type(value)
        if kind.__module__ == "builtins" and is_library(kind) or _is_enumeration(kind):
            return
        held = getattr(value, "__dict__", None)
        if isinstance(held, dict):
            for name in list(held):
                if self._reads(name) and not _descriptor(kind, name):
                    self.add(value, name, held[name], f"{path}.{name}", file, line)
        for base in kind.__mro__:
            if is_library(base):
                continue
            for name, found in vars(base).items():
                if isinstance(held, dict) and name in held or not self._reads(name):
                    continue
                slot = isinstance(found, types.MemberDescriptorType)
                if slot or not (hasattr(type(found), "__get__") or name.startswith("__")):
                    try:
                        inner = getattr(value, name)
                    except AttributeError:
                        continue
                    self.add(value, name, inner, f"{path}.{name}", file, line)
        if isinstance(held, dict):
            for name in self.asked - held.keys():
                if name.isidentifier() and not hasattr(kind, name):
                    self.names.setdefault(
                        (id(value), name), Name(value, name, ABSENT, f"{path}.{name}", file, line)
                    )
        if not is_library(kind):
            self.push(kind, f"{path}.__class__", file, line)

    def _reads(self, name: str) -> bool:
        return self.everything and not name.startswith("__") or name in self.wanted


def _descriptor(kind: type, name: str) -> bool:
    found = getattr(kind, name, None)
    return isinstance(found, property) or (
        hasattr(type(found), "__set__") and not isinstance(found, types.MemberDescriptorType)
    )


def _is_enumeration(kind: type) -> bool:
    return any(base.__name__ == "Enum" and base.__module__ == "enum" for base in kind.__mro__)


def _is_standard(module: Any) -> bool:
    import sys

    return module.__name__.split(".")[0] in sys.stdlib_module_names


def _is_module(value: Any) -> bool:
    from ..nn.modules.module import Module

    return isinstance(value, Module)
