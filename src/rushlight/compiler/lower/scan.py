"""Scans: running sums, products, extrema and recurrences ``s[i] = x[i] + f[i] s[i - 1]``.

All views have the same shape; the scan runs along the last axis. Lines are independent: threads
share them, and where lines lie side by side in memory a vector does several at a time.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from .memory import load, store
from .module import Emitted
from .vector import Builder, Value, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..ir import Kernel, View
    from .target import Target

SMALL = 16384


def lower_scan(equation: Kernel, name: str, target: Target) -> Emitted:
    """The function of a `Kernel` with inputs x (and f) and outputs values (and positions).

    Attribute `kind`: "sum", "prod", "linear", "max" or "min".
    """
    return _Scan(equation, name, target).emitted()


class _Scan:
    def __init__(self, equation: Kernel, name: str, target: Target) -> None:
        self.name = name
        self.origin = equation.origin
        self.kind = equation.attributes["kind"]
        self.views = [*equation.inputs, *equation.outputs]
        self.inputs = len(equation.inputs)
        *self.lines, self.length = self.views[0].shape
        dtype = self.views[0].dtype
        lanes = target.bytes // max(4, dtype.itemsize)
        self.vector = self._vector_axis(lanes)
        self.lanes = 1 if self.vector is None else lanes
        sizes = [(n, -a) for a, n in enumerate(self.lines) if n > 1]
        self.split = -max(sizes)[1] if sizes else None
        self.work = prod(self.lines) * self.length
        self.threads = self.work > SMALL and self.split is not None
        self.b = Builder(target, lanes)
        self.index: dict[int, Value] = {}

    def _vector_axis(self, lanes: int) -> int | None:
        plain = self.views[0].dtype.kind == "f" and self.views[0].dtype.itemsize > 2
        for axis in reversed(range(len(self.lines))):
            if plain and self.lines[axis] >= lanes and all(
                v.strides[axis] == 1 for v in self.views
            ):
                return axis
        return None

    def emitted(self) -> Emitted:
        b = self.b
        if self.work:
            bases = [self._address(v) for v in self.views]
            order = [a for a, n in enumerate(self.lines) if n != 1 and a != self.vector]
            if self.split in order:
                order.remove(self.split)
                order.insert(0, self.split)
            self._nest(order, bases)
        text = "\n".join([
            f"define internal void @{self.name}(ptr %p, i64 %tid, i64 %nt) {{", "entry:",
            b.body(), "  ret void", "}", *sorted(b.declared), "",
        ])  # fmt: skip
        shown = ", ".join(repr(v) for v in self.views)
        size = sum(v.dtype.itemsize for v in self.views)
        return Emitted(
            self.origin or "scan", self.name, text, threads=self.threads, flops=2 * self.work,
            bytes=self.work * size, shared=dict(b.shared),
            source=f"running {self.kind} of {self.length} in {prod(self.lines)} lines: {shown}\n",
        )  # fmt: skip

    def _address(self, view: View) -> Value:
        b, buffer = self.b, view.buffer
        slot = b.pointer(Value("%p", "ptr"), buffer.slot, 8)
        base = b.set(f"load ptr, ptr {slot.name}, align 8", "ptr", 1, 0)
        start = view.offset * buffer.dtype.itemsize + (0 if buffer.slot else buffer.offset)
        return b.pointer(base, start, 1)

    def _bounds(self, axis: int, unit: int) -> tuple[Value | int, Value | int]:
        n = self.lines[axis]
        if axis != self.split or not self.threads:
            return 0, n
        b = self.b
        units = b.const(-(-n // unit), "i64")
        tid, nt = Value("%tid", "i64"), Value("%nt", "i64")
        ends = []
        for t in (tid, b.add(tid, b.const(1, "i64"))):
            part = b.binary("sdiv", b.mul(t, units), nt)
            ends.append(b.intrinsic("smin", b.mul(part, b.const(unit, "i64")), b.const(n, "i64")))
        return ends[0], ends[1]

    def _nest(self, axes: Sequence[int], bases: list[Value]) -> None:
        if axes:
            low, high = self._bounds(axes[0], 1)

            def body(index: Value, _: Any) -> tuple[()]:
                self.index[axes[0]] = index
                self._nest(axes[1:], bases)
                return ()

            self.b.loop(low, high, 1, (), body)
        elif self.vector is None:
            self._line(bases, 1)
        else:
            self._vectors(bases)

    def _vectors(self, bases: list[Value]) -> None:
        b, axis = self.b, self.vector
        assert axis is not None
        low, high = self._bounds(axis, self.lanes)
        n = self.lines[axis] // self.lanes * self.lanes
        stop: Value | int = n
        start: Value | int = n
        if isinstance(high, Value):
            stop = b.intrinsic("smin", high, b.const(n, "i64"))
        if isinstance(low, Value):
            start = b.intrinsic("smax", low, b.const(n, "i64"))

        def some(lanes: int) -> Any:
            def body(index: Value, _: Any) -> tuple[()]:
                self.index[axis] = index
                self._line(bases, lanes)
                return ()

            return body

        b.loop(low, stop, self.lanes, (), some(self.lanes))
        if n != self.lines[axis]:
            b.loop(start, high, 1, (), some(1))

    def _start(self, view: View, base: Value) -> Value:
        """Where a line of a view begins."""
        b = self.b
        total: Value | int = 0
        for axis, index in self.index.items():
            if view.strides[axis]:
                part = b.mul(index, b.const(view.strides[axis], "i64"))
                total = part if isinstance(total, int) else b.add(total, part)
        return b.pointer(base, total, view.dtype.itemsize)

    def _line(self, bases: list[Value], lanes: int) -> None:
        b = self.b
        starts = [self._start(v, p) for v, p in zip(self.views, bases, strict=True)]

        def at(number: int, i: Value | int) -> Value:
            view = self.views[number]
            stride = view.strides[-1]
            if isinstance(i, int):
                return starts[number]
            return b.pointer(
                starts[number], b.mul(i, b.const(stride, "i64")), view.dtype.itemsize
            )

        def read(number: int, i: Value | int) -> Value:
            return load(b, at(number, i), self.views[number].dtype, lanes)

        def write(i: Value | int, state: Sequence[Value]) -> None:
            for number, value in enumerate(state[: len(self.views) - self.inputs]):
                view = self.views[self.inputs + number]
                store(b, value, at(self.inputs + number, i), view.dtype, lanes)

        first = [read(0, 0)]
        if self.kind in ("max", "min"):
            first.append(b.spread(b.const(0, "i64"), lanes))
        write(0, first)

        def body(i: Value, state: list[Value]) -> Sequence[Value]:
            found = self._step(read, i, state, lanes)
            write(i, found)
            return found

        b.loop(1, self.length, 1, first, body)

    def _step(self, read: Any, i: Value, state: list[Value], lanes: int) -> list[Value]:
        b = self.b
        new = read(0, i)
        if self.kind == "sum":
            return [b.add(state[0], new)]
        if self.kind == "prod":
            return [b.mul(state[0], new)]
        if self.kind == "linear":
            return [b.add(new, b.mul(read(1, i), state[0]))]
        old, place = state
        more = self.kind == "max"
        if kind_of(self.views[0].dtype) in ("float", "double"):
            taken = b.binary(
                "or", b.compare("fcmp oge" if more else "fcmp ole", new, old),
                b.compare("fcmp uno", new, new),
            )  # fmt: skip
        else:
            sign = "u" if self.views[0].dtype.kind in "ub" else "s"
            taken = b.compare(f"icmp {sign}{'ge' if more else 'le'}", new, old)
        here = b.spread(i, lanes)
        return [b.select(taken, new, old), b.select(taken, here, place)]


KERNELS = {"scan": lower_scan}
