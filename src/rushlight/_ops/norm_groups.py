"""The row of group norm: layer norm of each group of channels, then a scale per channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import fused
from .._define.kinds import joint
from .._kernels import reduce
from .norm import (
    _ONE_DTYPE,
    _broadcastable,
    _channel_axes,
    _layer_statistics,
    _parts,
    _planes,
)


def _group_norm(x: Any, w: Any, b: Any, groups: int, eps: float) -> tuple[Any, Any, Any]:
    shape = x.shape
    images, channels = shape[:2]
    if not x.size:
        one = (images, groups, 1)
        return x.copy(), np.empty(one, x.dtype), np.empty(one, x.dtype)
    inside = channels // groups
    pixels = _planes(shape)
    rows = np.ascontiguousarray(x).reshape(images * groups, -1)
    out = np.empty(rows.shape, x.dtype)
    mean, rstd = np.empty((2, len(rows), 1), x.dtype)
    size, smallest = np.array(rows.shape[1], x.dtype), np.array(eps, x.dtype)
    factors, shifts = (_of_groups(t, images, groups) for t in (w, b))
    for part in _parts(*rows.shape):
        source, target, center, scale = rows[part], out[part], mean[part], rstd[part]
        reduce.row_sum(source, center)
        np.divide(center, size, out=center)
        np.subtract(source, center, out=target)
        np.vecdot(target, target, out=scale[:, 0])
        np.divide(scale, size, out=scale)
        np.add(scale, smallest, out=scale)
        np.sqrt(scale, out=scale)
        np.reciprocal(scale, out=scale)
        if factors is None:
            np.multiply(target, scale, out=target)
        planes = target.reshape(len(target), inside, pixels)
        if factors is not None:
            np.multiply(planes, (factors[part] * scale)[..., None], out=planes)
        if shifts is not None:
            np.add(planes, shifts[part][..., None], out=planes)
    one = (images, groups, 1)
    return out.reshape(shape), mean.reshape(one), rstd.reshape(one)


def _of_groups(values: Any, images: int, groups: int) -> Any:
    """Per-channel values for each group of each image: ``(images * groups, channels in one)``."""
    return None if values is None else np.tile(values.reshape(groups, -1), (images, 1))


def _group_statistics(k: Any, x: Any, groups: int, eps: float) -> tuple[Any, Any]:
    return _layer_statistics(k, k.reshape(x, (int(x.shape[0]), groups, -1)), 1, eps)


def _group_norm_gradients(
    k: Any, g: Any, x: Any, w: Any, mean: Any, rstd: Any, groups: int, eps: float, need: Any
) -> Any:
    return k.group_norm_gradients(g, x, w, mean, rstd, groups, need)


def _group_gradients_raw(
    g: Any, x: Any, w: Any, mean: Any, rstd: Any, groups: int, need: Any
) -> Any:
    """All sums and the gradient in one run over cache-sized pieces."""
    shape = x.shape
    images, channels = shape[:2]
    inside, pixels = channels // groups, _planes(shape)
    count = images * groups
    g, x = (np.ascontiguousarray(t).reshape(count, inside * pixels) for t in (g, x))
    mean, rstd = mean.reshape(count, 1), rstd.reshape(count, 1)
    factors = _of_groups(w, images, groups)
    gx = np.empty(x.shape, x.dtype) if need[0] else None
    totals, dots = np.empty((2, count, inside), x.dtype)
    size = np.array(inside * pixels, x.dtype)
    parts = _parts(count, inside * pixels)
    # A buffer for all pieces: memory that is already mapped, and warm.
    buffer = np.empty((min(count, parts[0].stop) if parts else 0, inside * pixels), x.dtype)
    for part in parts:
        outer, scale = g[part].reshape(-1, inside, pixels), rstd[part]
        centred = np.subtract(x[part], mean[part], out=buffer[: len(outer)])
        planes = centred.reshape(outer.shape)
        reduce.row_sum(outer.reshape(-1, pixels), totals[part].reshape(-1, 1))
        np.vecdot(planes, outer, out=dots[part])
        if gx is None:
            continue
        # (inner - mean(inner) - hat * mean(inner * hat)) * rstd with hat = centred * rstd
        total, dot = totals[part], dots[part]
        if factors is not None:
            total, dot = total * factors[part], dot * factors[part]
        shift = total.sum(1, keepdims=True) * scale / size
        slope = dot.sum(1, keepdims=True) * scale * scale * scale / size
        np.multiply(centred, slope, out=centred)
        np.add(centred, shift, out=centred)
        target = gx[part]
        own = scale if factors is None else factors[part] * scale
        np.multiply(outer, own[..., None], out=target.reshape(outer.shape))
        np.subtract(target, centred, out=target)
    gw = reduce.sum((dots * rstd).reshape(images, channels), (0,)) if need[1] else None
    gb = reduce.sum(totals.reshape(images, channels), (0,)) if need[2] else None
    return None if gx is None else gx.reshape(shape), gw, gb


def _group_gradients_composed(
    k: Any, g: Any, x: Any, w: Any, mean: Any, rstd: Any, groups: int, need: Any
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


fused("group_norm_gradients", _group_gradients_raw, _group_gradients_composed)

group_norm = joint(
    "group_norm", _group_norm,
    "_group_norm(Tensor input, Tensor? weight, Tensor? bias, int groups, float eps) -> Tensor",
    _group_norm_gradients, ("x", "w", "b"), inputs=("x", "w", "b"), optional=("w", "b"),
    **_ONE_DTYPE,
    residuals=("mean", "rstd"), recomputed=("mean", "rstd"), recompute=_group_statistics,
    node="NativeGroupNormBackward0", public=False,
)  # fmt: skip
