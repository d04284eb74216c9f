"""Full backward hooks: identity nodes before and after a module that call the user's hooks.

The hooks are called by the derivative of the nodes themselves, so that the engine's fast loop
serves them too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _core
from ..._core import Node, Slot, Tensor, ViewInfo, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

_PAGE = "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"


class BackwardHookFunctionBackward(Node):
    """Hands gradients through, and shows them to `hook`, which may change them."""

    __slots__ = ("at_outputs", "hook", "outputs", "sizes")

    hook: Callable[[tuple[Any, ...]], Any] | None
    at_outputs: bool
    sizes: tuple[tuple[tuple[int, ...], Any], ...]

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        return self._pass(g, lambda a: wrap(np.asarray(a)), lambda t: t._data, lambda a: a)

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        return self._pass(g, k.show, k.hide, lambda a: k.constant(a, None))

    def _pass(self, g: Any, show: Any, hide: Any, constant: Any) -> tuple[Any, ...]:
        given = [g.get(i) for i in range(self.outputs)] if type(g) is dict else [g]
        if not self.at_outputs:
            given = self._complete(given, constant)
        if self.hook is not None:
            shown = tuple(None if a is None else show(a) for a in given)
            changed = self.hook(shown)
            if changed is not None:
                given = [
                    None if t is None else _same_size(hide(t), size)
                    for t, (size, _) in zip(changed, self.sizes, strict=True)
                ]
        return tuple(self._complete(given, constant) if self.at_outputs else given)

    def _complete(self, given: list[Any], constant: Any) -> list[Any]:
        """Zeros where no gradient came: hooks of inputs, and the module, see them as such."""
        return [
            constant(np.zeros(*size)) if a is None else a
            for a, size in zip(given, self.sizes, strict=True)
        ]

    def release(self) -> None:
        """Nothing is saved."""


def _same_size(changed: Any, size: tuple[int, ...]) -> Any:
    if tuple(changed.shape) != size:
        raise RuntimeError("hook 'hook' has changed the size of value")
    return changed


def _identity(tensors: list[Tensor]) -> tuple[list[Tensor], BackwardHookFunctionBackward]:
    """Each tensor again, behind one common node."""
    node: BackwardHookFunctionBackward = _core.new(BackwardHookFunctionBackward)
    node.edges = tuple(_core.edge_of(t) for t in tensors)
    node._sequence = _core.next_sequence()
    node.outputs = len(tensors)
    node.hook = None
    node.at_outputs = False
    node.sizes = tuple((t._data.shape, t._data.dtype) for t in tensors)
    results = []
    for i, t in enumerate(tensors):
        same = wrap(t._data)
        same._cell = _core.cell_of(t)
        base = t if t._view is None else t._view.base
        same._view = ViewInfo(base, "custom", i)
        if node.edges[i] is not None:
            same._edge = node if len(tensors) == 1 else Slot(node, i)
        results.append(same)
    return results, node


def _pass_through(values: Any, attach: Callable[[Any], None]) -> tuple[Any, list[int] | None]:
    """`values` with its tensors behind a node, and their places; None if nothing needs grad."""
    places = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
    tensors = [values[i] for i in places]
    if not (_core.thread.grad and any(t._edge is not None for t in tensors)):
        return values, None
    results, node = _identity(tensors)
    attach(node)
    parts = list(values)
    for i, t in zip(places, results, strict=True):
        parts[i] = t
    return (tuple(parts) if type(values) is tuple else type(values)(*parts)), places


def _spread(places: list[int], values: Any, length: int) -> tuple[Any, ...]:
    """`values` at their `places` among `length`, None elsewhere."""
    result = [None] * length
    for i, value in zip(places, values, strict=True):
        result[i] = value
    return tuple(result)


class BackwardHook:
    """The hooks of one call of a module.

    Args:
        module: handed to the hooks.
        user_hooks: full backward hooks.
        user_pre_hooks: full backward pre-hooks.
    """

    def __init__(self, module: Any, user_hooks: Any, user_pre_hooks: Any) -> None:
        self.module = module
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        self.grad_outputs: tuple[Any, ...] | None = None
        self.n_inputs = -1
        self.n_outputs = -1
        self.input_places: list[int] | None = None
        self.output_places: list[int] | None = None

    def setup_input_hook(self, args: Any) -> Any:
        """The arguments behind a node that calls the hooks with the gradients of the inputs."""
        self.n_inputs = len(args)

        def attach(node: Any) -> None:
            node.hook = self._inputs_done

        result, self.input_places = _pass_through(args, attach)
        return result

    def setup_output_hook(self, args: Any) -> Any:
        """The outputs behind a node that notes their gradients and calls the pre-hooks."""
        single = not isinstance(args, tuple)
        values = (args,) if single else args
        self.n_outputs = len(values)

        def attach(node: Any) -> None:
            node.hook = self._outputs_done
            node.at_outputs = True

        result, self.output_places = _pass_through(values, attach)
        return result[0] if single else result

    def _inputs_done(self, grads: tuple[Any, ...]) -> Any:
        if self.grad_outputs is None:
            # The gradient came to the input by a path that does not pass the module's output.
            return None
        assert self.input_places is not None
        shown = _spread(self.input_places, grads, self.n_inputs)
        for hook in self.user_hooks:
            changed = hook(self.module, shown, self.grad_outputs)
            if changed is None:
                continue
            if len(changed) != len(shown):
                raise RuntimeError(
                    "Backward hook returned an invalid number of grad_input, "
                    f"got {len(changed)}, but expected {len(shown)}"
                )
            shown = changed
        self.grad_outputs = None
        return tuple(shown[i] for i in self.input_places)

    def _outputs_done(self, grads: tuple[Any, ...]) -> Any:
        assert self.output_places is not None
        self.grad_outputs = _spread(self.output_places, grads, self.n_outputs)
        for hook in self.user_pre_hooks:
            changed = hook(self.module, self.grad_outputs)
            if changed is None:
                continue
            if len(changed) != len(self.grad_outputs):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(changed)}, but expected {len(self.grad_outputs)}"
                )
            self.grad_outputs = changed
        outputs = self.grad_outputs
        if self.input_places is None:
            self._without_inputs()
        return tuple(outputs[i] for i in self.output_places)

    def _without_inputs(self) -> None:
        """No input requires grad: the hooks are called when the outputs' gradients are there."""
        import warnings

        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module "
            f"outputs since no inputs require gradients. See {_PAGE}"
            "#torch.nn.Module.register_full_backward_hook for more details.",
            stacklevel=5,
        )
        nothing = (None,) * self.n_inputs
        for hook in self.user_hooks:
            changed = hook(self.module, nothing, self.grad_outputs)
            if changed is not None and not (
                isinstance(changed, tuple) and all(c is None for c in changed)
            ):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )
        self.grad_outputs = None
