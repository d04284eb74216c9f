"""Attention, some rows of one head at a time: their weights never leave the caches.

`Kernel("attention", ...)` makes ``softmax(q k^T scale) v`` and, where asked for, the weights or the
logarithms of the rows' sums; `Kernel("attention_back", ...)` the gradients, from the weights or
from those logarithms. Attributes: `scale` and `names`, which tell what each view among inputs and
outputs is ("q", "k", "v", "hidden", "blind", "out", "weights", "sums", "g", "gq", "gk", "gv"), all
with the same leading axes. Products are calls of the library's kernels. Threads share the blocks of
rows, on the way back the heads.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from ..ir import F32, F64
from . import gemm_library as library
from .access import address
from .gemm import PACK_ROWS, SMALL
from .memory import load, store
from .module import Emitted
from .polynomials import FUNCTIONS
from .tile import KINDS, SIZES
from .vector import SHORT, Builder, Mask, Value
from .writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..ir import Kernel, View
    from .target import Target

#: Bytes of the weights of one block, and its fewest rows.
BLOCK, FEWEST = 1 << 17, 8

DTYPES = {"float": F32, "double": F64}


class _Rows:
    """A function over rows of weights, written a vector of columns at a time.

    Attributes:
        parameters: pointers to the first row of each matrix: name -> stride of its rows in bytes.
    """

    def __init__(self, name: str, kind: str, target: Target, columns: int) -> None:
        self.name = name
        self.kind = kind
        self.size = SIZES[kind]
        self.columns = columns
        self.lanes = target.bytes // self.size
        self.b = Builder(target, self.lanes)

    def text(self, pointers: list[str], body: Callable[[Value], None]) -> str:
        b = self.b

        def row(index: Value, _: Any) -> tuple[()]:
            body(index)
            return ()

        b.loop(0, Value("%count", "i64"), 1, (), row)
        shown = ", ".join(f"ptr %{p}" for p in pointers)
        return "\n".join([
            f"define internal void @{self.name}(i64 %count, {shown}) {{", "entry:", b.body(),
            "  ret void", "}", *sorted(b.declared), "",
        ])  # fmt: skip

    def line(self, name: str, row: Value, step: int) -> Value:
        """Where a row begins; `step` in bytes."""
        return self.b.pointer(
            Value(f"%{name}", "ptr"), self.b.mul(row, self.b.const(step, "i64")), 1
        )

    def each(
        self, first: list[Value], body: Callable[[Value | int, Mask, list[Value]], list[Value]]
    ) -> list[Value]:
        """Pass over the columns; `body(position, mask, carried)` gives what is carried on."""
        b = self.b
        full = self.columns // self.lanes * self.lanes
        found = first
        if full:
            found = b.loop(0, full, self.lanes, first, lambda at, have: body(at, None, have))
        if self.columns > full:
            found = body(full, self.columns - full, found)
        return found

    def load(self, line: Value, at: Value | int, mask: Mask) -> Value:
        come = self.b.pointer(line, at, self.size)
        return load(self.b, come, DTYPES[self.kind], self.lanes, 1, mask)

    def store(self, value: Value, line: Value, at: Value | int, mask: Mask) -> None:
        to = self.b.pointer(line, at, self.size)
        store(self.b, value, to, DTYPES[self.kind], self.lanes, 1, mask)

    def const(self, number: float) -> Value:
        return self.b.const(number, self.kind)

    def across(self, value: Value, what: str) -> Value:
        """The sum or the maximum of all lanes."""
        b, kind = self.b, self.kind
        vector = f"<{self.lanes} x {kind}>"
        short = SHORT[kind]
        function = f"@llvm.vector.reduce.{what}.v{self.lanes}{short}"
        if what == "fadd":
            b.declared.add(f"declare {kind} {function}({kind}, {vector})")
            return b.set(
                f"call reassoc {kind} {function}({kind} -0.0, {vector} {value.name})", kind, 1,
                value.level,
            )  # fmt: skip
        b.declared.add(f"declare {kind} {function}({vector})")
        return b.set(f"call {kind} {function}({vector} {value.name})", kind, 1, value.level)


class _Attention:
    """What forward and back have in common."""

    def __init__(self, equation: Kernel, name: str, target: Target) -> None:
        self.equation = equation
        self.name = name
        self.target = target
        self.scale = float(equation.attributes["scale"])
        views = (*equation.inputs, *equation.outputs)
        self.views: dict[str, View] = dict(zip(equation.attributes["names"], views, strict=True))
        q, k, v = (self.views[n] for n in "qkv")
        self.lead = q.shape[:-2]
        self.heads = prod(self.lead)
        self.length, self.depth = q.shape[-2:]
        self.columns, self.width = v.shape[-2:]
        dtype = str(q.dtype)
        self.dtype = q.dtype
        self.kind = KINDS[dtype]
        self.size = SIZES[self.kind]
        lanes = target.bytes // self.size
        self.pitch = -(-self.columns // lanes) * lanes
        self.block = max(FEWEST, min(self.length, BLOCK // (self.pitch * self.size) // 8 * 8))
        self.block = min(self.block, self.length)
        self.blocks = -(-self.length // self.block)
        self.library = library.library(dtype, dtype, dtype, target)
        self.flops = 4.0 * self.heads * self.length * self.columns * (self.depth + self.width) / 2
        self.threads = self.flops > SMALL and self.heads * self.blocks > 1
        self.constants: list[str] = []
        self.shared: dict[str, str] = {}

    # ---- products ---------------------------------------------------------------------------

    def shape(
        self, a: tuple[int, int], b: tuple[int, int], c: int, depth: int, rows: int
    ) -> str:
        """The constants of a product: strides in elements of A, of B, of C's rows."""
        if b[1] == 1:
            mode = library.DIRECT if rows <= PACK_ROWS else library.ROWS
        else:
            mode = library.COLUMNS if b[0] == 1 else library.EACH
        parts = -(-max(depth, 1) // library.DEPTH)
        kc = -(-depth // parts)
        fields = {
            "rsa": a[0], "csa": a[1], "rsb": b[0], "csb": b[1], "rsc": c, "rsd": c,
        }  # fmt: skip
        numbers = {f: n * self.size for f, n in fields.items()}
        numbers.update(
            k=depth, mc=96, kc=min(kc + kc % 2, library.DEPTH), pack_a=0, pack_b=mode
        )
        values = ", ".join(f"i64 {numbers[f]}" for f in library.FIELDS)
        symbol = f"@{self.name}.shape{len(self.constants)}"
        self.constants.append(
            f"{symbol} = internal constant [{len(library.FIELDS)} x i64] [{values}]\n"
        )
        return symbol

    def product(
        self, w: Writer, shape: str, a: str, b: str, c: str, d: str, rows: str | int,
        columns: int,
    ) -> None:  # fmt: skip
        w.do(
            f"call void @{self.library.name}(ptr {shape}, ptr {a}, ptr {b}, ptr {c}, ptr {d}, "
            f"i64 0, i64 {rows}, i64 0, i64 {columns})"
        )

    def head(self, w: Writer, number: str) -> dict[str, str]:
        """Where the matrices of one head begin."""
        where: list[str] = []
        rest = number
        for n in reversed(self.lead):
            where.insert(0, w.urem(rest, n) if n > 1 else "0")
            rest = w.udiv(rest, n) if n > 1 else rest
        found = {}
        for name, view in self.views.items():
            at = self.bases[name]
            for i, n, s in zip(where, self.lead, view.strides, strict=False):
                if s and n > 1:
                    at = w.at(at, w.mul(i, s * view.dtype.itemsize))
            found[name] = at
        return found

    def rows_from(self, w: Writer, name: str, at: str, first: str) -> str:
        """A head's matrix (or column) from a row on."""
        view = self.views[name]
        step = view.strides[len(self.lead)] * view.dtype.itemsize
        return w.at(at, w.mul(first, step)) if step else at

    def allocate(self, w: Writer, matrices: int) -> tuple[str, list[str]]:
        piece = -(-self.block * self.pitch * self.size // 64) * 64
        raw = w.set(f"call ptr @PyMem_RawMalloc(i64 {matrices * piece + 64})")
        number = w.set(f"ptrtoint ptr {raw} to i64")
        base = w.at(raw, w.set(f"and i64 {w.sub(0, number)}, 63"))
        return raw, [w.at(base, i * piece) for i in range(matrices)]

    # ---- rows of weights --------------------------------------------------------------------

    def _masked(self, f: _Rows, x: Value, hidden: Value | None, at: Any, mask: Mask) -> Value:
        """Scaled scores; where hidden, -inf."""
        b = f.b
        x = b.mul(x, f.const(self.scale))
        if hidden is None:
            return x
        view = self.views["hidden"]
        low = f.const(float("-inf"))
        if view.strides[-1] == 0:
            here = load(b, hidden, view.dtype)
        else:
            here = load(b, b.pointer(hidden, at, 1), view.dtype, f.lanes, 1, mask)
        return b.select(here, low, x)

    def _step(self, name: str) -> int:
        view = self.views[name]
        return view.strides[len(self.lead)] * view.dtype.itemsize

    def softmax(self) -> str:
        """Rows of scores become rows of weights."""
        f = _Rows(f"{self.name}.softmax", self.kind, self.target, self.columns)
        b = f.b
        optional = [n for n in ("hidden", "blind", "weights", "sums") if n in self.views]

        def body(row: Value) -> None:
            line = f.line("s", row, self.pitch * self.size)
            at = {n: f.line(n, row, self._step(n)) for n in optional}
            low = f.const(float("-inf"))
            first = b.spread(low, f.lanes)

            def scores(j: Any, mask: Mask, have: list[Value]) -> list[Value]:
                x = self._masked(f, f.load(line, j, mask), at.get("hidden"), j, mask)
                if isinstance(mask, int):
                    x = b.select(b.masked(mask), x, low)
                f.store(x, line, j, mask)
                return [b.select(b.compare("fcmp ogt", x, have[0]), x, have[0])]

            high = f.across(f.each([first], scores)[0], "fmax")

            def powers(j: Any, mask: Mask, have: list[Value]) -> list[Value]:
                e = FUNCTIONS["exp"](b, b.sub(f.load(line, j, mask), high))
                if isinstance(mask, int):
                    e = b.select(b.masked(mask), e, f.const(0.0))
                f.store(e, line, j, mask)
                return [b.add(have[0], e)]

            zero = b.spread(f.const(0.0), f.lanes)
            total = f.across(f.each([zero], powers)[0], "fadd")
            share = b.div(f.const(1.0), total)
            blind = None
            if "blind" in at:
                blind = load(b, at["blind"], self.views["blind"].dtype)

            def shares(j: Any, mask: Mask, _: list[Value]) -> list[Value]:
                x = b.mul(f.load(line, j, mask), share)
                if blind is not None:
                    x = b.select(blind, f.const(0.0), x)
                f.store(x, line, j, mask)
                if "weights" in at:
                    f.store(x, at["weights"], j, mask)
                return []

            f.each([], shares)
            if "sums" in at:
                known = b.add(high, FUNCTIONS["log"](b, total))
                if blind is not None:  # exp(score - inf) is 0
                    known = b.select(blind, f.const(float("inf")), known)
                store(b, known, at["sums"], self.dtype)

        text = f.text(["s", *optional], body)
        self.shared.update(b.shared)
        return text

    def again(self) -> str:
        """Rows of scores become rows of weights, whose sums are known."""
        f = _Rows(f"{self.name}.again", self.kind, self.target, self.columns)
        b = f.b
        optional = [n for n in ("hidden", "sums") if n in self.views]

        def body(row: Value) -> None:
            line = f.line("s", row, self.pitch * self.size)
            at = {n: f.line(n, row, self._step(n)) for n in optional}
            known = load(b, at["sums"], self.dtype)

            def powers(j: Any, mask: Mask, _: list[Value]) -> list[Value]:
                x = self._masked(f, f.load(line, j, mask), at.get("hidden"), j, mask)
                f.store(FUNCTIONS["exp"](b, b.sub(x, known)), line, j, mask)
                return []

            f.each([], powers)

        text = f.text(["s", *optional], body)
        self.shared.update(b.shared)
        return text

    def slopes(self, pitch: int) -> str:
        """Rows of gradients of weights become those of scores; `pitch` of the weights' rows."""
        f = _Rows(f"{self.name}.slopes", self.kind, self.target, self.columns)
        b = f.b

        def body(row: Value) -> None:
            line = f.line("d", row, self.pitch * self.size)
            weights = f.line("w", row, pitch)

            def products(j: Any, mask: Mask, have: list[Value]) -> list[Value]:
                x = b.mul(f.load(line, j, mask), f.load(weights, j, mask))
                return [b.add(have[0], x)]

            zero = b.spread(f.const(0.0), f.lanes)
            mean = f.across(f.each([zero], products)[0], "fadd")

            def slopes(j: Any, mask: Mask, _: list[Value]) -> list[Value]:
                x = b.sub(f.load(line, j, mask), mean)
                x = b.mul(b.mul(x, f.load(weights, j, mask)), f.const(self.scale))
                f.store(x, line, j, mask)
                return []

            f.each([], slopes)

        text = f.text(["d", "w"], body)
        self.shared.update(b.shared)
        return text

    # ---- the whole --------------------------------------------------------------------------

    def strides(self, name: str) -> tuple[int, int]:
        a, b = self.views[name].strides[-2:]
        return a, b

    def turned(self, name: str) -> tuple[int, int]:
        a, b = self.strides(name)
        return b, a

    def share(self, w: Writer, units: int) -> tuple[str, str]:
        return w.udiv(w.mul("%tid", units), "%nt"), w.udiv(w.mul(w.add("%tid", 1), units), "%nt")

    def scores(self, w: Writer, at: dict[str, str], first: str, rows: str, to: str) -> None:
        shape = self.shape(
            self.strides("q"), self.turned("k"), self.pitch, self.depth, self.block
        )
        self.product(w, shape, self.rows_from(w, "q", at["q"], first), at["k"], to, "null", rows,
                     self.columns)  # fmt: skip

    def call_rows(
        self, w: Writer, function: str, at: dict[str, str], first: str, rows: str, to: str,
        names: tuple[str, ...],
    ) -> None:  # fmt: skip
        extra = "".join(
            f", ptr {self.rows_from(w, n, at[n], first)}" for n in names if n in self.views
        )
        w.do(f"call void @{self.name}.{function}(i64 {rows}, ptr {to}{extra})")

    def start(self) -> Writer:
        w = Writer(f"internal void @{self.name}(ptr %p, i64 %tid, i64 %nt)")
        self.bases = {n: address(w, v) for n, v in self.views.items()}
        return w

    def emitted(self, texts: list[str], source: str) -> Emitted:
        extra = "declare ptr @PyMem_RawMalloc(i64)\ndeclare void @PyMem_RawFree(ptr)\n"
        touched = sum(v.size * v.dtype.itemsize for v in self.views.values())
        return Emitted(
            self.equation.origin or self.equation.name, self.name,
            "".join([*self.constants, *texts, extra]), threads=self.threads, flops=self.flops,
            bytes=float(touched), source=source, shared=self.shared, libraries=[self.library],
        )  # fmt: skip


def lower_attention(equation: Kernel, name: str, target: Target) -> Emitted:
    """The code of attention."""
    e = _Attention(equation, name, target)
    rows_text = e.softmax()
    out = e.shape((e.pitch, 1), e.strides("v"), e.strides("out")[0], e.columns, e.block)
    w = e.start()
    low, high = e.share(w, e.heads * e.blocks)
    with w.when(w.test("slt", low, high)):
        raw, (scratch,) = e.allocate(w, 1)
        with w.loop(low, high) as unit:
            at = e.head(w, w.udiv(unit.index, e.blocks))
            first = w.mul(w.urem(unit.index, e.blocks), e.block)
            rows = w.min(e.block, w.sub(e.length, first))
            e.scores(w, at, first, rows, scratch)
            e.call_rows(w, "softmax", at, first, rows, scratch,
                        ("hidden", "blind", "weights", "sums"))  # fmt: skip
            to = e.rows_from(w, "out", at["out"], first)
            e.product(w, out, scratch, at["v"], to, "null", rows, e.width)
        w.do(f"call void @PyMem_RawFree(ptr {raw})")
    w.ret()
    source = (
        f"for each of {e.heads} heads, {e.block} of {e.length} rows at a time:\n"
        f"  weights = softmax(q[{e.length}, {e.depth}] @ k[{e.columns}, {e.depth}].T * {e.scale})\n"
        f"  out = weights @ v[{e.columns}, {e.width}]\n"
    )
    return e.emitted([rows_text, w.text()], source)


def lower_attention_back(equation: Kernel, name: str, target: Target) -> Emitted:
    """The code of attention's gradients."""
    e = _Attention(equation, name, target)
    e.flops *= 2.5
    e.threads = e.flops > SMALL and e.heads > 1
    known = "weights" in e.views
    pitch = e.strides("weights")[0] if known else e.pitch
    texts = [e.slopes(pitch * e.size)]
    if not known:
        texts.append(e.again())
    inner = e.shape(e.strides("g"), e.turned("v"), e.pitch, e.width, e.block)
    tail = e.length - (e.blocks - 1) * e.block

    def both(a: tuple[int, int], b: str, c: str) -> tuple[str, str]:
        """Constants for a whole block and for the last one."""
        made = [e.shape(a, e.strides(b), e.strides(c)[0], n, e.columns) for n in (e.block, tail)]
        return made[0], made[1]

    w = e.start()
    low, high = e.share(w, e.heads)
    with w.when(w.test("slt", low, high)):
        raw, (scratch, weights) = e.allocate(w, 2)
        with w.loop(low, high) as unit:
            at = e.head(w, unit.index)
            with w.loop(0, e.blocks) as block:
                first = w.mul(block.index, e.block)
                rows = w.min(e.block, w.sub(e.length, first))
                last = w.test("eq", block.index, e.blocks - 1)
                begin = w.test("eq", block.index, 0)
                g, q = (e.rows_from(w, n, at[n], first) for n in "gq")
                if known:
                    p = e.rows_from(w, "weights", at["weights"], first)
                else:
                    p = weights
                    e.scores(w, at, first, rows, p)
                    e.call_rows(w, "again", at, first, rows, p, ("hidden", "sums"))

                def add(
                    shape: tuple[str, str], a: str, b: str, c: str, columns: int,
                    begin: str = begin, last: str = last,
                ) -> None:  # fmt: skip
                    which = w.select(last, shape[1], shape[0], "ptr")
                    before = w.select(begin, "null", c, "ptr")
                    e.product(w, which, a, b, c, before, e.columns, columns)

                if "gv" in e.views:
                    add(both((1, pitch), "g", "gv"), p, g, at["gv"], e.width)
                if "gq" in e.views or "gk" in e.views:
                    e.product(w, inner, g, at["v"], scratch, "null", rows, e.columns)
                    w.do(f"call void @{name}.slopes(i64 {rows}, ptr {scratch}, ptr {p})")
                if "gq" in e.views:
                    shape = e.shape(
                        (e.pitch, 1), e.strides("k"), e.strides("gq")[0], e.columns, e.block
                    )
                    to = e.rows_from(w, "gq", at["gq"], first)
                    e.product(w, shape, scratch, at["k"], to, "null", rows, e.depth)
                if "gk" in e.views:
                    add(both((1, e.pitch), "q", "gk"), scratch, q, at["gk"], e.depth)
        w.do(f"call void @PyMem_RawFree(ptr {raw})")
    w.ret()
    source = (
        f"for each of {e.heads} heads, {e.block} of {e.length} rows at a time:\n"
        "  d = g @ v.T;  d = weights * (d - sum(d * weights)) * scale\n"
        "  gq = d @ k;  gk += d.T @ q;  gv += weights.T @ g\n"
    )
    return e.emitted([*texts, w.text()], source)


KERNELS = {"attention": lower_attention, "attention_back": lower_attention_back}
