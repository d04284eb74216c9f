"""What user code read and did while a step was recorded.

A replay runs no user Python, so all that this Python read by name must be compared on every call,
and what it did to the world beside tensors cannot be repeated (capture contract, rules 5, 8 and
10). `Audit` watches the calls of a recording with `sys.setprofile`, and afterwards walks from the
code that ran to everything its names can reach (`reach.py`):

* `names`, `contents`: what is compared on every call;
* `modules`: every `nn.Module` that was called or named;
* `effects`: what cannot be replayed, with file and line: stores to outside names, attributes and
  items, calls of functions that are not known to be pure.

What a step changes in objects that outlive it shows twice: in the next recording, as a difference
between before and after (`watch`), and as a store or a changing call on the same object.

The library's own frames are trusted: they report through the recorder. So are frames of the
standard library and of NumPy, but for the modules in `_IMPURE`.
"""

from __future__ import annotations

import gc
import os
import sys
import types
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .._core import LEAF, Tensor
from .bytecode import reading
from .reach import ABSENT, Contents, Name, Reach, alike
from .snapshot import module_state, same

if TYPE_CHECKING:
    from collections.abc import Iterable

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STANDARD = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_IMPURE = frozenset((
    "random", "_random", "time", "datetime", "_datetime", "io", "_io", "posix", "nt", "logging",
    "socket", "_socket", "subprocess", "tempfile", "secrets", "uuid", "select", "os", "_warnings",
    "warnings", "_thread", "threading", "sys",
))  # fmt: skip
#: Of these modules, what changes nothing and answers the same when asked again.
_HARMLESS = frozenset((
    "get_ident", "getrecursionlimit", "fspath", "getsizeof", "intern", "getpid", "exc_info",
    "timedelta", "isoformat", "total_seconds", "catch_warnings", "_getframe", "getprofile",
    "audit", "getrefcount",
))  # fmt: skip
_SETTING_UP = frozenset(("__init__", "__new__", "__enter__", "__exit__", "__repr__"))
#: Builtins that change nothing and answer the same when asked again.
_PURE = frozenset((
    "abs", "all", "any", "bool", "callable", "chr", "divmod", "enumerate", "filter", "float",
    "format", "getattr", "hasattr", "hash", "id", "int", "isinstance", "issubclass", "iter", "len",
    "list", "map", "max", "min", "next", "ord", "pow", "range", "repr", "reversed", "round", "set",
    "slice", "sorted", "str", "sum", "super", "tuple", "type", "vars", "zip", "__build_class__",
    "dir", "object", "bin", "hex", "oct", "ascii", "anext", "aiter", "setattr", "delattr",
))  # fmt: skip
#: Methods of builtin containers that change them.
_CHANGING = frozenset((
    "append", "extend", "insert", "pop", "popitem", "remove", "clear", "update", "setdefault",
    "add", "discard", "sort", "reverse", "appendleft", "popleft", "rotate", "extendleft",
    "difference_update", "intersection_update", "__setitem__", "__delitem__", "send", "throw",
))  # fmt: skip
#: Functions of the library that answer with numbers which may be others on the next call, or that
#: change what a replay could not change.
_LIBRARY_EFFECTS = frozenset((
    "get_last_lr", "initial_seed", "set_default_dtype", "set_num_threads", "add_param_group",
    "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook", "register_parameter", "register_buffer", "register_module",
    "save", "load", "set_detect_anomaly", "get_num_threads", "share_memory_",
))  # fmt: skip
_HOOKING = frozenset(("register_hook", "register_post_accumulate_grad_hook"))
_STATES = frozenset(("state_dict", "load_state_dict"))


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

    Args:
        before: the audit of an earlier call: what it found is looked at before and after.

    Attributes:
        names: (id of container, key) -> Name; `contents`: the containers that were read.
        modules: id -> module.
        effects: what cannot be replayed.
        suspects: (object, effect): objects that were changed; one that is changed again in another
            call lives outside.
    """

    def __init__(self, before: Audit | None = None) -> None:
        self.names: dict[tuple[int, Any], Name] = {}
        self.contents: list[Contents] = []
        self.modules: dict[int, Any] = {}
        self.effects: list[Effect] = []
        self.suspects: list[tuple[Any, Effect]] = []
        self._codes: dict[Any, Any] = {}
        self._called: dict[int, Any] = {}
        self._owners: list[tuple[Any, Effect]] = []
        self._everything = self._dynamic = False
        self._previous: Any = None
        self._callbacks = {getattr(c, "__code__", None) for c in gc.callbacks} - {None}
        self._watched = _Watch(before) if before is not None else None

    def __enter__(self) -> Audit:
        self._previous = sys.getprofile()
        sys.setprofile(self._event)
        return self

    def __exit__(self, *_: Any) -> None:
        sys.setprofile(self._previous)

    # ---- while it runs ------------------------------------------------------------------------

    def _event(self, frame: Any, event: str, argument: Any) -> None:
        code = frame.f_code
        filename = code.co_filename
        if event == "call":
            if is_user(filename):
                if code not in self._codes and not self._collecting(frame):
                    self._codes[code] = frame.f_globals
            elif filename.startswith(_PACKAGE):
                self._library(frame, code, filename)
            elif _impure_file(filename):
                self._standard(frame, code)
        elif event == "return":
            if is_user(filename) and reading(code).stores and not self._collecting(frame):
                self._stored(frame, code)
        elif event == "c_call" and not filename.startswith(_PACKAGE):
            if is_user(filename):
                if not self._collecting(frame):
                    self._builtin(frame, frame, argument)
            elif filename.startswith(_STANDARD) and not self._collecting(frame):
                caller = _user_caller(frame)
                if caller is not None:
                    self._builtin(caller, frame, argument)

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

    def _library(self, frame: Any, code: Any, filename: str) -> None:
        name = code.co_name
        if name == "__call__":
            if filename.endswith("modules/module.py"):
                module = frame.f_locals.get("self")
                self._called[id(module)] = module
        elif name in _LIBRARY_EFFECTS or name in _HOOKING or name in _STATES:
            caller = frame.f_back
            if caller is None or not is_user(caller.f_code.co_filename):
                return
            if name in _HOOKING and frame.f_locals["self"]._edge is not LEAF:
                return
            if name in _STATES and f"{os.sep}optim{os.sep}" not in filename:
                return
            self._effect(f"a call of {name}()", caller)
        elif name == "step" and filename.endswith("optim/lbfgs.py"):
            caller = _user_caller(frame)
            self._effect("LBFGS.step() decides by values", caller or frame)

    def _standard(self, frame: Any, code: Any) -> None:
        """A function of the standard library that is not pure."""
        if code.co_name in _HARMLESS or code.co_name in _SETTING_UP:
            return
        caller = _user_caller(frame)
        if caller is not None and not self._collecting(frame):
            self._effect(f"a call of {code.co_name}()", caller)

    def _builtin(self, where: Any, frame: Any, function: Any) -> None:
        name = getattr(function, "__name__", "?")
        owner = getattr(function, "__self__", None)
        module = getattr(function, "__module__", None)
        if name in _HARMLESS:
            return
        if isinstance(owner, types.ModuleType) or owner is None:
            if owner is not None:
                module = owner.__name__
            if module == "builtins" and name in _PURE:
                if where is frame:
                    self._everything |= name in ("vars", "dir")
                    self._dynamic |= name in ("getattr", "hasattr", "setattr")
                return
            if module in _IMPURE or (module == "builtins" and where is frame):
                self._effect(f"a call of {name}()", where)
            elif module is not None and module.startswith("numpy.random"):
                self._effect(f"a call of numpy.random.{name}()", where)
            return
        if isinstance(owner, Tensor):
            return
        kind = owner if isinstance(owner, type) else type(owner)
        if kind.__module__ in _IMPURE or kind.__module__.startswith("numpy.random"):
            self._effect(f"a call of {kind.__name__}.{name}()", where)
        elif name in _CHANGING and isinstance(owner, list | dict | set) or _is_deque(owner):
            if name in _CHANGING and where is frame:
                effect = Effect(f"a call of .{name}() on an outside object",
                                frame.f_code.co_filename, frame.f_lineno)  # fmt: skip
                self._owners.append((owner, effect))

    def _stored(self, frame: Any, code: Any) -> None:
        """Whose attributes and items a frame stored to, as it leaves."""
        variables = frame.f_locals
        for root, attributes, what, line in reading(code).stores:
            if root is None:
                self._unresolved(what, code, line)
                continue
            kind, name = root
            if kind == "global":
                if name not in frame.f_globals:
                    continue
                value = frame.f_globals[name]
            elif name in variables:
                value = variables[name]
            else:
                continue  # that line was not reached
            for attribute in attributes:
                value = _held(value, attribute)
                if value is ABSENT:
                    break
            if value is ABSENT:
                self._unresolved(what, code, line)
            elif not isinstance(value, Tensor) or "attribute" in what:
                self._owners.append((value, Effect(what, code.co_filename, line)))

    def _unresolved(self, what: str, code: Any, line: int) -> None:
        if "attribute" in what:
            self.effects.append(Effect(what, code.co_filename, line))

    def _effect(self, what: str, frame: Any) -> None:
        self.effects.append(Effect(what, frame.f_code.co_filename, frame.f_lineno))

    # ---- afterwards ---------------------------------------------------------------------------

    def finish(self, function: Any, arguments: Iterable[Any]) -> None:
        """Walk from what ran; `function` is the step, `arguments` its arguments."""
        reach = Reach(self._codes, self._everything, self._dynamic)
        reach.run(function, arguments)
        for module in self._called.values():
            reach.push(module, type(module).__name__, "", 0)
        reach.drain()
        self._loose_functions(reach)
        self.names = reach.names
        self.contents = list(reach.contents.values())
        self.modules = {**reach.modules, **self._called}
        for module in list(self.modules.values()):
            for child in module.modules():
                self.modules.setdefault(id(child), child)
        for code in self._codes:
            for what, line in reading(code).outer:
                self.effects.append(Effect(what, code.co_filename, line))
        for what, file, line in reach.problems:
            self.effects.append(Effect(what, file, line))
        if self._watched is not None:
            self.effects.extend(self._watched.changes(self._owners))
        for value, effect in self._owners:
            if id(value) not in reach.objects or isinstance(value, Tensor):
                self.suspects.append((value, effect))
            elif self._watched is None or not self._watched.covers(value):
                self.suspects.append((value, effect))
        self._codes, self._called, self._owners, self._watched = {}, {}, [], None

    def _loose_functions(self, reach: Reach) -> None:
        """Find the cells of functions that ran but that no name led to: hooks, cached functions."""
        inner = {c for code in self._codes for c in code.co_consts if isinstance(c, types.CodeType)}
        for code in list(self._codes):
            if not code.co_freevars or code in reach.cells or code in inner:
                continue
            for function in gc.get_referrers(code):
                if isinstance(function, types.FunctionType) and function.__code__ is code:
                    reach.push(function, function.__name__, code.co_filename, code.co_firstlineno)
        reach.drain()


class _Watch:
    """What an earlier audit found, as it is now; to see afterwards what the step changed."""

    def __init__(self, before: Audit) -> None:
        self.names = [(n, n.read()) for n in before.names.values()]
        self.contents = [
            Contents(c.container, c.path, c.file, c.line) for c in before.contents
        ]
        self.modules = [(m, module_state(m)) for m in before.modules.values()]
        self._covered = {id(c.container) for c in self.contents}
        self._covered |= {id(n.container) for n in before.names.values()}
        self._covered |= {id(m) for m, _ in self.modules}

    def covers(self, value: Any) -> bool:
        return id(value) in self._covered

    def changes(self, owners: list[tuple[Any, Effect]]) -> list[Effect]:
        """What the step changed."""
        found: list[Effect] = []

        def add(changed: Any, path: str, file: str, line: int) -> None:
            for value, effect in owners:
                if value is changed:
                    found.append(effect)
                    return
            found.append(Effect(f"{path} is changed", file, line))

        for name, value in self.names:
            now = name.read()
            if now is not value and not (alike(now, value) and not isinstance(now, Tensor)):
                add(name.container, name.path, name.file, name.line)
        for contents in self.contents:
            if not contents.holds():
                add(contents.container, contents.path, contents.file, contents.line)
        for module, state in self.modules:
            if not same(module_state(module), state):
                add(module, f"an attribute of {type(module).__name__}", "", 0)
        return found


def shared_suspect(a: Audit, b: Audit) -> Effect | None:
    """An object that two calls changed: it lives outside."""
    known = {id(value) for value, _ in a.suspects}
    return next((effect for value, effect in b.suspects if id(value) in known), None)


def _held(value: Any, attribute: str) -> Any:
    """An attribute that is simply stored; `ABSENT` for anything else."""
    held = getattr(value, "__dict__", None)
    if held is not None and attribute in held:
        return held[attribute]
    modules = held.get("_modules") if isinstance(held, dict) else None
    if modules and attribute in modules:
        return modules[attribute]
    found = getattr(type(value), attribute, None)
    if isinstance(found, types.MemberDescriptorType):
        return getattr(value, attribute, ABSENT)
    return ABSENT


def _is_deque(value: Any) -> bool:
    return type(value).__name__ == "deque" and type(value).__module__ == "collections"


def _user_caller(frame: Any) -> Any:
    """The user's frame that called the standard library here; None if the library did."""
    frame = frame.f_back
    while frame is not None:
        filename = frame.f_code.co_filename
        if is_user(filename):
            return frame
        if filename.startswith(_PACKAGE):
            return None
        frame = frame.f_back
    return None


@lru_cache(maxsize=4096)
def _impure_file(filename: str) -> bool:
    if filename == "<frozen os>":
        return True
    if not filename.startswith(_STANDARD) or "site-packages" in filename:
        return False
    return filename[len(_STANDARD) :].split(os.sep)[0].removesuffix(".py") in _IMPURE


@lru_cache(maxsize=4096)
def is_user(filename: str) -> bool:
    """Whether code from this file is the user's (or a third party's)."""
    if filename.startswith((_PACKAGE, "<rushlight", "<frozen")):
        return False
    if filename.startswith(_STANDARD) and "site-packages" not in filename:
        return False
    # llvmlite's frames are destructors that the garbage collector happens to run.
    return not any(f"{os.sep}{p}{os.sep}" in filename for p in ("numpy", "llvmlite", "ml_dtypes"))
