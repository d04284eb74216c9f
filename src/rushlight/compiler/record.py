"""Records a training step while it runs: forward, backward and update become one program.

The recorder is a handler (`_core.ctx.handler`): every op of the thread offers itself, is run for
real, and is written down as an instruction with registers in place of arrays. Backward runs the
same formulas over the namespace REC, whose kernels compute and record; the optimizer's formula
runs over REC too, with its numbers as scalars that are read anew at every replay. So a recorded
call is a real training step, no shape rules are needed, and the program can be checked against
what really happened.

An array is known by its identity: whatever made it noted its register. A tensor nobody noted
comes from outside the step and becomes a cell.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import Node, Tensor, ctx, wrap
from .._define.promote import invoke
from ..autograd import engine
from .places import Memory, Place, flattened
from .program import Accumulate, Act, Apply, Draw, Program, Read, Register, Write, _tensors
from .rec import Rec, RecNamespace

if TYPE_CHECKING:
    from collections.abc import Callable


def _grad_array(leaf: Tensor) -> Any:
    assert leaf._grad is not None
    return leaf._grad._data


def _accumulate(leaf: Tensor, value: Any) -> Any:
    """What the engine does with a leaf's gradient; the gradient's array as it is afterwards."""
    engine.accumulate(leaf, np.array(value))
    return None if leaf._grad is None else leaf._grad._data


class Recorder:
    """The handler that writes a step down; use :func:`record`."""

    def __init__(self) -> None:
        self.program = Program()
        self.k = RecNamespace(self)
        self.active = True
        self.thread = threading.get_ident()
        self.memory = Memory()
        self._registers: dict[int, Register] = {}
        self._first: dict[int, Register] = {}  # of each storage, the register that showed it first
        self._alive: list[Any] = []  # keeps noted arrays, so that their ids stay theirs

    # ---- registers -------------------------------------------------------------------------

    def append(self, instruction: Any) -> None:
        self.program.instructions.append(instruction)

    def note(self, value: Any, kind: str = "made", owner: Any = None) -> Register:
        """A new register that holds `value` from now on."""
        register = self.program.register()
        if isinstance(value, np.ndarray):
            if kind == "made":
                place = self.memory.place(value)
            else:
                place = self.memory.outside(value, kind, owner)
            self._registers[id(value)] = register
            self._first.setdefault(place.storage.number, register)
            self._alive.append(value)
            self.program.places[register.number] = place
        return register

    def constant(self, array: Any) -> Rec:
        """An array of the library's own, whose contents are the same on every call."""
        register = self.note(array, "constant")
        kept = np.array(array)
        self.program.constants[register.number] = kept
        place = self.program.places[register.number]
        if place.storage.array is None and place.storage.kind == "constant":
            place.storage.array = flattened(array, place.storage)
        return Rec(self.k, array, register)

    def lift(self, array: Any, owner: Tensor | None = None) -> Rec:
        """The register of an array; one that nobody noted is a view of a known one, or a cell."""
        register = self._registers.get(id(array))
        if register is None:
            register = self._window(array)
        if register is None:
            if owner is None or owner._cell is _core.CONSTANT_CELL:
                return self.constant(array)
            register = self._cell(owner)
        return Rec(self.k, array, register)

    def _window(self, array: Any) -> Register | None:
        """A register for a window of known memory (``detach``, ``.data``, a view of a view)."""
        place = self.memory.find(array)
        if place is None:
            return None
        first = self._first[place.storage.number]
        register = self.note(array)
        shown = self.program.places[first.number]
        function = _window_of(shown, place)
        self.append(Apply("window", function, (first,), (register,)))
        return register

    def seen(self, x: Tensor) -> None:
        """An in-place op is about to work on `x` through a stand-in: note whose memory it is."""
        if self.active and threading.get_ident() == self.thread:
            self.lift(x._data, x)

    def made(self, t: Tensor) -> None:
        """A constructor made `t` inside the step: the same contents on every call."""
        if self.active and threading.get_ident() == self.thread:
            if self.memory.find(t._data) is None:
                self.constant(t._data)

    def _cell(self, owner: Tensor) -> Register:
        register = self.note(owner._data, "cell", owner)
        self.append(Read("cell", lambda: owner._data, register))
        return register

    def scalar(
        self, read: Callable[[], float], owner: Tensor | None = None, group: Any = None
    ) -> Rec:
        """A number of the library's own (a learning rate, a step count), read on every call.

        `owner`: the tensor that it is in; `group`: the parameter group that it is from.
        """
        place = None
        if owner is not None:
            place = self.program.places[self.lift(owner._data, owner).register.number]
        register = self.program.register()
        instruction = Read("scalar", read, register, place)
        instruction.group = group
        self.append(instruction)
        return Rec(self.k, read(), register)

    # ---- what the ops, the engine and the optimizers call ------------------------------------

    def __call__(self, op: Any, arguments: tuple[Any, ...]) -> Any:
        if not self.active or threading.get_ident() != self.thread:
            return NotImplemented
        templates = tuple(self._template(a) for a in arguments)
        self.active = False
        try:
            result = invoke(op, list(arguments)) if hasattr(op, "positional") else op.call(
                *arguments)  # fmt: skip
        finally:
            self.active = True
        outputs = list(result) if isinstance(result, tuple | list) else [result]
        registers: list[Register | None] = [self.note(t._data) for t in outputs]
        registers.extend(self._residuals(op, outputs))
        self.append(Apply(op.name, op.forward, templates, tuple(registers)))
        return result

    def _template(self, argument: Any) -> Any:
        if isinstance(argument, Tensor):
            return self.lift(argument._data, argument).register
        if isinstance(argument, list):
            return [self._template(a) for a in argument]
        return argument

    def _residuals(self, op: Any, outputs: list[Tensor]) -> list[Register | None]:
        """Registers for what the forward returned beside its outputs and the node keeps."""
        count = getattr(op, "n_residuals", 0)
        if not count:
            return []
        edge = next((t._edge for t in outputs if isinstance(t._edge, Node)), None)
        registers: list[Register | None] = [None] * count
        if edge is not None:
            node = _core.visible(edge)[0]
            for j, (kind, index, _) in enumerate(op.saves):
                if kind == "residual":
                    registers[index] = self.note(getattr(node, f"s{j}"))
        return registers

    def namespace(self, k: Any) -> Any:
        """First-order backward records its formulas over REC; TEN's ops record themselves."""
        if not self.active or threading.get_ident() != self.thread:
            return k
        return self.k if k is None else k

    def write(self, x: Tensor, result: Tensor) -> None:
        """An in-place op: the memory of `x` takes the value of `result`."""
        target = self.lift(x._data, x).register
        value = self.lift(result._data, result).register
        x._data[...] = result._data
        self.append(Write(target, value, x))

    def draw(
        self, generator: Any, kind: str, shape: Any, dtype: Any, parameters: tuple[Any, ...]
    ) -> Any:
        """Random numbers: drawn anew, from the generator's present state, at every replay."""
        if not self.active or threading.get_ident() != self.thread:
            return NotImplemented
        from .._ops import random

        templates = tuple(self._template(p) for p in parameters)
        array = random.draw_array(generator, kind, shape, dtype, parameters)
        register = self.note(array)

        def again(*found: Any) -> Any:
            return random.draw_array(generator, kind, shape, dtype, found)

        self.append(Draw(kind, generator, again, templates, (register,)))
        return wrap(array)

    def draw_into(
        self, t: Tensor, generator: Any, kind: str, parameters: tuple[Any, ...]
    ) -> Any:
        """The same, into the memory of `t`."""
        if not self.active or threading.get_ident() != self.thread:
            return NotImplemented
        from .._ops import random

        templates = tuple(self._template(p) for p in parameters)
        target = self.lift(t._data, t).register
        random.fill_array(t._data, generator, kind, parameters)
        place = self.program.places.get(target.number)
        storage = None if place is None else place.storage
        if storage is not None and storage.kind == "constant" and t._data.size == storage.size:
            # What a constructor left there is gone: the numbers are what it holds.
            storage.kind, storage.array = "made", None
            self.program.constants[target.number] = np.empty_like(t._data)

        def again(array: Any, *found: Any) -> Any:
            random.fill_array(array, generator, kind, found)
            return array

        self.append(Draw(kind, generator, again, (target, *templates), (target,)))
        return t

    def accumulate(self, leaf: Tensor, g: Rec) -> None:
        """A gradient reaches a leaf: added to `.grad`, whatever it is at the time."""
        before = leaf._grad
        if before is not None:
            self.read_grad(leaf, before)
        array = _accumulate(leaf, g.value)
        register = self.note(array) if array is not None else self.program.register()
        own = self.memory.find(leaf._data)
        internal = own is not None and own.storage.kind in ("made", "constant")
        act = Accumulate(leaf, g.register, register, before is None, _accumulate)
        act.internal = internal
        self.append(act)

    def set_grad(self, leaf: Tensor, value: Tensor | None) -> None:
        """``leaf.grad = value``."""
        from .._tensor.attributes import store_grad

        if value is None:
            act = Act("drop_grad", store_grad, (leaf, None))
        else:
            register = self.lift(value._data, value).register
            act = Act(
                "set_grad", lambda owner, array: store_grad(owner, wrap(array)), (leaf, register)
            )
        act.owner = leaf
        self.append(act)

    def read_grad(self, leaf: Tensor, grad: Tensor) -> None:
        """``leaf.grad`` is read: a gradient from before the step is found through its leaf."""
        if id(grad._data) not in self._registers:
            register = self.note(grad._data, "grad", leaf)
            self.append(Read("grad", lambda: _grad_array(leaf), register))

    def scheduler_step(self, scheduler: Any, argument: Any) -> None:
        """A schedule moves on, as it does after this; a replay repeats it.

        Raises:
            RuntimeError: it looks at a value (ReduceLROnPlateau).
        """
        if isinstance(argument, Tensor):
            self.reads(argument, "scheduler.step(metric)")
        arguments = () if argument is None else (argument,)
        act = Act("scheduler_step", lambda: scheduler.step(*arguments), ())
        act.owner = scheduler
        self.append(act)

    def zero_grad(self, optimizer: Any, set_to_none: bool) -> None:
        """``optimizer.zero_grad()``; the optimizer does its work itself after this."""
        if not set_to_none:
            for group in optimizer.param_groups:
                for p in group["params"]:
                    if p._grad is not None:
                        self.read_grad(p, p._grad)
        act = Act("zero_grad", lambda: optimizer.zero_grad(set_to_none), ())
        act.owner = optimizer, set_to_none
        self.append(act)

    def optimizer_step(
        self,
        optimizer: Any,
        group: dict[str, Any],
        rule: Any,
        parameter: Tensor,
        state: dict[str, Tensor],
        scalars: dict[str, Callable[[], float]],
        attributes: dict[str, Any],
    ) -> None:
        """One parameter's update, as equations of the optimizer's formula.

        Arrays of the state are cells; its counts and the hyperparameters are scalars that are read
        at every replay, so that neither a rate nor a step count is baked in.
        """
        k = self.k
        grad = parameter._grad
        assert grad is not None
        self.read_grad(parameter, grad)
        p = self.lift(parameter._data, parameter)
        g = self.lift(grad._data, grad)
        arrays = [self._state(state.get(n)) for n in rule.states]
        counts = [self.scalar(_number_of(state[n]), state[n]) for n in rule.counts]
        numbers = {n: self.scalar(read, None, group) for n, read in scalars.items()}
        self.program.updates.append(
            (optimizer, group, attributes, [state[n] for n in rule.counts])
        )
        results = rule(k, p, g, *arrays, *counts, **numbers, **attributes)
        owners = [parameter, *(state.get(n) for n in (*rule.states, *rule.counts))]
        targets = [p, *arrays, *(self.lift(state[n]._data, state[n]) for n in rule.counts)]
        for owner, target, new in zip(owners, targets, results, strict=True):
            if owner is None or target is None or new is target:
                continue
            value, template = (new.value, new.register) if type(new) is Rec else (new, new)
            owner._data[...] = value
            counted = owner if owner is parameter else None
            if counted is not None:
                _core.bump(counted)
            self.append(Write(target.register, template, counted))

    def _state(self, t: Tensor | None) -> Rec | None:
        return None if t is None else self.lift(t._data, t)

    def reads(self, t: Tensor, what: str) -> None:
        """User code looks at a value: a replay would not."""
        if self.active and threading.get_ident() == self.thread:
            raise RuntimeError(
                f"{what} inside a recorded step: the value is not known when the step is replayed; "
                "return the tensor and look at it after the call"
            )


