"""Rows of embedding bags: sums, means and maxima of rows of a table.

The elements of all bags stand one after the other; `bags` names the bag of each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define.kinds import general, linear
from .._kernels import scatter as kernels


def shares(indices: Any) -> Any:
    """What each use of a row counts in the gradient with `scale_grad_by_freq`.

    PyTorch 2.13 divides the gradient of the n-th of the used rows by the uses of the row that the
    n-th of the sorted indices names, which is another one where rows are used several times.
    """
    used, place = np.unique(indices, return_inverse=True)
    uses = np.bincount(indices)[np.sort(indices)[: len(used)]]
    return 1.0 / uses[place.reshape(indices.shape)]


# ---- sums and means -----------------------------------------------------------------------------


def _bag(
    weight: Any, indices: Any, bags: Any, samples: Any, ahead: Any, back: Any, count: int
) -> Any:
    rows = weight[indices] * ahead.astype(weight.dtype)
    if samples is not None:
        rows = rows * samples[:, None]
    return kernels.embedding_backward(rows, bags, count)


def _for_rows(
    k: Any, g: Any, indices: Any, bags: Any, samples: Any, back: Any, weight_shape: Any
) -> Any:
    found = k.embedding(g, bags, -1, False, False) * k.cast(back, k.dtype_of(g))
    if samples is not None:
        found = found * k.reshape(samples, (-1, 1))
    return k.embedding_dense_backward(found, indices, weight_shape[0], -1, False)


def _for_samples(k: Any, g: Any, weight: Any, indices: Any, bags: Any) -> Any:
    each = k.embedding(g, bags, -1, False, False) * k.embedding(weight, indices, -1, False, False)
    return k.sum(each, (1,), False)


# `ahead` and `back` are the elements' factors in the sum and in its gradient: they are not the
# same with scale_grad_by_freq.
embedding_bag = general(
    "embedding_bag", _bag,
    "_embedding_bag(Tensor weight, Tensor indices, Tensor bags, Tensor? per_sample_weights, "
    "Tensor ahead, Tensor back, int count) -> Tensor",
    inputs=("weight", "indices", "bags", "samples", "ahead", "back"), optional=("samples",),
    floats=True, weight=_for_rows, samples=_for_samples, public=False,
)  # fmt: skip

# ---- maxima -------------------------------------------------------------------------------------


def _largest(weight: Any, indices: Any, bags: Any, count: int) -> tuple[Any, Any]:
    """The largest element of each bag and column, and the row of the table it comes from."""
    out = np.zeros((count, weight.shape[1]), weight.dtype)
    rows = np.full(out.shape, -1, np.int64)
    if indices.size:
        values = weight[indices]
        starts = np.flatnonzero(np.diff(bags, prepend=-1))
        filled = bags[starts]
        out[filled] = np.maximum.reduceat(values, starts, 0)
        # The first of equals; the last row of a bag where there is a NaN.
        wrong = np.where(values == out[bags], 0, len(bags)) + np.arange(len(bags))[:, None]
        first = np.minimum.reduceat(wrong, starts, 0) % len(bags)
        rows[filled] = indices[first]
    return out, rows


def _spread(y: Any, rows: Any, size: int) -> Any:
    out = np.zeros((size, y.shape[1]), y.dtype)
    bag, column = np.nonzero(rows >= 0)
    np.add.at(out, (rows[bag, column], column), y[bag, column])
    return out


def _collect(x: Any, rows: Any) -> Any:
    return np.where(rows >= 0, np.take_along_axis(x, np.maximum(rows, 0), 0), x.dtype.type(0))


embedding_bag_collect = linear(
    "embedding_bag_collect", _collect, "_embedding_bag_collect(Tensor self, Tensor rows) -> Tensor",
    inputs=("x", "rows"),
    x=lambda k, g, rows, x_shape: k.embedding_bag_spread(g, rows, x_shape[0]), public=False,
)  # fmt: skip
embedding_bag_spread = linear(
    "embedding_bag_spread", _spread,
    "_embedding_bag_spread(Tensor grad, Tensor rows, int size) -> Tensor", inputs=("y", "rows"),
    y=lambda k, g, rows: k.embedding_bag_collect(g, rows), public=False,
)  # fmt: skip
embedding_bag_max = general(
    "embedding_bag_max", _largest,
    "_embedding_bag_max(Tensor weight, Tensor indices, Tensor bags, int count) -> Tensor",
    inputs=("weight", "indices", "bags"), residuals=("rows",), floats=True,
    weight=lambda k, g, rows, weight_shape: k.embedding_bag_spread(g, rows, weight_shape[0]),
    node="EmbeddingBagBackward0", public=False,
)  # fmt: skip
