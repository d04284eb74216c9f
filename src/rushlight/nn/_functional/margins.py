"""Losses of `torch.nn.functional` for regression, distances and margins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._core import Tensor
from ..._ops import loss as rows
from ..._ops.movement import expand
from .._reduction import get_enum
from .loss import _reduced, _reduction, _warn_about_sizes, not_differentiable

if TYPE_CHECKING:
    from collections.abc import Callable


def _positive(x: Any) -> Any:
    return rows.maximum_scalar.call(x, 0.0)


def _together(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both in the shape they broadcast to."""
    a, b = input._data.shape, target._data.shape
    if a == b:
        return input, target
    import numpy as np

    from ..._define.promote import broadcast_error

    try:
        shape = np.broadcast_shapes(a, b)
    except ValueError:
        raise broadcast_error(a, b) from None
    if a != shape:
        input = expand.call(input, shape)
    if b != shape:
        target = expand.call(target, shape)
    return input, target


def mse_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """``(x - y)^2``; with a weight, the mean divides by the weights.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html

    >>> import rushlight as torch
    >>> torch.nn.functional.mse_loss(torch.tensor([1., 2.]), torch.tensor([1., 4.]))
    tensor(2.)
    """
    _warn_about_sizes(input, target)
    reduction = _reduction(size_average, reduce, reduction)
    input, target = _together(input, target)
    if weight is None:
        return rows.mse_loss.call(
            input, target, get_enum(reduction)
        )
    return _weighted(rows.mse_loss.call(input, target, rows.NONE), input, weight, reduction)


def _weighted(losses: Any, input: Tensor, weight: Any, reduction: str) -> Tensor:
    if weight._data.shape != input._data.shape:
        raise ValueError("Weights and input must have the same size.")
    losses = losses * weight
    if get_enum(reduction) == rows.MEAN:
        return losses.sum() / weight.sum()
    return _reduced(losses, reduction)


def l1_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """``|x - y|``; with a weight, the mean divides by the weights.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.l1_loss.html

    >>> import rushlight as torch
    >>> torch.nn.functional.l1_loss(torch.tensor([1., 2.]), torch.tensor([1., 4.]))
    tensor(1.)
    """
    _warn_about_sizes(input, target)
    reduction = _reduction(size_average, reduce, reduction)
    input, target = _together(input, target)
    losses = (input - target).abs()
    if weight is None:
        return _reduced(losses, reduction)
    return _weighted(losses, input, weight, reduction)


