"""Samples of `_ops/view_copies.py` and `_ops/view_scatter.py`."""

import numpy as np

from . import casting, movement, writing  # noqa: F401 - their samples are used here
from .table import TABLE, Sample, samples

#: The samples of a view serve its copy.
_VIEWS = {
    "permute_copy": "permute", "select_copy": "select", "slice_copy": "slice", "t_copy": "t",
    "transpose_copy": "transpose", "unfold_copy": "unfold", "unsqueeze_copy": "unsqueeze",
    "expand_copy": "expand", "as_strided_copy": "as_strided", "view_copy_row": "view",
    "squeeze_copy_all": "squeeze", "alias_copy": "alias",
}  # fmt: skip
for _copy, _view in _VIEWS.items():
    _entry = TABLE[_view]
    samples(_copy, without=_entry.without)(_entry.function)


@samples("detach_copy", refuses=True)
def detach_copy(draw):
    return [Sample(draw.normal(3, 4)), Sample(draw.normal()), Sample(draw.normal(0, 2))]


@samples("select_scatter", without=("0-d",))
def select_scatter(draw):
    return [
        Sample(draw.normal(3, 4), draw.normal(4), 0, 1),
        Sample(draw.normal(3, 4), draw.normal(3), 1, -1),
        Sample(draw.normal(3), draw.normal(), 0, 2),
        Sample(draw.normal(0, 2), draw.normal(0), 1, 1),
    ]


@samples("slice_scatter", without=("0-d",))
def slice_scatter(draw):
    return [
        Sample(draw.normal(3, 4), draw.normal(2, 4), 0, 1, 3, 1),
        Sample(draw.normal(3, 4), draw.normal(3, 2), 1, 0, 4, 2),
        Sample(draw.normal(3, 4), draw.normal(3, 4), 0, None, None, 1),
        Sample(draw.normal(3, 4), draw.normal(0, 4), 0, 3, 9, 1),
    ]


@samples("diagonal_scatter", without=("0-d",))
def diagonal_scatter(draw):
    return [
        Sample(draw.normal(3, 4), draw.normal(3), 0, 0, 1),
        Sample(draw.normal(3, 3), draw.normal(2), -1, 0, 1),
        Sample(draw.normal(2, 3, 2), draw.normal(3, 2), 0, 0, 2),
        Sample(draw.normal(0, 3), draw.normal(0), 0, 0, 1),
    ]


# PyTorch's own derivative by `self` is that of the part which was overwritten.
@samples(
    "as_strided_scatter", without=("0-d",),
    torch="lambda x, src, *window: (y := x.clone(), y.as_strided(*window).copy_(src))[0]",
)  # fmt: skip
def as_strided_scatter(draw):
    def sample(*arguments):
        return Sample(*arguments, strided=False)

    return [
        sample(draw.normal(3, 4), draw.normal(4), (4,), (3,), None),
        sample(draw.normal(3, 4), draw.normal(2, 2), (2, 2), (4, 1), 1),
        sample(draw.normal(6), draw.normal(), (), (), 2),
        sample(np.zeros((0, 2)), draw.normal(0), (0,), (1,), None),
    ]
