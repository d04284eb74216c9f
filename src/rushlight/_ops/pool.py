"""Rows of pooling: the largest value or the mean of every window."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _dtypes
from .._core import Tensor
from .._define.kinds import general, linear
from .._kernels import pool as kernels
from .._tensor.registry import public
from .arguments import refuse, require_tensors
from .movement import squeeze_one, unsqueeze
from .reduce import mean_row

Ints = tuple[int, ...]


def _pair(*outputs: Any) -> Any:
    return outputs


# ---- max pooling --------------------------------------------------------------------------------

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

# ---- mean pooling -------------------------------------------------------------------------------


def _avg_pool_row(rank: int) -> Any:
    return linear(
        f"avg_pool{rank}d", kernels.avg_pool,
        f"_avg_pool{rank}d(Tensor self, int[] kernel, int[] stride, int[] padding, "
        "bool ceil_mode, bool count_include_pad, int? divisor_override) -> Tensor",
        attrs=("kernel", "stride", "padding", "ceil_mode", "count_include_pad", "divisor"),
        check=refuse("avg_pool3d_out_frame", "", half=False) if rank == 3 else None,
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
    y=lambda k, g, kernel, stride, padding, ceil_mode, count_include_pad, divisor:
        k.avg_pool2d(g, kernel, stride, padding, ceil_mode, count_include_pad, divisor),
    public=False,
)  # fmt: skip

# ---- adaptive pooling ---------------------------------------------------------------------------


def _adaptive_avg_row(rank: int) -> Any:
    return linear(
        f"adaptive_avg_pool{rank}d", kernels.adaptive_avg_pool,
        f"_adaptive_avg_pool{rank}d(Tensor self, int[] output_size) -> Tensor",
        x=lambda k, g, x_shape, output_size: k.adaptive_avg_pool_backward(
            g, x_shape, len(output_size)),
        node=f"AdaptiveAvgPool{rank}DBackward0", public=False,
    )  # fmt: skip


adaptive_avg_rows = {rank: _adaptive_avg_row(rank) for rank in (2, 3)}
adaptive_avg_pool_backward = linear(
    "adaptive_avg_pool_backward",
    lambda y, shape, rank: kernels.adaptive_avg_pool_backward(y, shape),
    "_adaptive_avg_pool_backward(Tensor grad, int[] shape, int rank) -> Tensor", inputs=("y",),
    y=lambda k, g, y_shape, rank: k.adaptive_avg_pool2d(g, tuple(y_shape[len(y_shape) - rank:])),
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

# ---- unpooling ----------------------------------------------------------------------------------


def _unpool(x: Any, indices: Any, output_size: Ints) -> Any:
    """Each value at the place its index names; the last of several wins."""
    rank = len(output_size)
    lead = x.shape[: x.ndim - rank]
    planes, plane = math.prod(lead), math.prod(output_size)
    if indices.size:
        wrong = indices[(indices < 0) | (indices >= plane)]
        if wrong.size:
            raise RuntimeError(
                f"Found an invalid max index: {wrong[0]} (output volumes are of size "
                f"{'x'.join(str(n) for n in output_size)})"
            )
    out = np.zeros((planes, plane), x.dtype)
    np.put_along_axis(out, indices.reshape(planes, -1), x.reshape(planes, -1), 1)
    return out.reshape(*lead, *output_size)


def _unpool_row(rank: int) -> Any:
    return linear(
        f"max_unpool{rank}d", _unpool,
        f"_max_unpool{rank}d(Tensor self, Tensor indices, int[] output_size) -> Tensor",
        inputs=("x", "indices"), x=lambda k, g, indices, output_size: k.max_pool_gather(
            g, indices, len(output_size)),
        node=f"MaxUnpool{rank}DBackward0", public=False,
    )  # fmt: skip


max_unpool_rows = {rank: _unpool_row(rank) for rank in (2, 3)}

# ---- public functions ---------------------------------------------------------------------------

_COUNTS = {1: "one int", 2: "two ints", 3: "three ints"}


def _spread(name: str, what: str, value: Any, rank: int) -> Ints:
    """One int for each pooled dimension."""
    if isinstance(value, int):
        return (value,) * rank
    found = tuple(int(v) for v in value)
    if len(found) == 1:
        return found * rank
    if len(found) != rank:
        middle = "either be a single int, or"
        if what == "stride":
            middle = "be omitted, a single int, or"
        raise RuntimeError(f"{name}: {what} must {middle} a tuple of {_COUNTS[rank]}")
    return found


def _sizes(values: Any) -> str:
    return "x".join(str(n) for n in values)


def _check_windows(
    name: str, x: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool,
) -> None:  # fmt: skip
    rank = len(kernel)
    for values, what in ((stride, "stride"), (kernel, "kernel size"), (dilation, "dilation")):
        if min(values) <= 0:
            if what == "stride" and 0 in values:
                raise RuntimeError("stride should not be zero")
            raise RuntimeError(f"{what} should be greater than zero, but got {_by_name(values)}")
    for k, p, d in zip(kernel, padding, dilation, strict=True):
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > ((k - 1) * d + 1) // 2:
            if rank == 1:
                raise RuntimeError(
                    f"{name}() padding should be at most half of kernel size, but got padding={p} "
                    f"and kernel_size={k}"
                )
            raise RuntimeError(
                "pad should be at most half of effective kernel size, but got "
                f"pad={p}, kernel_size={k} and dilation={d}"
            )
    spatial = x.shape[x.ndim - rank :]
    out = tuple(
        kernels.pool_output_size(n, k, s, p, d, ceil_mode)
        for n, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True)
    )
    if min(out) < 1:
        if rank == 1 and name == "max_pool1d":
            raise RuntimeError(f"max_pool1d() Invalid computed output size: {out[0]}")
        channels = x.shape[x.ndim - rank - 1]
        # One dimension is pooled as a row of an image.
        lead = "1x" if rank == 1 else ""
        raise RuntimeError(
            f"Given input size: ({channels}x{lead}{_sizes(spatial)}). Calculated output size: "
            f"({channels}x{lead}{_sizes(out)}). Output size is too small"
        )


def _by_name(values: Ints) -> str:
    names = ("dT", "dH", "dW")[-len(values) :]
    return " ".join(f"{n}: {v}" for n, v in zip(names, values, strict=True))


def _check_rank(name: str, x: Any, rank: int) -> None:
    if x.ndim in (rank + 1, rank + 2) and 0 not in x.shape[x.ndim - rank - 1 :]:
        return
    if name == "max_pool1d":
        raise RuntimeError(
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got:{list(x.shape)}"
        )
    if rank == 1:
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {x.ndim}-dimensional tensor for argument #1 "
            f"'self' (while checking arguments for {name})"
        )
    if x.ndim in (rank + 1, rank + 2):
        raise RuntimeError(
            f"Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with optional 0 dim batch "
            f"size for input, but got:{list(x.shape)}"
        )
    if name == "avg_pool2d" and x.ndim < 3:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-x.ndim}, {x.ndim - 1}], but "
            "got -3)"
        )
    raise RuntimeError(
        f"non-empty {rank + 1}D or {rank + 2}D (batch mode) tensor expected for input"
    )


def max_pool(
    name: str, rank: int, input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
    dilation: Any = 1, ceil_mode: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Values and indices of ``max_pool{rank}d``."""
    if not isinstance(input, Tensor):
        require_tensors(name, (f"{name}(Tensor self, int[{rank}] kernel_size) -> Tensor",),
                        input, kernel_size)  # fmt: skip
    x = input._data
    kernel = _spread(name, "kernel_size", kernel_size, rank)
    no_stride = stride is None or stride == () or stride == []
    strides = kernel if no_stride else _spread(name, "stride", stride, rank)
    pads = _spread(name, "padding", padding, rank)
    dilations = _spread(name, "dilation", dilation, rank)
    _check_rank(name, x, rank)
    _check_windows(name, x, kernel, strides, pads, dilations, ceil_mode)
    if rank > 1:
        return max_pool_rows[rank].call(
            input, kernel, strides, pads, dilations, bool(ceil_mode)
        )
    # One dimension is a picture of one row, as PyTorch does it.
    values, indices = max_pool_rows[2].call(
        unsqueeze.call(input, x.ndim - 1), (1, *kernel), (1, *strides), (0, *pads),
        (1, *dilations), bool(ceil_mode),
    )  # fmt: skip
    return squeeze_one.call(values, x.ndim - 1), squeeze_one.call(indices, x.ndim - 1)


