"""Gradients of the weights of convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .access import address
from .conv_parts import ConvEmitter, Planes, Shape, function

if TYPE_CHECKING:
    from ..ir import Kernel, View
    from .module import Emitted
    from .target import Target
    from .writer import Writer

#: The most threads that keep sums of their own.
TEAM = 64

#: How many pixels of small images, and bytes of their planes, go together.
PIXELS = 1024
TOGETHER = 600_000


def lower_conv2d_weight(equation: Kernel, name: str, target: Target) -> Emitted:
    """The code of the gradient of a convolution's weights.

    Every thread sums over its images, as [channel and tap][output channel]; then all share the
    summing over threads.
    """
    g, x = equation.inputs
    dw = equation.outputs[0]
    s = Shape(equation, x, dw, g)
    e = ConvEmitter(equation, s, name, target)
    first, second, third = (function(f"{name}.{part}") for part in ("sum", "join", "end"))
    names = [f"{name}.sum", f"{name}.join", f"{name}.end"]
    size = e.size
    planes = s.planes()
    depth = s.inner * s.kh * s.kw
    line = planes.sizes[1]
    length = (s.rows - 1) * line + s.columns if s.rows and s.columns else 0
    width = -(-s.outer // e.tile) * e.tile
    # The gradient in planes whose rows are as long as those of x, zeros between.
    flat = Planes(s.outputs, (0, 0), (max(s.rows, 1), line), (1, 1), [(0, 0)])
    at_sum = e.reserve(s.groups * depth * width)
    # Small images go several at a time: the sums are then fetched less often.
    group_x = planes.elements // s.groups
    several = max(1, min(8, PIXELS // max(length, 1), TOGETHER // (max(group_x, 1) * size)))
    several = min(several, max(s.images, 1))
    panel = width * max(length, 1)
    at_x, at_g, at_t = (
        e.reserve(n) for n in (planes.elements * several, flat.elements, panel * several * s.groups)
    )
    table = e.constant([
        size * planes.offset(c, a * s.dilation[0], b * s.dilation[1])
        for c in range(s.inner) for a, b in s.taps()
    ]) if planes.elements else "null"  # fmt: skip
    kept = f"@{name}.kept"
    e.constants.append(f"{kept} = internal global [{2 * TEAM} x ptr] zeroinitializer\n")

    w = first
    inputs, grads = address(w, x), address(w, g)
    small = w.test("slt", "%tid", TEAM)
    with w.when(small):
        nt = w.min("%nt", TEAM)
        low = w.udiv(w.mul("%tid", s.images), nt)
        high = w.udiv(w.mul(w.add("%tid", 1), s.images), nt)
        raw, base = e.allocate(w)
        slot = w.mul("%tid", 16)
        w.store("ptr", raw, w.at(kept, slot))
        w.store("ptr", w.at(base, at_sum), w.at(w.at(kept, slot), 8))
        if length and dw.size:
            with w.loop(low, high, several) as block:
                count = w.min(several, w.sub(high, block.index))
                with w.loop(0, count) as i:
                    n = w.add(block.index, i.index)
                    own = w.at(base, w.add(w.mul(i.index, planes.elements * size), at_x))
                    e.fill(w, own, planes, w.at(inputs, w.mul(n, x.strides[0] * size)), x)
                    e.fill(w, w.at(base, at_g), flat,
                           w.at(grads, w.mul(n, g.strides[0] * size)), g)  # fmt: skip
                    with w.loop(0, s.groups) as group:
                        plane = flat.sizes[0] * flat.sizes[1] * size
                        come = w.at(w.at(base, at_g), w.mul(group.index, s.outer * plane))
                        place = w.add(w.mul(group.index, several), i.index)
                        to = w.at(w.at(base, at_t), w.mul(place, panel * size))
                        e.call(w, "turn", f"ptr {to}, ptr {come}, i64 {plane}, i64 {length}, "
                                          f"i64 {s.outer}")  # fmt: skip
                with w.loop(0, s.groups) as group:
                    span = planes.sizes[0] * planes.sizes[1] * s.inner * size
                    a = w.at(w.at(base, at_x), w.mul(group.index, span))
                    come = w.at(w.at(base, at_t), w.mul(group.index, several * panel * size))
                    to = w.at(w.at(base, at_sum), w.mul(group.index, depth * width * size))
                    # The sums begin with zeros: allocate gives nothing else.
                    e.call(
                        w, "weight",
                        f"ptr {a}, i64 {planes.elements * size}, ptr {table}, ptr {come}, "
                        f"i64 {panel * size}, i64 {count}, i64 {length}, ptr {to}, "
                        f"i64 {width * size}, i64 {depth}, i64 {s.outer}",
                    )  # fmt: skip
    w.ret()

    w = second
    out = address(w, dw)
    team = w.min("%nt", TEAM)
    if dw.size:
        _join(w, e, kept, out, dw, team, depth, width)
    w.ret()

    w = third
    with w.when(w.test("slt", "%tid", TEAM)):
        e.free(w, w.load("ptr", w.at(kept, w.mul("%tid", 16))))
    w.ret()
    return e.emitted([first, second, third], names)


def _join(
    w: Writer, e: ConvEmitter, kept: str, out: str, dw: View, team: str, depth: int, width: int
) -> None:
    """Add the threads' sums, a vector of output channels at a time, and store them as weights."""
    s, size, lanes = e.shape, e.size, e.lanes
    vector = f"<{lanes} x {e.kind}>"
    blocks = -(-s.outer // lanes)
    total = s.groups * blocks
    so, si, sy, sx = (stride * size for stride in dw.strides)
    spare = w.set(f"alloca {vector}, align 64")
    with w.loop(
        w.udiv(w.mul("%tid", total), "%nt"), w.udiv(w.mul(w.add("%tid", 1), total), "%nt")
    ) as unit:
        group, block = w.udiv(unit.index, blocks), w.urem(unit.index, blocks)
        column = w.mul(block, lanes)
        start = w.add(w.mul(group, depth * width * size), w.mul(column, size))
        first = w.add(w.mul(group, s.outer), column)
        left = w.min(lanes, w.sub(s.outer, column))
        whole = w.test("eq", left, lanes)
        with w.loop(0, s.inner) as c, w.loop(0, s.kh) as i, w.loop(0, s.kw) as j:
            k = w.add(w.mul(w.add(w.mul(c.index, s.kh), i.index), s.kw), j.index)
            at = w.add(start, w.mul(k, width * size))
            with w.loop(0, team, 1, [(vector, "zeroinitializer")]) as t:
                part = w.load("ptr", w.at(w.at(kept, w.mul(t.index, 16)), 8))
                value = w.load(vector, w.at(part, at), size)
                t.carry = [w.set(f"fadd {vector} {t.values[0]}, {value}")]
            offset = w.add(w.mul(c.index, si), w.add(w.mul(i.index, sy), w.mul(j.index, sx)))
            to = w.at(out, w.add(offset, w.mul(first, so)))
            every, few, done = w.label(), w.label(), w.label()
            w.branch(whole, every, few)
            w.place(every)
            for lane in range(lanes):
                x = w.set(f"extractelement {vector} {t.results[0]}, i64 {lane}")
                w.store(e.kind, x, w.at(to, lane * so), size)
            w.jump(done)
            w.place(few)
            w.store(vector, t.results[0], spare, 64)
            with w.loop(0, left) as lane_:
                x = w.load(e.kind, w.at(spare, w.mul(lane_.index, size)), size)
                w.store(e.kind, x, w.at(to, w.mul(lane_.index, so)), size)
            w.jump(done)
            w.place(done)
