"""Samples of `_ops/casting.py`."""

import numpy as np

from .table import Sample, samples


@samples("cast", "to_copy", torch="lambda x, dtype: x.to(getattr(torch, dtype.name))")
def converting(draw):
    wide = np.dtype(np.float64)
    return [
        Sample(draw.normal(2, 3), wide),
        Sample(draw.normal(), wide),
        Sample(draw.normal(0, 2), wide),
        Sample(draw.integers(-3, 3, 4), wide),
        Sample(draw.mask(2, 2), wide),
        Sample(draw.normal(3), np.dtype(np.int64)),
        Sample(draw.normal(3), np.dtype(np.bool_)),
        Sample(draw.normal(3), np.dtype(np.float32), once=True, kink=True),
    ]


@samples("clone")
@samples("conj")
@samples("contiguous", torch="lambda x: x.contiguous()")
@samples("alias")
@samples("zeros_like_", torch="lambda x: x * 0 + 0.0")
def shapes(draw):
    return [
        Sample(draw.normal(2, 3)),
        Sample(draw.normal()),
        Sample(draw.normal(0, 2)),
        Sample(draw.normal(1, 3, 1)),
    ]


@samples("sum_to")
def sum_to(draw):
    return [
        Sample(draw.normal(2, 3), (1, 3)),
        Sample(draw.normal(2, 3), (3,)),
        Sample(draw.normal(2, 3), ()),
        Sample(draw.normal(4, 2, 3), (2, 1)),
        Sample(draw.normal(2, 3), (2, 3)),
        Sample(draw.normal(), ()),
        Sample(draw.normal(0, 3), (1, 3)),
    ]
