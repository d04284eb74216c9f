"""Samples of `_ops/clamping.py`, `division.py` and the later rows of `pointwise.py`, `reduce.py`
and `statistics.py`."""

import math

import numpy as np

from .elementwise import _pairs, _quotients, _shapes, _unary, comparisons
from .reduce import _dims, variances
from .table import Sample, samples

for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    samples(f"{_name}_recorded", torch=f"lambda x, y: x.{_name}(y)")(comparisons)

_unary("deg2rad", "rad2deg", "sinc")


@samples("signbit", "isposinf", "isneginf", "isreal")
def signs(draw):
    special = np.array([0.0, -0.0, math.inf, -math.inf, -1.0])
    return [*_shapes(draw.normal), Sample(special), Sample(draw.integers(-3, 3, 4))]


@samples("copysign")
def copysign(draw):
    return [
        *_pairs(draw.normal, draw.normal),
        Sample(np.array([0.0, -0.0, 1.0]), np.array([-1.0, 1.0, -0.0]), kink=True),
    ]


@samples("heaviside", refuses=True)
def heaviside(draw):
    return [
        *_pairs(draw.normal, draw.normal),
        Sample(np.array([0.0, -0.0, 1.0]), np.array([0.5, 2.0, 3.0])),
    ]


@samples("round_decimals")
def round_decimals(draw):
    found = _shapes(lambda *s: draw.apart(*s) + 0.003)
    return [
        *(Sample(*s.arguments, 1) for s in found),
        Sample(draw.apart(4), 0),
        Sample(draw.between(-50, 50, 4), -1),
    ]


@samples("div_rounded")
def div_rounded(draw):
    return [Sample(*s.arguments, mode) for s in _quotients(draw) for mode in ("floor", "trunc")]


@samples("clamp_min_scalar", "clamp_max_scalar")
def clamp_scalar(draw):
    return [
        *(Sample(*s.arguments, 0.06) for s in _shapes(draw.apart)),
        Sample(np.array([0.5, math.nan]), 0.5, kink=True),
    ]


def _bounds(draw):
    """Inputs and bounds at least 0.05 apart, and every way of broadcasting."""
    return [
        Sample(x := draw.apart(2, 3), x[::-1] + 0.05),
        Sample(np.array(1.0), np.array(2.0)),
        Sample(draw.apart(2, 3), np.array([0.06, 0.31, -0.19])),
        Sample(np.array([[0.0], [1.0]]), np.array([[0.5, -0.5]])),
        Sample(draw.normal(0, 3), draw.normal(1, 3)),
        Sample(np.array([1.0, math.nan, 2.0]), np.array([1.0, 0.0, 5.0]), kink=True),
    ]


@samples("clamp_min_tensor", "clamp_max_tensor")
@samples("clamp_below", torch="lambda x, low: torch.clamp(x, min=low)")
@samples("clamp_above", torch="lambda x, high: torch.clamp(x, max=high)")
def clamp_tensor(draw):
    return _bounds(draw)


@samples("clamp_between")
def clamp_between(draw):
    return [
        Sample(draw.apart(2, 3), draw.between(-0.4, -0.36, 2, 3), draw.between(0.3, 0.34, 2, 3)),
        Sample(np.array(1.0), np.array(0.0), np.array(2.0)),
        Sample(draw.apart(2, 3), draw.between(-0.2, -0.18, 3), draw.between(0.05, 0.09, 2, 1)),
        Sample(draw.apart(4), np.array(0.5), np.array(0.06), kink=True),
        Sample(draw.normal(0, 3), draw.normal(3), draw.normal(1)),
    ]


@samples("var_mean", "std_mean")
def moments(draw):
    return variances(draw)


@samples("aminmax")
def aminmax(draw):
    return [
        Sample(draw.apart(2, 3), 1, False),
        Sample(draw.apart(2, 3), 0, True),
        Sample(draw.apart(2, 3), None, False),
        Sample(draw.apart(), None, False),
        Sample(draw.apart(), 0, False),
        Sample(draw.normal(0, 3), 1, False),
        Sample(np.array([[1.0, 1.0, 0.0]]), 1, False, kink=True),
    ]


@samples("dist")
def dist(draw):
    return [
        *(Sample(draw.apart(2, 3), draw.apart(2, 3) + 9.0, p) for p in (2, 1, 3, math.inf, 0)),
        Sample(draw.normal(2, 3), draw.normal(3), 2),
        Sample(draw.normal(), draw.normal(), 2),
        Sample(draw.normal(0, 3), draw.normal(3), 2, kink=True),
        Sample(x := draw.normal(3), x.copy(), 2, kink=True),
    ]


@samples("nansum")
def nansum(draw):
    return [
        *_dims(draw.normal),
        Sample(draw.normal(2, 3), None, False),
        Sample(np.array([[1.0, math.nan], [math.nan, math.nan]]), (1,), False, kink=True),
    ]


@samples("trace", without=("0-d",))
def trace(draw):
    return [Sample(draw.normal(*s)) for s in ((3, 3), (2, 4), (4, 2), (1, 1), (0, 2))]
