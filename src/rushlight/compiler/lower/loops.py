"""Loops made into LLVM functions.

The axes are put in order and merged as far as all views allow, and one of them becomes the axis
of vectors: an inner one (*along*: rows are folded within vectors) or a kept one (*across*: every
lane is a row of its own). A row runs in phases: what needs the result of a fold runs in a later
pass over the row.
"""

from __future__ import annotations

from hashlib import blake2b
from math import prod
from typing import TYPE_CHECKING, Any

from ..ir import Map, Reduce, walk
from ..loop import Loop, cost, loop_of, phases
from .axes import Axes, Line, Window, windows_of
from .folds import Fold, nest, plus, position
from .known import KNOWN, Lowered, caller, keep, signature, views_of
from .module import Emitted
from .source import readable
from .statements import Statements
from .vector import Builder, Mask, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .target import Target

#: A vector of rows: where it stands on the axis of vectors, lanes that exist (None: all), lanes.
Instance = tuple[Value | None, Mask, int]

#: Work below this many simple instructions (of one lane) is not worth a second thread.
SMALL = 32768


def lower_loop(equation: Loop | Map | Reduce, name: str, target: Target) -> Emitted:
    """The function that runs a loop."""
    loop = equation if isinstance(equation, Loop) else loop_of(equation)
    lowered = lower_body(loop, target)
    return Emitted(
        loop.origin or name, name, caller(loop, name, lowered), threads=lowered.threads,
        flops=lowered.flops, bytes=lowered.bytes, source=lambda: readable(loop, lowered.note),
        shared=lowered.shared,
    )  # fmt: skip


def lower_body(loop: Loop, target: Target) -> Lowered:
    """The loops as a function of addresses."""
    key = signature(loop, target.key)
    lowered = KNOWN.get(key)
    if lowered is None:
        lowered = _Lowering(loop, target).lowered()
        keep(key, lowered)
    return lowered


