"""Capture by running: when a step is recorded, compared, compiled and replayed.

The contract is on the project's page about compiled steps (docs/compiler.md). In short: the first
call runs eagerly, the next two are recorded while they run for real, and if the recordings agree
the plan is installed. A guard that misses later records another plan. What cannot be replayed stays
eager, with one warning that names the line.
"""

from __future__ import annotations

import inspect
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core, _dtypes
from .._core import Node, Tensor, ctx, thread
from ..autograd.messages import freed_error
from . import check, pairs
from . import rows as rows  # the lowerings register themselves
from .calling import sharing
from .audit import Audit, Effect, is_user, shared_suspect
from .executable import Executable, OutOfMemory
from .places import Unplaceable, flattened
from .program import Accumulate, Act, Apply, Draw, Read, Register, Write, _tensors
from .reach import alike
from .record import Recorder
from .shells import forget
from .trace import NotReplayable, Tracer

if TYPE_CHECKING:
    from collections.abc import Callable

    from .program import Program

#: Plans for one function; a step that needs more stays eager.
MOST_PLANS = 8
#: Pairs of recordings that may disagree before a step stays eager.
MOST_TRIES, MOST_TURNS = 5, 3
#: Signatures of arguments that are remembered, and recordings kept while they wait for a second.
MOST_ENTRIES, MOST_TAKES = 32, 4

_PLAIN = (int, float, complex, str, bytes, bool, type(None))

_recording = threading.Lock()


class Unsupported(RuntimeError):
    """A step that ``fullgraph=True`` cannot compile."""


class Take:
    """One recorded call. `before`: an earlier one, for what it found to be watched."""

    def __init__(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], before: Take | None = None
    ) -> None:
        self.args = args
        self.kwargs = kwargs
        self.grad = thread.grad
        self.recorder = CaptureRecorder()
        self.audit = Audit(None if before is None else before.audit)
        self.result: Any = None
        self.forward = 0
        self.pair: pairs.Pair | None = None

    @property
    def program(self) -> Program:
        return self.recorder.program

    def run(self, function: Callable[..., Any]) -> Any:
        """Call the step for real and write down what it does.

        What it returns may still want a backward pass (a compiled module or loss function): that
        is recorded as well, from cotangents of ones, and the result hangs in the graph by a node
        that walks what was just recorded.
        """
        recorder = self.recorder
        program = recorder.program
        for i, t in enumerate(_tensors([*self.args, self.kwargs])):
            program.arguments.append(recorder.note(t._data, "argument", i))
        args, kwargs, aliases = pairs.isolated(self.args, self.kwargs)
        try:
            ctx.handler = recorder
            with self.audit:
                result = function(*args, **kwargs)
            self.audit.finish(function, [*self.args, *self.kwargs.values()])
            self._name_owners()
            self.result = pairs.restored(result, aliases)
            for t in _tensors([result]):
                recorder.lift(t._data, t)
            self.forward = len(program.instructions)
            if any(alias._edge.opened for alias, _ in aliases.values()):
                recorder.fail("it differentiates through an argument that has a history")
            self.pair = pairs.record_backward(self, result, aliases)
        finally:
            ctx.handler = None
        if self.pair is not None:
            return pairs.joined(self)
        return self.result

    def _name_owners(self) -> None:
        """A storage met first through an alias (``x.detach()``) belongs to the tensor by name."""
        known: dict[Any, Tensor] = {}
        for name in self.audit.names.values():
            if isinstance(name.value, Tensor):
                known.setdefault(_window(name.value), name.value)
        for module in self.audit.modules.values():
            for t in (*module._parameters.values(), *module._buffers.values()):
                if t is not None:
                    known.setdefault(_window(t), t)
        for storage in self.recorder.memory.storages:
            if storage.kind == "cell":
                storage.owner = known.get(_window(storage.owner), storage.owner)

    def problem(self) -> str | None:
        """Why this call cannot be replayed, or None."""
        if self.recorder.failure is not None:
            return self.recorder.failure
        touched = self.recorder.touched
        if touched is not None and any(isinstance(i, Draw) for i in self.program.instructions):
            return touched
        for effect in self.audit.effects:
            return str(effect)
        return None


def _window(t: Tensor) -> Any:
    """Which memory a tensor shows, and how."""
    data = t._data
    return data.__array_interface__["data"][0], data.shape, data.strides, data.dtype


