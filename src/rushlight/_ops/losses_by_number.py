"""The losses of the torch namespace: their `reduction` is a number, and 0 where it is left out.

PyTorch's schemas say ``reduction=Mean``; its argument parser does not know the word and takes 0,
so that ``torch.kl_div(x, y)`` has a value for each element. 1 is the mean, 2 the sum.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .._tensor.registry import overloaded
from . import loss
from .casting import cast

_FUNCTIONAL = f"{__package__.rpartition('.')[0]}.nn._functional."


def reduced(losses: Any, reduction: int) -> Any:
    """The mean (1) or the sum (2) of the losses, or the losses."""
    if reduction == loss.MEAN:
        return losses.mean()
    return losses.sum() if reduction == loss.SUM else losses


def _each(family: str, name: str, **options: Any) -> Any:
    """The loss of every element, by the function of `torch.nn.functional`."""
    return getattr(import_module(_FUNCTIONAL + family), name)(**options, reduction="none")


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any, pos_weight: Any, reduction: int
) -> Any:
    known = reduction if reduction in (loss.MEAN, loss.SUM) else loss.NONE
    out = loss.binary_cross_entropy_with_logits.call(input, target, weight, pos_weight, known)
    if out._data.dtype == target._data.dtype:
        return out
    return cast.call(out, target._data.dtype)  # PyTorch computes in the memory of ``1 - target``


def kl_div(input: Any, target: Any, reduction: int, log_target: bool) -> Any:
    losses = _each("loss", "kl_div", input=input, target=target, log_target=log_target)
    return reduced(losses, reduction)


def hinge_embedding_loss(input: Any, target: Any, margin: float, reduction: int) -> Any:
    losses = _each("margins", "hinge_embedding_loss", input=input, target=target, margin=margin)
    return reduced(losses, reduction)


def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float, reduction: int
) -> Any:
    losses = _each(
        "margins", "cosine_embedding_loss", input1=input1, input2=input2, target=target,
        margin=margin,
    )  # fmt: skip
    return reduced(losses, reduction)


def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float, reduction: int
) -> Any:
    losses = loss.maximum_scalar.call(-target * (input1 - input2) + margin, 0.0)
    return reduced(losses, reduction)


def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float, p: float, eps: float, swap: bool,
    reduction: int,
) -> Any:  # fmt: skip
    distance = import_module(_FUNCTIONAL + "distance").pairwise_distance
    near, far = distance(anchor, positive, p, eps), distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(distance(positive, negative, p, eps))
    return reduced(loss.maximum_scalar.call(near - far + margin, 0.0), reduction)


def poisson_nll_loss(
    input: Any, target: Any, log_input: bool, full: bool, eps: float, reduction: int
) -> Any:
    losses = _each(
        "loss", "poisson_nll_loss", input=input, target=target, log_input=log_input, full=full,
        eps=eps,
    )  # fmt: skip
    return reduced(losses, reduction)


_LAST = "float margin=0., int reduction=0) -> Tensor"
for _name, _arguments, _target in (
    ("binary_cross_entropy_with_logits", "Tensor self, Tensor target, Tensor? weight=None, "
     "Tensor? pos_weight=None, int reduction=0) -> Tensor", binary_cross_entropy_with_logits),
    ("kl_div", "Tensor input, Tensor target, int reduction=0, *, bool log_target=False) -> Tensor",
     kl_div),
    ("hinge_embedding_loss",
     "Tensor input, Tensor target, float margin=1., int reduction=0) -> Tensor",
     hinge_embedding_loss),
    ("cosine_embedding_loss", f"Tensor input1, Tensor input2, Tensor target, {_LAST}",
     cosine_embedding_loss),
    ("margin_ranking_loss", f"Tensor input1, Tensor input2, Tensor target, {_LAST}",
     margin_ranking_loss),
    ("triplet_margin_loss",
     "Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., "
     "float eps=1e-6, bool swap=False, int reduction=0) -> Tensor", triplet_margin_loss),
    ("poisson_nll_loss", "Tensor input, Tensor target, bool log_input, bool full, float eps, "
     "int reduction) -> Tensor", poisson_nll_loss),
):  # fmt: skip
    overloaded(_name, (f"{_name}({_arguments}", _target), method=False)
