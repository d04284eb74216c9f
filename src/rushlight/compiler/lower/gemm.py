"""Matrix products: an equation made into calls of the library's kernels.

What is known about a product when it is compiled is decided here: which operand plays which part,
which axes of batches are rows or columns in truth, what is packed, how the work is shared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ir import computed
from . import gemm_library as library
from .access import address
from .module import Emitted
from .packing import STORED, in_memory, widen
from .tile import KINDS, SIZES, shape
from .writer import Writer

if TYPE_CHECKING:
    from ..ir import Gemm, View
    from .target import Target

#: Below so many floating point operations one thread is as quick as two.
SMALL = 100_000.0

#: Rows that make it worth while to copy a panel of B.
PACK_ROWS = 48


class _Matrix:
    """One operand: strides of rows, of columns and of the batch axes, in elements."""

    __slots__ = ("batch", "columns", "rows", "view")

    def __init__(self, view: View, rows: int, columns: int, batch: list[int]) -> None:
        self.view = view
        self.rows = rows
        self.columns = columns
        self.batch = batch

    @staticmethod
    def of(view: View) -> _Matrix:
        *batch, rows, columns = view.strides
        return _Matrix(view, rows, columns, batch)

    def swap(self) -> None:
        self.rows, self.columns = self.columns, self.rows

    @property
    def dtype(self) -> str:
        return str(self.view.dtype)


class Product:
    """A product in its simplest form.

    Attributes:
        m, n, k: rows, columns and depth.
        sizes: of the batch axes that remain.
        a, b, c: the operands.
        d: what is added, or None.
    """

    __slots__ = ("a", "b", "c", "d", "k", "m", "n", "sizes")

    def __init__(self, equation: Gemm) -> None:
        self.m, self.n = equation.c.shape[-2:]
        self.k = equation.a.shape[-1]
        self.a, self.b = _Matrix.of(equation.a), _Matrix.of(equation.b)
        self.c = _Matrix.of(equation.c)
        bias = equation.bias
        self.d = None if bias is None else _Matrix.of(bias.expand(equation.c.shape))
        self.sizes = list(equation.c.shape[:-2])
        self._normalise()
        self._fold()
        self._orient()

    def _all(self) -> list[_Matrix]:
        return [x for x in (self.a, self.b, self.c, self.d) if x is not None]

    def _normalise(self) -> None:
        """Forget strides of axes with one index, and batch axes with one index."""
        for matrix, rows, columns in (
            (self.a, self.m, self.k), (self.b, self.k, self.n), (self.c, self.m, self.n),
            (self.d, self.m, self.n),
        ):  # fmt: skip
            if matrix is None:
                continue
            if rows == 1:
                matrix.rows = 0
            if columns == 1:
                matrix.columns = 0
            matrix.batch = [
                s for s, size in zip(matrix.batch, self.sizes, strict=True) if size != 1
            ]
        self.sizes = [size for size in self.sizes if size != 1]

    def _fold(self) -> None:
        """Batch axes over which an operand is broadcast are rows or columns of the other."""
        again = True
        while again and self.sizes:
            again = False
            for axis in reversed(range(len(self.sizes))):
                if self._into_rows(axis) or self._into_columns(axis):
                    again = True
                    break

    def _into_rows(self, axis: int) -> bool:
        size = self.sizes[axis]
        parts = [x for x in (self.a, self.c, self.d) if x is not None]
        if self.b.batch[axis] != 0:
            return False
        if self.m != 1 and any(x.batch[axis] != self.m * x.rows for x in parts):
            return False
        for x in parts:
            if self.m == 1:
                x.rows = x.batch[axis]
        self.m *= size
        self._drop(axis)
        return True

    def _into_columns(self, axis: int) -> bool:
        size = self.sizes[axis]
        parts = [x for x in (self.b, self.c, self.d) if x is not None]
        if self.a.batch[axis] != 0:
            return False
        if self.n != 1 and any(x.batch[axis] != self.n * x.columns for x in parts):
            return False
        for x in parts:
            if self.n == 1:
                x.columns = x.batch[axis]
        self.n *= size
        self._drop(axis)
        return True

    def _drop(self, axis: int) -> None:
        del self.sizes[axis]
        for x in self._all():
            del x.batch[axis]

    def _orient(self) -> None:
        """C's columns should be contiguous; one column is best done as dot products."""
        c, m, n = self.c, self.m, self.n
        if n == 1 and m == 1:
            turned = False
        elif n == 1:
            # Dot products if both lie along the depth, else a row.
            turned = not (self._along(self.a.columns) and self._along(self.b.rows))
            turned = turned and c.rows == 1
        elif m == 1:
            turned = self._along(self.a.columns) and self._along(self.b.rows) and not (
                self._along(self.b.columns) and c.columns == 1
            )  # fmt: skip
        else:
            turned = c.columns != 1 and c.rows == 1
        if turned:
            for x in self._all():
                x.swap()
            self.a, self.b = self.b, self.a
            self.m, self.n = n, m

    def _along(self, stride: int) -> bool:
        return stride == 1 or self.k == 1

    @property
    def dots(self) -> bool:
        """Whether it is a matrix times a vector, both contiguous along the depth."""
        same = self.a.dtype == self.b.dtype == self.c.dtype and self.c.dtype in KINDS
        return (
            self.n == 1 and same and self._along(self.a.columns) and self._along(self.b.rows)
        )

    @property
    def batches(self) -> int:
        count = 1
        for size in self.sizes:
            count *= size
        return count


