"""Adam: steps scaled by running averages of gradients and of their squares."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from ._checks import check_betas, check_fused, check_lr, check_positive
from ._rules import rule
from ._state import count, zeros_like
from ._update import FormulaOptimizer
from .optimizer import ParamsT

__all__ = ["Adam"]


@rule(counts=("step",), attributes=("decays", "decoupled", "amsgrad", "maximize"))
def adam(
    k: Any, p: Any, g: Any, exp_avg: Any, exp_avg_sq: Any, max_exp_avg_sq: Any, step: Any, *,
    lr: Any, beta1: Any, beta2: Any, eps: Any, weight_decay: Any, decays: Any, decoupled: Any,
    amsgrad: Any, maximize: Any,
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
    if amsgrad:
        max_exp_avg_sq = k.maximum(max_exp_avg_sq, exp_avg_sq)
    second = k.sqrt(max_exp_avg_sq if amsgrad else exp_avg_sq)
    denominator = second / (1 - beta2**step) ** 0.5 + eps
    p = p - lr / (1 - beta1**step) * (exp_avg / denominator)
    return p, exp_avg, exp_avg_sq, max_exp_avg_sq, step


class Adam(FormulaOptimizer):
    r"""Adam.

    .. math::
        m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad
        v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \qquad
        p \leftarrow p - \gamma \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    Args:
        params: tensors, (name, tensor) pairs, or dicts that define groups.
        lr: learning rate :math:`\gamma`.
        betas: decay rates of the averages of gradients and of their squares.
        eps: added to the denominator.
        weight_decay: adds ``weight_decay * p`` to the gradient.
        amsgrad: divide by the largest average seen.
        maximize: climb instead of descend.
        differentiable: record the update, for gradients through training.
        decoupled_weight_decay: shrink the parameter instead of changing the gradient (AdamW).
        foreach, capturable, fused: ways PyTorch has to compute the same; accepted, without effect.

    Raises:
        ValueError: for a negative value or a beta outside [0, 1).

    Source: https://arxiv.org/abs/1412.6980,
        https://pytorch.org/docs/stable/generated/torch.optim.Adam.html

    >>> import rushlight as torch
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adam([p], lr=0.25)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.7500], requires_grad=True)
    """

    _rule = adam
    _sparse_error = "Adam does not support sparse gradients, please consider SparseAdam instead"

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_lr(lr, foreach, capturable)
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        check_positive(weight_decay=weight_decay)
        if not any(all(isinstance(beta, kind) for beta in betas) for kind in (float, Tensor)):
            raise ValueError("betas must be either both floats or both Tensors")
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable, "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        check_fused(fused, foreach, differentiable)
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = {"step": count(0.0), "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_like(p)
        return state

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return self._rule.states if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        beta1, beta2 = group["betas"]
        return group["lr"], beta1, beta2, group["eps"], group["weight_decay"]

    def _choices(self, group: dict[str, Any], first: bool, counts: Any) -> Any:
        return (
            group["weight_decay"] != 0,
            group["decoupled_weight_decay"],
            group["amsgrad"],
            group["maximize"],
        )


Adam.__module__ = "torch.optim.adam"