def _window_of(shown: Place, place: Place) -> Callable[[Any], Any]:
    """Finds the memory of `place` in an array at the place `shown`."""
    offset = place.offset - shown.offset

    def window(array: Any) -> Any:
        size = array.itemsize
        start = array.__array_interface__["data"][0] + offset * size
        strides = tuple(s * size for s in place.strides)
        return np.asarray(_Memory(start, place.shape, strides, array))

    return window


class _Memory:
    """Memory as NumPy's array interface describes it; keeps its owner alive."""

    def __init__(self, address: int, shape: Any, strides: Any, owner: Any) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "version": 3, "data": (address, False), "shape": shape, "strides": strides,
            "typestr": owner.dtype.str,
        }  # fmt: skip


def _number_of(t: Tensor) -> Callable[[], float]:
    return lambda: float(t._data)


def record(step: Callable[..., Any], *arguments: Any) -> tuple[Any, Program]:
    """Run ``step(*arguments)`` for real; return its result and the program that repeats it.

    The first call of a step makes state that later calls find (momentum buffers, for one): record
    a later one.

    Raises:
        RuntimeError: the step looks at a value (``item()``, ``if loss > 1``), or another handler
            is active.

    >>> import rushlight as torch
    >>> from rushlight.compiler.record import record
    >>> x = torch.tensor([1., 2.])
    >>> doubled, program = record(lambda t: t * 2 + 1, x)
    >>> program.replay(torch.tensor([3., 4.]))
    tensor([7., 9.])
    """
    if ctx.handler is not None:
        raise RuntimeError("another handler is active: steps are not recorded inside one another")
    recorder = Recorder()
    for i, t in enumerate(_tensors(arguments)):
        recorder.program.arguments.append(recorder.note(t._data, "argument", i))
    ctx.handler = recorder
    try:
        result = step(*arguments)
    finally:
        ctx.handler = None
    recorder.program.result = _template_of(result, recorder)
    return result, recorder.program


def _template_of(result: Any, recorder: Recorder) -> Any:
    if isinstance(result, Tensor):
        return recorder.lift(result._data, result).register
    if isinstance(result, list | tuple):
        return type(result)(_template_of(r, recorder) for r in result)
    if isinstance(result, dict):
        return {k: _template_of(r, recorder) for k, r in result.items()}
    return result