class CaptureRecorder(Recorder):
    """A recorder that notes what cannot be replayed instead of raising."""

    def __init__(self) -> None:
        super().__init__()
        self.failure: str | None = None
        self.touched: str | None = None

    def touches(self, generator: Any, what: str) -> None:
        """A generator is seeded, or its state is read or set."""
        if not self.active or threading.get_ident() != self.thread:
            return
        if what in ("get_state()", "set_state()"):  # harmless where nothing is drawn
            self.touched = self.touched or f"a generator's {what}{_user_line()}"
        else:
            self.fail(f"a generator's {what}")

    def fail(self, what: str) -> None:
        if self.failure is None:
            self.failure = f"{what}{_user_line()}"

    def reads(self, t: Tensor, what: str) -> None:
        if self.active and threading.get_ident() == self.thread:
            self.fail(f"{what} looks at a value")

    def note(self, value: Any, kind: str = "made", owner: Any = None) -> Register:
        try:
            return super().note(value, kind, owner)
        except Unplaceable as error:
            self.fail(str(error))
            register = self.program.register()
            self._registers[id(value)] = register
            self._alive.append(value)
            return register

    def scheduler_step(self, scheduler: Any, argument: Any) -> None:
        if isinstance(argument, Tensor) or type(scheduler).__name__ == "ReduceLROnPlateau":
            self.fail("scheduler.step(metric) looks at a value")
            return
        if not _nested(scheduler):
            super().scheduler_step(scheduler, argument)


def _nested(scheduler: Any) -> bool:
    """Whether another schedule makes this one step: the replay of that one will, too."""
    frame: Any = sys._getframe(2)
    while frame is not None and not is_user(frame.f_code.co_filename):
        if frame.f_code.co_name == "step":
            owner = frame.f_locals.get("self")
            if owner is not scheduler and hasattr(owner, "last_epoch"):
                return True
        frame = frame.f_back
    return False


def _user_line() -> str:
    frame: Any = sys._getframe(1)
    while frame is not None:
        if is_user(frame.f_code.co_filename):
            return f" ({frame.f_code.co_filename}:{frame.f_lineno})"
        frame = frame.f_back
    return ""


class Recording:
    """Two takes that agree, as a plan needs them.

    Attributes:
        args, kwargs, grad: how the step was called.
        modules, cells: what the plan relies upon.
        names: what user code reads by name; `named` of those the tensors that may be others on
            every call: id -> number.
        returned: places of the tensors that the step returns; `template` its whole result.
        results, gradients: filled by `calling.sources`.
    """

    def __init__(
        self, take: Take, function: Callable[..., Any], roles: dict[int, str]
    ) -> None:
        program = take.program
        self.function = function
        self.name = getattr(function, "__name__", "step")
        self.pair = take.pair
        self.args, self.kwargs, self.grad = take.args, take.kwargs, take.grad
        self.program = program
        self.modules = list(take.audit.modules.values())
        self.contents = take.audit.contents
        self.optimizers = _optimizers(program)
        self.named: dict[int, int] = {}
        self.cells: list[Tensor] = []
        self.internal: set[int] = set()
        self._assign(roles)
        self.names = _worth_comparing(take, self.named)
        self.tracer = Tracer(program)
        self.boundary = self.tracer.run(take.forward)
        self.sharing = _sharing(take, self)
        self.returned: list[Any] = []
        self.results: list[Any] = []
        self.gradients: list[Any] = []
        self.saved: list[str] = []
        self.arguments = list(_tensors([*take.args, take.kwargs]))
        self._known: dict[int, Any] = {}
        self._shown: list[Tensor] = []
        self.template = self._template(take.result, take)
        self._shown.clear()
        given = {id(t) for t in self.arguments}
        #: Whether the call does what only Python can do (`gates.py`).
        self.special = bool(self.sharing) or any(id(t) in given for t in self.tracer.bumps)
        forget(self)

    def _assign(self, roles: dict[int, str]) -> None:
        """What each storage from outside is: a named tensor, a cell, a constant."""
        seen: set[int] = set()
        for place in self.program.places.values():
            storage = place.storage
            if storage.kind != "cell" or storage.number in seen:
                continue
            seen.add(storage.number)
            owner = storage.owner
            role = roles[storage.number]
            if role == "named":
                storage.kind = "named"
                storage.owner = self.named.setdefault(id(owner), len(self.named))
            elif role == "constant":
                storage.kind = "constant"
                storage.array = flattened(owner._data, storage)
            else:
                self.cells.append(owner)

    def _template(self, value: Any, take: Take) -> Any:
        if isinstance(value, Tensor):
            for i, t in enumerate(self.arguments):
                if t is value:
                    return "argument", i
            if any(c is value for c in self.cells):
                return "object", value
            for leaf, _ in self.tracer.gradients.values():
                if leaf._grad is value:
                    return "grad", leaf
            if id(value) in self._known:
                return self._known[id(value)]
            register = take.recorder._registers.get(id(value._data))
            place = None if register is None else self.program.places.get(register.number)
            if place is None or place.storage.kind not in ("made", "constant"):
                raise NotReplayable("the step returns a tensor that it did not make")
            if any(np.shares_memory(value._data, x._data) for x in self._shown):
                raise NotReplayable("the step returns two tensors that share memory")
            self._shown.append(value)
            self.returned.append(place)
            number = len(self.returned) - 1
            if self.pair is not None and id(value) in self.pair.outputs:
                found: Any = "differentiable", (number, self.pair.outputs[id(value)])
            else:
                found = "result", (number, _spent(value))
            self._known[id(value)] = found
            return found
        if type(value) is list:
            return "list", [self._template(v, take) for v in value]
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return "named", (type(value), [self._template(v, take) for v in value])
        if type(value) is tuple:
            return "tuple", [self._template(v, take) for v in value]
        if type(value) is dict:
            return "dict", [(k, self._template(v, take)) for k, v in value.items()]
        if type(value) in _PLAIN:
            return "plain", value
        raise NotReplayable(f"the step returns a {type(value).__name__}")


