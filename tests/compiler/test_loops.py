"""Maps and Reduces as machine code against NumPy: layouts, dtypes, odd sizes, all vector widths."""

from __future__ import annotations

import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")
sys.path.insert(0, str(Path(__file__).parent))
from native_runs import TARGETS, compare, expected, native, new_graph, view

from rushlight.compiler import ir
from rushlight.compiler.ir import Expr, Map, Reduce, View

WIDTHS = sorted(TARGETS)
DTYPES = [
    np.dtype(t)
    for t in ("bool", "int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64")
] + [np.dtype(ml_dtypes.bfloat16)]


def numbers(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) * 4
    if dtype.kind == "b":
        return np.asarray(x > 0)
    return np.asarray(np.abs(x) * 9 if dtype.kind == "u" else x).astype(dtype)


def load(v, i=0):
    return Expr("load", (), ir.computed(v.dtype), i)


def windows(draw, graph, shape, dtype, store=False, seed=0):
    """Some view of this shape: contiguous, permuted, reversed, sliced or broadcast."""
    n = len(shape)
    how = [draw(st.sampled_from(["plain", "plain", "reverse", "step", "zero"])) for _ in shape]
    order = draw(st.permutations(range(n)))
    sizes = []
    for size, h in zip(shape, how, strict=True):
        sizes.append({"step": 2 * size, "zero": size if store else 1}.get(h, size))
    base = view(graph, numbers([sizes[a] for a in order] or [1], dtype, seed))
    strides, offset = [0] * n, 0
    for position, a in enumerate(order):
        k = base.strides[position]
        if how[a] == "reverse" and 0 not in shape:
            offset += (shape[a] - 1) * k
            k = -k
        elif how[a] == "step":
            k *= 2
        elif how[a] == "zero" and not store:
            k = 0
        strides[a] = k
    return View(base.buffer, offset, shape, strides)


@st.composite
def loops(draw):
    graph = new_graph()
    shape = draw(st.lists(st.sampled_from([0, 1, 2, 3, 5, 8, 16, 17, 33, 40]), max_size=3))
    dtype = draw(st.sampled_from([np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int32)]))
    inputs = [windows(draw, graph, shape, dtype, seed=i) for i in range(2)]
    x, y = load(inputs[0]), load(inputs[1], 1)
    expression = Expr("add", (Expr("mul", (x, y), dtype), x), dtype)
    if draw(st.booleans()) and shape:
        axis = draw(st.integers(0, len(shape) - 1))
        index = Expr("cast", (Expr("index", (), ir.I64, axis),), dtype)
        expression = Expr("sub", (expression, index), dtype)
    if draw(st.booleans()):
        output = windows(draw, graph, shape, dtype, store=True, seed=3)
        graph.equations.append(Map(shape, inputs, [output], [expression]))
    else:
        axes = [a for a in range(len(shape)) if draw(st.booleans())]
        kept = [n for a, n in enumerate(shape) if a not in axes]
        kind = draw(st.sampled_from(["sum", "max", "min", "argmax", "argmin"]))
        if kind != "sum" and 0 in shape:
            kind = "sum"
        result = np.dtype(np.int64) if kind.startswith("arg") else dtype
        output = windows(draw, graph, kept, result, store=True, seed=3)
        graph.equations.append(Reduce(kind, shape, axes, inputs, expression, output))
    return graph


