"""Histograms of one and of several dimensions: counts between edges, and the edges."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _dtypes
from .._core import Node, Tensor, ctx, new, next_sequence, thread, wrap
from .._define.kinds import general
from .._define.results import return_type
from .._tensor import registry
from .division import without_derivative

_returned_many = return_type("histogramdd", ("hist", "bin_edges"))


class NotImplementedNode(Node):
    """Where PyTorch has no derivative: it says so when one is asked for."""

    __slots__ = ("operation",)
    operation: str

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        raise RuntimeError(f"derivative for aten::{self.operation} is not implemented")

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        return self.raw(g, keep)


NotImplementedNode.__name__ = NotImplementedNode.__qualname__ = "NotImplemented"
NotImplementedNode.__module__ = "builtins"


def _watched(operation: str, x: Tensor, *results: Tensor) -> None:
    """The counts do not move with the values: no derivative, but not a silent one."""
    if x._edge is None or not thread.grad:
        return
    for t in results:
        node: Any = new(NotImplementedNode)
        node.edges = (x if not isinstance(x._edge, Node) else x._edge,)
        node._sequence = next_sequence()
        node.operation = operation
        t._edge = node


def _points(x: Any, name: str) -> Any:
    if x.dtype not in (_dtypes.FLOAT32, _dtypes.FLOAT64):
        kind = _dtypes.from_numpy(x.dtype).type_name
        raise NotImplementedError(f"\"{name}\" not implemented for '{kind}'")
    return x.reshape(-1, x.shape[-1])


def _word(x: Any) -> str:
    """A dtype in C++."""
    name = _dtypes.from_numpy(x.dtype).name
    return {"float32": "float", "float64": "double", "int64": "long int", "int32": "int"}.get(
        name, name
    )


def _check_weight(x: Any, weight: Any) -> None:
    if weight is None:
        return
    if weight.dtype != x.dtype:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor "
            f"should have the same dtype, but got input({_word(x)}), and weight("
            f"{_word(weight)})"
        )
    if weight.shape != x.shape[:-1]:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the "
            f"input tensor excluding its innermost dimension, but got input with shape "
            f"{list(x.shape)} and weight with shape {list(weight.shape)}"
        )


def _edges(points: Any, bins: list[int], bounds: Any, name: str) -> list[Any]:
    """Evenly spaced edges over the given ranges, or those of the points."""
    for d, n in enumerate(bins):
        if n <= 0:
            raise RuntimeError(
                f"torch.{name}(): bins must be > 0, but got {n} for dimension {d}"
            )
    found = []
    for d, n in enumerate(bins):
        if bounds is not None:
            low, high = points.dtype.type(bounds[2 * d]), points.dtype.type(bounds[2 * d + 1])
        elif len(points):
            low, high = points[:, d].min(), points[:, d].max()
        else:
            low, high = points.dtype.type(0), points.dtype.type(0)
        if not (np.isfinite(low) and np.isfinite(high)):
            raise RuntimeError(
                f"torch.histogramdd: dimension {d}'s range [{low:g}, {high:g}] is not finite"
            )
        if low > high:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} "
                f"for dimension {d}"
            )
        if low == high:
            low, high = low - points.dtype.type(0.5), high + points.dtype.type(0.5)
        found.append(np.linspace(low, high, n + 1).astype(points.dtype))
    return found


def _counted(points: Any, edges: list[Any], weight: Any, density: bool) -> Any:
    shape = tuple(len(e) - 1 for e in edges)
    inside = np.ones(len(points), bool)
    flat = np.zeros(len(points), np.int64)
    for d, e in enumerate(edges):
        values = points[:, d]
        inside &= (values >= e[0]) & (values <= e[-1])
        # The last bin holds its right edge too.
        place = np.clip(np.searchsorted(e, values, "right") - 1, 0, max(shape[d] - 1, 0))
        flat = flat * shape[d] + place
    size = int(np.prod(shape))
    kept = None if weight is None else weight.reshape(-1)[inside].astype(np.float64)
    counts = np.bincount(flat[inside], kept, size).reshape(shape).astype(points.dtype)
    if density:
        counts = counts / counts.sum()
        for d, e in enumerate(edges):
            widths = np.diff(e).reshape((-1,) + (1,) * (len(edges) - 1 - d))
            counts = counts / widths
    return counts.astype(points.dtype)


def _given_edges(x: Any, bins: Any) -> list[Any]:
    if len(bins) != x.shape[-1]:
        raise RuntimeError(
            f"torch.histogramdd: expected {x.shape[-1]} sequences of bin edges for a "
            f"{x.shape[-1]}-dimensional histogram but got {len(bins)}"
        )
    for d, b in enumerate(bins):
        if b.dtype != x.dtype:
            raise RuntimeError(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but "
                f"got input with dtype {_word(x)} and bins for "
                f"dimension {d} with dtype {_word(b)}"
            )
        if b.ndim != 1:
            raise RuntimeError(
                "torch.histogramdd: bins tensor should have one dimension, but got "
                f"{b.ndim} dimensions in the bins tensor for dimension {d}"
            )
        if not b.size:
            raise RuntimeError(
                "torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements "
                f"in the bins tensor for dimension {d}"
            )
    return list(bins)


def _one_histogram(
    x: Any, weight: Any, edges: Any, bins: int, bounds: Any, density: bool
) -> tuple[Any, Any]:
    data = x.reshape(-1, 1)
    if weight is not None:
        weight = weight.reshape(-1)
        _check_weight(data, weight)
    points = _points(data, "histogramdd")
    if edges is not None:
        found = _given_edges(data, [edges])
    else:
        if bounds is not None and len(bounds) != 2:
            raise RuntimeError(
                "torch.histogramdd: for a 1-dimensional histogram range should have 2 elements, "
                f"but got {len(bounds)}"
            )
        found = _edges(points, [bins], bounds, "histogram")
    return _counted(points, found, weight, density), found[0].copy()


histogram_row = general(
    "histogram", _one_histogram,
    "_histogram(Tensor self, Tensor? weight, Tensor? bins, int count, float[]? range, bool density)"
    " -> (Tensor hist, Tensor bin_edges)", inputs=("x", "weight", "edges"), outputs=2,
    attrs=("bins", "bounds", "density"), optional=("weight", "edges"), public=False,
    returns=return_type("histogram", ("hist", "bin_edges")), node="NotImplemented",
    x=without_derivative("histogram"),
)  # fmt: skip
_WEIGHTED = "Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor bin_edges)"
registry.overloaded(
    "histogram",
    (f"histogram.bins_tensor(Tensor self, Tensor bins, *, {_WEIGHTED}",
     lambda x, bins, weight, density: histogram_row.call(x, weight, bins, 0, None, density)),
    (f"histogram.bin_ct(Tensor self, int bins=100, *, float[]? range=None, {_WEIGHTED}",
     lambda x, bins, bounds, weight, density: histogram_row.call(
         x, weight, None, bins, bounds, density)),
)  # fmt: skip


def histogramdd(
    input: Tensor, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False
) -> Any:
    """The histogram of points, the last dim of `input` being their coordinates.

    Args:
        bins: a number of bins, one for each dimension, or the edges of each dimension.
        range: lowest and highest edge of each dimension, one after the other.
        weight: the weight of each point.
        density: scale to an integral of 1.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.histogramdd.html

    >>> import rushlight as torch
    >>> torch.histogramdd(torch.tensor([[0., 0.], [1., 1.]]), bins=[2, 1]).hist
    tensor([[1.],
            [1.]])
    """
    if getattr(ctx.handler, "reads", None) is not None:
        raise NotImplementedError("torch.histogramdd in a transform or a compiled step")
    x = input._data
    weight = None if weight is None else weight._data
    if x.ndim < 2:
        raise RuntimeError(
            "torch.histogramdd: input tensor should have at least 2 dimensions"
        )
    n = x.shape[-1]
    _check_weight(x, weight)
    if isinstance(bins, int):
        bins = [bins] * n
    if bins and isinstance(bins[0], Tensor):
        edges = _given_edges(x, [b._data for b in bins])
        shown = tuple(bins)
    else:
        if len(bins) != n:
            raise RuntimeError(
                "histogramdd: The size of bins must be equal to the innermost dimension of the "
                "input."
            )
        if range is not None and len(range) != 2 * n:
            raise RuntimeError(
                f"torch.histogramdd: for a {n}-dimensional histogram range should have {2 * n} "
                f"elements, but got {len(range)}"
            )
        edges = _edges(_points(x, "histogramdd"), list(bins), range, "histogramdd")
        shown = tuple(wrap(e) for e in edges)
    found = wrap(_counted(_points(x, "histogramdd"), edges, weight, density))
    if shown and shown[0] is bins[0]:
        _watched("_histogramdd_from_bin_tensors", input, found)
    else:
        _watched("_histogramdd_from_bin_cts", input, found, *shown)
    return _returned_many(found, shown)


registry.public("histogramdd", histogramdd, method=False)
