"""Rprop: step sizes of their own, that grow while the sign of the gradient stays."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from ._checks import check_lr
from ._rules import rule
from ._state import as_float, count, full_like, zeros_like
from ._update import FormulaOptimizer
from .optimizer import ParamsT

__all__ = ["Rprop"]


@rule(counts=("step",), attributes=("maximize",))
def rprop(
    k: Any, p: Any, g: Any, prev: Any, step_size: Any, step: Any, *, shrink: Any, grow: Any,
    smallest: Any, largest: Any, maximize: Any,
) -> Any:  # fmt: skip
    if maximize:
        g = -g
    agreement = g * prev
    changed = k.where(agreement < 0, step_size * shrink, step_size)
    step_size = k.where(agreement > 0, step_size * grow, changed)
    step_size = k.minimum(k.maximum(step_size, smallest), largest)
    g = k.where(agreement < 0, 0.0, g)
    return p - k.sign(g) * step_size, g, step_size, step + 1


class Rprop(FormulaOptimizer):
    r"""Resilient propagation: only the signs of gradients count.

    Each element's step size is multiplied by :math:`\eta^+` where the gradient kept its sign, by
    :math:`\eta^-` where it changed (and the element then rests once), within bounds.

    Args:
        params: tensors, (name, tensor) pairs, or dicts that define groups.
        lr: the first step size.
        etas: the factors :math:`(\eta^-, \eta^+)`.
        step_sizes: the smallest and the largest step size.
        maximize: climb instead of descend.
        capturable, foreach, differentiable: see :class:`Adam`.

    Raises:
        ValueError: for a negative learning rate, or factors not around 1.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.Rprop.html

    >>> import rushlight as torch
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Rprop([p], lr=0.25)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.7500], requires_grad=True)
    """

    _rule = rprop

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        start = as_float(group["lr"])
        return {"step": count(0.0), "prev": zeros_like(p), "step_size": full_like(p, start)}

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return (*group["etas"], *group["step_sizes"])

    def _choices(self, group: dict[str, Any], first: bool, counts: Any) -> Any:
        return (group["maximize"],)


Rprop.__module__ = "torch.optim.rprop"
