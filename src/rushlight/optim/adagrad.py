"""Adagrad: steps divided by the root of the sum of all squared gradients."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from ._checks import check_fused, check_lr, check_positive
from ._rules import rule
from ._state import as_float, count, full_like
from ._update import FormulaOptimizer
from .optimizer import ParamsT

__all__ = ["Adagrad"]


@rule(counts=("step",), attributes=("decays", "maximize"))
def adagrad(
    k: Any, p: Any, g: Any, sum: Any, step: Any, *, lr: Any, lr_decay: Any, eps: Any,
    weight_decay: Any, decays: Any, maximize: Any,
) -> Any:  # fmt: skip
    if maximize:
        g = -g
    if decays:
        g = g + weight_decay * p
    sum = sum + g * g
    p = p - lr / (1 + step * lr_decay) * (g / (k.sqrt(sum) + eps))
    return p, sum, step + 1


class Adagrad(FormulaOptimizer):
    r"""Adagrad.

    .. math:: s \leftarrow s + g^2, \qquad
        p \leftarrow p - \frac{\gamma}{1 + (t - 1) \eta} \frac{g}{\sqrt{s} + \epsilon}

    Args:
        params: tensors, (name, tensor) pairs, or dicts that define groups.
        lr: learning rate :math:`\gamma`. lr_decay: :math:`\eta`.
        weight_decay: adds ``weight_decay * p`` to the gradient.
        initial_accumulator_value: where :math:`s` starts. eps: added to the denominator.
        maximize: climb instead of descend.
        differentiable: record the update, for gradients through training.
        foreach, fused: accepted, without effect.

    Raises:
        ValueError: for negative values.

    Source: https://jmlr.org/papers/v12/duchi11a.html,
        https://pytorch.org/docs/stable/generated/torch.optim.Adagrad.html

    >>> import rushlight as torch
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adagrad([p], lr=0.5)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.5000], requires_grad=True)
    """

    _rule = adagrad

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_positive(
            lr_decay=lr_decay, weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value, epsilon=eps,
        )  # fmt: skip
        defaults = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        check_fused(fused, foreach, differentiable)
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p].update(self._start(p, group))

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        start = as_float(group["initial_accumulator_value"])
        return {"step": count(0.0), "sum": full_like(p, start)}

    def share_memory(self) -> None:
        """Accepted, without effect: memory is shared between threads anyway."""

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return group["lr"], group["lr_decay"], group["eps"], group["weight_decay"]

    def _choices(self, group: dict[str, Any], first: bool, counts: Any) -> Any:
        return group["weight_decay"] != 0, group["maximize"]


Adagrad.__module__ = "torch.optim.adagrad"
