"""The statements of a loop at one place: loads, expressions, stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..ir import computed, walk
from .axes import Line, Window
from .folds import Fold
from .math import apply, cast
from .memory import gather, load, round_to, store
from .vector import Builder, Mask, Value, kind_of

if TYPE_CHECKING:
    from ..ir import Expr
    from ..loop import Loop
    from .axes import Axes


class Statements:
    """Writes statements where the builder stands.

    Attributes:
        index: where each axis stands.
        vector: the axis of vectors, or None.
        pointers: (buffer, offset) -> the parameter that is this address, and a view there.
    """

    b: Builder
    loop: Loop
    axes: Axes
    vector: int | None
    index: dict[int, Value]
    pointers: dict[tuple[int, int], tuple[Value, Window]]

    def _body(
        self, lines: list[Line], row: dict[Any, Value], values: list[list[Value]],
        folds: list[Fold], mask: Mask, lanes: int, guard: int | None,
    ) -> list[list[Value]]:  # fmt: skip
        """The inner statements at one place; `guard`: how many lanes take part in folds."""
        known: dict[Any, Value] = {}
        made = list(values)
        number = 0
        for line in lines:
            if not line.statement.fold:
                self._run(line, row, known, mask, lanes)
                continue
            value = self._evaluate(line, line.statement.expressions[0], row, known, mask, lanes)
            position = None
            if line.positions is not None:
                position = self._count(line.positions, lanes)
            made[number] = folds[number].step(made[number], value, position, guard)
            number += 1
        return made

    def _finish(
        self, line: Line, fold: Fold, value: Value, row: dict[Any, Value], mask: Mask,
        lanes: int,
    ) -> None:  # fmt: skip
        """Store the result of a fold."""
        w = line.outputs[0]
        value = cast(self.b, value, fold.dtype, computed(w.dtype))
        self._store(w, value, row, mask, lanes)

    # Statements

    def _run(
        self, line: Line, row: dict[Any, Value], known: dict[Any, Value], mask: Mask,
        lanes: int,
    ) -> None:  # fmt: skip
        s = line.statement
        memo: dict[int, Value] = {}
        values = [
            self._evaluate(line, e, row, known, mask, lanes, memo) for e in s.expressions
        ]
        for w, value in zip(line.outputs, values, strict=True):
            self._store(w, value, known if s.inner else row, mask, lanes)

    def _store(
        self, w: Window, value: Value, known: dict[Any, Value], mask: Mask, lanes: int
    ) -> None:
        b = self.b
        assert w.buffer is not None
        value = round_to(b, value, w.dtype)
        for key in [k for k in known if k[0] == id(w.buffer)]:
            del known[key]
        known[w.key] = value
        if w.buffer in self.loop.elided:
            return
        stride = w.strides[self.vector] if self.vector is not None else 0
        if lanes > 1 and not stride:
            lanes, mask = 1, None
        store(b, value, self._address(w), w.dtype, lanes, stride, mask)

    def _evaluate(
        self, line: Line, expression: Expr, row: dict[Any, Value], known: dict[Any, Value],
        mask: Mask, lanes: int, memo: dict[int, Value] | None = None,
    ) -> Value:  # fmt: skip
        b = self.b
        memo = {} if memo is None else memo
        for e in walk(expression):
            if id(e) in memo:
                continue
            if e.op == "load":
                made = self._load(line.inputs[e.index], row, known, mask, lanes)
            elif e.op == "at":
                made = self._at(line, e, memo, mask, lanes)
            elif e.op == "const":
                made = b.const(e.value, kind_of(e.dtype))
            elif e.op == "index":
                made = self._count(line.indices[e.index], lanes)
            elif e.op == "cast":
                made = cast(b, memo[id(e.args[0])], e.args[0].dtype, e.dtype)
            else:
                args = [memo[id(a)] for a in e.args]
                made = apply(b, e.op, e.args[-1].dtype, args)
            memo[id(e)] = made
        return memo[id(expression)]

    def _load(
        self, w: Window, row: dict[Any, Value], known: dict[Any, Value], mask: Mask,
        lanes: int,
    ) -> Value:  # fmt: skip
        key = w.key
        found = known.get(key)
        if found is None:
            found = row.get(key)
        if found is not None:
            return found
        stride = w.strides[self.vector] if self.vector is not None else 0
        if not stride or lanes == 1:
            made = load(self.b, self._address(w), w.dtype, fixed=w.fixed)
        else:
            made = load(self.b, self._address(w), w.dtype, lanes, stride, mask, w.fixed)
        known[key] = made
        return made

    def _at(
        self, line: Line, e: Expr, memo: dict[int, Value], mask: Mask, lanes: int
    ) -> Value:
        """An element of a table at computed coordinates."""
        b = self.b
        w = line.inputs[e.index]
        assert w.table is not None
        stride = 0  # from one lane to the next
        parts: list[Value] = []
        for argument, k in zip(e.args, w.table.strides, strict=True):
            if not k:
                continue
            place = memo[id(argument)]
            if argument.op == "index" and lanes > 1 and self.vector is not None:
                counter = line.indices[argument.index]
                stride += counter.strides[self.vector] * k
                place = self._count(counter, 1)
            parts.append(place if k == 1 else b.mul(place, b.const(k, "i64")))
        offset: Value = b.const(0, "i64")
        for part in sorted(parts, key=lambda p: (p.lanes, p.level)):
            offset = part if offset.constant == 0 else b.add(offset, part)
        base = self._base(w)
        size = int(w.dtype.itemsize)
        if offset.lanes == 1:
            pointer = b.pointer(base, offset, size)
            if not stride:
                return load(b, pointer, w.dtype, fixed=w.fixed)
            return load(b, pointer, w.dtype, lanes, stride, mask, w.fixed)
        if stride:
            steps = ", ".join(f"i64 {i * stride}" for i in range(lanes))
            offset = b.add(offset, Value(f"<{steps}>", "i64", lanes, 0))
        return gather(b, base, offset, w.dtype, mask)

    def _count(self, w: Window, lanes: int) -> Value:
        """An index, or a sum of indices with factors."""
        b = self.b
        total: Value = b.const(0, "i64")
        for a in (*self.axes.kept, *self.axes.inner):
            k = w.strides[a]
            if not k:
                continue
            index = self._place(a)
            if index.constant is not None:
                index = b.const(index.constant, "i64")
            part = index if k == 1 else b.mul(index, b.const(k, "i64"))
            total = part if total.constant == 0 else b.add(total, part)
        k = w.strides[self.vector] if self.vector is not None else 0
        if k and lanes > 1:
            steps = ", ".join(f"i64 {i * k}" for i in range(lanes))
            total = b.add(total, Value(f"<{steps}>", "i64", lanes, 0))
        return total

    def _place(self, axis: int) -> Value:
        return self.index[axis]

    def _base(self, w: Window) -> Value:
        """The address of a view's first element: a parameter of the function."""
        if w.base is None:
            key = id(w.buffer), w.offset
            if key not in self.pointers:
                self.pointers[key] = Value(f"%x{len(self.pointers)}", "ptr"), w
            w.base = self.pointers[key][0]
        return w.base

    def _address(self, w: Window) -> Value:
        b = self.b
        size = int(w.dtype.itemsize)
        pointer = self._base(w)
        fixed = 0
        places = []
        for a in (*self.axes.kept, *self.axes.inner):
            k = w.strides[a]
            if not k:
                continue
            index = self._place(a)
            if index.constant is not None:
                fixed += int(index.constant) * k
            else:
                places.append((index, k))
        places.sort(key=lambda place: place[0].level)
        for index, k in places:
            step = index if k == 1 else b.mul(index, b.const(k, "i64"))
            pointer = b.pointer(pointer, step, size)
        return b.pointer(pointer, fixed, size)
