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
from ..loop import Statement, phases
from .group import Access, Group, Line, group_of, parts_of, refine
from .parts import split_reductions
from .reuse import reuse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..ir import Buffer, View

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
        "_singles", "elided", "equation", "group", "number", "place", "reads", "writes",
    )  # fmt: skip

    def __init__(self, equation: Equation) -> None:
        self.equation = equation
        self.group = group_of(equation) if isinstance(equation, Map | Reduce) else None
        self.number = self.group is not None and self.group.shape == ()
        self.reads = _by_buffer(equation.reads())
        self.writes = _by_buffer(equation.writes())
        self.elided: set[Buffer] = set()
        self.place = 1 << 62
        self._singles: list[Group] | None = None

    def singles(self) -> list[Group]:
        """A group for each of its statements, as they were before they were joined."""
        if self._singles is None:
            assert self.group is not None
            lines = self.group.lines
            self._singles = (
                [self.group] if len(lines) == 1 else [group_of(x.equation) for x in lines]
            )
        return self._singles

    def take(self, group: Group, other: _Item) -> None:
        self.group = group
        self._singles = None
        for mine, its in ((self.reads, other.reads), (self.writes, other.writes)):
            for buffer, views in its.items():
                mine.setdefault(buffer, []).extend(views)

    def conflicts(self, later: _Item) -> bool:
        """Whether both must keep their order."""
        return (
            _meet(self.writes, later.reads) or _meet(self.writes, later.writes)
            or _meet(self.reads, later.writes)
        )  # fmt: skip

    @property
    def buffers(self) -> set[int]:
        """The buffers that it touches."""
        return self.reads.keys() | self.writes.keys()

    def finish(self) -> Equation:
        if self.group is None:
            return self.equation
        loop = self.group.loop()
        loop.elided = self.elided
        reuse(loop)
        return loop


def _by_buffer(views: Iterable[View]) -> dict[int, list[View]]:
    found: dict[int, list[View]] = {}
    for v in views:
        found.setdefault(id(v.buffer), []).append(v)
    return found


def _meet(a: dict[int, list[View]], b: dict[int, list[View]]) -> bool:
    """Whether views of two lists may touch the same memory."""
    if len(a) > len(b):
        a, b = b, a
    for buffer, mine in a.items():
        for v in mine if buffer in b else ():
            for w in b[buffer]:
                if v is w or v.overlaps(w):
                    return True
    return False


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
            for number in made.buffers for item in self.touching.get(number, ())
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
        for number in made.buffers:
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
                for number in item.buffers:
                    self.touching[number].remove(item)

    def _try(self, item: _Item, made: _Item) -> bool:
        assert item.group is not None and made.group is not None
        group = item.group
        for one in made.singles():
            joined = _joined(group, one)
            if joined is None:
                return False
            group = joined
        item.take(group, made)
        self._touch(item, made)
        return True


def _shares(item: _Item, made: _Item) -> bool:
    """Whether both touch an array (numbers do not count)."""
    for buffer in item.buffers & made.buffers:
        for views in (made.reads, made.writes):
            if any(v.size > 1 and any(v.strides) for v in views.get(buffer, ())):
                return True
    return False


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
    if result.shape and sum(x.windows for x in result.lines) > MOST_WINDOWS:
        distinct = {
            (id(v.buffer), v.offset, v.strides)
            for x in result.lines for v in (*x.inputs, *x.outputs)
        }  # fmt: skip
        if len(distinct) > MOST_WINDOWS:
            return None
    if result.shape and sum(x.cost for x in result.lines) > MOST_COST:
        return None
    new = result.lines[-1]
    for x in result.lines[:-1]:
        if not x.buffers.isdisjoint(new.buffers) and not _aligned(result, x, new):
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
        if line.inner != group.folded:
            line = line.again(group.folded)
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
    lines = [x.again(True) for x in group.lines]
    return Group(shape, other.axes, [*lines, *other.lines], True)


def _aligned(group: Group, first: Line, second: Line) -> bool:
    """Whether two statements touch what both touch at the same places."""
    before = first.accesses()
    for buffer, mine in second.accesses().items():
        for a in before.get(buffer, ()):
            for b in mine:
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
        for buffer in {v.buffer for views in item.writes.values() for v in views}:
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