def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", beta: float = 1.0,
) -> Tensor:  # fmt: skip
    """``0.5 d^2 / beta`` where ``d = |x - y| < beta``, else ``d - 0.5 beta``.

    Raises:
        RuntimeError: `beta` is negative.

    Source: torch.nn.functional.smooth_l1_loss.

    >>> import rushlight as torch
    >>> torch.nn.functional.smooth_l1_loss(torch.tensor([0., 0.]), torch.tensor([1., 4.]))
    tensor(2.)
    """
    _warn_about_sizes(input, target)
    reduction = _reduction(size_average, reduce, reduction)
    input, target = _together(input, target)
    if beta == 0.0:
        return _reduced((input - target).abs(), reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    return rows.smooth_l1_loss.call(
        input, target, get_enum(reduction), float(beta)
    )


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """``0.5 d^2`` where ``d = |x - y| < delta``, else ``delta * (d - 0.5 delta)``.

    Raises:
        RuntimeError: `delta` is not positive.

    Source: torch.nn.functional.huber_loss.

    >>> import rushlight as torch
    >>> torch.nn.functional.huber_loss(torch.tensor([0., 0.]), torch.tensor([1., 4.]))
    tensor(2.)
    """
    _warn_about_sizes(input, target)
    input, target = _together(input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    number = get_enum(reduction)
    if weight is None:
        return rows.huber_loss.call(
            input, target, number, float(delta)
        )
    if weight._data.shape != input._data.shape:
        raise ValueError("Weights and input must have the same size.")
    losses = rows.huber_loss.call(input, target, rows.NONE, float(delta))
    return _reduced(losses * weight, reduction)


def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """``log(1 + exp(-y x))`` with targets of 1 or -1. Source: torch.nn.functional.soft_margin_loss.

    >>> import rushlight as torch
    >>> torch.nn.functional.soft_margin_loss(torch.tensor([0.]), torch.tensor([1.]))
    tensor(0.6931)
    """
    number = get_enum(_reduction(size_average, reduce, reduction))
    not_differentiable("soft_margin_loss", target=target)
    return rows.soft_margin_loss.call(
        *_together(input, target), number
    )


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """``x`` where the target is 1, ``max(0, margin - x)`` where it is -1.

    Source: torch.nn.functional.hinge_embedding_loss.

    >>> import rushlight as torch
    >>> F = torch.nn.functional
    >>> F.hinge_embedding_loss(torch.tensor([0.5, 0.25]), torch.tensor([1., -1.]))
    tensor(0.6250)
    """
    reduction = _reduction(size_average, reduce, reduction)
    x: Any = input
    y: Any = target
    apart = _positive(margin - x).masked_fill(y == 1, 0)
    together = x.masked_fill(y == -1, 0)
    return _reduced(apart + together, reduction)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """``1 - cos`` where the target is 1, ``max(0, cos - margin)`` where it is -1.

    Shape: input1, input2 (N, D) or (D); target (N) or ().
    Source: torch.nn.functional.cosine_embedding_loss.

    >>> import rushlight as torch
    >>> F = torch.nn.functional
    >>> x = torch.tensor([[1., 0.]])
    >>> F.cosine_embedding_loss(x, torch.tensor([[0., 1.]]), torch.tensor([1.]))
    tensor(1.)
    """
    reduction = _reduction(size_average, reduce, reduction)
    a: Any = input1
    b: Any = input2
    y: Any = target
    rank = y._data.ndim
    if rank not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if rank == 1 and not a._data.ndim == b._data.ndim == 2:
        raise RuntimeError(
            "1D target tensor expects 2D input tensors, but found inputs with sizes "
            f"{list(a._data.shape)} and {list(b._data.shape)}."
        )
    if rank == 0 and not a._data.ndim == b._data.ndim == 1:
        raise RuntimeError(
            "0D target tensor expects 1D input tensors, but found inputs with sizes "
            f"{list(a._data.shape)} and {list(b._data.shape)}."
        )
    dim = rank
    tiny = 1e-12
    product = (a * b).sum(dim)
    squares = ((a * a).sum(dim) + tiny) * ((b * b).sum(dim) + tiny)
    cosine = product / squares.sqrt()
    apart = _positive(cosine - margin)
    losses = (1 - cosine).masked_fill(y != 1, 0) + apart.masked_fill(y != -1, 0)
    return _reduced(losses, reduction)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """``max(0, -y (x1 - x2) + margin)``. Source: torch.nn.functional.margin_ranking_loss.

    Raises:
        RuntimeError: numbers of dimensions differ.

    >>> import rushlight as torch
    >>> one = torch.tensor([1.])
    >>> torch.nn.functional.margin_ranking_loss(one, one, one, margin=0.5)
    tensor(0.5000)
    """
    reduction = _reduction(size_average, reduce, reduction)
    a: Any = input1
    b: Any = input2
    y: Any = target
    if not a.dim() == b.dim() == y.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {a.size()}, input2: {b.size()}, target: {y.size()} "
        )
    return _reduced(_positive(-y * (a - b) + margin), reduction)


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2,
    eps: float = 1e-6, swap: bool = False, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """``max(0, d(a, p) - d(a, n) + margin)`` with the p-norm distance.

    Args:
        swap: take the smaller of ``d(a, n)`` and ``d(p, n)``.

    Source: torch.nn.functional.triplet_margin_loss; Balntas et al. 2016.

    >>> import rushlight as torch
    >>> a = torch.tensor([[1., 0.]])
    >>> torch.nn.functional.triplet_margin_loss(a, a, a)
    tensor(1.)
    """
    from .distance import pairwise_distance

    reduction = _reduction(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    ranks = [t._data.ndim for t in (anchor, positive, negative)]
    if len(set(ranks)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {ranks[0]}D, positive {ranks[1]}D, and negative "
            f"{ranks[2]}D inputs"
        )
    near: Any = pairwise_distance(anchor, positive, p, eps)
    far: Any = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    return _reduced(_positive(near - far + margin), reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None, margin: float = 1.0,
    swap: bool = False, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """:func:`triplet_margin_loss` with a distance of your own.

    Source: torch.nn.functional.triplet_margin_with_distance_loss.
    """
    from .distance import pairwise_distance

    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance: Any = pairwise_distance if distance_function is None else distance_function
    ranks = [t._data.ndim for t in (anchor, positive, negative)]
    if len(set(ranks)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {ranks[0]}D, positive {ranks[1]}D, and negative "
            f"{ranks[2]}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return _reduced(_positive(margin + near - far), reduction)


def multi_margin_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """``sum over classes i != t of max(0, margin - x[t] + x[i])^p / C``.

    Shape: input (N, C) or (C), target (N) or (), weight (C).
    Source: torch.nn.functional.multi_margin_loss.

    >>> import rushlight as torch
    >>> torch.nn.functional.multi_margin_loss(torch.tensor([[1., 0.5]]), torch.tensor([0]))
    tensor(0.2500)
    """
    number = get_enum(_reduction(size_average, reduce, reduction))
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight._data.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    x, t = input._data, target._data
    images = x.shape[0] if x.ndim == 2 else 1
    if t.ndim > 1 or t.size != images:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
            f"samples (batch size). Expected target size [{images}], but got {list(t.shape)}. "
            f"Input has shape {list(x.shape)}."
        )
    not_differentiable("multi_margin_loss", weight=weight)
    return rows.multi_margin_loss.call(
        input, target, weight, int(p), float(margin), number
    )


def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """``sum over labels j and others i of max(0, 1 - x[j] + x[i]) / C``; -1 ends the labels.

    Shape: input (N, C) or (C), target the same.
    Source: torch.nn.functional.multilabel_margin_loss.

    >>> import rushlight as torch
    >>> F = torch.nn.functional
    >>> F.multilabel_margin_loss(torch.tensor([[1., 0.5]]), torch.tensor([[0, -1]]))
    tensor(0.2500)
    """
    number = get_enum(_reduction(size_average, reduce, reduction))
    x, t = input._data, target._data
    if x.shape != t.shape:
        raise RuntimeError(
            f"inconsistent target size: {list(t.shape)} for input of size: {list(x.shape)}"
        )
    return rows.multilabel_margin_loss.call(
        input, target, number
    )


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Binary cross entropy of each class, averaged over the classes.

    Source: torch.nn.functional.multilabel_soft_margin_loss.

    >>> import rushlight as torch
    >>> F = torch.nn.functional
    >>> F.multilabel_soft_margin_loss(torch.zeros(1, 2), torch.tensor([[0., 1.]]))
    tensor(0.6931)
    """
    from .activation import logsigmoid

    reduction = _reduction(size_average, reduce, reduction)
    x: Any = input
    y: Any = target
    losses: Any = -(y * logsigmoid(x) + (1 - y) * logsigmoid(-x))
    if weight is not None:
        losses = losses * weight
    classes = x.size(x.dim() - 1)
    losses = losses.sum(dim=x.dim() - 1) / classes
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    return _reduced(losses, reduction)


