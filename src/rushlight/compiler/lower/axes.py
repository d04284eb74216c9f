"""The axes of a loop: how views step along them, their order, and which one is for vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir import walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..ir import Buffer, View
    from ..loop import Loop, Statement
    from .vector import Value


class Window:
    """A view as seen from the axes of the loop, or an index (`buffer` None).

    Attributes:
        strides: for every axis.
        weight: how often it is touched in comparison with others.
        table: the view, of what "at" reads.
    """

    __slots__ = (
        "base", "buffer", "dtype", "fixed", "offset", "store", "strides", "table", "weight",
    )  # fmt: skip

    def __init__(
        self, buffer: Buffer | None, offset: int, strides: Sequence[int], dtype: Any,
        store: bool, weight: float,
    ) -> None:  # fmt: skip
        self.buffer = buffer
        self.offset = offset
        self.strides = list(strides)
        self.dtype = dtype
        self.store = store
        self.weight = weight
        self.base: Value | None = None
        self.fixed = False
        self.table: View | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        return (id(self.buffer), self.offset, *self.strides)


class Line:
    """A statement with its windows."""

    __slots__ = ("indices", "inputs", "outputs", "phase", "positions", "statement")

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.inputs: list[Window] = []
        self.outputs: list[Window] = []
        self.indices: dict[int, Window] = {}
        self.positions: Window | None = None
        self.phase = -1


class Axes:
    """The axes of a loop while they are ordered and merged."""

    def __init__(self, loop: Loop, windows: list[Window]) -> None:
        self.windows = windows
        self.sizes = [*loop.kept, *loop.inner]
        self.kept = list(range(len(loop.kept)))
        self.inner = list(range(len(loop.kept), len(self.sizes)))

    def arrange(self) -> None:
        """Drop axes of size 1, put long strides first, merge neighbours."""
        self.kept = self._merged(self._sorted(self.kept))
        some = all(self.sizes[a] for a in self.inner)
        self.inner = self._merged(self._sorted(self.inner)) if some else []

    def _sorted(self, axes: list[int]) -> list[int]:
        axes = [a for a in axes if self.sizes[a] != 1]

        def length(a: int) -> float:
            return -sum(
                w.weight * min(abs(w.strides[a]), 1 << 20) * (w.dtype.itemsize if w.buffer else 0.1)
                for w in self.windows
            )

        return sorted(axes, key=length)

    def _merged(self, axes: list[int]) -> list[int]:
        result: list[int] = []
        for a in axes:
            if result:
                p = result[-1]
                n = self.sizes[a]
                if all(w.strides[p] == w.strides[a] * n for w in self.windows):
                    self.sizes[a] *= self.sizes[p]
                    result[-1] = a
                    continue
            result.append(a)
        return result

    def best(self, lanes: int) -> int | None:
        """The axis along which vectors do best."""
        best, found = -1e30, None
        for a in (*self.kept, *self.inner):
            n = self.sizes[a]
            score = 0.0
            for w in self.windows:
                if w.buffer is None:
                    continue
                stride = w.strides[a]
                if stride == 1:
                    score += w.weight * (3.0 if w.store else 2.0)
                elif stride:
                    score -= w.weight * (8.0 if w.store else 4.0)
                else:
                    score += w.weight * 1.5
            used = n / (-(-n // lanes) * lanes) if n else 1.0
            score -= 6.0 * (1.0 - used)
            if score >= best:
                best, found = score, a
        return found


def windows_of(loop: Loop, lines: Sequence[Line]) -> list[Window]:
    """The windows of all statements in the axes of the loop; every line gets its own."""
    windows: list[Window] = []
    sizes = (*loop.kept, *loop.inner)
    kept, total = len(loop.kept), len(sizes)
    rare = 0.25 if loop.inner else 1.0

    def window(view: View, wide: bool, store: bool) -> Window:
        strides = [*view.strides, *([] if wide else [0] * (total - kept))]
        strides = [0 if n == 1 else k for n, k in zip(sizes, strides, strict=True)]
        gone = store and view.buffer in loop.elided
        weight = 0.0 if gone else 1.0 if wide else rare
        windows.append(Window(view.buffer, view.offset, strides, view.dtype, store, weight))
        return windows[-1]

    def table(view: View) -> Window:
        made = Window(view.buffer, view.offset, [0] * total, view.dtype, False, 0.0)
        made.table = view
        windows.append(made)
        return made

    def counter(strides: Sequence[int]) -> Window:
        windows.append(Window(None, 0, strides, np.dtype(np.int64), False, 0.1))
        return windows[-1]

    for line in lines:
        s = line.statement
        line.inputs = [
            table(v) if i in s.tables else window(v, s.inner, False)
            for i, v in enumerate(s.inputs)
        ]
        line.outputs = [window(v, s.inner and not s.fold, True) for v in s.outputs]
        for expression in s.expressions:
            for e in walk(expression):
                if e.op == "index" and e.index not in line.indices:
                    line.indices[e.index] = counter([int(a == e.index) for a in range(total)])
        if s.fold in ("argmax", "argmin"):
            line.positions = counter(s.positions)
    return windows