class _Lowering(Statements):
    def __init__(self, loop: Loop, target: Target) -> None:
        self.loop = loop
        self.target = target
        self.lines = [Line(s) for s in loop.body]
        self.windows = windows_of(loop, self.lines)
        self.axes = Axes(loop, self.windows)
        self.empty = not prod(loop.kept) or (not prod(loop.inner) and not self._folds())
        self.axes.arrange()
        four = target.bytes // 4
        self.vector = self.axes.best(four)
        self.across = self.vector is None or self.vector in self.axes.kept
        self.lanes = target.bytes // self._width()
        for line, phase in zip(self.lines, phases(loop.body), strict=True):
            line.phase = phase
        written = {id(w.buffer) for w in self.windows if w.store}
        for w in self.windows:
            w.fixed = id(w.buffer) not in written
        self.b = Builder(target, self.lanes)
        if self.vector is not None and not self.across:
            self.b.repeats = self.axes.sizes[self.vector] >= 4 * self.lanes
        self.index: dict[int, Value] = {}
        self.pointers: dict[tuple[int, int], tuple[Value, Window]] = {}
        self.weight = [cost(line.statement.expressions) for line in self.lines]
        kept, inner = prod(loop.kept), prod(loop.inner)
        self.work = sum(
            (c + len(line.outputs)) * (kept * inner if line.statement.inner else kept)
            for c, line in zip(self.weight, self.lines, strict=True)
        )
        self.threads = self.work > SMALL and kept > 1

    def _folds(self) -> bool:
        return any(s.fold for s in self.loop.body)

    # Views seen from the loop

    def _width(self) -> int:
        """Bytes of the elements that fill a vector: the most common among what varies in it."""
        wide = narrow = 0
        for line in self.lines:
            varies: dict[int, bool] = {}
            for expression in line.statement.expressions:
                for e in walk(expression):
                    if id(e) in varies:
                        continue
                    if e.op == "load":
                        w = line.inputs[e.index]
                        v = self.vector is not None and w.strides[self.vector] != 0
                    elif e.op == "index":
                        v = False
                    else:
                        v = any(varies[id(a)] for a in e.args)
                    varies[id(e)] = v
                    if v:
                        if e.dtype.itemsize == 8:
                            wide += 1
                        else:
                            narrow += 1
        return 8 if wide > narrow else 4

    # The function

    def lowered(self) -> Lowered:
        b = self.b
        flat = not self.empty and self._is_flat()
        numbers = ("low", "stop", "high") if flat else ("tid", "nt")
        if flat:
            self._flat()
        elif not self.empty:
            if self.across:
                self._across()
            else:
                self._along()
        shared = dict(b.shared)
        name = ""
        if not self.empty:
            name, text = self._body_name(numbers)
            shared[name] = text
        loop = self.loop
        kept, inner = prod(loop.kept), prod(loop.inner)
        flops = 0.0
        for line in self.lines:
            s = line.statement
            n = sum(
                e.op not in ("load", "const", "index", "cast")
                for x in s.expressions for e in walk(x)
            )  # fmt: skip
            flops += (n + bool(s.fold)) * (kept * inner if s.inner else kept)
        touched: dict[tuple[Any, ...], int] = {}
        for view in (*loop.reads(), *loop.writes()):
            size = prod(
                n for n, k in zip(view.shape, view.strides, strict=True) if k
            ) * view.dtype.itemsize  # fmt: skip
            touched[id(view.buffer), view.offset, view.strides] = size
        where = {(id(v.buffer), v.offset): i for i, v in enumerate(views_of(loop))}
        length = None if self.vector is None else self.axes.sizes[self.vector]
        return Lowered(
            name, shared, sorted(b.declared), [where[key] for key in self.pointers],
            (length, self.lanes) if flat and length is not None else None,
            threads=self.threads, flops=flops, bytes=sum(touched.values()), note=self._note(),
        )  # fmt: skip

    def _note(self) -> str:
        """How the loops are run, for people."""
        if self.vector is None or self.empty:
            return ""
        where = "of rows" if self.across and self.loop.inner else "along rows"
        share = ", shared by threads" if self.threads else ""
        return f"vectors of {self.lanes} {where if self.loop.inner else ''}".strip() + share

    def _body_name(self, numbers: Sequence[str]) -> tuple[str, str]:
        """The loops as a function of addresses; its name is that of its text.

        Loops that differ in addresses only, such as the updates of many parameters, share it.
        """
        parameters = [f"ptr {v.name}" for v, _ in self.pointers.values()]
        parameters += [f"i64 %{n}" for n in numbers]
        rest = f"({', '.join(parameters)}) {{\nentry:\n{self.b.body()}\n  ret void\n}}\n"
        name = "rl.loop." + blake2b(rest.encode(), digest_size=8).hexdigest()
        return name, f"define internal void @{name}{rest}"

    def _is_flat(self) -> bool:
        """Whether it is one loop over contiguous elements and single numbers."""
        v = self.vector
        return (
            v is not None and self.axes.kept == [v] and not self.axes.inner
            and not self._folds()
            and all(w.buffer and not w.table and w.strides[v] in (0, 1) for w in self.windows)
        )  # fmt: skip

    def _flat(self) -> None:
        """Such a loop, from %low to %high, whole vectors up to %stop."""
        b = self.b
        v = self.vector
        assert v is not None
        low, stop, high = (Value(f"%{n}", "i64") for n in ("low", "stop", "high"))

        def some(index: Value, _values: list[Value]) -> Sequence[Value]:
            self._columns([(index, None, self.lanes)])
            return ()

        b.loop(low, stop, self.lanes, (), some)
        if self.axes.sizes[v] % self.lanes:

            def tail() -> None:
                count = b.convert("trunc", b.sub(high, stop), "i32")
                lanes = ", ".join(f"i32 {i}" for i in range(self.lanes))
                each = Value(f"<{lanes}>", "i32", self.lanes)
                self._columns([(stop, b.compare("icmp slt", each, count), self.lanes)])

            b.when(b.compare("icmp slt", stop, high), tail)

    def _share(
        self, b: Builder, count: int, multiple: int, limit: int
    ) -> tuple[Value | int, Value | int]:
        """This thread's part of `limit` things, in `count` units of `multiple`."""
        if not self.threads:
            return 0, limit
        tid, threads = Value("%tid", "i64"), Value("%nt", "i64")
        units = b.const(count, "i64")
        first = b.binary("udiv", b.mul(tid, units), threads)
        next_ = b.binary("udiv", b.mul(b.add(tid, b.const(1, "i64")), units), threads)
        if multiple == 1:
            return first, next_
        low = b.mul(first, b.const(multiple, "i64"))
        high = b.mul(next_, b.const(multiple, "i64"))
        bound = b.const(limit, "i64")
        return low, b.select(b.compare("icmp slt", high, bound), high, bound)

    def _rows(self, axes: list[int], body: Callable[[], None], share: bool) -> None:
        """`body` for every index of kept axes; threads share them if `share`."""
        b = self.b
        sizes = self.axes.sizes
        total = prod(sizes[a] for a in axes)
        low, high = self._share(b, total, 1, total) if share else (0, total)

        def row(index: Value, _values: list[Value]) -> Sequence[Value]:
            rest = index
            for a in reversed(axes[1:]):
                n = sizes[a]
                if rest.constant is not None:
                    self.index[a] = position(rest.constant % n)
                    rest = position(rest.constant // n)
                else:
                    self.index[a] = b.binary("urem", rest, b.const(n, "i64"))
                    rest = b.binary("udiv", rest, b.const(n, "i64"))
            if axes:
                self.index[axes[0]] = rest
            body()
            return ()

        b.loop(low, high, 1, (), row)

    def _along(self) -> None:
        """Vectors along an inner axis: a row is folded to scalars."""
        passes = 1 + max(line.phase for line in self.lines)

        def row() -> None:
            known: dict[Any, Value] = {}
            self._row_lines(-1, known, None, 1)
            for p in range(passes):
                self._pass_along(p, known)
                self._row_lines(p, known, None, 1)

        self._rows(self.axes.kept, row, True)

    def _across(self) -> None:
        """Vectors along a kept axis: every lane is a row."""
        b = self.b
        v = self.vector
        if v is None:  # a single element
            self._rows([], lambda: self._columns([(None, None, 1)]), False)
            return
        n = self.axes.sizes[v]
        outer = [a for a in self.axes.kept if a != v]
        rows = prod(self.axes.sizes[a] for a in outer)
        unroll = self._unroll_across(n)
        step = self.lanes * unroll
        by_rows = self.threads and rows > 1 and (rows >= 32 or n < 4 * max(step, 64))
        # Threads do not share lines of the cache that they write to.
        granule = step if self.loop.inner or step & (step - 1) else max(step, 64)
        main = n // step * step
        low: Value | int = 0
        high: Value | int = n
        if self.threads and not by_rows:
            low, high = self._share(b, -(-n // granule), granule, n)

        def columns() -> None:
            if isinstance(high, int):
                stop: Value | int = main
            else:
                bound = b.const(main, "i64")
                stop = b.select(b.compare("icmp slt", high, bound), high, bound)

            def some(index: Value, _values: list[Value]) -> Sequence[Value]:
                instances = []
                for u in range(unroll):
                    at = plus(b, index, u * self.lanes)
                    instances.append((at, None, self.lanes))
                self._columns(instances)
                return ()

            if main:
                b.loop(low, stop, step, (), some)
            if main < n:
                rest = []
                for at in range(main, n, self.lanes):
                    count = min(self.lanes, n - at)
                    lanes = self.lanes if n - at > 1 else 1
                    rest.append((position(at), None if count in (1, self.lanes) else count, lanes))

                def tail() -> None:
                    self._columns(rest)

                if isinstance(high, int):
                    b.scope(tail)
                else:
                    b.when(b.compare("icmp eq", high, b.const(n, "i64")), tail)

        self._rows(outer, columns, by_rows)

    def _unroll_across(self, n: int) -> int:
        folds = sum(line.statement.fold is not None for line in self.lines)
        if not folds or not prod(self.loop.inner):
            return 1
        inner = sum(w for w, line in zip(self.weight, self.lines, strict=True)
                    if line.statement.inner)  # fmt: skip
        most = 4 if inner <= 8 else 2 if inner <= 24 else 1
        vectors = n // self.lanes
        few = 2 if self.threads and self.axes.kept == [self.vector] else 1
        while most > 1 and (folds * most > 8 or vectors < most * few):
            most //= 2
        while most > 1 and (n // self.lanes) % most:
            most -= 1
        return most

    def _columns(self, instances: Sequence[Instance]) -> None:
        """All phases for some vectors of rows: (index, existing lanes, lanes) each."""
        passes = 1 + max(line.phase for line in self.lines)
        known: list[dict[Any, Value]] = [{} for _ in instances]

        def rows(phase: int) -> None:
            for (at, mask, lanes), k in zip(instances, known, strict=True):
                if at is not None and self.vector is not None:
                    self.index[self.vector] = at
                self._row_lines(phase, k, mask, lanes)

        rows(-1)
        for p in range(passes):
            self._pass_across(p, instances, known)
            rows(p)

    def _row_lines(
        self, phase: int, known: dict[Any, Value], mask: Mask, lanes: int
    ) -> None:
        """The row statements of a phase."""
        for line in self.lines:
            if line.phase == phase and not line.statement.inner:
                self._run(line, known, {}, mask, lanes)

    # A pass over a row

    def _of_pass(self, p: int) -> list[Line]:
        return [line for line in self.lines if line.phase == p and line.statement.inner]

    def _pass_across(
        self, p: int, instances: Sequence[Instance],
        known: list[dict[Any, Value]],
    ) -> None:  # fmt: skip
        lines = self._of_pass(p)
        if not lines:
            return
        b = self.b
        folds = [line for line in lines if line.statement.fold]
        inner = self.axes.inner
        sizes = [self.axes.sizes[a] for a in inner]
        count = prod(self.loop.inner)
        if not count:
            sizes, inner = [0], [-1]

        states = [[Fold(b, line, lanes) for line in folds] for _, _, lanes in instances]
        flat = [f for s in states for f in s]

        def leaf(values: list[list[Value]]) -> list[list[Value]]:
            made: list[list[Value]] = []
            position = 0
            for i, (at, mask, lanes) in enumerate(instances):
                if at is not None and self.vector is not None:
                    self.index[self.vector] = at
                mine = values[position : position + len(folds)]
                position += len(folds)
                made += self._body(lines, known[i], mine, states[i], mask, lanes, None)
            return made

        results = nest(b, self.index, inner, sizes, flat, count, leaf)
        position = 0
        for i, (at, _mask, _lanes) in enumerate(instances):
            if at is not None and self.vector is not None:
                self.index[self.vector] = at
            for line in folds:
                fold = flat[position]
                self._finish(line, fold, fold.value(results[position]), known[i],
                             instances[i][1], instances[i][2])  # fmt: skip
                position += 1

    def _pass_along(self, p: int, known: dict[Any, Value]) -> None:
        lines = self._of_pass(p)
        if not lines:
            return
        b = self.b
        v = self.vector
        assert v is not None
        folds = [line for line in lines if line.statement.fold]
        n = self.axes.sizes[v]
        unroll = 1
        if folds:
            heavy = sum(cost(line.statement.expressions) for line in lines)
            unroll = 4 if heavy <= 8 else 2 if heavy <= 24 else 1
            while unroll > 1 and n // self.lanes < unroll:
                unroll //= 2
        step = self.lanes * unroll
        main = n // step * step
        outer = [a for a in self.axes.inner if a != v]
        # The axis of vectors is counted in steps here.
        states = [Fold(b, line, self.lanes) for line in folds]
        sets = [f for _ in range(unroll) for f in states]

        def vectors(
            values: list[list[Value]], places: list[tuple[Value, int | None]]
        ) -> list[list[Value]]:
            made = list(values)
            for u, (at, mask) in enumerate(places):
                self.index[v] = at
                low = (u % unroll) * len(folds)
                made[low : low + len(folds)] = self._body(
                    lines, known, made[low : low + len(folds)], states, mask, self.lanes, mask
                )
            return made

        def steps(values: list[list[Value]]) -> list[list[Value]]:
            index = self.index[-2]
            if index.constant is not None:
                start = position(int(index.constant) * step)
            else:
                start = b.mul(index, b.const(step, "i64"))
            return vectors(values, [(plus(b, start, u * self.lanes), None) for u in range(unroll)])

        sizes = [self.axes.sizes[a] for a in outer]
        parts: list[list[list[Value]]] = []
        kinds: list[list[bool]] = []
        if main:
            count = prod(sizes) * (main // step)
            results = nest(b, self.index, [*outer, -2], [*sizes, main // step], sets, count, steps)
            parts.append(results)
            kinds.append([f.totalled for f in sets])
        if main < n:
            rest: list[tuple[Value, int | None]] = []
            for at in range(main, n, self.lanes):
                count = min(self.lanes, n - at)
                rest.append((position(at), None if count == self.lanes else count))
            for f in states:
                f.totalled = False
            results = nest(
                b, self.index, outer, sizes, sets, prod(sizes), lambda values: vectors(values, rest)
            )
            parts.append(results)
            kinds.append([f.totalled for f in sets])
        for i, line in enumerate(folds):
            fold = states[i]
            if not parts:
                self._finish(line, fold, fold.value(fold.start(), False), known, None, 1)
                continue
            long = any(k[i] for k in kinds)
            pieces: list[list[Value]] = []
            for results, kind in zip(parts, kinds, strict=True):
                for u in range(unroll):
                    state = results[u * len(folds) + i]
                    if long and not kind[u * len(folds) + i]:
                        state = fold.total(fold.zero_total(), state)
                    pieces.append(state)
            while len(pieces) > 1:
                pieces = [
                    fold.join(pieces[j], pieces[j + 1]) if j + 1 < len(pieces) else pieces[j]
                    for j in range(0, len(pieces), 2)
                ]
            state = fold.across(pieces[0])
            self._finish(line, fold, fold.value(state, long), known, None, 1)
