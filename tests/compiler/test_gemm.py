"""Matrix products of the compiler against NumPy in float64."""

from __future__ import annotations

import random

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import ml_dtypes

from rushlight.compiler.ir import Gemm, Graph, View
from rushlight.compiler.lower.gemm import lower_gemm
from rushlight.compiler.lower.target import Target
from rushlight.compiler.runtime import engine

#: Relative to the sum of absolute products: a few roundings of the stored type.
TOLERANCE = {"float32": 1e-6, "float64": 2e-15, "float16": 6e-4, "bfloat16": 5e-3}
GUARD = 64


def targets() -> list[int]:
    """The widths that this processor can run."""
    widest = Target.host().bytes
    return [n for n in (64, 32, 16) if n <= widest]


def target(width: int) -> Target:
    host = Target.host()
    return host if width == host.bytes else Target(width)


def dtype_of(name: str) -> np.dtype:
    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)


class Memory:
    """Arrays with guard zones around them, as buffers outside the arena."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.graph = Graph()
        self.blocks: list[np.ndarray] = []
        self.before: list[np.ndarray] = []

    def view(self, shape: tuple[int, ...], dtype: str, layout: str = "C") -> View:
        """Random numbers; `layout`: C, T(ransposed), S(tepped), P(art of a larger one), B(roadcast
        over batches)."""
        shape = tuple(shape)
        full = list(shape)
        if layout == "S":
            full[-1] = full[-1] * 3 + 1
        elif layout == "P":
            full[-1], full[-2] = full[-1] + 5, full[-2] + 3
        elif layout == "T":
            full[-1], full[-2] = full[-2], full[-1]
        elif layout == "B":
            full[:-2] = [1] * len(full[:-2])
        size = int(np.prod(full))
        block = self.rng.standard_normal(size + 2 * GUARD).astype(dtype_of(dtype))
        self.blocks.append(block)
        buffer = self.graph.buffer(block.size, block.dtype, source=len(self.blocks))
        buffer.slot = len(self.blocks)
        strides = [1] * len(full)
        for i in reversed(range(len(full) - 1)):
            strides[i] = strides[i + 1] * full[i + 1]
        view = View(buffer, GUARD, full, strides)
        if layout == "S":
            view = view.slice(-1, 1, shape[-1], 3)
        elif layout == "P":
            view = view.slice(-1, 3, shape[-1]).slice(-2, 2, shape[-2])
        elif layout == "T":
            view = view.transpose()
        return view.expand(shape)

    def array(self, view: View) -> np.ndarray:
        block = self.blocks[view.buffer.slot - 1]
        return np.lib.stride_tricks.as_strided(
            block[view.offset :], view.shape, [s * block.itemsize for s in view.strides]
        )

    def run(self, equation: Gemm, width: int, threads: int = 1) -> engine.Native:
        """Run it, and check that nothing but its result was written."""
        self.before = [block.copy() for block in self.blocks]
        native = engine.build([lower_gemm(equation, "product", target(width))],
                              target=target(width))  # fmt: skip
        table = np.array([0, *(b.__array_interface__["data"][0] for b in self.blocks)], np.uintp)
        native(table.ctypes.data, threads)
        for number, (block, before) in enumerate(zip(self.blocks, self.before, strict=True), 1):
            kept = np.ones(block.size, bool)
            if number == equation.c.buffer.slot and equation.c.size:
                view = equation.c
                np.lib.stride_tricks.as_strided(kept[view.offset :], view.shape, view.strides)[
                    ...
                ] = False
            bits = f"u{block.itemsize}"
            assert np.array_equal(block[kept].view(bits), before[kept].view(bits))
        return native


def check(
    shape: tuple[int, int, int], dtype: str, width: int, *, batch: tuple[int, ...] = (),
    layouts: str = "CCC", accumulate: bool = False, bias: tuple[int, ...] | None = None,
    bias_layout: str = "C", threads: int = 1, seed: int = 0,
) -> None:  # fmt: skip
    m, n, k = shape
    memory = Memory(seed)
    a = memory.view((*batch, m, k), dtype, layouts[0])
    b = memory.view((*batch, k, n), dtype, layouts[1])
    c = memory.view((*batch, m, n), dtype, layouts[2])
    d = None if bias is None else memory.view(bias, dtype, bias_layout).expand(c.shape)
    x, y = (memory.array(v).astype(np.float64) for v in (a, b))
    want, scale = x @ y, np.abs(x) @ np.abs(y) + 1
    if accumulate:
        want = want + memory.array(c).astype(np.float64)
    if d is not None:
        want = want + memory.array(d).astype(np.float64)
    equation = Gemm(a, b, c, accumulate, d)
    memory.run(equation, width, threads)
    error = np.abs(memory.array(c).astype(np.float64) - want) / (scale + np.abs(want))
    assert not error.size or error.max() < TOLERANCE[dtype], repr(equation)


@pytest.mark.parametrize("width", targets())
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("seed", range(3))
def test_random(width: int, dtype: str, seed: int) -> None:
    chance = random.Random(f"{dtype}{seed}")
    for number in range(25):
        sizes = [0, 1, 1, 2, 3, 5, 7, 8, 9, 16, 17, 31, 32, 33, 40, 64, 65, 100]
        m, n, k = (chance.choice(sizes) for _ in range(3))
        if chance.random() < 0.15:
            k = chance.choice([256, 257, 385, 700])
        if chance.random() < 0.1:
            m = chance.choice([300, 700])
        batch = chance.choice([(), (), (), (2,), (3, 2), (1, 4)])
        options = "CCTTSPB"
        layouts = chance.choice(options) + chance.choice(options) + chance.choice("CCCTPS")
        bias = chance.choice([None, None, (1, n), (n,), (m, 1), (m, n), (*batch, m, n), (1, 1)])
        check(
            (m, n, k), dtype, width, batch=batch, layouts=layouts, bias=bias,
            bias_layout="C" if bias is None or len(bias) < 2 else chance.choice("CTS"),
            accumulate=chance.random() < 0.3, threads=chance.choice([1, 2]), seed=number,
        )  # fmt: skip


@pytest.mark.parametrize("width", targets())
@pytest.mark.parametrize("layouts", ["CCC", "CTC", "TCC", "TTC", "CCT", "TTT"])
@pytest.mark.parametrize("shape", [(128, 256, 784), (784, 256, 128), (130, 515, 70), (9, 1030, 5)])
def test_layers(shape: tuple[int, int, int], layouts: str, width: int) -> None:
    check(shape, "float32", width, layouts=layouts, bias=(shape[1],), threads=2)


@pytest.mark.parametrize("width", targets())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_powers_of_two(dtype: str, width: int) -> None:
    # Packs A too: rows and columns far apart by a power of two.
    check((128, 512, 512), dtype, width, layouts="CCC", threads=2)
    check((128, 512, 512), dtype, width, layouts="TCC", accumulate=True)
    check((67, 523, 512), dtype, width, layouts="TTC", accumulate=True, bias=(67, 1))


@pytest.mark.parametrize("width", targets())
@pytest.mark.parametrize(
    "shape", [(1, 100, 70), (100, 1, 70), (1, 1, 70), (3, 1, 1), (1, 600, 300), (601, 1, 300)]
)
@pytest.mark.parametrize("layouts", ["CCC", "CTC", "TCC", "TTC", "SSS"])
def test_vectors(shape: tuple[int, int, int], layouts: str, width: int) -> None:
    for threads in (1, 2):
        check(shape, "float32", width, layouts=layouts, bias=(shape[1],), threads=threads)


@pytest.mark.parametrize("shape", [(0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0)])
def test_nothing(shape: tuple[int, int, int]) -> None:
    width = Target.host().bytes
    check(shape, "float32", width)
    check(shape, "float32", width, accumulate=True, bias=(shape[1],), batch=(2,))


def test_batches_become_rows() -> None:
    memory = Memory()
    a = memory.view((5, 7, 11), "float32")
    b = memory.view((5, 11, 13), "float32", "B")
    c = memory.view((5, 7, 13), "float32")
    made = lower_gemm(Gemm(a, b, c), "product", Target.host())
    assert "C[35, 13]" in made.source


def test_not_a_number_stays_in_its_row_and_column() -> None:
    memory = Memory()
    a = memory.view((9, 20), "float32")
    b = memory.view((20, 35), "float32")
    c = memory.view((9, 35), "float32")
    memory.array(a)[4, 3] = np.nan
    memory.array(b)[2, 34] = np.inf
    memory.run(Gemm(a, b, c), Target.host().bytes)
    want = memory.array(a) @ memory.array(b)
    assert np.array_equal(np.isnan(memory.array(c)), np.isnan(want))
    assert np.array_equal(np.isinf(memory.array(c)), np.isinf(want))


def test_integers_are_refused() -> None:
    memory = Memory()
    views = [memory.view((3, 3), "int64") for _ in range(3)]
    with pytest.raises(NotImplementedError, match="int64"):
        lower_gemm(Gemm(*views), "product", Target.host())


def test_small_products_stay_on_one_thread() -> None:
    memory = Memory()
    small = [memory.view((8, 8), "float32") for _ in range(3)]
    large = [memory.view((128, 128), "float32") for _ in range(3)]
    assert not lower_gemm(Gemm(*small), "product", Target.host()).threads
    assert lower_gemm(Gemm(*large), "product", Target.host()).threads
