"""The row of attention; its weights are a residual of the forward."""

from __future__ import annotations

from typing import Any

from .._core import fused
from .._define.kinds import joint
from .._kernels import attention as kernels


def _weights(k: Any, q: Any, key: Any, hidden: Any, blind: Any, scale: float) -> Any:
    scores = k.matmul(q, k.mT(key)) * scale
    if hidden is not None:
        scores = k.masked_fill_scalar(scores, hidden, float("-inf"))
    weights = k.softmax(scores, -1)
    return weights if blind is None else k.masked_fill_scalar(weights, blind, 0.0)


def _recomputed(k: Any, q: Any, key: Any, hidden: Any, blind: Any, scale: float) -> Any:
    return (_weights(k, q, key, hidden, blind, scale),)


def _gradients(
    k: Any, g: Any, q: Any, key: Any, v: Any, hidden: Any, blind: Any, weights: Any, scale: float,
    need: Any,
) -> Any:  # fmt: skip
    gq = gk = gv = None
    if need[0] or need[1]:
        d = k.matmul(g, k.mT(v))
        d = weights * (d - k.sum(d * weights, (-1,), True)) * scale
        gq = k.matmul(d, key) if need[0] else None
        gk = k.matmul(k.mT(d), q) if need[1] else None
    if need[2]:
        gv = k.matmul(k.mT(weights), g)
    return gq, gk, gv


fused("attention_gradients", kernels.attention_gradients, _gradients)


def _formula(
    k: Any, g: Any, q: Any, key: Any, v: Any, hidden: Any, blind: Any, weights: Any, scale: Any,
    need: Any,
) -> Any:  # fmt: skip
    return k.attention_gradients(g, q, key, v, hidden, blind, weights, scale, need)


# Weights are 0 where `hidden` is True, and in the rows where `blind` is.
attention = joint(
    "attention", kernels.attention,
    "_attention(Tensor query, Tensor key, Tensor value, Tensor? hidden, Tensor? blind, "
    "float scale) -> Tensor",
    _formula, ("q", "key", "v"), inputs=("q", "key", "v", "hidden", "blind"),
    optional=("hidden", "blind"), same_dtype=(0, 1, 2), promotion="equal", floats=True,
    residuals=("weights",), recomputed=("weights",), recompute=_recomputed, public=False,
    node="ScaledDotProductFlashAttentionForCpuBackward0",
)  # fmt: skip
