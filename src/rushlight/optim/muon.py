"""Muon: momentum whose matrix is made nearly orthogonal before each step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .._core import Tensor
from .._dtypes import bfloat16
from ..autograd.grad_mode import no_grad
from ._state import as_float, zeros_like
from ._update import call_closure
from .optimizer import Optimizer, ParamsT

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Muon"]


def _orthogonal(x: Any, coefficients: Any, steps: int, eps: float) -> Any:
    """A polynomial of the singular values of `x` that brings them near 1, in bfloat16."""
    if steps >= 100:
        raise ValueError(
            "Number of steps must be less than 100 for computational efficiency"
        )
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    y = x.to(bfloat16)
    tall = y.size(0) > y.size(1)
    if tall:
        y = y.t()
    y = y / y.norm().clamp(min=eps)
    for _ in range(steps):
        square = y @ y.t()
        y = y.addmm(square.addmm(square, square, beta=b, alpha=c), y, beta=a)
    return y.t() if tall else y


def _adjusted(lr: float, how: str | None, shape: Any) -> float:
    rows, columns = shape[:2]
    if how is None or how == "original":
        return lr * math.sqrt(max(1, rows / columns))
    return lr * 0.2 * math.sqrt(max(rows, columns))


class Muon(Optimizer):
    r"""Momentum, orthogonalized: for the matrices of hidden layers.

    .. math:: m \leftarrow \mu m + (1 - \mu) g, \qquad
        p \leftarrow (1 - \gamma \lambda) p - \gamma' \,\mathrm{NS}(\tilde m)

    NS is the Newton-Schulz iteration :math:`x \leftarrow a x + (b\, x x^T + c\, (x x^T)^2)\, x` of
    the matrix divided by its norm, in bfloat16; :math:`\tilde m` is :math:`m`, or
    :math:`(1 - \mu) g + \mu m` with `nesterov`.

    Args:
        params: matrices, (name, matrix) pairs, or dicts that define groups.
        lr: learning rate :math:`\gamma`. weight_decay: :math:`\lambda`. momentum: :math:`\mu`.
        nesterov: look ahead.
        ns_coefficients: (a, b, c). eps: least norm to divide by. ns_steps: how many iterations.
        adjust_lr_fn: :math:`\gamma'`: "original" (and None) is
            :math:`\gamma \sqrt{\max(1, rows / columns)}`, "match_rms_adamw" is
            :math:`0.2 \gamma \sqrt{\max(rows, columns)}`.

    Raises:
        ValueError: a parameter that is no matrix, or negative values.

    Source: https://kellerjordan.github.io/posts/muon/, https://arxiv.org/abs/2502.16982,
        https://docs.pytorch.org/docs/stable/generated/torch.optim.Muon.html

    >>> import rushlight as torch
    >>> p = torch.zeros(2, 2, requires_grad=True)
    >>> optimizer = torch.optim.Muon([p], lr=0.5)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> (p < 0).all()
    tensor(True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if isinstance(lr, Tensor) and lr._data.size != 1:
            raise ValueError("Tensor lr must be 1-element")
        for name, value in (
            ("Learning rate", lr), ("momentum", momentum), ("weight decay", weight_decay)
        ):  # fmt: skip
            if not value >= 0.0:
                raise ValueError(f"{name} should be >= 0 but is: {value}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p._data.ndim != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{p.size()}"
                    )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, in place.

        Args:
            closure: evaluates the model again and returns the loss; called first.

        Returns:
            What the closure returned, else None.
        """
        loss = None if closure is None else call_closure(closure)
        with no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self._update(p, group)
        return loss

    def _update(self, p: Any, group: dict[str, Any]) -> None:
        if p._data.dtype.kind == "c":
            raise RuntimeError("Muon does not support complex parameters")
        lr, momentum = as_float(group["lr"]), group["momentum"]
        state = self.state[p]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = zeros_like(p)
        buffer = state["momentum_buffer"]
        buffer.lerp_(p.grad, 1 - momentum)
        ahead = p.grad.lerp(buffer, momentum) if group["nesterov"] else buffer
        update = _orthogonal(ahead, group["ns_coefficients"], group["ns_steps"], group["eps"])
        p.mul_(1 - lr * group["weight_decay"])
        p.add_(update, alpha=-_adjusted(lr, group["adjust_lr_fn"], p.shape))


Muon.__module__ = "torch.optim._muon"
