"""Native convolutions against sums over taps in float64."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from rushlight.compiler.ir import Graph, Kernel, View
from rushlight.compiler.lower.conv import KERNELS
from rushlight.compiler.lower.target import Target
from rushlight.compiler.runtime import engine

GUARD = 64
#: A few roundings, relative to the sums of absolute products.
TOLERANCE = {"float32": 1e-6, "float64": 2e-15}


def targets() -> list[int]:
    widest = Target.host().bytes
    return [n for n in (64, 32, 16) if n <= widest]


class Memory:
    """Arrays with guard zones around them."""

    def __init__(self, dtype: str, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = dtype
        self.graph = Graph()
        self.blocks: list[np.ndarray] = []

    def view(self, shape: tuple[int, ...], order: tuple[int, ...] | None = None) -> View:
        """Random numbers, the axes in memory in this order."""
        order = order or tuple(range(len(shape)))
        size = int(np.prod(shape))
        self.blocks.append(self.rng.standard_normal(size + 2 * GUARD).astype(self.dtype))
        buffer = self.graph.buffer(size + 2 * GUARD, self.dtype, source=len(self.blocks))
        buffer.slot = len(self.blocks)
        strides = [0] * len(shape)
        step = 1
        for axis in reversed(order):
            strides[axis] = step
            step *= shape[axis]
        return View(buffer, GUARD, shape, strides)

    def array(self, view: View) -> np.ndarray:
        block = self.blocks[view.buffer.slot - 1]
        return np.lib.stride_tricks.as_strided(
            block[view.offset :], view.shape, [s * block.itemsize for s in view.strides]
        )

    def run(self, equation: Kernel, width: int, threads: int) -> None:
        host = Target.host()
        target = host if width == host.bytes else Target(width)
        before = [block.copy() for block in self.blocks]
        parts = [KERNELS[equation.name](equation, "conv", target)]
        table = np.array([0, *(b.ctypes.data for b in self.blocks)], np.uintp)
        native = engine.build(parts, target=target)
        for _ in range(2):
            native(table.ctypes.data, threads)
        written = equation.outputs[0].buffer.slot
        for slot, (block, old) in enumerate(zip(self.blocks, before, strict=True), 1):
            if slot == written:
                assert np.array_equal(block[:GUARD], old[:GUARD])
                assert np.array_equal(block[-GUARD:], old[-GUARD:])
            else:
                assert np.array_equal(block, old)


def reference(x, w, rows, columns, stride, padding, dilation, groups, g=None):
    """y, or (dx, dw) of g: one product for every tap."""
    n, c, h, width = x.shape
    o, inner, kh, kw = w.shape
    padded = np.zeros((n, c, h + 2 * padding[0], width + 2 * padding[1]))
    padded[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + width] = x
    dpadded, dw = np.zeros_like(padded), np.zeros(w.shape)
    y = np.zeros((n, o, rows, columns))
    outer = o // groups
    for k, i, j in itertools.product(range(groups), range(kh), range(kw)):
        a, b = i * dilation[0], j * dilation[1]
        window = (
            slice(None), slice(k * inner, (k + 1) * inner),
            slice(a, a + (rows - 1) * stride[0] + 1, stride[0]),
            slice(b, b + (columns - 1) * stride[1] + 1, stride[1]),
        )  # fmt: skip
        out = slice(k * outer, (k + 1) * outer)
        tap = w[out, :, i, j]
        if g is None:
            y[:, out] += np.einsum("oc,nchw->nohw", tap, padded[window])
        else:
            dpadded[window] += np.einsum("oc,nohw->nchw", tap, g[:, out])
            dw[out, :, i, j] = np.einsum("nohw,nchw->oc", g[:, out], padded[window])
    if g is None:
        return y
    dx = dpadded[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + width]
    return dx, dw


def check(
    x_shape, outputs, kernel, width, *, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1,
    dtype="float32", threads=1, order=None, bias=False, seed=0,
):  # fmt: skip
    n, c, h, across = x_shape
    rows, columns = (
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, p, d, k, s in zip((h, across), padding, dilation, kernel, stride, strict=True)
    )
    memory = Memory(dtype, seed)
    x = memory.view(x_shape, order)
    w = memory.view((outputs, c // groups, *kernel), order)
    y = memory.view((n, outputs, rows, columns), order)
    g = memory.view((n, outputs, rows, columns), order)
    dx, dw = memory.view(x_shape, order), memory.view(w.shape, order)
    inputs = [x, w] + ([memory.view((outputs,))] if bias else [])
    attributes = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    for name, read, write in (
        ("conv2d", inputs, y), ("conv2d_input", [g, w], dx), ("conv2d_weight", [g, x], dw),
    ):  # fmt: skip
        memory.run(Kernel(name, read, [write], attributes), width, threads)
    a, b, upper = (memory.array(v).astype(np.float64) for v in (x, w, g))
    known = (rows, columns, stride, padding, dilation, groups)
    want = [reference(a, b, *known), *reference(a, b, *known, upper)]
    scale = [
        reference(abs(a), abs(b), *known), *reference(abs(a), abs(b), *known, abs(upper))
    ]
    if bias:
        want[0] = want[0] + memory.array(inputs[2]).astype(np.float64)[:, None, None]
    for view, right, most in zip((y, dx, dw), want, scale, strict=True):
        error = abs(memory.array(view) - right) / (most + abs(right) + 1)
        assert not error.size or error.max() < TOLERANCE[dtype], view


@pytest.mark.parametrize("width", targets())
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "x, outputs, padding",
    [((3, 4, 8, 8), 16, 1), ((2, 3, 32, 32), 32, 1), ((3, 1, 28, 28), 16, 1),
     ((5, 16, 14, 14), 33, 1), ((2, 40, 7, 9), 3, 0), ((2, 2, 3, 3), 1, 0)],
)  # fmt: skip
def test_three_by_three(x, outputs, padding, threads, width) -> None:
    check(x, outputs, (3, 3), width, padding=(padding, padding), threads=threads, bias=True)


@pytest.mark.parametrize("width", targets())
@pytest.mark.parametrize("seed", range(4))
def test_random(seed: int, width: int) -> None:
    chance = random.Random(seed)
    for number in range(8):
        kernel = chance.choice([1, 2, 3, 5]), chance.choice([1, 3, 4])
        dilation = chance.choice([1, 1, 2]), chance.choice([1, 1, 3])
        padding = chance.choice([0, 1, 2, 3]), chance.choice([0, 1, 2])
        groups = chance.choice([1, 1, 2, 3])
        least = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
        size = [n + chance.choice([0, 1, 4, 9, 17]) for n in least]
        check(
            (chance.choice([1, 2, 3]), groups * chance.choice([1, 2, 5]), *size),
            groups * chance.choice([1, 2, 9]), kernel, width,
            stride=(chance.choice([1, 1, 2, 3]), chance.choice([1, 1, 2, 3])), padding=padding,
            dilation=dilation, groups=groups, dtype=chance.choice(["float32", "float64"]),
            threads=chance.choice([1, 2, 3]), bias=chance.random() < 0.5, seed=number,
            order=chance.choice([None, (0, 2, 3, 1), (3, 0, 1, 2)]),
        )  # fmt: skip


@pytest.mark.parametrize("width", targets())
def test_depthwise(width: int) -> None:
    check((2, 12, 9, 9), 12, (3, 3), width, padding=(1, 1), groups=12, threads=2)
    check((2, 6, 9, 9), 12, (3, 3), width, padding=(1, 1), groups=6, stride=(2, 2))


@pytest.mark.parametrize("width", targets())
def test_patches(width: int) -> None:
    check((2, 3, 16, 16), 20, (8, 8), width, stride=(8, 8), threads=2)


def test_stride_beyond_kernel() -> None:
    # Some pixels of x meet no tap: their gradient is zero.
    check((2, 3, 9, 9), 4, (1, 1), Target.host().bytes, stride=(2, 3))


def test_no_images() -> None:
    check((0, 3, 5, 5), 4, (3, 3), Target.host().bytes, padding=(1, 1))


def test_halves_are_refused() -> None:
    memory = Memory("float16", 0)
    x, w, y = memory.view((1, 1, 3, 3)), memory.view((1, 1, 1, 1)), memory.view((1, 1, 3, 3))
    known = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    with pytest.raises(NotImplementedError, match="float16"):
        KERNELS["conv2d"](Kernel("conv2d", [x, w], [y], known), "conv", Target.host())
