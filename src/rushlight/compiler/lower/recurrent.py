"""Recurrent layers over a whole sequence: the loop over its steps, forward and back.

What needs no state (the inputs' share of the gates, the gradients of the weights) are products of
all rows, made elsewhere. Here, each step multiplies the state with its weights and passes the gates
through their functions. Sequences of a batch do not meet, so threads share them and run through all
steps without waiting for each other. The weights are packed once into the panels that tiles of
products read.

Equations: `Kernel("recurrent", ...)` and `Kernel("recurrent_back", ...)` with the attributes `cell`
("lstm", "gru", "tanh", "relu"), `steps` ((first row, rows) in running order) and `names`, which
tell what each view among inputs and outputs is. Rows of all views are contiguous.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import gemm_library as library
from .access import address
from .gemm import SMALL
from .memory import load, store
from .module import Emitted
from .polynomials import FUNCTIONS
from .tile import KINDS, SIZES, shape
from .vector import Builder, Value, kind_of
from .writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..ir import Kernel, View
    from .target import Target

#: Gates of a cell, in the order of the rows of its weights.
GATES = {"lstm": 4, "gru": 3, "tanh": 1, "relu": 1}

#: What the function of one step's gates is told: the thread's rows of the batch, the step's first
#: row, the first row of the step before and how many rows that had.
STEP = "i64 %low, i64 %high, i64 %start, i64 %before, i64 %had"


class Row:
    """Some lanes of one row of every view."""

    def __init__(self, cell: Cell, row: Value, whole: Value, at: Value | int, lanes: int) -> None:
        self.cell = cell
        self.b = cell.b
        self.row = row  # in the batch
        self.whole = whole  # in the sequence
        self.at = at
        self.lanes = lanes

    def _place(self, name: str, part: int) -> tuple[Value, View]:
        cell, b = self.cell, self.b
        view = cell.views[name]
        if view.ndim == 3:  # gate by gate
            offset, step = part * view.strides[0], view.strides[1]
        else:
            offset, step = part * cell.size, view.strides[0]
        row = self.row if view.shape[-2] == cell.batch and name in cell.states else self.whole
        base = b.pointer(cell.base(name), offset, cell.itemsize)
        line = b.pointer(base, b.mul(row, b.const(step, "i64")), cell.itemsize)
        return b.pointer(line, self.at, cell.itemsize), view

    def get(self, name: str, part: int = 0) -> Value:
        place, view = self._place(name, part)
        return load(self.b, place, view.dtype, self.lanes)

    def vector(self, name: str, part: int) -> Value:
        """Elements of a vector that is the same for all rows."""
        b, view = self.b, self.cell.views[name]
        base = b.pointer(self.cell.base(name), part * self.cell.size, self.cell.itemsize)
        return load(b, b.pointer(base, self.at, self.cell.itemsize), view.dtype, self.lanes)

    def put(self, name: str, value: Value, part: int = 0) -> None:
        if name in self.cell.views:
            place, view = self._place(name, part)
            store(self.b, self.b.spread(value, self.lanes), place, view.dtype, self.lanes)

    def past(self, name: str, first: str) -> Value:
        """The row of the step before, of the initial state where there was none."""
        b, cell = self.b, self.cell
        inside = b.compare("icmp slt", self.row, Value("%had", "i64"))
        there = b.add(Value("%before", "i64"), self.row)
        view, initial = cell.views[name], cell.views[first]
        steps = [b.const(v.strides[0] * cell.itemsize, "i64") for v in (view, initial)]
        offset = b.select(inside, b.mul(there, steps[0]), b.mul(self.row, steps[1]))
        base = b.select(inside, cell.base(name), cell.base(first))
        line = b.pointer(base, offset, 1)
        return load(b, b.pointer(line, self.at, cell.itemsize), view.dtype, self.lanes)

    # Arithmetic

    def call(self, name: str, x: Value) -> Value:
        return FUNCTIONS[name](self.b, x)

    def one_minus(self, x: Value) -> Value:
        return self.b.sub(self.b.const(1.0, x.kind), x)

    def mul(self, *factors: Value) -> Value:
        product = factors[0]
        for f in factors[1:]:
            product = self.b.mul(product, f)
        return product


class Cell:
    """The function that passes one step's gates through their functions, for rows of the batch."""

    def __init__(
        self, name: str, target: Target, views: dict[str, View], size: int, batch: int,
        body: Callable[[Row], None],
    ) -> None:  # fmt: skip
        self.name = name
        self.views = views
        self.size = size
        self.batch = batch
        self.itemsize = next(iter(views.values())).dtype.itemsize
        #: What has a row for each sequence, and not for each of its steps.
        self.states = frozenset(("state", "cell", "scratch", "first", "first_cell"))
        self.lanes = target.bytes // self.itemsize
        self.b = Builder(target, self.lanes)
        self._body = body

    def base(self, name: str) -> Value:
        b, view = self.b, self.views[name]
        slot = b.pointer(Value("%p", "ptr"), view.buffer.slot, 8)
        start = b.set(f"load ptr, ptr {slot.name}, align 8", "ptr", 1, 0)
        offset = view.offset * self.itemsize + (0 if view.buffer.slot else view.buffer.offset)
        return b.pointer(start, offset, 1)

    def _part(self, row: Row) -> Callable[[], None]:
        return lambda: self._body(row)

    def text(self) -> str:
        b = self.b

        def row(index: Value, _: Any) -> tuple[()]:
            whole = b.add(index, Value("%start", "i64"))
            full = self.size // self.lanes * self.lanes

            def lanes(at: Value, _: Any) -> tuple[()]:
                self._body(Row(self, index, whole, at, self.lanes))
                return ()

            b.loop(0, full, self.lanes, (), lanes)
            at, width = full, self.lanes
            while at < self.size:
                while width > self.size - at:
                    width //= 2
                b.scope(self._part(Row(self, index, whole, at, width)))
                at += width
            return ()

        b.loop(Value("%low", "i64"), Value("%high", "i64"), 1, (), row)
        return "\n".join([
            f"define internal void @{self.name}(ptr %p, {STEP}) {{", "entry:", b.body(),
            "  ret void", "}", *sorted(b.declared), "",
        ])  # fmt: skip


