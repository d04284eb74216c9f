"""Operations with a derivative of the user's own: `Function` and the context it is given.

The context of a call *is* the node of the graph, as in PyTorch: what `forward` stores on `ctx` can
be read from ``output.grad_fn``.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import LEAF, Node, Slot, Tensor, ViewInfo, cell_of, ctx, edge_of, thread, wrap
from . import inplace, messages

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "BackwardCFunction",
    "Function",
    "FunctionCtx",
    "FunctionMeta",
    "InplaceFunction",
    "once_differentiable",
]


class FunctionCtx:
    """What `forward` and `backward` of a :class:`Function` can say and ask."""

    to_save: tuple[Any, ...] = ()
    dirty_tensors: tuple[Any, ...] = ()
    non_differentiable: tuple[Any, ...] = ()
    materialize_grads = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep `tensors` (or None) for ``backward``, which finds them in ``saved_tensors``.

        Saved this way, in-place changes are noticed and no reference cycles arise.

        Source: https://pytorch.org/docs/stable/generated/torch.autograd.function.FunctionCtx.save_for_backward.html
        """
        self.to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep `tensors` for ``jvp``."""
        for t in tensors:
            if not (t is None or isinstance(t, Tensor)):
                raise AssertionError(
                    "save_for_forward expects all arguments to be tensors; you should save "
                    "non-tensors as attributes on ctx."
                )
        self.saved_for_forward = tensors

    def mark_dirty(self, *args: Any) -> None:
        """Say which inputs `forward` writes to; they must be among its outputs."""
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """Say which outputs have no gradient."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (the default) or None for outputs nobody used."""
        self.materialize_grads = value

    def mark_shared_storage(self, *pairs: Any) -> None:
        """Not needed and without effect."""
        import warnings

        warnings.warn(
            "mark_shared_storage is deprecated. Tensors with shared storages are automatically "
            "tracked. Note that calls to `set_()` are not tracked",
            FutureWarning,
            stacklevel=2,
        )


class _Save:
    """One entry of ``saved_tensors``."""

    __slots__ = ("array", "cell", "levels", "output", "packed", "tensor", "version")

    def __init__(self, t: Tensor, output: int | None) -> None:
        self.levels: dict[str, Any] = {}  # what an output is at the levels of transforms
        self.cell = cell_of(t)
        self.version = self.cell[0]
        self.array = t._data
        self.output = output
        self.packed: Any = None
        # An output is kept without its node: a tensor here would close a cycle.
        self.tensor = t if output is None else None

    def load(self, node: BackwardCFunction) -> Tensor:
        if self.packed is not None:
            hooks, held = self.packed
            t: Tensor = hooks.restore(held)
            edge: Any = self.tensor
            if self.output is not None:
                edge = node._edge_of_output(self.output)
            return wrap(t._data, edge)
        if self.cell[0] != self.version:
            source, output = node, self.output or 0
            if self.tensor is not None:
                source, output = _core.visible(self.tensor._edge)
            raise messages.modified_error(
                node, self.array, source, output, self.cell[0], self.version
            )
        if self.tensor is not None:
            return self.tensor
        t = wrap(self.array, node._edge_of_output(self.output or 0))
        t._cell = self.cell
        t.__dict__.update(self.levels)
        return t

    def pack(self, hooks: Any) -> None:
        t = wrap(self.array)
        t._cell = self.cell
        self.packed = (hooks, hooks.store(t))
        if self.tensor is not None:
            self.tensor = edge_of(self.tensor)
        self.array = None  # type: ignore[assignment]


