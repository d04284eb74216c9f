"""Rows that rearrange or resample images: pixel shuffle, unfold and fold, interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _dtypes
from .._define.kinds import linear

Ints = tuple[int, ...]

# ---- shuffles -----------------------------------------------------------------------------------


def _pixel_shuffle(x: Any, factor: int) -> Any:
    *lead, channels, height, width = x.shape
    kept = channels // (factor * factor)
    n = len(lead)
    split = x.reshape(*lead, kept, factor, factor, height, width)
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return split.transpose(order).reshape(*lead, kept, height * factor, width * factor)


def _pixel_unshuffle(x: Any, factor: int) -> Any:
    *lead, channels, height, width = x.shape
    n = len(lead)
    split = x.reshape(*lead, channels, height // factor, factor, width // factor, factor)
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    shape = (*lead, channels * factor * factor, height // factor, width // factor)
    return split.transpose(order).reshape(shape)


def _shuffle_check(x: Any, factor: Any) -> tuple[int]:
    if x.ndim < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with "
            f"{x.ndim} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {factor}")
    if x.shape[-3] % (factor * factor):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={x.shape[-3]} is not divisible by "
            f"{factor * factor}"
        )
    return (factor,)


def _unshuffle_check(x: Any, factor: Any) -> tuple[int]:
    if x.ndim < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
            f"{x.ndim} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(
            f"pixel_unshuffle expects a positive downscale_factor, but got {factor}"
        )
    for axis, name in ((-2, "height"), (-1, "width")):
        if x.shape[axis] % factor:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({axis})={x.shape[axis]} is not divisible by {factor}"
            )
    return (factor,)


pixel_shuffle = linear(
    "pixel_shuffle", _pixel_shuffle, "pixel_shuffle(Tensor self, int upscale_factor) -> Tensor",
    attrs=("factor",), x=lambda k, g, factor: k.pixel_unshuffle(g, factor), check=_shuffle_check,
)  # fmt: skip
pixel_unshuffle = linear(
    "pixel_unshuffle", _pixel_unshuffle,
    "pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor", attrs=("factor",),
    x=lambda k, g, factor: k.pixel_shuffle(g, factor), check=_unshuffle_check,
)  # fmt: skip


def _channel_shuffle(x: Any, groups: int) -> Any:
    split = x.reshape(x.shape[0], groups, x.shape[1] // groups, -1)
    return split.transpose(0, 2, 1, 3).reshape(x.shape)


def _channel_check(x: Any, groups: Any) -> tuple[int]:
    if x.ndim < 3:
        raise RuntimeError(
            "channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(x.shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    if x.shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {x.shape[1]} channels and "
            f"{groups} groups."
        )
    return (groups,)


channel_shuffle = linear(
    "channel_shuffle", _channel_shuffle, "channel_shuffle(Tensor self, SymInt groups) -> Tensor",
    x=lambda k, g, x_shape, groups: k.channel_shuffle(g, x_shape[1] // groups),
    check=_channel_check,
)  # fmt: skip

# ---- unfold and fold: the windows of an image as columns, and their sum -------------------------


def _blocks(spatial: Ints, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> Ints:
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(spatial, kernel, dilation, padding, stride, strict=True)
    )


def _tap(i: int, out: int, dilation: int, stride: int) -> slice:
    return slice(i * dilation, i * dilation + (out - 1) * stride + 1, stride)


def _im2col(x: Any, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> Any:
    if x.ndim == 3:
        return _im2col(x[None], kernel, dilation, padding, stride)[0]
    images, channels, height, width = x.shape
    rows, columns = _blocks((height, width), kernel, dilation, padding, stride)
    padded = np.zeros((images, channels, height + 2 * padding[0], width + 2 * padding[1]), x.dtype)
    padded[:, :, padding[0] : padding[0] + height, padding[1] : padding[1] + width] = x
    out = np.empty((images, channels, *kernel, rows, columns), x.dtype)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            out[:, :, i, j] = padded[
                :, :, _tap(i, rows, dilation[0], stride[0]),
                _tap(j, columns, dilation[1], stride[1]),
            ]
    return out.reshape(images, channels * kernel[0] * kernel[1], rows * columns)


def _col2im(
    x: Any, size: Ints, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints
) -> Any:
    if x.ndim == 2:
        return _col2im(x[None], size, kernel, dilation, padding, stride)[0]
    images = x.shape[0]
    channels = x.shape[1] // (kernel[0] * kernel[1])
    height, width = size
    rows, columns = _blocks(size, kernel, dilation, padding, stride)
    split = x.reshape(images, channels, *kernel, rows, columns)
    padded = np.zeros((images, channels, height + 2 * padding[0], width + 2 * padding[1]), x.dtype)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            padded[
                :, :, _tap(i, rows, dilation[0], stride[0]),
                _tap(j, columns, dilation[1], stride[1]),
            ] += split[:, :, i, j]
    inside = padded[:, :, padding[0] : padding[0] + height, padding[1] : padding[1] + width]
    return np.ascontiguousarray(inside)


_WINDOWS = "int[] kernel, int[] dilation, int[] padding, int[] stride) -> Tensor"
im2col = linear(
    "im2col", _im2col, f"_im2col(Tensor self, {_WINDOWS}",
    x=lambda k, g, x_shape, kernel, dilation, padding, stride: k.col2im(
        g, tuple(x_shape[-2:]), kernel, dilation, padding, stride),
    node="Im2ColBackward0", public=False,
)  # fmt: skip
col2im = linear(
    "col2im", _col2im, f"_col2im(Tensor self, int[] size, {_WINDOWS}",
    x=lambda k, g, kernel, dilation, padding, stride: k.im2col(
        g, kernel, dilation, padding, stride),
    node="Col2ImBackward0", public=False,
)  # fmt: skip

# ---- interpolation: along each axis, every output is a weighted sum of a few inputs -------------

_CUBIC = -0.75  # PyTorch's constant of the cubic convolution


def _ratio(n: int, out: int, scale: float | None, align: bool, real: Any) -> Any:
    if align:
        return real(n - 1) / real(out - 1) if out > 1 else real(0)
    return real(1.0 / scale) if scale is not None and scale > 0 else real(n) / real(out)


def _taps(mode: str, n: int, out: int, scale: float | None, align: bool, dtype: Any) -> Any:
    """For each output position along an axis: the inputs it reads (out, T) and their weights."""
    real: Any = np.float64 if dtype == np.float64 else np.float32
    at: Any = np.arange(out, dtype=real)
    if mode in ("nearest", "nearest-exact"):
        ratio = _ratio(n, out, scale, False, np.float32)
        shift = np.float32(0.5 if mode == "nearest-exact" else 0.0)
        where = np.floor((np.arange(out, dtype=np.float32) + shift) * ratio).astype(np.int64)
        return np.minimum(where, n - 1)[:, None], None
    ratio = _ratio(n, out, scale, align, real)
    if mode in _FILTERS:
        return _smooth_taps(mode, n, at, ratio, dtype)
    position = at * ratio if align else (at + real(0.5)) * ratio - real(0.5)
    if mode == "cubic":
        first = np.floor(position)
        t = position - first
        where = first.astype(np.int64)[:, None] + np.arange(-1, 3)
        weights = np.stack([_cubic_far(t + 1), _cubic_near(t), _cubic_near(1 - t),
                            _cubic_far(2 - t)], 1)  # fmt: skip
        return np.clip(where, 0, n - 1), weights.astype(dtype)
    position = np.maximum(position, real(0))
    low = np.minimum(position.astype(np.int64), n - 1)
    high = np.minimum(low + 1, n - 1)
    t = np.clip(position - low, 0, 1)
    return np.stack([low, high], 1), np.stack([1 - t, t], 1).astype(dtype)


def _smooth_taps(mode: str, n: int, at: Any, ratio: Any, dtype: Any) -> tuple[Any, Any]:
    """Taps of a filter that is as wide as the pixels of the result, so that none is skipped."""
    real = at.dtype.type
    reach, shape = _FILTERS[mode]
    wide = max(ratio, real(1))
    support = real(reach) * wide
    center = ratio * (at + real(0.5))
    low = np.maximum((center - support + real(0.5)).astype(np.int64), 0)
    high = np.minimum((center + support + real(0.5)).astype(np.int64), n)
    where = low[:, None] + np.arange(int((high - low).max()))
    distance = (where - center[:, None] + real(0.5)) / wide
    weights = np.where(where < high[:, None], shape(distance), 0)
    weights = weights / weights.sum(1, keepdims=True)
    return np.minimum(where, n - 1), weights.astype(dtype)


def _triangle(d: Any) -> Any:
    return np.maximum(1 - np.abs(d), 0)


def _keys(d: Any) -> Any:
    """Keys' cubic with a = -0.5, as Pillow has it."""
    d = np.abs(d)
    near, far = (1.5 * d - 2.5) * d * d + 1, ((-0.5 * d + 2.5) * d - 4) * d + 2
    return np.where(d < 1, near, np.where(d < 2, far, 0))


