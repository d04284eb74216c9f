"""Rows of normalisation: batch, layer and group norm.

The statistics are residuals of the forward. They depend on the input, so under TEN the formulas
compute them again (`recompute`); the first derivative has kernels of few passes, whose second
reading as composed ops (`_input_gradient` and the like over TEN) is what gradients of gradients
go through.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import fused
from .._define.kinds import elementwise, joint
from .._kernels import reduce

Ints = tuple[int, ...]

_PIECE = 1 << 16


def _planes(shape: Ints) -> int:
    n = 1
    for size in shape[2:]:
        n *= size
    return n


def _column(values: Any, ndim: int) -> Any:
    """Per-channel values so that they broadcast against (N, C, ...)."""
    return values.reshape((-1,) + (1,) * (ndim - 2))


def _scaled(x: Any, scale: Any, shift: Any) -> Any:
    """``x * scale + shift`` per channel."""
    if x.ndim > 2 and x.flags.c_contiguous:
        wide = x.reshape(x.shape[0], x.shape[1], -1)
        out = np.multiply(wide, scale[:, None])
        np.add(out, shift[:, None], out=out)
        return out.reshape(x.shape)
    out = np.multiply(x, _column(scale, x.ndim))
    np.add(out, _column(shift, x.ndim), out=out)
    return out


def _affine(scale: Any, mean: Any, w: Any, b: Any) -> tuple[Any, Any]:
    if w is not None:
        scale = scale * w
    shift = -mean * scale
    return scale, shift if b is None else shift + b


def _batch_norm(x: Any, w: Any, b: Any, eps: float) -> tuple[Any, ...]:
    mean, var = reduce.batch_norm_stats(x)
    rstd = np.reciprocal(np.sqrt(var + var.dtype.type(eps)))
    out = _scaled(x, *_affine(rstd, mean, w, b))
    return out, mean, var, mean, rstd


def _channel_axes(x: Any) -> Ints:
    return (0, *range(2, len(x.shape)))


def _broadcastable(x: Any) -> Ints:
    return (1, -1, *(1,) * (len(x.shape) - 2))


def _batch_statistics(k: Any, x: Any, eps: float) -> tuple[Any, Any]:
    axes = _channel_axes(x)
    mean = k.mean(x, axes, True)
    centred = x - mean
    var = k.mean(centred * centred, axes, False)
    return k.reshape(mean, (-1,)), k.rsqrt(var + eps)


def _batch_norm_gradients(
    k: Any, g: Any, x: Any, w: Any, mean: Any, rstd: Any, eps: float, need: Any
) -> Any:
    return k.batch_norm_gradients(g, x, w, mean, rstd, need)


def _batch_gradients_raw(g: Any, x: Any, w: Any, mean: Any, rstd: Any, need: Any) -> Any:
    """Two passes for the sums, one for the gradient, a cache-sized piece at a time."""
    shape = x.shape
    x = np.ascontiguousarray(x).reshape(shape[0], shape[1], -1)
    g = np.ascontiguousarray(g).reshape(x.shape)
    images, channels, pixels = x.shape
    count = images * pixels
    step = max(1, _PIECE // max(1, channels * pixels))
    total = reduce.sum(g, (0, 2))
    dot = np.zeros(channels, x.dtype)
    column = mean[:, None]
    for first in range(0, images, step):
        centred = x[first : first + step] - column
        part = g[first : first + step]
        if pixels > 1:
            dot += np.einsum("ncp,ncp->c", centred, part)
        else:
            np.multiply(centred, part, out=centred)
            dot += reduce.sum(centred, (0, 2))
    gx = None
    if need[0]:
        scale = rstd if w is None else rstd * w
        # gx = scale * (g - mean(g) - (x - mean) * rstd^2 * mean(g * (x - mean)))
        slope = -scale * np.square(rstd) * dot / x.dtype.type(count)
        shift = -scale * total / x.dtype.type(count) - slope * mean
        gx = np.empty(x.shape, x.dtype)
        for first in range(0, images, step):
            part = np.multiply(x[first : first + step], slope[:, None],
                               out=gx[first : first + step])  # fmt: skip
            part += g[first : first + step] * scale[:, None]
            part += shift[:, None]
        gx = gx.reshape(shape)
    return gx, dot * rstd if need[1] else None, total if need[2] else None


def _batch_gradients_composed(
    k: Any, g: Any, x: Any, w: Any, mean: Any, rstd: Any, need: Any
) -> Any:
    wide = _broadcastable(x)
    axes = _channel_axes(x)
    rstd = k.reshape(rstd, wide)
    hat = (x - k.reshape(mean, wide)) * rstd
    gx = gw = gb = None
    if need[0]:
        inner = g - k.mean(g, axes, True) - hat * k.mean(g * hat, axes, True)
        gx = inner * (rstd if w is None else rstd * k.reshape(w, wide))
    if need[1]:
        gw = k.sum(g * hat, axes, False)
    if need[2]:
        gb = k.sum(g, axes, False)
    return gx, gw, gb


fused("batch_norm_gradients", _batch_gradients_raw, _batch_gradients_composed)


def _outputs(*tensors: Any) -> Any:
    return tensors


# Training: returns the mean and variance it found, for the running averages.
batch_norm_train = joint(
    "batch_norm_train", _batch_norm,
    "_batch_norm_train(Tensor input, Tensor? weight, Tensor? bias, float eps) -> "
    "(Tensor, Tensor, Tensor)",
    _batch_norm_gradients, ("x", "w", "b"), inputs=("x", "w", "b"), optional=("w", "b"),
    outputs=3, differentiable_outputs=(True, False, False), returns=_outputs,
    residuals=("mean", "rstd"), recomputed=("mean", "rstd"), recompute=_batch_statistics,
    node="NativeBatchNormBackward0", public=False,
)  # fmt: skip


def _batch_norm_eval(x: Any, w: Any, b: Any, mean: Any, var: Any, eps: float) -> Any:
    rstd = np.reciprocal(np.sqrt(var + var.dtype.type(eps)))
    return _scaled(x, *_affine(rstd, mean, w, b))


def _batch_norm_eval_gradients(
    k: Any, g: Any, x: Any, w: Any, mean: Any, var: Any, eps: float, need: Any
) -> Any:
    wide = _broadcastable(x)
    axes = _channel_axes(x)
    rstd = k.rsqrt(var + eps)
    gx = gw = gb = None
    if need[0]:
        gx = g * k.reshape(rstd if w is None else rstd * w, wide)
    if need[1]:
        gw = k.sum(g * ((x - k.reshape(mean, wide)) * k.reshape(rstd, wide)), axes, False)
    if need[2]:
        gb = k.sum(g, axes, False)
    return gx, gw, gb


batch_norm_eval = joint(
    "batch_norm_eval", _batch_norm_eval,
    "_batch_norm_eval(Tensor input, Tensor? weight, Tensor? bias, Tensor mean, Tensor var, "
    "float eps) -> Tensor",
    _batch_norm_eval_gradients, ("x", "w", "b"), inputs=("x", "w", "b", "mean", "var"),
    optional=("w", "b"), node="NativeBatchNormBackward0", public=False,
)  # fmt: skip


def _moving_average(old: Any, new: Any, momentum: float, factor: float) -> Any:
    kind = old.dtype.type
    return old * kind(1 - momentum) + new.astype(old.dtype, copy=False) * kind(momentum * factor)


# running = (1 - momentum) * running + momentum * factor * found
moving_average = elementwise(
    "moving_average", _moving_average,
    "_moving_average(Tensor self, Tensor other, float momentum, float factor) -> Tensor",
    inputs=("old", "new"), public=False,
)  # fmt: skip

# ---- layer norm ------------------------------------------------------------------------------------


def _layer_norm(x: Any, w: Any, b: Any, rank: int, eps: float) -> tuple[Any, Any, Any]:
    mean, var = reduce.layer_norm_stats(x, rank)
    rstd = np.reciprocal(np.sqrt(var + var.dtype.type(eps)))
    out = np.subtract(x, mean)
    np.multiply(out, rstd, out=out)
    if w is not None:
        np.multiply(out, w, out=out)
    if b is not None:
        np.add(out, b, out=out)
    return out, mean, rstd


def _layer_statistics(k: Any, x: Any, rank: int, eps: float) -> tuple[Any, Any]:
    axes = tuple(range(len(x.shape) - rank, len(x.shape)))
    mean = k.mean(x, axes, True)
    centred = x - mean
    return mean, k.rsqrt(k.mean(centred * centred, axes, True) + eps)


def _layer_norm_gradients(
    k: Any, g: Any, x: Any, w: Any, mean: Any, rstd: Any, rank: int, eps: float, need: Any
) -> Any:
    return k.layer_norm_gradients(g, x, w, mean, rstd, rank, need)


def _layer_gradients_raw(
    g: Any, x: Any, w: Any, mean: Any, rstd: Any, rank: int, need: Any
) -> Any:
    shape = x.shape
    width = 1
    for n in shape[len(shape) - rank :]:
        width *= n
    g = np.ascontiguousarray(g).reshape(-1, width)
    x = np.ascontiguousarray(x).reshape(-1, width)
    rstd = rstd.reshape(-1, 1)
    hat = np.subtract(x, mean.reshape(-1, 1))
    np.multiply(hat, rstd, out=hat)
    gx = gw = gb = None
    kept = shape[len(shape) - rank :]
    if need[1]:
        gw = _sum_of_products(g, hat).reshape(kept)
    if need[2]:
        gb = reduce.sum(g, (0,)).reshape(kept)
    if need[0]:
        inner = g if w is None else g * w.reshape(-1)
        size = x.dtype.type(max(1, width))
        dot = (np.vecdot(inner, hat) / size)[:, None]
        centre = (reduce.sum(inner, (1,)) / size)[:, None]
        np.multiply(hat, dot, out=hat)
        gx = np.subtract(inner, hat, out=hat)
        np.subtract(gx, centre, out=gx)
        gx = np.multiply(gx, rstd, out=gx).reshape(shape)
    return gx, gw, gb


def _sum_of_products(a: Any, b: Any) -> Any:
    """``sum_i a[i] * b[i]`` over rows, a cache-sized piece at a time."""
    rows, width = a.shape
    step = max(1, _PIECE // max(1, width))
    if rows <= step:
        return reduce.sum(a * b, (0,))
    total = np.zeros(width, a.dtype)
    for first in range(0, rows, step):
        total += reduce.sum(a[first : first + step] * b[first : first + step], (0,))
    return total


def _layer_gradients_composed(
    k: Any, g: Any, x: Any, w: Any, mean: Any, rstd: Any, rank: int, need: Any
) -> Any:
    ndim = len(x.shape)
    axes = tuple(range(ndim - rank, ndim))
    rows = tuple(range(ndim - rank))
    hat = (x - mean) * rstd
    gx = gw = gb = None
    if need[0]:
        inner = g if w is None else g * w
        gx = (inner - k.mean(inner, axes, True) - hat * k.mean(inner * hat, axes, True)) * rstd
    if need[1]:
        gw = k.sum(g * hat, rows, False) if rows else g * hat
    if need[2]:
        gb = k.sum(g, rows, False) if rows else g
    return gx, gw, gb


fused("layer_norm_gradients", _layer_gradients_raw, _layer_gradients_composed)

layer_norm = joint(
    "layer_norm", _layer_norm,
    "_layer_norm(Tensor input, Tensor? weight, Tensor? bias, int rank, float eps) -> Tensor",
    _layer_norm_gradients, ("x", "w", "b"), inputs=("x", "w", "b"), optional=("w", "b"),
    residuals=("mean", "rstd"), recomputed=("mean", "rstd"), recompute=_layer_statistics,
    node="NativeLayerNormBackward0", public=False,
)  # fmt: skip

# ---- group norm: layer norm of each group, then a scale per channel --------------------------------


def _group_norm(x: Any, w: Any, b: Any, groups: int, eps: float) -> tuple[Any, Any, Any]:
    rows = np.ascontiguousarray(x).reshape(x.shape[0], groups, -1)
    out, mean, rstd = _layer_norm(rows, None, None, 1, eps)
    out = out.reshape(x.shape)
    if w is not None:
        np.multiply(out, _column(w, x.ndim), out=out)
    if b is not None:
        np.add(out, _column(b, x.ndim), out=out)
    return out, mean, rstd


def _group_statistics(k: Any, x: Any, groups: int, eps: float) -> tuple[Any, Any]:
    return _layer_statistics(k, k.reshape(x, (int(x.shape[0]), groups, -1)), 1, eps)


def _group_norm_gradients(
    k: Any, g: Any, x: Any, w: Any, mean: Any, rstd: Any, groups: int, eps: float, need: Any
) -> Any:
    wide = _broadcastable(x)
    rows = (int(x.shape[0]), groups, -1)
    shape = tuple(x.shape)
    axes = _channel_axes(x)
    gx = gw = gb = None
    x = k.reshape(x, rows)
    if need[0]:
        inner = g if w is None else g * k.reshape(w, wide)
        inner = k.reshape(inner, rows)
        gx = k.layer_norm_gradients(inner, x, None, mean, rstd, 1, (True, False, False))[0]
        gx = k.reshape(gx, shape)
    if need[1]:
        gw = k.sum(g * k.reshape((x - mean) * rstd, shape), axes, False)
    if need[2]:
        gb = k.sum(g, axes, False)
    return gx, gw, gb


group_norm = joint(
    "group_norm", _group_norm,
    "_group_norm(Tensor input, Tensor? weight, Tensor? bias, int groups, float eps) -> Tensor",
    _group_norm_gradients, ("x", "w", "b"), inputs=("x", "w", "b"), optional=("w", "b"),
    residuals=("mean", "rstd"), recomputed=("mean", "rstd"), recompute=_group_statistics,
    node="NativeGroupNormBackward0", public=False,
)  # fmt: skip
