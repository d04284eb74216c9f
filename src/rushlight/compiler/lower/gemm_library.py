"""The library of matrix products: blocking, packing and tiles, for one dtype.

``gemm_*(shape, a, b, c, d, m0, m1, n0, n1)`` does rows m0..m1 and columns n0..n1 of
``C = A B + D``; `shape` points to constants of the product (`FIELDS`). Blocks of rows and of depth
keep the part of A in the second cache; a panel of B stays in the first while all tiles below it are
done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .module import Library, finish
from .packing import STORED, pack_columns, pack_each, pack_pair, pack_rows
from .tile import KINDS, SIZES, shape, tile
from .writer import Writer

if TYPE_CHECKING:
    from .target import Target

#: What `shape` points to, all i64; strides in bytes.
FIELDS = (
    "rsa", "csa", "rsb", "csb", "rsc", "rsd", "k", "mc", "kc", "pack_a", "pack_b",
)  # fmt: skip

#: How a panel of B is made: used as it lies, or packed from contiguous rows, from contiguous
#: columns, or element by element.
DIRECT, ROWS, COLUMNS, EACH = range(4)

#: The greatest depth of a block.
DEPTH = 320

GEMM = "ptr %shape, ptr %a, ptr %b, ptr %c, ptr %d, i64 %m0, i64 %m1, i64 %n0, i64 %n1"


def symbol(dtype: str, stored_a: str, stored_b: str) -> str:
    """The name of the function for these dtypes: computed in, of A, of B."""
    short = {"float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16"}
    return f"rushlight_gemm_{short[dtype]}_{short[stored_a]}_{short[stored_b]}"


def library(dtype: str, stored_a: str, stored_b: str, target: Target) -> Library:
    """The library for these dtypes."""
    name = symbol(dtype, stored_a, stored_b)
    declaration = f"declare void @{name}({GEMM})"
    gemv = f"declare void @{name}_dot({DOT})"
    return Library(
        name, lambda: text(name, dtype, stored_a, stored_b, target),
        {name: declaration, f"{name}_dot": gemv},
    )  # fmt: skip


def text(name: str, dtype: str, stored_a: str, stored_b: str, target: Target) -> str:
    """All functions of one library."""
    kind = KINDS[dtype]
    lanes = target.bytes // SIZES[kind]
    rows, vectors = shape(target)
    columns = lanes * vectors
    b = STORED[stored_b][0]
    parts = [
        tile("tile", kind, target, rows, vectors),
        tile("tile_thin", kind, target, rows, 1),
        tile("tile_low", kind, target, rows // 2, vectors),
        tile("tile_row", kind, target, 1, vectors),
        pack_rows("pack_rows", b, kind, target, columns),
        pack_columns("pack_columns", b, kind, target, columns),
        pack_each("pack_each", b, kind, columns),
        # A panel of A is a panel of its transpose.
        pack_each("pack_a", STORED[stored_a][0], kind, rows),
        pack_pair("pack_pair", kind, rows),
        *(
            [pack_columns("pack_a_rows", kind, kind, target, rows, rows)]
            if _squares(rows, stored_a, dtype) else []
        ),
        _gemm(name, dtype, target, stored_a),
        _dot(f"{name}_dot", kind, target),
        "declare ptr @PyMem_RawMalloc(i64)\ndeclare void @PyMem_RawFree(ptr)\n",
    ]
    return finish("\n".join(parts), target)


def _squares(rows: int, stored_a: str, dtype: str) -> bool:
    """Whether rows of A are packed by transposing square blocks."""
    return stored_a == dtype and rows & (rows - 1) == 0


def _gemm(name: str, dtype: str, target: Target, stored_a: str) -> str:
    kind = KINDS[dtype]
    size = SIZES[kind]
    lanes = target.bytes // size
    rows, vectors = shape(target)
    columns = lanes * vectors
    w = Writer(f"void @{name}({GEMM})")
    field = {
        f: w.load("i64", w.at("%shape", i * 8)) for i, f in enumerate(FIELDS)
    }
    panel = w.set(f"alloca [{DEPTH * columns} x {kind}], align 64")
    edge = w.set(f"alloca [{rows * columns} x {kind}], align 64")
    wants_a = w.test("ne", field["pack_a"], 0)
    def allocate() -> list[str]:
        block = w.mul(w.add(field["mc"], rows), field["kc"])
        return [w.set(f"call ptr @PyMem_RawMalloc(i64 {w.mul(block, size)})")]
    (packed,) = w.choose(wants_a, ["ptr"], allocate, lambda: ["null"])
    # A depth of 0 still takes one round, which stores D or zeros.
    depth = w.select(w.test("sgt", field["k"], 0), field["k"], 1)
    with w.loop("%m0", "%m1", field["mc"]) as ic:
        i1 = w.min(w.add(ic.index, field["mc"]), "%m1")
        height = w.sub(i1, ic.index)
        with w.loop(0, depth, field["kc"]) as pc:
            kk = w.min(field["kc"], w.sub(field["k"], pc.index))
            first = w.test("eq", pc.index, 0)
            d = w.select(first, "%d", "%c", "ptr")
            rsd = w.select(first, field["rsd"], field["rsc"])
            has_d = w.set(f"icmp ne ptr {d}, null")
            a = w.at("%a", w.add(w.mul(ic.index, field["rsa"]), w.mul(pc.index, field["csa"])))
            b = w.at("%b", w.mul(pc.index, field["rsb"]))
            with w.when(wants_a):
                paired = "0"
                if stored_a == dtype:
                    even = w.mul(w.udiv(height, 2 * rows), 2 * rows)
                    paired = w.select(w.test("eq", field["rsa"], size), even, 0)
                    with w.loop(0, paired, 2 * rows) as ir:
                        to = w.at(packed, w.mul(w.mul(ir.index, kk), size))
                        source = w.at(a, w.mul(ir.index, size))
                        w.do(f"call void @pack_pair(ptr {to}, ptr {source}, i64 {field['csa']}, "
                             f"i64 {kk})")  # fmt: skip
                with w.loop(paired, height, rows) as ir:
                    to = w.at(packed, w.mul(w.mul(ir.index, kk), size))
                    have = w.min(rows, w.sub(height, ir.index))
                    source = w.at(a, w.mul(ir.index, field["rsa"]))
                    arguments = (
                        f"(ptr {to}, ptr {source}, i64 {field['csa']}, i64 {field['rsa']}, "
                        f"i64 {kk}, i64 {have})"
                    )
                    after = w.label()
                    if _squares(rows, stored_a, dtype):
                        yes, no = w.label(), w.label()
                        dense = w.test("eq", field["csa"], size)
                        deep = w.test("sge", kk, rows)
                        w.branch(w.set(f"and i1 {dense}, {deep}"), yes, no)
                        w.place(yes)
                        w.do(f"call void @pack_a_rows{arguments}")
                        w.jump(after)
                        w.place(no)
                    w.do(f"call void @pack_a{arguments}")
                    w.jump(after)
                    w.place(after)
            # Where a row of tiles of A begins, and its strides.
            a = w.select(wants_a, packed, a, "ptr")
            astep = w.select(wants_a, w.mul(kk, size), field["rsa"])
            rsa = w.select(wants_a, size, field["rsa"])
            csa = w.select(wants_a, rows * size, field["csa"])
            with w.loop("%n0", "%n1", columns) as jr:
                cols = w.min(columns, w.sub("%n1", jr.index))
                whole = w.test("eq", cols, columns)
                bj = w.at(b, w.mul(jr.index, field["csb"]))
                direct = w.set(
                    f"and i1 {whole}, {w.test('eq', field['pack_b'], DIRECT)}"
                )

                def packing(bj: str = bj, kk: str = kk, cols: str = cols) -> list[str]:
                    done = w.label()
                    arguments = (
                        f"(ptr {panel}, ptr {bj}, i64 {field['rsb']}, i64 {field['csb']}, "
                        f"i64 {kk}, i64 {cols})"
                    )
                    names = {"pack_columns": COLUMNS, "pack_each": EACH}
                    for function, mode in names.items():
                        yes, no = w.label(), w.label()
                        wanted = w.test("eq", field["pack_b"], mode)
                        if mode == COLUMNS:
                            deep = w.test("sge", kk, lanes)
                            wanted = w.set(f"and i1 {wanted}, {deep}")
                        else:
                            shallow = w.test("eq", field["pack_b"], COLUMNS)
                            wanted = w.set(f"or i1 {wanted}, {shallow}")
                        w.branch(wanted, yes, no)
                        w.place(yes)
                        w.do(f"call void @{function}{arguments}")
                        w.jump(done)
                        w.place(no)
                    w.do(f"call void @pack_rows{arguments}")
                    w.jump(done)
                    w.place(done)
                    return [panel, str(columns * size)]

                right, rsb = w.choose(
                    direct, ["ptr", "i64"], lambda bj=bj: [bj, field["rsb"]], packing
                )
                cj = w.at("%c", w.mul(jr.index, size))
                dj = w.select(has_d, w.at(d, w.mul(jr.index, size)), "null", "ptr")
                thin = w.test("sle", cols, lanes)
                with w.loop(0, height, rows) as ir:
                    have = w.min(rows, w.sub(height, ir.index))
                    row = w.add(ic.index, ir.index)
                    ai = w.at(a, w.mul(ir.index, astep))
                    ci = w.at(cj, w.mul(row, field["rsc"]))
                    di = w.select(has_d, w.at(dj, w.mul(row, rsd)), "null", "ptr")
                    left = f"ptr {ai}, i64 {rsa}, i64 {csa}, ptr {right}, i64 {rsb}"

                    def call(
                        function: str, left: str = left, ci: str = ci, di: str = di, rsd: str = rsd,
                        kk: str = kk, have: str = have, cols: str = cols,
                    ) -> None:  # fmt: skip
                        w.do(
                            f"call void @{function}({left}, ptr {ci}, i64 {field['rsc']}, "
                            f"ptr {di}, i64 {rsd}, i64 {kk}, i64 {have}, i64 {cols})"
                        )

                    done = w.label()
                    if not target.masks:
                        # Ragged columns go through a tile of their own.
                        ragged, plain = w.label(), w.label()
                        w.branch(whole, plain, ragged)
                        w.place(ragged)
                        w.do(
                            f"call void @tile({left}, ptr {edge}, i64 {columns * size}, ptr null, "
                            f"i64 0, i64 {kk}, i64 {have}, i64 {cols})"
                        )
                        _copy(w, kind, edge, columns, ci, field["rsc"], di, rsd, have, cols)
                        w.jump(done)
                        w.place(plain)
                    for function, test in (
                        ("tile_row", w.test("eq", have, 1)),
                        ("tile_low", w.test("sle", have, rows // 2)),
                        ("tile_thin", thin),
                    ):
                        yes, no = w.label(), w.label()
                        w.branch(test, yes, no)
                        w.place(yes)
                        call(function)
                        w.jump(done)
                        w.place(no)
                    call("tile")
                    w.jump(done)
                    w.place(done)
    with w.when(wants_a):
        w.do(f"call void @PyMem_RawFree(ptr {packed})")
    w.ret()
    return w.text()


def _copy(
    w: Writer, kind: str, edge: str, columns: int, c: str, rsc: str, d: str, rsd: str, rows: str,
    cols: str,
) -> None:  # fmt: skip
    """Store the part of a tile that exists, plus D if there is one."""
    size = SIZES[kind]
    some = w.set(f"icmp ne ptr {d}, null")
    with w.loop(0, rows) as i:
        source = w.at(edge, w.mul(i.index, columns * size))
        to = w.at(c, w.mul(i.index, rsc))
        extra = w.at(d, w.mul(i.index, rsd))
        with w.loop(0, cols) as j:
            offset = w.mul(j.index, size)
            x = w.load(kind, w.at(source, offset), size)

            def plus(x: str = x, extra: str = extra, offset: str = offset) -> list[str]:
                return [w.set(f"fadd {kind} {x}, {w.load(kind, w.at(extra, offset), size)}")]

            (x,) = w.choose(some, [kind], plus, lambda x=x: [x])
            w.store(kind, x, w.at(to, offset), size)


#: The arguments of a product with one column whose operands are contiguous along the depth.
DOT = (
    "ptr %a, i64 %rsa, ptr %b, ptr %c, i64 %rsc, ptr %d, i64 %rsd, i64 %k, i64 %m0, i64 %m1"
)


def _dot(name: str, kind: str, target: Target, rows: int = 4) -> str:
    """Rows of A times one vector, four rows at a time."""
    size = SIZES[kind]
    lanes = target.bytes // size
    vector = f"<{lanes} x {kind}>"
    short = {"float": "f32", "double": "f64"}[kind]
    fma = f"@llvm.fmuladd.v{lanes}{short}"
    w = Writer(f"void @{name}({DOT})")
    whole = w.set(f"and i64 %k, {-2 * lanes}")
    some = w.set("icmp ne ptr %d, null")
    with w.loop("%m0", "%m1", rows) as ir:
        last = w.sub(w.sub("%m1", ir.index), 1)
        index = [w.add(ir.index, w.min(i, last)) for i in range(rows)]
        heads = [w.at("%a", w.mul(i, "%rsa")) for i in index]
        zero = [(vector, "zeroinitializer")] * (2 * rows)
        with w.loop(0, whole, 2 * lanes, zero) as kc:
            offset = w.mul(kc.index, size)
            for u in range(2):
                at = w.add(offset, u * target.bytes)
                x = w.load(vector, w.at("%b", at), size)
                for i, head in enumerate(heads):
                    y = w.load(vector, w.at(head, at), size)
                    kc.carry[2 * i + u] = w.set(
                        f"call {vector} {fma}({vector} {x}, {vector} {y}, "
                        f"{vector} {kc.values[2 * i + u]})"
                    )
        sums = []
        for i in range(rows):
            both = w.set(f"fadd {vector} {kc.results[2 * i]}, {kc.results[2 * i + 1]}")
            sums.append(w.set(
                f"call reassoc {kind} @llvm.vector.reduce.fadd.v{lanes}{short}"
                f"({kind} 0.0, {vector} {both})"
            ))  # fmt: skip
        with w.loop(whole, "%k", 1, [(kind, s) for s in sums]) as kc:
            offset = w.mul(kc.index, size)
            x = w.load(kind, w.at("%b", offset), size)
            for i, head in enumerate(heads):
                y = w.load(kind, w.at(head, offset), size)
                kc.carry[i] = w.set(
                    f"call {kind} @llvm.fmuladd.{short}({kind} {x}, {kind} {y}, "
                    f"{kind} {kc.values[i]})"
                )
        sums = list(kc.results)

        def plus(sums: list[str] = sums, index: list[str] = index) -> list[str]:
            return [
                w.set(f"fadd {kind} {s}, {w.load(kind, w.at('%d', w.mul(i, '%rsd')), size)}")
                for s, i in zip(sums, index, strict=True)
            ]

        sums = w.choose(some, [kind] * rows, plus, lambda sums=sums: sums)
        for s, row in zip(sums, index, strict=True):
            w.store(kind, s, w.at("%c", w.mul(row, "%rsc")), size)
    w.ret()
    return w.text() + (
        f"declare {vector} {fma}({vector}, {vector}, {vector})\n"
        f"declare {kind} @llvm.fmuladd.{short}({kind}, {kind}, {kind})\n"
        f"declare {kind} @llvm.vector.reduce.fadd.v{lanes}{short}({kind}, {vector})\n"
    )
