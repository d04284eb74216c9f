"""Fused programs compute what their equations say, and fuse where they should."""

from __future__ import annotations

import sys
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")
sys.path.insert(0, str(Path(__file__).parent))
from native_runs import TARGETS, compare, expected, native, new_graph, view

from rushlight.compiler import ir
from rushlight.compiler.ir import F32, F64, I64, Expr, Map, Reduce, View
from rushlight.compiler.loop import Loop
from rushlight.compiler.lower.loops import lower_loop
from rushlight.compiler.passes.fuse import fuse
from rushlight.compiler.passes.group import refine
from rushlight.compiler.passes.simplify import simplify

WIDTHS = sorted(TARGETS)


def x(i, dtype=F32):
    return Expr("load", (), dtype, i)


def op(name, *args, dtype=F32):
    return Expr(name, args, dtype)


def const(value, dtype=F32):
    return Expr("const", (), dtype, value=value)


def check(graph, width, groups=None, threads=1, **tolerance):
    """Run fused and unfused; give the groups."""
    ir.verify(graph)
    wanted = expected(graph)
    simplify(graph)
    ir.verify(graph)
    made = fuse(graph)
    found = native(made, graph, TARGETS[width], threads)
    gone = {b for g in made if isinstance(g, Loop) for b in g.elided}
    for b in gone:
        assert b.source is None
    kept = [b for b in graph.buffers if b.source is not None or b in graph.results]
    assert not gone & set(kept)
    compare(found, wanted, graph, kept, **tolerance)
    if groups is not None:
        assert len(made) == groups, "\n".join(map(repr, made))
    return made


# ---------------------------------------------------------------------------------------------
# Random programs

UNARY = ("neg", "abs", "tanh", "sigmoid", "sin", "floor")
BINARY = ("add", "sub", "mul", "max", "min")


@st.composite
def programs(draw):
    graph = new_graph()
    a, b, c = (draw(st.sampled_from([1, 2, 3, 8, 17, 33])) for _ in range(3))
    rng = np.random.default_rng(0)
    spaces = [(a, b), (a, b, c), (a * b,), (a,), (b,), (a * b, c), (b, a), (a, c), ()]
    pool = []
    for shape in draw(st.lists(st.sampled_from(spaces[:6]), min_size=1, max_size=3)):
        pool.append(view(graph, rng.standard_normal(shape).astype(np.float32)))

    def fitting(shape):
        """A window of something that broadcasts to a shape."""
        found = []
        for v in pool:
            for w in (v, v.transpose(0, 1) if v.ndim == 2 else v):
                if w.size == prod(shape) and w.shape != tuple(shape):
                    w = w.reshape(shape) or w
                if w.shape == tuple(shape[: w.ndim]) and draw(st.booleans()):
                    for _ in range(len(shape) - w.ndim):
                        w = w.unsqueeze(-1)
                try:
                    found.append(w.expand(shape))
                except ValueError:
                    continue
        return draw(st.sampled_from(found)) if found else None

    for _ in range(draw(st.integers(2, 9))):
        shape = draw(st.sampled_from(spaces))
        inputs = [v for v in (fitting(shape) for _ in range(draw(st.integers(1, 2)))) if v]
        if not inputs:
            continue
        e = op(draw(st.sampled_from(UNARY)), x(0))
        if len(inputs) > 1:
            e = op(draw(st.sampled_from(BINARY)), e, x(1))
        if draw(st.integers(0, 4)) == 0 and shape:
            axis = draw(st.integers(0, len(shape) - 1))
            e = op("add", e, Expr("cast", (Expr("index", (), I64, axis),), F32))
        how = draw(st.integers(0, 5))
        if how <= 2:
            out = graph.temporary(shape, F32)
            pool.append(out)
            graph.equations.append(Map(shape, inputs, [out], [e]))
        elif how == 3:  # in place, whole
            same = [v for v in pool if v.shape == tuple(shape)]
            if not same:
                continue
            target = draw(st.sampled_from(same))
            if any(v.overlaps(target) and not v.same(target) for v in inputs):
                continue
            graph.equations.append(Map(shape, inputs, [target], [e]))
        else:
            axes = [i for i in range(len(shape)) if draw(st.booleans())]
            if not axes:
                continue
            kept = [n for i, n in enumerate(shape) if i not in axes]
            out = graph.temporary(kept, F32)
            pool.append(out)
            kind = draw(st.sampled_from(["sum", "max", "min"]))
            graph.equations.append(Reduce(kind, shape, axes, inputs, e, out))
    graph.results = [v.buffer for v in pool if v.buffer.source is None and draw(st.booleans())]
    return graph


