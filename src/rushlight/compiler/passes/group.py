"""Loops in the making: statements over one iteration space whose axes can be split further."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ir import Map, Reduce, View
from ..loop import Loop, Statement, cost, reindex, separated, tables_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..ir import Expr


class Access:
    """A view in the axes of a group; a row access has only the kept ones."""

    __slots__ = ("row", "store", "table", "view")

    def __init__(self, view: View, store: bool, row: bool, table: bool) -> None:
        self.view = view
        self.store = store
        self.row = row
        self.table = table


class Line:
    """A statement of a group, its axes in the group's order."""

    __slots__ = (
        "_accesses", "_cost", "buffers", "equation", "expressions", "fold", "inner", "inputs",
        "outputs", "tables", "windows",
    )  # fmt: skip

    def __init__(
        self, equation: Map | Reduce, inputs: list[View], outputs: list[View],
        expressions: list[Expr], inner: bool, fold: str | None, old: Line | None = None,
    ) -> None:  # fmt: skip
        self.equation = equation
        self.inputs = inputs
        self.outputs = outputs
        self.expressions = expressions
        self.inner = inner
        self.fold = fold
        self.windows = len(inputs) + len(outputs)
        self._accesses: dict[int, list[Access]] | None = None
        if old is not None:  # the same statement, its axes split
            self.tables: frozenset[int] = old.tables
            self._cost: float = old._cost
            self.buffers: frozenset[int] = old.buffers
        else:
            self.tables = tables_of(expressions)
            self._cost = -1.0
            self.buffers = frozenset(id(v.buffer) for v in (*inputs, *outputs))

    @property
    def cost(self) -> float:
        """Roughly how many instructions an index takes."""
        if self._cost < 0:
            self._cost = cost(self.expressions)
        return self._cost

    def again(self, inner: bool) -> Line:
        """The same statement, over the inner axes or not."""
        return Line(
            self.equation, self.inputs, self.outputs, self.expressions, inner, self.fold, self
        )

    def accesses(self) -> dict[int, list[Access]]:
        """What it touches, by buffer."""
        if self._accesses is None:
            row = not self.inner
            found: dict[int, list[Access]] = {}
            self._accesses = found
            for i, v in enumerate(self.inputs):
                found.setdefault(id(v.buffer), []).append(
                    Access(v, False, row, i in self.tables)
                )
            for v in self.outputs:
                found.setdefault(id(v.buffer), []).append(
                    Access(v, True, row or self.fold is not None, False)
                )
        return self._accesses


class Group:
    """A loop in the making.

    Attributes:
        shape: the whole iteration space, without axes of size 1.
        axes: which of its axes are folded.
        folded: whether there are folds (their axes may all have size 1).
    """

    __slots__ = ("axes", "folded", "lines", "shape")

    def __init__(
        self, shape: tuple[int, ...], axes: tuple[int, ...], lines: list[Line], folded: bool
    ) -> None:
        self.shape = shape
        self.axes = axes
        self.lines = lines
        self.folded = folded

    @property
    def kept(self) -> tuple[int, ...]:
        return tuple(n for a, n in enumerate(self.shape) if a not in self.axes)

    def refined(self, shape: tuple[int, ...]) -> Group:
        """The same group with axes split as in `shape`."""
        if shape == self.shape:
            return self
        parts = parts_of(self.shape, shape)
        axes = tuple(new for a in self.axes for new, _ in parts[a])
        keep = [a for a in range(len(self.shape)) if a not in self.axes]
        numbers = {old: i for i, old in enumerate(keep)}
        kept = [new for a in keep for new, _ in parts[a]]
        rows = {
            numbers[a]: [(kept.index(new), f) for new, f in parts[a]] for a in keep
        }
        lines = []
        for line in self.lines:
            mapping = parts if line.inner else rows
            sizes = shape if line.inner else tuple(shape[a] for a in kept)
            lines.append(Line(
                line.equation,
                [v if i in line.tables else _split(v, mapping, sizes)
                 for i, v in enumerate(line.inputs)],
                [_split(v, rows if line.fold else mapping,
                        tuple(shape[a] for a in kept) if line.fold else sizes)
                 for v in line.outputs],
                [reindex(e, mapping) for e in line.expressions], line.inner, line.fold, line,
            ))  # fmt: skip
        return Group(shape, axes, lines, self.folded)

    def loop(self) -> Loop:
        keep = [a for a in range(len(self.shape)) if a not in self.axes]
        order = [*keep, *self.axes]
        position = {a: i for i, a in enumerate(order)}
        moved = {a: [(position[a], 1)] for a in range(len(order))}
        steps = [0] * len(order)
        step = 1
        for a in reversed(self.axes):
            steps[position[a]] = step
            step *= self.shape[a]
        body = []
        for line in self.lines:
            if not line.inner:
                body.append(Statement(line.inputs, line.outputs, line.expressions))
                continue
            body.append(Statement(
                [v if i in line.tables else v.permute(order) for i, v in enumerate(line.inputs)],
                line.outputs if line.fold else [v.permute(order) for v in line.outputs],
                [reindex(e, moved) for e in line.expressions], True, line.fold,
                steps if line.fold in ("argmax", "argmin") else (),
            ))  # fmt: skip
        names: dict[str, None] = {}
        for line in self.lines:
            names.setdefault(line.equation.origin)
        return Loop(
            [self.shape[a] for a in keep], [self.shape[a] for a in self.axes], body,
            [line.equation for line in self.lines], " ".join(n for n in names if n),
        )  # fmt: skip


