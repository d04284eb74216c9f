"""A builder of LLVM text over values that are scalars or vectors, in loops.

A `Value` has one lane or many; where both meet, the scalar is spread. Every value knows the depth
of the loop it changes in, and each instruction is placed as far out as its operands allow, so
what does not change in a loop is computed before it. Equal instructions are written once.
"""

from __future__ import annotations

import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .target import Target

#: How elements are computed: dtype name -> LLVM scalar.
KINDS = {
    "bool": "i1", "int8": "i8", "uint8": "i8", "int16": "i16", "uint16": "i16", "int32": "i32",
    "uint32": "i32", "int64": "i64", "uint64": "i64", "float32": "float", "float64": "double",
    "float16": "float", "bfloat16": "float",
}  # fmt: skip

#: The part of an intrinsic's name that tells a scalar's type.
SHORT = {"float": "f32", "double": "f64"}

WIDTH = {"i1": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "float": 4, "double": 8, "ptr": 8}

_FLOATS = ("float", "double")


class Value:
    """Something computed, or a constant.

    Attributes:
        name: its text as a scalar operand.
        kind: the LLVM type of one lane.
        lanes: how many.
        level: the depth of the innermost loop in which it changes.
        constant: a Python number where it is known.
    """

    __slots__ = ("constant", "kind", "lanes", "level", "name")

    def __init__(
        self, name: str, kind: str, lanes: int = 1, level: int = 0, constant: Any = None
    ) -> None:
        self.name = name
        self.kind = kind
        self.lanes = lanes
        self.level = level
        self.constant = constant

    @property
    def type(self) -> str:
        return self.kind if self.lanes == 1 else f"<{self.lanes} x {self.kind}>"


#: Lanes that exist: the first so many, those of a vector of i1, or None for all.
Mask = int | Value | None


def kind_of(dtype: Any) -> str:
    """The LLVM scalar that elements of a dtype are computed in."""
    try:
        return KINDS[dtype.name]
    except KeyError:
        raise NotImplementedError(f"compiled loops over {dtype}") from None


def literal(value: Any, kind: str) -> str:
    """The text of a scalar constant."""
    if kind in _FLOATS:
        number = float(value)
        if kind == "float":
            with np.errstate(over="ignore"):
                number = float(np.float32(number))
        return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"
    if kind == "i1":
        return "true" if value else "false"
    bits = WIDTH[kind] * 8
    number = int(value) & ((1 << bits) - 1)
    return str(number - (1 << bits) if number >> (bits - 1) else number)


class Block:
    """The lines of one loop body, and what is known in it."""

    __slots__ = ("known", "label", "lines")

    def __init__(self, label: str) -> None:
        self.label = label
        self.lines: list[str] = []
        self.known: dict[str, Value] = {}


