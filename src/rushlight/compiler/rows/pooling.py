"""Pooling of two dimensions (one is a picture of one row): largest values and means of windows.

Three dimensions run as NumPy calls.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..expressions import Value, index, k
from ..ir import Kernel, View, computed, contiguous_strides
from ..trace import KERNELS, NotLowered, Tracer, lowering
from .copying import _only, element
from .indexing import checked
from .scattering import scatter

KERNELS.update(("max_pool2d", "max_pool2d_back", "sum_pool2d"))

Ints = tuple[int, ...]


def _pictures(view: View) -> View:
    """As (N, C, H, W)."""
    if view.ndim == 3:
        return view.unsqueeze(0)
    if view.ndim != 4:
        raise NotLowered("pooling of three dimensions")
    return view


def _floats(*views: View) -> None:
    for view in views:
        if view.dtype.char not in "fd":
            raise NotLowered(f"pooling of {view.dtype}")


# ---- largest values -----------------------------------------------------------------------------


@lowering("max_pool2d_with_indices")
def max_pool(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, kernel, stride, padding, dilation, _ = arguments
    _floats(x)
    x = _pictures(x)
    values, indices = outputs
    shown = values if values is not None else indices
    assert shown is not None
    shape = _pictures(shown).shape
    if x.shape[2] * x.shape[3] >= 1 << 31:
        raise NotLowered("planes of more than 2^31 pixels")
    if values is None:
        values = t.temporary(shape, x.dtype)
    if 0 in shape:
        return
    targets = [_pictures(v) for v in (values, indices) if v is not None]
    t.kernel(
        "max_pool2d", [x], targets, kernel=tuple(kernel), stride=tuple(stride),
        padding=tuple(padding), dilation=tuple(dilation),
    )  # fmt: skip


def _pooled(t: Tracer, indices: View) -> Kernel | None:
    """The pooling that reported these positions."""
    for e in reversed(t.graph.equations):
        if any(v.buffer is indices.buffer for v in e.writes()):
            known = isinstance(e, Kernel) and e.name == "max_pool2d"
            return e if known else None  # type: ignore[return-value]
    return None


def _inside(t: Tracer, indices: View, plane: int) -> None:
    found = _pooled(t, indices)
    if found is None or found.inputs[0].shape[2] * found.inputs[0].shape[3] > plane:
        checked(t, indices, plane)


@lowering("max_pool_scatter")
def max_pool_scatter(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g, indices, spatial = arguments
    out = _only(outputs)
    pooled = _pooled(t, indices)
    if pooled is not None and _apart(pooled, g, indices, out):
        g, indices, target = (_pictures(v) for v in (g, indices, out))
        if g.strides[3] != 1 and g.shape[3] > 1:
            g = t.contiguous(g)
        t.kernel("max_pool2d_back", [g, indices], [target], kernel=pooled.attributes["kernel"])
        return
    _place(t, g, indices, out, len(spatial), "add")


def _apart(pooled: Kernel, g: View, indices: View, out: View) -> bool:
    """Whether windows do not overlap, so that every pixel can be written once."""
    known, x = pooled.attributes, pooled.inputs[0]
    (kh, kw), shown = known["kernel"], pooled.outputs[1]
    return (
        known["kernel"] == known["stride"] and known["padding"] == (0, 0)
        and known["dilation"] == (1, 1) and kw <= 2 and g.ndim in (3, 4)
        and indices.size == shown.size and indices.shape == shown.shape[-indices.ndim :]
        and indices.strides == shown.strides[-indices.ndim :]
        and g.shape == indices.shape and x.shape[2:] == out.shape[-2:]
        and g.shape[-2] * kh <= out.shape[-2] and g.shape[-1] * kw <= out.shape[-1]
        and g.dtype.char in "fd" and indices.dtype == np.int64
        and all(v.strides[-1] == 1 for v in (indices, out)) and x.size > 0
    )  # fmt: skip


@lowering("max_unpool2d", "max_unpool3d")
def max_unpool(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, indices, spatial = arguments
    _place(t, x, indices, _only(outputs), len(spatial), "set")


def _place(t: Tracer, g: View, indices: View, out: View, rank: int, how: str) -> None:
    lead = out.ndim - rank
    if out.strides[lead:] != contiguous_strides(out.shape[lead:]) and out.size > 1:
        raise NotLowered("planes that are not contiguous")
    _inside(t, indices, prod(out.shape[lead:]))
    t.map(out, [], lambda: 0)
    scatter(
        t, out, g, [indices], steps=(*out.strides[:lead], *[0] * rank), jumps=(1,),
        free=range(lead), how=how,
    )  # fmt: skip


@lowering("max_pool_gather")
def max_pool_gather(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, indices, rank = arguments
    out = _only(outputs)
    lead = x.ndim - rank
    plane = prod(x.shape[lead:])
    _inside(t, indices, plane)
    planes = t.reshaped(x, (*x.shape[:lead], plane))
    where = [index(a) for a in range(lead)]
    t.gather_map(
        out, planes, [indices], lambda i: element(0, planes, [*where, i.cast(np.int64)])
    )


# ---- means --------------------------------------------------------------------------------------


def _counts(n: int, kernel: int, stride: int, padding: int, out: int, padded: bool) -> Any:
    """How many pixels each window along one axis counts."""
    start = np.arange(out) * stride - padding
    stop = np.minimum(start + kernel, n + padding)
    if not padded:
        start, stop = np.maximum(start, 0), np.minimum(stop, n)
    return stop - start


def _divisor(
    shape: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, padded: bool,
    override: int | None,
) -> Any:  # fmt: skip
    """What sums are divided by: a number, or an array of the windows' shape."""
    if override is not None:
        return override
    rows, columns = (
        _counts(n, k_, s, p, m, padded)
        for n, k_, s, p, m in zip(shape, kernel, stride, padding, out, strict=True)
    )
    counts = np.multiply.outer(rows, columns)
    first = int(counts.flat[0])
    return first if (counts == first).all() else counts


