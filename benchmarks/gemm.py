"""Matrix products of the compiler against NumPy's OpenBLAS, alternating in one run.

Run with OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE unset:
``python benchmarks/gemm.py [float32|float64] [threads]``.
"""

from __future__ import annotations

import os
import sys
from time import perf_counter

import numpy as np

from rushlight._tensor.threads import set_num_threads
from rushlight.compiler.ir import Gemm, Graph, View
from rushlight.compiler.lower.gemm import lower_gemm
from rushlight.compiler.lower.target import Target
from rushlight.compiler.runtime import engine

SHAPES = [
    (32, 64, 64), (128, 256, 784), (128, 784, 256), (784, 256, 128), (128, 128, 256),
    (128, 10, 128), (1024, 128, 512), (1024, 512, 128), (64, 1, 64), (1, 512, 512), (2048,) * 3,
]  # fmt: skip


def operand(graph: Graph, addresses: list[int], array: np.ndarray) -> View:
    """A view of an array from outside."""
    buffer = graph.buffer(array.size, array.dtype, source=len(addresses))
    addresses.append(array.ctypes.data)
    buffer.slot = len(addresses) - 1
    return View(buffer, 0, array.shape, [s // array.itemsize for s in array.strides])


def aligned(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> np.ndarray:
    """Random numbers from a cache line's start on, as the arena has them."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    array = memory[start : start + size].view(dtype).reshape(shape)
    array[...] = rng.standard_normal(shape)
    return array


def best(functions: list, seconds: float = 0.25) -> list[float]:
    """The shortest time of each, called in turn."""
    least = [1.0] * len(functions)
    rounds = []
    for f in functions:
        f()
        start = perf_counter()
        f()
        rounds.append(max(1, int(1e-3 / (perf_counter() - start))))
    end = perf_counter() + seconds
    while perf_counter() < end:
        for i, (f, n) in enumerate(zip(functions, rounds, strict=True)):
            start = perf_counter()
            for _ in range(n):
                f()
            least[i] = min(least[i], (perf_counter() - start) / n)
    return least


def main() -> None:
    if any(name in os.environ for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")):
        raise SystemExit("unset OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE")
    dtype = sys.argv[1] if len(sys.argv) > 1 else "float32"
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    set_num_threads(threads)
    rng = np.random.default_rng(0)
    print(f"{dtype}, {threads} threads, GFLOP/s: rushlight / NumPy")
    for m, n, k in SHAPES:
        row = [f"{m:5} {n:5} {k:5}"]
        for layout in ("NN", "NT", "TN"):
            a = aligned((m, k) if layout[0] == "N" else (k, m), dtype, rng)
            b = aligned((k, n) if layout[1] == "N" else (n, k), dtype, rng)
            c = aligned((m, n), dtype, rng)
            a, b = a if layout[0] == "N" else a.T, b if layout[1] == "N" else b.T
            graph = Graph()
            addresses = [0]
            views = [operand(graph, addresses, x) for x in (a, b, c)]
            equation = Gemm(*views)
            native = engine.build([lower_gemm(equation, "product", Target.host())])
            table = np.array(addresses, np.uintp)
            at = table.ctypes.data
            out = np.empty((m, n), dtype)
            np.matmul(a, b, out=out)
            native(at, threads)
            if not np.allclose(c, out, rtol=1e-3, atol=1e-3):
                raise SystemExit(f"wrong product: {m, n, k, layout}")
            ours, theirs = best(
                [lambda run=native, at=at: run(at, threads),
                 lambda a=a, b=b, out=out: np.matmul(a, b, out=out)]
            )  # fmt: skip
            flops = 2e-9 * m * n * k
            row.append(f"{layout} {flops / ours:7.1f} / {flops / theirs:7.1f}")
        print("   ".join(row), flush=True)


if __name__ == "__main__":
    main()
