"""The passes that make graphs smaller, one by one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import interpreter

from rushlight.compiler import ir
from rushlight.compiler.ir import F32, F64, I64, Expr, Map, Reduce, View
from rushlight.compiler.passes.algebra import simplified, simplify_expressions
from rushlight.compiler.passes.common import propagate_copies, share_equal
from rushlight.compiler.passes.dead import remove_dead, whole
from rushlight.compiler.passes.parts import split_reductions
from rushlight.compiler.passes.simplify import simplify


def x(i=0, dtype=F32):
    return Expr("load", (), dtype, i)


def op(name, *args, dtype=F32):
    return Expr(name, args, dtype)


def const(value, dtype=F32):
    return Expr("const", (), dtype, value=value)


def cast(e, dtype):
    return Expr("cast", (e,), dtype)


def outside(graph, *shape, dtype=F32):
    size = int(np.prod(shape))
    buffer = graph.buffer(size, dtype, source=("argument", len(graph.buffers)))
    return View(buffer, 0, shape, ir.contiguous_strides(shape))


BOOL = ir.BOOL
SAME = [
    (op("mul", x(), const(1.0)), "x0"),
    (op("mul", const(1.0), x()), "x0"),
    (op("mul", x(), const(-1.0)), "neg(x0)"),
    (op("add", x(), const(-0.0)), "x0"),
    (op("add", x(), const(0.0)), "add(x0, 0.0)"),  # -0.0 + 0.0 is 0.0
    (op("sub", x(), const(0.0)), "x0"),
    (op("neg", op("neg", x())), "x0"),
    (op("sub", x(), op("neg", x(1))), "add(x0, x1)"),
    (op("add", x(), op("neg", x(1))), "sub(x0, x1)"),
    (op("div", x(), const(4.0)), "mul(x0, 0.25)"),
    (op("div", x(), const(3.0)), "div(x0, 3.0)"),
    (op("pow", x(), const(2.0)), "mul(x0, x0)"),
    (op("pow", x(), const(0.5)), "sqrt(x0)"),
    (op("pow", x(), const(2.5)), "pow(x0, 2.5)"),
    (op("abs", op("neg", x())), "abs(x0)"),
    (op("add", op("mul", const(2.0), const(3.0)), x()), "add(x0, 6.0)"),
    (cast(cast(x(), F64), F32), "x0"),
    (cast(cast(x(0, F64), F32), F64), "float64(float32(x0))"),
    (cast(const(3, I64), F32), "3.0"),
    (op("select", const(True, BOOL), x(), x(1)), "x0"),
    (op("select", op("not", x(2, BOOL), dtype=BOOL), x(), x(1)), "select(x2, x1, x0)"),
    (op("select", x(2, BOOL), x(), x()), "x0"),
    (op("lt", const(1.0), const(2.0), dtype=BOOL), "True"),
    (op("add", x(0, I64), const(0, I64), dtype=I64), "x0"),
    (op("mul", x(0, I64), const(0, I64), dtype=I64), "0"),
    (op("mul", x(), const(0.0)), "mul(x0, 0.0)"),  # NaN and infinities
]


@pytest.mark.parametrize(("before", "after"), SAME, ids=[repr(a) for a, _ in SAME])
def test_algebra(before, after):
    assert repr(simplified([before])[0]) == after


def test_equal_parts_become_one_node():
    first, second = op("exp", op("neg", x())), op("exp", op("neg", x()))
    made = simplified([op("add", first, second)])[0]
    assert made.args[0] is made.args[1]


def test_inputs_that_nobody_reads_go():
    graph = ir.Graph()
    a, b, c, out = (outside(graph, 5) for _ in range(4))
    graph.equations = [Map((5,), [a, b, a, c], [out], [op("add", x(2), op("mul", x(3), x(0)))])]
    simplify_expressions(graph)
    (e,) = graph.equations
    assert [v.buffer for v in e.inputs] == [a.buffer, c.buffer]
    assert repr(e.expressions[0]) == "add(x0, mul(x1, x0))"
    ir.verify(graph)


def test_dead_equations_and_outputs_go():
    graph = ir.Graph()
    a, out = outside(graph, 5), outside(graph, 5)
    t, u, v = (graph.temporary((5,), F32) for _ in range(3))
    graph.equations = [
        Map((5,), [a], [t, u], [op("exp", x()), op("neg", x())]),
        Map((5,), [u], [v], [x()]),
        Map((5,), [t], [out], [x()]),
    ]
    assert remove_dead(graph)
    assert len(graph.equations) == 2
    assert [o.buffer for o in graph.equations[0].outputs] == [t.buffer]


def test_results_and_outside_memory_stay_alive():
    graph = ir.Graph()
    a, out = outside(graph, 5), outside(graph, 5)
    t = graph.temporary((5,), F32)
    graph.results = [t.buffer]
    graph.equations = [Map((5,), [a], [t], [x()]), Map((5,), [a], [out], [x()])]
    assert not remove_dead(graph)


def test_equal_equations_run_once():
    graph = ir.Graph()
    a, out = outside(graph, 5), outside(graph, 5)
    t, u = (graph.temporary((5,), F32) for _ in range(2))
    graph.equations = [
        Map((5,), [a], [t], [op("exp", x())]),
        Map((5,), [a], [u], [op("exp", x())]),
        Map((5,), [t, u], [out], [op("add", x(), x(1))]),
    ]
    assert share_equal(graph)
    assert len(graph.equations) == 2
    assert [v.buffer for v in graph.equations[1].inputs] == [t.buffer, t.buffer]


def test_equal_equations_with_a_write_between_stay():
    graph = ir.Graph()
    a, out = outside(graph, 5), outside(graph, 5)
    t, u = (graph.temporary((5,), F32) for _ in range(2))
    graph.equations = [
        Map((5,), [a], [t], [op("exp", x())]),
        Map((5,), [a], [a], [op("neg", x())]),
        Map((5,), [a], [u], [op("exp", x())]),
        Map((5,), [t, u], [out], [op("add", x(), x(1))]),
    ]
    assert not share_equal(graph)


def test_readers_of_copies_read_the_source():
    graph = ir.Graph()
    a, out = outside(graph, 3, 4), outside(graph, 4, 3)
    t, ones = graph.temporary((4, 3), F32), graph.temporary((4, 3), F32)
    graph.equations = [
        Map((4, 3), [a.transpose()], [t], [x()]),
        Map((4, 3), [], [ones], [const(1.0)]),
        Map((4, 3), [t, ones], [out], [op("mul", x(), x(1))]),
    ]
    simplify(graph)
    (e,) = graph.equations
    assert e.inputs[0].same(a.transpose()) and repr(e.expressions[0]) == "x0"


def test_copies_of_what_changes_stay():
    graph = ir.Graph()
    a, out = outside(graph, 5), outside(graph, 5)
    t = graph.temporary((5,), F32)
    graph.equations = [
        Map((5,), [a], [t], [x()]),
        Map((5,), [a], [a], [op("neg", x())]),
        Map((5,), [t], [out], [x()]),
    ]
    assert not propagate_copies(graph)


def test_whole():
    graph = ir.Graph()
    t = graph.temporary((3, 4), F32)
    assert whole(t) and whole(t.transpose())
    assert not whole(t.slice(0, 0, 2)) and not whole(t.drop(0).expand((3, 4)))


@pytest.mark.parametrize("kind", ["sum", "max"])
@pytest.mark.parametrize(("shape", "axes"), [((1 << 17,), (0,)), ((3, 1 << 16), (1,)),
                                             ((50000, 2), (0,)), ((20, 4000), (0, 1))])  # fmt: skip
def test_large_reductions_are_cut(kind, shape, axes):
    graph = ir.Graph()
    a = outside(graph, *shape, dtype=F64)
    out = outside(graph, *[n for i, n in enumerate(shape) if i not in axes], dtype=F64)
    e = op("mul", x(0, F64), cast(Expr("index", (), I64, axes[0]), F64), dtype=F64)
    graph.equations = [Reduce(kind, shape, axes, [a], e, out)]
    held = np.random.default_rng(0).standard_normal(a.size)
    before = interpreter.run(graph, {a.buffer.number: held.copy()})[out.buffer.number]
    split_reductions(graph)
    ir.verify(graph)
    assert len(graph.equations) == 2
    after = interpreter.run(graph, {a.buffer.number: held.copy()})[out.buffer.number]
    np.testing.assert_allclose(after, before, rtol=1e-12, atol=1e-6)


def test_small_or_many_reductions_are_not_cut():
    for shape, axes in (((1000,), (0,)), ((64, 4096), (1,))):
        graph = ir.Graph()
        a = outside(graph, *shape)
        out = outside(graph, *[n for i, n in enumerate(shape) if i not in axes])
        graph.equations = [Reduce("sum", shape, axes, [a], x(), out)]
        split_reductions(graph)
        assert len(graph.equations) == 1
