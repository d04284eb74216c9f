"""Multi-head attention of `torch.nn.functional`: projections around the attention itself."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..._core import Tensor
from ..._ops import softmax as rows
from ..._ops.linalg import bmm, linear
from .attention import scaled_dot_product_attention
from .padding import pad


def _check_shapes(
    query: Any, key: Any, value: Any, key_padding_mask: Any, attn_mask: Any, heads: int
) -> bool:
    """Whether there is a batch.

    Raises:
        AssertionError: numbers of dimensions that do not fit.
    """
    rank = query.dim()
    if rank not in (2, 3):
        raise AssertionError(
            "query should be unbatched 2D or batched 3D tensor but received "
            f"{rank}-D query tensor"
        )
    how, suffix = ("batched", "3-D") if rank == 3 else ("unbatched", "2-D")
    if key.dim() != rank or value.dim() != rank:
        raise AssertionError(
            f"For {how} ({suffix}) `query`, expected `key` and `value` to be {suffix} but found "
            f"{key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != rank - 1:
        raise AssertionError(
            f"For {how} ({suffix}) `query`, expected `key_padding_mask` to be `None` or "
            f"{rank - 1}-D but found {key_padding_mask.dim()}-D tensor instead"
        )
    if attn_mask is not None:
        if attn_mask.dim() not in (2, 3):
            raise AssertionError(
                f"For {how} ({suffix}) `query`, expected `attn_mask` to be `None`, 2-D or 3-D but "
                f"found {attn_mask.dim()}-D tensor instead"
            )
        wanted = (heads, query.shape[0], key.shape[0])
        if rank == 2 and attn_mask.dim() == 3 and tuple(attn_mask.shape) != wanted:
            raise AssertionError(
                f"Expected `attn_mask` shape to be {wanted} but got {attn_mask.shape}"
            )
    return bool(rank == 3)


def _as_numbers(mask: Any, name: str, other: Any, like: Any) -> Any:
    """A mask that is added: True becomes minus infinity."""
    if mask is None:
        return None
    kind = mask._data.dtype.kind
    if kind not in "bf" and mask._data.dtype.itemsize != 2:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    if other is not None and other._data.dtype != mask._data.dtype:
        warnings.warn(
            "Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type "
            "for both instead.",
            stacklevel=3,
        )
    if kind != "b":
        return mask
    zeros = (like.detach().reshape(-1)[:1] * 0).sum().expand(mask.shape)
    return zeros.masked_fill(mask, float("-inf"))


def _projected(
    query: Any, key: Any, value: Any, weight: Any, bias: Any, separate: Any
) -> tuple[Any, Any, Any]:
    biases = (None, None, None) if bias is None else bias.chunk(3)
    if separate is not None:
        return tuple(  # type: ignore[return-value]
            linear(x, w, b)
            for x, w, b in zip((query, key, value), separate, biases, strict=True)
        )
    if query is key and key is value:
        return linear(query, weight, bias).chunk(3, -1)
    weights = weight.chunk(3)
    return tuple(  # type: ignore[return-value]
        linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)
    )


def multi_head_attention_forward(
    query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int,
    in_proj_weight: Tensor | None, in_proj_bias: Tensor | None, bias_k: Tensor | None,
    bias_v: Tensor | None, add_zero_attn: bool, dropout_p: float, out_proj_weight: Tensor,
    out_proj_bias: Tensor | None, training: bool = True, key_padding_mask: Tensor | None = None,
    need_weights: bool = True, attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None, v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None, static_v: Tensor | None = None,
    average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Projects query, key and value, attends with each head, projects the result.

    Shape: query (L, N, E) or (L, E), key and value (S, N, E) or (S, E), key_padding_mask (N, S),
    attn_mask (L, S) or (N * num_heads, L, S); output (L, N, E), weights (N, L, S), or
    (N, num_heads, L, S) if they are not averaged.

    Args:
        key_padding_mask: True where a key is to be ignored, or numbers that are added.
        attn_mask: True where a query may not look, or numbers that are added.
        is_causal: a hint that `attn_mask` is the causal mask; it must be given too.

    Raises:
        AssertionError, RuntimeError: shapes that do not fit together.

    Source: torch.nn.functional.multi_head_attention_forward; Vaswani et al. 2017, arXiv:1706.03762.
    """
    import rushlight as torch

    q: Any = query
    k: Any = key
    v: Any = value
    padding: Any = key_padding_mask
    mask: Any = attn_mask
    batched = _check_shapes(q, k, v, padding, mask, num_heads)
    if not batched:
        q, k, v = _unsqueezed(query, key, value)
        padding = None if padding is None else padding.unsqueeze(0)
    length, batch, width = q.shape
    if is_causal and mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    padding = _as_numbers(padding, "key_padding_mask", mask, q)
    mask = _as_numbers(mask, "attn_mask", None, q)
    if is_causal and padding is None and not need_weights:
        mask = None
    else:
        is_causal = False
    if width != embed_dim_to_check:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}"
        )
    head = width // num_heads
    if head * num_heads != width:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if not use_separate_proj_weight and k.shape != v.shape:
        raise AssertionError(f"key shape {k.shape} does not match value shape {v.shape}")
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected(q, k, v, in_proj_weight, in_proj_bias, separate)
    if mask is not None:
        mask = _attention_mask(mask, length, k.shape[0], batch * num_heads)
    if bias_k is not None and bias_v is not None:
        k = torch.cat([k, bias_k.repeat(1, batch, 1)])
        v = torch.cat([v, bias_v.repeat(1, batch, 1)])
        mask, padding = (None if m is None else pad(m, (0, 1)) for m in (mask, padding))
    q = q.contiguous().view(length, batch * num_heads, head).transpose(0, 1)
    if static_k is None:
        k = k.contiguous().view(k.shape[0], batch * num_heads, head).transpose(0, 1)
    else:
        k = static_k
    if static_v is None:
        v = v.contiguous().view(v.shape[0], batch * num_heads, head).transpose(0, 1)
    else:
        v = static_v
    if add_zero_attn:
        zeros = torch.zeros(batch * num_heads, 1, head, dtype=k.dtype)
        k, v = torch.cat([k, zeros], dim=1), torch.cat([v, zeros], dim=1)
        mask, padding = (None if m is None else pad(m, (0, 1)) for m in (mask, padding))
    seen = k.shape[1]
    if padding is not None:
        wide = padding.view(batch, 1, 1, seen).expand(-1, num_heads, -1, -1)
        wide = wide.reshape(batch * num_heads, 1, seen)
        mask = wide if mask is None else mask + wide
    p = dropout_p if training else 0.0
    if need_weights:
        scores: Any = bmm.call(q * math.sqrt(1.0 / head), k.transpose(-2, -1))
        if mask is not None:
            scores = scores + mask
        weights: Any = rows.softmax.call(scores, -1)
        if p > 0.0:
            weights = torch.dropout(weights, p, True)
        out: Any = bmm.call(weights, v)
        out = out.transpose(0, 1).contiguous().view(length * batch, width)
        weights = weights.view(batch, num_heads, length, seen)
        if average_attn_weights:
            weights = weights.mean(dim=1)
    else:
        if mask is not None:
            one = mask.shape[0] == 1
            mask = mask.unsqueeze(0) if one else mask.view(batch, num_heads, -1, seen)
        q, k, v = (t.view(batch, num_heads, -1, head) for t in (q, k, v))
        out = scaled_dot_product_attention(q, k, v, mask, p, is_causal)
        out = out.permute(2, 0, 1, 3).contiguous().view(batch * length, width)
        weights = None
    out = linear(out, out_proj_weight, out_proj_bias).view(length, batch, width)
    if not batched:
        out = out.squeeze(1)
        weights = None if weights is None else weights.squeeze(0)
    return out, weights


def _unsqueezed(query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
    """With a batch of one; tensors that were the same stay the same, for one projection."""
    q = query.unsqueeze(1)
    k = q if key is query else key.unsqueeze(1)
    v = k if value is key else value.unsqueeze(1)
    return q, k, v


def _attention_mask(mask: Any, length: int, seen: int, heads: int) -> Any:
    if mask.dim() == 2:
        wanted: tuple[int, ...] = (length, seen)
        kind = "2D"
    else:
        wanted = (heads, length, seen)
        kind = "3D"
    if tuple(mask.shape) != wanted:
        raise RuntimeError(
            f"The shape of the {kind} attn_mask is {mask.shape}, but should be {wanted}."
        )
    return mask.unsqueeze(0) if kind == "2D" else mask
