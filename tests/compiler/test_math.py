"""Every operation of expressions on ordinary and special values: floats, integers, bools."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, str(Path(__file__).parent))
from native_runs import TARGETS, native, new_graph, view

from rushlight.compiler import ir
from rushlight.compiler.ir import Expr, Map, View

WIDTHS = sorted(TARGETS)
INF, NAN = np.inf, np.nan


def logistic(x):
    return 1 / (1 + np.exp(-x))


def each(function):
    return lambda *a: np.vectorize(function, otypes=[np.float64])(*a).astype(a[0].dtype)


# op: (reference, intervals to sample, ulps in float32, ulps in float64)
WIDE = ((-100.0, 100.0), (-1.0, 1.0), (-1e-4, 1e-4))
FUNCTIONS = {
    "exp": (np.exp, ((-103.0, 88.0), (-1.0, 1.0)), 2, 2),
    "exp2": (np.exp2, ((-125.0, 127.0), (-1.0, 1.0)), 2, 2),
    "expm1": (np.expm1, ((-20.0, 88.0), (-1.0, 1.0), (-1e-4, 1e-4)), 2, 3),
    "log": (np.log, ((0.0, 1e6), (0.5, 2.0), (0.0, 1e-30)), 2, 2),
    "log2": (np.log2, ((0.0, 1e6), (0.5, 2.0), (0.0, 1e-30)), 3, 3),
    "log10": (np.log10, ((0.0, 1e6), (0.5, 2.0), (0.0, 1e-30)), 3, 3),
    "log1p": (np.log1p, ((-0.999, 100.0), (-0.5, 1.0), (-1e-4, 1e-4)), 3, 3),
    "tanh": (np.tanh, ((-10.0, 10.0), (-1.0, 1.0), (-1e-4, 1e-4)), 4, 4),
    "sigmoid": (logistic, ((-87.0, 87.0), (-1.0, 1.0)), 4, 4),
    "sinh": (np.sinh, ((-88.0, 88.0), (-1.0, 1.0)), 4, 4),
    "cosh": (np.cosh, ((-88.0, 88.0), (-1.0, 1.0)), 4, 4),
    "erf": (each(math.erf), ((-5.0, 5.0), (-1.0, 1.0), (-1e-4, 1e-4)), 2, 2),
    "erfc": (each(math.erfc), ((-5.0, 9.0), (-1.0, 1.0)), 4, 4),
    "sin": (np.sin, (*WIDE, (-1e5, 1e5), (-1e9, 1e9)), 2, 2),
    "cos": (np.cos, (*WIDE, (-1e5, 1e5), (-1e9, 1e9)), 2, 2),
    "tan": (np.tan, (*WIDE, (-1e5, 1e5), (-1e9, 1e9)), 2, 2),
    "asin": (np.arcsin, ((-1.0, 1.0), (-1e-3, 1e-3)), 3, 3),
    "acos": (np.arccos, ((-1.0, 1.0), (0.99, 1.0)), 3, 3),
    "atan": (np.arctan, WIDE, 3, 3),
    "asinh": (np.arcsinh, WIDE, 3, 3),
    "acosh": (np.arccosh, ((1.0, 100.0), (1.0, 1.01)), 3, 3),
    "atanh": (np.arctanh, ((-0.999, 0.999), (-1e-3, 1e-3)), 3, 3),
    "sqrt": (np.sqrt, ((0.0, 100.0),), 1, 1),
    "rsqrt": (lambda x: 1 / np.sqrt(x), ((1e-3, 100.0),), 2, 2),
    "reciprocal": (lambda x: 1 / x, WIDE, 1, 1),
}
SPECIAL = np.array([
    0.0, -0.0, INF, -INF, NAN, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, 1e-45, -1e-45, 1e-40, 1e-38,
    88.0, 89.0, -103.0, -104.5, 127.5, 128.0, -149.0, -150.0, 1e30, -1e30, 3e38, -3e38, 709.0,
    710.0, -745.0, -746.0, 1024.0, -1075.0, 20.0, -20.0, 100.0, 1.5, 2.5, -2.5, 1e-8, -1e-8,
])  # fmt: skip


def apply(op, columns, width, dtype=None, result=None):
    """What the operation gives for columns of operands, as scalars too."""
    graph = new_graph()
    n = len(columns[0])
    views = [view(graph, c) for c in columns]
    loads = tuple(Expr("load", (), v.dtype, i) for i, v in enumerate(views))
    kind = result or (ir.BOOL if op in ir.COMPARISONS else views[-1].dtype)
    out, first = view(graph, np.zeros(n, kind)), view(graph, np.zeros((), kind))
    e = Expr(op, loads, kind)
    graph.equations.append(Map((n,), views, [out], [e]))
    scalars = [View(v.buffer, 0, (), ()) for v in views]
    graph.equations.append(Map((), scalars, [first], [e]))
    ir.verify(graph)
    found = native(graph.equations, graph, TARGETS[width])
    one, all_ = found[first.buffer.number][0], found[out.buffer.number]
    if all_.dtype.kind == "f":
        np.testing.assert_allclose(one, all_[0], rtol=1e-6)
    else:
        assert one == all_[0]
    return all_


def ulps(found, wanted):
    """Errors in units of the last place of the exact value."""
    with np.errstate(all="ignore"):
        near = wanted.astype(found.dtype)
        unit = np.maximum(np.spacing(np.abs(near)).astype(np.longdouble), 0)
        off = np.abs(found.astype(np.longdouble) - wanted) / unit
    same = (near == found) | (np.isnan(near) & np.isnan(found))
    return np.where(same, 0, np.where(np.isfinite(off), off, np.inf))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", sorted(FUNCTIONS))
def test_accuracy(op, dtype, width):
    reference, intervals, single, double = FUNCTIONS[op]
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(a, b, 2003) for a, b in intervals]).astype(dtype)
    found = apply(op, [x], width)
    with np.errstate(all="ignore"):
        wanted = reference(x.astype(np.float64 if dtype == "float32" else np.longdouble))
    worst = ulps(found, wanted.astype(np.longdouble))
    at = int(np.argmax(worst))
    limit = single if dtype == "float32" else double
    assert worst[at] <= limit, f"{op}({x[at]!r}) = {found[at]!r}, not {wanted[at]!r}: {worst[at]}"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", sorted(FUNCTIONS))
def test_special_values(op, dtype, width):
    reference = FUNCTIONS[op][0]
    x = SPECIAL.astype(dtype)
    if op == "erfc":
        x = x[np.abs(x) < 1e4]
    found = apply(op, [x], width)
    with np.errstate(all="ignore"):
        wide = reference(x.astype(np.float64 if dtype == "float32" else np.longdouble))
        wanted = wide.astype(dtype)
    tiny = np.finfo(dtype).tiny
    for a, f, w in zip(x, found, wanted, strict=True):
        if np.isnan(w) or np.isinf(w) or w == 0:
            same = np.isnan(f) if np.isnan(w) else f == w or (w == 0 and abs(f) < 2 * tiny * 2**-23)
            assert same, f"{op}({a!r}) = {f!r}, not {w!r}"
            if w == 0 and a == 0:
                assert np.signbit(f) == np.signbit(w), f"{op}({a!r}) = {f!r}, not {w!r}"
        else:
            np.testing.assert_allclose(f, w, rtol=4 * np.finfo(dtype).eps, atol=tiny * 1e-6,
                                       err_msg=f"{op}({a!r})")  # fmt: skip


PAIRS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
    "min": np.minimum, "max": np.maximum, "fmin": np.fmin, "fmax": np.fmax, "fmod": np.fmod,
    "mod": np.remainder, "floordiv": np.floor_divide, "pow": np.power, "atan2": np.arctan2,
    "copysign": np.copysign, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", sorted(PAIRS))
def test_two_operands(op, dtype, width):
    some = np.array([0.0, -0.0, INF, -INF, NAN, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, 7.25,
                     -7.25, 1e30, -1e30, 1e-30], dtype)  # fmt: skip
    rng = np.random.default_rng(1)
    x, y = (a.reshape(-1) for a in np.meshgrid(some, some))
    x = np.concatenate([x, rng.uniform(-9, 9, 301), rng.uniform(0, 50, 200)]).astype(dtype)
    y = np.concatenate([y, rng.uniform(-9, 9, 301), rng.uniform(-20, 20, 200)]).astype(dtype)
    found = apply(op, [x, y], width)
    with np.errstate(all="ignore"):
        wanted = PAIRS[op](x, y)
    for a, b, f, w in zip(x, y, found, wanted, strict=True):
        if np.isnan(w):
            assert np.isnan(f), f"{op}({a!r}, {b!r}) = {f!r}, not {w!r}"
        else:
            np.testing.assert_allclose(f, w, rtol=3 * np.finfo(dtype).eps, atol=0,
                                       err_msg=f"{op}({a!r}, {b!r})")  # fmt: skip
            # PyTorch's remainder keeps fmod's -0.0, NumPy's does not.
            if w == 0 and op not in ("min", "max", "fmin", "fmax", "mod"):
                assert np.signbit(f) == np.signbit(w), f"{op}({a!r}, {b!r}) = {f!r}, not {w!r}"


ROUNDING = {
    "neg": np.negative, "abs": np.abs, "sign": np.sign, "floor": np.floor, "ceil": np.ceil,
    "trunc": np.trunc, "round": np.rint, "isnan": np.isnan,
}  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", sorted(ROUNDING))
def test_exact_operations(op, dtype, width):
    x = np.concatenate([SPECIAL, np.arange(-4, 4, 0.25)]).astype(dtype)
    found = apply(op, [x], width)
    wanted = ROUNDING[op](x)
    if op == "sign":  # PyTorch's sign of NaN is 0
        wanted = np.where(np.isnan(x), 0, wanted)
    np.testing.assert_array_equal(found, wanted)


INTEGER_PAIRS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "min": np.minimum, "max": np.maximum,
    "floordiv": np.floor_divide, "mod": np.remainder, "fmod": np.fmod, "and": np.bitwise_and,
    "or": np.bitwise_or, "xor": np.bitwise_xor, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
    "truncdiv": lambda x, y: ((x - np.fmod(x, y)) // y).astype(x.dtype),
}  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
@pytest.mark.parametrize("op", [*sorted(INTEGER_PAIRS), "pow", "shl", "shr"])
def test_integers(op, dtype, width):
    info = np.iinfo(dtype)
    rng = np.random.default_rng(2)
    x = rng.integers(info.min, info.max, 211, dtype, endpoint=True)
    y = rng.integers(info.min, info.max, 211, dtype, endpoint=True)
    x[:40] = rng.integers(0 if info.min == 0 else -9, 9, 40)
    y[:40] = rng.integers(0 if info.min == 0 else -9, 9, 40)
    if op in ("floordiv", "mod", "fmod", "truncdiv"):
        y[y == 0] = 1
    if op in ("pow", "shl", "shr"):
        y = np.abs(y % (info.bits if op != "pow" else 9)).astype(dtype)
    reference = {"pow": np.power, "shl": np.left_shift, "shr": np.right_shift, **INTEGER_PAIRS}[op]
    np.testing.assert_array_equal(apply(op, [x, y], width), reference(x, y))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("op", ["and", "or", "xor", "eq", "ne", "lt", "le", "gt", "ge"])
def test_bools(op, width):
    x, y = (a.reshape(-1) for a in np.meshgrid([False, True] * 10, [False, True]))
    reference = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor, **PAIRS}[op]
    np.testing.assert_array_equal(apply(op, [x, y], width), reference(x, y))


@pytest.mark.parametrize("width", WIDTHS)
def test_division_by_zero_does_not_trap(width):
    for dtype in ("int32", "int64", "uint8"):
        x = np.array([1, 0, np.iinfo(dtype).min, 7] * 5, dtype)
        y = np.array([0, 0, -1 if dtype != "uint8" else 0, 2] * 5, dtype)
        for op in ("floordiv", "mod", "fmod", "truncdiv"):
            assert apply(op, [x, y], width)[3] == {"floordiv": 3, "truncdiv": 3}.get(op, 1)


@pytest.mark.parametrize("width", WIDTHS)
def test_choices_and_products(width):
    rng = np.random.default_rng(3)
    c = rng.random(37) > 0.5
    x, y, z = (rng.standard_normal(37).astype(np.float32) for _ in range(3))
    np.testing.assert_array_equal(apply("select", [c, x, y], width), np.where(c, x, y))
    np.testing.assert_allclose(apply("fma", [x, y, z], width), x * y + z, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(apply("not", [c], width, result=ir.BOOL), ~c)


def test_every_operation_is_tested():
    tested = {*FUNCTIONS, *PAIRS, *ROUNDING, *INTEGER_PAIRS, "pow", "shl", "shr", "select", "fma",
              "not"}  # fmt: skip
    assert set(ir.OPERATIONS) <= tested


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_division_by_one_number_is_exact(dtype, width):
    info = np.finfo(dtype)
    rng = np.random.default_rng(4)
    edge = [0.0, -0.0, INF, -INF, NAN, info.max, info.tiny, info.tiny / 8, 1.0, -3.0, 7.0, 49.0]
    x = np.concatenate([edge, rng.uniform(-1e3, 1e3, 500), np.arange(200)]).astype(dtype)
    for divisor in (*edge, 0.1, 1e-30, 1e30, -0.7):
        graph = new_graph()
        v, d = view(graph, x), view(graph, np.array(divisor, dtype))
        out = view(graph, np.zeros_like(x))
        loads = [Expr("load", (), v.dtype, i) for i in range(2)]
        wide = View(d.buffer, 0, x.shape, (0,))
        graph.equations.append(Map(x.shape, [v, wide], [out], [Expr("div", tuple(loads), v.dtype)]))
        found = native(graph.equations, graph, TARGETS[width])[out.buffer.number]
        with np.errstate(all="ignore"):
            wanted = x / np.array(divisor, dtype)
        subnormal = np.abs(wanted) < info.tiny
        np.testing.assert_array_equal(
            found[~subnormal], wanted[~subnormal], err_msg=f"/ {divisor!r}"
        )
        # The correction cannot be computed below the normal numbers: one unit there.
        np.testing.assert_allclose(
            found[subnormal], wanted[subnormal], rtol=0, atol=float(info.smallest_subnormal)
        )
