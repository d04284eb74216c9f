"""RAdam: Adam that corrects for the variance of its second average while that is young."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from ._checks import check_betas, check_lr, check_positive
from ._rules import rule
from ._state import as_float, count, zeros_like
from ._update import FormulaOptimizer
from .optimizer import ParamsT

__all__ = ["RAdam"]


def _lengths(beta2: Any, step: Any) -> tuple[Any, Any]:
    """How many gradients the second average sees: in the long run, and after `step` steps."""
    long_run = 2 / (1 - beta2) - 1
    return long_run, long_run - 2 * step * beta2**step / (1 - beta2**step)


@rule(counts=("step",), attributes=("rectified", "decays", "decoupled", "maximize"))
def radam(
    k: Any, p: Any, g: Any, exp_avg: Any, exp_avg_sq: Any, step: Any, *, lr: Any, beta1: Any,
    beta2: Any, eps: Any, weight_decay: Any, rectified: Any, decays: Any, decoupled: Any,
    maximize: Any,
) -> Any:  # fmt: skip
    if maximize:
        g = -g
    if decays and decoupled:
        p = p * (1 - lr * weight_decay)
    elif decays:
        g = g + weight_decay * p
    step = step + 1
    exp_avg = exp_avg + (g - exp_avg) * (1 - beta1)
    exp_avg_sq = exp_avg_sq * beta2 + g * g * (1 - beta2)
    rate = lr / (1 - beta1**step)
    if rectified:
        full, now = _lengths(beta2, step)
        shrink = ((now - 4) * (now - 2) * full / ((full - 4) * (full - 2) * now)) ** 0.5
        rate = rate * shrink * (1 - beta2**step) ** 0.5
        p = p - rate * (exp_avg / (k.sqrt(exp_avg_sq) + eps))
    else:
        p = p - rate * exp_avg
    return p, exp_avg, exp_avg_sq, step


class RAdam(FormulaOptimizer):
    r"""RAdam.

    With :math:`\rho_\infty = 2 / (1 - \beta_2) - 1` and
    :math:`\rho_t = \rho_\infty - 2 t \beta_2^t / (1 - \beta_2^t)`: the step of Adam times

    .. math:: \sqrt{\frac{(\rho_t - 4)(\rho_t - 2) \rho_\infty}
        {(\rho_\infty - 4)(\rho_\infty - 2) \rho_t}}

    where :math:`\rho_t > 5`, and :math:`p \leftarrow p - \gamma m / (1 - \beta_1^t)` before.

    Args:
        params: tensors, (name, tensor) pairs, or dicts that define groups.
        lr: learning rate :math:`\gamma`. betas: the two decay rates.
        eps: added to the denominator.
        weight_decay: adds ``weight_decay * p`` to the gradient.
        decoupled_weight_decay: shrink the parameter instead (RAdamW).
        maximize: climb instead of descend.
        differentiable: record the update, for gradients through training.
        foreach, capturable: accepted, without effect.

    Raises:
        ValueError: for a negative value or a beta outside [0, 1).

    Source: https://arxiv.org/abs/1908.03265,
        https://pytorch.org/docs/stable/generated/torch.optim.RAdam.html

    >>> import rushlight as torch
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.RAdam([p], lr=0.25)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.5000], requires_grad=True)
    """

    _rule = radam

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_positive(epsilon=eps)
        check_betas(betas)
        check_positive(weight_decay=weight_decay)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach, "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": count(0.0), "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return (group["lr"], *group["betas"], group["eps"], group["weight_decay"])

    def _choices(self, group: dict[str, Any], first: bool, counts: Any) -> Any:
        return (
            _lengths(as_float(group["betas"][1]), counts[0] + 1)[1] > 5,
            group["weight_decay"] != 0,
            group["decoupled_weight_decay"],
            group["maximize"],
        )


RAdam.__module__ = "torch.optim.radam"
