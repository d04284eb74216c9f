"""Fusion: Maps and Reduces that run over the same places become one loop.

An equation joins an earlier loop if both run over one iteration space (up to merging and splitting
axes), if it may be moved there, and if whatever one writes and the other touches is touched at the
same place of the space: then the order within a row is all that matters. What only one loop ever
touches need not be stored.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from ..ir import Equation, Graph, Map, Reduce
from ..loop import Statement, cost, phases
from .group import Access, Group, Line, group_of, parts_of, refine
from .parts import split_reductions
from .reuse import reuse

if TYPE_CHECKING:
    from ..ir import Buffer

#: Larger loops are not fused further: their values would no longer fit the registers.
MOST_WINDOWS = 64
MOST_COST = 600.0


def fuse(graph: Graph) -> list[Equation]:
    """The equations in an order in which they may run, loops fused."""
    split_reductions(graph)
    order = _Order()
    for equation in graph.equations:
        made = _Item(equation)
        if made.group is None or not order.join(made):
            order.add(made)
    order.merge()
    _elide(graph, order)
    return [item.finish() for item in order.items]


class _Item:
    """A place in the order of execution: a group, or an equation that is left alone.

    Attributes:
        number: whether it computes single numbers only.
        place: its position.
    """

    __slots__ = (
        "elided", "equation", "group", "number", "place", "readers", "reads", "writers", "writes",
    )  # fmt: skip

    def __init__(self, equation: Equation) -> None:
        self.equation = equation
        self.group = group_of(equation) if isinstance(equation, Map | Reduce) else None
        self.number = self.group is not None and self.group.shape == ()
        self.reads = list(equation.reads())
        self.writes = list(equation.writes())
        self.readers = {id(v.buffer) for v in self.reads}
        self.writers = {id(v.buffer) for v in self.writes}
        self.elided: set[Buffer] = set()
        self.place = 1 << 62

    def take(self, group: Group, other: _Item) -> None:
        self.group = group
        self.reads += other.reads
        self.writes += other.writes
        self.readers |= other.readers
        self.writers |= other.writers

    def conflicts(self, later: _Item) -> bool:
        """Whether both must keep their order."""
        if not (self.writers & later.readers or self.writers & later.writers
                or self.readers & later.writers):  # fmt: skip
            return False
        for v in later.writes:
            if any(v.overlaps(w) for w in self.writes) or any(v.overlaps(r) for r in self.reads):
                return True
        return any(v.overlaps(w) for v in later.reads for w in self.writes)

    def finish(self) -> Equation:
        if self.group is None:
            return self.equation
        loop = self.group.loop()
        loop.elided = self.elided
        reuse(loop)
        return loop


# ---------------------------------------------------------------------------------------------
# Joining


class _Order:
    """The items in the order in which they run.

    Attributes:
        touching: for every buffer, the items that read or write it.
    """

    def __init__(self) -> None:
        self.items: list[_Item] = []
        self.touching: dict[int, list[_Item]] = {}

    def near(self, made: _Item) -> list[_Item]:
        """The items that touch a buffer of `made`, latest first: only those can conflict."""
        found = {
            id(item): item
            for number in made.readers | made.writers for item in self.touching.get(number, ())
            if item.place < made.place
        }  # fmt: skip
        return sorted(found.values(), key=lambda item: -item.place)

    def add(self, made: _Item) -> None:
        """At the end; single numbers as early as may be, so that the loops using them can join."""
        made.place = len(self.items)
        if made.number:
            last = next((x.place for x in self.near(made) if x.conflicts(made)), -1)
            made.place = last + 1
        self.items.insert(made.place, made)
        for i in range(made.place, len(self.items)):
            self.items[i].place = i
        self._touch(made, made)

    def _touch(self, item: _Item, made: _Item) -> None:
        for number in made.readers | made.writers:
            items = self.touching.setdefault(number, [])
            if item not in items:
                items.append(item)

    def join(self, made: _Item) -> bool:
        """Put an equation into an earlier group, if one takes it."""
        last = -1
        for item in self.near(made):
            conflict = item.conflicts(made)
            if item.group is not None and (conflict or _shares(item, made)):
                if self._try(item, made):
                    return True
            if conflict:
                last = item.place
                break
        if made.number:
            for item in self.items[max(last, 0) : made.place]:
                if item.number and item is not made and self._try(item, made):
                    return True
        return False

    def merge(self) -> None:
        """Join groups that only later equations brought together."""
        for item in list(self.items):
            if item.group is not None and self.join(item):
                self.items.remove(item)
                for place in range(item.place, len(self.items)):
                    self.items[place].place = place
                for number in item.readers | item.writers:
                    self.touching[number].remove(item)

    def _try(self, item: _Item, made: _Item) -> bool:
        assert item.group is not None and made.group is not None
        group: Group | None = item.group
        for line in made.group.lines:
            group = None if group is None else _joined(group, group_of(line.equation))
        if group is None:
            return False
        item.take(group, made)
        self._touch(item, made)
        return True


def _shares(item: _Item, made: _Item) -> bool:
    """Whether both touch an array (numbers do not count)."""
    common = (item.readers | item.writers) & (made.readers | made.writers)
    return bool(common) and any(
        id(v.buffer) in common and v.size > 1 and any(v.strides)
        for v in (*made.reads, *made.writes)
    )


def _joined(group: Group, other: Group) -> Group | None:
    """The group with the statement of another, or None if it does not fit."""
    if 0 in group.shape or 0 in other.shape:
        return None
    line = other.lines[0]
    if line.fold is None:
        result = _with_map(group, other)
    else:
        result = _with_fold(group, other)
    if result is None:
        return None
    windows = sum(len(x.inputs) + len(x.outputs) for x in result.lines)
    if result.shape and windows > MOST_WINDOWS:
        distinct = {
            (id(v.buffer), v.offset, v.strides)
            for x in result.lines for v in (*x.inputs, *x.outputs)
        }  # fmt: skip
        if len(distinct) > MOST_WINDOWS:
            return None
    if result.shape and sum(cost(x.expressions) for x in result.lines) > MOST_COST:
        return None
    new = result.lines[-1]
    if not all(_aligned(result, x, new) for x in result.lines[:-1]):
        return None
    return result if _worthwhile(result) else None


def _with_map(group: Group, other: Group) -> Group | None:
    if prod(other.shape) == prod(group.shape):
        if group.folded and not group.axes:
            return None
        shape = refine(group.shape, other.shape)
        if shape is None:
            return None
        group, other = group.refined(shape), other.refined(shape)
        line = other.lines[0]
        line.inner = group.folded
        return Group(shape, group.axes, [*group.lines, line], group.folded)
    if not group.folded or prod(other.shape) != prod(group.kept):
        return None
    rows = refine(group.kept, other.shape)
    if rows is None:
        return None
    if rows != group.kept:
        parts = parts_of(group.kept, rows)
        keep = [a for a in range(len(group.shape)) if a not in group.axes]
        sizes: list[int] = []
        for a, n in enumerate(group.shape):
            sizes += [n] if a in group.axes else [rows[i] for i, _ in parts[keep.index(a)]]
        group = group.refined(tuple(sizes))
    other = other.refined(rows)
    return Group(group.shape, group.axes, [*group.lines, other.lines[0]], True)


def _with_fold(group: Group, other: Group) -> Group | None:
    shape = refine(group.shape, other.shape)
    if shape is None or not other.axes:
        return None
    group, other = group.refined(shape), other.refined(shape)
    if group.folded:
        if group.axes != other.axes:
            return None
        return Group(shape, group.axes, [*group.lines, *other.lines], True)
    lines = []
    for x in group.lines:
        again = Line(x.equation, x.inputs, x.outputs, x.expressions, True, None)
        lines.append(again)
    return Group(shape, other.axes, [*lines, *other.lines], True)


def _aligned(group: Group, first: Line, second: Line) -> bool:
    """Whether two statements touch what both touch at the same places."""
    for a in first.accesses():
        for b in second.accesses():
            if (a.store or b.store) and a.view.overlaps(b.view) and not _same(group, a, b):
                return False
    return True


def _same(group: Group, a: Access, b: Access) -> bool:
    if a.table or b.table or a.view.offset != b.view.offset:
        return False
    if a.row == b.row:
        return a.view.strides == b.view.strides
    row, full = (a, b) if a.row else (b, a)
    if full.store:
        return False
    kept = tuple(k for i, k in enumerate(full.view.strides) if i not in group.axes)
    if any(full.view.strides[i] for i in group.axes):
        return False
    return kept == row.view.strides


def _worthwhile(group: Group) -> bool:
    """Whether rows are enough for several threads, where the work is."""
    if not group.folded:
        return True
    rows, total = prod(group.kept), prod(group.shape)
    if rows >= 4 or total < 32768:
        return True
    return all(x.fold is not None for x in group.lines)


# ---------------------------------------------------------------------------------------------
# What need not be stored


def _elide(graph: Graph, order: _Order) -> None:
    wanted = {id(b) for b in graph.results}
    for item in order.items:
        if item.group is None:
            continue
        lines = item.group.lines
        when = phases([_statement(x) for x in lines])
        for buffer in {v.buffer for v in item.writes}:
            if (
                buffer.source is None and buffer.constant is None and id(buffer) not in wanted
                and len(order.touching[id(buffer)]) == 1 and _in_registers(buffer, lines, when)
            ):  # fmt: skip
                item.elided.add(buffer)


def _statement(line: Line) -> Statement:
    return Statement(line.inputs, line.outputs, line.expressions, line.inner, line.fold)


def _in_registers(buffer: Buffer, lines: list[Line], when: list[int]) -> bool:
    """Whether everything read from a buffer was written in the same pass, or by a row statement."""
    kept: list[tuple[Any, int, bool]] = []
    for line, phase in zip(lines, when, strict=True):
        row = not line.inner
        for v in line.inputs:
            if v.buffer is buffer and not any(
                key[0] == v.offset and (by_row or (not row and at == phase))
                for key, at, by_row in kept
            ):
                return False
        for v in line.outputs:
            if v.buffer is buffer:
                kept = [((v.offset, v.strides), phase, row or line.fold is not None)]
    return True
