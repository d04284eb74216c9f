"""Attention and its gradients as one kernel each.

Weights that are few are kept for the way back; many are computed again there, from the logarithms
of their rows' sums.
"""

from __future__ import annotations

import math
from typing import Any

from ..expressions import Value, k
from ..ir import Kernel, View, computed
from ..trace import KERNELS, NotLowered, Tracer, lowering

KERNELS.update(("attention", "attention_back"))

#: Bytes of weights of all heads that are kept; more are computed again.
KEPT = 1 << 23


def _rows(t: Tracer, view: View, lead: tuple[int, ...], rows: bool = False) -> View:
    """A view with the leading axes of all; `rows`: whose rows must be contiguous."""
    if rows and view.strides[-1] != 1 and view.shape[-1] > 1:
        view = t.contiguous(view)
    return view.expand((*lead, *view.shape[-2:]))


def _mask(t: Tracer, view: View | None, shape: tuple[int, ...], column: bool) -> View | None:
    if view is None:
        return None
    view = view.expand((*shape[:-1], 1) if column else shape)
    if view.strides[-1] not in (0, 1):
        view = t.contiguous(view)
    return view.drop(view.ndim - 1) if column else view


def _fits(*views: View) -> None:
    if len({v.dtype for v in views}) > 1 or views[0].dtype.char not in "fd":
        raise NotLowered(f"attention of {views[0].dtype}")
    if not all(v.size for v in views):
        raise NotLowered("attention to nothing")


def _shown(**views: View | None) -> tuple[list[View], list[str]]:
    there = {n: v for n, v in views.items() if v is not None}
    return list(there.values()), list(there)


def _target(t: Tracer, wanted: View | None) -> View | None:
    """Where a kernel writes: the output, or room of its own with contiguous rows."""
    if wanted is None or wanted.strides[-1] == 1 or wanted.shape[-1] == 1:
        return wanted
    return t.temporary(wanted.shape, wanted.dtype)


def _settle(t: Tracer, wanted: View | None, found: View | None) -> None:
    if wanted is not None and found is not None and wanted is not found:
        t.map(wanted, [found], lambda v: v)


def _in_parts(
    t: Tracer, arguments: list[Any], out: View | None, weights: View | None
) -> None:
    """Halves, or weights alone: products and softmax of all heads, one after the other."""
    q, key, v, hidden, blind, scale = arguments
    lead = (v if out is None else out).shape[:-2]
    work = computed(q.dtype)
    shape = (*lead, q.shape[-2], key.shape[-2])
    scores = t.temporary(shape, work)
    wide = []
    for view in (q, key):
        made = view if view.dtype == work else t.temporary(view.shape, work)
        if made is not view:
            t.map(made, [view], lambda x: x)
        wide.append(made)
    t.gemm(wide[0], wide[1].transpose(), scores)
    kept = (*shape[:-1], 1)
    high, total = t.temporary(kept, work), t.temporary(kept, work)
    axis = (len(shape) - 1,)

    def scaled(s: Value, *mask: Value) -> Value:
        return k.select(mask[0], -math.inf, s * scale) if mask else s * scale

    t.map(scores, [scores, *([] if hidden is None else [hidden])], scaled)
    t.reduce("max", high, shape, axis, [scores], lambda s: s, keepdim=True)
    t.reduce("sum", total, shape, axis, [scores, high], lambda s, h: k.exp(s - h), keepdim=True)

    def share(s: Value, h: Value, n: Value, *rest: Value) -> Value:
        w = k.exp(s - h) / n
        return k.select(rest[0], 0, w) if rest else w

    # What eager rounds is rounded here: weights have the dtype of the inputs.
    rounded = t.temporary(shape, q.dtype) if weights is None else weights
    t.map(rounded, [scores, high, total, *([] if blind is None else [blind])], share)
    if out is not None:
        t.gemm(rounded, v, out)


@lowering("attention")
def attention(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    q, k, v, hidden, blind, scale = arguments
    out, weights = (*outputs, None)[:2]
    if out is None or q.dtype.char not in "fd":
        _in_parts(t, arguments, out, weights)
        return
    _fits(q, k, v)
    lead = out.shape[:-2]
    shape = (*lead, q.shape[-2], k.shape[-2])
    found = _target(t, out)
    many = weights is not None and weights.size * weights.dtype.itemsize > KEPT
    many = many or weights is None
    sums = t.temporary(shape[:-1], q.dtype) if many and weights is not None else None
    inputs, names = _shown(
        q=_rows(t, q, lead), k=_rows(t, k, lead), v=_rows(t, v, lead),
        hidden=_mask(t, hidden, shape, False), blind=_mask(t, blind, shape, True),
    )  # fmt: skip
    made, others = _shown(out=found, weights=None if many else weights, sums=sums)
    t.kernel("attention", inputs, made, scale=scale, names=(*names, *others))
    _settle(t, out, found)


@lowering("attention_gradients")
def attention_gradients(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g, q, k, v, hidden, blind, weights, scale, _ = arguments
    _fits(g, q, k, v)
    lead = g.shape[:-2]
    sums = _kept(t, q, k, weights)
    shape = (*lead, q.shape[-2], k.shape[-2])
    found = [_target(t, o) for o in outputs]
    inputs, names = _shown(
        g=_rows(t, g, lead), q=_rows(t, q, lead), k=_rows(t, k, lead), v=_rows(t, v, lead),
        hidden=None if sums is None else _mask(t, hidden, shape, False), sums=sums,
        weights=None if sums is not None else _rows(t, weights, lead, True),
    )  # fmt: skip
    made, others = _shown(gq=found[0], gk=found[1], gv=found[2])
    t.kernel("attention_back", inputs, made, scale=scale, names=(*names, *others))
    for wanted, have in zip(outputs, found, strict=True):
        _settle(t, wanted, have)


def _kept(t: Tracer, q: View, k: View, weights: View) -> View | None:
    """The logarithms of sums that the forward kernel left instead of these weights."""
    for e in t.graph.equations:
        if any(v.buffer is weights.buffer for v in e.writes()):
            return None
    if weights.buffer.source is not None:
        return None
    for e in t.graph.equations:
        if isinstance(e, Kernel) and e.name == "attention" and "sums" in e.attributes["names"]:
            views = dict(zip(e.attributes["names"], (*e.inputs, *e.outputs), strict=True))
            if views["q"].same(q.expand(views["q"].shape)) and (
                views["k"].same(k.expand(views["k"].shape))
            ):
                return views["sums"]
    raise NotLowered("weights that were not kept")