class BackwardCFunction(Node, FunctionCtx):
    """The node of a call of a :class:`Function`, which is also its ``ctx``."""

    __slots__ = (
        "dirty_tensors", "materialize_grads", "meta", "needs_input_grad", "non_differentiable",
        "positions", "saved", "targets", "to_save",
    )  # fmt: skip
    _forward_cls: type[Function]
    meta: list[Any]
    needs_input_grad: tuple[bool, ...]
    positions: list[int]
    saved: list[Any] | None
    targets: list[Any]

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{type(self).__name__} object at {hex(id(self))}>"

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` was given; in `jvp`, what `save_for_forward` was."""
        if "saved_for_forward" in self.__dict__:
            return self.saved_for_forward
        if self.saved is None:
            raise messages.freed_error()
        return tuple(None if s is None else s.load(self) for s in self.saved)

    @property
    def _raw_saved_tensors(self) -> tuple[Any, ...]:
        if self.saved is None:
            raise messages.freed_error()
        return tuple(self.saved)

    def _edge_of_output(self, output: int) -> Any:
        return self if self.outputs == 1 else Slot(self, output)

    def release(self) -> None:
        self.saved = None

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        if type(g) is dict:
            shown = {i: wrap(np.asarray(a)) for i, a in g.items()}
        else:
            shown = {0: wrap(np.asarray(g))}
        before = _core.set_modes(False, thread.inference)
        try:
            results = self._backward(shown)
        finally:
            _core.set_modes(*before)
        if not keep:
            self.saved = None
        return tuple(
            None if r is None else _core.fit(_core.RAW, r._data, *target)
            for r, target in zip(results, self.targets, strict=True)
        )

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        if type(g) is dict:
            shown = {i: k.show(a) for i, a in g.items()}
        else:
            shown = {0: k.show(g)}
        results = self._backward(shown)
        if not keep:
            self.saved = None
        return tuple(
            None if r is None else _core.fit(k, k.hide(r), *target)
            for r, target in zip(results, self.targets, strict=True)
        )

    def _backward(self, given: dict[int, Tensor]) -> list[Any]:
        """Call the user's function; one gradient for each tensor that went in."""
        cls = self._forward_cls
        gradients: list[Any] = []
        for i, meta in enumerate(self.meta):
            g = given.get(i)
            if g is None and meta is not None and self.materialize_grads:
                g = wrap(np.zeros(*meta))
            gradients.append(g)
        if cls.vjp is not Function.vjp:
            if cls.backward is not Function.backward:
                raise RuntimeError(
                    "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. "
                    "You should only implement one of them."
                )
            returned = cls.vjp(self, *gradients)
        else:
            returned = cls.backward(self, *gradients)
        results = returned if type(returned) is tuple else (returned,)
        name = type(self).__name__
        count = len(self.needs_input_grad)
        if len(results) > count and all(r is None for r in results[count:]):
            results = results[:count]
        if len(results) != count:
            raise RuntimeError(
                f"function {name} returned an incorrect number of gradients (expected {count}, "
                f"got {len(results)})"
            )
        kept = []
        position = 0
        for i, r in enumerate(results):
            if r is not None and not isinstance(r, Tensor):
                raise RuntimeError(f"expected Variable or None (got {type(r).__name__})")
            if position < len(self.positions) and self.positions[position] == i:
                kept.append(self._fitting(position, r))
                position += 1
            elif r is not None:
                raise RuntimeError(
                    f"function {name} returned a gradient different than None at position {i + 1}, "
                    "but the corresponding forward input was not a Variable"
                )
        return kept

    def _fitting(self, position: int, r: Any) -> Any:
        if r is None or self.edges[position] is None:
            return None
        shape = self.targets[position][0]
        found = r._data.shape
        lead = len(found) - len(shape)
        if found != shape and (
            lead < 0 or any(n not in (1, m) for n, m in zip(shape, found[lead:], strict=True))
        ):
            raise RuntimeError(
                f"Function {type(self).__name__} returned an invalid gradient at index {position} "
                f"- got {list(found)} but expected shape compatible with {list(shape)}"
            )
        return r


BackwardCFunction.__module__ = "torch.autograd.function"


class FunctionMeta(type):
    """Gives every :class:`Function` the class of its nodes, ``MyFunctionBackward``."""

    _backward_cls: Any

    def __init__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> None:
        super().__init__(name, bases, attrs)
        cls._backward_cls = type(
            name + "Backward",
            (BackwardCFunction,),
            {"_forward_cls": cls, "__module__": "torch.autograd.function", "__slots__": ()},
        )


class Function(metaclass=FunctionMeta):
    """A differentiable operation given by a `forward` and a `backward`.

    Subclass it, define both as static methods, and call it through ``apply``. With
    ``setup_context(ctx, inputs, output)`` the `forward` takes no ``ctx``.

    Source: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function

    >>> import rushlight as torch
    >>> class Square(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         x, = ctx.saved_tensors
    ...         return 2 * x * grad
    >>> x = torch.tensor([3.], requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor([6.])
    """

    generate_vmap_rule = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        import warnings

        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself. Instantiating an autograd "
            "function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method. (Example: "
            "https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs: ``forward(ctx, *args)``, or ``forward(*args)`` with
        `setup_context`."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Prepare ``ctx`` for `backward` after a `forward` without one."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """One gradient for each argument of `forward`, None for what has none."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The derivative of `forward` along ``grad_inputs``, for forward mode."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *args: Any) -> Any:
        """How the function maps over a batch dim."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or "
            "set generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call the function and record it."""
        has_setup = cls.setup_context is not Function.setup_context
        if kwargs or has_setup:
            args = _bound(cls.forward, args, kwargs, 0 if has_setup else 1)
        if ctx.handler is not None:
            offered = getattr(ctx.handler, "function", None)
            if offered is not None and (found := offered(cls, args)) is not NotImplemented:
                return _without_forward(*found)
        return _without_forward(*cls._run(args))

    @classmethod
    def _run(cls, args: tuple[Any, ...]) -> tuple[Any, Any]:
        """The result of a call and its ctx."""
        has_setup = cls.setup_context is not Function.setup_context
        needs = tuple(isinstance(a, Tensor) and a._edge is not None for a in args)
        recording = thread.grad and not thread.inference and True in needs
        node: Any = _core.new(cls._backward_cls)
        node.needs_input_grad = needs
        node.to_save = node.dirty_tensors = node.non_differentiable = ()
        node.materialize_grads = True
        node.saved = ()
        # Before `forward`: it may write to its inputs.
        node.positions = positions = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        node.edges = tuple(edge_of(args[i]) for i in positions)
        node.targets = [(args[i]._data.shape, args[i]._data.dtype) for i in positions]
        before = _core.set_modes(False, thread.inference)
        try:
            if has_setup:
                output = cls.forward(*args)
                cls.setup_context(node, args, output)
            else:
                output = cls.forward(node, *args)
        finally:
            _core.set_modes(*before)
        return _finish(cls, node, args, output, recording), node


Function.__module__ = "torch.autograd.function"


class InplaceFunction(Function):
    """A :class:`Function` with a flag; older code derives from it."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


def _bound(
    forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any], skipped: int
) -> tuple[Any, ...]:
    """Keyword arguments and defaults brought into their positions."""
    import inspect

    signature = inspect.signature(forward)
    bound = signature.bind(*(None,) * skipped, *args, **kwargs)
    bound.apply_defaults()
    return bound.args[skipped:]


def _without_forward(output: Any, node: Any) -> Any:
    """The result of a call, once `jvp` has run for all levels."""
    if node is not None and node.__dict__:
        node.__dict__.pop("saved_for_forward", None)
        node.__dict__.pop("constant_outputs", None)
    return output


def _finish(
    cls: type[Function], node: Any, args: tuple[Any, ...], output: Any, recording: bool
) -> Any:
    """Hang the outputs of `forward` into the graph."""
    outputs = output if type(output) is tuple else (output,)
    dirty = node.dirty_tensors
    _check_dirty(node, args, outputs, recording)
    if recording:
        node._sequence = _core.next_sequence()
        node.meta = [
            (o._data.shape, o._data.dtype) if isinstance(o, Tensor) else None for o in outputs
        ]
        node.outputs = len(outputs)
    results: list[Any] = []
    for i, o in enumerate(outputs):
        if not isinstance(o, Tensor):
            results.append(o)
            continue
        is_dirty = any(o is d for d in dirty)
        is_input = any(o is a for a in args)
        differentiable = (
            recording
            and o._data.dtype.kind not in "iub"
            and not any(o is n for n in node.non_differentiable)
        )
        if not is_dirty and (is_input or (o._edge is not None and not recording)):
            o = _alias(o, recording)
        results.append(o)
        if not differentiable:
            if not is_dirty:
                o._edge = None
            continue
        edge = node if len(outputs) == 1 else Slot(node, i)
        if is_dirty:
            inplace.rebase(o, edge)
        else:
            o._edge = edge
            if o._view is not None:
                origin = "custom" if len(outputs) == 1 else "multi"
                o._view = ViewInfo(o._view.base, origin, i)
    if recording:
        _save(node, outputs)
        if ctx.anomaly is not None:
            ctx.anomaly(node)
    if ctx.handler is not None:
        node.constant_outputs = node.non_differentiable
    node.to_save = node.dirty_tensors = node.non_differentiable = ()
    return tuple(results) if type(output) is tuple else results[0]


def _check_dirty(
    node: Any, args: tuple[Any, ...], outputs: tuple[Any, ...], recording: bool
) -> None:
    for d in node.dirty_tensors:
        if recording and d._edge is LEAF:
            raise RuntimeError(
                "a leaf Variable that requires grad has been used in an in-place operation."
            )
        if not any(d is o for o in outputs):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as "
                "output. The inputs that are modified inplace must all be outputs of the Function."
            )
        if d._view is not None and len(outputs) > 1 and recording:
            raise RuntimeError(
                "If your Function modifies inplace an input that is a view of another Tensor, your "
                "Function cannot return more than one Tensor. This is not supported by the current "
                "autograd engine. You should either make sure the input is not a view (using "
                ".clone() for example) or make your Function only return one Tensor (potentially "
                "splitting it into two Functions: one doing the inplace that returns a single "
                "Tensor and a second one that does the other operations). You can ask on the forum "
                "https://discuss.pytorch.org/ if you need help to do this change."
            )
        if not any(d is a for a in args):
            import warnings

            warnings.warn(
                "Only input Tensors should be given to ctx.mark_dirty(). If a Tensor is not an "
                "input, there is no need to pass it to mark_dirty().",
                UserWarning,
                stacklevel=4,
            )
        _core.bump(d)


def _alias(o: Tensor, recording: bool) -> Tensor:
    """A view of a tensor that is returned as it is: the original keeps its own edge."""
    t = wrap(o._data[...])
    t._cell = cell_of(o)
    if recording or o._edge is None:
        t._view = ViewInfo(o if o._view is None else o._view.base, "custom")
    return t


def _save(node: Any, outputs: tuple[Any, ...]) -> None:
    saved: list[Any] = []
    for position, t in enumerate(node.to_save):
        if t is None:
            saved.append(None)
            continue
        if not isinstance(t, Tensor):
            raise TypeError(
                "save_for_backward can only save variables, but argument "
                f"{position} is of type {type(t).__name__}"
            )
        made = next((i for i, o in enumerate(outputs) if o is t and _made_by(t, node)), None)
        saved.append(_Save(t, made))
    node.saved = saved


def _made_by(t: Tensor, node: Any) -> bool:
    edge = t._edge
    return edge is node or (type(edge) is Slot and edge.node is node)


class DelayedError(Node):
    """Stands in a graph where going back further is an error."""

    __slots__ = ("message",)
    message: str

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        raise RuntimeError(self.message)

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        raise RuntimeError(self.message)


DelayedError.__module__ = "torch.autograd.function"


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a `backward` that must not itself be differentiated.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.function.once_differentiable.html
    """

    @wraps(fn)
    def wrapper(ctx: Any, *args: Any) -> Any:
        recording = thread.grad
        before = _core.set_modes(False, thread.inference)
        try:
            outputs = fn(ctx, *args)
        finally:
            _core.set_modes(*before)
        if not recording or not any(isinstance(a, Tensor) and a._edge is not None for a in args):
            return outputs
        node = _core.new(DelayedError)
        node.edges = ()
        node.message = (
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )
        node._sequence = _core.next_sequence()
        several = type(outputs) is tuple
        guarded = tuple(
            wrap(o._data, node) if isinstance(o, Tensor) else o
            for o in (outputs if several else (outputs,))
        )
        return guarded if several else guarded[0]

    return wrapper
