"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from ._checks import check_lr, check_positive
from ._rules import rule
from ._state import as_float, count, zeros_like
from ._update import FormulaOptimizer
from .optimizer import ParamsT

__all__ = ["ASGD"]


@rule(counts=("step", "eta", "mu"), attributes=("averages", "late", "decays", "maximize"))
def asgd(
    k: Any, p: Any, g: Any, ax: Any, step: Any, eta: Any, mu: Any, *, lr: Any, lambd: Any,
    alpha: Any, t0: Any, weight_decay: Any, averages: Any, late: Any, decays: Any, maximize: Any,
) -> Any:  # fmt: skip
    if maximize:
        g = -g
    if decays:
        g = g + weight_decay * p
    step = step + 1
    p = p * (1 - lambd * eta) - eta * g
    ax = ax + (p - ax) * mu if averages else p
    eta = lr / (1 + lambd * lr * step) ** alpha
    mu = 1 / (step - t0) if late else 1.0
    return p, ax, step, eta, mu


class ASGD(FormulaOptimizer):
    r"""Averaged stochastic gradient descent; the average is in ``state[p]["ax"]``.

    .. math::
        p \leftarrow (1 - \lambda \eta_t) p - \eta_t g, \qquad
        a \leftarrow a + \mu_t (p - a), \qquad
        \eta_{t+1} = \frac{\gamma}{(1 + \lambda \gamma t)^\alpha}, \qquad
        \mu_{t+1} = \frac{1}{\max(1, t - t_0)}

    Args:
        params: tensors, (name, tensor) pairs, or dicts that define groups.
        lr: learning rate :math:`\gamma`. lambd: :math:`\lambda`. alpha: :math:`\alpha`.
        t0: the step after which to average.
        weight_decay: adds ``weight_decay * p`` to the gradient.
        maximize: climb instead of descend.
        differentiable: record the update, for gradients through training.
        foreach, capturable: accepted, without effect.

    Raises:
        ValueError: for a negative learning rate or weight decay.

    Source: https://dl.acm.org/doi/10.1137/0330046,
        https://pytorch.org/docs/stable/generated/torch.optim.ASGD.html

    >>> import rushlight as torch
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.ASGD([p], lr=0.25, lambd=0.0)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.5000], requires_grad=True)
    """

    _rule = asgd

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_positive(weight_decay=weight_decay)
        defaults = {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {
            "step": count(0.0),
            "eta": count(as_float(group["lr"])),
            "mu": count(1.0),
            "ax": zeros_like(p),
        }

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return (
            group["lr"], group["lambd"], group["alpha"], group["t0"], group["weight_decay"],
        )  # fmt: skip

    def _choices(self, group: dict[str, Any], first: bool, counts: Any) -> Any:
        return (
            counts[2] != 1,
            counts[0] - group["t0"] > 0,
            group["weight_decay"] != 0,
            group["maximize"],
        )


ASGD.__module__ = "torch.optim.asgd"
