"""Adamax: Adam with the largest gradient in place of the root of the mean square."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from ._checks import check_betas, check_lr, check_positive
from ._rules import rule
from ._state import count, zeros_like
from ._update import FormulaOptimizer
from .optimizer import ParamsT

__all__ = ["Adamax"]


@rule(counts=("step",), attributes=("decays", "maximize"))
def adamax(
    k: Any, p: Any, g: Any, exp_avg: Any, exp_inf: Any, step: Any, *, lr: Any, beta1: Any,
    beta2: Any, eps: Any, weight_decay: Any, decays: Any, maximize: Any,
) -> Any:  # fmt: skip
    if maximize:
        g = -g
    if decays:
        g = g + weight_decay * p
    step = step + 1
    exp_avg = exp_avg + (g - exp_avg) * (1 - beta1)
    exp_inf = k.maximum(exp_inf * beta2, k.abs(g) + eps)
    p = p - lr / (1 - beta1**step) * (exp_avg / exp_inf)
    return p, exp_avg, exp_inf, step


class Adamax(FormulaOptimizer):
    r"""Adamax.

    .. math::
        m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad
        u \leftarrow \max(\beta_2 u, |g| + \epsilon), \qquad
        p \leftarrow p - \frac{\gamma}{1 - \beta_1^t} \frac{m}{u}

    Args:
        params: tensors, (name, tensor) pairs, or dicts that define groups.
        lr: learning rate :math:`\gamma`. betas: the two decay rates.
        eps: added to the size of the gradient.
        weight_decay: adds ``weight_decay * p`` to the gradient.
        maximize: climb instead of descend.
        differentiable: record the update, for gradients through training.
        foreach, capturable: accepted, without effect.

    Raises:
        ValueError: for a negative value or a beta outside [0, 1).

    Source: https://arxiv.org/abs/1412.6980,
        https://pytorch.org/docs/stable/generated/torch.optim.Adamax.html

    >>> import rushlight as torch
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adamax([p], lr=0.25)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.7500], requires_grad=True)
    """

    _rule = adamax

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_positive(epsilon=eps)
        check_betas(betas)
        check_positive(weight_decay=weight_decay)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": count(0.0), "exp_avg": zeros_like(p), "exp_inf": zeros_like(p)}

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return (group["lr"], *group["betas"], group["eps"], group["weight_decay"])

    def _choices(self, group: dict[str, Any], first: bool, counts: Any) -> Any:
        return group["weight_decay"] != 0, group["maximize"]


Adamax.__module__ = "torch.optim.adamax"
