"""Checks of hyperparameters that several optimizers share, with PyTorch's messages."""

from __future__ import annotations

from typing import Any

from .._core import Tensor


def check_lr(lr: Any, foreach: Any = None, capturable: bool = False) -> None:
    """Refuse a learning rate that is negative or a tensor of several elements."""
    if isinstance(lr, Tensor):
        if foreach and not capturable:
            raise ValueError(
                "lr as a Tensor is not supported for capturable=False and foreach=True"
            )
        if lr._data.size != 1:
            raise ValueError("Tensor lr must be 1-element")
        lr = lr._data.item()
    if not lr >= 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")


def check_positive(**values: Any) -> None:
    """Refuse negative values; ``weight_decay=-1``: "Invalid weight_decay value: -1"."""
    for name, value in values.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {name} value: {value}")


def check_betas(betas: tuple[Any, Any]) -> None:
    """Refuse decay rates outside [0, 1)."""
    for i in (0, 1):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")


def check_fused(fused: Any, foreach: Any, differentiable: bool) -> None:
    """`fused` goes with neither `differentiable` nor `foreach`."""
    if fused:
        if differentiable:
            raise RuntimeError("`fused` does not support `differentiable`")
        if foreach:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
