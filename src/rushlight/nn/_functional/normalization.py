"""Normalisation of `torch.nn.functional`."""

from __future__ import annotations

from typing import Any

from ... import _dtypes
from ..._core import Tensor, ctx
from ..._ops import norm as rows
from ..._ops.arguments import half_precision
from ..._ops.casting import cast
from ..._ops.elementwise import rsqrt
from ..._ops.movement import reshape
from ..._ops.norm_groups import group_norm as group_norm_row
from ..._ops.reduce import mean_row
from ..._tensor.device import Size
from ...autograd import inplace as surgery
from .loss import not_differentiable
from .pooling import avg_pool2d, avg_pool3d


def _common(name: str, input: Tensor, *others: Tensor | None) -> tuple[Any, ...]:
    """Everything in one dtype: half precision is computed in float32, other mixes are refused."""
    dtype = input._data.dtype
    if half_precision(input):
        return (
            cast.call(input, _dtypes.FLOAT32),
            *(t if t is None or t._data.dtype == _dtypes.FLOAT32
              else cast.call(t, _dtypes.FLOAT32) for t in others),
        )  # fmt: skip
    if dtype.kind != "f":
        found = _dtypes.from_numpy(dtype).type_name
        raise NotImplementedError(f"\"{name}\" not implemented for '{found}'")
    for t in others:
        if t is not None and t._data.dtype != dtype:
            raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
    return (input, *others)


def _verify_batch_size(shape: tuple[int, ...]) -> None:
    count = shape[0]
    for n in shape[2:]:
        count *= n
    if count == 1:
        error = ValueError(
            f"Expected more than 1 value per channel when training, got input size {Size(shape)}"
        )
        error.add_note(
            "rushlight: one value has no variance; use a larger batch or model.eval()."
        )
        raise error


def _check_channels(channels: int, **tensors: Tensor | None) -> None:
    for name, t in tensors.items():
        if t is not None and t._data.size != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {t._data.size}")


def _batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None,
    bias: Tensor | None, training: bool, momentum: float, eps: float,
) -> Tensor:  # fmt: skip
    shape = input._data.shape
    channels = shape[1] if len(shape) > 1 else 0
    _check_channels(channels, running_mean=running_mean, running_var=running_var, weight=weight,
                    bias=bias)  # fmt: skip
    if not training:
        if running_mean is None:
            raise RuntimeError("running_mean must be defined in evaluation mode")
        if running_var is None:
            raise RuntimeError("running_var must be defined in evaluation mode")
    not_differentiable("native_batch_norm", running_mean=running_mean, running_var=running_var)
    x, w, b, mean, var = _common("batch_norm", input, weight, bias, running_mean, running_var)
    if training:
        out, found_mean, found_var = rows.batch_norm_train.call(x, w, b, eps)
        if running_mean is not None:
            _update(running_mean, found_mean, momentum, 1.0)
        if running_var is not None:
            count = input._data.size // max(1, channels)
            _update(running_var, found_var, momentum, count / max(1, count - 1))
    else:
        out = rows.batch_norm_eval.call(x, w, b, mean, var, eps)
    if out._data.dtype != input._data.dtype:
        out = cast.call(out, input._data.dtype)
    return out


_UNBATCHED = (
    "Batch norm got a batched tensor as input while the running_mean or running_var, which will be "
    "updated in place, were not batched.\nIf you are using a module and do not need eval mode, "
    "please set `track_running_stats` to be False.If you are using a prebuilt module and do not "
    "need eval mode, please see the functorch website for resources on how to patch your module "
    "to work with vmap"
)


def _update(running: Tensor, found: Tensor, momentum: float, factor: float) -> None:
    """``running = (1 - momentum) running + momentum factor found``, in place."""
    if running._data.dtype != found._data.dtype:
        found = cast.call(found, running._data.dtype)
    if ctx.handler is not None and running._batched is None and found._batched is not None:
        raise RuntimeError(_UNBATCHED)
    average = rows.moving_average.call(running, found, float(momentum), float(factor))
    surgery.write(running, average)