@settings(max_examples=200, deadline=None)
@given(programs(), st.sampled_from(WIDTHS), st.sampled_from([1, 1, 2]))
def test_random_programs(graph, width, threads):
    note(str(graph))
    check(graph, width, threads=threads, rtol=2e-4, atol=2e-3)


# ---------------------------------------------------------------------------------------------
# What must fuse


def softmax(graph, shape, dim, inner=None):
    xs = view(graph, np.random.default_rng(0).standard_normal(shape).astype(np.float32))
    out = view(graph, np.zeros(shape, np.float32))
    kept = [1 if a == dim else n for a, n in enumerate(shape)]
    high, total = graph.temporary(kept, F32), graph.temporary(kept, F32)
    e = op("exp", op("sub", x(0), x(1)))
    graph.equations += [
        Reduce("max", shape, (dim,), [xs], x(0), high.drop(dim)),
        Reduce("sum", shape, (dim,), [xs, high.expand(shape)], e, total.drop(dim)),
        Map(shape, [xs, high.expand(shape), total.expand(shape)], [out], [op("div", e, x(2))]),
    ]
    return out


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("shape", [(3, 17, 40), (8, 10, 4), (2, 33, 5)])
def test_softmax_is_one_loop(shape, dim, width):
    graph = new_graph()
    softmax(graph, shape, dim)
    (loop,) = check(graph, width, 1, threads=2)
    assert len(loop.elided) == 2
    assert repr(loop).count("exp(") == 1


@pytest.mark.parametrize("what", ["in place", "changed between"])
def test_nothing_is_kept_where_it_would_be_wrong(what):
    graph = new_graph()
    shape = (6, 40)
    xs = view(graph, np.random.default_rng(0).standard_normal(shape).astype(np.float32))
    out = xs if what == "in place" else view(graph, np.zeros(shape, np.float32))
    total = graph.temporary((6, 1), F32)
    e = op("exp", x(0))
    graph.equations.append(Reduce("sum", shape, (1,), [xs], e, total.drop(1)))
    if what == "changed between":
        graph.equations.append(Map(shape, [xs], [xs], [op("neg", x(0))]))
    graph.equations.append(Map(shape, [xs, total.expand(shape)], [out], [op("div", e, x(1))]))
    check(graph, 64)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("shape", [(9, 37), (64, 64), (5, 700)])
