"""What the kernels of convolutions have in common: padded planes, sizes, memory of each thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import conv_library as library
from .gemm import SMALL
from .module import Emitted
from .tile import KINDS, SIZES
from .writer import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..ir import Kernel, View
    from .target import Target


class Planes:
    """Padded planes of one image: where padded coordinates lie.

    One axis of a plane counts padded coordinates u = stride * q + phase; planes are stored per
    pair of phases, per channel.

    Attributes:
        low: what is added to a coordinate of the image to get u, per axis.
        sizes: rows and columns of a stored plane.
        phases: the pairs of phases that are stored.
        elements: of all planes together.
    """

    __slots__ = ("channels", "elements", "low", "phases", "sizes", "stride")

    def __init__(
        self, channels: int, low: tuple[int, int], sizes: tuple[int, int],
        stride: tuple[int, int], phases: list[tuple[int, int]],
    ) -> None:  # fmt: skip
        self.channels = channels
        self.low = low
        self.sizes = sizes
        self.stride = stride
        self.phases = phases
        self.elements = len(phases) * channels * sizes[0] * sizes[1]

    def offset(self, channel: int, u: int, v: int) -> int:
        """Where the element at padded coordinates (u, v) lies."""
        (sh, sw), (rows, columns) = self.stride, self.sizes
        phase = self.phases.index((u % sh, v % sw))
        return ((phase * self.channels + channel) * rows + u // sh) * columns + v // sw


class Shape:
    """The numbers of a convolution."""

    def __init__(self, equation: Kernel, x: View, w: View, y: View) -> None:
        known = equation.attributes
        self.stride = _pair(known["stride"])
        self.padding = _pair(known["padding"])
        self.dilation = _pair(known["dilation"])
        self.groups = int(known["groups"])
        self.images, self.channels, self.height, self.width = x.shape
        self.outputs, self.inner, self.kh, self.kw = w.shape
        self.rows, self.columns = y.shape[2:]
        self.outer = self.outputs // self.groups
        self.dtype = str(y.dtype)
        if self.dtype not in KINDS or any(str(v.dtype) != self.dtype for v in (x, w)):
            raise NotImplementedError(f"convolutions of {x.dtype} and {w.dtype}")
        self.flops = (
            2.0 * self.images * self.outputs * self.rows * self.columns * self.inner * self.kh
            * self.kw
        )  # fmt: skip

    def taps(self) -> list[tuple[int, int]]:
        return [(a, b) for a in range(self.kh) for b in range(self.kw)]

    def planes(self) -> Planes:
        """The input's planes: tap (a, b) of output pixel (i, j) reads u = i * stride + a *
        dilation."""
        (sh, sw), (dh, dw) = self.stride, self.dilation
        phases = sorted({(a * dh % sh, b * dw % sw) for a, b in self.taps()})
        sizes = (
            ((self.rows - 1) * sh + (self.kh - 1) * dh) // sh + 1,
            ((self.columns - 1) * sw + (self.kw - 1) * dw) // sw + 1,
        )
        if self.stride[1] == 1:
            left = min(self.padding[1], (self.kw - 1) * dw)
            sizes = sizes[0], shared(left, self.padding[1] + self.width, sizes[1])
        return Planes(self.channels, self.padding, sizes, self.stride, phases)


def shared(left: int, end: int, columns: int) -> int:
    """The length of a row when the zeros on its right are those on the left of the next one.

    Args:
        left: how many zeros it begins with.
        end: where the elements of the image end.
        columns: how long it is with zeros on both sides.
    """
    return columns - max(0, min(left, columns - end))


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    a, b = value
    return int(a), int(b)


class ConvEmitter:
    """What the three kernels have in common."""

    def __init__(
        self, equation: Kernel, shape: Shape, name: str, target: Target
    ) -> None:
        self.equation = equation
        self.shape = shape
        self.name = name
        self.target = target
        self.kind = KINDS[shape.dtype]
        self.size = SIZES[self.kind]
        self.lanes = target.bytes // self.size
        self.tile = library.columns_of(shape.dtype, target)
        self.library = library.library(shape.dtype, target)
        self.threads = shape.flops >= SMALL and shape.images > 1
        self.constants: list[str] = []
        self.memory = 0  # bytes of a thread's own memory

    def constant(self, values: Sequence[int]) -> str:
        """A table of numbers."""
        symbol = f"@{self.name}.table{len(self.constants)}"
        text = ", ".join(f"i64 {v}" for v in values)
        self.constants.append(f"{symbol} = internal constant [{len(values)} x i64] [{text}]\n")
        return symbol

    def reserve(self, elements: int) -> int:
        """Memory of a thread's own; its place in bytes. Reads may go four tiles beyond."""
        place = self.memory
        self.memory += -(-(elements + 5 * self.tile) * self.size // 64) * 64
        return place

    def call(self, w: Writer, function: str, arguments: str) -> None:
        w.do(f"call void @{self.library.name}_{function}({arguments})")

    def images(self, w: Writer) -> tuple[str, str]:
        """This thread's images."""
        n = self.shape.images
        return (
            w.udiv(w.mul("%tid", n), "%nt"),
            w.udiv(w.mul(w.add("%tid", 1), n), "%nt"),
        )

    def allocate(self, w: Writer) -> tuple[str, str]:
        """A thread's own memory, zeroed: what to free, and where it begins."""
        raw = w.set(f"call ptr @PyMem_RawMalloc(i64 {self.memory + 64})")
        number = w.set(f"ptrtoint ptr {raw} to i64")
        skip = w.set(f"and i64 {w.sub(0, number)}, 63")
        base = w.at(raw, skip)
        self.call(w, "zero", f"ptr {base}, i64 {self.memory // self.size}")
        return raw, base

    def free(self, w: Writer, raw: str) -> None:
        w.do(f"call void @PyMem_RawFree(ptr {raw})")

    def weights(
        self, w: Writer, to: str, source: str, order: Sequence[tuple[int, int]]
    ) -> None:
        """Copy strided weights: nested loops of (how many, stride), the result contiguous."""

        def level(depth: int, offset: str, at: str) -> None:
            if depth == len(order):
                x = w.load(self.kind, w.at(source, offset), self.size)
                w.store(self.kind, x, w.at(to, at), self.size)
                return
            count, stride = order[depth]
            below = 1
            for n, _ in order[depth + 1 :]:
                below *= n
            with w.loop(0, count) as i:
                level(
                    depth + 1, w.add(offset, w.mul(i.index, stride * self.size)),
                    w.add(at, w.mul(i.index, below * self.size)),
                )  # fmt: skip

        level(0, "0", "0")

    def row(
        self, w: Writer, to: str, step: int, source: str, stride: int, count: int
    ) -> None:
        """Copy a row: `step` and `stride` of the elements written and read."""
        if count <= 0:
            return
        if step == 1 and stride == 1 and count <= 8 * self.lanes:
            for at, lanes in self.pieces(count):
                vector = f"<{lanes} x {self.kind}>"
                x = w.load(vector, w.at(source, at * self.size), self.size)
                w.store(vector, x, w.at(to, at * self.size), self.size)
            return
        if step == 1 and stride in (1, 2):
            function = "copy" if stride == 1 else "halve"
            self.call(w, function, f"ptr {to}, ptr {source}, i64 {count}")
            return
        with w.loop(0, count) as i:
            x = w.load(self.kind, w.at(source, w.mul(i.index, stride * self.size)), self.size)
            w.store(self.kind, x, w.at(to, w.mul(i.index, step * self.size)), self.size)

    def pieces(self, count: int) -> list[tuple[int, int]]:
        """Vectors that make up a row: where each begins and its length, a power of two."""
        found = []
        at, lanes = 0, self.lanes
        while at < count:
            while lanes > count - at:
                lanes //= 2
            found.append((at, lanes))
            at += lanes
        return found

    def direct(self, depth: int, rows: int, columns: int, line: int, step: int) -> bool:
        """Whether to compute output rows one by one, in place, or all as one long row.

        One long row computes elements between the rows too, and is copied; short rows leave parts
        of tiles unused. Compared in cycles for eight channels.
        """
        if step != 1 or (columns % (4 * self.lanes) and not self.target.masks):
            return False
        whole, rest = divmod(columns, self.tile)
        full, thin = 8 * depth + 40, 5 * depth + 40
        last = 0 if not rest else full if rest > self.lanes else thin
        apart = rows * (whole * full + last + 20)
        long = (rows - 1) * line + columns
        whole, rest = divmod(long, self.tile)
        last = 0 if not rest else full if rest > self.lanes else thin
        copying = 8 * rows * (3 * len(self.pieces(columns)) + 4)
        return apart <= whole * full + last + copying

    def fill(self, w: Writer, to: str, planes: Planes, image: str, view: View) -> None:
        """Copy one image into padded planes, whose borders are zero already."""
        _, channels, height, width = view.shape
        _, sc, sy, sx = view.strides
        (sh, sw), (rows, columns), (top, left) = planes.stride, planes.sizes, planes.low
        size = self.size
        plane = rows * columns
        for number, (a, b) in enumerate(planes.phases):
            # Image coordinate = stride * q + phase - low, and must be inside.
            q0, q1 = inside(a - top, sh, height, rows)
            r0, r1 = inside(b - left, sw, width, columns)
            if q1 <= q0 or r1 <= r0:
                continue
            start = q0 * sh + a - top, r0 * sw + b - left
            with w.loop(0, channels) as c:
                base = w.mul(w.add(c.index, number * channels), plane * size)
                plane_to = w.at(to, w.add(base, (q0 * columns + r0) * size))
                offset = w.mul(c.index, sc * size)
                source = w.at(image, w.add(offset, (start[0] * sy + start[1] * sx) * size))
                with w.loop(0, q1 - q0) as q:
                    line = w.at(plane_to, w.mul(q.index, columns * size))
                    come = w.at(source, w.mul(q.index, sh * sy * size))
                    self.row(w, line, 1, come, sw * sx, r1 - r0)

    def emitted(self, w: Writer | Sequence[Writer], functions: Sequence[str]) -> Emitted:
        writers = [w] if isinstance(w, Writer) else list(w)
        touched = (*self.equation.inputs, *self.equation.outputs)
        s = self.shape
        extra = "declare ptr @PyMem_RawMalloc(i64)\ndeclare void @PyMem_RawFree(ptr)\n"
        return Emitted(
            self.name, functions, "".join([*self.constants, *(x.text() for x in writers), extra]),
            threads=self.threads, flops=s.flops,
            bytes=float(sum(v.size * v.dtype.itemsize for v in touched)),
            source=f"{self.equation.name}: N={s.images} C={s.channels} {s.height}x{s.width} -> "
            f"O={s.outputs} {s.rows}x{s.columns}, {s.kh}x{s.kw}, stride {s.stride}, padding "
            f"{s.padding}, dilation {s.dilation}, groups {s.groups}",
            libraries=[self.library],
        )  # fmt: skip


def inside(shift: int, stride: int, extent: int, count: int) -> tuple[int, int]:
    """The q in 0..count for which 0 <= stride * q + shift < extent: first, one past the last."""
    first = max(0, -(shift // stride)) if shift < 0 else 0
    last = (extent - 1 - shift) // stride + 1
    return first, min(count, last)


def function(name: str) -> Writer:
    return Writer(f"internal void @{name}(ptr %p, i64 %tid, i64 %nt)")


