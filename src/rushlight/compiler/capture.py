"""Capture by running: when a step is recorded, compared, compiled and replayed.

The contract is on the project's page about compiled steps (docs/compiler.md). In short: the first
call runs eagerly, the next two are recorded while they run for real, and if the recordings agree
the plan is installed. A guard that misses later records another plan. What cannot be replayed stays
eager, with one warning that names the line.
"""

from __future__ import annotations

import inspect
import threading
import warnings
from typing import TYPE_CHECKING, Any

from .. import _dtypes
from .._core import Tensor, ctx, thread
from . import check, pairs
from . import rows as rows  # the lowerings register themselves
from .agreement import agree
from .executable import Executable, OutOfMemory
from .guards import sharing
from .program import _tensors
from .reach import alike
from .recording import Recording
from .takes import Take
from .trace import NotReplayable

if TYPE_CHECKING:
    from collections.abc import Callable

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


__all__ = ["Compiled", "Recording", "Take", "Unsupported"]
