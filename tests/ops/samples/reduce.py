"""Samples of `_ops/reduce.py`."""

import math

import numpy as np

from .table import Sample, samples


def _dims(make, empty=True, nothing=True):
    """Every way of naming dims, with and without keepdim; `nothing`: whether the result of
    reducing no elements is finite."""
    found = [
        Sample(make(2, 3), (1,), False),
        Sample(make(2, 3), (0,), True),
        Sample(make(2, 3, 2), (0, -1), False),
        Sample(make(2, 3, 2), (-2,), True),
        Sample(make(2, 3), (0, 1), False),
        Sample(make(), (), False),
        Sample(make(), (0,), True),
        Sample(make(1, 3), (0,), False),
        Sample(make(0, 3), (1,), False),
    ]
    return [*found, Sample(make(0, 3), (0,), False, kink=not nothing)] if empty else found


@samples("sum")
def totals(draw):
    return [*_dims(draw.normal), Sample(draw.normal(2, 3), None, False)]


@samples("mean")
def means(draw):
    return [*_dims(draw.normal, nothing=False), Sample(draw.normal(2, 3), None, False)]


@samples("all", "any")
def truths(draw):
    return [
        *_dims(draw.mask),
        Sample(draw.mask(2, 3), None, False),
        Sample(draw.mask(2, 3) * 1.5, (1,), False),
        Sample(draw.integers(0, 3, 2, 3), (1,), False),
    ]


@samples("sum_all", "mean_all")
def totals_of_all(draw):
    empty = Sample(draw.normal(0, 2), kink=True)  # the mean of nothing is NaN
    return [empty, *(Sample(draw.normal(*s)) for s in ((2, 3), (), (1,), (2, 1, 3)))]


@samples("var", "std")
def variances(draw):
    return [
        Sample(draw.normal(2, 3), (1,), 1, False),
        Sample(draw.normal(2, 3), (0,), 0, True),
        Sample(draw.normal(2, 3, 2), (0, -1), 1, False),
        Sample(draw.normal(2, 3), None, 1, False),
        Sample(draw.normal(2, 3), None, None, True),
        Sample(draw.normal(4, 3), (0,), 2, False),
        Sample(draw.normal(), (), 0, False, kink=True),
        Sample(draw.normal(0, 3), (1,), 1, False),
        Sample(draw.normal(3, 1), (1,), 1, False, kink=True),
        Sample(np.ones((2, 3)), (1,), 0, False, kink=True),
    ]


@samples("amax", "amin")
def extrema(draw):
    tied = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    return [
        *_dims(draw.apart, empty=False),
        Sample(tied, (1,), False, kink=True),
        Sample(tied, (), True, kink=True),
    ]


@samples("max_all", "min_all", without=("empty",))
def extrema_of_all(draw):
    return [
        *(Sample(draw.apart(*s)) for s in ((2, 3), (), (1,), (2, 1, 3))),
        Sample(np.array([[1.0, 3.0], [3.0, 1.0]]), kink=True),
    ]


def _one_dim(make):
    return [
        Sample(make(2, 3), 1, False),
        Sample(make(2, 3), 0, True),
        Sample(make(2, 3, 2), -2, False),
        Sample(make(), 0, False),
        Sample(make(), -1, True),
        Sample(make(0, 3), 1, False),
        Sample(make(3, 1), 1, False),
    ]


@samples("max_dim", "min_dim")
def extrema_with_indices(draw):
    ties = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [1.0, math.nan, math.nan]])
    return [*_one_dim(draw.apart), Sample(ties, 1, False, kink=True)]


@samples("argmax", "argmin")
def arguments(draw):
    ties = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [1.0, math.nan, math.nan]])
    return [
        *_one_dim(draw.apart),
        Sample(draw.apart(2, 3), None, False),
        Sample(draw.apart(2, 3), None, True),
        Sample(ties, 1, False),
        Sample(draw.integers(0, 3, 3, 4), 0, False),
    ]


@samples("logsumexp")
def logsumexp(draw):
    return [
        *_dims(draw.normal, nothing=False),
        Sample(np.array([[-math.inf, -math.inf], [0.0, 900.0]]), (1,), False, kink=True),
    ]


@samples("prod_all")
def prod_all(draw):
    return [
        *(Sample(draw.normal(*s)) for s in ((2, 3), (), (0, 2), (1,), (2, 1, 2))),
        Sample(np.array([1.5, 0.0, -2.0])),
        Sample(np.array([1.5, 0.0, 0.0, 2.0])),
    ]


def _running(make):
    return [
        Sample(make(2, 3), 0),
        Sample(make(2, 3), -1),
        Sample(make(), 0),
        Sample(make(0, 3), 0),
        Sample(make(1, 3), 0),
    ]


@samples("cumsum")
def cumsum(draw):
    return _running(draw.normal)


@samples("cumprod")
def cumprod(draw):
    return [*_running(draw.normal), Sample(np.array([1.5, 0.0, -2.0, 0.0, 3.0]), 0)]


@samples(
    "scan",
    torch="lambda x, f, dim: torch.stack([sum((torch.stack(f.unbind(dim)[j + 1 : "
    "i + 1]).prod(0) if j < i else 1.0) * x.unbind(dim)[j] "
    "for j in range(i + 1)) for i in range(x.shape[dim])], dim) if x.dim() and x.numel() "
    "else x.clone()",
)
def scan(draw):
    return [Sample(*s.arguments[:1], draw.normal(*np.shape(s.arguments[0])), s.arguments[1])
            for s in _running(draw.normal)]  # fmt: skip