def _sharing(take: Take, recording: Recording) -> dict[Any, Any]:
    """How arguments and named tensors share memory, if that can matter to a replay.

    It matters where some do while recording, and where the step writes to one of them.
    """
    arrays: dict[Any, Any] = {}
    for i, t in enumerate(_tensors([*take.args, take.kwargs])):
        arrays["argument", i] = t._data
    for name in take.audit.names.values():
        if isinstance(name.value, Tensor) and id(name.value) in recording.named:
            arrays["named", recording.named[id(name.value)]] = name.value._data
    found = sharing(arrays)
    if any(value is not None for value in found.values()):
        return found
    places = {p.storage.number: p.storage for p in take.program.places.values()}
    for number in _written(take.program):
        if places[number].kind in ("argument", "named"):
            return found
    return {}


def _optimizers(program: Program) -> list[Any]:
    """The optimizers that a step used."""
    found = {id(optimizer): optimizer for optimizer, *_ in program.updates}
    for i in program.instructions:
        if isinstance(i, Act) and i.what == "zero_grad":
            found[id(i.owner[0])] = i.owner[0]
    return list(found.values())


def _spent(value: Tensor) -> Any:
    """For a result whose graph was walked: a node of the same name that says so."""
    edge = value._edge
    if not isinstance(edge, Node):
        return None
    node = _core.visible(edge)[0]
    return _spent_class(type(node).__name__)


_spent_classes: dict[str, type] = {}


def _spent_class(name: str) -> type:
    found = _spent_classes.get(name)
    if found is None:

        def raw(self: Any, g: Any, keep: bool) -> Any:
            raise freed_error()

        def start(self: Any) -> None:
            self.edges = ()
            self._sequence = _core.next_sequence()

        found = type(name, (Node,), {
            "__slots__": (), "__init__": start, "raw": raw,
            "lifted": lambda self, k, g, keep: raw(self, g, keep),
        })  # fmt: skip
        _spent_classes[name] = found
    return found


def _worth_comparing(take: Take, named: dict[int, int]) -> list[Any]:
    """Names whose value could be another on the next call without the epoch telling."""
    from ..nn.modules.module import Module

    kept = []
    for name in take.audit.names.values():
        if isinstance(name.container, Module) and name.container.__dict__.get(name.key) is (
            name.value
        ):
            continue  # compared with the module, when the epoch moves
        kept.append(name)
    return kept


def agree(a: Take, b: Take) -> str | dict[int, str]:
    """The roles of the storages from outside, or why the takes differ."""
    p, q = a.program, b.program
    suspect = shared_suspect(a.audit, b.audit)
    if suspect is not None:
        return str(suspect)
    if len(p.instructions) != len(q.instructions):
        return "two calls did not do the same operations"
    for i, j in zip(p.instructions, q.instructions, strict=True):
        if type(i) is not type(j) or not _same_instruction(i, j):
            return f"two calls did not do the same operations: {i!r} and {j!r}"
        if isinstance(i, Accumulate) and isinstance(j, Accumulate) and i.leaf is not j.leaf:
            # A leaf that the step made itself, unless it was passed in.
            if _position(a, i.leaf) is None or _position(a, i.leaf) != _position(b, j.leaf):
                j.internal = True
    if p.places.keys() != q.places.keys():
        return "two calls did not use memory in the same way"
    for n, place in p.places.items():
        other = q.places[n]
        if place.key() != other.key() or place.storage.kind != other.storage.kind:
            return f"two calls did not use memory in the same way: {place!r} and {other!r}"
        if place.storage.dtype != other.storage.dtype:
            return "two calls used different dtypes"
    if p.constants.keys() != q.constants.keys():
        return "two calls used different constants"
    for n, value in p.constants.items():
        if p.places[n].storage.kind != "constant":
            continue
        if not np.array_equal(value, q.constants[n], equal_nan=value.dtype.kind in "fc"):
            return "a tensor that the step makes has other contents on every call"
    return _roles(a, b)


