"""Forward mode: dual numbers, tensors that carry a tangent along.

Inside a :class:`dual_level`, what is computed from a dual tensor is dual: its tangent is the
derivative in the direction of the tangents that went in. One pass gives a Jacobian-vector product.
These are PyTorch's functions; forward_level.py does the work.

Source: https://pytorch.org/docs/stable/autograd.html#forward-mode-automatic-differentiation
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core import Tensor
from .forward_level import flags, jvp_level, make_dual_at, primal_at, tangent_at
from .grad_mode import _Mode
from .interpreters import stack
from .naming import renamed

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]

_current_level = -1
_current: Any = None


def _is_fwd_grad_enabled() -> bool:
    return not flags.disabled


class _set_fwd_grad_enabled(_Mode):
    """Switch forward mode off (or on again) for a block."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self.before = flags.disabled

    def __enter__(self) -> None:
        self.before = flags.disabled
        flags.disabled = not self.mode

    def __exit__(self, *_: object) -> None:
        flags.disabled = self.before

    def clone(self) -> _set_fwd_grad_enabled:
        return _set_fwd_grad_enabled(self.mode)


class UnpackedDualTensor(NamedTuple):
    """What :func:`unpack_dual` returns: the value and the tangent of a dual tensor."""

    primal: Tensor
    tangent: Tensor | None


UnpackedDualTensor.__module__ = "torch.autograd.forward_ad"


def enter_dual_level() -> int:
    """Enter a level; what :class:`dual_level` does for a block.

    Raises:
        RuntimeError: one is active: they do not nest (``torch.func.jvp`` does).
    """
    global _current_level, _current
    if _current is not None:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    level = jvp_level()
    level.__enter__()
    _current, _current_level = level, 0
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Leave the level; its tangents are gone.

    Raises:
        RuntimeError: `level` is not the active one, or there is none.
    """
    global _current_level, _current
    if level is None:
        level = _current_level
    if level < 0:
        raise RuntimeError("Dual level must be a positive number.")
    if level != _current_level:
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This "
            "is not supported."
        )
    leaving, _current, _current_level = _current, None, -1
    leaving.__exit__()


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Tensor:
    """A view of `tensor` that carries `tangent` through what is computed from it.

    Shape: `tangent` as `tensor`.

    Raises:
        RuntimeError: no level is active, or the shapes differ.
        ValueError: one of the two is not floating point or complex.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.forward_ad.make_dual.html

    >>> import rushlight as torch
    >>> from rushlight.autograd import forward_ad
    >>> with forward_ad.dual_level():
    ...     x = forward_ad.make_dual(torch.tensor([1., 2.]), torch.tensor([1., 0.]))
    ...     forward_ad.unpack_dual(x * x).tangent
    tensor([2., 0.])
    """
    number = _current_level if level is None else level
    if number < 0:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    check_floating(tensor, tangent)
    if number != _current_level:
        raise RuntimeError("Invalid level given to _make_dual")
    _check_dual(_current, tensor, tangent)
    return _renamed(make_dual_at(_current, tensor, tangent), "ViewBackward0")


def check_floating(primal: Any, tangent: Any) -> None:
    """Raise PyTorch's error for numbers without derivatives."""
    for what, t in (("primal", primal), ("tangent", tangent)):
        if not (t.is_floating_point() or t.is_complex()):
            raise ValueError(
                f"Expected {what} to be floating point or complex, but got: {t.dtype}"
            )


def _check_dual(level: Any, primal: Tensor, tangent: Tensor) -> None:
    if tangent_at(level, primal) is not None:
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the "
            f"same level {_current_level} is not supported."
        )
    check_tangent(primal, tangent)
    if tangent_at(level, tangent) is not None:
        raise RuntimeError(
            "Setting a forward grad that itself has a forward gradient at the same "
            f"level{_current_level} is not supported."
        )


def check_tangent(primal: Tensor, tangent: Tensor) -> None:
    """Raise PyTorch's error where the shapes differ."""
    if primal._data.shape != tangent._data.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(primal._data.shape)} while "
            f"the given forward gradient is of size {list(tangent._data.shape)}."
        )


def _renamed(t: Tensor, name: str) -> Tensor:
    renamed(t, name)
    return t


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """The value and the tangent of a tensor; None for the tangent of one that is not dual.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.forward_ad.unpack_dual.html
    """
    number = _current_level if level is None else level
    if number < 0:
        return UnpackedDualTensor(tensor, None)
    if not isinstance(tensor, Tensor):
        raise TypeError(
            "_unpack_dual(): argument 'dual' (position 1) must be Tensor, not "
            f"{type(tensor).__name__}"
        )
    tangent = tangent_at(_current, tensor)
    if number != _current_level and tangent is not None:
        raise RuntimeError("Invalid level given to _fw_primal")
    return UnpackedDualTensor(_renamed(primal_at(_current, tensor), "Identity"), tangent)


class dual_level(_Mode):
    """A context in which tensors can be dual.

    The level is left, and its tangents are gone, when the context is.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.forward_ad.dual_level.html

    >>> import rushlight as torch
    >>> from rushlight.autograd import forward_ad
    >>> with forward_ad.dual_level():
    ...     x = forward_ad.make_dual(torch.tensor(2.), torch.tensor(1.))
    ...     forward_ad.unpack_dual(x ** 3)
    UnpackedDualTensor(primal=tensor(8.), tangent=tensor(12.))
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *_: object) -> None:
        exit_dual_level()

    def clone(self) -> dual_level:
        return dual_level()


def tangent_shown(t: Tensor) -> Tensor | None:
    """What printing `t` shows as its tangent."""
    if _current is None or not any(found is _current for found in stack()):
        return None
    return tangent_at(_current, t)


for _object in (dual_level, enter_dual_level, exit_dual_level, make_dual, unpack_dual):
    _object.__module__ = "torch.autograd.forward_ad"
