"""The gradient of largest values in windows that do not overlap: every pixel is written once.

`Kernel("max_pool2d_back", [g, indices], [dx])` with the attribute kernel (rows, one or two
columns); views are N, C, H, W with contiguous rows. Threads share the planes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .access import address
from .module import Emitted
from .pool import SMALL
from .tile import KINDS, SIZES
from .writer import Writer

if TYPE_CHECKING:
    from ..ir import Kernel, View
    from .target import Target


class _Unpool:
    def __init__(self, equation: Kernel, name: str, target: Target) -> None:
        self.equation = equation
        self.name = name
        self.g, self.indices = equation.inputs
        self.dx = equation.outputs[0]
        self.kh, self.kw = equation.attributes["kernel"]
        self.kind = KINDS[str(self.g.dtype)]
        self.size = SIZES[self.kind]
        self.most = target.bytes // self.size
        self.images, self.channels, self.height, self.width = self.dx.shape
        self.rows, self.columns = self.g.shape[2:]
        self.w = Writer(f"internal void @{name}(ptr %p, i64 %tid, i64 %nt)")

    def emit(self) -> Emitted:
        w = self.w
        planes = self.images * self.channels
        bases = [(address(w, v), v) for v in (self.g, self.indices, self.dx)]
        low = w.udiv(w.mul("%tid", planes), "%nt")
        high = w.udiv(w.mul(w.add("%tid", 1), planes), "%nt")
        with w.loop(low, high) as plane:
            n, c = w.udiv(plane.index, self.channels), w.urem(plane.index, self.channels)

            def at(base: str, view: View) -> str:
                sn, sc = (s * view.dtype.itemsize for s in view.strides[:2])
                return w.at(base, w.add(w.mul(n, sn), w.mul(c, sc)))

            g, indices, dx = (at(*b) for b in bases)
            with w.loop(0, self.rows) as i:
                self._row(g, indices, dx, i.index)
            with w.loop(self.rows * self.kh, self.height) as r:
                self._zeros(w.at(dx, w.mul(r.index, self.dx.strides[2] * self.size)), 0)
        w.ret()
        e = self.equation
        return Emitted(
            e.origin or e.name, self.name, w.text(), threads=self.g.size > SMALL and planes > 1,
            flops=float(self.dx.size),
            bytes=float(self.g.size * (self.size + 8) + self.dx.size * self.size),
            source=f"{self.dx!r} = {self.g!r} where {self.indices!r} says, else 0; windows "
            f"{self.kh}x{self.kw}\n",
        )  # fmt: skip

    def _zeros(self, line: str, first: int) -> None:
        w = self.w
        with w.loop(first, self.width) as c:
            w.store(self.kind, "0.0", w.at(line, w.mul(c.index, self.size)), self.size)

    def _row(self, g: str, indices: str, dx: str, i: str) -> None:
        w = self.w
        come = w.at(g, w.mul(i, self.g.strides[2] * self.size))
        note = w.at(indices, w.mul(i, self.indices.strides[2] * 8))
        first = w.mul(i, self.kh)
        go = w.at(dx, w.mul(first, self.dx.strides[2] * self.size))
        full = self.columns // self.most * self.most
        if full:
            with w.loop(0, full, self.most) as j:
                self._piece(come, note, go, first, j.index, self.most)
        at, lanes = full, self.most
        while at < self.columns:
            while lanes > self.columns - at:
                lanes //= 2
            self._piece(come, note, go, first, str(at), lanes)
            at += lanes
        if self.columns * self.kw < self.width:
            for a in range(self.kh):
                self._zeros(w.at(go, a * self.dx.strides[2] * self.size), self.columns * self.kw)

    def _piece(self, come: str, note: str, go: str, first: str, j: str, lanes: int) -> None:
        """Windows side by side: each pixel's position is compared with the noted one."""
        w, kw = self.w, self.kw

        def kind(scalar: str, n: int = lanes) -> str:
            return scalar if n == 1 else f"<{n} x {scalar}>"

        g = w.load(kind(self.kind), w.at(come, w.mul(j, self.size)), self.size)
        where = w.load(kind("i64"), w.at(note, w.mul(j, 8)), 8)
        where = w.set(f"trunc {kind('i64')} {where} to {kind('i32')}")
        column = w.mul(j, kw)
        zero = "0.0" if lanes == 1 else "zeroinitializer"
        for a in range(self.kh):
            base = w.add(w.mul(w.add(first, a), self.width), column)
            low = w.set(f"trunc i64 {base} to i32")
            parts = []
            for b in range(kw):
                if lanes == 1:
                    here = w.set(f"add i32 {low}, {b}")
                else:
                    ramp = ", ".join(f"i32 {k * kw + b}" for k in range(lanes))
                    spread = w.splat(low, "i32", lanes)
                    here = w.set(f"add {kind('i32')} {spread}, <{ramp}>")
                same = w.set(f"icmp eq {kind('i32')} {where}, {here}")
                parts.append(w.set(
                    f"select {kind('i1')} {same}, {kind(self.kind)} {g}, {kind(self.kind)} {zero}"
                ))  # fmt: skip
            to = w.at(go, w.add(w.mul(column, self.size), a * self.dx.strides[2] * self.size))
            if kw == 1:
                w.store(kind(self.kind), parts[0], to, self.size)
            elif lanes == 1:
                for b, part in enumerate(parts):
                    w.store(self.kind, part, w.at(to, b * self.size), self.size)
            else:
                order = ", ".join(f"i32 {k // 2 + k % 2 * lanes}" for k in range(2 * lanes))
                both = w.set(
                    f"shufflevector {kind(self.kind)} {parts[0]}, {kind(self.kind)} {parts[1]}, "
                    f"<{2 * lanes} x i32> <{order}>"
                )
                w.store(kind(self.kind, 2 * lanes), both, to, self.size)


def lower_max_pool2d_back(equation: Kernel, name: str, target: Target) -> Emitted:
    """The code of the gradient of a pooling whose windows do not overlap."""
    return _Unpool(equation, name, target).emit()


KERNELS = {"max_pool2d_back": lower_max_pool2d_back}
