"""Samples of the row of attention."""

import numpy as np

from .table import Sample, samples


@samples(
    "attention", without=("0-d", "empty"),
    torch="""lambda q, k, v, hidden, blind, scale: (
        lambda w: (w if blind is None else w.masked_fill(blind, 0.0)) @ v
    )(torch.softmax(
        (lambda s: s if hidden is None else s.masked_fill(hidden, float('-inf')))(
            q @ k.transpose(-2, -1) * scale), -1))""",
)  # fmt: skip
def attention(draw):
    def case(lead, hidden, blind, scale):
        return Sample(draw.normal(*lead, 3, 2), draw.normal(*lead, 4, 2), draw.normal(*lead, 4, 5),
                      hidden, blind, scale)  # fmt: skip

    later = np.arange(4) > np.arange(3)[:, None]
    some = draw.mask(2, 1, 3, 4)
    some[..., 0] = False
    row = np.array([[False], [True], [False]])
    return [
        case((2,), None, None, 0.5),
        case((2, 2), later, None, 0.7),
        case((2, 2), some, None, -0.3),
        case((1, 2), later, row, 1.0),
    ]
