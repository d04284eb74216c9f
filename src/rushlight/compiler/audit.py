"""What user code read and did while a step was recorded.

A replay runs no user Python, so all that this Python read by name must be compared on every call,
and what it did to the world beside tensors cannot be repeated (capture contract, rules 5, 8 and
10). `Audit` watches the calls of a recording with `sys.setprofile` and reads the bytecode of every
user function that ran:

* `names`: paths (a global, a closure cell, a chain of attributes) with the values they had;
* `modules`: every `nn.Module` that was called or named;
* `effects`: what cannot be replayed, with file and line: stores to outside names, attributes and
  items, calls of functions that are not known to be pure.

The library's own frames are trusted: they report through the recorder. So are frames of the
standard library and of NumPy, but for the modules in `_IMPURE`.
"""

from __future__ import annotations

import dis
import gc
import os
import sys
import types
from functools import lru_cache
from typing import Any

from .._core import Tensor

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STANDARD = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_IMPURE = frozenset((
    "random", "time", "datetime", "_datetime", "io", "_io", "posix", "nt", "logging", "socket",
    "subprocess", "threading", "tempfile", "secrets", "uuid", "select", "os", "builtins.input",
))  # fmt: skip
#: Builtins that change nothing and answer the same when asked again.
_PURE = frozenset((
    "abs", "all", "any", "bool", "callable", "chr", "divmod", "enumerate", "filter", "float",
    "format", "getattr", "hasattr", "hash", "id", "int", "isinstance", "issubclass", "iter", "len",
    "list", "map", "max", "min", "next", "ord", "pow", "range", "repr", "reversed", "round", "set",
    "slice", "sorted", "str", "sum", "super", "tuple", "type", "vars", "zip", "__build_class__",
    "globals", "locals", "dir", "object",
))  # fmt: skip
#: Methods of builtin containers that change them.
_CHANGING = frozenset((
    "append", "extend", "insert", "pop", "popitem", "remove", "clear", "update", "setdefault",
    "add", "discard", "sort", "reverse", "appendleft", "popleft", "rotate", "extendleft",
    "difference_update", "intersection_update", "__setitem__", "__delitem__", "send", "throw",
))  # fmt: skip
#: Attributes of tensors whose assignment the recorder sees.
_SEEN_STORES = frozenset(("grad", "requires_grad"))
_PLAIN = (int, float, complex, str, bytes, bool, type(None))
#: Containers with more entries than this are not compared on every call.
_MOST = 256


class Name:
    """Something user code reads by name.

    Attributes:
        container: the dict, cell or object that holds it; `key` its name or None for a cell.
        value: what it was.
        path: for messages.
    """

    __slots__ = ("container", "key", "path", "value")

    def __init__(self, container: Any, key: Any, value: Any, path: str) -> None:
        self.container = container
        self.key = key
        self.value = value
        self.path = path

    def read(self) -> Any:
        """What it is now."""
        container = self.container
        if type(container) is dict:
            return container[self.key]
        if type(container) is types.CellType:
            return container.cell_contents
        if type(container) in (list, tuple):
            return container[self.key]
        return getattr(container, self.key)


class Effect:
    """Something that cannot be replayed."""

    __slots__ = ("file", "line", "what")

    def __init__(self, what: str, file: str, line: int) -> None:
        self.what = what
        self.file = file
        self.line = line

    def __str__(self) -> str:
        return f"{self.what} ({self.file}:{self.line})"