# ---- the cells ----------------------------------------------------------------------------------


def _lstm(r: Row) -> None:
    enter, forget, leave = (r.call("sigmoid", r.get("sums", g)) for g in (0, 1, 3))
    new = r.call("tanh", r.get("sums", 2))
    cell = r.b.add(r.mul(forget, r.get("cell")), r.mul(enter, new))
    hidden = r.mul(leave, r.call("tanh", cell))
    for part, gate in enumerate((enter, forget, leave, new)):
        r.put("gates", gate, part)
    r.put("cells", cell)
    r.put("cell", cell)
    r.put("out", hidden)
    r.put("state", hidden)


def _gru(r: Row) -> None:
    b = r.b
    reset, update = (
        r.call("sigmoid", b.add(r.get("sums", g), r.get("scratch", g))) for g in (0, 1)
    )
    share = r.get("scratch", 2)
    if "bias" in r.cell.views:
        share = b.add(share, r.vector("bias", 2))
    new = r.call("tanh", b.add(r.get("sums", 2), r.mul(reset, share)))
    hidden = b.add(r.mul(b.sub(r.get("state"), new), update), new)
    for part, gate in enumerate((reset, update, new)):
        r.put("gates", gate, part)
    r.put("shares", share)
    r.put("out", hidden)
    r.put("state", hidden)


def _tanh(r: Row) -> None:
    hidden = r.call("tanh", r.get("sums"))
    r.put("out", hidden)
    r.put("state", hidden)


def _relu(r: Row) -> None:
    x = r.get("sums")
    zero = r.b.const(0.0, x.kind)
    hidden = r.b.select(r.b.compare("fcmp olt", x, zero), zero, x)
    r.put("out", hidden)
    r.put("state", hidden)


def _arriving(r: Row) -> Value:
    g = r.get("state")
    return r.b.add(g, r.get("g_out")) if "g_out" in r.cell.views else g


def _lstm_back(r: Row) -> None:
    b = r.b
    enter, forget, leave, new = (r.get("gates", part) for part in range(4))
    g = _arriving(r)
    tanh = r.call("tanh", r.get("cells"))
    cell = b.add(r.get("cell"), r.mul(g, leave, r.one_minus(r.mul(tanh, tanh))))
    past = r.past("cells", "first_cell")
    r.put("d", r.mul(cell, new, enter, r.one_minus(enter)), 0)
    r.put("d", r.mul(cell, past, forget, r.one_minus(forget)), 1)
    r.put("d", r.mul(cell, enter, r.one_minus(r.mul(new, new))), 2)
    r.put("d", r.mul(g, tanh, leave, r.one_minus(leave)), 3)
    r.put("cell", r.mul(cell, forget))


def _gru_back(r: Row) -> None:
    b = r.b
    reset, update, new = (r.get("gates", part) for part in range(3))
    g = _arriving(r)
    past = r.past("out", "first")
    of_new = r.mul(g, r.one_minus(update), r.one_minus(r.mul(new, new)))
    of_reset = r.mul(of_new, r.get("shares"), reset, r.one_minus(reset))
    of_update = r.mul(g, b.sub(past, new), update, r.one_minus(update))
    for name, last in (("d_in", of_new), ("d", r.mul(of_new, reset))):
        r.put(name, of_reset, 0)
        r.put(name, of_update, 1)
        r.put(name, last, 2)
    r.put("state", r.mul(g, update))


