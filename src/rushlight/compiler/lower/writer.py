"""A writer of LLVM text: values, blocks and counted loops in static single assignment form."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Loop:
    """A counted loop that is being written.

    Attributes:
        index: the i64 that counts.
        values: the values carried into this round.
        results: the carried values after the loop, once it is written.
    """

    __slots__ = ("carry", "index", "results", "values")

    def __init__(self, index: str, values: list[str]) -> None:
        self.index = index
        self.values = values
        self.carry: list[str] = list(values)
        self.results: list[str] = []


class Writer:
    """Lines of one function.

    Operands are texts without their type: "%12", "7", "zeroinitializer".
    """

    __slots__ = ("_block", "_count", "head", "lines")

    def __init__(self, head: str) -> None:
        self.head = head
        self.lines: list[str] = ["entry:"]
        self._block = "entry"
        self._count = 0

    def text(self) -> str:
        """The whole function."""
        return "\n".join([f"define {self.head} {{", *self.lines, "}", ""])

    def name(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def set(self, right: str) -> str:
        """A new value."""
        name = self.name()
        self.lines.append(f"  {name} = {right}")
        return name

    def do(self, line: str) -> None:
        self.lines.append(f"  {line}")

    def label(self) -> str:
        self._count += 1
        return f"l{self._count}"

    def place(self, label: str) -> None:
        """Begin a block."""
        self.lines.append(f"{label}:")
        self._block = label

    def jump(self, label: str) -> None:
        self.do(f"br label %{label}")

    def branch(self, condition: str, yes: str, no: str) -> None:
        self.do(f"br i1 {condition}, label %{yes}, label %{no}")

    def ret(self) -> None:
        self.do("ret void")

    # Integers

    def _int(self, op: str, a: str | int, b: str | int) -> str:
        return self.set(f"{op} i64 {a}, {b}")

    def add(self, a: str | int, b: str | int) -> str:
        return self._int("add", a, b)

    def sub(self, a: str | int, b: str | int) -> str:
        return self._int("sub", a, b)

    def mul(self, a: str | int, b: str | int) -> str:
        return self._int("mul", a, b)

    def udiv(self, a: str | int, b: str | int) -> str:
        return self._int("udiv", a, b)

    def urem(self, a: str | int, b: str | int) -> str:
        return self._int("urem", a, b)

    def test(self, relation: str, a: str | int, b: str | int) -> str:
        return self.set(f"icmp {relation} i64 {a}, {b}")

    def select(self, condition: str, a: str | int, b: str | int, kind: str = "i64") -> str:
        return self.set(f"select i1 {condition}, {kind} {a}, {kind} {b}")

    def min(self, a: str | int, b: str | int) -> str:
        return self.select(self.test("slt", a, b), a, b)

    # Memory

    def at(self, pointer: str, offset: str | int) -> str:
        """The address so many bytes behind a pointer."""
        return self.set(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def load(self, kind: str, pointer: str, align: int = 8) -> str:
        return self.set(f"load {kind}, ptr {pointer}, align {align}")

    def store(self, kind: str, value: str, pointer: str, align: int = 8) -> None:
        self.do(f"store {kind} {value}, ptr {pointer}, align {align}")

    # Vectors

    def splat(self, scalar: str, kind: str, lanes: int) -> str:
        """A vector with one scalar in all its lanes."""
        vector = f"<{lanes} x {kind}>"
        one = self.set(f"insertelement {vector} poison, {kind} {scalar}, i64 0")
        return self.set(
            f"shufflevector {vector} {one}, {vector} poison, <{lanes} x i32> zeroinitializer"
        )

    # Control

    @contextmanager
    def loop(
        self, start: str | int, stop: str | int, step: str | int = 1,
        carried: Sequence[tuple[str, str]] = (),
    ) -> Iterator[Loop]:  # fmt: skip
        """``for index in range(start, stop, step)``, with values carried from round to round.

        `carried`: (type, first value) of each. Its body sets `loop.carry` to the next ones.
        """
        before = self._block
        head, body, done = self.label(), self.label(), self.label()
        index = self.name()
        names = [self.name() for _ in carried]
        self.jump(head)
        self.place(head)
        slot = len(self.lines)
        more = self.test("slt", index, stop)
        self.branch(more, body, done)
        self.place(body)
        made = Loop(index, names)
        yield made
        after = self._block
        following = self.add(index, step)
        self.jump(head)
        phis = [f"  {index} = phi i64 [ {start}, %{before} ], [ {following}, %{after} ]"]
        for (kind, first), name, last in zip(carried, names, made.carry, strict=True):
            phis.append(f"  {name} = phi {kind} [ {first}, %{before} ], [ {last}, %{after} ]")
        self.lines[slot:slot] = phis
        self.place(done)
        made.results = names

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """``if condition:``; nothing is handed out of it."""
        body, done = self.label(), self.label()
        self.branch(condition, body, done)
        self.place(body)
        yield
        self.jump(done)
        self.place(done)

    def choose(
        self, condition: str, kinds: Sequence[str], yes: object, no: object
    ) -> list[str]:
        """``yes() if condition else no()``, values of these types."""
        a, b, done = self.label(), self.label(), self.label()
        self.branch(condition, a, b)
        values = []
        ends = []
        for label, function in ((a, yes), (b, no)):
            self.place(label)
            values.append(function())  # type: ignore[operator]
            ends.append(self._block)
            self.jump(done)
        self.place(done)
        return [
            self.set(f"phi {kind} [ {p}, %{ends[0]} ], [ {q}, %{ends[1]} ]")
            for kind, p, q in zip(kinds, *values, strict=True)
        ]
