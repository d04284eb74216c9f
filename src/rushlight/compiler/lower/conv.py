"""Convolutions in two dimensions: forward, gradient of the input, gradient of the weights.

`Kernel("conv2d", [x, w], [y])`, `Kernel("conv2d_input", [g, w], [dx])` and
`Kernel("conv2d_weight", [g, x], [dw])`, all with the attributes stride, padding, dilation (pairs)
and groups; x is N, C, H, W and w is O, C / groups, KH, KW, of any strides. A third input of
"conv2d" is the bias. Threads share images; each works in memory of its own that holds one image at
a time, so that it stays in the second cache (see `conv_library`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ir import contiguous_strides
from .access import address
from .conv_parts import ConvEmitter, Planes, Shape, function, inside, shared
from .conv_weight import lower_conv2d_weight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..ir import Kernel, View
    from .module import Emitted
    from .target import Target
    from .writer import Writer


def lower_conv2d(equation: Kernel, name: str, target: Target) -> Emitted:
    """The code of a forward convolution."""
    x, weight, *rest = equation.inputs
    y = equation.outputs[0]
    s = Shape(equation, x, weight, y)
    e = ConvEmitter(equation, s, name, target)
    w = function(name)
    if not y.size:
        w.ret()
        return e.emitted(w, [name])
    size = e.size
    planes = s.planes()
    depth = s.inner * s.kh * s.kw
    length = (s.rows - 1) * planes.sizes[1] + s.columns
    pitch = -(-length // (4 * e.tile)) * 4 * e.tile
    direct = e.direct(depth, s.rows, s.columns, planes.sizes[1], y.strides[3])
    table = e.constant([
        size * planes.offset(c, a * s.dilation[0], b * s.dilation[1])
        for c in range(s.inner) for a, b in s.taps()
    ])  # fmt: skip
    plain = weight.strides == contiguous_strides(weight.shape)
    at_x = e.reserve(planes.elements)
    at_y = 0 if direct else e.reserve(s.outer * pitch)
    at_w = 0 if plain else e.reserve(weight.size)
    at_b = e.reserve(s.outputs * 4 * e.lanes) if rest else 0
    inputs, outputs, source = (address(w, v) for v in (x, y, weight))
    bias = address(w, rest[0]) if rest else ""
    low, high = e.images(w)
    with w.when(w.test("slt", low, high)):
        raw, base = e.allocate(w)
        own = w.at(base, at_y)
        line = planes.sizes[1]
        added, wide = "null", 4 * e.lanes * size
        if rest:
            added = w.at(base, at_b)
            with w.loop(0, s.outputs) as o:
                x1 = w.load(e.kind, w.at(bias, w.mul(o.index, rest[0].strides[0] * size)), size)
                spread = w.splat(x1, e.kind, e.lanes)
                for v in range(4):
                    to = w.at(added, w.add(w.mul(o.index, wide), v * target.bytes))
                    w.store(f"<{e.lanes} x {e.kind}>", spread, to, size)
        if not plain:
            e.weights(w, w.at(base, at_w), source, list(zip(weight.shape, weight.strides,
                                                            strict=True)))  # fmt: skip
            source = w.at(base, at_w)
        with w.loop(low, high) as n:
            e.fill(w, w.at(base, at_x), planes, w.at(inputs, w.mul(n.index, x.strides[0] * size)),
                   x)  # fmt: skip
            with w.loop(0, s.groups) as g:
                a = w.at(source, w.mul(g.index, s.outer * depth * size))
                plane = planes.sizes[0] * planes.sizes[1] * s.inner * size
                b = w.at(w.at(base, at_x), w.mul(g.index, plane))
                extra = "null"
                if rest:
                    extra = w.at(added, w.mul(g.index, s.outer * wide))
                to = w.at(outputs, w.add(
                    w.mul(n.index, y.strides[0] * size),
                    w.mul(g.index, s.outer * y.strides[1] * size),
                ))  # fmt: skip
                _products(
                    w, e, (a, b, table, own, extra, to), direct, depth=depth, channels=s.outer,
                    rows=s.rows, columns=s.columns, line=line, pitch=pitch, wide=wide,
                    strides=y.strides[1:],
                )  # fmt: skip
        e.free(w, raw)
    w.ret()
    return e.emitted(w, [name])


def _products(
    w: Writer, e: ConvEmitter, pointers: tuple[str, str, str, str, str, str], direct: bool, *,
    depth: int, channels: int, rows: int, columns: int, line: int, pitch: int, wide: int,
    strides: Sequence[int],
) -> None:  # fmt: skip
    """One image of one group: weights times windows, to rows of strided planes.

    Args:
        pointers: weights, padded planes, table of offsets, own memory for a long row, what is
            added (or null), where the result goes.
        line: from one row to the next in the padded planes.
        pitch: from one channel to the next in own memory.
        wide: bytes from one channel to the next in what is added.
        strides: of the result's channels, rows and columns.
    """
    a, b, table, own, extra, to = pointers
    size = e.size
    channel, down, across = (s * size for s in strides)

    def call(b: str, c: str, rsc: int, length: int) -> None:
        e.call(
            w, "forward",
            f"ptr {a}, i64 {depth * size}, ptr {b}, ptr {table}, ptr {c}, i64 {rsc}, "
            f"ptr {extra}, i64 {wide}, i64 {depth}, i64 {channels}, i64 {length}",
        )  # fmt: skip

    if direct:
        with w.loop(0, rows) as i:
            call(
                w.at(b, w.mul(i.index, line * size)), w.at(to, w.mul(i.index, down)), channel,
                columns,
            )  # fmt: skip
        return
    call(b, own, pitch * size, (rows - 1) * line + columns)
    with w.loop(0, channels) as o, w.loop(0, rows) as i:
        e.row(
            w, w.at(to, w.add(w.mul(o.index, channel), w.mul(i.index, down))), across // size,
            w.at(own, w.add(w.mul(o.index, pitch * size), w.mul(i.index, line * size))), 1,
            columns,
        )  # fmt: skip


def lower_conv2d_input(equation: Kernel, name: str, target: Target) -> Emitted:
    """The code of the gradient of a convolution's input.

    Pixels of dx with the same remainder of (coordinate + padding) by the stride meet the same taps:
    for each such phase it is a convolution of stride 1 of g.
    """
    g, weight = equation.inputs
    dx = equation.outputs[0]
    s = Shape(equation, dx, weight, g)
    e = ConvEmitter(equation, s, name, target)
    w = function(name)
    if not dx.size:
        w.ret()
        return e.emitted(w, [name])
    size = e.size
    (sh, sw), (ph, pw), (dh, dw) = s.stride, s.padding, s.dilation
    # Pixel = stride * q + phase - padding; tap a of the phase reads row q - a * dilation // stride.
    low_tap = (s.kh - 1) * dh // sh, (s.kw - 1) * dw // sw
    down = (s.height - 1 + ph) // sh + 1
    across = (s.width - 1 + pw) // sw + 1
    phases = []
    for a in range(sh):
        for b in range(sw):
            q = inside(a - ph, sh, s.height, down)
            r = inside(b - pw, sw, s.width, across)
            taps = [(i, j) for i, j in s.taps() if i * dh % sh == a and j * dw % sw == b]
            if q[1] > q[0] and r[1] > r[0]:
                phases.append((a, b, q, r, taps))
    # No tap reads what lies before the first q of all phases.
    trim = min(p[2][0] for p in phases), min(p[3][0] for p in phases)
    low = low_tap[0] - trim[0], low_tap[1] - trim[1]
    sizes = down + low[0], across + low[1]
    sizes = sizes[0], max(
        shared(low[1], low[1] + s.columns, sizes[1]), max(p[3][1] - p[3][0] for p in phases)
    )
    planes = Planes(s.outputs, low, sizes, (1, 1), [(0, 0)])
    longest = max((p[2][1] - p[2][0] - 1) * sizes[1] + p[3][1] - p[3][0] for p in phases)
    pitch = -(-longest // (4 * e.tile)) * 4 * e.tile
    at_g, at_x = e.reserve(planes.elements), e.reserve(s.inner * pitch)
    # Weights: for each group and phase, [channel of x][channel of g][tap].
    places = [e.reserve(weight.size // (s.kh * s.kw) * len(p[4])) for p in phases]
    inputs, outputs, source = (address(w, v) for v in (g, dx, weight))
    begin, end = e.images(w)
    with w.when(w.test("slt", begin, end)):
        raw, base = e.allocate(w)
        own = w.at(base, at_x)
        for place, (_, _, _, _, taps) in zip(places, phases, strict=True):
            if taps:
                _gather(w, e, w.at(base, place), source, weight, taps)
        with w.loop(begin, end) as n:
            e.fill(w, w.at(base, at_g), planes, w.at(inputs, w.mul(n.index, g.strides[0] * size)),
                   g)  # fmt: skip
            with w.loop(0, s.groups) as group:
                for place, (a, b, q, r, taps) in zip(places, phases, strict=True):
                    depth = s.outer * len(taps)
                    table = e.constant([
                        size * planes.offset(
                            o, q[0] + low[0] - i * dh // sh, r[0] + low[1] - j * dw // sw
                        )
                        for o in range(s.outer) for i, j in taps
                    ])  # fmt: skip
                    left = w.at(w.at(base, place), w.mul(group.index, s.inner * depth * size))
                    span = sizes[0] * sizes[1] * s.outer * size
                    right = w.at(w.at(base, at_g), w.mul(group.index, span))
                    first = q[0] * sh + a - ph, r[0] * sw + b - pw
                    corner = first[0] * dx.strides[2] + first[1] * dx.strides[3]
                    to = w.at(outputs, w.add(
                        w.add(w.mul(n.index, dx.strides[0] * size), corner * size),
                        w.mul(group.index, s.inner * dx.strides[1] * size),
                    ))  # fmt: skip
                    step = sw * dx.strides[3]
                    _products(
                        w, e, (left, right, table, own, "null", to),
                        e.direct(depth, q[1] - q[0], r[1] - r[0], sizes[1], step), depth=depth,
                        channels=s.inner, rows=q[1] - q[0], columns=r[1] - r[0], line=sizes[1],
                        pitch=pitch, wide=0, strides=(dx.strides[1], sh * dx.strides[2], step),
                    )  # fmt: skip
        e.free(w, raw)
    w.ret()
    return e.emitted(w, [name])


def _gather(
    w: Writer, e: ConvEmitter, to: str, source: str, weight: View, taps: Sequence[tuple[int, int]]
) -> None:
    """Weights of some taps, as [group][channel of x][channel of g][tap]."""
    s, size = e.shape, e.size
    so, si, sy, sx = weight.strides
    count = len(taps)
    with w.loop(0, s.groups) as g, w.loop(0, s.outer) as o, w.loop(0, s.inner) as c:
        output = w.add(w.mul(g.index, s.outer), o.index)
        come = w.at(source, w.add(w.mul(output, so * size), w.mul(c.index, si * size)))
        row = w.add(w.mul(g.index, s.inner), c.index)
        go = w.at(to, w.mul(w.add(w.mul(row, s.outer), o.index), count * size))
        if len(taps) <= 16:
            for t, (i, j) in enumerate(taps):
                x = w.load(e.kind, w.at(come, (i * sy + j * sx) * size), size)
                w.store(e.kind, x, w.at(go, t * size), size)
        else:
            table = e.constant([(i * sy + j * sx) * size for i, j in taps])
            with w.loop(0, count) as tap:
                offset = w.load("i64", w.at(table, w.mul(tap.index, 8)))
                x = w.load(e.kind, w.at(come, offset), size)
                w.store(e.kind, x, w.at(go, w.mul(tap.index, size)), size)


#: The kernels of this file by the names that equations use.
KERNELS = {
    "conv2d": lower_conv2d,
    "conv2d_input": lower_conv2d_input,
    "conv2d_weight": lower_conv2d_weight,
}