def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None,
    weight: Tensor | None = None, bias: Tensor | None = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalises each channel over the batch: ``(x - mean) / sqrt(var + eps) * weight + bias``.

    In training, mean and variance are those of the batch, and the running ones, where given, move
    towards them in place by `momentum`; otherwise the running ones are used.

    Shape: input (N, C, *); running_mean, running_var, weight, bias (C).

    Raises:
        ValueError: training on one value per channel.
        RuntimeError: sizes that are not C; evaluation without running statistics.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html;
    Ioffe and Szegedy 2015, arXiv:1502.03167.

    >>> import rushlight as torch
    >>> torch.nn.functional.batch_norm(torch.tensor([[1.], [3.]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    if training:
        _verify_batch_size(input._data.shape)
    return _batch_norm(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )


def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
    weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalises each channel of each image.

    Shape: input (N, C, *); running_mean, running_var, weight, bias (C).

    Raises:
        ValueError: one spatial element has no variance.

    Source: torch.nn.functional.instance_norm; Ulyanov et al. 2016, arXiv:1607.08022.

    >>> import rushlight as torch
    >>> torch.nn.functional.instance_norm(torch.tensor([[[1., 3.]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    shape = input._data.shape
    if use_input_stats:
        count = 1
        for n in shape[2:]:
            count *= n
        if count == 1:
            raise ValueError(
                f"Expected more than 1 spatial element when training, got input size {Size(shape)}"
            )
    elif running_mean is None or running_var is None:
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    images, channels = shape[0], shape[1]
    repeated: Any = [
        None if t is None else t.repeat(images)
        for t in (running_mean, running_var, weight, bias)
    ]
    flat = reshape(input, (1, images * channels, *shape[2:]))
    mean, var, w, b = repeated
    out = _batch_norm(flat, mean, var, w, b, use_input_stats, momentum, eps)
    if use_input_stats:
        for running, found in ((running_mean, mean), (running_var, var)):
            if running is not None:
                average = mean_row.call(reshape(found, (images, channels)), (0,), False)
                surgery.write(running, average)
    return reshape(out, shape)


def _check_normalized_shape(
    input: Tensor, normalized_shape: Any, star: str, function: str
) -> tuple[int, ...]:
    if isinstance(normalized_shape, int):
        raise TypeError(
            f"{function}(): argument 'normalized_shape' (position 2) must be tuple of ints, not int"
        )
    kept = tuple(int(n) for n in normalized_shape)
    if not kept:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    shape = input._data.shape
    if shape[max(0, len(shape) - len(kept)) :] != kept:
        listed = ", ".join(str(n) for n in kept)
        raise RuntimeError(
            f"Given normalized_shape={list(kept)}, expected input with shape [*{star}{listed}], "
            f"but got input of size{list(shape)}"
        )
    return kept


def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None,
    bias: Tensor | None = None, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalises over the last dimensions: ``(x - mean) / sqrt(var + eps) * weight + bias``.

    Shape: input (*, *normalized_shape); weight and bias normalized_shape.

    Raises:
        RuntimeError: the input does not end in `normalized_shape`.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.layer_norm.html;
    Ba et al. 2016, arXiv:1607.06450.

    >>> import rushlight as torch
    >>> torch.nn.functional.layer_norm(torch.tensor([[1., 3.]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    kept = _check_normalized_shape(input, normalized_shape, ", ", "layer_norm")
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t._data.shape != kept:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of "
                f"shape {list(t._data.shape)} and normalized_shape = {list(kept)}"
            )
    x, w, b = _common("LayerNormKernelImpl", input, weight, bias)
    out = rows.layer_norm.call(x, w, b, len(kept), eps)
    return out if x is input else cast.call(out, input._data.dtype)


def rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """``x / sqrt(mean(x^2) + eps) * weight`` over the last dimensions.

    Args:
        eps: by default the smallest step of the dtype above 1.

    Source: torch.nn.functional.rms_norm; Zhang and Sennrich 2019, arXiv:1910.07467.

    >>> import rushlight as torch
    >>> torch.nn.functional.rms_norm(torch.tensor([[3., 3.]]), (2,))
    tensor([[1., 1.]])
    """
    kept = _check_normalized_shape(input, normalized_shape, "", "rms_norm")
    if weight is not None and weight._data.shape != kept:
        raise RuntimeError(
            "Expected weight to be of same shape as normalized_shape, but got weight of shape "
            f"{list(weight._data.shape)} and normalized_shape = {list(kept)}"
        )
    import numpy as np

    x: Any = input
    if half_precision(input):
        x = cast.call(input, _dtypes.FLOAT32)
    if eps is None:
        eps = float(np.finfo(x._data.dtype).eps)
    ndim = x._data.ndim
    axes = tuple(range(ndim - len(kept), ndim))
    scale = rsqrt.call(mean_row.call(x * x, axes, True) + eps)
    out = x * scale
    if x is not input and weight is not None and half_precision(weight):
        weight = cast.call(weight, _dtypes.FLOAT32)
    if weight is not None:
        out = out * weight
    return out if x is input else cast.call(out, input._data.dtype)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalises each group of channels of each image, then scales each channel.

    Shape: input (N, C, *), C divisible by num_groups; weight and bias (C).

    Source: torch.nn.functional.group_norm; Wu and He 2018, arXiv:1803.08494.

    >>> import rushlight as torch
    >>> torch.nn.functional.group_norm(torch.tensor([[1., 3.]]), 1)
    tensor([[-1.0000,  1.0000]])
    """
    shape = input._data.shape
    if len(shape) < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {len(shape)}"
        )
    if num_groups > 0:
        count = shape[0] * shape[1] // num_groups
        for n in shape[2:]:
            count *= n
        if count == 1:
            listed = [shape[0] * shape[1] // num_groups, num_groups, *shape[2:]]
            raise ValueError(
                f"Expected more than 1 value per channel when training, got input size {listed}"
            )
    if num_groups <= 0:
        raise RuntimeError(
            f"Expected num groups to be greater than 0, got {num_groups}"
        )
    if shape[1] % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(shape)} and num_groups={num_groups}"
        )
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t._data.shape != (shape[1],):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, "
                f"but got {name} of shape {list(t._data.shape)} and input of shape {list(shape)}"
            )
    x, w, b = _common("GroupNormKernelImpl", input, weight, bias)
    out = group_norm_row.call(x, w, b, num_groups, eps)
    return out if x is input else cast.call(out, input._data.dtype)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """``x / (k + alpha * mean of x^2 over `size` channels)^beta``.

    Source: torch.nn.functional.local_response_norm; Krizhevsky et al. 2012.

    >>> import rushlight as torch
    >>> torch.nn.functional.local_response_norm(torch.ones(1, 1, 1), 1, alpha=3., beta=0.5)
    tensor([[[0.5000]]])
    """
    from .padding import pad

    shape = input._data.shape
    if len(shape) < 3:
        raise ValueError(
            "Expected 3D or higher dimensionality                          input (got "
            f"{len(shape)} dimensions)"
        )
    if input._data.size == 0:
        return input
    square: Any = input * input
    square = square.unsqueeze(1)
    before, after = size // 2, (size - 1) // 2
    if len(shape) == 3:
        square = pad(square, (0, 0, before, after))
        mean: Any = avg_pool2d(square, (size, 1), stride=1)
    else:
        square = reshape(square, (shape[0], 1, shape[1], shape[2], -1))
        square = pad(square, (0, 0, 0, 0, before, after))
        mean = avg_pool3d(square, (size, 1, 1), stride=1)
        mean = reshape(mean, (shape[0], 1, *shape[1:]))
    mean = mean.squeeze(1)
    return input / (mean * alpha + k).pow(beta)


def normalize(
    input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """``x / max(||x||_p, eps)`` along `dim`. Source: torch.nn.functional.normalize.

    >>> import rushlight as torch
    >>> torch.nn.functional.normalize(torch.tensor([[3., 4.]]))
    tensor([[0.6000, 0.8000]])
    """
    length = input.norm(p, dim, keepdim=True).clamp_min(eps)
    result = input / length.expand_as(input)
    if out is None:
        return result
    from ..._ops.elementwise import div

    return surgery.write_out(div, result, out)
