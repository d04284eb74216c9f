"""Handles of registered hooks, by which they are removed again."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from .._core import changed_structure

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


class RemovableHandle:
    """What registering a hook returns; ``remove()`` takes the hook out again.

    As a context manager it removes the hook at the end of the block.

    Args:
        hooks_dict: the ordered dict in which the hook stands, under this handle's ``id``.
        extra_dict: a further dict, or several, with an entry under the same id.

    Source: https://docs.pytorch.org/docs/stable/notes/modules.html#module-hooks

    >>> from collections import OrderedDict
    >>> hooks = OrderedDict()
    >>> handle = RemovableHandle(hooks)
    >>> hooks[handle.id] = print
    >>> handle.remove()
    >>> len(hooks)
    0
    """

    id: int
    next_id: int = 0

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref: Callable[[], Any] = weakref.ref(hooks_dict)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        self.extra_dict_ref: tuple[Callable[[], Any], ...] = ()
        if isinstance(extra_dict, dict):
            self.extra_dict_ref = (weakref.ref(extra_dict),)
        elif isinstance(extra_dict, list):
            self.extra_dict_ref = tuple(weakref.ref(d) for d in extra_dict)

    def remove(self) -> None:
        """Take the hook out; nothing happens the second time."""
        for reference in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = reference()
            if hooks is not None and self.id in hooks:
                del hooks[self.id]
        changed_structure()

    def __getstate__(self) -> tuple[Any, ...]:
        if self.extra_dict_ref == ():
            return (self.hooks_dict_ref(), self.id)
        return (self.hooks_dict_ref(), self.id, tuple(ref() for ref in self.extra_dict_ref))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        from collections import OrderedDict

        def reference_to(hooks: Any) -> Any:
            # The dict is gone: an empty one takes its place, so that remove() still works.
            return weakref.ref(OrderedDict() if hooks is None else hooks)

        self.hooks_dict_ref = reference_to(state[0])
        self.id = state[1]
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)
        extra = state[2] if len(state) > 2 else ()
        self.extra_dict_ref = tuple(reference_to(hooks) for hooks in extra)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, type: Any, value: Any, tb: Any) -> None:
        self.remove()


def unserializable_hook(function: Any) -> Any:
    """Mark a hook of a tensor that is better lost than pickled."""
    function.__torch_unserializable__ = True
    return function


def warn_if_has_hooks(tensor: Any) -> None:
    """Warn that pickling `tensor` loses its backward hooks."""
    hooks = getattr(tensor, "_backward_hooks", None) or {}
    for hook in hooks.values():
        if not hasattr(hook, "__torch_unserializable__"):
            import warnings

            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, "
                "you can decorate the function with @torch.utils.hooks.unserializable_hook to "
                "suppress this warning",
                stacklevel=2,
            )
