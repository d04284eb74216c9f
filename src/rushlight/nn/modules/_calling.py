"""What happens at a module call beyond ``forward``: hooks of every kind.

A module without hooks never comes here. `special` tells the call that it must: per module in its
``_special``, for global hooks in the list `everywhere`.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from ..._core import Node, Tensor, changed_structure
from ...utils.hooks import RemovableHandle
from ._backward_hook import BackwardHook

if TYPE_CHECKING:
    from .module import Module

_global_backward_pre_hooks: dict[int, Any] = OrderedDict()
_global_backward_hooks: dict[int, Any] = OrderedDict()
_global_forward_pre_hooks: dict[int, Any] = OrderedDict()
_global_forward_hooks: dict[int, Any] = OrderedDict()
_global_forward_hooks_always_called: dict[int, bool] = OrderedDict()
_global_forward_hooks_with_kwargs: dict[int, bool] = OrderedDict()
_global_buffer_registration_hooks: dict[int, Any] = OrderedDict()
_global_module_registration_hooks: dict[int, Any] = OrderedDict()
_global_parameter_registration_hooks: dict[int, Any] = OrderedDict()

#: Not empty once a global hook was registered: every call then looks at the dicts above.
everywhere: list[bool] = []
#: Whether the global backward hooks are full ones (None: none was registered yet).
_global_is_full: bool | None = None

#: The dicts of a module whose entries make its calls special.
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _add(hooks: Any, hook: Any, *extra: Any, first: bool = False) -> RemovableHandle:
    handle = RemovableHandle(hooks, extra_dict=list(extra) or None)
    hooks[handle.id] = hook
    for marks in extra:
        marks[handle.id] = True
    if first:
        hooks.move_to_end(handle.id, last=False)
    changed_structure()
    return handle


# ---- registration on one module ------------------------------------------------------------


def register_forward_pre_hook(
    self: Module, hook: Any, *, prepend: bool = False, with_kwargs: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args)`` before forward; what it returns replaces the arguments.

    Args:
        prepend: call it before the hooks registered so far.
        with_kwargs: call ``hook(module, args, kwargs)``, which returns None or both.
    """
    extra = (self._forward_pre_hooks_with_kwargs,) if with_kwargs else ()
    self._special = True
    handle = _add(self._forward_pre_hooks, hook, *extra, first=prepend)
    if not extra:
        handle.extra_dict_ref = _references(self._forward_pre_hooks_with_kwargs)
    return handle


