"""The library of convolutions: implicit matrix products over padded planes, for one dtype.

A padded plane is a channel of an image with zeros around it, its rows one after the other. Shifted
by a tap's offset, the plane's elements line up with the output's: for every tap, output pixels p,
p + 1, ... read elements offset + p, offset + p + 1, .... So the input need not be unfolded: it is
a matrix whose rows, one for each channel and tap, are windows of planes, listed in a table of
offsets. Pixels between two rows of the output are computed too and thrown away.

A stride is no exception: every phase (element index modulo stride) has planes of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .module import Library, finish
from .packing import pack_columns, pack_each
from .tile import KINDS, SIZES, shape, tile
from .writer import Writer

if TYPE_CHECKING:
    from .target import Target

FORWARD = (
    "ptr %a, i64 %rsa, ptr %b, ptr %table, ptr %c, i64 %rsc, ptr %d, i64 %rsd, i64 %k, "
    "i64 %rows, i64 %length"
)
WEIGHT = (
    "ptr %a, i64 %astep, ptr %table, ptr %g, i64 %gstep, i64 %images, i64 %length, ptr %c, "
    "i64 %rsc, i64 %rows, i64 %cols"
)
COPY = "ptr %to, ptr %from, i64 %n"
TURN = "ptr %to, ptr %from, i64 %plane, i64 %length, i64 %cols"

#: Pixels whose gradients are kept in the first cache while all taps use them.
PIXELS = 256


def columns_of(dtype: str, target: Target) -> int:
    """How many columns the main tile has."""
    return shape(target)[1] * target.bytes // SIZES[KINDS[dtype]]


def _taps(target: Target) -> int:
    """Rows of the tiles for gradients of weights: the taps of a kernel of three by three."""
    return 9 if target.registers == 32 else shape(target)[0]


def library(dtype: str, target: Target) -> Library:
    """The library for a dtype."""
    short = {"float32": "f32", "float64": "f64"}[dtype]
    name = f"rushlight_conv_{short}"
    functions = {
        "forward": FORWARD, "weight": WEIGHT, "copy": COPY, "halve": COPY,
        "zero": "ptr %to, i64 %n", "turn": TURN,
    }  # fmt: skip
    return Library(
        name, lambda: _text(name, KINDS[dtype], target),
        {f"{name}_{f}": f"declare void @{name}_{f}({a})" for f, a in functions.items()},
    )  # fmt: skip


def _text(name: str, kind: str, target: Target) -> str:
    rows, vectors = shape(target)
    columns = vectors * target.bytes // SIZES[kind]
    parts = [
        tile("tile", kind, target, rows, vectors, "b"),
        tile("tile_thin", kind, target, rows, 1, "b"),
        tile("tile_low", kind, target, rows // 2, vectors, "b"),
        tile("tile_row", kind, target, 1, 4, "b"),
        tile("turned", kind, target, _taps(target), vectors, "a"),
        tile("turned_thin", kind, target, _taps(target), 1, "a"),
        pack_columns("pack_columns", kind, kind, target, columns),
        pack_each("pack_each", kind, kind, columns),
        _forward(f"{name}_forward", kind, target),
        _weight(f"{name}_weight", kind, target),
        _copy(f"{name}_copy", kind, target),
        _halve(f"{name}_halve", kind, target),
        _zero(f"{name}_zero", kind, target),
        _turn(f"{name}_turn", kind, target),
    ]
    return finish("\n".join(parts), target)


def _forward(name: str, kind: str, target: Target) -> str:
    """C[rows, length] = A[rows, k] times the windows of B that the table lists, plus D.

    D's rows are one tile of four vectors each, the same for all columns. Without masked stores,
    C's rows have room for whole tiles of four vectors.
    """
    size = SIZES[kind]
    rows, vectors = shape(target)
    lanes = target.bytes // size
    columns = vectors * lanes
    w = Writer(f"void @{name}({FORWARD})")
    some = w.set("icmp ne ptr %d, null")

    def call(function: str, row: str, column: str, have: str) -> None:
        a = w.at("%a", w.mul(row, "%rsa"))
        b = w.at("%b", w.mul(column, size))
        c = w.at("%c", w.add(w.mul(row, "%rsc"), w.mul(column, size)))
        d = w.select(some, w.at("%d", w.mul(row, "%rsd")), "null", "ptr")
        left = w.sub("%length", column)
        w.do(
            f"call void @{function}(ptr {a}, i64 %rsa, i64 {size}, ptr {b}, ptr %table, ptr {c}, "
            f"i64 %rsc, ptr {d}, i64 %rsd, i64 %k, i64 {have}, i64 {left})"
        )

    single, several, done = w.label(), w.label(), w.label()
    w.branch(w.test("eq", "%rows", 1), single, several)
    w.place(single)
    with w.loop(0, "%length", 4 * lanes) as jr:
        call("tile_row", "0", jr.index, "1")
    w.jump(done)
    w.place(several)
    with w.loop(0, "%length", columns) as jr:
        thin = w.test("sle", w.sub("%length", jr.index), lanes)
        with w.loop(0, "%rows", rows) as ir:
            have = w.min(rows, w.sub("%rows", ir.index))
            after = w.label()
            low = w.test("sle", have, rows // 2)
            for function, test in (("tile_low", low), ("tile_thin", thin)):
                yes, no = w.label(), w.label()
                w.branch(test, yes, no)
                w.place(yes)
                call(function, ir.index, jr.index, have)
                w.jump(after)
                w.place(no)
            call("tile", ir.index, jr.index, have)
            w.jump(after)
            w.place(after)
    w.jump(done)
    w.place(done)
    w.ret()
    return w.text()


def _weight(name: str, kind: str, target: Target) -> str:
    """C[rows, cols] += windows of A that the table lists, times G[length, cols] in panels.

    Summed over images, A and G `astep` and `gstep` bytes apart. C's rows have room for whole
    panels.
    """
    size = SIZES[kind]
    rows, vectors = _taps(target), shape(target)[1]
    lanes = target.bytes // size
    columns = vectors * lanes
    w = Writer(f"void @{name}({WEIGHT})")
    with w.loop(0, "%cols", columns) as jr:
        panel = w.at("%g", w.mul(w.mul(jr.index, "%length"), size))
        thin = w.test("sle", w.sub("%cols", jr.index), lanes)
        with w.loop(0, "%length", PIXELS) as pc:
            depth = w.min(PIXELS, w.sub("%length", pc.index))
            b = w.at(panel, w.mul(pc.index, columns * size))
            a = w.at("%a", w.mul(pc.index, size))
            with w.loop(0, "%rows", rows) as ir, w.loop(0, "%images") as n:
                have = w.min(rows, w.sub("%rows", ir.index))
                c = w.at("%c", w.add(w.mul(ir.index, "%rsc"), w.mul(jr.index, size)))
                arguments = (
                    f"(ptr {w.at(a, w.mul(n.index, '%astep'))}, "
                    f"ptr {w.at('%table', w.mul(ir.index, 8))}, i64 {size}, "
                    f"ptr {w.at(b, w.mul(n.index, '%gstep'))}, i64 {columns * size}, ptr {c}, "
                    f"i64 %rsc, ptr {c}, i64 %rsc, i64 {depth}, i64 {have}, i64 {columns})"
                )
                slim, full, after = w.label(), w.label(), w.label()
                w.branch(thin, slim, full)
                w.place(slim)
                w.do(f"call void @turned_thin{arguments}")
                w.jump(after)
                w.place(full)
                w.do(f"call void @turned{arguments}")
                w.jump(after)
                w.place(after)
    w.ret()
    return w.text()


def _turn(name: str, kind: str, target: Target) -> str:
    """Planes to panels: [cols][plane] becomes panels of columns, [length][columns] each."""
    size = SIZES[kind]
    lanes = target.bytes // size
    columns = shape(target)[1] * lanes
    w = Writer(f"void @{name}({TURN})")
    with w.loop(0, "%cols", columns) as jr:
        have = w.min(columns, w.sub("%cols", jr.index))
        to = w.at("%to", w.mul(w.mul(jr.index, "%length"), size))
        source = w.at("%from", w.mul(jr.index, "%plane"))
        arguments = f"(ptr {to}, ptr {source}, i64 {size}, i64 %plane, i64 %length, i64 {have})"
        deep, flat, done = w.label(), w.label(), w.label()
        w.branch(w.test("sge", "%length", lanes), deep, flat)
        w.place(deep)
        w.do(f"call void @pack_columns{arguments}")
        w.jump(done)
        w.place(flat)
        w.do(f"call void @pack_each{arguments}")
        w.jump(done)
        w.place(done)
    w.ret()
    return w.text()


def _tail(w: Writer, kind: str, lanes: int, start: str) -> None:
    """The last elements of a contiguous copy."""
    size = SIZES[kind]
    with w.loop(start, "%n") as i:
        offset = w.mul(i.index, size)
        w.store(kind, w.load(kind, w.at("%from", offset), size), w.at("%to", offset), size)


def _copy(name: str, kind: str, target: Target) -> str:
    """Contiguous elements."""
    size = SIZES[kind]
    lanes = target.bytes // size
    vector = f"<{lanes} x {kind}>"
    w = Writer(f"void @{name}({COPY})")
    whole = w.set(f"and i64 %n, {-lanes}")
    with w.loop(0, whole, lanes) as i:
        offset = w.mul(i.index, size)
        w.store(vector, w.load(vector, w.at("%from", offset), size), w.at("%to", offset), size)
    # The rest by a last vector that overlaps the one before, if there is one.
    rest, one, each, done = w.label(), w.label(), w.label(), w.label()
    w.branch(w.test("eq", whole, "%n"), done, rest)
    w.place(rest)
    w.branch(w.test("ne", whole, 0), one, each)
    w.place(one)
    offset = w.mul(w.sub("%n", lanes), size)
    w.store(vector, w.load(vector, w.at("%from", offset), size), w.at("%to", offset), size)
    w.jump(done)
    w.place(each)
    _tail(w, kind, lanes, whole)
    w.jump(done)
    w.place(done)
    w.ret()
    return w.text()


def _halve(name: str, kind: str, target: Target) -> str:
    """Every second element of 2n - 1."""
    size = SIZES[kind]
    lanes = target.bytes // size
    vector = f"<{lanes} x {kind}>"
    w = Writer(f"void @{name}({COPY})")
    # The last element behind the last pair need not exist.
    whole = w.set(f"and i64 {w.sub('%n', 1)}, {-lanes}")
    order = ", ".join(f"i32 {2 * i}" for i in range(lanes))
    with w.loop(0, whole, lanes) as i:
        source = w.at("%from", w.mul(i.index, 2 * size))
        low = w.load(vector, source, size)
        high = w.load(vector, w.at(source, target.bytes), size)
        even = w.set(f"shufflevector {vector} {low}, {vector} {high}, <{lanes} x i32> <{order}>")
        w.store(vector, even, w.at("%to", w.mul(i.index, size)), size)
    with w.loop(whole, "%n") as i:
        x = w.load(kind, w.at("%from", w.mul(i.index, 2 * size)), size)
        w.store(kind, x, w.at("%to", w.mul(i.index, size)), size)
    w.ret()
    return w.text()


def _zero(name: str, kind: str, target: Target) -> str:
    """Zeros; `n` is a multiple of a register's elements."""
    size = SIZES[kind]
    lanes = target.bytes // size
    w = Writer(f"void @{name}(ptr %to, i64 %n)")
    with w.loop(0, "%n", lanes) as i:
        to = w.at("%to", w.mul(i.index, size))
        w.store(f"<{lanes} x {kind}>", "zeroinitializer", to, size)
    w.ret()
    return w.text()