@settings(max_examples=150, deadline=None)
@given(loops(), st.sampled_from(WIDTHS), st.sampled_from([1, 1, 3]))
def test_any_layout(graph, width, threads):
    ir.verify(graph)
    found = native(graph.equations, graph, TARGETS[width], threads)
    compare(found, expected(graph), graph, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("target", DTYPES, ids=str)
def test_casts(target, width):
    graph = new_graph()
    for source in DTYPES:
        for n in (1, 5, 37):
            x = view(graph, np.abs(numbers(n, source)) if target.kind == "u" else
                     numbers(n, source))  # fmt: skip
            y = view(graph, np.zeros(n, target))
            e = load(x)
            if ir.computed(source) != ir.computed(target):
                e = Expr("cast", (e,), ir.computed(target))
            graph.equations.append(Map([n], [x], [y], [e]))
    found = native(graph.equations, graph, TARGETS[width])
    wanted = expected(graph)
    for equation in graph.equations:
        n = equation.outputs[0].buffer.number
        np.testing.assert_array_equal(found[n], wanted[n], err_msg=repr(equation))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_halves_round_to_even_over_their_whole_range(name, width):
    dtype = np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else np.float16)
    bits = np.arange(1 << 16, dtype=np.uint16).view(dtype)
    exact = bits.astype(np.float32)
    with np.errstate(all="ignore"):
        between = (exact[:-1] + exact[1:]) / 2
        between = np.concatenate([exact, between, np.nextafter(between, np.float32(np.inf))])
    graph = new_graph()
    x, back = view(graph, bits), view(graph, np.zeros(bits.size, np.float32))
    y, rounded = view(graph, between), view(graph, np.zeros(between.size, dtype))
    graph.equations += [
        Map([bits.size], [x], [back], [load(x)]),
        Map([between.size], [y], [rounded], [load(y)]),
    ]
    found = native(graph.equations, graph, TARGETS[width])
    np.testing.assert_array_equal(found[back.buffer.number], exact)
    with np.errstate(all="ignore"):
        wanted = between.astype(dtype)
    np.testing.assert_array_equal(
        found[rounded.buffer.number].astype(np.float32), wanted.astype(np.float32)
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", ir.REDUCTIONS)
def test_reductions_of_every_dtype(kind, width):
    graph = new_graph()
    for dtype in DTYPES:
        wide = ir.computed(dtype)
        if kind in ("any", "all"):
            if dtype.kind != "b":
                continue
        elif dtype.kind == "b" and kind in ("sum", "prod"):
            continue
        for shape, axes in (((6, 37), (1,)), ((37, 6), (0,)), ((3, 70, 5), (0, 2)), ((300,), (0,)),
                            ((2, 3), (0, 1)), ((1, 1), (0,)), ((4, 33), ())):  # fmt: skip
            x = numbers(shape, dtype)
            if kind == "prod":
                x = np.sign(x) if dtype.kind in "fV" else x
                x = np.asarray(x).astype(dtype)
            vx = view(graph, x)
            kept = [n for a, n in enumerate(shape) if a not in axes]
            result = np.dtype(np.int64) if kind.startswith("arg") else wide
            out = view(graph, np.zeros(kept, result))
            graph.equations.append(Reduce(kind, shape, axes, [vx], load(vx), out))
    found = native(graph.equations, graph, TARGETS[width])
    wanted = expected(graph)
    compare(found, wanted, graph, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("place", [0, 5, 16, 36])
def test_folds_see_nan_wherever_it_is(place, width):
    graph = new_graph()
    x = np.arange(37, dtype=np.float32)
    x[place] = np.nan
    vx = view(graph, x)
    outs = {}
    for kind in ("sum", "max", "min", "argmax", "argmin"):
        dtype = np.int64 if kind.startswith("arg") else np.float32
        outs[kind] = view(graph, np.zeros((), dtype))
        graph.equations.append(Reduce(kind, [37], [0], [vx], load(vx), outs[kind]))
    found = native(graph.equations, graph, TARGETS[width])
    for kind, out in outs.items():
        value = found[out.buffer.number][0]
        assert value == place if kind.startswith("arg") else np.isnan(value), kind


@pytest.mark.parametrize("width", WIDTHS)
def test_the_first_of_equal_extremes_is_reported(width):
    graph = new_graph()
    x = np.zeros((3, 50), np.float32)
    x[1, [7, 30, 31]] = 2
    x[2] = -np.inf
    for axes in ((1,), (0,), (0, 1)):
        vx = view(graph, x)
        kept = [n for a, n in enumerate(x.shape) if a not in axes]
        out = view(graph, np.zeros(kept, np.int64))
        graph.equations.append(Reduce("argmax", x.shape, axes, [vx], load(vx), out))
    compare(native(graph.equations, graph, TARGETS[width]), expected(graph), graph)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("shape", [(1 << 20,), (3, 1 << 18), (1 << 18, 3), (1 << 12, 16, 4)])
def test_long_sums_stay_exact(shape, width):
    graph = new_graph()
    x = np.random.default_rng(0).random(shape, np.float32)
    vx = view(graph, x)
    exact = []
    for axes in {(0,), (len(shape) - 1,), tuple(range(len(shape)))}:
        kept = [n for a, n in enumerate(shape) if a not in axes]
        out = view(graph, np.zeros(kept, np.float32))
        graph.equations.append(Reduce("sum", shape, axes, [vx], load(vx), out))
        exact.append((out, x.sum(axis=axes, dtype=np.float64)))
    found = native(graph.equations, graph, TARGETS[width])
    for out, sums in exact:
        np.testing.assert_allclose(found[out.buffer.number], sums.reshape(-1), rtol=1e-6)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bfloat16"])
def test_elements_at_computed_places(dtype, width):
    dtype = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    graph = new_graph()
    table = view(graph, numbers((11, 7), dtype))
    rows = view(graph, np.random.default_rng(1).integers(0, 11, 23))
    out = view(graph, np.zeros((23, 7), dtype))
    wide = ir.computed(dtype)
    place = Expr("load", (), ir.I64, 1)
    at = Expr("at", (place, Expr("index", (), ir.I64, 1)), wide, 0)
    broadcast = View(rows.buffer, 0, (23, 7), (1, 0))
    graph.equations.append(Map((23, 7), [table, broadcast], [out], [at]))
    columns = view(graph, np.random.default_rng(1).integers(0, 7, 23))
    one = view(graph, np.zeros(23, dtype))
    both = Expr("at", (Expr("load", (), ir.I64, 1), Expr("load", (), ir.I64, 2)), wide, 0)
    graph.equations.append(Map((23,), [table, rows, columns], [one], [both]))
    ir.verify(graph)
    compare(native(graph.equations, graph, TARGETS[width]), expected(graph), graph)


@pytest.mark.parametrize("width", WIDTHS)
def test_updates_in_place(width):
    graph = new_graph()
    p, g = (view(graph, numbers(75, np.dtype(np.float32), i)) for i in range(2))
    rate = view(graph, np.array(0.1))
    scalar = View(rate.buffer, 0, (75,), (0,))
    step = Expr("mul", (Expr("cast", (Expr("load", (), ir.F64, 2),), ir.F32), load(g, 1)))
    graph.equations.append(Map([75], [p, g, scalar], [p], [Expr("sub", (load(p), step))]))
    compare(native(graph.equations, graph, TARGETS[width]), expected(graph), graph)
