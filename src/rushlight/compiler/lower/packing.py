"""Panels of matrices: the order in which the kernels of matrix products read their operands.

A panel of B holds `columns` columns: for every k, one row of them, contiguous. A panel of A holds
`rows` rows: for every k, their elements, contiguous. Missing columns and rows repeat the last one,
whatever is computed from them is never stored. 16-bit floating point elements are converted here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .tile import SIZES, column_masks
from .writer import Writer

if TYPE_CHECKING:
    from .target import Target

#: The types of elements in memory: name of the dtype -> LLVM's type, bytes.
STORED = {
    "float32": ("float", 4), "float64": ("double", 8),
    "float16": ("half", 2), "bfloat16": ("bfloat", 2),
}  # fmt: skip


def widen(w: Writer, value: str, stored: str, kind: str, lanes: int = 0) -> str:
    """A loaded value, or a vector of `lanes` of them, in the type it is computed in."""
    if stored == kind:
        return value

    def many(t: str) -> str:
        return f"<{lanes} x {t}>" if lanes else t

    if stored == "bfloat":  # loaded as i16: the upper half of a float
        wide = w.set(f"zext {many('i16')} {value} to {many('i32')}")
        sixteen = "splat (i32 16)" if lanes else "16"
        bits = w.set(f"shl {many('i32')} {wide}, {sixteen}")
        return w.set(f"bitcast {many('i32')} {bits} to {many('float')}")
    return w.set(f"fpext {many(stored)} {value} to {many(kind)}")


def in_memory(stored: str) -> str:
    """The type that is loaded: bfloat16 is loaded as bits, which every processor can do."""
    return "i16" if stored == "bfloat" else stored


def transpose(w: Writer, rows: list[str], kind: str) -> list[str]:
    """A square block of vectors, transposed by shuffles in log2(n) rounds."""
    n = len(rows)
    vector = f"<{n} x {kind}>"
    half = n // 2
    # Each round interleaves row i with row i + n/2: a perfect shuffle of (row, column) indices;
    # after log2(n) rounds rows and columns have changed places.
    low = ", ".join(f"i32 {i // 2 + (n if i % 2 else 0)}" for i in range(n))
    high = ", ".join(f"i32 {half + i // 2 + (n if i % 2 else 0)}" for i in range(n))
    rounds = n.bit_length() - 1
    for _ in range(rounds):
        following = []
        for i in range(half):
            pair = f"{vector} {rows[i]}, {vector} {rows[i + half]}"
            for order in (low, high):
                following.append(w.set(f"shufflevector {pair}, <{n} x i32> <{order}>"))
        rows = following
    return rows


def pack_rows(name: str, stored: str, kind: str, target: Target, columns: int) -> str:
    """Pack a panel of B whose rows are contiguous."""
    size = SIZES[kind]
    lanes = target.bytes // size
    have, narrow = in_memory(stored), 2 if stored in ("half", "bfloat") else size
    w = Writer(f"internal void @{name}(ptr %to, ptr %b, i64 %rsb, i64 %csb, i64 %k, i64 %cols)")
    full = w.test("eq", "%cols", columns)
    many, few, done = w.label(), w.label(), w.label()
    w.branch(full, many, few)
    w.place(many)
    with w.loop(0, "%k", 1, [("ptr", "%b"), ("ptr", "%to")]) as loop:
        b, to = loop.values
        for v in range(columns // lanes):
            x = w.load(f"<{lanes} x {have}>", w.at(b, v * lanes * narrow), narrow)
            x = widen(w, x, stored, kind, lanes)
            w.store(f"<{lanes} x {kind}>", x, w.at(to, v * target.bytes), target.bytes)
        loop.carry = [w.at(b, "%rsb"), w.at(to, columns * size)]
    w.jump(done)
    w.place(few)
    if target.masks:
        masks = column_masks(w, "%cols", lanes, columns // lanes)
        bits = {"i16": "i16", "half": "f16", "float": "f32", "double": "f64"}[have]
        with w.loop(0, "%k", 1, [("ptr", "%b"), ("ptr", "%to")]) as loop:
            b, to = loop.values
            for v in range(columns // lanes):
                p = w.at(b, v * lanes * narrow)
                x = w.set(
                    f"call <{lanes} x {have}> @llvm.masked.load.v{lanes}{bits}.p0(ptr {p}, "
                    f"i32 {narrow}, <{lanes} x i1> {masks[v]}, <{lanes} x {have}> zeroinitializer)"
                )
                x = widen(w, x, stored, kind, lanes)
                w.store(f"<{lanes} x {kind}>", x, w.at(to, v * target.bytes), target.bytes)
            loop.carry = [w.at(b, "%rsb"), w.at(to, columns * size)]
        extra = (
            f"declare <{lanes} x {have}> @llvm.masked.load.v{lanes}{bits}.p0(ptr, i32, "
            f"<{lanes} x i1>, <{lanes} x {have}>)\n"
        )
    else:
        _each(w, stored, kind, columns, str(narrow))
        extra = ""
    w.jump(done)
    w.place(done)
    w.ret()
    return w.text() + extra


def _each(w: Writer, stored: str, kind: str, columns: int, csb: str) -> None:
    """One element after the other, any strides."""
    size = SIZES[kind]
    have, narrow = in_memory(stored), 2 if stored in ("half", "bfloat") else size
    last = w.sub("%cols", 1)
    with w.loop(0, "%k", 1, [("ptr", "%b"), ("ptr", "%to")]) as outer:
        b, to = outer.values
        with w.loop(0, columns) as inner:
            x = w.load(have, w.at(b, w.mul(w.min(inner.index, last), csb)), narrow)
            x = widen(w, x, stored, kind)
            w.store(kind, x, w.set(f"getelementptr {kind}, ptr {to}, i64 {inner.index}"), size)
        outer.carry = [w.at(b, "%rsb"), w.at(to, columns * size)]


def pack_each(name: str, stored: str, kind: str, columns: int) -> str:
    """Pack a panel of any strides."""
    w = Writer(f"internal void @{name}(ptr %to, ptr %b, i64 %rsb, i64 %csb, i64 %k, i64 %cols)")
    _each(w, stored, kind, columns, "%csb")
    w.ret()
    return w.text()


def pack_columns(
    name: str, stored: str, kind: str, target: Target, columns: int, lanes: int = 0
) -> str:
    """Pack a panel of B whose columns are contiguous, by transposing square blocks.

    The depth must be at least that of a block (`lanes`, by default one register).
    """
    size = SIZES[kind]
    lanes = lanes or target.bytes // size
    have, narrow = in_memory(stored), 2 if stored in ("half", "bfloat") else size
    w = Writer(f"internal void @{name}(ptr %to, ptr %b, i64 %rsb, i64 %csb, i64 %k, i64 %cols)")
    last = w.sub("%cols", 1)
    with w.loop(0, columns, lanes) as block:
        starts = [
            w.at("%b", w.mul(w.min(w.add(block.index, i), last), "%csb")) for i in range(lanes)
        ]
        to = w.set(f"getelementptr {kind}, ptr %to, i64 {block.index}")
        end = w.sub("%k", lanes)
        with w.loop(0, "%k", lanes) as depth:
            # The last block overlaps the one before it.
            at = w.min(depth.index, end)
            offset = w.mul(at, narrow)
            rows = []
            for start in starts:
                x = w.load(f"<{lanes} x {have}>", w.at(start, offset), narrow)
                rows.append(widen(w, x, stored, kind, lanes))
            out = w.at(to, w.mul(at, columns * size))
            for i, x in enumerate(transpose(w, rows, kind)):
                w.store(f"<{lanes} x {kind}>", x, w.at(out, i * columns * size), size)
    w.ret()
    return w.text()


def pack_pair(name: str, kind: str, rows: int) -> str:
    """Pack two panels of A side by side whose columns are contiguous: whole lines are read."""
    size = SIZES[kind]
    w = Writer(f"internal void @{name}(ptr %to, ptr %a, i64 %csa, i64 %k)")
    second = w.at("%to", w.mul("%k", rows * size))
    whole = f"<{2 * rows} x {kind}>"
    with w.loop(0, "%k", 1, [("ptr", "%a")]) as loop:
        x = w.load(whole, loop.values[0], size)
        offset = w.mul(loop.index, rows * size)
        for half, to in enumerate(("%to", second)):
            order = ", ".join(f"i32 {half * rows + i}" for i in range(rows))
            part = w.set(f"shufflevector {whole} {x}, {whole} poison, <{rows} x i32> <{order}>")
            w.store(f"<{rows} x {kind}>", part, w.at(to, offset), size)
        loop.carry = [w.at(loop.values[0], "%csa")]
    w.ret()
    return w.text()