def test_layer_norm_is_one_loop(shape, width):
    n, c = shape
    graph = new_graph()
    rng = np.random.default_rng(0)
    xs, w, b = (view(graph, rng.standard_normal(s).astype(np.float32)) for s in (shape, c, c))
    out, kept_rstd = (view(graph, np.zeros(s, np.float32)) for s in (shape, (n, 1)))
    mean, total, rstd, sums = (graph.temporary((n, 1), F32) for _ in range(4))
    wide = [v.expand(shape) for v in (mean, rstd, w, b)]
    centred = op("sub", x(0), x(1))
    graph.equations += [
        Reduce("sum", shape, (1,), [xs], x(0), sums.drop(1)),
        Map((n, 1), [sums], [mean], [op("div", x(0), const(c))]),
        Reduce("sum", shape, (1,), [xs, wide[0]], op("mul", centred, centred), total.drop(1)),
        Map((n, 1), [total], [rstd],
            [op("rsqrt", op("add", op("div", x(0), const(c)), const(1e-5)))]),
        Map((n, 1), [rstd], [kept_rstd], [x(0)]),
        Map(shape, [xs, *wide], [out],
            [op("add", op("mul", op("mul", centred, x(2)), x(3)), x(4))]),
    ]  # fmt: skip
    check(graph, width, 1, threads=2, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("last", [False, True], ids=["nchw", "nhwc"])
def test_batch_norm_is_one_loop(last, width):
    shape = n, c, h, w = 3, 9, 4, 5
    graph = new_graph()
    data = np.random.default_rng(0).standard_normal((n, h, w, c) if last else shape)
    xs, out = view(graph, data.astype(np.float32)), view(graph, np.zeros(data.shape, np.float32))
    if last:
        xs, out = xs.permute((0, 3, 1, 2)), out.permute((0, 3, 1, 2))
    kept = (1, c, 1, 1)
    mean, total = graph.temporary(kept, F32), graph.temporary(kept, F32)
    flat = [View(v.buffer, 0, (c,), (1,)) for v in (mean, total)]
    running = view(graph, np.zeros(c, np.float32))
    axes, e = (0, 2, 3), op("sub", x(0), x(1))
    graph.equations += [
        Reduce("sum", shape, axes, [xs], op("div", x(0), const(n * h * w)), flat[0]),
        Reduce("sum", shape, axes, [xs, mean.expand(shape)], op("mul", e, e), flat[1]),
        Map((c,), [flat[0], running], [running], [op("add", x(1), op("mul", x(0), const(0.1)))]),
        Map(shape, [xs, mean.expand(shape), total.expand(shape)], [out],
            [op("mul", e, op("rsqrt", x(2)))]),
    ]  # fmt: skip
    check(graph, width, 1, threads=2, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_bias_gradient_joins_what_it_sums(width):
    """relu's backward, the sum over its rows, and the update of the bias."""
    shape = n, c = 70, 83
    graph = new_graph()
    rng = np.random.default_rng(0)
    g, h = (view(graph, rng.standard_normal(shape).astype(np.float32)) for _ in range(2))
    p = view(graph, np.zeros(c, np.float32))
    d = view(graph, np.zeros(shape, np.float32))
    db = graph.temporary((c,), F32)
    graph.equations += [
        Map(shape, [g, h], [d], [op("select", op("gt", x(1), const(0.0), dtype=ir.BOOL), x(0),
                                    const(0.0))]),
        Reduce("sum", shape, (0,), [d], x(0), db),
        Map((c,), [p, db], [p], [op("sub", x(0), op("mul", x(1), const(0.01)))]),
    ]  # fmt: skip
    (loop,) = check(graph, width, 1, threads=2, rtol=1e-4)
    assert loop.elided == {db.buffer}


@pytest.mark.parametrize("width", WIDTHS)
def test_an_optimizer_update_is_one_loop(width):
    graph = new_graph()
    n = 301
    rng = np.random.default_rng(0)
    p, g, m, v = (view(graph, rng.random(n).astype(np.float32)) for _ in range(4))
    rate = view(graph, np.array(0.01))
    scalar = View(rate.buffer, 0, (n,), (0,))
    step = graph.temporary((n,), F32)
    lerp = lambda a, b, t: op("add", op("mul", a, const(t)), op("mul", b, const(1 - t)))  # noqa: E731
    graph.equations += [
        Map((n,), [m, g], [m], [lerp(x(0), x(1), 0.9)]),
        Map((n,), [v, g], [v], [lerp(x(0), op("mul", x(1), x(1)), 0.999)]),
        Map((n,), [m, v], [step], [op("div", x(0), op("add", op("sqrt", x(1)), const(1e-8)))]),
        Map((n,), [p, step, scalar], [p],
            [op("sub", x(0), op("mul", Expr("cast", (x(2, F64),), F32), x(1)))]),
    ]  # fmt: skip
    (loop,) = check(graph, width, 1, threads=2)
    assert loop.elided == {step.buffer}


@pytest.mark.parametrize("width", WIDTHS)
def test_a_loss_and_its_gradient_take_one_pass(width):
    n = 1 << 17
    graph = new_graph()
    v = view(graph, np.random.default_rng(0).standard_normal(n).astype(np.float32))
    grad, loss = view(graph, np.zeros(n, np.float32)), view(graph, np.zeros((), np.float32))
    y, total = graph.temporary((n,), F32), graph.temporary((), F32)
    graph.equations += [
        Map((n,), [v], [y], [op("tanh", x(0))]),
        Reduce("sum", (n,), (0,), [y], x(0), total),
        Map((), [total], [loss], [op("div", x(0), const(n))]),
        Map((n,), [y], [grad], [op("div", op("sub", const(1.0), op("mul", x(0), x(0))), const(n))]),
    ]
    first, second = check(graph, width, threads=2)
    assert first.elided == {y.buffer}
    assert len(first.body) == 3 and len(second.body) == 2


def test_what_may_not_fuse():
    """Shifted windows and transposed reads keep their order."""
    for make in ("shift", "transpose", "broadcast"):
        graph = new_graph()
        a = view(graph, np.arange(64, dtype=np.float32).reshape(8, 8))
        b = view(graph, np.zeros((8, 8), np.float32))
        c = view(graph, np.zeros((8, 8), np.float32))
        graph.equations.append(Map((8, 8), [a], [b], [op("neg", x(0))]))
        if make == "transpose":
            graph.equations.append(Map((8, 8), [b.transpose()], [c], [x(0)]))
        elif make == "broadcast":
            first = b.slice(0, 0, 1).expand((8, 8))
            graph.equations.append(Map((8, 8), [first], [c], [x(0)]))
        else:
            graph.equations.append(
                Map((7, 8), [b.slice(0, 1, 7)], [c.slice(0, 0, 7)], [x(0)])
            )
            graph.equations.append(
                Map((7, 8), [b.slice(0, 1, 7)], [a.slice(0, 0, 7)], [x(0)])
            )
        assert len(check(graph, 64)) >= 2


def test_equations_move_over_what_they_do_not_touch():
    graph = new_graph()
    rng = np.random.default_rng(0)
    a, b, c, d = (view(graph, rng.random((6, 6), np.float32)) for _ in range(4))
    graph.equations += [
        Map((6, 6), [a], [b], [op("neg", x(0))]),
        ir.Gemm(c, c, d),
        Map((6, 6), [b], [a], [op("exp", x(0))]),
    ]
    made = fuse(graph)
    assert [type(g).__name__ for g in made] == ["Loop", "Gemm"]


@pytest.mark.parametrize(
    ("a", "b", "common"),
    [((6, 4), (24,), (6, 4)), ((2, 12), (6, 4), (2, 3, 4)), ((6,), (2, 3), (2, 3)),
     ((2, 3), (3, 2), None), ((), (), ()), ((5,), (5,), (5,))],
)  # fmt: skip
def test_refine(a, b, common):
    assert refine(a, b) == common


def test_loops_that_differ_in_addresses_and_sizes_share_their_code():
    graph = new_graph()
    for n in (64, 128, 37, 99):
        v, out = view(graph, np.ones(n, np.float32)), view(graph, np.zeros(n, np.float32))
        graph.equations.append(Map((n,), [v], [out], [op("exp", x(0))]))
    bodies = {
        name for i, loop in enumerate(fuse(graph))
        for name in lower_loop(loop, f"k{i}", TARGETS[64]).shared
    }  # fmt: skip
    assert len(bodies) == 2  # with and without a tail
