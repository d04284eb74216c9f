"""Bags of embeddings of `torch.nn.functional`.

>>> import rushlight as torch
>>> F = torch.nn.functional
>>> F.embedding_bag(torch.tensor([[0, 1]]), torch.tensor([[1., 2.], [3., 4.]]), mode="sum")
tensor([[4., 6.]])
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..._core import Tensor, wrap
from ..._ops import bags
from ..._ops.by_example import by_example
from ..._ops.embedding import shorten_rows


def _bags(input: Any, offsets: Any, include_last_offset: bool) -> tuple[Any, Any, int]:
    """The numbers of all bags in a line, the bag of each, and how many bags there are."""
    x = input._data.astype(np.int64)
    if x.ndim == 2:
        return x.reshape(-1), np.repeat(np.arange(x.shape[0]), x.shape[1]), x.shape[0]
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
    lengths = np.maximum(ends - starts, 0)
    return x[: lengths.sum()], np.repeat(np.arange(len(starts)), lengths), len(starts)


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


def _check_numbers(flat: Any, rows: int, fast: bool) -> None:
    """The texts of PyTorch's two loops: the fast one sums float32 without padding."""
    if not flat.size or (flat.min() >= 0 and flat.max() < rows):
        return
    i = int(np.argmax((flat < 0) | (flat >= rows)))
    value = int(flat[i])
    if not fast:
        raise RuntimeError(
            "embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be "
            f"{value}"
        )
    raise RuntimeError(
        f"Index {i} of input takes value {value} which is not in the valid range [0, {rows})"
    )


@by_example
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
    fast = weight._data.dtype == np.float32 and padding_idx is None and mode != "max"
    _check_numbers(input._data.reshape(-1), count, fast)
    if sparse:
        raise NotImplementedError(
            "embedding_bag with sparse=True: rushlight has no sparse gradients"
        )
    if max_norm is not None:
        shorten_rows(weight, input, max_norm, norm_type)
    numbers, owners, count = _bags(input, offsets, include_last_offset)
    back = bags.shares(numbers) if scale_grad_by_freq and numbers.size else np.ones(numbers.shape)
    samples: Any = per_sample_weights
    if samples is not None:
        samples = samples.reshape(-1)[: numbers.size]
    if padding_idx is not None:
        keep = numbers != padding_idx
        numbers, owners, back = numbers[keep], owners[keep], back[keep]
        if samples is not None:
            samples = samples[wrap(keep)]
    if mode == "max":
        return bags.embedding_bag_max.call(weight, wrap(numbers), wrap(owners), count)
    ahead = np.ones(numbers.shape)
    if mode == "mean":
        ahead = 1.0 / np.bincount(owners, minlength=count)[owners]
    return bags.embedding_bag.call(
        weight, wrap(numbers), wrap(owners), samples, wrap(ahead[:, None]),
        wrap((ahead * back)[:, None]), count,
    )  # fmt: skip
