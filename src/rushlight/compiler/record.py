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

import operator
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import FUSED, OPS, Namespace, Node, Tensor, ctx, wrap
from .._define.promote import invoke
from ..autograd import engine
from .program import Act, Apply, Program, Read, Register, Write, _tensors

if TYPE_CHECKING:
    from collections.abc import Callable


class Rec:
    """A value during recording: the real array or number, and the register that stands for it."""

    __slots__ = ("k", "register", "value")
    __array_priority__ = 2000

    def __init__(self, k: RecNamespace, value: Any, register: Register) -> None:
        self.k = k
        self.value = value
        self.register = register

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def dtype(self) -> Any:
        return self.value.dtype

    @property
    def ndim(self) -> int:
        return self.value.ndim

    def __neg__(self) -> Any:
        if _is_number(self.value):
            return self.k.arithmetic("neg", operator.sub, 0.0, self)
        return self.k.neg(self)

    def __bool__(self) -> bool:
        raise TypeError("a formula branches on a value; it may only branch on attributes")

    def __repr__(self) -> str:
        return f"Rec({self.register!r})"


def _binary(name: str, scalar: Callable[[Any, Any], Any], swapped: bool = False) -> Any:
    def method(self: Rec, other: Any) -> Any:
        a, b = (other, self) if swapped else (self, other)
        return self.k.arithmetic(name, scalar, a, b)

    return method


for _name, _op, _function in (
    ("add", "add", operator.add), ("sub", "sub", operator.sub), ("mul", "mul", operator.mul),
    ("truediv", "div", operator.truediv), ("pow", "pow_scalar", operator.pow),
    ("matmul", "mm", operator.matmul),
):  # fmt: skip
    setattr(Rec, f"__{_name}__", _binary(_op, _function))
    setattr(Rec, f"__r{_name}__", _binary(_op, _function, swapped=True))
for _name, _function in (
    ("eq", operator.eq), ("ne", operator.ne), ("lt", operator.lt), ("le", operator.le),
    ("gt", operator.gt), ("ge", operator.ge),
):  # fmt: skip
    setattr(Rec, f"__{_name}__", _binary(_name, _function))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, np.generic)


