"""Native convolutions: GFLOP/s of the forward pass and both gradients.

``python benchmarks/conv.py [threads]``. With a second argument, the path of a Python that has
PyTorch, its times for the same convolutions stand beside.
"""

from __future__ import annotations

import json
import subprocess
import sys
from time import perf_counter

import numpy as np

from rushlight.compiler.ir import Graph, Kernel, View, contiguous_strides
from rushlight.compiler.lower.conv import KERNELS
from rushlight.compiler.lower.target import Target
from rushlight.compiler.runtime import engine

#: Images, channels, height, width, output channels, stride; all 3x3 with padding 1.
SHAPES = [
    (16, 32, 32, 32, 32, 1), (16, 3, 32, 32, 32, 1), (64, 1, 28, 28, 16, 1),
    (64, 16, 14, 14, 32, 1), (16, 64, 16, 16, 64, 1), (16, 32, 32, 32, 64, 2),
    (8, 256, 8, 8, 256, 1),
]  # fmt: skip

PEER = """
import json, sys, time, torch
torch.set_num_threads({threads})
for n, c, h, w, o, s in {shapes}:
    x = torch.randn(n, c, h, w); k = torch.randn(o, c, 3, 3)
    y = torch.nn.functional.conv2d(x, k, stride=s, padding=1)
    g = torch.randn_like(y)
    def back(mask):
        return lambda: torch.ops.aten.convolution_backward(
            g, x, k, None, [s, s], [1, 1], [1, 1], False, [0, 0], 1, mask)
    row = []
    for f in (lambda: torch.nn.functional.conv2d(x, k, stride=s, padding=1),
              back([True, False, False]), back([False, True, False])):
        best = 1.0
        with torch.no_grad():
            end = time.perf_counter() + 0.3
            while time.perf_counter() < end:
                t = time.perf_counter(); f(); best = min(best, time.perf_counter() - t)
        row.append(best)
    print(json.dumps(row), flush=True)
"""


def main() -> None:
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    theirs = [None] * len(SHAPES)
    if len(sys.argv) > 2:
        code = PEER.format(threads=threads, shapes=SHAPES)
        lines = subprocess.run(
            [sys.argv[2], "-c", code], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        theirs = [json.loads(line) for line in lines]
    rng = np.random.default_rng(0)
    for (n, c, h, w, o, s), peer in zip(SHAPES, theirs, strict=True):
        rows, columns = (h - 1) // s + 1, (w - 1) // s + 1
        arrays = [
            rng.standard_normal(shape).astype("f")
            for shape in ((n, c, h, w), (o, c, 3, 3), (n, o, rows, columns))
        ]
        graph = Graph()
        views = []
        for slot, a in enumerate(arrays, 1):
            buffer = graph.buffer(a.size, a.dtype, source=slot)
            buffer.slot = slot
            views.append(View(buffer, 0, a.shape, contiguous_strides(a.shape)))
        x, k, y = views
        known = {"stride": (s, s), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
        table = np.array([0, *(a.ctypes.data for a in arrays)], np.uintp)
        line = f"N{n} {c}x{h}x{w} -> {o} /{s}".ljust(26)
        flops = 2e-9 * n * rows * columns * o * c * 9
        for i, (name, read, write) in enumerate(
            (("conv2d", [x, k], y), ("conv2d_input", [y, k], x), ("conv2d_weight", [y, x], k))
        ):
            equation = Kernel(name, read, [write], known)
            native = engine.build([KERNELS[name](equation, "conv", Target.host())])
            best = 1.0
            end = perf_counter() + 0.3
            while perf_counter() < end:
                start = perf_counter()
                native(table.ctypes.data, threads)
                best = min(best, perf_counter() - start)
            for a in arrays:  # gradients must not grow without bound
                a[...] = np.clip(a, -3, 3)
            beside = f" / {peer[i] * 1e6:6.0f}" if peer else ""
            line += f"  {name[6:] or 'forward'} {best * 1e6:6.0f}{beside} us {flops / best:5.0f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
