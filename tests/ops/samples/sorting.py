"""Samples of `_ops/sorting.py` and `searching.py`."""

import math

import numpy as np

from .reduce import _one_dim
from .table import Sample, samples


@samples("sort")
def sort(draw):
    return [
        Sample(draw.apart(2, 3), True, -1, False),
        Sample(draw.apart(2, 3), True, 0, True),
        Sample(draw.apart(2, 3, 2), True, 1, False),
        Sample(draw.normal(), True, 0, False),
        Sample(draw.normal(0, 3), True, 1, False),
        Sample(draw.normal(3, 1), True, 1, True),
        Sample(np.array([1.0, 3.0, 1.0, math.nan, 3.0]), True, 0, False, kink=True),
    ]


@samples("topk")
def topk(draw):
    return [
        Sample(draw.apart(2, 5), 2, -1, True, True),
        Sample(draw.apart(5, 2), 3, 0, False, True),
        Sample(draw.apart(4), 4, 0, True, True),
        Sample(draw.normal(), 1, 0, True, True),
        Sample(draw.normal(0, 3), 2, 1, True, True),
        Sample(draw.normal(3), 0, 0, True, True),
    ]


@samples("kthvalue")
def kthvalue(draw):
    return [
        Sample(draw.apart(2, 5), 2, -1, False),
        Sample(draw.apart(5, 2), 3, 0, True),
        Sample(draw.normal(), 1, 0, False),
        Sample(draw.normal(0, 3), 2, 1, False),
    ]


@samples("median_dim", "nanmedian_dim")
def median_dim(draw):
    return _one_dim(draw.apart)


@samples("mode")
def mode(draw):
    return [
        *_one_dim(draw.apart),
        Sample(np.array([[1.0, 3.0, 3.0], [2.0, 1.0, 2.0]]), 1, False, kink=True),
    ]


@samples("median_all", "nanmedian_all")
def median_all(draw):
    return [
        *(Sample(draw.apart(*s)) for s in ((2, 3), (), (1,), (5,))),
        Sample(draw.normal(0), kink=True),
        Sample(np.array([1.0, math.nan, 3.0, 0.5]), kink=True),
    ]


_ALL = "return_inverse=True, return_counts=True"


@samples("unique", torch=f"lambda x, dim: torch.unique(x, {_ALL})", refuses=True)
def unique(draw):
    return [Sample(draw.integers(0, 3, *s) * 1.0, None, kink=True) for s in ((2, 3), (), (0,))]


@samples("unique_dim", torch=f"lambda x, dim: torch.unique(x, dim=dim, {_ALL})", without=("0-d",),
         refuses=True)  # fmt: skip
def unique_dim(draw):
    return [
        Sample(draw.integers(0, 2, 4, 2) * 1.0, 0, kink=True),
        Sample(draw.integers(0, 2, 2, 4) * 1.0, 1, kink=True),
        Sample(draw.integers(0, 2, 0, 2) * 1.0, 0, kink=True),
    ]


@samples("unique_consecutive", torch=f"lambda x, dim: torch.unique_consecutive(x, dim=dim, {_ALL})",
         refuses=True)  # fmt: skip
def unique_consecutive(draw):
    return [
        Sample(np.array([1.0, 1.0, 2.0, 1.0, 1.0]), None, kink=True),
        Sample(np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 2.0]]), 0, kink=True),
        Sample(np.array(1.0), None, kink=True),
        Sample(np.zeros(0), None, kink=True),
    ]


@samples("bincount", refuses=True, without=("0-d",))
def bincount(draw):
    return [
        Sample(draw.integers(0, 5, 6), None, 0),
        Sample(draw.integers(0, 5, 6), draw.positive(6), 8),
        Sample(draw.integers(0, 5, 0), None, 3),
    ]


@samples("histc")
def histc(draw):
    return [Sample(draw.normal(9), 4, -1, 1), Sample(draw.normal(9), 5, 0, 0)]


@samples("searchsorted", torch="lambda b, v, s, small, right: torch.searchsorted(b, v, "
         "out_int32=small, right=right, sorter=s)")  # fmt: skip
def searchsorted(draw):
    edges = np.array([1.0, 2.0, 2.0, 5.0])
    return [
        Sample(edges, np.array([[0.0, 2.0], [3.0, 9.0]]), None, False, False),
        Sample(edges, np.array([0.0, 2.0, 9.0]), None, True, True),
        Sample(edges[::-1].copy(), np.array([0.0, 2.0]), np.array([3, 2, 1, 0]), False, False),
        Sample(np.stack([edges, edges + 1]), np.array([[2.0], [2.0]]), None, False, True),
    ]


@samples("isin", torch="lambda x, y, invert: torch.isin(x, y, invert=invert)")
def isin(draw):
    return [Sample(draw.integers(0, 6, 2, 3), np.array([1, 4]), flag) for flag in (False, True)]