class RecNamespace(Namespace):
    """REC: values are `Rec`; ``k.cos(x)`` computes and appends an equation."""

    differentiable = False

    def __init__(self, recorder: Recorder) -> None:
        super().__init__("REC")
        self.recorder = recorder

    def __getattr__(self, name: str) -> Any:
        composed = FUSED.get(name)
        if composed is not None:
            return lambda *arguments: composed(self, *arguments)
        row = OPS.get(name)
        if row is None:
            raise AttributeError(f"REC has no kernel {name!r}: it is not a row")
        forward = row.forward

        def kernel(*arguments: Any) -> Any:
            numbers = [a.value if type(a) is Rec else a for a in arguments]
            if all(_is_number(n) for n in numbers) and any(type(a) is Rec for a in arguments):
                return self._apply(name, lambda *v: float(forward(*v)), arguments)
            return self._apply(name, forward, arguments)

        return kernel

    def _apply(self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        values = [_unwrapped(a, self.recorder) for a in arguments]
        found = function(*[v for v, _ in values])
        templates = tuple(t for _, t in values)
        if isinstance(found, tuple):
            outputs = tuple(self.recorder.note(np.asarray(f)) for f in found)
            self.recorder.append(Apply(name, function, templates, outputs))
            return tuple(
                Rec(self, np.asarray(f), r) for f, r in zip(found, outputs, strict=True)
            )
        if not _is_number(found):
            found = np.asarray(found)
        register = self.recorder.note(found)
        self.recorder.append(Apply(name, function, templates, (register,)))
        return Rec(self, found, register)

    def arithmetic(self, name: str, scalar: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
        """``a + b`` and the like: of arrays the op, of numbers Python's own."""
        values = [x.value if type(x) is Rec else x for x in (a, b)]
        if all(_is_number(v) for v in values) or name == "pow_scalar":
            return self._apply(name, scalar, (a, b))
        if name == "mm":
            return self._apply("matmul", np.matmul, (a, b))
        return getattr(self, name)(a, b)

    # What the namespaces share beside rows.

    def dtype_of(self, x: Rec) -> Any:
        return x.value.dtype

    def cast(self, x: Rec, dtype: Any) -> Any:
        if x.value.dtype == dtype:
            return x
        return self._apply("cast", lambda v, d: v.astype(d), (x, dtype))

    def constant(self, array: Any, like: Any) -> Any:
        return self.recorder.constant(np.asarray(array))

    def reshape(self, x: Rec, shape: Any) -> Any:
        return self._apply("reshape", lambda v, s: v.reshape(s), (x, tuple(shape)))

    def matmul(self, x: Any, y: Any) -> Any:
        return self._apply("matmul", np.matmul, (x, y))

    def load(self, node: Node, number: int, array: Any, edge: Any) -> Any:
        return self.recorder.lift(array)

    def show(self, g: Rec) -> Tensor:
        return wrap(g.value)

    def hide(self, t: Tensor) -> Rec:
        return self.recorder.lift(t._data, t)

    def start(self, array: Any) -> Rec:
        return self.recorder.constant(array)

    def accumulate(self, leaf: Tensor, g: Rec) -> None:
        self.recorder.accumulate(leaf, g)


def _unwrapped(argument: Any, recorder: Recorder) -> tuple[Any, Any]:
    """The real value of a kernel's argument and its template."""
    if type(argument) is Rec:
        return argument.value, argument.register
    if isinstance(argument, list):
        pairs = [_unwrapped(a, recorder) for a in argument]
        return [v for v, _ in pairs], [t for _, t in pairs]
    if isinstance(argument, np.ndarray):
        rec = recorder.lift(argument)
        return rec.value, rec.register
    return argument, argument


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
        self._registers: dict[int, Register] = {}
        self._alive: list[Any] = []  # keeps noted arrays, so that their ids stay theirs
        self._cells: dict[int, Tensor] = {}

    # ---- registers -------------------------------------------------------------------------

    def append(self, instruction: Any) -> None:
        self.program.instructions.append(instruction)

    def note(self, value: Any) -> Register:
        """A new register that holds `value` from now on."""
        register = self.program.register()
        if isinstance(value, np.ndarray):
            self._registers[id(value)] = register
            self._alive.append(value)
        return register

    def constant(self, array: Any) -> Rec:
        register = self.note(array)
        self.program.constants[register.number] = np.array(array)
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
        """`array` shows the same memory in the same way as a known one (``detach``, ``.data``)."""
        place = array.__array_interface__["data"][0], array.shape, array.strides, array.dtype
        for known in reversed(self._alive):
            if known.shape == array.shape and known.dtype == array.dtype:
                there = known.__array_interface__["data"][0], known.shape, known.strides
                if (*there, known.dtype) == place and known.size:
                    return self._registers[id(known)]
        return None

    def _cell(self, owner: Tensor) -> Register:
        register = self.note(owner._data)
        self._cells[register.number] = owner
        self.append(Read("cell", lambda: owner._data, register))
        return register

    def scalar(self, read: Callable[[], float]) -> Rec:
        """A number of the library's own (a learning rate, a step count), read on every call."""
        register = self.program.register()
        self.append(Read("scalar", read, register))
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

        self.active = False
        try:
            result = random.draw(generator, kind, shape, dtype, *parameters)
        finally:
            self.active = True
        array = result._data if isinstance(result, Tensor) else result
        register = self.note(array)

        def again() -> Any:
            drawn = random.draw(generator, kind, shape, dtype, *parameters)
            return drawn._data if isinstance(drawn, Tensor) else drawn

        self.append(Read(f"draw {kind}", again, register))
        return result

    def accumulate(self, leaf: Tensor, g: Rec) -> None:
        """A gradient reaches a leaf: added to `.grad`, whatever it is at the time."""
        array = _accumulate(leaf, g.value)
        register = self.note(array) if array is not None else self.program.register()
        self.append(Act("accumulate", _accumulate, (leaf, g.register), register))

    def set_grad(self, leaf: Tensor, value: Tensor | None) -> None:
        """``leaf.grad = value``."""
        from .._tensor.attributes import store_grad

        if value is None:
            self.append(Act("drop_grad", store_grad, (leaf, None)))
            return
        register = self.lift(value._data, value).register
        self.append(
            Act("set_grad", lambda owner, array: store_grad(owner, wrap(array)), (leaf, register))
        )

    def read_grad(self, leaf: Tensor, grad: Tensor) -> None:
        """``leaf.grad`` is read: a gradient from before the step is found through its leaf."""
        if id(grad._data) not in self._registers:
            register = self.note(grad._data)
            self.append(Read("grad", lambda: _grad_array(leaf), register))

    def scheduler_step(self, scheduler: Any, argument: Any) -> None:
        """A schedule moves on, as it does after this; a replay repeats it.

        Raises:
            RuntimeError: it looks at a value (ReduceLROnPlateau).
        """
        if isinstance(argument, Tensor):
            self.reads(argument, "scheduler.step(metric)")
        arguments = () if argument is None else (argument,)
        self.append(Act("scheduler_step", lambda: scheduler.step(*arguments), ()))

    def zero_grad(self, optimizer: Any, set_to_none: bool) -> None:
        """``optimizer.zero_grad()``; the optimizer does its work itself after this."""
        self.append(Act("zero_grad", lambda: optimizer.zero_grad(set_to_none), ()))

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
        counts = [self.scalar(_number_of(state[n])) for n in rule.counts]
        numbers = {n: self.scalar(read) for n, read in scalars.items()}
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
    for t in _tensors(arguments):
        recorder.program.arguments.append(recorder.note(t._data))
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