def _lanczos(d: Any) -> Any:
    return np.where(np.abs(d) < 3, np.sinc(d) * np.sinc(d / 3), 0)


#: Filters of antialiased modes: how far they reach, in pixels, and their shape.
_FILTERS: dict[str, tuple[int, Any]] = {
    "linear-smooth": (1, _triangle), "cubic-smooth": (2, _keys), "lanczos-smooth": (3, _lanczos),
}  # fmt: skip


def _cubic_near(d: Any) -> Any:
    return ((_CUBIC + 2) * d - (_CUBIC + 3)) * d * d + 1


def _cubic_far(d: Any) -> Any:
    return ((_CUBIC * d - 5 * _CUBIC) * d + 8 * _CUBIC) * d - 4 * _CUBIC


def _resample(x: Any, size: Ints, scales: Any, mode: str, align: bool) -> Any:
    rank = len(size)
    for axis in range(x.ndim - 1, x.ndim - 1 - rank, -1):
        i = axis - (x.ndim - rank)
        where, weights = _taps(mode, x.shape[axis], size[i], scales[i], align, x.dtype)
        if weights is None:
            x = x.take(where[:, 0], axis)
            continue
        shape = (-1,) + (1,) * (x.ndim - 1 - axis)
        total = x.take(where[:, 0], axis) * weights[:, 0].reshape(shape)
        for t in range(1, where.shape[1]):
            total += x.take(where[:, t], axis) * weights[:, t].reshape(shape)
        x = total
    return np.ascontiguousarray(x)


