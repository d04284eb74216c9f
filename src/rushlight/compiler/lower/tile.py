"""The innermost kernels of matrix products: a tile of C held in registers.

``tile_RxV``: R rows by V vectors of C. For every k, V vectors of a row of B and R scalars of a
column of A give R * V multiply-adds. Rows of B are contiguous; A may have any strides. Strides are
in bytes and arguments, so that one kernel serves products of every shape and layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .writer import Writer

if TYPE_CHECKING:
    from .target import Target

KINDS = {"float32": "float", "float64": "double"}
SIZES = {"float": 4, "double": 8}

#: The arguments of a tile: A, its strides of rows and columns; B, its stride of rows; C, its stride
#: of rows; what is added first (or null) and its stride of rows; the depth; how many rows and
#: columns of the tile exist.
TILE = (
    "ptr %a, i64 %rsa, i64 %csa, ptr %b, i64 %rsb, ptr %c, i64 %rsc, ptr %d, i64 %rsd, i64 %k, "
    "i64 %rows, i64 %cols"
)


def shape(target: Target) -> tuple[int, int]:
    """Rows and vectors of the main tile: as many accumulators as leave room for operands."""
    if target.registers == 32:
        return 8, 2
    return (6, 2) if target.fma else (4, 2)


def column_masks(w: Writer, cols: str, lanes: int, vectors: int) -> list[str]:
    """Which lanes of each vector are among the first `cols` columns."""
    masks = []
    for v in range(vectors):
        count = w.set(f"trunc i64 {cols} to i32")
        limit = w.splat(count, "i32", lanes)
        iota = "<" + ", ".join(f"i32 {v * lanes + i}" for i in range(lanes)) + ">"
        masks.append(w.set(f"icmp slt <{lanes} x i32> {iota}, {limit}"))
    return masks


def tile(
    name: str, kind: str, target: Target, rows: int, vectors: int, table: str = ""
) -> str:
    """The text of one tile kernel.

    `table`: "a" if ``rsa`` is no stride but a pointer to the offsets of A's rows; "b" if ``rsb`` is
    one to the offsets of B's rows.
    """
    size = SIZES[kind]
    lanes = target.bytes // size
    vector = f"<{lanes} x {kind}>"
    short = {"float": "f32", "double": "f64"}[kind]
    fma = f"@llvm.fmuladd.v{lanes}{short}"
    arguments = TILE.replace(f"i64 %rs{table}", f"ptr %rs{table}") if table else TILE
    w = Writer(f"internal void @{name}({arguments})")
    last = w.sub("%rows", 1)
    clamped = [w.min(i, last) if i else "0" for i in range(rows)]
    if table == "a":
        heads = [w.at("%a", w.load("i64", w.at("%rsa", w.mul(r, 8)))) for r in clamped]
    else:
        heads = [w.at("%a", w.mul(r, "%rsa")) if i else "%a" for i, r in enumerate(clamped)]
    zero = [(vector, "zeroinitializer")] * (rows * vectors)
    # C is fetched while the products are summed.
    for i, r in enumerate(clamped):
        to = w.at("%c", w.mul(r, "%rsc")) if i else "%c"
        for line in range(0, vectors * target.bytes, 64):
            w.do(f"call void @llvm.prefetch.p0(ptr {w.at(to, line)}, i32 0, i32 3, i32 1)")

    def step(acc: list[str], offset: str, b: str) -> list[str]:
        acc = list(acc)
        right = [w.load(vector, w.at(b, v * target.bytes), size) for v in range(vectors)]
        for i, head in enumerate(heads):
            left = w.splat(w.load(kind, w.at(head, offset), size), kind, lanes)
            for v in range(vectors):
                at = i * vectors + v
                acc[at] = w.set(
                    f"call {vector} {fma}({vector} {left}, {vector} {right[v]}, "
                    f"{vector} {acc[at]})"
                )
        return acc

    def place(b: str) -> str:
        """The row of B at `b`: the place itself, or what the table says there."""
        return w.at("%b", w.load("i64", b)) if table == "b" else b

    first, stride = ("%rsb", "8") if table == "b" else ("%b", "%rsb")
    even = w.set("and i64 %k, -2")
    with w.loop(0, even, 2, [*zero, ("i64", "0"), ("ptr", first)]) as loop:
        *acc, offset, b = loop.values
        acc = step(acc, offset, place(b))
        offset = w.add(offset, "%csa")
        b = w.at(b, stride)
        acc = step(acc, offset, place(b))
        loop.carry = [*acc, w.add(offset, "%csa"), w.at(b, stride)]
    *acc, offset, b = loop.results
    odd = w.test("ne", even, "%k")
    acc = w.choose(odd, [vector] * len(acc), lambda: step(acc, offset, place(b)), lambda: acc)

    def rows_of(base: str, stride: str) -> list[str]:
        return [w.at(base, w.mul(r, stride)) if i else base for i, r in enumerate(clamped)]

    def finish(masks: list[str] | None) -> None:
        def added() -> list[str]:
            found = []
            for i, row in enumerate(rows_of("%d", "%rsd")):
                for v in range(vectors):
                    p = w.at(row, v * target.bytes)
                    if masks:
                        have = w.set(
                            f"call {vector} @llvm.masked.load.v{lanes}{short}.p0(ptr {p}, "
                            f"i32 {size}, <{lanes} x i1> {masks[v]}, {vector} zeroinitializer)"
                        )
                    else:
                        have = w.load(vector, p, size)
                    found.append(w.set(f"fadd {vector} {acc[i * vectors + v]}, {have}"))
            return found

        some = w.set("icmp ne ptr %d, null")
        total = w.choose(some, [vector] * len(acc), added, lambda: acc)
        # All loads stand before the stores: clamped rows repeat the last one.
        for i, row in enumerate(rows_of("%c", "%rsc")):
            for v in range(vectors):
                p = w.at(row, v * target.bytes)
                value = total[i * vectors + v]
                if masks:
                    w.do(
                        f"call void @llvm.masked.store.v{lanes}{short}.p0({vector} {value}, "
                        f"ptr {p}, i32 {size}, <{lanes} x i1> {masks[v]})"
                    )
                else:
                    w.store(vector, value, p, size)

    if target.masks:
        finish(column_masks(w, "%cols", lanes, vectors))
    else:
        finish(None)
    w.ret()
    text = w.text() + "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)\n"
    text += f"declare {vector} {fma}({vector}, {vector}, {vector})\n"
    if target.masks:
        text += (
            f"declare {vector} @llvm.masked.load.v{lanes}{short}.p0(ptr, i32, <{lanes} x i1>, "
            f"{vector})\n"
            f"declare void @llvm.masked.store.v{lanes}{short}.p0({vector}, ptr, i32, "
            f"<{lanes} x i1>)\n"
        )
    return text
