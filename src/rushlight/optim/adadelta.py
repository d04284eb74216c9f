"""Adadelta: steps scaled by the ratio of running sizes of updates and gradients."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from ._checks import check_lr, check_positive
from ._rules import rule
from ._state import count, zeros_like
from ._update import FormulaOptimizer
from .optimizer import ParamsT

__all__ = ["Adadelta"]


@rule(counts=("step",), attributes=("decays", "maximize"))
def adadelta(
    k: Any, p: Any, g: Any, square_avg: Any, acc_delta: Any, step: Any, *, lr: Any, rho: Any,
    eps: Any, weight_decay: Any, decays: Any, maximize: Any,
) -> Any:  # fmt: skip
    if maximize:
        g = -g
    if decays:
        g = g + weight_decay * p
    square_avg = square_avg * rho + g * g * (1 - rho)
    delta = k.sqrt(acc_delta + eps) / k.sqrt(square_avg + eps) * g
    acc_delta = acc_delta * rho + delta * delta * (1 - rho)
    return p - lr * delta, square_avg, acc_delta, step + 1


class Adadelta(FormulaOptimizer):
    r"""Adadelta.

    .. math::
        v \leftarrow \rho v + (1 - \rho) g^2, \qquad
        d = \frac{\sqrt{u + \epsilon}}{\sqrt{v + \epsilon}} g, \qquad
        u \leftarrow \rho u + (1 - \rho) d^2, \qquad p \leftarrow p - \gamma d

    Args:
        params: tensors, (name, tensor) pairs, or dicts that define groups.
        lr: learning rate :math:`\gamma`. rho: decay rate of both averages.
        eps: added under both roots. weight_decay: adds ``weight_decay * p`` to the gradient.
        maximize: climb instead of descend.
        differentiable: record the update, for gradients through training.
        foreach, capturable: accepted, without effect.

    Raises:
        ValueError: for negative values, or `rho` above 1.

    Source: https://arxiv.org/abs/1212.5701,
        https://pytorch.org/docs/stable/generated/torch.optim.Adadelta.html

    >>> import rushlight as torch
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adadelta([p])
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.9968], requires_grad=True)
    """

    _rule = adadelta

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_positive(epsilon=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": count(0.0), "square_avg": zeros_like(p), "acc_delta": zeros_like(p)}

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return group["lr"], group["rho"], group["eps"], group["weight_decay"]

    def _choices(self, group: dict[str, Any], first: bool, counts: Any) -> Any:
        return group["weight_decay"] != 0, group["maximize"]


Adadelta.__module__ = "torch.optim.adadelta"
