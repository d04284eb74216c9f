"""Rules of convolution, pooling, normalisation and images: the batch goes into the dim of images
or, where weights differ from example to example, into the channels (as groups)."""

from __future__ import annotations

from typing import Any

from ..._core import TEN
from .common import RULES, Ints, call, directly, each, folded, front, padded, rule, unfolded

# ---- convolution --------------------------------------------------------------------------------


def _into_channels(x: Any) -> Any:
    """(B, N, C, ...) to (N, B C, ...)."""
    size, images, channels, *rest = x._data.shape
    order = (1, 0, *range(2, x._data.ndim))
    return TEN.reshape(TEN.permute(x, order), (images, size * channels, *rest))


def _out_of_channels(y: Any, size: int) -> Any:
    """(N, B C, ...) to (B, N, C, ...)."""
    images, channels, *rest = y._data.shape
    split = TEN.reshape(y, (images, size, channels // size, *rest))
    return TEN.permute(split, (1, 0, *range(2, split._data.ndim)))


@rule("convolution")
def _convolution(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, w, b, stride, padding, dilation, transposed, extra, groups = args
    bx, bw, bb = batched[:3]
    geometry = (stride, padding, dilation, transposed, extra)
    if not bw:
        own = b if bb else None
        x = front(x, bx, size)
        images = x._data.shape[1]
        out = call(op, [folded(x), w, None if bb else b, *geometry, groups])
        out = unfolded(out, size, images)
        if own is not None:
            channels = TEN.reshape(own, (size, 1, -1, *(1,) * (out._data.ndim - 3)))
            out = TEN.add(out, channels)
        return out
    if b is not None:
        b = TEN.reshape(front(b, bb, size), (-1,))
    if not bx and groups == 1 and not transposed:
        out = call(op, [x, folded(w), b, *geometry, 1])
    else:
        x = _into_channels(front(x, bx, size))
        out = call(op, [x, folded(w), b, *geometry, groups * size])
    return _out_of_channels(out, size)


@rule("conv")
def _conv(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, w, stride, padding, dilation, groups = args
    if not batched[1]:
        images = x._data.shape[1]
        return unfolded(call(op, [folded(x), *args[1:]]), size, images)
    if not batched[0] and groups == 1:
        out = call(op, [x, folded(w), stride, padding, dilation, 1])
    else:
        x = _into_channels(front(x, batched[0], size))
        out = call(op, [x, folded(w), stride, padding, dilation, groups * size])
    return _out_of_channels(out, size)


@rule("conv_input")
def _conv_input(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    y, w, shape, *geometry, groups = args
    images, channels, *rest = shape
    if not batched[1]:
        out = call(op, [folded(y), w, (size * images, channels, *rest), *geometry, groups])
        return unfolded(out, size, images)
    y = _into_channels(front(y, batched[0], size))
    out = call(op, [y, folded(w), (images, size * channels, *rest), *geometry, groups * size])
    return _out_of_channels(out, size)


@rule("conv_weight")
def _conv_weight(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    y, x, shape, *geometry, groups = args
    outputs, *rest = shape
    wide: Ints = (size * outputs, *rest)
    if not batched[1] and groups == 1:
        out = call(op, [_into_channels(y), x, wide, *geometry, 1])
    else:
        y = _into_channels(front(y, batched[0], size))
        x = _into_channels(front(x, batched[1], size))
        out = call(op, [y, x, wide, *geometry, groups * size])
    return unfolded(out, size, outputs)


# ---- pooling and images -------------------------------------------------------------------------


@rule("avg_pool_backward", "adaptive_avg_pool_backward")
def _pool_backward(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    y, shape, *rest = args
    return call(op, [y, (size, *shape), *rest])


for _name in ("pixel_shuffle", "pixel_unshuffle"):
    RULES[_name] = directly


def images(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    """Rows over (N, C, ...) whose attributes do not count images."""
    x, *rest = args
    out = call(op, [folded(x), *rest])
    return each(out, lambda t: unfolded(t, size, x._data.shape[1]))


for _name in (
    "channel_shuffle", "resample", "upsample_nearest1d", "upsample_nearest2d",
    "upsample_nearest3d", "upsample_nearestexact1d", "upsample_nearestexact2d",
    "upsample_nearestexact3d", "upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d",
    "upsample_bicubic2d", "upsample_bilinearaa2d", "upsample_bicubicaa2d", "upsample_lanczosaa2d",
):  # fmt: skip
    RULES[_name] = images


@rule("im2col", "col2im")
def _columns(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    if args[0]._data.ndim == (4 if op.name == "im2col" else 3):
        return call(op, args)
    return images(op, args, batched, size)


@rule("resample_adjoint")
def _resample_adjoint(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    y, shape, *rest = args
    out = call(op, [folded(y), (size * shape[0], *shape[1:]), *rest])
    return unfolded(out, size, shape[0])


# ---- normalisation ------------------------------------------------------------------------------


@rule("batch_norm_train", "batch_norm_eval")
def _batch_norm(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    """Statistics of each example's channels: the batch goes into the channels."""
    x, *vectors, eps = args
    if not batched[0] or any(batched[1:-1]) or op.name == "batch_norm_train":
        flat = [
            None if v is None else TEN.reshape(front(v, b, size), (-1,))
            for v, b in zip(vectors, batched[1:-1], strict=True)
        ]
        result = call(op, [_into_channels(front(x, batched[0], size)), *flat, eps])
        if op.name == "batch_norm_eval":
            return _out_of_channels(result, size)
        out, mean, var = result
        return type(result)((
            _out_of_channels(out, size), unfolded(mean, size, mean._data.shape[0] // size),
            unfolded(var, size, var._data.shape[0] // size),
        ))  # fmt: skip
    return unfolded(call(op, [folded(x), *vectors, eps]), size, x._data.shape[1])


def _scaled(out: Any, w: Any, b: Any, flags: list[bool], lead: Ints) -> Any:
    """``out * w + b`` for weights of each example's own, which `lead` makes broadcast."""
    if w is not None:
        out = TEN.mul(out, _wide(w, flags[0], lead, out))
    if b is not None:
        out = TEN.add(out, _wide(b, flags[1], lead, out))
    return out


def _wide(v: Any, batched: bool, tail: Ints, out: Any) -> Any:
    shape = v._data.shape
    v = TEN.reshape(v, (*shape, *tail))
    return padded(v, out._data.ndim - 1) if batched else v


@rule("layer_norm")
def _layer_norm(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, w, b, rank, eps = args
    if not (batched[1] or batched[2]):
        return call(op, args)
    out = call(op, [front(x, batched[0], size), None, None, rank, eps])
    return _scaled(out, w, b, batched[1:3], ())


@rule("group_norm")
def _group_norm(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, w, b, groups, eps = args
    x = front(x, batched[0], size)
    images = x._data.shape[1]
    if not (batched[1] or batched[2]):
        return unfolded(call(op, [folded(x), w, b, groups, eps]), size, images)
    out = unfolded(call(op, [folded(x), None, None, groups, eps]), size, images)
    return _scaled(out, w, b, batched[1:3], (1,) * (out._data.ndim - 3))