def _position(take: Take, t: Any) -> int | None:
    """Which argument a tensor is."""
    given = enumerate(_tensors([*take.args, take.kwargs]))
    return next((n for n, x in given if x is t), None)


def _same_instruction(i: Any, j: Any) -> bool:
    if isinstance(i, Apply):
        return (
            i.name == j.name and _same_template(i.arguments, j.arguments)
            and _same_template(i.outputs, j.outputs)
        )  # fmt: skip
    if isinstance(i, Read):
        return i.what == j.what and i.output.number == j.output.number
    if isinstance(i, Write):
        return _same_template((i.target, i.value), (j.target, j.value))
    return bool(i.what == j.what)


def _same_template(x: Any, y: Any) -> bool:
    if type(x) is not type(y):
        return False
    if type(x) is Register:
        return bool(x.number == y.number)
    if isinstance(x, list | tuple):
        return len(x) == len(y) and all(map(_same_template, x, y))
    if isinstance(x, float):
        return x == y or (x != x and y != y)
    if isinstance(x, np.ndarray):
        return np.array_equal(x, y)
    if isinstance(x, Tensor) or callable(x):
        return True
    return bool(x == y)


def _roles(a: Take, b: Take) -> str | dict[int, str]:
    """A tensor user code can rebind is named; the same object is a cell; else it is constant."""
    roles: dict[int, str] = {}
    paths = {id(n.value) for n in b.audit.names.values() if isinstance(n.value, Tensor)}
    held = {
        id(t) for m in b.audit.modules.values()
        for t in (*m._parameters.values(), *m._buffers.values())
    }  # fmt: skip
    written = _written(b.program)
    others = {p.storage.number: p.storage for p in a.program.places.values()}
    for place in b.program.places.values():
        storage = place.storage
        if storage.kind != "cell" or storage.number in roles:
            continue
        owner, before = storage.owner, others[storage.number].owner
        free = owner._edge is None and id(owner) not in held and storage.number not in written
        if id(owner) in paths and free:
            roles[storage.number] = "named"
        elif owner is before:
            roles[storage.number] = "cell"
        elif free and np.array_equal(owner._data, before._data):
            roles[storage.number] = "constant"
        else:
            return (
                f"a tensor of shape {list(owner._data.shape)} that the step reaches is another one "
                "on every call, and has no name to read it by"
            )
    return roles


def _written(program: Program) -> set[int]:
    found: set[int] = set()
    for i in program.instructions:
        if isinstance(i, Write):
            place = program.places.get(i.target.number)
            if place is not None:
                found.add(place.storage.number)
    return found


class Entry:
    """What is known of one signature of a step's arguments."""

    __slots__ = ("calls", "takes", "tries")

    def __init__(self) -> None:
        self.calls = 0
        self.takes: list[Take] = []
        self.tries = 0


