"""Rows that copy a tensor and overwrite the part that a view of it would show."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define.kinds import linear
from .._tensor import registry
from . import diagonals, movement


def _written(window: Any) -> Any:
    """A forward: a copy of `x` whose ``window(copy, *attributes)`` is overwritten with `src`."""

    def forward(x: Any, src: Any, *attributes: Any) -> Any:
        out = np.array(x, order="K")
        view = window(out, *attributes)
        if view.shape != src.shape:
            raise RuntimeError(
                "expected src to have a size equal to the slice of self. src size = "
                f"{list(src.shape)}, slice size = {list(view.shape)}"
            )
        view[...] = src if src.dtype == out.dtype else src.astype(out.dtype)
        return out

    return forward


def _of_self(check: Any) -> Any:
    return lambda x, src, *attributes: check(x, *attributes)


select_scatter = linear(
    "select_scatter", _written(movement.select.forward),
    "select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor",
    inputs=("x", "src"), check=_of_self(movement.select.check),
    x=lambda k, g, dim, index: k.select_scatter(
        g, k.zeros_like_(k.select(g, dim, index)), dim, index),
    src=lambda k, g, src_dtype, dim, index: k.cast(k.select(g, dim, index), src_dtype),
)  # fmt: skip
slice_scatter = linear(
    "slice_scatter", _written(movement.slice_row.forward),
    "slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, "
    "SymInt step=1) -> Tensor", inputs=("x", "src"), check=_of_self(movement.slice_row.check),
    x=lambda k, g, dim, start, end, step: k.slice_scatter(
        g, k.zeros_like_(k.slice(g, dim, start, end, step)), dim, start, end, step),
    src=lambda k, g, src_dtype, dim, start, end, step: k.cast(
        k.slice(g, dim, start, end, step), src_dtype),
)  # fmt: skip
diagonal_scatter = linear(
    "diagonal_scatter", _written(diagonals.diagonal.forward),
    "diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor",
    inputs=("x", "src"), check=_of_self(diagonals.diagonal.check),
    x=lambda k, g, offset, dim1, dim2: k.diagonal_scatter(
        g, k.zeros_like_(k.diagonal(g, offset, dim1, dim2)), offset, dim1, dim2),
    src=lambda k, g, src_dtype, offset, dim1, dim2: k.cast(
        k.diagonal(g, offset, dim1, dim2), src_dtype),
)  # fmt: skip


def _strided_window(out: Any, size: Any, strides: Any, offset: Any) -> Any:
    return movement.as_strided.forward(out, tuple(size), tuple(strides), offset or 0)


as_strided_scatter = linear(
    "as_strided_scatter", _written(_strided_window),
    "as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, "
    "SymInt? storage_offset=None) -> Tensor", inputs=("x", "src"),
    attrs=("shape", "strides", "offset"),
    x=lambda k, g, shape, strides, offset: k.as_strided_scatter(
        k.contiguous(g), k.zeros_like_(k.as_strided(k.contiguous(g), shape, strides, offset)),
        shape, strides, offset),
    src=lambda k, g, src_dtype, shape, strides, offset: k.cast(
        k.as_strided(k.contiguous(g), shape, strides, offset), src_dtype),
)  # fmt: skip

for _row in (select_scatter, slice_scatter, diagonal_scatter, as_strided_scatter):
    registry.public(_row.name, _row)