def _tanh_back(r: Row) -> None:
    out = r.get("out")
    r.put("d", r.mul(_arriving(r), r.one_minus(r.mul(out, out))))


def _relu_back(r: Row) -> None:
    out = r.get("out")
    zero = r.b.const(0.0, out.kind)
    r.put("d", r.b.select(r.b.compare("fcmp ogt", out, zero), _arriving(r), zero))


FORWARD = {"lstm": _lstm, "gru": _gru, "tanh": _tanh, "relu": _relu}
BACK = {"lstm": _lstm_back, "gru": _gru_back, "tanh": _tanh_back, "relu": _relu_back}


# ---- the loops over steps -----------------------------------------------------------------------


class _Loop:
    """What both directions have in common."""

    def __init__(self, equation: Kernel, name: str, target: Target, back: bool) -> None:
        self.equation = equation
        self.name = name
        self.back = back
        known = equation.attributes
        self.cell = known["cell"]
        self.steps = known["steps"]
        views = (*equation.inputs, *equation.outputs)
        self.views: dict[str, View] = dict(zip(known["names"], views, strict=True))
        weight = self.views["weight"]
        self.gates = GATES[self.cell]
        self.hidden = weight.shape[0] // self.gates
        self.state = weight.shape[1]
        self.batch = self.views["state"].shape[0]
        dtype = str(weight.dtype)
        self.kind = kind_of(weight.dtype)
        self.size = SIZES[KINDS[dtype]]
        rows, vectors = shape(target)
        self.columns = vectors * target.bytes // self.size
        self.library = library.library(dtype, dtype, dtype, target)
        #: Of the product in each step: depth and columns.
        wide = weight.shape[0]
        self.depth, self.width = (wide, self.state) if back else (self.state, wide)
        bodies = BACK if back else FORWARD
        self.function = Cell(
            f"{name}.cell", target, self.views, self.hidden, self.batch, bodies[self.cell]
        )
        total = sum(count for _, count in self.steps)
        self.flops = 2.0 * total * wide * self.state
        self.threads = self.flops > SMALL and self.batch > 1

    def emit(self) -> Emitted:
        parts = [self.function.text(), self._pack(), self._run()]
        touched = sum(v.size * self.size for v in self.views.values())
        return Emitted(
            self.equation.origin or self.equation.name, [f"{self.name}.pack", f"{self.name}.run"],
            "".join(parts), threads=self.threads, flops=self.flops, bytes=float(touched),
            source=self._source(), shared=dict(self.function.b.shared), libraries=[self.library],
        )  # fmt: skip

    def _source(self) -> str:
        order = "backwards, " if self.back else ""
        return (
            f"for each of {len(self.steps)} steps: {order}state[{self.batch}, {self.depth}] @ "
            f"weights[{self.depth}, {self.width}], then the gates of {self.cell} "
            f"({self.hidden} units); threads share the batch\n"
        )

    def _pack(self) -> str:
        """The weights as panels: for each panel of columns, depth by depth; missing ones zero."""
        w = Writer(f"internal void @{self.name}.pack(ptr %p, i64 %tid, i64 %nt)")
        weight, packed = self.views["weight"], self.views["packed"]
        source, to = address(w, weight), address(w, packed)
        rows, columns = (s * self.size for s in weight.strides)
        if not self.back:
            rows, columns = columns, rows
        panels = -(-self.width // self.columns)
        low = w.udiv(w.mul("%tid", panels), "%nt")
        high = w.udiv(w.mul(w.add("%tid", 1), panels), "%nt")
        with w.loop(low, high) as j:
            first = w.mul(j.index, self.columns)
            have = w.min(self.columns, w.sub(self.width, first))
            panel = w.at(to, w.mul(first, self.depth * self.size))
            come = w.at(source, w.mul(first, columns))
            with w.loop(0, have) as c:
                line = w.at(come, w.mul(c.index, columns))
                into = w.at(panel, w.mul(c.index, self.size))
                with w.loop(0, self.depth) as k:
                    x = w.load(self.kind, w.at(line, w.mul(k.index, rows)), self.size)
                    w.store(
                        self.kind, x, w.at(into, w.mul(k.index, self.columns * self.size)),
                        self.size,
                    )  # fmt: skip
        w.ret()
        return w.text()

    def _table(self) -> str:
        """For each step in running order: its first row, its rows, those of the step before."""
        order = list(self.steps)
        numbers = []
        for i, (start, count) in enumerate(order):
            before = order[i - 1] if i else (0, 0)
            numbers.append((start, count, *before))
        if self.back:
            numbers.reverse()
        text = ", ".join(f"i64 {n}" for entry in numbers for n in entry)
        return f"@{self.name}.steps = internal constant [{4 * len(order)} x i64] [{text}]\n"

    def _shape(self, rsa: int, rsc: int) -> str:
        parts = -(-max(self.depth, 1) // library.DEPTH)
        kc = -(-self.depth // parts)
        fields = {
            "rsa": rsa * self.size, "csa": self.size, "rsb": self.columns * self.size,
            "csb": self.depth * self.size, "rsc": rsc * self.size, "rsd": rsc * self.size,
            "k": self.depth, "mc": 96, "kc": min(kc + kc % 2, library.DEPTH), "pack_a": 0,
            "pack_b": library.DIRECT,
        }  # fmt: skip
        values = ", ".join(f"i64 {fields[f]}" for f in library.FIELDS)
        return f"@{self.name}.shape = internal constant [{len(fields)} x i64] [{values}]\n"

    def _run(self) -> str:
        w = Writer(f"internal void @{self.name}.run(ptr %p, i64 %tid, i64 %nt)")
        low = w.udiv(w.mul("%tid", self.batch), "%nt")
        high = w.udiv(w.mul(w.add("%tid", 1), self.batch), "%nt")
        with w.when(w.test("slt", low, high)):
            for name, first in (("state", "first"), ("cell", "first_cell")):
                if self.back:
                    first = {"state": "g_state", "cell": "g_cell"}[name]
                if name in self.views:
                    self._start(w, name, first, low, high)
            packed = address(w, self.views["packed"])
            left = self.views["d"] if self.back else self.views["state"]
            if self.back:
                target, accumulate = self.views["state"], self.cell == "gru"
            else:
                target = self.views["scratch" if self.cell == "gru" else "sums"]
                accumulate = self.cell != "gru"
            a, c = address(w, left), address(w, target)
            by_batch = self.back or self.cell == "gru"
            with w.loop(0, len(self.steps)) as step:
                entry = w.at(f"@{self.name}.steps", w.mul(step.index, 32))
                start, count, before, had = (w.load("i64", w.at(entry, 8 * i)) for i in range(4))
                end = w.min(high, count)
                with w.when(w.test("slt", low, end)):
                    cell = (
                        f"call void @{self.name}.cell(ptr %p, i64 {low}, i64 {end}, "
                        f"i64 {start}, i64 {before}, i64 {had})"
                    )
                    if self.back:
                        w.do(cell)
                    row = w.add(start, low)
                    rows = row if self.back else low
                    at = w.at(a, w.mul(rows, left.strides[0] * self.size))
                    rows = low if by_batch else row
                    to = w.at(c, w.mul(rows, target.strides[0] * self.size))
                    added = to if accumulate else "null"
                    w.do(
                        f"call void @{self.library.name}(ptr @{self.name}.shape, ptr {at}, "
                        f"ptr {packed}, ptr {to}, ptr {added}, i64 0, i64 {w.sub(end, low)}, "
                        f"i64 0, i64 {self.width})"
                    )
                    if not self.back:
                        w.do(cell)
        w.ret()
        return self._table() + self._shape(left.strides[0], target.strides[0]) + w.text()

    def _start(self, w: Writer, name: str, first: str, low: str, high: str) -> None:
        """What a state is before the first step: a copy, or zeros."""
        target = self.views[name]
        to = address(w, target)
        source = self.views.get(first)
        come = address(w, source) if source is not None else ""
        with w.loop(low, high) as row:
            line = w.at(to, w.mul(row.index, target.strides[0] * self.size))
            other = ""
            if source is not None:
                other = w.at(come, w.mul(row.index, source.strides[0] * self.size))
            with w.loop(0, target.shape[1]) as j:
                offset = w.mul(j.index, self.size)
                x = w.load(self.kind, w.at(other, offset), self.size) if other else "0.0"
                w.store(self.kind, x, w.at(line, offset), self.size)


def lower_recurrent(equation: Kernel, name: str, target: Target) -> Emitted:
    """The code of the steps forward."""
    return _Loop(equation, name, target, False).emit()


def lower_recurrent_back(equation: Kernel, name: str, target: Target) -> Emitted:
    """The code of the steps back."""
    return _Loop(equation, name, target, True).emit()


def packed_size(depth: int, width: int) -> int:
    """Room for weights as panels, whatever the processor."""
    return depth * (-(-width // 64) * 64)


KERNELS = {"recurrent": lower_recurrent, "recurrent_back": lower_recurrent_back}
