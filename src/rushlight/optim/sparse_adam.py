"""SparseAdam: Adam for sparse gradients, which rushlight does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._core import Tensor
from ._checks import check_betas
from ._update import call_closure
from .optimizer import Optimizer, ParamsT

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam that updates only the elements that a sparse gradient names.

    Gradients are dense here, which it refuses, as PyTorch's does.

    Args:
        params: tensors, (name, tensor) pairs, or dicts that define groups.
        lr: learning rate. betas: decay of the averages. eps: added to the denominator.
        maximize: climb instead of descend.

    Raises:
        ValueError: values out of range.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.SparseAdam.html

    >>> import rushlight as torch
    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.SparseAdam([p])
    >>> p.sum().backward()
    >>> optimizer.step()
    Traceback (most recent call last):
    RuntimeError: SparseAdam does not support dense gradients, please consider Adam instead
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr._data.size != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr > 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps > 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        defaults = {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize}
        super().__init__(params, defaults)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Refuse the dense gradients.

        Raises:
            RuntimeError: a parameter has a gradient.
        """
        loss = None if closure is None else call_closure(closure)
        for group in self.param_groups:
            if any(p.grad is not None for p in group["params"]):
                raise RuntimeError(
                    "SparseAdam does not support dense gradients, please consider Adam instead"
                )
        return loss


SparseAdam.__module__ = "torch.optim.sparse_adam"
