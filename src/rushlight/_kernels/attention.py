"""Attention on NumPy arrays, a few heads at a time so that their weights stay in cache."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from . import softmax
from .products import matmul

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Ints = tuple[int, ...]

# Weights made at a time.
_PIECE = 1 << 16


def _parts(shape: Ints) -> list[slice]:
    """Runs of the first axis of weights of this shape."""
    step = max(1, _PIECE // max(1, prod(shape[1:])))
    return [slice(first, first + step) for first in range(0, shape[0], step)]


def attention(
    q: Array, key: Array, v: Array, hidden: Any, blind: Any, scale: float
) -> tuple[Array, Array]:
    """``softmax(q key^T * scale) v`` and the weights.

    Shape: q (N, ..., L, E), key (N, ..., S, E), v (N, ..., S, V); `hidden` broadcasts to the
    weights (N, ..., L, S), which are 0 where it is True; so does `blind`, for whole rows.
    """
    shape = (*q.shape[:-1], key.shape[-2])
    weights = np.empty(shape, q.dtype)
    out = np.empty((*q.shape[:-1], v.shape[-1]), q.dtype)
    factor = np.array(scale, q.dtype)
    hidden, blind = (None if m is None else np.broadcast_to(m, shape) for m in (hidden, blind))
    for part in _parts(shape):
        scores = matmul(q[part], key[part].swapaxes(-1, -2), out=weights[part])
        np.multiply(scores, factor, out=scores)
        if hidden is not None:
            np.copyto(scores, -np.inf, where=hidden[part])
        rows = scores.reshape(-1, shape[-1])
        softmax.softmax_rows(rows, rows)
        if blind is not None:
            np.copyto(scores, 0, where=blind[part])
        matmul(scores, v[part], out=out[part])
    return out, weights


def attention_gradients(
    g: Array, q: Array, key: Array, v: Array, hidden: Any, blind: Any, weights: Array,
    scale: float, need: Any,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """The gradients of q, key and v from that of the result."""
    found = [np.empty(t.shape, t.dtype) if n else None
             for t, n in zip((q, key, v), need, strict=True)]  # fmt: skip
    gq, gk, gv = found
    factor = np.array(scale, q.dtype)
    width = weights.shape[-1]
    for part in _parts(weights.shape):
        outer, here = g[part], weights[part]
        if gv is not None:
            matmul(here.swapaxes(-1, -2), outer, out=gv[part])
        if gq is None and gk is None:
            continue
        scores = matmul(outer, v[part].swapaxes(-1, -2))
        rows, flat = scores.reshape(-1, width), here.reshape(-1, width)
        np.subtract(rows, np.vecdot(rows, flat)[:, None], out=rows)
        np.multiply(rows, flat, out=rows)
        np.multiply(rows, factor, out=rows)
        if gq is not None:
            matmul(scores, key[part], out=gq[part])
        if gk is not None:
            matmul(scores.swapaxes(-1, -2), q[part], out=gk[part])
    return gq, gk, gv
