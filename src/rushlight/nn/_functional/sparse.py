"""Bags of embeddings of `torch.nn.functional`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..._core import Tensor, wrap
from ..._ops.embedding import embedding_function


def _bags(
    input: Any, offsets: Any, include_last_offset: bool
) -> tuple[Any, Any, int]:
    """For each bag the places of its numbers in the flat input, and which of them count."""
    x = input._data
    if x.ndim == 2:
        return None, np.ones(x.shape, bool), x.shape[0]
    starts = np.asarray(offsets._data)
    if starts.size and starts[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            f"position 0. However, got {int(starts[0])}"
        )
    if starts.size and starts[-1] > x.shape[0]:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {x.shape[0]} but got offsets[-1] "
            f"of {int(starts[-1])}"
        )
    ends = np.append(starts[1:], x.shape[0])
    if include_last_offset:
        starts, ends = starts[:-1], starts[1:]
    longest = int((ends - starts).max(initial=0))
    places = starts[:, None] + np.arange(longest)
    inside = places < ends[:, None]
    return np.where(inside, places, 0).astype(np.int64), inside, len(starts)


def _check(
    input: Any, weight: Any, offsets: Any, mode: str, scale_grad_by_freq: bool, sparse: bool,
    per_sample_weights: Any,
) -> None:  # fmt: skip
    x = input._data
    if per_sample_weights is not None and x.shape != per_sample_weights._data.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then "
            f"it must have the same shape as the input ({input.shape})"
        )
    if weight._data.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension "
                         f"{weight._data.ndim}")  # fmt: skip
    if x.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                "of fixed length sequences. However, found offsets of type "
                "<class 'torch.Tensor'>"
            )
    elif x.ndim == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets._data.ndim != 1:
            raise ValueError("offsets has to be a 1D Tensor")
    else:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {x.ndim}"
        )
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max":
        if scale_grad_by_freq:
            raise ValueError("max mode does not support scaling the gradient by the frequency")
        if sparse:
            raise ValueError("max mode does not support sparse weights")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )
    rows = weight._data.shape[0]
    for i, value in enumerate(x.reshape(-1)):
        if not 0 <= value < rows:
            raise RuntimeError(
                f"Index {i} of input takes value {int(value)} which is not in the valid range [0, "
                f"{rows})"
            )


def embedding_bag(
    input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None,
    norm_type: float = 2, scale_grad_by_freq: bool = False, mode: str = "mean",
    sparse: bool = False, per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """The sum, mean or maximum of the embeddings of each bag of numbers; 0 for an empty bag.

    Shape: input (B, N), one bag a row, or (N) with offsets (B), where each bag starts; weight
    (V, D); output (B, D).

    Args:
        per_sample_weights: factors of the embeddings, in the input's shape ("sum" only).
        include_last_offset: the last offset is the end of the last bag.
        padding_idx: this number counts nothing.

    Raises:
        ValueError, RuntimeError: arguments that do not fit together.
        NotImplementedError: ``sparse=True``.

    Source: torch.nn.functional.embedding_bag.

    >>> import rushlight as torch
    >>> weight = torch.tensor([[1., 2.], [3., 4.]])
    >>> torch.nn.functional.embedding_bag(torch.tensor([[0, 1]]), weight)
    tensor([[2., 3.]])
    """
    if weight._data.dtype.kind in "iu" and input._data.dtype.kind == "f":
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage "
            "`embedding_bag(weight, input, ...)` is deprecated, and should now be "
            "`embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        input, weight = weight, input
    _check(input, weight, offsets, mode, scale_grad_by_freq, sparse, per_sample_weights)
    count = weight._data.shape[0]
    if padding_idx is not None:
        if not -count <= padding_idx < count:
            raise RuntimeError(
                f"padding_idx must be within the number of embeddings, -{count} through "
                f"{count - 1}, but got {padding_idx}"
            )
        padding_idx %= count
    numbers: Any = input.long()
    found: Any = embedding_function(
        numbers, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse
    )
    if per_sample_weights is not None:
        found = found * per_sample_weights.unsqueeze(-1)
    places, counts, bags = _bags(input, offsets, include_last_offset)
    if padding_idx is not None:
        known = numbers._data if places is None else numbers._data[places]
        counts = counts & (known != padding_idx)
    if places is not None:
        found = embedding_function(wrap(places), found)
    return _pooled(found, counts, bags, mode)


def _pooled(found: Any, counts: Any, bags: int, mode: str) -> Tensor:
    inside: Any = wrap(counts[:, :, None])
    if mode == "max":
        if not counts.shape[1]:
            return found.sum(1)
        best = found.masked_fill(inside.logical_not(), float("-inf")).amax(1)
        empty = wrap(~counts.any(1)[:, None])
        return best.masked_fill(empty, 0.0)
    total = found.masked_fill(inside.logical_not(), 0.0).sum(1)
    if mode == "sum":
        return total
    sizes = np.maximum(counts.sum(1), 1)[:, None].astype(found._data.dtype)
    return total / wrap(sizes)