class Audit:
    """Watches what runs inside ``with Audit() as audit:``.

    Attributes:
        names: (id of container, key) -> Name.
        modules: id -> module.
        effects: what cannot be replayed.
    """

    def __init__(self) -> None:
        self.names: dict[tuple[int, Any], Name] = {}
        self.modules: dict[int, Any] = {}
        self.effects: list[Effect] = []
        self._frames: list[tuple[Any, dict[str, Any], dict[str, Any]]] = []
        self._seen: set[tuple[int, int]] = set()
        self._touched: list[tuple[Any, Effect]] = []  # containers that were changed
        self._previous: Any = None
        self._callbacks = {getattr(c, "__code__", None) for c in gc.callbacks} - {None}

    def __enter__(self) -> Audit:
        self._previous = sys.getprofile()
        sys.setprofile(self._event)
        return self

    def __exit__(self, *_: Any) -> None:
        sys.setprofile(self._previous)

    # ---- while it runs ------------------------------------------------------------------------

    def _event(self, frame: Any, event: str, argument: Any) -> None:
        if self._collecting(frame):
            return
        if event == "call":
            code = frame.f_code
            if code.co_name == "__call__" and code.co_filename.endswith("modules/module.py"):
                module = frame.f_locals.get("self")
                self.modules[id(module)] = module
            elif is_user(code.co_filename):
                self._note(frame)
        elif event == "c_call" and is_user(frame.f_code.co_filename):
            self._builtin(frame, argument)

    def _collecting(self, frame: Any) -> bool:
        """Whether the garbage collector called this: no part of the step."""
        for _ in range(3):
            if frame is None:
                return False
            code = frame.f_code
            if code.co_name == "__del__" or code in self._callbacks:
                return True
            frame = frame.f_back
        return False

    def _note(self, frame: Any) -> None:
        code = frame.f_code
        variables = frame.f_locals
        first = variables.get(code.co_varnames[0]) if code.co_argcount else None
        key = id(code), id(first)
        if key not in self._seen:
            self._seen.add(key)
            self._frames.append((code, frame.f_globals, dict(variables)))

    def _builtin(self, frame: Any, function: Any) -> None:
        name = getattr(function, "__name__", "?")
        owner = getattr(function, "__self__", None)
        module = getattr(function, "__module__", None)
        if isinstance(owner, types.ModuleType) or owner is None:
            if owner is not None:
                module = owner.__name__
            if module == "builtins" and name in _PURE:
                return
            if module in _IMPURE or (module == "builtins" and name not in _PURE):
                self._effect(f"a call of {name}()", frame)
            elif module is not None and module.startswith("numpy.random"):
                self._effect(f"a call of numpy.random.{name}()", frame)
            return
        if isinstance(owner, Tensor | type):
            return
        if name in _CHANGING and isinstance(owner, list | dict | set) or _is_deque(owner):
            where = Effect(f"a call of .{name}() on an outside object",
                           frame.f_code.co_filename, frame.f_lineno)  # fmt: skip
            self._touched.append((owner, where))
        elif type(owner).__module__ in _IMPURE or type(owner).__module__.startswith(
            "numpy.random"
        ):
            self._effect(f"a call of {type(owner).__name__}.{name}()", frame)

    def _effect(self, what: str, frame: Any) -> None:
        self.effects.append(Effect(what, frame.f_code.co_filename, frame.f_lineno))

    # ---- afterwards ---------------------------------------------------------------------------

    def finish(self, function: Any, arguments: Any) -> None:
        """Read the bytecode of what ran; `function` is the step, `arguments` its arguments."""
        outside: set[int] = set()
        for value in arguments:
            if isinstance(value, list | dict | set):
                outside.add(id(value))
        for code, names, variables in self._frames:
            self._read(code, names, variables, outside)
        for container, effect in self._touched:
            if id(container) in outside:
                self.effects.append(effect)

    def _read(
        self, code: Any, names: dict[str, Any], variables: dict[str, Any], outside: set[int]
    ) -> None:
        cells = _cells_of(code, variables)
        for kind, root, attributes in accesses(code):
            if kind == "global":
                if root not in names:
                    continue
                self._add(names, root, names[root], root)
                value, path = names[root], root
            elif kind == "free":
                cell = cells.get(root)
                if cell is None:
                    continue
                try:
                    value, path = cell.cell_contents, root
                except ValueError:
                    continue
                self._add(cell, None, value, path)
            else:
                if root not in variables:
                    continue
                value, path = variables[root], root
            for attribute in attributes:
                if isinstance(value, Tensor | types.ModuleType) or not _readable(value, attribute):
                    break
                inner = getattr(value, attribute)
                if isinstance(inner, types.MethodType | types.BuiltinMethodType):
                    break
                path = f"{path}.{attribute}"
                if not isinstance(value, type):
                    self._add(value, attribute, inner, path)
                value = inner
            if isinstance(value, list | dict | set):
                outside.add(id(value))
        for what, line in stores(code, variables):
            self.effects.append(Effect(what, code.co_filename, line))

    def _add(self, container: Any, key: Any, value: Any, path: str) -> None:
        if isinstance(value, types.ModuleType | types.BuiltinFunctionType):
            return
        known = (id(container), key)
        if known in self.names:
            return
        if _is_library(value):
            return
        self.names[known] = Name(container, key, value, path)
        if _is_module(value):
            self.modules[id(value)] = value
        if type(value) in (list, tuple):
            if len(value) > _MOST:
                self.effects.append(
                    Effect(f"{path} has more than {_MOST} entries", "", 0)
                )
                return
            for i, item in enumerate(value):
                if isinstance(item, Tensor) or _is_module(item):
                    self._add(value, i, item, f"{path}[{i}]")
        elif type(value) is dict:
            if len(value) > _MOST:
                self.effects.append(Effect(f"{path} has more than {_MOST} entries", "", 0))
                return
            for i, item in value.items():
                if isinstance(item, Tensor) or _is_module(item):
                    self._add(value, i, item, f"{path}[{i!r}]")


def _is_deque(value: Any) -> bool:
    return type(value).__name__ == "deque" and type(value).__module__ == "collections"


def _is_module(value: Any) -> bool:
    from ..nn.modules.module import Module

    return isinstance(value, Module)


def _is_library(value: Any) -> bool:
    """Functions and classes of this package: they do not change."""
    if not isinstance(value, types.FunctionType | type):
        return False
    module = getattr(value, "__module__", "") or ""
    return module.startswith(("rushlight", "torch", "numpy", "math"))


