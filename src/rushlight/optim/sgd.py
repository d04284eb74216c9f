"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from ._checks import check_fused, check_lr, check_positive
from ._rules import rule
from ._state import zeros_like
from ._update import FormulaOptimizer
from .optimizer import ParamsT

__all__ = ["SGD"]


@rule(attributes=("first", "momentous", "decays", "nesterov", "maximize"))
def sgd(
    k: Any, p: Any, g: Any, momentum_buffer: Any, *, lr: Any, momentum: Any, dampening: Any,
    weight_decay: Any, first: Any, momentous: Any, decays: Any, nesterov: Any, maximize: Any,
) -> Any:  # fmt: skip
    if maximize:
        g = -g
    if decays:
        g = g + weight_decay * p
    if momentous:
        if first:
            momentum_buffer = g
        else:
            momentum_buffer = momentum_buffer * momentum + (1 - dampening) * g
        g = g + momentum * momentum_buffer if nesterov else momentum_buffer
    return p - lr * g, momentum_buffer


class SGD(FormulaOptimizer):
    r"""Stochastic gradient descent, optionally with momentum.

    .. math:: b \leftarrow \mu b + (1 - \tau) (g + \lambda p), \qquad p \leftarrow p - \gamma b

    At the first step :math:`b = g + \lambda p`. With `nesterov`, :math:`g + \mu b` takes the place
    of :math:`b` in the update.

    Args:
        params: tensors, (name, tensor) pairs, or dicts that define groups.
        lr: learning rate :math:`\gamma`.
        momentum: :math:`\mu`. dampening: :math:`\tau`. weight_decay: :math:`\lambda`.
        nesterov: use Nesterov's momentum.
        maximize: climb instead of descend.
        differentiable: record the update, for gradients through training.
        foreach, fused: ways PyTorch has to compute the same; accepted, without effect.

    Raises:
        ValueError: for negative values, or `nesterov` without momentum or with dampening.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.SGD.html

    >>> import rushlight as torch
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.SGD([p], lr=0.25)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.5000], requires_grad=True)
    """

    _rule = sgd

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        check_positive(weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }  # fmt: skip
        check_fused(fused, foreach, differentiable)
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"momentum_buffer": zeros_like(p)}

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return group["lr"], group["momentum"], group["dampening"], group["weight_decay"]

    def _choices(self, group: dict[str, Any], first: bool, counts: Any) -> Any:
        return (
            first,
            group["momentum"] != 0,
            group["weight_decay"] != 0,
            group["nesterov"],
            group["maximize"],
        )


SGD.__module__ = "torch.optim.sgd"
