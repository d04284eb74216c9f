"""Products of `torch.nn.functional`: attention and bilinear forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import _dtypes
from ..._core import TEN, Tensor, ctx, dtype_of, wrap
from ..._ops import softmax as rows
from ..._ops.linalg import matmul
from ..._ops.movement import reshape

_CPP_NAMES = {"Float": "float", "Double": "double", "Long": "long int", "Int": "int",
              "Half": "c10::Half", "BFloat16": "c10::BFloat16", "Bool": "bool"}  # fmt: skip


def _dtype_name(t: Any) -> str:
    name = _dtypes.from_numpy(t._data.dtype).type_name
    return _CPP_NAMES.get(name, name)


def _check_attention(query: Any, key: Any, value: Any, mask: Any) -> None:
    tensors = (query, key, value)
    dtypes = [t._data.dtype for t in tensors]
    if not dtypes[0] == dtypes[1] == dtypes[2]:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{_dtype_name(query)} key.dtype: {_dtype_name(key)} and value.dtype: "
            f"{_dtype_name(value)} instead."
        )
    ranks = [t._data.ndim for t in tensors]
    if min(ranks) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{ranks[0]} key.dim: {ranks[1]} and value.dim: {ranks[2]} instead."
        )
    if mask is not None:
        kind = mask._data.dtype
        if kind.kind != "b" and kind != dtypes[0] and kind != _dtypes.FLOAT32:
            raise RuntimeError(
                "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
                f"attn_mask.dtype: {_dtype_name(mask)} and  query.dtype: {_dtype_name(query)} "
                "instead."
            )


def _fused(q: Any, k: Any, v: Any, mask: Any, dropout_p: float) -> bool:
    """Whether PyTorch has one kernel for these, which takes a mask beside `is_causal`."""
    return (
        dropout_p == 0.0
        and q.ndim == k.ndim == v.ndim == 4
        and q.shape[0] == k.shape[0] == v.shape[0]
        and q.shape[-1] == k.shape[-1] == v.shape[-1]
        and all(t._data.strides[-1] == t._data.itemsize for t in (q, k, v))
        and mask.ndim in (2, 4)
        and not mask.requires_grad
    )


def _in_one(q: Any, k: Any, v: Any, mask: Any) -> bool:
    """Whether the row takes these, as PyTorch's kernel does: four dims, equal batches, and a mask
    of yes and no if any.

    Where a handler watches, what is done to a mask must be ops that it can see.
    """
    lead = q._data.shape[:-2]
    return (
        (mask is None or (mask._data.dtype.kind == "b" and ctx.handler is None))
        and len(lead) == 2
        and lead == k._data.shape[:-2] == v._data.shape[:-2]
        and q._data.shape[-1] == k._data.shape[-1]
        and k._data.shape[-2] == v._data.shape[-2]
        and min(q._data.size, k._data.size, v._data.size) > 0
    )


def _hidden(q: Tensor, k: Tensor, mask: Tensor | None, is_causal: bool) -> tuple[Any, Any]:
    """Where a query sees nothing of a key, and which queries see nothing at all, or None.

    Those rows are not hidden: a softmax over nothing is NaN, and so would be its gradient.
    """
    shape = q._data.shape[-2], k._data.shape[-2]
    hidden: Any = None
    if is_causal:
        hidden = np.arange(shape[1]) > np.arange(shape[0])[:, None]
    if mask is not None:
        hidden = ~mask._data if hidden is None else hidden | ~mask._data
    if hidden is None:
        return None, None
    blind: Any = np.broadcast_to(hidden, (*hidden.shape[:-2], *shape)).all(-1, keepdims=True)
    if not blind.any():
        return wrap(hidden), None
    return wrap(hidden & ~blind), wrap(blind)


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None,
    dropout_p: float = 0.0, is_causal: bool = False, scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """``softmax(q k^T * scale + mask) v``; a query that may see nothing gets zeros.

    Shape: query (N, ..., L, E), key (N, ..., S, E), value (N, ..., S, V), attn_mask broadcastable
    to (N, ..., L, S); output (N, ..., L, V).

    Args:
        attn_mask: True where a query may look, or numbers that are added.
        dropout_p: the probability of dropping an attention weight, whatever the mode.
        is_causal: a query sees only the keys up to its own position.
        scale: by default ``1 / sqrt(E)``.
        enable_gqa: groups of query heads share one key and value head.

    Raises:
        RuntimeError: dtypes or numbers of dimensions that do not fit; a mask beside `is_causal`.

    Source: torch.nn.functional.scaled_dot_product_attention; Vaswani et al. 2017, arXiv:1706.03762.

    >>> import rushlight as torch
    >>> x = torch.eye(2)[None]
    >>> torch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)[0, 0]
    tensor([1., 0.])
    """
    import rushlight as torch

    q: Any = query
    k: Any = key
    v: Any = value
    _check_attention(q, k, v, attn_mask)
    if is_causal and attn_mask is not None and not _fused(q, k, v, attn_mask, dropout_p):
        raise RuntimeError(
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when "
            "is_causal=True"
        )
    if enable_gqa and q._data.ndim > 2:
        heads = q._data.shape[-3]
        if heads % k._data.shape[-3] or heads % v._data.shape[-3]:
            raise RuntimeError(
                "Number of heads in key and value must divide the number of heads in "
            )
        k = k.repeat_interleave(heads // k._data.shape[-3], -3)
        v = v.repeat_interleave(heads // v._data.shape[-3], -3)
    factor = 1 / math.sqrt(q._data.shape[-1]) if scale is None else scale
    if dropout_p == 0.0 and _in_one(q, k, v, attn_mask):
        return TEN.attention(q, k, v, *_hidden(q, k, attn_mask, is_causal), float(factor))
    # Query and key are scaled by the root each, so that half precision does not overflow.
    root = math.sqrt(abs(factor))
    signed = -root if factor < 0 else root
    scores: Any = matmul(q * signed, (k * root).transpose(-2, -1))
    mask: Any = attn_mask
    if mask is not None:
        if mask._data.dtype.kind == "b":
            scores = scores.masked_fill(mask.logical_not(), float("-inf"))
        else:
            scores = scores + mask
    if is_causal:
        later = torch.ones(q._data.shape[-2], k._data.shape[-2], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
    weights: Any = rows.softmax.call(scores, -1)
    if mask is not None:
        blind = (scores == float("-inf")).all(-1, keepdim=True)
        weights = weights.masked_fill(blind, 0.0)
    if dropout_p > 0.0:
        weights = torch.dropout(weights, dropout_p, True)
    return matmul(weights, v)


def _spoken(t: Tensor) -> str:
    """A dtype as C++ calls it."""
    names = {"float32": "float", "float64": "double", "float16": "c10::Half",
             "bfloat16": "c10::BFloat16", "int64": "long int", "int32": "int"}  # fmt: skip
    name = dtype_of(t).name
    return names.get(name, name)


def bilinear(
    input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """``x1^T W[o] x2 + b[o]`` for each output o.

    Shape: input1 (*, I), input2 (*, J), weight (O, I, J), bias (O); output (*, O).
    Source: torch.nn.functional.bilinear.

    >>> import rushlight as torch
    >>> F = torch.nn.functional
    >>> F.bilinear(torch.tensor([2.]), torch.tensor([3.]), torch.tensor([[[4.]]]))
    tensor([24.])
    """
    a, b, w = input1._data, input2._data, weight._data
    if not a.dtype == b.dtype == w.dtype or (bias is not None and bias._data.dtype != w.dtype):
        named = {"input1": input1, "input2": input2, "weight": weight, "bias": bias}
        raise RuntimeError(
            "All tensors must have the same dtype, got "
            + ", ".join(f"{n}: {_spoken(t)}" for n, t in named.items() if t is not None)
        )
    if a.ndim != b.ndim:
        raise RuntimeError(
            f"bilinear(): input dimensions do not match: got {a.ndim} and {b.ndim}"
        )
    for d in range(a.ndim - 1):
        if a.shape[d] != b.shape[d]:
            raise RuntimeError(
                f"bilinear(): input batch dimensions do not match at dim {d}: got {a.shape[d]} and "
                f"{b.shape[d]}"
            )
    for t, i, name in ((a, 1, "input1"), (b, 2, "input2")):
        if t.shape[-1] != w.shape[i]:
            raise RuntimeError(
                f"bilinear(): {name} size does not match weight size: got {t.shape[-1]} but "
                f"expected {w.shape[i]}"
            )
    if bias is not None and bias._data.shape[0] != w.shape[0]:
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias._data.shape[0]} but "
            f"expected {w.shape[0]}"
        )
    outputs, left, right = w.shape
    matrix: Any = weight.permute(1, 0, 2)
    matrix = reshape(matrix, (left, outputs * right))
    product: Any = matmul(reshape(input1, (-1, left)), matrix)
    product = reshape(product, (-1, outputs, right)) * reshape(input2, (-1, 1, right))
    out = reshape(product.sum(-1), (*a.shape[:-1], outputs))
    return out if bias is None else out + bias
