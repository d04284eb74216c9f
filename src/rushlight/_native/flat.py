"""Loops over contiguous elements for arrays of any length.

The compiler makes the loops for one length and finds all addresses in them from the outside. Here
they get another outside, which reads the length when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..compiler.ir import Buffer, Map, View
from ..compiler.loop import loop_of
from ..compiler.lower.known import views_of
from ..compiler.lower.loops import lower_body
from ..compiler.lower.module import Emitted
from ..compiler.lower.target import Target
from ..compiler.lower.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..compiler.ir import Expr

#: The length for which loops are made: long, and no multiple of any number of lanes, so that the
#: loops have an end for the elements that fill no vector.
LENGTH = (1 << 20) + 1
#: Threads share an array in multiples of so many elements: no line of the cache is written by two.
UNIT = 64


class Operand:
    """An array of a flat loop: `buffer` in the formula's views.

    Attributes:
        single: whether it is one number for all elements.
    """

    __slots__ = ("buffer", "offset", "single")

    def __init__(self, buffer: Buffer, single: bool = False, offset: int = 0) -> None:
        self.buffer = buffer
        self.single = single
        self.offset = offset

    def view(self) -> View:
        return View(self.buffer, self.offset, (LENGTH,), (0 if self.single else 1,))


def operand(number: int, dtype: Any) -> Operand:
    """An array, to be found in entry `number` of the table."""
    return Operand(_buffer(number, LENGTH, dtype))


def single(buffer: Buffer, offset: int) -> Operand:
    """Number `offset` of those in a buffer."""
    return Operand(buffer, True, offset)


def numbers(number: int, count: int, dtype: Any) -> Buffer:
    """A buffer of single numbers, to be found in entry `number` of the table."""
    return _buffer(number, max(1, count), dtype)


def _buffer(number: int, size: int, dtype: Any) -> Buffer:
    made = Buffer(number, size, dtype, ("native", number))
    made.slot = number
    return made


class Flat:
    """A flat loop whose length stands in the table.

    Args:
        length: the entry of the table with the number of elements.
    """

    def __init__(
        self, name: str, inputs: Sequence[Operand], outputs: Sequence[Operand],
        expressions: Sequence[Expr], length: int,
    ) -> None:  # fmt: skip
        equation = Map(
            (LENGTH,), [x.view() for x in inputs], [x.view() for x in outputs], expressions, name
        )
        self.name = name
        self.length = length
        self._loop = loop_of(equation)
        self._lowered = lower_body(self._loop, Target.host())
        if self._lowered.flat is None:
            raise NotImplementedError(f"{name} is no flat loop")

    def outside(self) -> list[str]:
        """Lines that find the addresses and call the loops."""
        w = Writer("")
        n = w.load("i64", w.at("%p", 8 * self.length))
        low, high = share(w, n)
        self.call(w, {}, low, high, n)
        return w.lines[1:]

    def call(self, w: Writer, found: dict[Any, str], low: str, high: str, n: str) -> None:
        """The call of the loops for elements low to high of n.

        Args:
            found: the addresses of buffers that are not entries of the table.
        """
        views = list(views_of(self._loop))
        pointers = []
        for view in (views[at] for at in self._lowered.views):
            base = found.get(view.buffer)
            if base is None:
                base = w.load("ptr", w.at("%p", 8 * view.buffer.slot))
            offset = view.offset * view.dtype.itemsize
            pointers.append(f"ptr {w.at(base, offset) if offset else base}")
        assert self._lowered.flat is not None
        _, lanes = self._lowered.flat
        whole = w.mul(w.udiv(n, lanes), lanes)
        arguments = [*pointers, f"i64 {low}", f"i64 {w.min(high, whole)}", f"i64 {high}"]
        w.do(f"call void @{self._lowered.body}({', '.join(arguments)})")

    def emitted(self) -> Emitted:
        """Its code."""
        lines = ["define internal void @flat(ptr %p, i64 %tid, i64 %nt) {", "entry:"]
        lines += [*self.outside(), "  ret void", "}", *self._lowered.declared, ""]
        known = self._lowered
        return Emitted(
            self.name, "flat", "\n".join(lines), threads=True, flops=known.flops,
            bytes=known.bytes, shared=known.shared,
        )  # fmt: skip


def share(w: Writer, n: str) -> tuple[str, str]:
    """This thread's part of n elements."""
    units = w.udiv(w.add(n, UNIT - 1), UNIT)
    low = w.mul(w.udiv(w.mul("%tid", units), "%nt"), UNIT)
    following = w.mul(w.udiv(w.mul(w.add("%tid", 1), units), "%nt"), UNIT)
    return low, w.min(following, n)