def avg_pool(
    name: str, rank: int, input: Any, kernel_size: Any, stride: Any, padding: Any,
    ceil_mode: bool, count_include_pad: bool, divisor_override: int | None,
) -> Tensor:  # fmt: skip
    if not isinstance(input, Tensor):
        require_tensors(name, (f"{name}(Tensor self, int[{rank}] kernel_size) -> Tensor",),
                        input, kernel_size)  # fmt: skip
    x = input._data
    kernel = _spread(name, "kernel_size", kernel_size, rank)
    no_stride = stride is None or stride == () or stride == []
    strides = kernel if no_stride else _spread(name, "stride", stride, rank)
    pads = _spread(name, "padding", padding, rank)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    _check_rank(name, x, rank)
    _check_windows(name, x, kernel, strides, pads, (1,) * rank, ceil_mode)
    ceil_mode, count_include_pad = bool(ceil_mode), bool(count_include_pad)
    if rank > 1:
        return avg_pool_rows[rank].call(
            input, kernel, strides, pads, ceil_mode, count_include_pad, divisor_override
        )
    pooled = avg_pool_rows[2].call(
        unsqueeze.call(input, x.ndim - 1), (1, *kernel), (1, *strides), (0, *pads), ceil_mode,
        count_include_pad, divisor_override,
    )  # fmt: skip
    return squeeze_one.call(pooled, x.ndim - 1)


