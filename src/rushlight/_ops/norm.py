"""Rows of normalisation: batch and layer norm; group norm is in `norm_groups.py`.

The statistics are residuals of the forward. They depend on the input, so under TEN the formulas
compute them again (`recompute`); the first derivative has kernels of few passes, whose second
reading as composed ops (`_input_gradient` and the like over TEN) is what gradients of gradients
go through.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._core import fused
from .._define.kinds import elementwise, joint
from .._kernels import native, reduce
from .._kernels.memory import keep_freed_memory_once

Ints = tuple[int, ...]

_PIECE = 1 << 16  # elements that stay in cache from one pass to the next


def _planes(shape: Ints) -> int:
    n = 1
    for size in shape[2:]:
        n *= size
    return n


def _scaled(x: Any, scale: Any, shift: Any) -> Any:
    """``x * scale + shift`` per channel."""
    if not x.size:
        return x.copy()
    images, channels = x.shape[:2]
    rows = x.reshape(images, -1)
    out = np.empty(rows.shape, x.dtype)
    scale, shift = (reduce.spread(t, rows.shape[1] // channels) for t in (scale, shift))
    for part in _parts(*rows.shape):
        target = np.multiply(rows[part], scale, out=out[part])
        np.add(target, shift, out=target)
    return out.reshape(x.shape)


def _affine(scale: Any, mean: Any, w: Any, b: Any) -> tuple[Any, Any]:
    if w is not None:
        scale = scale * w
    shift = -mean * scale
    return scale, shift if b is None else shift + b


def _batch_norm(x: Any, w: Any, b: Any, eps: float) -> tuple[Any, ...]:
    if x.size >= native.limit:
        made = native.whole("batch_norm_train", x, w, b, eps)
        if made is not None:
            out, mean, var, rstd = made
            return out, mean, var, mean, rstd
    if x.ndim == 2 and 0 < x.size <= _PIECE:
        return _batch_norm_of_rows(x, w, b, eps)
    mean, var = reduce.batch_norm_stats(x)
    rstd = np.reciprocal(np.sqrt(var + var.dtype.type(eps)))
    out = _scaled(x, *_affine(rstd, mean, w, b))
    return out, mean, var, mean, rstd


def _batch_norm_of_rows(x: Any, w: Any, b: Any, eps: float) -> tuple[Any, ...]:
    """The same for a small matrix, where calls cost more than passes."""
    size = np.array(x.shape[0], x.dtype)
    center = reduce.column_sum(x)
    center /= size
    out = np.subtract(x, center)
    drift = reduce.column_sum(out)
    drift /= size
    var = reduce.column_sum(np.square(out))
    var /= size
    var -= np.square(drift)
    center += drift
    rstd = np.add(var, np.array(eps, x.dtype))
    np.sqrt(rstd, out=rstd)
    np.reciprocal(rstd, out=rstd)
    scale, shift = _affine(rstd, drift, w, b)
    np.multiply(out, scale, out=out)
    np.add(out, shift, out=out)
    return out, center, var, center, rstd


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
    if x.size >= native.limit:
        made = native.whole("batch_norm_gradients", g, x, w, mean, rstd, need)
        if made is not None:
            return made
    if x.ndim == 2 and x.size <= _PIECE:
        return _batch_gradients_of_rows(g, x, w, mean, rstd, need)
    shape = x.shape
    images, channels = shape[:2]
    pixels = _planes(shape)
    x, g = x.reshape(images, channels * pixels), g.reshape(images, channels * pixels)
    total = reduce.sum(g.reshape(images, channels, pixels), (0, 2))
    dot = np.zeros(channels, x.dtype)
    center = reduce.spread(mean, pixels)
    parts = _parts(*x.shape)
    scratch = np.empty((min(images, parts[0].stop) if parts else 0, x.shape[1]), x.dtype)
    for part in parts:
        outer = g[part]
        centred = np.subtract(x[part], center, out=scratch[: len(outer)])
        if pixels > 1:
            planes = (len(outer), channels, pixels)
            dot += reduce.column_sum(np.vecdot(centred.reshape(planes), outer.reshape(planes)))
        else:
            np.multiply(centred, outer, out=centred)
            dot += reduce.column_sum(centred)
    gx = None
    if need[0]:
        # gx = scale * (g - mean(g) - (x - mean) * rstd^2 * mean(g * (x - mean)))
        scale = rstd if w is None else rstd * w
        size = x.dtype.type(images * pixels)
        slope = -np.square(rstd) * dot / size
        shift = (-total / size - slope * mean) * scale
        slope, scale, shift = (reduce.spread(t, pixels) for t in (slope, scale, shift))
        gx = np.empty(x.shape, x.dtype)
        for part in parts:
            target = np.multiply(x[part], slope, out=gx[part])
            target += g[part]
            target *= scale
            target += shift
        gx = gx.reshape(shape)
    return gx, dot * rstd if need[1] else None, total if need[2] else None


def _batch_gradients_of_rows(g: Any, x: Any, w: Any, mean: Any, rstd: Any, need: Any) -> Any:
    """The same for a small matrix, where calls cost more than passes."""
    hat = np.subtract(x, mean)
    np.multiply(hat, rstd, out=hat)
    total, dot = reduce.column_sum(g), reduce.column_sum(g * hat)
    gx = None
    if need[0]:
        size = x.dtype.type(x.shape[0])
        np.multiply(hat, dot / size, out=hat)
        gx = np.subtract(g, hat, out=hat)
        np.subtract(gx, total / size, out=gx)
        np.multiply(gx, rstd if w is None else rstd * w, out=gx)
    return gx, dot if need[1] else None, total if need[2] else None


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


_ONE_DTYPE: dict[str, Any] = {
    "same_dtype": (0, 1, 2), "promotion": "equal", "floats": True,
    "mismatch": lambda x, other: "mixed dtype (CPU): all inputs must share same datatype.",
}  # fmt: skip


def _outputs(*tensors: Any) -> Any:
    return tensors


# Training: returns the mean and variance it found, for the running averages.
batch_norm_train = joint(
    "batch_norm_train", _batch_norm,
    "_batch_norm_train(Tensor input, Tensor? weight, Tensor? bias, float eps) -> "
    "(Tensor, Tensor, Tensor)",
    _batch_norm_gradients, ("x", "w", "b"), inputs=("x", "w", "b"), optional=("w", "b"),
    **_ONE_DTYPE,
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

# ---- layer norm ---------------------------------------------------------------------------------


def _layer_norm(x: Any, w: Any, b: Any, rank: int, eps: float) -> tuple[Any, Any, Any]:
    """Statistics and result in one run over cache-sized pieces; squares are about the mean."""
    if x.size >= native.limit:
        made = native.whole("layer_norm", x, w, b, rank, eps)
        if made is not None:
            return tuple(made)
    shape = x.shape
    lead, kept = shape[: len(shape) - rank], shape[len(shape) - rank :]
    count, width = math.prod(lead), math.prod(kept)
    rows = x.reshape(count, width)
    out = np.empty((count, width), x.dtype)
    mean = np.empty((count, 1), x.dtype)
    rstd = np.empty((count, 1), x.dtype)
    if rank > 1:
        w, b = (None if t is None else t.reshape(-1) for t in (w, b))
    size, smallest = np.array(width, x.dtype), np.array(eps, x.dtype)
    for part in _parts(count, width):
        source, target, center, scale = rows[part], out[part], mean[part], rstd[part]
        reduce.row_sum(source, center)
        np.divide(center, size, out=center)
        np.subtract(source, center, out=target)
        np.vecdot(target, target, out=scale[:, 0])
        np.divide(scale, size, out=scale)
        np.add(scale, smallest, out=scale)
        np.sqrt(scale, out=scale)
        np.reciprocal(scale, out=scale)
        np.multiply(target, scale, out=target)
        if w is not None:
            np.multiply(target, w, out=target)
        if b is not None:
            np.add(target, b, out=target)
    one = lead + (1,) * rank
    return out.reshape(shape), mean.reshape(one), rstd.reshape(one)


def _parts(count: int, width: int) -> list[slice]:
    """Rows that fit into the cache together."""
    step = max(1, _PIECE // max(1, width))
    if step < count:
        keep_freed_memory_once()
    return [slice(i, i + step) for i in range(0, count, step)]


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
    """All sums and the gradient in one run over cache-sized pieces."""
    if x.size >= native.limit:
        made = native.whole("layer_norm_gradients", g, x, w, mean, rstd, rank, need)
        if made is not None:
            return made
    shape = x.shape
    kept = shape[len(shape) - rank :]
    width = math.prod(kept)
    count = math.prod(shape[: len(shape) - rank])
    g, x = g.reshape(count, width), x.reshape(count, width)
    mean, rstd = mean.reshape(count, 1), rstd.reshape(count, 1)
    if w is not None and rank > 1:
        w = w.reshape(-1)
    parts = _parts(count, width)
    gx = np.empty((count, width), x.dtype) if need[0] else None
    gw = np.zeros(width, x.dtype) if need[1] else None
    gb = np.zeros(width, x.dtype) if need[2] else None
    size = np.array(width, x.dtype)
    # Buffers for all pieces: memory that is already mapped, and warm.
    high = min(count, parts[0].stop) if parts else 0
    buffers = np.empty((2, high, width), x.dtype)
    for part in parts:
        outer, scale = g[part], rstd[part]
        centred, other = buffers[:, : len(outer)]
        np.subtract(x[part], mean[part], out=centred)
        if gb is not None:
            gb += reduce.column_sum(outer)
        if gw is not None:
            np.multiply(outer, centred, out=other)
            gw += np.dot(scale[:, 0], other)
        if gx is not None:
            # (inner - mean(inner) - hat * mean(inner * hat)) * rstd with hat = centred * rstd
            inner = outer if w is None else np.multiply(outer, w, out=other)
            slope = np.vecdot(inner, centred)[:, None]
            slope *= scale
            slope *= scale
            slope /= size
            np.multiply(centred, slope, out=centred)
            shift = reduce.row_sum(inner, slope)
            shift /= size
            np.add(centred, shift, out=centred)
            np.subtract(inner, centred, out=centred)
            np.multiply(centred, scale, out=gx[part])
    return (
        None if gx is None else gx.reshape(shape),
        None if gw is None else gw.reshape(kept),
        None if gb is None else gb.reshape(kept),
    )


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
    **_ONE_DTYPE,
    residuals=("mean", "rstd"), recomputed=("mean", "rstd"), recompute=_layer_statistics,
    node="NativeLayerNormBackward0", public=False,
)  # fmt: skip
