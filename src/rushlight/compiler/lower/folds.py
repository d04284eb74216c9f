"""Reductions: how one is carried through loops, and the loops that keep long sums exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .math import apply
from .vector import Builder, Value, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .axes import Line

#: float32 sums: how many additions to one accumulator before it is added to a float64 total.
BLOCK = 256


class Fold:
    """How one reduction is carried.

    Its state is a list of values: the accumulator, and for argmax and argmin the position.
    """

    __slots__ = ("b", "blocks", "dtype", "kind", "lanes", "scalar", "totalled", "unsigned")

    def __init__(self, b: Builder, line: Line, lanes: int) -> None:
        s = line.statement
        assert s.fold is not None
        self.b = b
        self.kind = s.fold
        self.dtype = s.expressions[0].dtype
        self.unsigned = self.dtype.kind == "u"
        self.scalar = kind_of(self.dtype)
        if self.kind in ("argmax", "argmin"):
            self.dtype = np.dtype(np.int64)
        self.lanes = lanes
        self.blocks = self.kind == "sum" and self.scalar == "float"
        self.totalled = False

    def _all(self, value: Any, kind: str) -> Value:
        return self.b.spread(self.b.const(value, kind), self.lanes)

    def start(self) -> list[Value]:
        kind, scalar = self.kind, self.scalar
        if kind == "sum":
            return [self._all(0, scalar)]
        if kind == "prod":
            return [self._all(1, scalar)]
        if kind in ("any", "all"):
            return [self._all(kind == "all", scalar)]
        low = kind in ("max", "argmax")
        if scalar in ("float", "double"):
            least = self._all(-np.inf if low else np.inf, scalar)
        elif scalar == "i1":
            least = self._all(not low, scalar)
        else:
            least = self._all(self._bound(low), scalar)
        if kind in ("max", "min"):
            return [least]
        return [least, self._all((1 << 63) - 1, "i64")]

    def _bound(self, low: bool) -> int:
        bits = {"i8": 8, "i16": 16, "i32": 32, "i64": 64}[self.scalar]
        if self.unsigned:
            return 0 if low else (1 << bits) - 1
        return -(1 << (bits - 1)) if low else (1 << (bits - 1)) - 1

    def step(
        self, state: list[Value], value: Value, position: Value | None, mask: int | None
    ) -> list[Value]:
        """The state after one more value in each lane; only the first `mask` lanes count."""
        b = self.b
        other = [value] if position is None else [value, position]
        made = self.join(state, other)
        if mask is not None:
            chosen = b.masked(mask)
            made = [b.select(chosen, m, s) for m, s in zip(made, state, strict=True)]
        return made

    def join(self, x: list[Value], y: list[Value]) -> list[Value]:
        b = self.b
        kind = self.kind
        if kind == "sum":
            return [b.add(x[0], y[0])]
        if kind == "prod":
            return [b.mul(x[0], y[0])]
        if kind in ("any", "all"):
            return [b.binary("or" if kind == "any" else "and", x[0], y[0])]
        if kind in ("max", "min"):
            return [apply(b, kind, self.dtype, [x[0], y[0]])]
        return self._join_positions(x, y)

    def _join_positions(self, x: list[Value], y: list[Value]) -> list[Value]:
        b = self.b
        floats = self.scalar in ("float", "double")
        if self.scalar == "i1":
            x = [b.convert("zext", x[0], "i8"), x[1]]
            y = [b.convert("zext", y[0], "i8"), y[1]]
        more = self.kind == "argmax"
        order = "o" if floats else "u" if self.unsigned or self.scalar == "i1" else "s"
        relation = order + ("gt" if more else "lt")
        compare = "fcmp" if floats else "icmp"
        better = b.compare(f"{compare} {relation}", y[0], x[0])
        equal = b.compare("fcmp oeq" if floats else "icmp eq", y[0], x[0])
        if floats:
            nan_x, nan_y = (b.compare("fcmp uno", v[0], v[0]) for v in (x, y))
            no = b.const(True, "i1")
            better = b.binary("and", better, b.binary("xor", nan_x, no))
            better = b.binary("or", better, b.binary("and", nan_y, b.binary("xor", nan_x, no)))
            equal = b.binary("or", equal, b.binary("and", nan_x, nan_y))
        before = b.compare("icmp slt", y[1], x[1])
        better = b.binary("or", better, b.binary("and", equal, before))
        value = b.select(better, y[0], x[0])
        if self.scalar == "i1":
            value = b.convert("trunc", value, "i1")
        return [value, b.select(better, y[1], x[1])]

    def across(self, state: list[Value]) -> list[Value]:
        """All lanes joined to one."""
        b = self.b
        lanes = state[0].lanes
        while lanes > 1:
            half = lanes // 2
            low = ", ".join(f"i32 {i}" for i in range(half))
            high = ", ".join(f"i32 {i}" for i in range(half, lanes))
            parts = []
            for places in (low, high):
                parts.append([
                    b.set(
                        f"shufflevector {v.type} {v.name}, {v.type} poison, "
                        f"<{half} x i32> <{places}>", v.kind, half, v.level,
                    ) if half > 1 else b.set(
                        f"extractelement {v.type} {v.name}, i64 {0 if places is low else 1}",
                        v.kind, 1, v.level,
                    )
                    for v in state
                ])  # fmt: skip
            state = self.join(parts[0], parts[1])
            lanes = half
        return state

    # Blocks of float32 sums

    def zero_total(self) -> list[Value]:
        return [self._all(0, "double")]

    def total(self, total: list[Value], block: list[Value]) -> list[Value]:
        return [self.b.add(total[0], self.b.convert("fpext", block[0], "double"))]

    def value(self, state: list[Value], totalled: bool | None = None) -> Value:
        """The result of a final state."""
        if self.totalled if totalled is None else totalled:
            return self.b.convert("fptrunc", state[0], "float")
        return state[-1]


def nest(
    b: Builder, place: dict[int, Value], axes: list[int], sizes: list[int], folds: list[Fold],
    count: int, leaf: Callable[[list[list[Value]]], list[list[Value]]],
) -> list[list[Value]]:  # fmt: skip
    """Loops over axes with carried folds; long float32 sums are kept in blocks.

    `place` is told where each axis stands; `count`: how many rounds there are in all.

    The states that come back are totals where a fold is blocked.
    """
    blocked = [f.blocks and count > BLOCK for f in folds]

    def flatten(states: list[list[Value]]) -> list[Value]:
        return [v for s in states for v in s]

    def gather(values: list[Value], like: list[list[Value]]) -> list[list[Value]]:
        found = iter(values)
        return [[next(found) for _ in s] for s in like]

    def run(depth: int, states: list[list[Value]]) -> list[list[Value]]:
        if depth == len(axes):
            return leaf(states)
        axis, n = axes[depth], sizes[depth]

        def body(index: Value, values: list[Value]) -> list[Value]:
            place[axis] = index
            return flatten(run(depth + 1, gather(values, states)))

        return gather(b.loop(0, n, 1, flatten(states), body), states)

    if not any(blocked):
        return run(0, [f.start() for f in folds])

    # How many of the innermost axes make a block, and whether one axis must be cut.
    depth = len(axes)
    size = 1
    while depth and size * sizes[depth - 1] <= BLOCK:
        depth -= 1
        size *= sizes[depth]

    def block(states: list[list[Value]], inside: Callable[..., Any]) -> list[list[Value]]:
        begun = [
            f.start() if long else s
            for f, s, long in zip(folds, states, blocked, strict=True)
        ]
        ended = inside(begun)
        return [
            f.total(s, e) if long else e
            for f, s, e, long in zip(folds, states, ended, blocked, strict=True)
        ]

    first = [
        f.zero_total() if long else f.start() for f, long in zip(folds, blocked, strict=True)
    ]
    cut = max(1, BLOCK // size)

    def outer(level: int, states: list[list[Value]]) -> list[list[Value]]:
        if level == depth:
            return block(states, lambda begun: run(depth, begun))
        axis, n = axes[level], sizes[level]
        if level == depth - 1 and cut >= 16:
            # Cut this axis into blocks.
            def blocks(start: Value, values: list[Value]) -> list[Value]:
                last = plus(b, start, cut)
                if last.constant is not None:
                    stop: Value | int = min(int(last.constant), n)
                elif n % cut == 0:
                    stop = last
                else:
                    limit = b.const(n, "i64")
                    stop = b.select(b.compare("icmp slt", last, limit), last, limit)
                low = start if start.constant is None else int(start.constant)

                def inside(begun: list[list[Value]]) -> list[list[Value]]:
                    def body(index: Value, inner: list[Value]) -> list[Value]:
                        place[axis] = index
                        return flatten(run(level + 1, gather(inner, begun)))

                    return gather(b.loop(low, stop, 1, flatten(begun), body), begun)

                return flatten(block(gather(values, states), inside))

            return gather(b.loop(0, n, cut, flatten(states), blocks), states)

        def body(index: Value, values: list[Value]) -> list[Value]:
            place[axis] = index
            return flatten(outer(level + 1, gather(values, states)))

        return gather(b.loop(0, n, 1, flatten(states), body), states)

    results = outer(0, first)
    for f, long in zip(folds, blocked, strict=True):
        f.totalled = long
    return results


def position(number: int) -> Value:
    """A place along an axis that is known."""
    return Value(str(number), "i64", 1, 0, number)


def plus(b: Builder, index: Value, step: int) -> Value:
    """A place some steps on."""
    if not step:
        return index
    if index.constant is not None:
        return position(int(index.constant) + step)
    return b.add(index, b.const(step, "i64"))
