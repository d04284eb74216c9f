"""From a recorded program to a graph of loops over buffers.

Every storage of the recording becomes a buffer and every place a view; ops whose result is a window
of memory that is there already need nothing. The others are lowered by the function that
`lowering` registered for their row (the files in `rows/`), or run as a NumPy call inside the plan.

What happens to `.grad`s is followed symbolically: which leaves have one when the step begins, which
array it is, and which value it holds at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._core import OPS
from .builder import (
    DRAWS,
    KERNELS,
    LOWERINGS,
    Builder,
    NotLowered,
    convert_to,
    lowering,
    native,
    numel,
)  # fmt: skip
from .ir import F64, I64, Buffer, View
from .program import Accumulate, Act, Apply, Draw, Program, Read, Register, Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from .places import Place, Storage

class NotReplayable(Exception):
    """The step did something that a plan cannot repeat."""


def _governs(scheduler: Any, group: Any) -> bool:
    """Whether a scheduler writes to a parameter group."""
    optimizer = getattr(scheduler, "optimizer", None)
    return optimizer is None or any(g is group for g in optimizer.param_groups)


class Tracer(Builder):
    """Builds the graph of one program.

    Attributes:
        graph: what is being built.
        scalars: the functions that read the numbers of a call, in the order of their entries,
            each with the parameter group that it reads.
        acts: host actions, as (position among the graph's equations, act).
        gradients: leaf -> the storage of its `.grad` at the end (None: it has none).
        entry: leaf -> True or False: whether it must have a `.grad` when the step begins.
        checks: (indices, low, high): what must hold before the step may run natively.
        bumps: tensors whose version counts up, once for every write.
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program
        self.scalars: list[tuple[Callable[[], float], Any]] = []
        self.scalar_buffer = self.graph.buffer(0, F64, ("scalars",))
        self.acts: list[tuple[int, Act]] = []
        self.gradients: dict[int, tuple[Any, Place | None]] = {}
        self.entry: dict[int, tuple[Any, bool]] = {}
        self.bumps: list[Any] = []
        self.checks: list[tuple[Any, ...]] = []
        self._buffers: dict[int, Buffer] = {}
        self._numbers: dict[int, Any] = {}
        self._entries: dict[int, int] = {}
        self._number_buffers.add(id(self.scalar_buffer))

    # ---- memory ------------------------------------------------------------------------------

    def buffer(self, storage: Storage) -> Buffer:
        found = self._buffers.get(storage.number)
        if found is None:
            source = None
            if storage.kind in ("argument", "named", "cotangent"):
                source = storage.kind, storage.owner
            elif storage.kind in ("cell", "grad"):
                source = storage.kind, storage.owner
            found = self.graph.buffer(storage.size, storage.dtype, source)
            if storage.kind == "constant":
                found.constant = storage.array
            self._buffers[storage.number] = found
        return found

    def view(self, register: Register) -> View:
        """The window that a register shows."""
        place = self.program.places[register.number]
        return self.at(place)

    def at(self, place: Place) -> View:
        return View(self.buffer(place.storage), place.offset, place.shape, place.strides)

    def written(self, view: View) -> View:
        """`view`, writable: constants are copied first."""
        old = view.buffer
        if old.constant is None:
            return view
        fresh = self.graph.buffer(old.size, old.dtype)
        shape, strides = (old.size,), (1,)
        self._copy(View(fresh, 0, shape, strides), View(old, 0, shape, strides))
        for number, b in self._buffers.items():
            if b is old:
                self._buffers[number] = fresh
        return View(fresh, view.offset, view.shape, view.strides)

    # ---- the program -------------------------------------------------------------------------

    def run(self, forward: int | None = None) -> int:
        """Trace the whole program; how many equations its first `forward` instructions make."""
        boundary = 0
        known: set[int] = {
            self.program.places[r.number].storage.number for r in self.program.arguments
        }
        for number, instruction in enumerate(self.program.instructions):
            if number == forward:
                boundary = len(self.graph.equations)
            self._instruction(instruction, known)
        self.scalar_buffer.size = len(self.scalars)
        if forward is None or forward >= len(self.program.instructions):
            boundary = len(self.graph.equations)
        return boundary

    def _instruction(self, instruction: Any, known: set[int]) -> None:
        if isinstance(instruction, Draw):
            self.origin = instruction.name
            self._draw(instruction, known)
        elif isinstance(instruction, Apply):
            self.origin = instruction.name
            self._apply(instruction, known)
        elif isinstance(instruction, Read):
            self._read(instruction, known)
        elif isinstance(instruction, Write):
            self.origin = "write"
            self._write(instruction)
        elif isinstance(instruction, Accumulate):
            self.origin = "accumulate"
            self._accumulate(instruction)
        elif isinstance(instruction, Act):
            self._act(instruction)
        else:
            raise NotImplementedError(f"tracing {type(instruction).__name__}")

    def argument(self, template: Any) -> Any:
        """What a lowering gets for an argument of an instruction."""
        if type(template) is Register:
            if template.number in self._numbers:
                return self._numbers[template.number]
            if template.number not in self.program.places:
                raise NotLowered("a value without memory")
            return self.view(template)
        if type(template) is list:
            return [self.argument(t) for t in template]
        if type(template) is tuple:
            return tuple(self.argument(t) for t in template)
        return template

    def _apply(self, instruction: Apply, known: set[int]) -> None:
        arguments = [self.argument(a) for a in instruction.arguments]
        numbers = [r for r in instruction.outputs if r is not None and self._is_number(r)]
        if numbers:
            self._scalar(instruction, arguments)
            return
        outputs: list[View | None] = []
        wanted: list[View | None] = []
        fresh: list[int] = []
        for register in instruction.outputs:
            place = None if register is None else self.program.places[register.number]
            if (
                place is None or place.storage.kind != "made" or place.storage.number in known
            ):
                outputs.append(None)
                wanted.append(None)
            else:
                fresh.append(place.storage.number)
                outputs.append(self.at(place))
                wanted.append(outputs[-1])
        known.update(fresh)
        if not fresh:
            return
        lower = LOWERINGS.get(instruction.name)
        before = len(self.graph.equations)
        why = f"{instruction.name} has no native lowering"
        if lower is not None:
            try:
                for o in wanted:
                    if o is not None:
                        self.check(o)
                lower(self, arguments, wanted)
                return
            except NotLowered as refusal:
                del self.graph.equations[before:]
                why = str(refusal) or why
        self.host(instruction.name, instruction.function, arguments, outputs, why)

    def _is_number(self, register: Register) -> bool:
        return register.number not in self.program.places

    def _scalar(self, instruction: Apply, arguments: list[Any]) -> None:
        """Arithmetic on numbers: 0-d float64 equations."""
        from .rows.pointwise import SCALARS

        register = instruction.outputs[0]
        assert register is not None
        made = self.temporary((), F64)
        self._number_buffers.add(id(made.buffer))
        formula = SCALARS.get(instruction.name)
        if formula is None:
            self.host(instruction.name, instruction.function, arguments, [made], "a number")
        else:
            self.map(made, arguments, formula)
        self._numbers[register.number] = made

    def _read(self, instruction: Read, known: set[int]) -> None:
        register = instruction.output
        place = self.program.places.get(register.number)
        if place is None:
            self._numbers[register.number] = self._number(instruction)
            return
        known.add(place.storage.number)
        if place.storage.kind == "grad":
            leaf = place.storage.owner
            if id(leaf) not in self.gradients:
                self.entry[id(leaf)] = leaf, True
                self.gradients[id(leaf)] = leaf, place

    def _number(self, instruction: Read) -> View:
        """A number of the library's own: read in Python on every call, or from its tensor."""
        if instruction.owner is not None:
            place = instruction.owner
            made = self.temporary((), F64)
            self._number_buffers.add(id(made.buffer))
            self.map(made, [self.at(place)], lambda v: v)
            return made
        entry = self._entries.get(id(instruction.read))
        if entry is None:
            entry = self._entries[id(instruction.read)] = len(self.scalars)
            self.scalars.append((instruction.read, instruction.group))
            if any(
                act.what == "scheduler_step" and _governs(act.owner, instruction.group)
                for _, act in self.acts
            ):
                raise NotReplayable("a learning rate is read after scheduler.step()")
        return View(self.scalar_buffer, entry, (), ())

    def _draw(self, instruction: Draw, known: set[int]) -> None:
        register = instruction.outputs[0]
        assert register is not None
        known.add(self.program.places[register.number].storage.number)
        target = self.written(self.view(register))
        arguments = list(instruction.arguments)
        into = arguments and type(arguments[0]) is Register and (
            arguments[0].number == register.number
        )
        values = [target if into and i == 0 else self.argument(a) for i, a in enumerate(arguments)]
        from .rows.random import words

        lower = DRAWS.get(instruction.kind)
        before = len(self.graph.equations)
        why = "random numbers without a native form"
        if lower is not None:
            try:
                lower(self, instruction.generator, values[1:] if into else values, target)
                return
            except NotLowered as refusal:
                del self.graph.equations[before:]
                why = str(refusal) or why
        # The state of the generator, too: draws keep their order.
        outputs: list[View | None] = [target, words(self, instruction.generator)]
        self.host(instruction.name, instruction.function, values, outputs, why)

    def _write(self, instruction: Write) -> None:
        target = self.written(self.view(instruction.target))
        value = self.argument(instruction.value)
        if isinstance(value, View) and (value.dtype.kind == "c" or not native(value.dtype)):
            self.host("copy", _same, [value], [target], f"{value.dtype} has no native loops")
        else:
            self.map(target, [value], lambda v: v)
        if instruction.cell is not None:
            self.bumps.append(instruction.cell)

    def _accumulate(self, instruction: Accumulate) -> None:
        leaf = instruction.leaf
        value = self.argument(instruction.value)
        place = self.program.places.get(instruction.output.number)  # type: ignore[union-attr]
        if place is None:
            return
        target = self.at(place)
        if instruction.internal:
            if instruction.fresh:
                self.map(target, [value], lambda v: v)
            else:
                self.map(target, [target, value], lambda a, b: a + b)
            return
        if id(leaf) not in self.gradients:
            self.entry[id(leaf)] = leaf, not instruction.fresh
        if not native(target.dtype):
            raise NotLowered(f"gradients of {target.dtype}")
        if instruction.fresh:
            self.map(target, [value], lambda v: v)
        else:
            self.map(target, [target, value], lambda a, b: a + b)
        self.gradients[id(leaf)] = leaf, place

    def _act(self, act: Act) -> None:
        if act.what == "zero_grad":
            optimizer, set_to_none = act.owner
            if set_to_none:
                for group in optimizer.param_groups:
                    for p in group["params"]:
                        self._dropped(p)
                return
            return
        if act.what == "drop_grad":
            self._dropped(act.owner)
        elif act.what == "set_grad":
            leaf = act.owner
            register = act.arguments[1]
            self.gradients[id(leaf)] = leaf, self.program.places[register.number]
        else:
            self.acts.append((len(self.graph.equations), act))

    def _dropped(self, leaf: Any) -> None:
        self.gradients[id(leaf)] = leaf, None


def _same(x: Any) -> Any:
    return x


__all__ = [
    "I64", "KERNELS", "LOWERINGS", "OPS", "NotLowered", "NotReplayable", "Tracer", "lowering",
    "convert_to", "native", "numel",
]  # fmt: skip