def avg_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    ceil_mode: bool = False, count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The mean of every window of the last dimension.

    Shape: input (N, C, L) or (C, L).
    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool1d.html

    >>> import rushlight as torch
    >>> torch.nn.functional.avg_pool1d(torch.tensor([[1., 3., 5., 7.]]), 2)
    tensor([[2., 6.]])
    """
    return avg_pool("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode,
                    count_include_pad, None)  # fmt: skip


def avg_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of every window of the last two dimensions.

    Shape: input (N, C, H, W) or (C, H, W).
    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool2d.html

    >>> import rushlight as torch
    >>> torch.nn.functional.avg_pool2d(torch.tensor([[[1., 3.], [5., 7.]]]), 2)
    tensor([[[4.]]])
    """
    return avg_pool("avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode,
                    count_include_pad, divisor_override)  # fmt: skip


def avg_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of every window of the last three dimensions.

    Shape: input (N, C, D, H, W) or (C, D, H, W).
    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool3d.html

    >>> import rushlight as torch
    >>> torch.nn.functional.avg_pool3d(torch.ones(1, 1, 4, 4, 4), 2).shape
    torch.Size([1, 1, 2, 2, 2])
    """
    return avg_pool("avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode,
                    count_include_pad, divisor_override)  # fmt: skip


def _output_size(name: str, x: Any, rank: int, output_size: Any) -> Ints:
    if isinstance(output_size, int):
        output_size = (output_size,) * rank
    sizes = tuple(
        int(x.shape[i - rank]) if n is None else int(n) for i, n in enumerate(output_size)
    )
    if len(sizes) != rank:
        raise RuntimeError(f"{name}: output_size must be {rank}")
    if min(sizes) < 0:
        listed = ", ".join(str(n) for n in sizes)
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received "
            f"{{{listed}}}"
        )
    return sizes


def adaptive_avg_pool(rank: int, input: Tensor, output_size: Any) -> Tensor:
    name = f"adaptive_avg_pool{rank}d"
    x = input._data
    if rank == 1:
        _check_rank(name, x, 1)
    sizes = _output_size(name, x, rank, output_size)
    if rank == 1:
        pooled = adaptive_avg_pool(2, unsqueeze.call(input, x.ndim - 1), (1, *sizes))
        return squeeze_one.call(pooled, x.ndim - 1)
    if max(sizes) == 1:
        return mean_row.call(
            input, tuple(range(x.ndim - rank, x.ndim)), True
        )
    return adaptive_avg_rows[rank].call(input, sizes)


def adaptive_max_pool(rank: int, input: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
    name = f"adaptive_max_pool{rank}d"
    x = input._data
    if x.ndim not in (rank + 1, rank + 2):
        if rank == 1:
            _check_rank(name, x, 1)
        raise RuntimeError(
            f"{name}(): Expected {rank + 1}D or {rank + 2}D tensor, but got: {list(x.shape)}"
        )
    sizes = _output_size(name, x, rank, output_size)
    if rank > 1:
        return adaptive_max_rows[rank].call(input, sizes)
    values, indices = adaptive_max_rows[2].call(unsqueeze.call(input, x.ndim - 1), (1, *sizes))
    return squeeze_one.call(values, x.ndim - 1), squeeze_one.call(indices, x.ndim - 1)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of `output_size` windows that cover the last dimension evenly.

    Shape: input (N, C, L) or (C, L); output (N, C, output_size).
    Source:
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool1d.html

    >>> import rushlight as torch
    >>> torch.nn.functional.adaptive_avg_pool1d(torch.tensor([[1., 2., 3., 4.]]), 2)
    tensor([[1.5000, 3.5000]])
    """
    return adaptive_avg_pool(1, input, output_size)


def unpool(
    rank: int, input: Tensor, indices: Tensor, output_size: Ints
) -> Tensor:
    if indices._data.dtype != _dtypes.INT64:
        found = _dtypes.from_numpy(indices._data.dtype).type_name
        raise RuntimeError(f"elements in indices should be type int64 but got: {found}")
    if indices._data.shape != input._data.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({list(input._data.shape)}) but got indices tensor with shape: "
            f"{list(indices._data.shape)}"
        )
    if rank > 1:
        return max_unpool_rows[rank].call(
            input, indices, output_size
        )
    dim = input._data.ndim
    image = max_unpool_rows[2].call(
        unsqueeze.call(input, dim), unsqueeze.call(indices, dim), (*output_size, 1)
    )
    return squeeze_one.call(image, dim)


for _function in (avg_pool1d, avg_pool2d, avg_pool3d, adaptive_avg_pool1d):
    _function.__module__ = "torch"
    public(_function.__name__, _function, method=False, nn=True)
