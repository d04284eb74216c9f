"""A recorded step: registers, instructions, and an interpreter that replays them with NumPy.

Registers hold arrays or Python numbers. Instructions run in the order of the recording and write
to the same memory that the eager step wrote to: a view op gives a view, an in-place op writes
through it. What differs from call to call is never stored in an instruction but read anew:

* arguments: the tensors passed to this call;
* cells: tensors from outside, held as objects whose array is read on every call;
* gradients: ``leaf.grad`` as it stands when the instruction runs;
* scalars: learning rates, step counts and other numbers of their owner;
* draws: random numbers, taken from the generator's present state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import Tensor, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from .places import Place


class Register:
    """The number of a slot in a program's environment, standing for a value in an instruction."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __repr__(self) -> str:
        return f"%{self.number}"


class Instruction:
    """One step of a program. `run` reads and writes the environment."""

    __slots__ = ()

    def run(self, environment: list[Any]) -> None:
        raise NotImplementedError(f"replaying {type(self).__name__}")


def _value(template: Any, environment: list[Any]) -> Any:
    if type(template) is Register:
        return environment[template.number]
    if type(template) is list:
        return [_value(t, environment) for t in template]
    if type(template) is tuple:
        return tuple(_value(t, environment) for t in template)
    return template


class Apply(Instruction):
    """``outputs = function(*arguments)``: an op, a formula's kernel, scalar arithmetic."""

    __slots__ = ("arguments", "function", "name", "outputs")

    def __init__(
        self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...],
        outputs: tuple[Register | None, ...],
    ) -> None:  # fmt: skip
        self.name = name
        self.function = function
        self.arguments = arguments
        self.outputs = outputs

    def run(self, environment: list[Any]) -> None:
        found = self.function(*[_value(a, environment) for a in self.arguments])
        if type(found) not in (tuple, list):
            found = (found,)
        for register, value in zip(self.outputs, found, strict=False):
            if register is not None:
                environment[register.number] = value

    def __repr__(self) -> str:
        left = ", ".join("_" if o is None else repr(o) for o in self.outputs)
        right = ", ".join(_short(a) for a in self.arguments)
        return f"{left} = {self.name}({right})"


def _short(argument: Any) -> str:
    plain = (Register, int, float, bool, str, tuple, list, type(None))
    return repr(argument) if type(argument) in plain else type(argument).__name__


class Read(Instruction):
    """``output = read()``: a cell, a gradient, a scalar. `owner`: where a tensor's number lies."""

    __slots__ = ("group", "output", "owner", "read", "what")
    group: Any

    def __init__(
        self, what: str, read: Callable[[], Any], output: Register, owner: Place | None = None
    ) -> None:
        self.what = what
        self.read = read
        self.output = output
        self.owner = owner
        self.group = None

    def run(self, environment: list[Any]) -> None:
        environment[self.output.number] = self.read()

    def __repr__(self) -> str:
        return f"{self.output!r} = {self.what}"


class Draw(Apply):
    """Random numbers, from the generator's state at this moment; perhaps into memory there is."""

    __slots__ = ("generator", "kind")

    def __init__(
        self, kind: str, generator: Any, function: Callable[..., Any], arguments: tuple[Any, ...],
        outputs: tuple[Register | None, ...],
    ) -> None:  # fmt: skip
        super().__init__(f"draw {kind}", function, arguments, outputs)
        self.kind = kind
        self.generator = generator


class Write(Instruction):
    """``target[...] = value``, and a new version of the tensor written to."""

    __slots__ = ("cell", "target", "value")

    def __init__(self, target: Register, value: Any, cell: Tensor | None) -> None:
        self.target = target
        self.value = value
        self.cell = cell

    def run(self, environment: list[Any]) -> None:
        environment[self.target.number][...] = _value(self.value, environment)
        if self.cell is not None:
            _core.bump(self.cell)

    def __repr__(self) -> str:
        return f"{self.target!r}[...] = {self.value!r}"


class Act(Instruction):
    """A host action of the library: accumulate a gradient, drop one, draw, count a step."""

    __slots__ = ("act", "arguments", "output", "owner", "what")
    owner: Any

    def __init__(
        self, what: str, act: Callable[..., Any], arguments: tuple[Any, ...],
        output: Register | None = None,
    ) -> None:  # fmt: skip
        self.what = what
        self.act = act
        self.arguments = arguments
        self.output = output

    def run(self, environment: list[Any]) -> None:
        found = self.act(*[_value(a, environment) for a in self.arguments])
        if self.output is not None:
            environment[self.output.number] = found

    def __repr__(self) -> str:
        left = "" if self.output is None else f"{self.output!r} = "
        return f"{left}{self.what}({', '.join(_short(a) for a in self.arguments)})"


class Accumulate(Act):
    """A gradient reaches a leaf.

    Attributes:
        fresh: it had none, so that the value becomes its gradient.
        internal: the leaf was made by the step and is gone with it.
    """

    __slots__ = ("fresh", "internal", "leaf", "value")
    internal: bool

    def __init__(
        self, leaf: Tensor, value: Register, output: Register, fresh: bool,
        act: Callable[..., Any],
    ) -> None:  # fmt: skip
        super().__init__("accumulate", act, (leaf, value), output)
        self.leaf = leaf
        self.value = value
        self.fresh = fresh


class Program:
    """What one call of a step did.

    Attributes:
        arguments: the registers of the tensors passed in, in order.
        instructions: what was done, in order.
        places: register number -> the memory it shows, for arrays.
        updates: (optimizer, group, attributes, counts) of every parameter that was updated.
        result: the returned value with registers in place of tensors.
    """

    def __init__(self) -> None:
        self.size = 0
        self.places: dict[int, Place] = {}
        self.arguments: list[Register] = []
        self.instructions: list[Instruction] = []
        self.constants: dict[int, Any] = {}
        self.updates: list[tuple[Any, dict[str, Any], dict[str, Any], list[Tensor]]] = []
        self.result: Any = None

    def register(self) -> Register:
        made = Register(self.size)
        self.size += 1
        return made

    def replay(self, *arguments: Any) -> Any:
        """Do again what was recorded, with other tensors as arguments.

        Raises:
            TypeError: another number of tensors, or other shapes or dtypes, than recorded.
        """
        environment: list[Any] = [None] * self.size
        for number, value in self.constants.items():
            environment[number] = value
        given = list(_tensors(arguments))
        if len(given) != len(self.arguments):
            raise TypeError(
                f"the step was recorded with {len(self.arguments)} tensors, not {len(given)}"
            )
        for register, t in zip(self.arguments, given, strict=True):
            environment[register.number] = t._data
        with _core.quiet():
            for instruction in self.instructions:
                instruction.run(environment)
        return _returned(self.result, environment)

    def __str__(self) -> str:
        return "\n".join(repr(i) for i in self.instructions)


def _tensors(value: Any) -> Any:
    """The tensors in nested arguments, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)


def _returned(template: Any, environment: list[Any]) -> Any:
    """Fresh tensors for what the step returned (capture contract, rule 13)."""
    if type(template) is Register:
        return wrap(np.array(environment[template.number]))
    if isinstance(template, list):
        return [_returned(t, environment) for t in template]
    if isinstance(template, tuple):
        return tuple(_returned(t, environment) for t in template)
    if isinstance(template, dict):
        return {k: _returned(t, environment) for k, t in template.items()}
    return template