def _resample_adjoint(
    g: Any, shape: Ints, scales: Any, mode: str, align: bool
) -> Any:
    rank = len(shape) - 2
    size = g.shape[2:]
    for i in range(rank):
        axis = 2 + i
        n, out = shape[axis], size[i]
        where, weights = _taps(mode, n, out, scales[i], align, g.dtype)
        # As a product with the matrix of weights: BLAS adds faster than a scatter.
        matrix = np.zeros((n, out), g.dtype)
        columns = np.arange(out)
        for t in range(where.shape[1]):
            np.add.at(matrix, (where[:, t], columns), 1 if weights is None else weights[:, t])
        wide = g.reshape(*g.shape[: axis + 1], -1)
        g = np.matmul(matrix, wide).reshape(*g.shape[:axis], n, *g.shape[axis + 1 :])
    return g


_RESAMPLE = "float[]? scales, str mode, bool align) -> Tensor"


def _no_half(x: Any, *attributes: Any) -> Exception | None:
    dtype = x._data.dtype
    if dtype.itemsize > 2:
        return None
    name = _dtypes.from_numpy(dtype).type_name
    return NotImplementedError(f"\"compute_index_ranges_weights\" not implemented for '{name}'")


def _resample_row(name: str, node: str) -> Any:
    return linear(
        name, _resample, f"_{name}(Tensor self, int[] size, {_RESAMPLE}", floats=True,
        promotion="none", x=lambda k, g, x_shape, scales, mode, align: k.resample_adjoint(
            g, x_shape, scales, mode, align),
        node=node, public=False, refuse=_no_half if "Aa" in node else None,
    )  # fmt: skip


resample_adjoint = linear(
    "resample_adjoint", _resample_adjoint,
    f"_resample_adjoint(Tensor grad, int[] shape, {_RESAMPLE}",
    inputs=("y",), floats=True, y=lambda k, g, y_shape, scales, mode, align: k.resample(
        g, tuple(y_shape[2:]), scales, mode, align),
    public=False,
)  # fmt: skip
resample_row = _resample_row("resample", "UpsampleBackwardBackward0")
resample = {
    (kind, rank): _resample_row(
        f"upsample_{kind.lower()}{rank}d",
        f"Upsample{kind}{rank}DBackward0" if kind[-2:] != "Aa"
        else f"Upsample{kind[:-2]}{rank}DAaBackward0",
    )
    for kind, ranks in (("Nearest", (1, 2, 3)), ("NearestExact", (1, 2, 3)), ("Linear", (1,)),
                        ("Bilinear", (2,)), ("Trilinear", (3,)), ("Bicubic", (2,)),
                        ("BilinearAa", (2,)), ("BicubicAa", (2,)), ("LanczosAa", (2,)))
    for rank in ranks
}  # fmt: skip
