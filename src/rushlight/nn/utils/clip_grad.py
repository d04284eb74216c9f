"""Gradients limited in norm or value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._core import Tensor
from ..modules._modes import no_grad

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_",
    "get_total_norm",
]  # fmt: skip


def _listed(parameters: Any) -> list[Any]:
    """The tensors of one tensor or of an iterable; warns of a generator that gives none."""
    if isinstance(parameters, Tensor):
        return [parameters]
    is_generator = hasattr(parameters, "send")
    found = list(parameters)
    if is_generator and not found:
        import warnings

        warnings.warn(
            "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=4
        )
    return found


def _grads(parameters: Any) -> list[Any]:
    return [p.grad for p in _listed(parameters) if p.grad is not None]


def get_total_norm(
    tensors: Iterable[Tensor] | Tensor,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors taken together: the norm of their norms.

    Args:
        norm_type: which p-norm.
        error_if_nonfinite: raise where it is infinite or NaN.
        foreach: accepted; there is one implementation.

    Raises:
        RuntimeError: the norm is not finite and `error_if_nonfinite` is set.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.get_total_norm.html

    >>> import rushlight as torch
    >>> torch.nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([4.0])])
    tensor(5.)
    """
    from importlib import import_module

    torch = import_module("rushlight")
    given = _listed(tensors)
    norm_type = float(norm_type)
    with no_grad():
        if not given:
            return torch.tensor(0.0)
        norms: Any = [t.norm(norm_type) for t in given]
        total = torch.stack(norms).norm(norm_type)
        if error_if_nonfinite and (total.isnan() or total.isinf()):
            raise RuntimeError(
                f"The total norm of order {norm_type} for gradients from `parameters` is "
                "non-finite, so it cannot be clipped. To disable this error and scale the "
                "gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
            )
    return total


def clip_grads_with_norm_(
    parameters: Iterable[Tensor] | Tensor,
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Multiply the gradients by max_norm / (total_norm + 1e-6), if that is less than 1."""
    max_norm = float(max_norm)
    grads = _grads(parameters)
    with no_grad():
        if not grads:
            return
        factor = (max_norm / (total_norm + 1e-6)).clamp(max=1.0)
        for g in grads:
            g.mul_(factor)


def clip_grad_norm_(
    parameters: Iterable[Tensor] | Tensor,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients so that their common norm is at most `max_norm`; return what it was.

    Args:
        parameters: whose gradients.
        max_norm: the limit.
        norm_type: which p-norm.
        error_if_nonfinite: raise where the norm is infinite or NaN.
        foreach: accepted; there is one implementation.

    Raises:
        RuntimeError: the norm is not finite and `error_if_nonfinite` is set.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html

    >>> import rushlight as torch
    >>> p = torch.nn.Parameter(torch.zeros(2))
    >>> p.grad = torch.tensor([3.0, 4.0])
    >>> torch.nn.utils.clip_grad_norm_([p], 1.0)
    tensor(5.)
    """
    listed = _listed(parameters)
    total = get_total_norm(
        [p.grad for p in listed if p.grad is not None], norm_type, error_if_nonfinite, foreach
    )
    clip_grads_with_norm_(listed, max_norm, total, foreach)
    return total


def clip_grad_norm(
    parameters: Iterable[Tensor] | Tensor,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The former name of ``clip_grad_norm_``."""
    import warnings

    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(
    parameters: Iterable[Tensor] | Tensor, clip_value: float, foreach: bool | None = None
) -> None:
    """Limit every element of the gradients to [-clip_value, clip_value].

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html
    """
    clip_value = float(clip_value)
    with no_grad():
        for g in _grads(parameters):
            g.clamp_(-clip_value, clip_value)