def lower_gemm(equation: Gemm, name: str, target: Target) -> Emitted:
    """The code of a product.

    Raises:
        NotImplementedError: a dtype that has no kernel.
    """
    dtype = str(computed(equation.c.dtype))
    for view in (equation.a, equation.b, equation.c):
        if str(view.dtype) not in STORED or str(computed(view.dtype)) != dtype:
            raise NotImplementedError(f"products of {equation.a.dtype} and {equation.b.dtype}")
    return _Emitter(equation, name, dtype, target).emit()


class _Emitter:
    """Writes the function of one product."""

    def __init__(self, equation: Gemm, name: str, dtype: str, target: Target) -> None:
        self.equation = equation
        self.product = p = Product(equation)
        self.name = name
        self.dtype = dtype
        self.kind = KINDS[dtype]
        self.size = SIZES[self.kind]
        self.target = target
        self.rows, vectors = shape(target)
        self.columns = vectors * target.bytes // self.size
        stored_a, stored_b = p.a.dtype, p.b.dtype
        self.library = library.library(dtype, stored_a, stored_b, target)
        # C goes through a matrix of its own where it is not contiguous or not of the dtype.
        self.staged = p.c.dtype != dtype or (p.n != 1 and p.c.columns != 1)
        d = p.d
        self.filled = (
            d is not None and not self.staged
            and (equation.accumulate or d.dtype != dtype or (p.n != 1 and d.columns != 1))
        )  # fmt: skip
        self.flops = 2.0 * p.batches * p.m * p.n * p.k
        touched = (equation.a, equation.b, equation.c, equation.bias)
        self.bytes = sum(_footprint(v) for v in touched if v is not None)
        self.threads = self.flops >= SMALL and p.batches * p.m * p.n > 0
        self.by_rows = self._by_rows()

    def _by_rows(self) -> bool:
        """Whether threads share rows, else columns."""
        p = self.product
        if p.dots or p.batches >= 4:
            return True
        down, across = -(-p.m // self.rows), -(-p.n // self.columns)
        if self._packs_a(p.m) and down >= 8:
            return True  # threads that share columns would all pack all of A
        # Each thread packs the columns it works on: shared columns are packed once.
        if across >= 8 or across in (4, 6) or (across >= 2 and across % 2 == 0 and down % 2):
            return False
        return down >= 2 or across < 2

    def _blocks(self) -> tuple[int, int]:
        """Rows and depth of a block."""
        k = max(self.product.k, 1)
        parts = -(-k // library.DEPTH)
        kc = -(-k // parts)
        kc = min(kc + kc % 2, library.DEPTH)
        mc = max(64, 600_000 // (kc * self.size) // self.rows * self.rows)
        return mc, kc

    def _packing(self, mc: int) -> tuple[int, int]:
        """Whether A is packed, and how B is."""
        p = self.product
        unit_a, unit_b = p.a.dtype != self.dtype, p.b.dtype != self.dtype
        rows = p.m if not (self.threads and self.by_rows) else -(-p.m // 2)
        if p.b.columns == 1 or p.n == 1:
            wide = (p.b.rows * self.size) % 1024 == 0 and rows > 16
            direct = rows <= PACK_ROWS and not wide and not unit_b
            right = library.DIRECT if direct else library.ROWS
        elif p.b.rows == 1 or p.k == 1:
            right = library.COLUMNS
        else:
            right = library.EACH
        return int(unit_a or self._packs_a(rows)), right

    def _packs_a(self, rows: int) -> bool:
        """Whether A's elements lie so that copying them first pays."""
        p = self.product
        step = p.a.columns * self.size
        far = p.a.columns != 1 and p.k >= 64 and p.n > 2 * self.columns and step >= 1024
        # Rows far apart by a power of two fall into the same few lines of the caches.
        same = (p.a.rows * self.size) % 2048 == 0 and p.n >= 512 and rows >= 64 and p.k >= 64
        return far or same

    def emit(self) -> Emitted:
        p, w = self.product, Writer(
            f"internal void @{self.name}(ptr %p, i64 %tid, i64 %nt)"
        )
        a, b, c = (address(w, x.view) for x in (p.a, p.b, p.c))
        d = address(w, p.d.view) if p.d is not None else "null"
        mc, kc = self._blocks()
        pack_a, pack_b = self._packing(mc)
        staged = self.staged
        da = c if self.equation.accumulate else d
        size = self.size
        rsc = p.n * size if staged else p.c.rows * size
        rsd = 0
        if not staged and not self.filled:
            if self.equation.accumulate:
                rsd = rsc
            elif p.d is not None:
                rsd = p.d.rows * size
        elif self.filled:
            da, rsd = c, rsc
        if staged:
            da = "null"
        unit_a, unit_b = p.a.view.dtype.itemsize, p.b.view.dtype.itemsize
        fields = {
            "rsa": p.a.rows * unit_a, "csa": p.a.columns * unit_a,
            "rsb": p.b.rows * unit_b, "csb": p.b.columns * unit_b,
            "rsc": rsc, "rsd": rsd, "k": p.k, "mc": mc, "kc": kc,
            "pack_a": pack_a, "pack_b": pack_b,
        }  # fmt: skip
        values = ", ".join(f"i64 {fields[f]}" for f in library.FIELDS)
        constant = f"@{self.name}.shape"
        head = f"{constant} = internal constant [{len(fields)} x i64] [{values}]\n"
        if p.m and p.n and p.batches:
            self._share(w, (a, b, c, d, da), constant, fields)
        w.ret()
        extra = "declare ptr @PyMem_RawMalloc(i64)\ndeclare void @PyMem_RawFree(ptr)\n"
        return Emitted(
            self.name, self.name, head + w.text() + (extra if staged else ""),
            threads=self.threads, flops=self.flops, bytes=self.bytes, source=self._source(),
            libraries=[self.library],
        )  # fmt: skip

    def _share(
        self, w: Writer, pointers: tuple[str, str, str, str, str], constant: str,
        fields: dict[str, int],
    ) -> None:  # fmt: skip
        """This thread's part: a range of units of all batches, rows or columns of each."""
        p = self.product
        extent, unit = (p.m, self.rows) if self.by_rows else (p.n, self.columns)
        if p.dots:
            unit = 4
        units = -(-extent // unit)
        total = units * p.batches
        low = w.udiv(w.mul("%tid", total), "%nt")
        high = w.udiv(w.mul(w.add("%tid", 1), total), "%nt")
        with w.when(w.test("slt", low, high)):
            first = w.udiv(low, units)
            last = w.udiv(w.sub(high, 1), units)
            with w.loop(first, w.add(last, 1)) as batch:
                base = w.mul(batch.index, units)
                start = w.sub(low, base)
                start = w.mul(w.select(w.test("sgt", start, 0), start, 0), unit)
                end = w.min(w.mul(w.min(w.sub(high, base), units), unit), extent)
                here = self._batch(w, batch.index, pointers)
                m = (start, end) if self.by_rows else ("0", str(p.m))
                n = ("0", str(p.n)) if self.by_rows else (start, end)
                self._product(w, here, constant, fields, m, n)

    def _batch(self, w: Writer, index: str, pointers: tuple[str, ...]) -> list[str]:
        """The pointers of one batch."""
        p = self.product
        where: list[str] = []
        rest = index
        for size in reversed(p.sizes):
            where.insert(0, w.urem(rest, size))
            rest = w.udiv(rest, size)
        here = []
        matrices = (p.a, p.b, p.c, p.d, p.c if self.equation.accumulate or self.filled else p.d)
        for pointer, x in zip(pointers, matrices, strict=True):
            if x is not None and pointer != "null":
                for i, stride in zip(where, x.batch, strict=True):
                    if stride:
                        pointer = w.at(pointer, w.mul(i, stride * x.view.dtype.itemsize))
            here.append(pointer)
        return here

    def _product(
        self, w: Writer, pointers: list[str], constant: str, fields: dict[str, int],
        m: tuple[str, str], n: tuple[str, str],
    ) -> None:  # fmt: skip
        p = self.product
        a, b, c, d, added = pointers
        to = c
        if self.staged:
            to = w.set(f"call ptr @PyMem_RawMalloc(i64 {p.m * p.n * self.size})")
        elif self.filled:
            self._store(w, "null", c, d, m, n)
        name = self.library.name
        if p.dots:
            w.do(
                f"call void @{name}_dot(ptr {a}, i64 {fields['rsa']}, ptr {b}, ptr {to}, "
                f"i64 {fields['rsc']}, ptr {added}, i64 {fields['rsd']}, i64 {p.k}, "
                f"i64 {m[0]}, i64 {m[1]})"
            )
        else:
            w.do(
                f"call void @{name}(ptr {constant}, ptr {a}, ptr {b}, ptr {to}, ptr {added}, "
                f"i64 {m[0]}, i64 {m[1]}, i64 {n[0]}, i64 {n[1]})"
            )
        if self.staged:
            self._store(w, to, c, d, m, n)
            w.do(f"call void @PyMem_RawFree(ptr {to})")

    def _store(
        self, w: Writer, staged: str, c: str, d: str, m: tuple[str, str], n: tuple[str, str]
    ) -> None:
        """C from a staged matrix (or from nothing), plus D, plus C if it accumulates."""
        p = self.product
        stored, unit = STORED[p.c.dtype]
        with w.loop(*m) as i, w.loop(*n) as j:
            offset = w.add(
                w.mul(i.index, p.c.rows * unit), w.mul(j.index, p.c.columns * unit)
            )
            to = w.at(c, offset)
            terms = []
            if staged != "null":
                at = w.add(w.mul(i.index, p.n), j.index)
                terms.append(w.load(self.kind, w.at(staged, w.mul(at, self.size)), self.size))
            if self.equation.accumulate:
                x = w.load(in_memory(stored), to, unit)
                terms.append(widen(w, x, stored, self.kind))
            if p.d is not None:
                s, u = STORED[p.d.dtype]
                offset = w.add(
                    w.mul(i.index, p.d.rows * u), w.mul(j.index, p.d.columns * u)
                )
                x = w.load(in_memory(s), w.at(d, offset), u)
                terms.append(widen(w, x, s, self.kind))
            total = terms[0]
            for term in terms[1:]:
                total = w.set(f"fadd {self.kind} {total}, {term}")
            _round(w, total, stored, self.kind, to, unit)

    def _source(self) -> str:
        p = self.product
        sign = "+=" if self.equation.accumulate else "="
        bias = "" if p.d is None else " + bias"
        batch = f"for batch in range({p.batches}):\n    " if p.batches != 1 else ""
        return (
            f"{batch}C[{p.m}, {p.n}] {sign} A[{p.m}, {p.k}] @ B[{p.k}, {p.n}]{bias}"
            f"  # {self.dtype}, tiles of {self.rows}x{self.columns}, threads share "
            f"{'rows' if self.by_rows else 'columns'}"
        )


def _footprint(view: View) -> float:
    """Bytes of memory that a view covers, broadcast axes once."""
    count = 1
    for n, s in zip(view.shape, view.strides, strict=True):
        count *= n if s else 1
    return float(count * view.dtype.itemsize)


def _round(w: Writer, value: str, stored: str, kind: str, to: str, unit: int) -> None:
    """Store a scalar, rounded to the stored type."""
    if stored == kind:
        w.store(kind, value, to, unit)
    elif stored == "half":
        w.store("half", w.set(f"fptrunc {kind} {value} to half"), to, unit)
    else:
        bits = w.set(f"bitcast float {value} to i32")
        odd = w.set(f"and i32 {w.set(f'lshr i32 {bits}, 16')}, 1")
        rounded = w.set(f"add i32 {bits}, {w.set(f'add i32 {odd}, 32767')}")
        nan = w.set(f"fcmp uno float {value}, {value}")
        quiet = w.set(f"or i32 {bits}, 4194304")
        chosen = w.set(f"select i1 {nan}, i32 {quiet}, i32 {rounded}")
        upper = w.set(f"trunc i32 {w.set(f'lshr i32 {chosen}, 16')} to i16")
        w.store("i16", upper, to, unit)
