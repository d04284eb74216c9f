"""Hooks on tensors: register_hook, retain_grad, register_post_accumulate_grad_hook.

Hooks stand in the ``__dict__`` of what the engine meets: of the leaf, of the node that made the
tensor, or of the `Slot` of one of several outputs. Their containers enter themselves into
``ctx.hooks`` while they hold something: while that is empty, backward takes its fast loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from .._core import LEAF, Tensor, changed_structure, ctx

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..utils.hooks import RemovableHandle


class Hooks(dict):
    """Hooks by the id of their handle."""

    __slots__ = ("__weakref__",)

    def __setitem__(self, key: int, hook: Any) -> None:
        dict.__setitem__(self, key, hook)
        ctx.hooks.add(id(self))

    def __delitem__(self, key: int) -> None:
        dict.__delitem__(self, key)
        if not self:
            ctx.hooks.discard(id(self))

    def clear(self) -> None:
        dict.clear(self)
        ctx.hooks.discard(id(self))

    def __del__(self) -> None:
        ctx.hooks.discard(id(self))


class Retained(list):
    """Weak references to the tensors that want the gradient which arrives at an edge."""

    __slots__ = ()

    def __init__(self) -> None:
        ctx.hooks.add(id(self))

    def __del__(self) -> None:
        ctx.hooks.discard(id(self))


def hooks_at(owner: Any, name: str) -> Hooks:
    """The container `name` of `owner`, made when first needed."""
    hooks: Hooks | None = owner.__dict__.get(name)
    if hooks is None:
        hooks = owner.__dict__[name] = Hooks()
    return hooks


def add(hooks: Hooks, hook: Any) -> RemovableHandle:
    """Put `hook` into `hooks`; the handle takes it out again."""
    from ..utils.hooks import RemovableHandle

    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    changed_structure()
    return handle


def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Call ``hook(grad)`` whenever the gradient of this tensor is computed.

    What it returns, unless None, takes the gradient's place.

    Raises:
        RuntimeError: the tensor does not require grad.

    Source: https://pytorch.org/docs/stable/generated/torch.Tensor.register_hook.html

    >>> import rushlight as torch
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> handle = x.register_hook(lambda grad: grad * 2)
    >>> x.sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """
    edge = self._edge
    if edge is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    return add(hooks_at(self if edge is LEAF else edge, "_tensor_hooks"), hook)


def register_post_accumulate_grad_hook(
    self: Tensor, hook: Callable[[Tensor], None]
) -> RemovableHandle:
    """Call ``hook(param)`` after each time a gradient was added to ``param.grad``.

    Raises:
        RuntimeError: the tensor is not a leaf, or does not require grad.

    Source: https://pytorch.org/docs/stable/generated/torch.Tensor.register_post_accumulate_grad_hook.html

    >>> import rushlight as torch
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> handle = x.register_post_accumulate_grad_hook(lambda p: print(p.grad))
    >>> x.sum().backward()
    tensor([1., 1.])
    """
    if self._edge is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if self._edge is not LEAF:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return add(hooks_at(self, "_post_accumulate_hooks"), hook)


def retain_grad(self: Tensor) -> None:
    """Keep the gradient of this tensor in ``.grad`` although it is not a leaf.

    Raises:
        RuntimeError: the tensor does not require grad.

    Source: https://pytorch.org/docs/stable/generated/torch.Tensor.retain_grad.html

    >>> import rushlight as torch
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> y = x * 2
    >>> y.retain_grad()
    >>> y.sum().backward()
    >>> y.grad
    tensor([1., 1.])
    """
    edge = self._edge
    if edge is None:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if edge is LEAF:
        return
    _retain_at(edge, self)


def _retain_at(edge: Any, t: Tensor) -> None:
    retained = edge.__dict__.get("_retained")
    if retained is None:
        retained = edge.__dict__["_retained"] = Retained()
    if not any(r() is t for r in retained):
        retained.append(ref(t))


def move_retained(t: Tensor, old: Any, new: Any) -> None:
    """`t` was written to in place: the gradient it retains is that of its new value."""
    retained = getattr(old, "__dict__", {}).get("_retained")
    if old is LEAF or not retained or not any(r() is t for r in retained):
        return
    retained[:] = [r for r in retained if r() is not t]
    if not retained:
        del old.__dict__["_retained"]
    if new is not None and new is not LEAF:
        _retain_at(new, t)


def get_backward_hooks(self: Tensor) -> Hooks | None:
    """The hooks of this tensor, or None (PyTorch's ``_backward_hooks``)."""
    edge = self._edge
    if edge is None:
        return None
    return (self if edge is LEAF else edge).__dict__.get("_tensor_hooks")
