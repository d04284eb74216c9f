"""Windows of pictures: their largest values with positions, or their sums.

`Kernel("max_pool2d", [x], [values, indices])` (indices may be left out) and
`Kernel("sum_pool2d", [x], [sums])`, with the attributes kernel, stride, padding and dilation
(pairs); views are N, C, H, W of any strides. Threads share the planes.

Which pixels a window has is known here, so rows of output are cut into vectors whose windows lie
inside, loaded as they lie, and others whose pixels are picked one by one. A maximum takes the
nearest pixel of the same window for one outside: what is compared twice changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .access import address
from .module import Emitted
from .tile import KINDS, SIZES
from .writer import Writer

if TYPE_CHECKING:
    from ..ir import Kernel, View
    from .target import Target

#: Below so many windows one thread is as quick as two.
SMALL = 8192


class Piece:
    """Windows side by side that are computed together.

    Attributes:
        start: the first one's number in the row.
        lanes: how many.
        plain: whether all lie inside and are loaded as they lie.
    """

    __slots__ = ("lanes", "plain", "start")

    def __init__(self, start: int, lanes: int, plain: bool) -> None:
        self.start = start
        self.lanes = lanes
        self.plain = plain


class _Pool:
    """Writes the function of one pooling."""

    def __init__(self, equation: Kernel, name: str, target: Target, largest: bool) -> None:
        self.equation = equation
        self.name = name
        self.largest = largest
        self.x: View = equation.inputs[0]
        self.y: View = equation.outputs[0]
        self.indices = equation.outputs[1] if len(equation.outputs) > 1 else None
        known = equation.attributes
        (self.kh, self.kw), (self.sh, self.sw) = known["kernel"], known["stride"]
        (self.ph, self.pw), (self.dh, self.dw) = known["padding"], known["dilation"]
        dtype = str(self.x.dtype)
        if dtype not in KINDS:
            raise NotImplementedError(f"pooling of {dtype}")
        self.kind = KINDS[dtype]
        self.size = SIZES[self.kind]
        self.most = target.bytes // self.size
        self.images, self.channels, self.height, self.width = self.x.shape
        self.rows, self.columns = self.y.shape[2:]
        self.w = Writer(f"internal void @{name}(ptr %p, i64 %tid, i64 %nt)")

    # ---- which pixels ----------------------------------------------------------------------

    def column(self, j: int, b: int) -> int:
        """The column that tap b of window j reads; for sums -1 outside."""
        at = j * self.sw - self.pw
        c = at + b * self.dw
        if 0 <= c < self.width:
            return c
        if not self.largest:
            return -1
        first = -(-max(0, -at) // self.dw)
        last = (self.width - 1 - at) // self.dw
        return at + min(max(b, first), min(last, self.kw - 1)) * self.dw

    def pieces(self) -> list[Piece]:
        found = []
        j, lanes = 0, self.most
        while j < self.columns:
            lanes = self.most
            while lanes > self.columns - j:
                lanes //= 2
            found.append(Piece(j, lanes, self._plain(j, lanes)))
            j += lanes
        return found

    def _plain(self, j: int, lanes: int) -> bool:
        """Whether windows j and on lie inside and so do the vectors that are loaded for them."""
        first = j * self.sw - self.pw
        last = (j + lanes - 1) * self.sw - self.pw + (self.kw - 1) * self.dw
        if first < 0 or last >= self.width or self.x.strides[3] != 1 and self.width > 1:
            return False
        if self.sw == 1 or lanes == 1:
            return True
        if self.sw != 2:
            return False
        tap = (self.kw - 1) * self.dw // 2 * 2
        return first + tap + 2 * lanes <= self.width

    # ---- the code --------------------------------------------------------------------------

    def emit(self) -> Emitted:
        w = self.w
        planes = self.images * self.channels
        threads = self.y.size > SMALL and planes > 1
        source, target = address(w, self.x), address(w, self.y)
        places = address(w, self.indices) if self.indices is not None else ""
        low = w.udiv(w.mul("%tid", planes), "%nt")
        high = w.udiv(w.mul(w.add("%tid", 1), planes), "%nt")
        with w.loop(low, high) as plane:
            n, c = w.udiv(plane.index, self.channels), w.urem(plane.index, self.channels)

            def at(base: str, view: View) -> str:
                sn, sc = (s * view.dtype.itemsize for s in view.strides[:2])
                return w.at(base, w.add(w.mul(n, sn), w.mul(c, sc)))

            come, go = at(source, self.x), at(target, self.y)
            note = at(places, self.indices) if self.indices is not None else ""
            with w.loop(0, self.rows) as i:
                self._row(come, go, note, i.index)
        w.ret()
        touched = self.x.size * self.size + self.y.size * self.size
        if self.indices is not None:
            touched += self.indices.size * 8
        e = self.equation
        return Emitted(
            e.origin or e.name, self.name, w.text(), threads=threads,
            flops=float(self.y.size * self.kh * self.kw), bytes=float(touched),
            source=f"{e.name}: {self.x!r} -> {self.y!r}, windows {self.kh}x{self.kw}, stride "
            f"{self.sh, self.sw}, padding {self.ph, self.pw}, dilation {self.dh, self.dw}",
        )  # fmt: skip

    def _row(self, come: str, go: str, note: str, i: str) -> None:
        """One row of windows."""
        w = self.w
        top = w.sub(w.mul(i, self.sh), self.ph)
        lines: list[tuple[str, str, str | None]] = []  # pointer, first position, whether inside
        for a in range(self.kh):
            row = w.add(top, a * self.dh)
            inside = None
            if not self._rows_inside():
                row, inside = self._nearest(top, row, a)
            line = w.at(come, w.mul(row, self.x.strides[2] * self.size))
            lines.append((line, w.mul(row, self.width) if self.indices is not None else "", inside))
        out = w.at(go, w.mul(i, self.y.strides[2] * self.size))
        mark = ""
        if self.indices is not None:
            mark = w.at(note, w.mul(i, self.indices.strides[2] * 8))
        pieces = self.pieces()
        at = 0
        while at < len(pieces):
            piece = pieces[at]
            many = at
            while (
                many < len(pieces) and pieces[many].plain and piece.plain
                and pieces[many].lanes == piece.lanes
            ):
                many += 1
            if many - at > 2:
                with w.loop(piece.start, pieces[many - 1].start + piece.lanes, piece.lanes) as j:
                    self._piece(lines, out, mark, piece, j.index)
                at = many
            else:
                self._piece(lines, out, mark, piece, str(piece.start))
                at += 1

    def _rows_inside(self) -> bool:
        last = (self.rows - 1) * self.sh - self.ph + (self.kh - 1) * self.dh
        return self.ph == 0 and last < self.height

    def _nearest(self, top: str, row: str, a: int) -> tuple[str, str | None]:
        """The row that tap a reads; for sums also whether it is one of the picture."""
        w = self.w
        if not self.largest:
            inside = w.set(f"icmp ult i64 {row}, {self.height}")
            return w.select(inside, row, 0), inside
        missing = w.sub(0, top)
        first = w.udiv(w.add(w.select(w.test("sgt", missing, 0), missing, 0), self.dh - 1), self.dh)
        last = w.udiv(w.sub(self.height - 1, top), self.dh)
        tap = w.min(w.select(w.test("sgt", first, a), first, a), w.min(last, self.kh - 1))
        return w.add(top, w.mul(tap, self.dh)), None

    def _piece(
        self, lines: list[tuple[str, str, str | None]], out: str, mark: str, piece: Piece, j: str
    ) -> None:
        w, lanes = self.w, piece.lanes
        vector = self._type(self.kind, lanes)
        best = position = ""
        for a in range(self.kh):
            line, first, inside = lines[a]
            loaded: dict[Any, Any] = {}
            for b in range(self.kw):
                value = self._load(line, piece, j, b, loaded)
                if not value:
                    continue
                if not self.largest:
                    if inside is not None:
                        value = w.set(
                            f"select i1 {inside}, {vector} {value}, {vector} "
                            f"{'zeroinitializer' if lanes > 1 else '0.0'}"
                        )
                    best = w.set(f"fadd {vector} {best}, {value}") if best else value
                    continue
                where = self._where(first, piece, j, b) if self.indices is not None else ""
                if not best:
                    best, position = value, where
                    continue
                more = w.set(f"fcmp ogt {vector} {value}, {best}")
                nan = w.set(f"fcmp uno {vector} {value}, {value}")
                taken = w.set(f"or {self._type('i1', lanes)} {more}, {nan}")
                best = self._select(taken, vector, value, best, lanes)
                if where:
                    position = self._select(
                        taken, self._type("i32", lanes), where, position, lanes
                    )
        if not best:
            best = "zeroinitializer" if lanes > 1 else "0.0"
        self._store(out, self.y, j, best, self.kind, lanes)
        if self.indices is not None:
            wide = w.set(
                f"sext {self._type('i32', lanes)} {position} to {self._type('i64', lanes)}"
            )
            self._store(mark, self.indices, j, wide, "i64", lanes)

    def _type(self, kind: str, lanes: int) -> str:
        return kind if lanes == 1 else f"<{lanes} x {kind}>"

    def _select(self, taken: str, kind: str, a: str, b: str, lanes: int) -> str:
        return self.w.set(f"select {self._type('i1', lanes)} {taken}, {kind} {a}, {kind} {b}")

    def _load(self, line: str, piece: Piece, j: str, b: int, loaded: dict[Any, Any]) -> str:
        """Tap b of the windows of a piece; nothing if all are outside."""
        w, lanes, size = self.w, piece.lanes, self.size
        vector = self._type(self.kind, lanes)
        step = self.x.strides[3] * size
        if not piece.plain:
            columns = [self.column(piece.start + k, b) for k in range(lanes)]
            if all(c < 0 for c in columns):
                return ""
            values = [
                w.load(self.kind, w.at(line, c * step), size) if c >= 0 else "0.0"
                for c in columns
            ]
            if lanes == 1:
                return values[0]
            made = "poison"
            for k, value in enumerate(values):
                made = w.set(f"insertelement {vector} {made}, {self.kind} {value}, i64 {k}")
            return made
        first = w.at(line, w.mul(w.sub(w.mul(j, self.sw), self.pw), size))
        tap = b * self.dw
        if self.sw == 1 or lanes == 1:
            return w.load(vector, w.at(first, tap * size), size)
        pair = tap // 2
        if pair not in loaded:
            wide = f"<{2 * lanes} x {self.kind}>"
            both = w.load(wide, w.at(first, 2 * pair * size), size)
            parts = []
            for half in range(2):
                order = ", ".join(f"i32 {2 * k + half}" for k in range(lanes))
                parts.append(w.set(
                    f"shufflevector {wide} {both}, {wide} poison, <{lanes} x i32> <{order}>"
                ))  # fmt: skip
            loaded[pair] = parts
        return str(loaded[pair][tap % 2])

    def _where(self, first: str, piece: Piece, j: str, b: int) -> str:
        """The positions in the plane of tap b."""
        w, lanes = self.w, piece.lanes
        vector = self._type("i32", lanes)
        if piece.plain:
            columns = [k * self.sw - self.pw + b * self.dw for k in range(lanes)]
            base = w.add(first, w.mul(j, self.sw))
        else:
            columns = [self.column(piece.start + k, b) for k in range(lanes)]
            base = first
        low = w.set(f"trunc i64 {base} to i32")
        if lanes == 1:
            return w.set(f"add i32 {low}, {columns[0]}")
        ramp = ", ".join(f"i32 {c}" for c in columns)
        return w.set(f"add {vector} {w.splat(low, 'i32', lanes)}, <{ramp}>")

    def _store(self, line: str, view: View, j: str, value: str, kind: str, lanes: int) -> None:
        w = self.w
        size = view.dtype.itemsize
        step = view.strides[3] * size
        to = w.at(line, w.mul(j, step))
        vector = self._type(kind, lanes)
        if lanes == 1 or view.strides[3] == 1:
            w.store(vector, value, to, size)
            return
        for k in range(lanes):
            one = w.set(f"extractelement {vector} {value}, i64 {k}")
            w.store(kind, one, w.at(to, k * step), size)


def lower_max_pool2d(equation: Kernel, name: str, target: Target) -> Emitted:
    """The largest values of windows."""
    return _Pool(equation, name, target, True).emit()


def lower_sum_pool2d(equation: Kernel, name: str, target: Target) -> Emitted:
    """The sums of windows."""
    return _Pool(equation, name, target, False).emit()


KERNELS = {"max_pool2d": lower_max_pool2d, "sum_pool2d": lower_sum_pool2d}
