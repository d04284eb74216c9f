"""Adafactor: Adam's second moments of a matrix kept as one row and one column."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .._core import Tensor
from .._tensor.numeric import finfo
from ..autograd.grad_mode import no_grad
from ._state import as_float, count, zeros_like
from ._update import call_closure
from .optimizer import Optimizer, ParamsT

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Adafactor"]


class Adafactor(Optimizer):
    r"""Adafactor.

    With :math:`\beta_t = 1 - t^\tau`, the squares :math:`g^2` are averaged as
    :math:`v \leftarrow \beta_t v + (1 - \beta_t) g^2`; of a matrix only the means :math:`R` of its
    rows and :math:`C` of its columns are kept, and :math:`v = R C / \mathrm{mean}(R)`. Then

    .. math:: u = \frac{g}{\max(\sqrt v, \epsilon_1)}, \qquad
        p \leftarrow (1 - \gamma \lambda) p - \max(\epsilon_2, \mathrm{RMS}(p))\,
        \min\Bigl(\gamma, \frac{1}{\sqrt t}\Bigr) \frac{u}{\max(1, \mathrm{RMS}(u) / d)}

    Args:
        params: tensors, (name, tensor) pairs, or dicts that define groups.
        lr: the largest relative step :math:`\gamma`. beta2_decay: :math:`\tau`.
        eps: :math:`(\epsilon_1, \epsilon_2)`; None is the machine epsilon.
        d: where updates are clipped. weight_decay: :math:`\lambda`.
        foreach: accepted, without effect. maximize: climb instead of descend.

    Raises:
        ValueError: values out of range.

    Source: https://arxiv.org/abs/1804.04235,
        https://docs.pytorch.org/docs/stable/generated/torch.optim.Adafactor.html

    >>> import rushlight as torch
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adafactor([p], lr=0.5)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p
    tensor([0.5000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr._data.size != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d,
            "weight_decay": weight_decay, "foreach": foreach, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

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

    def _state_of(self, p: Any) -> dict[str, Any]:
        state: dict[str, Any] = self.state[p]
        if not state:
            state["step"] = count(0.0)
            if p.dim() > 1:
                state["row_var"] = p.new_zeros((*p.shape[:-1], 1))
                state["col_var"] = p.new_zeros((*p.shape[:-2], 1, p.shape[-1]))
            else:
                state["variance"] = zeros_like(p)
        return state

    def _update(self, p: Any, group: dict[str, Any]) -> None:
        if p._data.dtype.kind == "c":
            raise RuntimeError("Adafactor does not support complex parameters")
        state = self._state_of(p)
        state["step"] += 1
        step = as_float(state["step"])
        g = -p.grad if group["maximize"] else p.grad
        lr, (least, floor) = as_float(group["lr"]), group["eps"]
        if least is None:
            least = finfo(p.dtype).eps
        fresh = step ** group["beta2_decay"]
        size = math.sqrt(p.numel())
        length = max(floor, p.norm().item() / size) * min(lr, 1 / math.sqrt(step))
        if group["weight_decay"] != 0:
            p.mul_(1 - lr * group["weight_decay"])
        squares = g * g
        if p.dim() > 1:
            row, column = state["row_var"], state["col_var"]
            row.lerp_(squares.mean(-1, keepdim=True), fresh)
            column.lerp_(squares.mean(-2, keepdim=True), fresh)
            variance = row @ column / row.mean(-2, keepdim=True).clamp(min=least)
        else:
            variance = state["variance"].lerp_(squares, fresh)
        update = variance.clamp(min=least * least).rsqrt() * g
        clipping = max(1.0, update.norm().item() / (size * group["d"]))
        p.add_(update, alpha=-length / clipping)


Adafactor.__module__ = "torch.optim._adafactor"