@lowering("avg_pool2d")
def avg_pool(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, kernel, stride, padding, _, padded, override = arguments
    out = _only(outputs)
    _floats(x)
    x, target = _pictures(x), _pictures(out)
    if not target.size:
        return
    divisor = _divisor(x.shape[2:], target.shape[2:], kernel, stride, padding, padded, override)
    t.kernel(
        "sum_pool2d", [x], [target], kernel=tuple(kernel), stride=tuple(stride),
        padding=tuple(padding), dilation=(1, 1),
    )  # fmt: skip
    if not isinstance(divisor, int):
        divisor = t.constant(divisor.astype(x.dtype))
    t.map(target, [target, divisor], lambda v, d: v / d)


@lowering("avg_pool_backward")
def avg_pool_backward(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    """Every pixel gathers from the windows that it is in."""
    g, shape, kernel, stride, padding, _, padded, override = arguments
    if len(kernel) != 2:
        raise NotLowered("pooling of three dimensions")
    out = _only(outputs)
    _floats(g)
    g, target = _pictures(g), _pictures(out)
    if not g.size or not target.size:
        t.map(out, [], lambda: 0)
        return
    windows = g.shape[2:]
    divisor = _divisor(tuple(shape[-2:]), windows, kernel, stride, padding, padded, override)
    if not isinstance(divisor, int):
        divisor = t.constant(np.ascontiguousarray(divisor).astype(g.dtype))
    share = t.temporary(g.shape, g.dtype)
    t.map(share, [g, divisor], lambda v, d: v / d)
    axes = [
        (windows[a], [
            [i for i in range(windows[a]) if 0 <= p + padding[a] - i * stride[a] < kernel[a]]
            for p in range(target.shape[2 + a])
        ])
        for a in (0, 1)
    ]  # fmt: skip
    _gathered(t, share, target, [_runs(found) for _, found in axes])


def _runs(found: list[list[int]]) -> tuple[Any, Any]:
    """For each place the first of the positions it takes, and how many; they follow each other."""
    return (
        np.array([f[0] if f else 0 for f in found], np.int64),
        np.array([len(f) for f in found], np.int64),
    )


def _gathered(
    t: Tracer, source: View, target: View, axes: list[tuple[Any, Any]]
) -> None:
    """``target[.., i, j] = sum of source[.., first(i) + a, first(j) + b]`` over a and b in turn."""
    middle = t.temporary((*source.shape[:3], target.shape[3]), computed(source.dtype))
    for axis, (starts, counts), into, come in (
        (3, axes[1], middle, source), (2, axes[0], target, middle),
    ):  # fmt: skip
        most = int(counts.max())
        shown = [1] * 4
        shown[axis] = -1
        first = t.constant(starts.reshape(shown))
        if most == 1 and (counts == 1).all():
            t.gather_map(into, come, [first], _pick(come, axis, None))
            continue
        have = t.constant(counts.reshape(shown))
        shape = (*into.shape, most)
        t.gather_reduce(
            "sum", into, shape, (4,), come, [first.unsqueeze(4), have.unsqueeze(4)],
            _pick(come, axis, source.shape[axis] - 1),
        )  # fmt: skip


def _pick(source: View, axis: int, last: int | None) -> Any:
    def whole(start: Value) -> Any:
        return element(0, source, [start if a == axis else index(a) for a in range(4)])

    def part(start: Value, count: Value) -> Any:
        at = k.min(start + index(4), last)
        found = element(0, source, [at if a == axis else index(a) for a in range(4)])
        return k.select(index(4) < count, found, 0)

    return whole if last is None else part


def _adaptive(n: int, out: int) -> tuple[Any, Any]:
    """First pixel of each window along one axis, and how many pixels it has."""
    i = np.arange(out)
    start = i * n // out
    return start, -(-(i + 1) * n // out) - start


@lowering("adaptive_max_pool2d")
def adaptive_max_pool(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, sizes = arguments
    if not x.size or 0 in sizes or any(
        n % m for n, m in zip(x.shape[-2:], sizes, strict=True)
    ):
        raise NotLowered("windows of several sizes")
    kernel = tuple(n // m for n, m in zip(x.shape[-2:], sizes, strict=True))
    max_pool(t, [x, kernel, kernel, (0, 0), (1, 1), False], outputs)


@lowering("adaptive_avg_pool2d")
def adaptive_avg_pool(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, sizes = arguments
    out = _only(outputs)
    _floats(x)
    x, target = _pictures(x), _pictures(out)
    if not target.size:
        return
    if not x.size:
        raise NotLowered("means of nothing")
    if all(n % m == 0 for n, m in zip(x.shape[2:], sizes, strict=True)):
        kernel = tuple(n // m for n, m in zip(x.shape[2:], sizes, strict=True))
        avg_pool(t, [x, kernel, kernel, (0, 0), False, True, None], [target])
        return
    axes = [_adaptive(n, m) for n, m in zip(x.shape[2:], sizes, strict=True)]
    _gathered(t, x, target, axes)
    counts = np.multiply.outer(axes[0][1], axes[1][1]).astype(x.dtype)
    t.map(target, [target, t.constant(counts)], lambda v, d: v / d)


@lowering("adaptive_avg_pool_backward")
def adaptive_avg_pool_backward(
    t: Tracer, arguments: list[Any], outputs: list[View | None]
) -> None:
    g, shape, rank = arguments
    out = _only(outputs)
    if rank != 2:
        raise NotLowered("pooling of three dimensions")
    _floats(g)
    g, target = _pictures(g), _pictures(out)
    if not g.size or not target.size:
        t.map(out, [], lambda: 0)
        return
    pixels, windows = target.shape[2:], g.shape[2:]
    axes = [_adaptive(n, m) for n, m in zip(pixels, windows, strict=True)]
    counts = np.multiply.outer(axes[0][1], axes[1][1]).astype(g.dtype)
    share = t.temporary(g.shape, g.dtype)
    t.map(share, [g, t.constant(counts)], lambda v, d: v / d)
    found = []
    for (starts, have), n in zip(axes, pixels, strict=True):
        found.append(_runs([
            [i for i in range(len(starts)) if starts[i] <= p < starts[i] + have[i]]
            for p in range(n)
        ]))  # fmt: skip
    _gathered(t, share, target, found)
