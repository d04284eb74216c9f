"""Rules of losses: element by element, then reduced over each example."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._core import TEN, Tensor, wrap
from .common import aligned, call, folded, front, one_by_one, rule, unfolded

NONE, MEAN = 0, 1


def _reduced(losses: Any, reduction: int) -> Any:
    if reduction == NONE or losses._data.ndim == 1:
        return losses
    dims = tuple(range(1, losses._data.ndim))
    return (TEN.mean if reduction == MEAN else TEN.sum)(losses, dims, False)


@rule(
    "mse_loss", "smooth_l1_loss", "huber_loss", "soft_margin_loss", "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
)  # fmt: skip
def _pointwise(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    at = op.order.index("reduction")
    new = aligned(args, batched)
    shapes = [a._data.shape[1:] if b else a._data.shape
              for a, b in zip(args, batched, strict=True) if isinstance(a, Tensor)]  # fmt: skip
    whole = np.broadcast_shapes(*shapes)
    # Some kernels take the shape of the first input for that of the result.
    new = [
        TEN.expand(a, (size, *whole)) if isinstance(a, Tensor) and i < 2
        and a._data.shape != (size, *whole) else a
        for i, a in enumerate(new)
    ]  # fmt: skip
    reduction, new[at] = args[at], NONE
    return _reduced(call(op, new), reduction)


@rule("nll_loss", "nll_loss2d", "nll_loss_single")
def _nll(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, target, weight, reduction, ignore_index = args
    if batched[2] or not size:
        return one_by_one(op, args, batched, size)
    x, target = front(x, batched[0], size), front(target, batched[1], size)
    if op.name == "nll_loss_single":
        x = TEN.unsqueeze(x, 1)
        single = target._data.ndim == 1
        if single:
            target = TEN.unsqueeze(target, 1)
    count = x._data.shape[1]
    losses = TEN.nll_loss(folded(x), folded(target), weight, NONE, ignore_index)
    losses = unfolded(losses, size, count)
    if reduction == NONE:
        if op.name == "nll_loss_single" and single:
            return TEN.reshape(losses, (size,))
        return losses
    dims = tuple(range(1, losses._data.ndim))
    total = TEN.sum(losses, dims, False)
    if reduction != MEAN:
        return total
    kept = TEN.ne(target, wrap(np.array(ignore_index, target._data.dtype)))
    if weight is None:
        share = TEN.cast(kept, losses._data.dtype)
    else:
        known = TEN.where(kept, target, wrap(np.array(0, target._data.dtype)))
        found = TEN.reshape(
            TEN.index_select(weight, 0, TEN.reshape(known, (-1,))), known._data.shape
        )
        share = TEN.mul(found, TEN.cast(kept, losses._data.dtype))
    return TEN.div(total, TEN.sum(share, dims, False))


@rule("nll_loss_backward")
def _nll_backward(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    """Linear in the gradient: for one target and a reduced loss, a multiple of one result."""
    y, target, weight, shape, reduction, ignore_index = args
    if batched[1] or batched[2] or reduction == NONE:
        return one_by_one(op, args, batched, size)
    one = call(op, [wrap(np.ones((), y._data.dtype)), *args[1:]])
    return TEN.mul(one, TEN.reshape(y, (size, *(1,) * len(shape))))