class Builder:
    """Writes the body of one function.

    Attributes:
        target: the processor.
        lanes: of the vectors of this function.
        shared: helper functions that the text calls: name -> definition.
        declared: declarations that it needs.
        repeats: whether what is made outside the innermost loop serves many rounds of it.
    """

    def __init__(self, target: Target, lanes: int) -> None:
        self.target = target
        self.lanes = lanes
        self.shared: dict[str, str] = {}
        self.declared: set[str] = set()
        self.repeats = False
        self._levels = [Block("entry")]
        self._count = 0

    # What is written where

    @property
    def depth(self) -> int:
        return len(self._levels) - 1

    def name(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def label(self) -> str:
        self._count += 1
        return f"l{self._count}"

    def body(self) -> str:
        """All lines so far."""
        return "\n".join(self._levels[0].lines)

    def do(self, line: str) -> None:
        """A line here and now: a store, a branch."""
        self._levels[-1].lines.append("  " + line)

    def set(self, text: str, kind: str, lanes: int, level: int) -> Value:
        """A value, written at its level unless an outer one knows it already."""
        for block in self._levels[: level + 1]:
            found = block.known.get(text)
            if found is not None:
                return found
        name = self.name()
        block = self._levels[level]
        block.lines.append(f"  {name} = {text}")
        value = block.known[text] = Value(name, kind, lanes, level)
        return value

    def here(self, text: str, kind: str, lanes: int = 1) -> Value:
        """A value that is made here and now: a load of what may change."""
        name = self.name()
        self._levels[-1].lines.append(f"  {name} = {text}")
        return Value(name, kind, lanes, self.depth)

    # Operands

    def const(self, value: Any, kind: str) -> Value:
        return Value(literal(value, kind), kind, 1, 0, value)

    def text(self, value: Value, lanes: int) -> str:
        """An operand as a vector of so many lanes, without its type."""
        if value.lanes == lanes:
            return value.name
        return self.spread(value, lanes).name

    def spread(self, value: Value, lanes: int) -> Value:
        """A scalar in all lanes of a vector."""
        if value.lanes == lanes:
            return value
        if value.constant is not None:
            return Value(f"splat ({value.kind} {value.name})", value.kind, lanes, 0, value.constant)
        vector = f"<{lanes} x {value.kind}>"
        one = self.set(
            f"insertelement {vector} poison, {value.kind} {value.name}, i64 0",
            value.kind, lanes, value.level,
        )  # fmt: skip
        return self.set(
            f"shufflevector {vector} {one.name}, {vector} poison, <{lanes} x i32> zeroinitializer",
            value.kind, lanes, value.level,
        )  # fmt: skip

    def _common(self, args: Sequence[Value]) -> tuple[int, int]:
        lanes = level = 1
        level = 0
        for a in args:
            if a.lanes > lanes:
                lanes = a.lanes
            if a.level > level:
                level = a.level
        return lanes, level

    # Instructions

    def binary(self, op: str, a: Value, b: Value) -> Value:
        lanes, level = self._common((a, b))
        kind = a.kind
        t = kind if lanes == 1 else f"<{lanes} x {kind}>"
        return self.set(
            f"{op} {t} {self.text(a, lanes)}, {self.text(b, lanes)}", kind, lanes, level
        )

    def compare(self, op: str, a: Value, b: Value) -> Value:
        """`op`: such as "fcmp olt" or "icmp eq"."""
        lanes, level = self._common((a, b))
        t = a.kind if lanes == 1 else f"<{lanes} x {a.kind}>"
        return self.set(
            f"{op} {t} {self.text(a, lanes)}, {self.text(b, lanes)}", "i1", lanes, level
        )

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        if condition.constant is not None:
            return a if condition.constant else b
        lanes, level = self._common((condition, a, b))
        t = a.kind if lanes == 1 else f"<{lanes} x {a.kind}>"
        i = "i1" if lanes == 1 else f"<{lanes} x i1>"
        return self.set(
            f"select {i} {self.text(condition, lanes)}, {t} {self.text(a, lanes)}, "
            f"{t} {self.text(b, lanes)}", a.kind, lanes, level,
        )  # fmt: skip

    def convert(self, op: str, a: Value, kind: str) -> Value:
        """`op`: such as "fpext" or "bitcast"."""
        if a.constant is not None and op == "bitcast":
            a = self.set(f"freeze {a.kind} {a.name}", a.kind, 1, 0)
        t = kind if a.lanes == 1 else f"<{a.lanes} x {kind}>"
        return self.set(f"{op} {a.type} {a.name} to {t}", kind, a.lanes, a.level)

    def intrinsic(self, name: str, *args: Value, kind: str | None = None, extra: str = "") -> Value:
        """A call of ``llvm.<name>`` for the type of the first operand."""
        lanes, level = self._common(args)
        scalar = args[0].kind
        t = scalar if lanes == 1 else f"<{lanes} x {scalar}>"
        short = SHORT.get(scalar, scalar)
        full = f"@llvm.{name}.{short if lanes == 1 else f'v{lanes}{short}'}"
        tail = f", {extra}" if extra else ""
        shown = ", ".join(f"{t} {self.text(a, lanes)}" for a in args)
        types = ", ".join([t] * len(args)) + (", i1" if extra else "")
        self.declared.add(f"declare {t} {full}({types})")
        return self.set(f"call {t} {full}({shown}{tail})", scalar, lanes, level)

    def intrinsic_exponent(self, name: str, a: Value, n: Value) -> Value:
        """``llvm.ldexp``: a * 2^n for an i32 n."""
        lanes, level = self._common((a, n))
        kind = a.kind
        t, i = (kind, "i32") if lanes == 1 else (f"<{lanes} x {kind}>", f"<{lanes} x i32>")
        short = SHORT[kind]
        if lanes > 1:
            full = f"@llvm.{name}.v{lanes}{short}.v{lanes}i32"
        else:
            full = f"@llvm.{name}.{short}.i32"
        self.declared.add(f"declare {t} {full}({t}, {i})")
        return self.set(
            f"call {t} {full}({t} {self.text(a, lanes)}, {i} {self.text(n, lanes)})",
            kind, lanes, level,
        )  # fmt: skip

    def helper(
        self, name: str, body: Callable[..., Value], args: Sequence[Value], kind: str
    ) -> Value:
        """A call of a function of its own, written by `body(builder, *parameters)`."""
        full = f"rl.{name}"
        lanes = max(a.lanes for a in args)
        if full not in self.shared:
            inner = Builder(self.target, lanes)
            parameters = [Value(f"%x{i}", a.kind, lanes) for i, a in enumerate(args)]
            result = body(inner, *parameters)
            shown = ", ".join(f"{p.type} {p.name}" for p in parameters)
            result = inner.spread(result, lanes)
            self.shared[full] = (
                f"define internal {result.type} @{full}({shown}) {{\nentry:\n{inner.body()}\n"
                f"  ret {result.type} {result.name}\n}}\n"
            )
            self.declared |= inner.declared
            self.shared.update(inner.shared)
        return self.call(full, args, kind, lanes)

    def call(self, function: str, args: Sequence[Value], kind: str, lanes: int) -> Value:
        """A call of a helper without side effects."""
        level = max(a.level for a in args)
        t = kind if lanes == 1 else f"<{lanes} x {kind}>"
        shown = ", ".join(
            f"{a.kind if lanes == 1 else f'<{lanes} x {a.kind}>'} {self.text(a, lanes)}"
            for a in args
        )
        return self.set(f"call {t} @{function}({shown})", kind, lanes, level)

    # Arithmetic on floats and integers alike

    def add(self, a: Value, b: Value) -> Value:
        return self.binary("fadd contract" if a.kind in _FLOATS else "add", a, b)

    def sub(self, a: Value, b: Value) -> Value:
        return self.binary("fsub contract" if a.kind in _FLOATS else "sub", a, b)

    def mul(self, a: Value, b: Value) -> Value:
        return self.binary("fmul contract" if a.kind in _FLOATS else "mul", a, b)

    def div(self, a: Value, b: Value) -> Value:
        return self.binary("fdiv", a, b)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """a * b + c, fused where the processor can."""
        return self.intrinsic("fmuladd", a, b, c)

    def neg(self, a: Value) -> Value:
        if a.kind in _FLOATS:
            return self.set(f"fneg {a.type} {a.name}", a.kind, a.lanes, a.level)
        return self.binary("sub", self.const(0, a.kind), a)

    def abs(self, a: Value) -> Value:
        if a.kind in _FLOATS:
            return self.intrinsic("fabs", a)
        return self.intrinsic("abs", a, extra="i1 false")

    # Memory

    def pointer(self, base: Value, index: Value | int, scale: int) -> Value:
        """The address `index` elements of `scale` bytes behind `base`."""
        if isinstance(index, int):
            if not index:
                return base
            return self.set(
                f"getelementptr i8, ptr {base.name}, i64 {index * scale}", "ptr", 1, base.level
            )
        level = max(base.level, index.level)
        return self.set(
            f"getelementptr [{scale} x i8], ptr {base.name}, i64 {index.name}", "ptr", 1, level
        )

    def mask(self, lanes: int, count: Mask) -> str:
        """The first `count` lanes, with type."""
        if isinstance(count, Value):
            return f"{count.type} {count.name}"
        if count is None or count >= lanes:
            return f"<{lanes} x i1> splat (i1 true)"
        bits = ", ".join("i1 true" if i < count else "i1 false" for i in range(lanes))
        return f"<{lanes} x i1> <{bits}>"

    def masked(self, count: int) -> Value:
        """The first `count` lanes, as a value."""
        text = self.mask(self.lanes, count).split(" ", 3)[3]
        return Value(text, "i1", self.lanes, 0)

    # Control

    @contextmanager
    def _inside(self, label: str) -> Iterator[Block]:
        block = Block(label)
        self._levels.append(block)
        try:
            yield block
        finally:
            self._levels.pop()

    def loop(
        self, start: Value | int, stop: Value | int, step: int,
        carried: Sequence[Value], body: Callable[[Value, list[Value]], Sequence[Value]],
    ) -> list[Value]:  # fmt: skip
        """``for index in range(start, stop, step)``; values are carried from round to round.

        `stop - start` need not be a multiple of `step`: the last round begins below `stop`.
        """
        static = isinstance(start, int) and isinstance(stop, int)
        if static:
            if start >= stop:  # type: ignore[operator]
                return list(carried)
            if start + step >= stop:  # type: ignore[operator]
                return self._once(start, carried, body)  # type: ignore[arg-type]
        parent = self._levels[-1]
        before = parent.label
        head, done = self.label(), self.label()
        low = start if isinstance(start, int) else start.name
        high = stop if isinstance(stop, int) else stop.name
        depth = self.depth + 1
        index = Value(self.name(), "i64", 1, depth)
        values = [Value(self.name(), c.kind, c.lanes, depth) for c in carried]
        with self._inside(head) as block:
            after = list(body(index, values))
            after = [
                self.spread(v, c.lanes) for v, c in zip(after, carried, strict=True)
            ]
        following = self.name()
        latch = block.label
        entry = [f"{head}:"]
        entry.append(
            f"  {index.name} = phi i64 [ {low}, %{before} ], [ {following}, %{latch} ]"
        )
        for c, v, n in zip(carried, values, after, strict=True):
            entry.append(
                f"  {v.name} = phi {v.type} [ {c.name}, %{before} ], [ {n.name}, %{latch} ]"
            )
        lines = parent.lines
        if static:
            lines.append(f"  br label %{head}")
        else:
            some = self.name()
            lines.append(f"  {some} = icmp slt i64 {low}, {high}")
            lines.append(f"  br i1 {some}, label %{head}, label %{done}")
        lines.extend(entry)
        lines.extend(block.lines)
        more = self.name()
        lines.append(f"  {following} = add nsw i64 {index.name}, {step}")
        lines.append(f"  {more} = icmp slt i64 {following}, {high}")
        lines.append(f"  br i1 {more}, label %{head}, label %{done}")
        lines.append(f"{done}:")
        parent.label = done
        results = []
        for c, n in zip(carried, after, strict=True):
            if static:
                results.append(Value(n.name, n.kind, n.lanes, self.depth))
            else:
                made = Value(self.name(), c.kind, c.lanes, self.depth)
                lines.append(
                    f"  {made.name} = phi {c.type} [ {c.name}, %{before} ], [ {n.name}, %{latch} ]"
                )
                results.append(made)
        return results

    def _once(
        self, at: int, carried: Sequence[Value],
        body: Callable[[Value, list[Value]], Sequence[Value]],
    ) -> list[Value]:  # fmt: skip
        """A loop of one round."""
        parent = self._levels[-1]
        depth = self.depth + 1
        with self._inside(parent.label) as block:
            values = [Value(c.name, c.kind, c.lanes, depth, c.constant) for c in carried]
            after = list(body(Value(str(at), "i64", 1, 0, at), values))
            after = [self.spread(v, c.lanes) for v, c in zip(after, carried, strict=True)]
        parent.lines.extend(block.lines)
        parent.label = block.label
        return [Value(v.name, v.kind, v.lanes, min(v.level, self.depth)) for v in after]

    def when(self, condition: Value, body: Callable[[], None]) -> None:
        """``if condition: body()``."""
        parent = self._levels[-1]
        inside, done = self.label(), self.label()
        with self._inside(inside) as block:
            body()
        parent.lines.append(f"  br i1 {condition.name}, label %{inside}, label %{done}")
        parent.lines.append(f"{inside}:")
        parent.lines.extend(block.lines)
        parent.lines.append(f"  br label %{done}")
        parent.lines.append(f"{done}:")
        parent.label = done

    def choose(
        self, condition: Value, yes: Callable[[], Value], no: Callable[[], Value]
    ) -> Value:
        """``yes() if condition else no()``."""
        parent = self._levels[-1]
        labels = self.label(), self.label()
        done = self.label()
        blocks, made = [], []
        for label, function in zip(labels, (yes, no), strict=True):
            with self._branch(label) as block:
                made.append(function())
            blocks.append(block)
        lanes = max(v.lanes for v in made)
        parent.lines.append(
            f"  br i1 {condition.name}, label %{labels[0]}, label %{labels[1]}"
        )
        for label, block in zip(labels, blocks, strict=True):
            parent.lines.append(f"{label}:")
            parent.lines.extend(block.lines)
            parent.lines.append(f"  br label %{done}")
        parent.lines.append(f"{done}:")
        parent.label = done
        t = made[0].kind if lanes == 1 else f"<{lanes} x {made[0].kind}>"
        ends = ", ".join(
            f"[ {v.name}, %{block.label} ]" for v, block in zip(made, blocks, strict=True)
        )
        return self.here(f"phi {t} {ends}", made[0].kind, lanes)

    @contextmanager
    def _branch(self, label: str) -> Iterator[Block]:
        """Lines of the current depth that are only run sometimes."""
        block = Block(label)
        kept = self._levels[-1]
        self._levels[-1] = block
        block.known = dict(kept.known)
        try:
            yield block
        finally:
            self._levels[-1] = kept

    def scope(self, body: Callable[[], None]) -> None:
        """Straight lines whose values are not known afterwards."""

        def inside(_index: Value, _values: list[Value]) -> Sequence[Value]:
            body()
            return ()

        self._once(0, (), inside)
