"""The order of kernels, the memory they share, and loops that are lowered only once."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from rushlight.compiler import plan
from rushlight.compiler.ir import Expr, Gemm, Graph, Host, Map
from rushlight.compiler.lower import known
from rushlight.compiler.lower.loops import lower_loop
from rushlight.compiler.lower.module import BARRIER, Emitted, assemble
from rushlight.compiler.lower.target import Target
from rushlight.compiler.passes.phases import in_phases


def doubled(graph, source, size=64):
    out = graph.temporary((size,), np.float32)
    x = Expr("load", (), np.float32)
    return Map((size,), [source], [out], [Expr("add", (x, x), np.float32)]), out


def test_what_depends_on_nothing_comes_first():
    graph = Graph()
    x, y = (graph.temporary((64,), np.float32) for _ in range(2))
    first, a = doubled(graph, x)
    second, b = doubled(graph, a)
    other, _ = doubled(graph, y)
    last, _ = doubled(graph, b)
    assert in_phases([first, second, last, other]) == [first, other, second, last]


def test_writers_wait_for_readers():
    graph = Graph()
    x, y = (graph.temporary((64,), np.float32) for _ in range(2))
    read, _ = doubled(graph, x)
    again, _ = doubled(graph, y)
    write = Map((64,), [y], [x], [Expr("load", (), np.float32)])
    assert in_phases([read, write, again]) == [read, again, write]


def test_host_calls_keep_their_places():
    graph = Graph()
    x, y = (graph.temporary((64,), np.float32) for _ in range(2))
    first, a = doubled(graph, x)
    host = Host("call", lambda v: v, [a], [None], "")
    other, _ = doubled(graph, y)
    assert in_phases([first, host, other]) == [first, host, other]


def test_small_kernels_beside_wide_ones_take_turns():
    text = "".join(
        f"define internal void @k{i}(ptr %p, i64 %tid, i64 %nt) {{\n  ret void\n}}\n"
        for i in range(3)
    )
    parts = [
        Emitted("a", "k0", text), Emitted("b", "k1", ""), Emitted("c", "k2", "", threads=True)
    ]
    module = assemble(parts, Target.host())
    assert module.barriers == 0
    assert module.text.count("urem") == 2
    assert assemble([*parts, BARRIER, Emitted("d", "k0", "")], Target.host()).barriers == 1


def test_equal_loops_are_lowered_once():
    graph = Graph()
    target = Target.host()
    x, y = (graph.temporary((64,), np.float32) for _ in range(2))
    bodies = []
    for source in (x, y):
        loop, out = doubled(graph, source)
        source.buffer.offset, out.buffer.offset = 256 * len(bodies), 4096
        bodies.append(lower_loop(loop, f"k{len(bodies)}", target))
    assert bodies[0].shared == bodies[1].shared
    assert bodies[0].text != bodies[1].text
    keys = len(known.KNOWN)
    lower_loop(doubled(graph, x)[0], "k2", target)
    assert len(known.KNOWN) == keys


def test_memory_is_shared_by_what_is_not_alive_together():
    graph = Graph()
    view = graph.temporary((64, 64), np.float32)
    source = graph.buffer(64 * 64, np.float32, ("cell", None))
    equations = [Map((64, 64), [], [view], [Expr("const", (), np.float32, value=1.0)])]
    for _ in range(6):
        out = graph.temporary((64, 64), np.float32)
        equations.append(Gemm(view, view, out))
        view = out
    target = plan.View(source, 0, (64, 64), (64, 1))
    equations.append(Map((64, 64), [view], [target], [Expr("load", (), np.float32)]))
    layout = plan.place(graph, equations)
    assert layout.arena < 3 * (64 * 64 * 4 + 2048) or plan.GUARD
