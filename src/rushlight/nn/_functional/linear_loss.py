"""Cross entropy of a linear layer's output, as one function."""

from __future__ import annotations

from typing import Any

from ..._core import Tensor
from ..._ops.linalg import linear
from .._reduction import get_enum
from .loss import cross_entropy


def linear_cross_entropy(
    input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Tensor | None = None,
    weight: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = None,
    label_smoothing: float = 0.0, options: Any = None,
) -> Tensor:  # fmt: skip
    """``cross_entropy(linear(input, linear_weight, linear_bias), target)``.

    Shape: input (N, D) or (D); linear_weight (C, *, D); linear_bias (C, *); target as for
    :func:`cross_entropy` of (N, C, *).

    Args:
        weight, reduction, label_smoothing: as in :func:`cross_entropy`.
        ignore_index: as there; for targets that are classes only.
        options: how PyTorch saves memory by chunks, which changes no number: accepted.

    Raises:
        RuntimeError: sizes or dtypes that do not fit.

    Source: torch.nn.functional.linear_cross_entropy.

    >>> import rushlight as torch
    >>> x, w = torch.ones(1, 2), torch.zeros(2, 2)
    >>> torch.nn.functional.linear_cross_entropy(x, w, torch.tensor([0])).exp()
    tensor(2.)
    """
    x: Any = input
    w: Any = linear_weight
    t: Any = target
    b: Any = linear_bias
    get_enum(reduction)
    if x.ndim not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {x.ndim}")
    if w.ndim < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {w.ndim}")
    if x.shape[-1] != w.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{x.shape[-1]} and {w.shape[-1]}, respectively"
        )
    if ignore_index is not None and t.is_floating_point():
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    logits: Any = linear(x, w.reshape(-1, w.shape[-1]), None if b is None else b.reshape(-1))
    if w.ndim > 2:
        logits = logits.reshape(*x.shape[:-1], *w.shape[:-1])
    return cross_entropy(
        logits, target, weight, reduction=reduction, label_smoothing=label_smoothing,
        ignore_index=-100 if ignore_index is None else ignore_index,
    )  # fmt: skip
