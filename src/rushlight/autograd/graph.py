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
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients"
        )
    node, number = nodes.node_of(tensor)
    edge = _core.edge_of(tensor)
    return GradientEdge(node, number, None if edge is node or edge is tensor else edge)


def increment_version(tensor: Any) -> None:
    """Note that the memory of `tensor` (or of several) was written to."""
    if isinstance(tensor, Tensor):
        tensor = (tensor,)
    if isinstance(tensor, int | float | complex):
        raise RuntimeError("increment_version expect a Iterable[Tensor] as input")
    for t in tensor:
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

    def __enter__(self) -> Any:
        if per_thread.disabled:
            raise RuntimeError(per_thread.disabled[-1])
        if not (callable(self.pack_hook) and callable(self.unpack_hook)):
            raise TypeError(
                "_push_saved_tensors_default_hooks(): incompatible function arguments. The "
                "following argument types are supported:\n    1. (arg0: collections.abc.Callable, "
                "arg1: collections.abc.Callable) -> None\n\nInvoked with: "
                f"{self.pack_hook!r}, {self.unpack_hook!r}"
            )
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


class _Mutable:
    """What :class:`allow_mutation_on_saved_tensors` gives: the values that were saved in it."""

    def __init__(self) -> None:
        self.values: dict[int, Tensor | None] = {}

    def pack(self, t: Any) -> int:
        number = len(self.values)
        self.values[number] = t.detach().clone()
        return number

    def unpack(self, number: int) -> Tensor:
        found = self.values.get(number)
        assert found is not None, (
            "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context"
            "in which the graph was originally recorded."
        )
        return found

    def clear(self) -> None:
        """Let go of everything."""
        self.values = dict.fromkeys(self.values)


class allow_mutation_on_saved_tensors(saved_tensors_hooks):
    """A context in which saved tensors may be changed in place: copies are saved.

    PyTorch copies when a change comes; here every saved tensor is copied.

    Source: https://pytorch.org/docs/stable/autograd.html#torch.autograd.graph.allow_mutation_on_saved_tensors

    >>> import rushlight as torch
    >>> x = torch.tensor([2.], requires_grad=True)
    >>> with torch.autograd.graph.allow_mutation_on_saved_tensors():
    ...     y = x.clone()
    ...     z = y * y
    ...     _ = y.zero_()
    ...     z.backward()
    >>> x.grad
    tensor([4.])
    """

    def __init__(self) -> None:
        self.context = _Mutable()
        super().__init__(self.context.pack, self.context.unpack)

    def __enter__(self) -> Any:
        if per_thread.mutable:
            raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
        super().__enter__()
        per_thread.mutable = True
        return self.context

    def __exit__(self, *_: object) -> None:
        per_thread.mutable = False
        self.context.clear()
        super().__exit__()


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
    assert all(t._edge is not None for t in tensors), "Expected gradient function to be set"
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
