"""Samples of `_ops/arithmetic.py`, `arranging.py`, `cumulative.py`, `index_reduce.py` and
`more_products.py`."""

import numpy as np

from .elementwise import _pairs, _unary
from .table import Sample, samples


@samples("gcd", "lcm")
def whole_numbers(draw):
    return _pairs(lambda *s: draw.integers(-9, 9, *s), lambda *s: draw.integers(-9, 9, *s))


@samples("nextafter")
def nextafter(draw):
    return [Sample(*s.arguments, kink=False) for s in _pairs(draw.apart, draw.normal)]


_unary("frexp", make="positive")
_unary("angle", make="apart")


@samples("ldexp", "logaddexp2")
def pairs(draw):
    return _pairs(draw.normal, draw.normal)


@samples("block_diag", without=("broadcast",))
def block_diag(draw):
    return [
        Sample([draw.normal(2, 3), draw.normal(3), draw.normal()]),
        Sample([draw.normal(2, 3)]),
        Sample([draw.normal(0, 2), draw.normal(2, 1)]),
    ]


@samples("rot90", without=("0-d",))
def rot90(draw):
    return [
        Sample(draw.normal(2, 3), 1, (0, 1)),
        Sample(draw.normal(2, 3), 2, (0, 1)),
        Sample(draw.normal(2, 3, 2), -1, (2, 0)),
        Sample(draw.normal(2, 3), 4, (1, 0)),
        Sample(draw.normal(0, 3), 1, (0, 1)),
    ]


@samples("nonzero_static")
def nonzero_static(draw):
    return [
        Sample(draw.integers(0, 2, 3, 4), 5, -1),
        Sample(draw.normal(3), 2, 7),
        Sample(draw.normal(), 2, -1),
    ]


def _along(draw, make):
    return [
        Sample(make(3, 4), 0),
        Sample(make(3, 4), 1),
        Sample(make(2, 3, 4), -2),
        Sample(make(), 0),
        Sample(make(0, 3), 1),
        Sample(make(0, 3), 0),
        Sample(make(2, 1), 1),
    ]


@samples("cummax", "cummin")
def extrema(draw):
    return [
        *_along(draw, draw.apart),
        Sample(np.array([1.0, 3.0, 3.0, np.nan, 2.0]), 0, kink=True),
    ]


@samples("logcumsumexp")
def logcumsumexp(draw):
    return [
        *_along(draw, draw.normal),
        Sample(np.array([-1000.0, 0.0, 1000.0, 999.0]), 0, once=True),
    ]


@samples("index_reduce")
def index_reduce(draw):
    found = []
    for reduce in ("prod", "mean", "amax", "amin"):
        for include in (True, False):
            index = np.array([0, 2, 0])
            x = draw.apart(3, 4)
            found.append(Sample(x, 0, index, draw.apart(3, 4) + 0.06, reduce, include))
            found.append(Sample(draw.apart(2, 3), 1, index, draw.apart(2, 3) + 0.06, reduce,
                                include))  # fmt: skip
    return [
        *found,
        Sample(draw.normal(), 0, np.array([0]), draw.normal(), "prod", True),
        Sample(draw.normal(0, 3), 1, np.array([0, 1]), draw.normal(0, 2), "prod", True),
    ]


@samples("addr", without=("0-d",))
def addr(draw):
    return [
        Sample(draw.normal(2, 3), draw.normal(2), draw.normal(3), 1, 1),
        Sample(draw.normal(3), draw.normal(2), draw.normal(3), 0.5, 2.0),
        Sample(draw.normal(2, 1), draw.normal(2), draw.normal(3), 1, -1.0),
        Sample(draw.normal(0, 3), draw.normal(0), draw.normal(3), 1, 1),
    ]


@samples("addbmm", without=("0-d",))
def addbmm(draw):
    return [
        Sample(draw.normal(2, 3), draw.normal(4, 2, 5), draw.normal(4, 5, 3), 1, 1),
        Sample(draw.normal(3), draw.normal(2, 2, 5), draw.normal(2, 5, 3), 0.5, 2.0),
        Sample(draw.normal(2, 1), draw.normal(1, 2, 2), draw.normal(1, 2, 3), 1, -1.0),
        Sample(draw.normal(2, 3), draw.normal(0, 2, 5), draw.normal(0, 5, 3), 2.0, 1),
    ]


@samples("renorm", without=("0-d",))
def renorm(draw):
    return [
        Sample(draw.normal(3, 4), 2, 0, 1.5),
        Sample(draw.normal(3, 4), 2, 1, 100.0),
        Sample(draw.normal(2, 3, 2), 3, 1, 2.0),
        Sample(draw.normal(3, 4), 1, -1, 2.0),
        Sample(draw.normal(0, 4), 2, 1, 2.0),
    ]




@samples(
    "quantile_ranks", without=("0-d", "empty"),
    torch="lambda x, q, skip, how: ((r := (q * (x.shape[-1] - 1)).expand(*x.shape[:-1], -1))"
    " - r.detach().floor(), r.long(), r.ceil().long())",
)  # fmt: skip
def quantile_ranks(draw):
    rows = np.sort(draw.apart(3, 5), -1)
    return [
        Sample(rows, draw.between(0.05, 0.95, 4), False, "linear"),
        Sample(rows, draw.between(0.05, 0.95, 2), True, "linear"),
    ]


@samples("histogram", refuses=True, torch="lambda x, w, e, n, r, d: torch.histogram("
         "x, n if e is None else e, weight=w, density=d, **({} if r is None else {'range': r}))")
def histogram(draw):
    return [
        Sample(draw.normal(20), None, None, 5, None, False),
        Sample(draw.normal(4, 5), draw.positive(4, 5), None, 4, (-1.0, 1.5), True),
        Sample(draw.normal(20), None, np.array([-1.0, 0.0, 0.5, 2.0]), 0, None, False),
    ]


@samples("hash_tensor")
def hash_tensor(draw):
    return [
        Sample(draw.normal(2, 3), (), False, 0),
        Sample(draw.integers(0, 9, 2, 3), (1,), True, 0),
        Sample(draw.normal(), (), False, 0),
    ]
