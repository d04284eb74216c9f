"""The graph for users: nodes, edges, hooks on saved tensors, hooks on several gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .. import _core
from .._core import Node, Tensor
from . import engine, nodes
from .nodes import AccumulateGrad
from .observer import SavedHooks, observer, per_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]

Node.__module__ = "torch.autograd.graph"


class GradientEdge(NamedTuple):
    """A place in the graph where gradients pass: may stand for a tensor in ``autograd.grad``."""

    node: Any
    output_nr: int
    ownership_token: Any = None

    @property
    def edge(self) -> Any:
        """What the engine knows this by."""
        if isinstance(self.node, AccumulateGrad):
            return self.node.variable
        if self.ownership_token is not None:
            return self.ownership_token
        return self.node if self.node.outputs == 1 else _core.Slot(self.node, self.output_nr)


GradientEdge.__module__ = "torch.autograd.graph"


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge along which the gradient of `tensor` flows.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.graph.get_gradient_edge.html
    """
    if tensor._edge is None:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients"
        )
    node, number = nodes.node_of(tensor)
    edge = _core.edge_of(tensor)
    return GradientEdge(node, number, None if edge is node or edge is tensor else edge)


def increment_version(tensor: Any) -> None:
    """Note that the memory of `tensor` (or of several) was written to."""
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        _core.bump(t)


class saved_tensors_hooks:
    """A context in which everything saved for backward passes through two functions.

    Args:
        pack_hook: called with each tensor when it is saved; what it returns is kept.
        unpack_hook: called with that when the tensor is needed; returns the tensor.

    Source: https://pytorch.org/docs/stable/autograd.html#torch.autograd.graph.saved_tensors_hooks

    >>> import rushlight as torch
    >>> x = torch.tensor([3.], requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), torch.tensor):
    ...     y = x * x
    >>> y.backward()
    >>> x.grad
    tensor([6.])
    """

    def __init__(
        self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]
    ) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        if per_thread.disabled:
            raise RuntimeError(per_thread.disabled[-1])
        per_thread.hooks.append(SavedHooks(self.pack_hook, self.unpack_hook))
        observer.hooked += 1
        observer.update()

    def __exit__(self, *_: object) -> None:
        per_thread.hooks.pop()
        observer.hooked -= 1
        observer.update()


class save_on_cpu(saved_tensors_hooks):
    """A context in which saved tensors are kept in the memory of the CPU (where they are)."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: (t.device, t.cpu()), lambda packed: packed[1])


class disable_saved_tensors_hooks:
    """A context in which :class:`saved_tensors_hooks` raises `error_message`."""

    def __init__(self, error_message: str) -> None:
        self.error_message = error_message

    def __enter__(self) -> None:
        if per_thread.hooks:
            raise RuntimeError(self.error_message)
        per_thread.disabled.append(self.error_message)

    def __exit__(self, *_: object) -> None:
        per_thread.disabled.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        from functools import wraps

        @wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with disable_saved_tensors_hooks(self.error_message):
                return function(*args, **kwargs)

        return wrapped


def allow_mutation_on_saved_tensors() -> Any:
    """Not there: in-place changes of saved tensors are errors."""
    raise NotImplementedError(
        "rushlight has no torch.autograd.graph.allow_mutation_on_saved_tensors"
    )


class _Handle:
    """Removes several hooks at once."""

    def __init__(self, handles: tuple[Any, ...]) -> None:
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _Handle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def register_multi_grad_hook(
    tensors: Sequence[Tensor],
    fn: Callable[..., Any],
    *,
    mode: str = "all",
) -> Any:
    """Call `fn` once per backward pass, when the gradients of `tensors` are there.

    Args:
        tensors: which gradients.
        fn: takes a list of gradients (None for those not in the pass) with mode "all"; the first
            gradient with mode "any".
        mode: wait for all that will be computed, or only for the first.

    Source: https://pytorch.org/docs/stable/autograd.html#torch.autograd.graph.register_multi_grad_hook
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    state: dict[str, Any] = {"walk": None}

    def of_this_pass() -> dict[str, Any]:
        walk = engine.current_pass()
        if state["walk"] is not walk:
            state.update(walk=walk, grads=[None] * len(tensors), came=0, called=False)
            assert walk is not None  # tensor hooks run inside a pass only
            expected = sum(walk.will_run(_core.edge_of(t)) for t in tensors)
            state["expected"] = expected
        return state

    def hook_for(i: int) -> Callable[[Tensor], None]:
        def hook(grad: Tensor) -> None:
            now = of_this_pass()
            if mode == "any":
                if not now["called"]:
                    now["called"] = True
                    fn(grad)
                return
            now["grads"][i] = grad
            now["came"] += 1
            if now["came"] == now["expected"]:
                grads = now["grads"]
                state.update(walk=None)
                fn(grads)

        return hook

    return _Handle(tuple(t.register_hook(hook_for(i)) for i, t in enumerate(tensors)))
