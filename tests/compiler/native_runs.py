"""Runs the loops of a graph in machine code, with guard zones around every buffer."""

from __future__ import annotations

import ctypes

import interpreter
import numpy as np

from rushlight.compiler import ir
from rushlight.compiler.lower.loops import lower_loop
from rushlight.compiler.lower.module import BARRIER
from rushlight.compiler.lower.target import Target
from rushlight.compiler.runtime import engine

TARGETS = {n: Target(n) for n in (64, 32, 16)}
GUARD = 192
_STEP = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)


def view(graph, array, name="x"):
    """A buffer from outside that holds an array, and its whole as a view."""
    array = np.array(array, order="C")
    buffer = graph.buffer(array.size, array.dtype, source=(name, len(graph.buffers)))
    graph.contents[buffer.number] = array.reshape(-1).copy()
    return ir.View(buffer, 0, array.shape, ir.contiguous_strides(array.shape))


def new_graph():
    graph = Contents()
    graph.contents = {}
    return graph


class Contents(ir.Graph):
    """A graph with the contents of its buffers."""


def native(equations, graph, target, threads=1):
    """Contents of every buffer after `equations` (or loops made of them) ran natively."""
    guarded = {}
    for buffer in graph.buffers:
        size = buffer.size * buffer.dtype.itemsize
        block = np.full(size + 2 * GUARD, 0xA5, np.uint8)
        held = graph.contents.get(buffer.number)
        if held is None and buffer.constant is not None:
            held = buffer.constant.reshape(-1)
        if held is not None:
            block[GUARD : GUARD + size] = held.view(np.uint8).reshape(-1)
        buffer.slot = buffer.number + 1
        guarded[buffer.number] = block
    parts = []
    for i, equation in enumerate(equations):
        parts += [lower_loop(equation, f"k{i}", target), BARRIER]
    table = (ctypes.c_void_p * (len(graph.buffers) + 1))()
    for number, block in guarded.items():
        table[number + 1] = block.ctypes.data + GUARD
    address = ctypes.addressof(table)
    if threads == 1:
        engine.build(parts, target=target)(address)
    else:
        # One thread after the other: what they share must not depend on the order.
        for part in parts[::2]:
            share = type(part)(part.name, part.functions, part.text, threads=True,
                               shared=part.shared)  # fmt: skip
            made = engine.build([share], target=target)
            for tid in range(threads if part.threads else 1):
                _STEP(made.address)(address, tid, threads if part.threads else 1, None)
    found = {}
    for buffer in graph.buffers:
        block = guarded[buffer.number]
        size = buffer.size * buffer.dtype.itemsize
        assert (block[:GUARD] == 0xA5).all(), f"written before {buffer!r}"
        assert (block[GUARD + size :] == 0xA5).all(), f"written behind {buffer!r}"
        found[buffer.number] = block[GUARD : GUARD + size].view(buffer.dtype)
    return found


def expected(graph):
    """The same by NumPy."""
    return interpreter.run(graph, {k: v.copy() for k, v in graph.contents.items()})


def compare(found, wanted, graph, buffers=None, rtol=1e-5, atol=1e-6):
    for buffer in buffers if buffers is not None else graph.buffers:
        f, w = found[buffer.number], wanted[buffer.number]
        if buffer.dtype.kind in "fV":
            single = rtol if buffer.dtype != np.float64 else 1e-12
            small = atol if buffer.dtype != np.float64 else 1e-13
            if buffer.dtype.itemsize == 2:
                single = small = 1e-2
            np.testing.assert_allclose(
                f.astype(np.float64), w.astype(np.float64), rtol=single, atol=small,
                err_msg=repr(buffer),
            )  # fmt: skip
        else:
            np.testing.assert_array_equal(f, w, err_msg=repr(buffer))
