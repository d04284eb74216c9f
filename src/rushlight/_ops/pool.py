"""Rows of pooling: the largest value or the mean of every window."""

from __future__ import annotations

from typing import Any

from .. import _dtypes
from .._core import Tensor
from .._define.kinds import general, linear
from .._kernels import pool as kernels
from .._tensor.registry import public
from .arguments import require_tensors
from .movement import squeeze, unsqueeze
from .reduce import mean_row

Ints = tuple[int, ...]


def _pair(*outputs: Any) -> Any:
    return outputs


# ---- max pooling -----------------------------------------------------------------------------

max_pool_scatter = linear(
    "max_pool_scatter", kernels.max_pool_scatter,
    "_max_pool_scatter(Tensor grad, Tensor indices, int[] spatial) -> Tensor",
    inputs=("y", "indices"), y=lambda k, g, indices, spatial: k.max_pool_gather(
        g, indices, len(spatial)),
    node="MaxPoolWithIndicesBackwardBackward0", public=False,
)  # fmt: skip
max_pool_gather = linear(
    "max_pool_gather", kernels.max_pool_gather,
    "_max_pool_gather(Tensor self, Tensor indices, int rank) -> Tensor", inputs=("x", "indices"),
    x=lambda k, g, indices, x_shape, rank: k.max_pool_scatter(
        g, indices, tuple(x_shape[len(x_shape) - rank:])),
    node="MaxUnpoolBackwardBackward0", public=False,
)  # fmt: skip


def _scatter(k: Any, g: Any, indices: Any, x_shape: Any, rank: int) -> Any:
    return k.max_pool_scatter(g, indices, tuple(x_shape[len(x_shape) - rank :]))


def _max_pool_row(rank: int) -> Any:
    return general(
        f"max_pool{rank}d_with_indices", kernels.max_pool,
        f"_max_pool{rank}d_with_indices(Tensor self, int[] kernel, int[] stride, int[] padding, "
        "int[] dilation, bool ceil_mode) -> (Tensor, Tensor)",
        x=lambda k, g, out1, x_shape, kernel: _scatter(k, g, out1, x_shape, len(kernel)),
        outputs=2, differentiable_outputs=(True, False), returns=_pair,
        node=f"MaxPool{rank}DWithIndicesBackward0", public=False,
    )  # fmt: skip


max_pool_rows = {rank: _max_pool_row(rank) for rank in (2, 3)}

# ---- mean pooling ----------------------------------------------------------------------------


def _avg_pool_row(rank: int) -> Any:
    return linear(
        f"avg_pool{rank}d", kernels.avg_pool,
        f"_avg_pool{rank}d(Tensor self, int[] kernel, int[] stride, int[] padding, "
        "bool ceil_mode, bool count_include_pad, int? divisor_override) -> Tensor",
        attrs=("kernel", "stride", "padding", "ceil_mode", "count_include_pad", "divisor"),
        x=lambda k, g, x_shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor:
            k.avg_pool_backward(g, x_shape, kernel, stride, padding, ceil_mode,
                                count_include_pad, divisor),
        node=f"AvgPool{rank}DBackward0", public=False,
    )  # fmt: skip


avg_pool_rows = {rank: _avg_pool_row(rank) for rank in (2, 3)}
avg_pool_backward = linear(
    "avg_pool_backward", kernels.avg_pool_backward,
    "_avg_pool_backward(Tensor grad, int[] shape, int[] kernel, int[] stride, int[] padding, "
    "bool ceil_mode, bool count_include_pad, int? divisor) -> Tensor", inputs=("y",),
    y=lambda k, g, kernel, stride, padding, ceil_mode, count_include_pad, divisor: (
        k.avg_pool3d if len(kernel) == 3 else k.avg_pool2d)(
            g, kernel, stride, padding, ceil_mode, count_include_pad, divisor),
    public=False,
)  # fmt: skip

# ---- adaptive pooling --------------------------------------------------------------------------


def _adaptive_avg_row(rank: int) -> Any:
    return linear(
        f"adaptive_avg_pool{rank}d", kernels.adaptive_avg_pool,
        f"_adaptive_avg_pool{rank}d(Tensor self, int[] output_size) -> Tensor",
        x=lambda k, g, x_shape: k.adaptive_avg_pool_backward(g, x_shape),
        node=f"AdaptiveAvgPool{rank}DBackward0", public=False,
    )  # fmt: skip


adaptive_avg_rows = {rank: _adaptive_avg_row(rank) for rank in (2, 3)}
adaptive_avg_pool_backward = linear(
    "adaptive_avg_pool_backward", kernels.adaptive_avg_pool_backward,
    "_adaptive_avg_pool_backward(Tensor grad, int[] shape) -> Tensor", inputs=("y",),
    y=lambda k, g, y_shape, shape: k.adaptive_avg_pool3d(g, tuple(
        n if n != m else None or n for n, m in zip(y_shape, shape, strict=True))[-3:])
    if False else _adaptive_adjoint(k, g, y_shape),
    public=False,
)  # fmt: skip


def _adaptive_max_row(rank: int) -> Any:
    return general(
        f"adaptive_max_pool{rank}d", kernels.adaptive_max_pool,
        f"_adaptive_max_pool{rank}d(Tensor self, int[] output_size) -> (Tensor, Tensor)",
        x=lambda k, g, out1, x_shape, output_size: _scatter(
            k, g, out1, x_shape, len(output_size)),
        outputs=2, differentiable_outputs=(True, False), returns=_pair,
        node=f"AdaptiveMaxPool{rank}DBackward0", public=False,
    )  # fmt: skip


adaptive_max_rows = {rank: _adaptive_max_row(rank) for rank in (2, 3)}