class Compiled:
    """A function that is compiled while it runs. What ``rushlight.compile`` returns."""

    def __init__(self, function: Callable[..., Any], fullgraph: bool = False) -> None:
        self.function = function
        self.fullgraph = fullgraph
        self.plans: list[Executable] = []
        self.eager: str | None = None
        self._entries: dict[Any, Entry] = {}

    def slow(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        function = self.function
        if self.eager is not None or ctx.handler is not None or ctx.anomaly is not None:
            return function(*args, **kwargs)
        key = _signature(args, kwargs)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._new_entry(key)
            if self.eager is not None:
                return function(*args, **kwargs)
        entry.calls += 1
        if entry.calls == 1 and not self.plans:
            return function(*args, **kwargs)
        if not _recording.acquire(False):  # another thread records: handlers see all threads
            return function(*args, **kwargs)
        try:
            take = Take(args, kwargs, entry.takes[-1] if entry.takes else None)
            result = take.run(function)
            self._learn(entry, take)
        finally:
            _recording.release()
        return result

    def _new_entry(self, key: Any) -> Entry:
        """An entry for another signature; those of the past lose what they recorded."""
        if len(self._entries) >= MOST_ENTRIES:
            last = next(reversed(self._entries))
            self._give_up(f"its arguments differ on nearly every call: {_difference(last, key)}")
        for entry in [*self._entries.values()][:-MOST_TAKES]:
            entry.takes.clear()
        entry = self._entries[key] = Entry()
        return entry

    def _learn(self, entry: Entry, take: Take) -> None:
        """Compare a call with the one before; compile if they agree."""
        problem = take.problem()
        if problem is not None:
            self._give_up(problem)
            return
        # Calls may take turns, as where gradients are accumulated: one of the last ones must agree.
        why: Any = None
        for before in reversed(entry.takes):
            roles = agree(before, take)
            if not isinstance(roles, str):
                entry.takes.remove(before)
                self._install(take, roles)
                return
            why = why or roles
        entry.takes = [*entry.takes, take][-MOST_TURNS:]
        entry.tries += why is not None
        if entry.tries >= MOST_TRIES:
            self._give_up(why)

    def _install(self, take: Take, roles: dict[int, str]) -> None:
        if len(self.plans) >= MOST_PLANS:
            self._give_up(
                f"it needs more than {MOST_PLANS} plans: {_other(self.plans[0].recording, take)}"
            )
            return
        try:
            recording = Recording(take, self.function, roles)
            self.plans.insert(0, pairs.executable(recording, take))
        except (NotReplayable, OutOfMemory) as error:
            self._give_up(str(error), isinstance(error, OutOfMemory))
        except Exception as error:
            if check.enabled:
                raise
            self._give_up(f"the compiler failed: {type(error).__name__}: {error}")

    def _give_up(self, why: str, memory: bool = False) -> None:
        name = getattr(self.function, "__qualname__", repr(self.function))
        if ".py:" not in why:
            code = getattr(inspect.unwrap(self.function), "__code__", None)
            if code is not None:
                why = f"{why} ({code.co_filename}:{code.co_firstlineno})"
        self.eager = why
        self._entries.clear()
        if self.fullgraph:
            kind = OutOfMemory if memory else Unsupported
            raise kind(f"{name} cannot be compiled: {why}")
        warnings.warn(
            f"rushlight.compile: {name} runs eagerly, because it cannot be replayed: {why}",
            UserWarning, stacklevel=5,
        )  # fmt: skip


def _difference(old: Any, new: Any) -> str:
    """Which argument made another signature."""
    for (at, a), (_, b) in zip(_numbered(old[4], old[5]), _numbered(new[4], new[5]), strict=False):
        if a != b:
            return f"argument {at} is {_said(b)} after {_said(a)}"
    return "their number, or the gradient mode"


def _numbered(args: Any, kwargs: Any) -> Any:
    yield from enumerate(args[1])
    yield from kwargs


def _said(key: Any) -> str:
    if isinstance(key, tuple) and len(key) == 4 and isinstance(key[0], tuple):
        return f"a tensor of shape {list(key[0])}"
    if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], type):
        return f"{key[1]!r}" if key[0] in _PLAIN else f"another {key[0].__name__}"
    return "another object"


def _other(plan: Recording, take: Take) -> str:
    """What a call has that the last plan does not."""
    old, new = _signature(plan.args, plan.kwargs), _signature(take.args, take.kwargs)
    if old != new:
        return _difference(old, new)
    values = {n.path: n.value for n in plan.names}
    for name in take.audit.names.values():
        before = values.get(name.path, name.value)
        if before is not name.value and not alike(before, name.value):
            where = f" ({name.file}:{name.line})" if name.line else ""
            return f"{name.path}, which it reads by name, differs too often{where}"
    return "a value it reads by name, or a setting, differs too often"


def _signature(args: Any, kwargs: Any) -> Any:
    """What a plan is chosen by, before its own guards: shapes, dtypes, numbers."""
    given = [t._data for t in _tensors([args, kwargs])]
    shared = tuple(sharing(dict(enumerate(given))).values()) if len(given) > 1 else ()
    modes = thread.grad, thread.inference, _dtypes.default.dtype, shared
    return *modes, _key(args), _key(kwargs)


def _key(value: Any) -> Any:
    if isinstance(value, Tensor):
        data = value._data
        return data.shape, data.dtype.char, data.strides, value._edge is None
    if isinstance(value, list | tuple):
        return type(value), tuple(map(_key, value))
    if isinstance(value, dict):
        return tuple((k, _key(v)) for k, v in value.items())
    if type(value) in _PLAIN:
        return type(value), value
    return id(value)


__all__ = ["Compiled", "Effect", "Recording", "Take", "Unsupported"]
