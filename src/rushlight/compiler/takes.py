"""One recorded call of a step: what it did, what it read by name, what it must not do."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from .._core import Tensor, ctx, thread
from . import pairs
from .audit import Audit, is_user
from .places import Unplaceable
from .program import Draw, Register, _tensors
from .record import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from .program import Program


class Take:
    """One recorded call. `before`: an earlier one, for what it found to be watched."""

    def __init__(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], before: Take | None = None
    ) -> None:
        self.args = args
        self.kwargs = kwargs
        self.grad = thread.grad
        self.recorder = CaptureRecorder()
        self.audit: Audit = Audit(None if before is None else before.audit)
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