def register_forward_hook(
    self: Module,
    hook: Any,
    *,
    prepend: bool = False,
    with_kwargs: bool = False,
    always_call: bool = False,
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after forward; what it returns replaces the output.

    Args:
        prepend: call it before the hooks registered so far.
        with_kwargs: call ``hook(module, args, kwargs, output)``.
        always_call: call it even if forward raises.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html

    >>> import rushlight as torch
    >>> net = torch.nn.ReLU()
    >>> handle = net.register_forward_hook(lambda module, args, output: print(output))
    >>> _ = net(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    >>> handle.remove()
    """
    extra = []
    if with_kwargs:
        extra.append(self._forward_hooks_with_kwargs)
    if always_call:
        extra.append(self._forward_hooks_always_called)
    self._special = True
    handle = _add(self._forward_hooks, hook, *extra, first=prepend)
    handle.extra_dict_ref = _references(
        self._forward_hooks_with_kwargs, self._forward_hooks_always_called
    )
    return handle


def _references(*dicts: Any) -> Any:
    import weakref

    return tuple(weakref.ref(d) for d in dicts)


def register_backward_hook(self: Module, hook: Any) -> RemovableHandle:
    """The deprecated kind; use ``register_full_backward_hook``."""
    if self._is_full_backward_hook is True:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks on a single Module. "
            "Please use only one of them."
        )
    self._is_full_backward_hook = False
    self._special = True
    return _add(self._backward_hooks, hook)


def register_full_backward_hook(self: Module, hook: Any, prepend: bool = False) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` once the gradients of the inputs are there.

    What it returns replaces the gradients of the inputs.
    """
    if self._is_full_backward_hook is False:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks on a single Module. "
            "Please use only one of them."
        )
    self._is_full_backward_hook = True
    self._special = True
    return _add(self._backward_hooks, hook, first=prepend)


def register_full_backward_pre_hook(
    self: Module, hook: Any, prepend: bool = False
) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` when the gradients of the outputs are there.

    What it returns replaces them.
    """
    self._special = True
    return _add(self._backward_pre_hooks, hook, first=prepend)


# ---- registration on all modules -----------------------------------------------------------


def register_module_forward_pre_hook(hook: Any) -> RemovableHandle:
    """``register_forward_pre_hook`` on all modules."""
    everywhere.append(True)
    return _add(_global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Any, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """``register_forward_hook`` on all modules."""
    everywhere.append(True)
    extra = []
    if with_kwargs:
        extra.append(_global_forward_hooks_with_kwargs)
    if always_call:
        extra.append(_global_forward_hooks_always_called)
    return _add(_global_forward_hooks, hook, *extra)


def register_module_backward_hook(hook: Any) -> RemovableHandle:
    """The deprecated kind; use ``register_module_full_backward_hook``."""
    global _global_is_full
    if _global_is_full is True:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module "
            "hook. Please use only one of them."
        )
    _global_is_full = False
    everywhere.append(True)
    return _add(_global_backward_hooks, hook)


def register_module_full_backward_hook(hook: Any) -> RemovableHandle:
    """``register_full_backward_hook`` on all modules."""
    global _global_is_full
    if _global_is_full is False:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module "
            "hook. Please use only one of them."
        )
    _global_is_full = True
    everywhere.append(True)
    return _add(_global_backward_hooks, hook)


def register_module_full_backward_pre_hook(hook: Any) -> RemovableHandle:
    """``register_full_backward_pre_hook`` on all modules."""
    everywhere.append(True)
    return _add(_global_backward_pre_hooks, hook)


def register_module_buffer_registration_hook(hook: Any) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` at ``register_buffer``; a result replaces the buffer."""
    return _add(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Any) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` when a submodule is set; a result replaces it."""
    return _add(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Any) -> RemovableHandle:
    """Call ``hook(module, name, param)`` at ``register_parameter``; a result replaces it."""
    return _add(_global_parameter_registration_hooks, hook)


# ---- the call ------------------------------------------------------------------------------


def call_special(self: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call of a module, or of any module, that has hooks or was compiled."""
    if self._compiled_call_impl is not None:
        return self._compiled_call_impl(*args, **kwargs)
    return self._call_impl(*args, **kwargs)


def _call_impl(self: Module, *args: Any, **kwargs: Any) -> Any:
    if not (
        self._backward_hooks
        or self._backward_pre_hooks
        or self._forward_hooks
        or self._forward_pre_hooks
        or _global_backward_pre_hooks
        or _global_backward_hooks
        or _global_forward_hooks
        or _global_forward_pre_hooks
    ):
        return self.forward(*args, **kwargs)
    called: set[int] = set()
    if not (self._forward_hooks_always_called or _global_forward_hooks_always_called):
        return _run(self, args, kwargs, called, [None])
    latest: list[Any] = [None]
    try:
        return _run(self, args, kwargs, called, latest)
    except Exception:
        _run_always_called(self, args, kwargs, called, latest[0])
        raise


def _run(
    self: Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    called: set[int],
    latest: list[Any],
) -> Any:
    """Pre-hooks, forward, hooks; `latest` shows the output so far to a caller after an error."""
    full, plain = _split_backward_hooks(self)
    before = [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]
    for number, hook in (*_global_forward_pre_hooks.items(), *self._forward_pre_hooks.items()):
        if number in self._forward_pre_hooks_with_kwargs:
            changed = hook(self, args, kwargs)
            if changed is not None:
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {changed}."
                    )
                args, kwargs = changed
        else:
            changed = hook(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    backward_hook = BackwardHook(self, full, before) if full or before else None
    if backward_hook is not None:
        args = backward_hook.setup_input_hook(args)
    result = latest[0] = self.forward(*args, **kwargs)
    for number, hook in (*_global_forward_hooks.items(), *self._forward_hooks.items()):
        if number in self._forward_hooks_always_called or (
            number in _global_forward_hooks_always_called
        ):
            called.add(number)
        if number in self._forward_hooks_with_kwargs or number in _global_forward_hooks_with_kwargs:
            changed = hook(self, args, kwargs, result)
        else:
            changed = hook(self, args, result)
        if changed is not None:
            result = latest[0] = changed
    if backward_hook is not None:
        if not isinstance(result, Tensor | tuple):
            import warnings

            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(result)}",
                stacklevel=2,
            )
        result = backward_hook.setup_output_hook(result)
    if plain:
        _hang_on_node(self, plain, args, result)
    return result


def _split_backward_hooks(self: Module) -> tuple[list[Any], list[Any]]:
    """(full hooks, hooks of the deprecated kind)."""
    full: list[Any] = []
    plain: list[Any] = []
    (full if _global_is_full is True else plain).extend(_global_backward_hooks.values())
    own = full if self._is_full_backward_hook is True else plain
    own.extend(self._backward_hooks.values())
    return full, plain


def _run_always_called(
    self: Module, args: tuple[Any, ...], kwargs: dict[str, Any], called: set[int], result: Any
) -> None:
    """After an error: the hooks with ``always_call`` that have not run yet."""
    groups = (
        (_global_forward_hooks, _global_forward_hooks_always_called, "global module",
         _global_forward_hooks_with_kwargs),
        (self._forward_hooks, self._forward_hooks_always_called, "module",
         self._forward_hooks_with_kwargs),
    )  # fmt: skip
    for hooks, always, kind, with_kwargs in groups:
        for number, hook in hooks.items():
            if number not in always or number in called:
                continue
            try:
                if number in with_kwargs:
                    changed = hook(self, args, kwargs, result)
                else:
                    changed = hook(self, args, result)
                if changed is not None:
                    result = changed
            except Exception as error:
                import warnings

                warnings.warn(
                    f"{kind} forward hook with ``always_call=True`` raised an exception "
                    f"that was silenced as another error was raised in forward: {error!s}",
                    stacklevel=2,
                )


class _WrappedHook:
    """A hook of the deprecated kind, called by a node with the module put in front."""

    def __init__(self, hook: Any, module: Any) -> None:
        self.hook = hook
        self.module = module

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.hook(self.module, *args, **kwargs)


def _hang_on_node(self: Module, hooks: list[Any], args: Any, result: Any) -> None:
    """Hooks of the deprecated kind belong to the node of the first output."""
    tensor = result
    while not isinstance(tensor, Tensor):
        if isinstance(tensor, dict):
            tensor = next(v for v in tensor.values() if isinstance(v, Tensor))
        else:
            tensor = tensor[0]
    node: Any = tensor.grad_fn
    if node is None:
        return
    for hook in hooks:
        node.register_hook(_WrappedHook(hook, self))
    _warn_non_full(args, result, node)


def _warn_non_full(args: Any, result: Any, node: Node) -> None:
    import warnings

    def warn(text: str) -> None:
        warnings.warn(text, FutureWarning, stacklevel=6)

    if not isinstance(result, Tensor) and not (
        isinstance(result, tuple) and all(isinstance(r, Tensor) for r in result)
    ):
        warn(
            "Using non-full backward hooks on a Module that does not return a single Tensor or a "
            "tuple of Tensors is deprecated and will be removed in future versions. This hook will "
            "be missing some of the grad_output. Please use register_full_backward_hook to get the "
            "documented behavior."
        )
        return
    results = result if isinstance(result, tuple) else (result,)
    if not isinstance(args, Tensor) and not (
        isinstance(args, tuple) and all(isinstance(a, Tensor) for a in args)
    ):
        warn(
            "Using non-full backward hooks on a Module that does not take as input a single Tensor "
            "or a tuple of Tensors is deprecated and will be removed in future versions. This hook "
            "will be missing some of the grad_input. Please use register_full_backward_hook to get "
            "the documented behavior."
        )
        return
    inputs = args if isinstance(args, tuple) else (args,)
    nodes = {r.grad_fn for r in results if r.grad_fn is not None}
    if len(nodes) != 1 or next(iter(nodes)) is not node:
        warn(
            "Using a non-full backward hook when outputs are generated by different autograd Nodes "
            "is deprecated and will be removed in future versions. This hook will be missing some "
            "grad_output. Please use register_full_backward_hook to get the documented behavior."
        )
        return
    feeding = {n for n, _ in node.next_functions}
    given = {a.grad_fn for a in inputs if a.grad_fn is not None}
    if feeding != given:
        warn(
            "Using a non-full backward hook when the forward contains multiple autograd Nodes is "
            "deprecated and will be removed in future versions. This hook will be missing some "
            "grad_input. Please use register_full_backward_hook to get the documented behavior."
        )