def _readable(value: Any, attribute: str) -> bool:
    """Whether reading an attribute runs no code of the user's."""
    if isinstance(value, _PLAIN):
        return False
    found = getattr(type(value), attribute, None)
    if isinstance(found, property) or hasattr(type(found), "__get__") and not callable(found):
        return hasattr(type(found), "__set__") and isinstance(found, types.MemberDescriptorType)
    try:
        getattr(value, attribute)
    except Exception:
        return False
    return True


@lru_cache(maxsize=4096)
def is_user(filename: str) -> bool:
    """Whether code from this file is the user's (or a third party's)."""
    if filename.startswith(_PACKAGE) or filename.startswith("<rushlight"):
        return False
    if filename.startswith("<frozen"):
        return False
    if filename.startswith(_STANDARD) and "site-packages" not in filename:
        stem = filename[len(_STANDARD) :].split(os.sep)[0].removesuffix(".py")
        return stem in _IMPURE
    # llvmlite's frames are destructors that the garbage collector happens to run.
    return not any(f"{os.sep}{p}{os.sep}" in filename for p in ("numpy", "llvmlite", "ml_dtypes"))


def _cells_of(code: Any, variables: dict[str, Any]) -> dict[str, Any]:
    """The closure cells of the function that ran, found by its code."""
    if not code.co_freevars:
        return {}
    for function in gc.get_referrers(code):
        if isinstance(function, types.FunctionType) and function.__code__ is code:
            cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
            if all(_holds(c, variables.get(n, c)) for n, c in cells.items()):
                return cells
    return {}


def _holds(cell: Any, value: Any) -> bool:
    try:
        return value is cell or cell.cell_contents is value
    except ValueError:
        return value is cell


# ---- bytecode -------------------------------------------------------------------------------


class _Reading:
    """What one code object reads by name and stores outside itself."""

    __slots__ = ("accesses", "attributes", "items", "outer")

    def __init__(self) -> None:
        self.accesses: list[tuple[str, str, tuple[str, ...]]] = []
        self.outer: list[tuple[str, int]] = []  # stores to globals and to cells of others
        self.attributes: list[tuple[str | None, str, int]] = []
        self.items: list[tuple[str | None, int]] = []  # the local that an item was stored to


@lru_cache(maxsize=1024)
def _reading(code: Any) -> _Reading:
    found = _Reading()
    parameters = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    instructions = list(dis.get_instructions(code))
    for i in instructions:
        if i.opname.startswith("STORE_FAST"):
            stored = i.argval if isinstance(i.argval, tuple) else (i.argval,)
            parameters.difference_update(stored)
    free = set(code.co_freevars)
    path: tuple[str, str, tuple[str, ...]] | None = None
    recent: list[str | None] = []  # what the last instructions pushed, for stores to items
    line = code.co_firstlineno

    def close() -> None:
        nonlocal path
        if path is not None:
            found.accesses.append(path)
        path = None

    for i in instructions:
        positions = i.positions
        line = (positions.lineno if positions is not None else None) or line
        name = i.opname
        if name in ("LOAD_ATTR", "LOAD_METHOD") and path is not None:
            path = path[0], path[1], (*path[2], str(i.argval))
            recent.append(None)
            continue
        close()
        if name in ("LOAD_GLOBAL", "LOAD_NAME"):
            path = "global", str(i.argval), ()
            recent.append(None)
        elif name == "LOAD_DEREF" and i.argval in free:
            path = "free", str(i.argval), ()
            recent.append(None)
        elif name.startswith("LOAD_FAST"):
            names = i.argval if isinstance(i.argval, tuple) else (i.argval,)
            for n in names:
                if n in parameters:
                    close()
                    path = "local", str(n), ()
                recent.append(str(n))
        elif name in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            found.outer.append((f"an assignment to the global {i.argval}", line))
        elif name in ("STORE_DEREF", "DELETE_DEREF") and i.argval in free:
            found.outer.append((f"an assignment to {i.argval} of an enclosing function", line))
        elif name in ("STORE_ATTR", "DELETE_ATTR"):
            if i.argval not in _SEEN_STORES:
                owner = recent[-1] if recent else None
                found.attributes.append(
                    (owner, f"an assignment to the attribute {i.argval}", line)
                )
        elif name in ("STORE_SUBSCR", "DELETE_SUBSCR"):
            found.items.append((recent[-2] if len(recent) > 1 else None, line))
        else:
            recent.append(None)
    close()
    return found


def accesses(code: Any) -> list[tuple[str, str, tuple[str, ...]]]:
    """What a code object reads: (kind of root, name, attributes after it)."""
    return _reading(code).accesses


def stores(code: Any, variables: dict[str, Any]) -> list[tuple[str, int]]:
    """Stores of a code object that reach outside the call."""
    reading = _reading(code)
    found = list(reading.outer)
    for local, what, line in reading.attributes:
        owner = variables.get(local) if local is not None else None
        if not type(owner).__module__.startswith("rushlight.autograd"):
            found.append((what, line))
    for local, line in reading.items:
        value = variables.get(local) if local is not None else None
        if value is not None and not isinstance(value, Tensor):
            found.append((f"an assignment to an item of {local}", line))
    return found