def group_of(equation: Map | Reduce) -> Group:
    shape = equation.shape
    some = [a for a, n in enumerate(shape) if n != 1]
    position = {a: [(i, 1)] for i, a in enumerate(some)}
    places = {a: position.get(a, []) for a in range(len(shape))}
    if isinstance(equation, Map):
        expressions, outputs, fold = equation.expressions, equation.outputs, None
        axes: tuple[int, ...] = ()
    else:
        expressions, outputs, fold = [equation.expression], [equation.output], equation.kind
        axes = tuple(i for i, a in enumerate(some) if a in equation.axes)
    inputs, expressions = separated(equation.inputs, expressions)
    tables = tables_of(expressions)
    line = Line(
        equation,
        [v if i in tables else _squeeze(v) for i, v in enumerate(inputs)],
        [_squeeze(v) for v in outputs], [reindex(e, places) for e in expressions],
        fold is not None, fold,
    )  # fmt: skip
    return Group(tuple(shape[a] for a in some), axes, [line], fold is not None)


def _squeeze(view: View) -> View:
    if 1 not in view.shape:
        return view
    kept = [(n, s) for n, s in zip(view.shape, view.strides, strict=True) if n != 1]
    return View(view.buffer, view.offset, [n for n, _ in kept], [s for _, s in kept])


# ---------------------------------------------------------------------------------------------
# Axes in common


def refine(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...] | None:
    """The coarsest shape that splits the axes of both, or None."""
    result: list[int] = []
    left, right = list(a), list(b)
    while left and right:
        m, n = left[0], right[0]
        if m == n:
            result.append(m)
            left.pop(0)
            right.pop(0)
        elif m < n and m and n % m == 0:
            result.append(m)
            left.pop(0)
            right[0] = n // m
        elif n < m and n and m % n == 0:
            result.append(n)
            right.pop(0)
            left[0] = m // n
        else:
            return None
    return None if left or right else tuple(result)


def parts_of(coarse: Sequence[int], fine: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """Every coarse axis as (fine axis, factor of its index)."""
    found: dict[int, list[tuple[int, int]]] = {}
    j = 0
    for a, n in enumerate(coarse):
        begin, size = j, 1
        while size < n or j == begin:
            size *= fine[j]
            j += 1
        factor = 1
        part = []
        for k in reversed(range(begin, j)):
            part.append((k, factor))
            factor *= fine[k]
        found[a] = part[::-1]
    return found


def _split(
    view: View, parts: dict[int, list[tuple[int, int]]], shape: Sequence[int]
) -> View:
    strides = [0] * len(shape)
    for a, k in enumerate(view.strides):
        for new, factor in parts[a]:
            strides[new] = k * factor
    return View(view.buffer, view.offset, shape, strides)
