"""RMSprop: steps divided by a running average of the gradients' size."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from ._checks import check_lr, check_positive
from ._rules import rule
from ._state import count, zeros_like
from ._update import FormulaOptimizer
from .optimizer import ParamsT

__all__ = ["RMSprop"]


@rule(counts=("step",), attributes=("decays", "centered", "momentous", "maximize"))
def rmsprop(
    k: Any, p: Any, g: Any, square_avg: Any, momentum_buffer: Any, grad_avg: Any, step: Any, *,
    lr: Any, alpha: Any, eps: Any, weight_decay: Any, momentum: Any, decays: Any, centered: Any,
    momentous: Any, maximize: Any,
) -> Any:  # fmt: skip
    if maximize:
        g = -g
    if decays:
        g = g + weight_decay * p
    square_avg = square_avg * alpha + g * g * (1 - alpha)
    variance = square_avg
    if centered:
        grad_avg = grad_avg + (g - grad_avg) * (1 - alpha)
        variance = square_avg - grad_avg * grad_avg
    g = g / (k.sqrt(variance) + eps)
    if momentous:
        g = momentum_buffer = momentum_buffer * momentum + g
    return p - lr * g, square_avg, momentum_buffer, grad_avg, step + 1


class RMSprop(FormulaOptimizer):
    r"""RMSprop.

    .. math:: v \leftarrow \alpha v + (1 - \alpha) g^2, \qquad
        p \leftarrow p - \gamma \frac{g}{\sqrt{v} + \epsilon}

    Args:
        params: tensors, (name, tensor) pairs, or dicts that define groups.
        lr: learning rate :math:`\gamma`. alpha: decay rate of the average.
        eps: added to the denominator. weight_decay: adds ``weight_decay * p`` to the gradient.
        momentum: sum up updates with this decay.
        centered: subtract the square of the average gradient from :math:`v`.
        maximize: climb instead of descend.
        differentiable: record the update, for gradients through training.
        capturable, foreach: accepted, without effect.

    Raises:
        ValueError: for negative values.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html

    >>> import rushlight as torch
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.RMSprop([p], lr=0.05)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.5000], requires_grad=True)
    """

    _rule = rmsprop

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_positive(
            epsilon=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha
        )
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = {"step": count(0.0)}
        return state | {name: zeros_like(p) for name in self._names(group)}

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        names = ["square_avg"]
        if group["momentum"] > 0:
            names.append("momentum_buffer")
        if group["centered"]:
            names.append("grad_avg")
        return tuple(names)

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return (
            group["lr"], group["alpha"], group["eps"], group["weight_decay"], group["momentum"],
        )  # fmt: skip

    def _choices(self, group: dict[str, Any], first: bool, counts: Any) -> Any:
        return (
            group["weight_decay"] != 0,
            group["centered"],
            group["momentum"] > 0,
            group["maximize"],
        )


RMSprop.__module__ = "torch.optim.rmsprop"
