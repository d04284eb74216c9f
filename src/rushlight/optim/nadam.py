"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from ._checks import check_betas, check_lr, check_positive
from ._rules import rule
from ._state import count, zeros_like
from ._update import FormulaOptimizer
from .optimizer import ParamsT

__all__ = ["NAdam"]


@rule(counts=("step", "mu_product"), attributes=("decays", "decoupled", "maximize"))
def nadam(
    k: Any, p: Any, g: Any, exp_avg: Any, exp_avg_sq: Any, step: Any, mu_product: Any, *, lr: Any,
    beta1: Any, beta2: Any, eps: Any, weight_decay: Any, momentum_decay: Any, decays: Any,
    decoupled: Any, maximize: Any,
) -> Any:  # fmt: skip
    if maximize:
        g = -g
    if decays and decoupled:
        p = p * (1 - lr * weight_decay)
    elif decays:
        g = g + weight_decay * p
    step = step + 1
    mu = beta1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * momentum_decay))
    mu_product = mu_product * mu
    exp_avg = exp_avg + (g - exp_avg) * (1 - beta1)
    exp_avg_sq = exp_avg_sq * beta2 + g * g * (1 - beta2)
    denominator = k.sqrt(exp_avg_sq / (1 - beta2**step)) + eps
    p = p - lr * (1 - mu) / (1 - mu_product) * (g / denominator)
    p = p - lr * mu_next / (1 - mu_product * mu_next) * (exp_avg / denominator)
    return p, exp_avg, exp_avg_sq, step, mu_product


class NAdam(FormulaOptimizer):
    r"""NAdam.

    Adam whose first average runs one step ahead:

    .. math::
        \mu_t = \beta_1 (1 - 0.5 \cdot 0.96^{t \psi}), \qquad
        \hat m = \frac{\mu_{t+1} m}{1 - \prod_{i=1}^{t+1} \mu_i}
            + \frac{(1 - \mu_t) g}{1 - \prod_{i=1}^{t} \mu_i}, \qquad
        p \leftarrow p - \gamma \frac{\hat m}{\sqrt{\hat v} + \epsilon}

    Args:
        params: tensors, (name, tensor) pairs, or dicts that define groups.
        lr: learning rate :math:`\gamma`. betas: the two decay rates.
        eps: added to the denominator. momentum_decay: :math:`\psi`.
        weight_decay: adds ``weight_decay * p`` to the gradient.
        decoupled_weight_decay: shrink the parameter instead (NAdamW).
        maximize: climb instead of descend.
        differentiable: record the update, for gradients through training.
        foreach, capturable: accepted, without effect.

    Raises:
        ValueError: for a negative value or a beta outside [0, 1).

    Source: https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ,
        https://pytorch.org/docs/stable/generated/torch.optim.NAdam.html

    >>> import rushlight as torch
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.NAdam([p], lr=0.25)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.7359], requires_grad=True)
    """

    _rule = nadam

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_positive(weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {
            "step": count(0.0),
            "mu_product": count(1.0),
            "exp_avg": zeros_like(p),
            "exp_avg_sq": zeros_like(p),
        }

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return (
            group["lr"], *group["betas"], group["eps"], group["weight_decay"],
            group["momentum_decay"],
        )  # fmt: skip

    def _choices(self, group: dict[str, Any], first: bool, counts: Any) -> Any:
        return group["weight_decay"] != 0, group["decoupled_weight_decay"], group["maximize"]


NAdam.__module__ = "torch.optim.nadam"
