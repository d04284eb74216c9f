"""Scatters: every element of a source goes to a place that index tensors and its own position give.

The iteration space is that of the source. Element i goes to the place
``sum_a steps[a] * i[a] + sum_j jumps[j] * index_j[i]`` of the output, and is added to what is there
or replaces it. Axes that own an axis of the output (`free`) never meet: threads share one of them,
and the others run in order, so that the result does not depend on the number of threads and the
last of several that are written to one place stays.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from .memory import load, store
from .module import Emitted
from .vector import Builder, Value, kind_of

if TYPE_CHECKING:
    from ..ir import Kernel, View
    from .target import Target

#: Elements below which a second thread is not worth it.
SMALL = 16384


def lower_scatter(equation: Kernel, name: str, target: Target) -> Emitted:
    """The function of a `Kernel` whose inputs are source, indices and output.

    Its attributes: `steps`, `jumps`, `free` (axes), `how` ("set", "add", "mul", "max", "min"),
    `sizes` (for each index what is added to a negative one, or 0), `skip` (a value of the first
    index that is left out, or None).
    """
    return _Scatter(equation, name, target).emitted()


class _Scatter:
    def __init__(self, equation: Kernel, name: str, target: Target) -> None:
        self.name = name
        self.origin = equation.origin
        self.source, *self.indices, self.output = equation.inputs
        a = equation.attributes
        self.how, self.steps, self.jumps = a["how"], a["steps"], a["jumps"]
        self.sizes, self.skip = a["sizes"], a["skip"]
        self.shape = self.source.shape
        self.work = prod(self.shape)
        lanes = target.bytes // max(4, self.output.dtype.itemsize)
        self.vector = self._vector_axis(a["free"], lanes)
        self.split = self._split_axis(a["free"])
        self.lanes = 1 if self.vector is None else lanes
        self.threads = self.work > SMALL and self.split is not None
        self.b = Builder(target, lanes)
        self.index: dict[int, Value] = {}

    def _vector_axis(self, free: Any, lanes: int) -> int | None:
        """An axis along which source and output are contiguous and no index varies."""
        for axis in free:
            if (
                self.steps[axis] == 1 and self.shape[axis] >= lanes
                and self.source.strides[axis] in (0, 1)
                and all(v.strides[axis] == 0 for v in self.indices)
                and self.output.dtype.kind == "f" and self.output.dtype.itemsize > 2
            ):
                return int(axis)
        return None

    def _split_axis(self, free: Any) -> int | None:
        best = None
        for axis in free:
            if self.shape[axis] > 1 and (best is None or self.shape[axis] > self.shape[best]):
                best = int(axis)
        return best

    def emitted(self) -> Emitted:
        b = self.b
        bases = [self._address(v) for v in (self.source, *self.indices, self.output)]
        if self.work:
            order = [a for a, n in enumerate(self.shape) if n != 1]
            if self.vector is not None:
                order.remove(self.vector)
            if self.split in order:
                order.remove(self.split)
                order.insert(0, self.split)
            self._nest(order, bases)
        text = "\n".join([
            f"define internal void @{self.name}(ptr %p, i64 %tid, i64 %nt) {{", "entry:",
            b.body(), "  ret void", "}", *sorted(b.declared), "",
        ])  # fmt: skip
        size = self.output.dtype.itemsize
        return Emitted(
            self.origin or "scatter", self.name, text, threads=self.threads, flops=self.work,
            bytes=self.work * (3 * size + 8 * len(self.indices)), source=self._readable(),
            shared=dict(b.shared),
        )  # fmt: skip

    def _readable(self) -> str:
        axes = "".join(f"[i{a}]" for a in range(len(self.shape)))
        places = [f"{s} * i{a}" for a, s in enumerate(self.steps) if s]
        places += [f"{s} * {v!r}{axes}" for s, v in zip(self.jumps, self.indices, strict=True)]
        sign = {"set": "=", "add": "+=", "mul": "*="}.get(self.how, f"{self.how}=")
        loops = ", ".join(f"i{a} < {n}" for a, n in enumerate(self.shape))
        place = " + ".join(places) or "0"
        return f"for {loops}:\n  {self.output!r}[{place}] {sign} {self.source!r}{axes}\n"

    def _address(self, view: View) -> Value:
        b = self.b
        buffer = view.buffer
        slot = b.pointer(Value("%p", "ptr"), buffer.slot, 8)
        base = b.set(f"load ptr, ptr {slot.name}, align 8", "ptr", 1, 0)
        start = view.offset * buffer.dtype.itemsize + (0 if buffer.slot else buffer.offset)
        return b.pointer(base, start, 1)

    def _bounds(self, axis: int, unit: int) -> tuple[Value | int, Value | int]:
        """The part of an axis that this thread does, in units of so many elements."""
        n = self.shape[axis]
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

    def _nest(self, axes: list[int], bases: list[Value]) -> None:
        if not axes:
            self._element(bases)
            return
        low, high = self._bounds(axes[0], 1)

        def body(index: Value, _: Any) -> tuple[()]:
            self.index[axes[0]] = index
            self._nest(axes[1:], bases)
            return ()

        self.b.loop(low, high, 1, (), body)

    def _offset(self, strides: Any) -> Value | int:
        b = self.b
        total: Value | None = None
        for axis, index in self.index.items():
            if strides[axis]:
                part = b.mul(index, b.const(strides[axis], "i64"))
                total = part if total is None else b.add(total, part)
        return 0 if total is None else total

    def _at(self, base: Value, offset: Value | int, view: View) -> Value:
        return self.b.pointer(base, offset, view.dtype.itemsize)

    def _element(self, bases: list[Value]) -> None:
        """All that lies along the axis of vectors, or one element."""
        b = self.b
        place = self._offset(self.steps)
        skipped: Value | None = None
        for number, (view, base) in enumerate(zip(self.indices, bases[1:], strict=False)):
            at = self._at(base, self._offset(view.strides), view)
            index = self._long(load(b, at, view.dtype, fixed=True), view)
            if number == 0 and self.skip is not None:
                skipped = b.compare("icmp ne", index, b.const(self.skip, "i64"))
            if self.sizes[number]:
                wrapped = b.add(index, b.const(self.sizes[number], "i64"))
                index = b.select(b.compare("icmp slt", index, b.const(0, "i64")), wrapped, index)
            jump = b.mul(index, b.const(self.jumps[number], "i64"))
            place = jump if isinstance(place, int) else b.add(place, jump)
        source = self._at(bases[0], self._offset(self.source.strides), self.source)
        target = self._at(bases[-1], place, self.output)
        if skipped is None:
            self._line(source, target)
        else:
            b.when(skipped, lambda: self._line(source, target))

    def _long(self, value: Value, view: View) -> Value:
        if value.kind == "i64":
            return value
        return self.b.convert("zext" if view.dtype.kind in "ub" else "sext", value, "i64")

    def _line(self, source: Value, target: Value) -> None:
        if self.vector is None:
            self._step(source, target, 1)
            return
        b = self.b
        low, high = self._bounds(self.vector, self.lanes)
        stride = self.source.strides[self.vector]
        n = self.shape[self.vector] // self.lanes * self.lanes
        whole: Value | int = n
        if isinstance(high, Value):
            whole = b.intrinsic("smin", high, b.const(n, "i64"))

        def some(lanes: int) -> Any:
            def body(index: Value, _: Any) -> tuple[()]:
                here = b.pointer(source, index, self.source.dtype.itemsize) if stride else source
                self._step(here, b.pointer(target, index, self.output.dtype.itemsize), lanes)
                return ()

            return body

        b.loop(low, whole, self.lanes, (), some(self.lanes))
        if n != self.shape[self.vector]:
            start: Value | int = n
            if isinstance(low, Value):
                start = b.intrinsic("smax", low, b.const(n, "i64"))
            b.loop(start, high, 1, (), some(1))

    def _step(self, source: Value, target: Value, lanes: int) -> None:
        b, dtype = self.b, self.output.dtype
        wide = 1 if self.vector is None or not self.source.strides[self.vector] else lanes
        value = load(b, source, self.source.dtype, wide)
        value = b.spread(value, lanes)
        if self.how != "set":
            value = self._combined(load(b, target, dtype, lanes), value)
        store(b, value, target, dtype, lanes)

    def _combined(self, old: Value, new: Value) -> Value:
        b = self.b
        if self.how == "add":
            return b.binary("or", old, new) if old.kind == "i1" else b.add(old, new)
        if self.how == "mul":
            return b.binary("and", old, new) if old.kind == "i1" else b.mul(old, new)
        kind = kind_of(self.output.dtype)
        more = self.how == "max"
        if kind in ("float", "double"):
            found = b.select(b.compare("fcmp ogt" if more else "fcmp olt", new, old), new, old)
            return b.select(b.compare("fcmp uno", new, new), new, found)
        sign = "u" if self.output.dtype.kind in "ub" else "s"
        return b.select(b.compare(f"icmp {sign}{'gt' if more else 'lt'}", new, old), new, old)


KERNELS = {"scatter": lower_scatter}
