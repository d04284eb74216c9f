"""Walks a graph in reverse and carries gradients by the chain rule.

Nodes are collected with an explicit stack and run in the order of their sequence numbers,
largest first: whatever consumes a value was made after it. Nothing recurses, so a chain of a
million nodes is as good as one of ten.

Gradients that wait for their node stand in a dict of the pass, so that several threads may run
over one graph. They are added in place only into arrays that the pass itself made.

There are two loops. The fast one serves the ordinary `loss.backward()`: arrays only, no hooks.
The other one also serves hooks, retained gradients, chosen inputs, gradients of gradients (TEN)
and capture (REC); which one is decided once per pass.
"""

from __future__ import annotations

from operator import attrgetter
from sys import getrefcount
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import (
    RAW,
    TEN,
    Fit,
    Slot,
    Tensor,
    be_loud,
    be_quiet,
    ctx,
    fit,
    thread,
    wrap,
)  # fmt: skip
from . import hooks, messages
from .observer import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ndarray = np.ndarray
_by_sequence = attrgetter("_sequence")


def collect(roots: Sequence[Any]) -> list[Any]:
    """Every node that `roots` reach, consumers first; leaves are not among them."""
    seen = set(roots)
    stack = [r for r in seen if r._sequence >= 0]
    order = []
    pop, push, note = stack.pop, stack.append, seen.add
    while stack:
        node = pop()
        order.append(node)
        for edge in node.edges:
            if edge is not None and edge not in seen:
                note(edge)
                if edge._sequence >= 0:
                    push(edge)
    order.sort(key=_by_sequence, reverse=True)
    return order


def _sum(pending: dict[Any, Any], owned: set[int], edge: Any, g: Any) -> None:
    """Add a further gradient for `edge`; in place once the pass owns the array."""
    have = pending[edge]
    if type(have) is dict:
        for number, h in g.items():
            have[number] = have[number] + h if number in have else h
        return
    if id(have) in owned and type(have) is _ndarray and have.dtype == g.dtype:
        np.add(have, g, out=have)
        return
    total = pending[edge] = have + g
    owned.add(id(total))


def run_fast(root: Any, g: Any, keep: bool) -> None:
    """``loss.backward()`` with nothing special: arrays in, `.grad` of leaves out."""
    pending: dict[Any, Any] = {root: g}
    del g
    owned: set[int] = set()
    pop = pending.pop
    token = be_quiet()
    try:
        for node in collect((root,)):
            g = pop(node, None)
            if g is None:
                continue
            # The node may hand this very array on to several edges: no longer the pass's own.
            if owned:
                owned.discard(id(g))
            for edge, h in zip(node.edges, node.raw(g, keep), strict=True):
                if h is None or edge is None:
                    continue
                if edge in pending:
                    _sum(pending, owned, edge, h)
                else:
                    pending[edge] = h
        # The last gradients must not be counted as shared by the names of this frame.
        node = edge = h = g = None
        with _accumulating:
            while pending:
                leaf, g = pending.popitem()
                accumulate(leaf, g)
    finally:
        be_loud(token)


# Several threads may add to one leaf: held while `accumulate` runs. Re-entrant, for the garbage
# collector may run finalizers of the user's inside.
_accumulating = RLock()

# How many references an array has that only `accumulate`'s caller and parameter know, as
# getrefcount counts them: the caller's name, the parameter, getrefcount's own.
_UNSHARED = 3


def accumulate(leaf: Tensor, g: Any) -> None:
    """Add `g` into ``leaf.grad``.

    The array itself becomes the gradient if nobody else can see it and it has the leaf's
    layout; else a copy does, so that no two `.grad`s share memory.
    """
    if leaf._edge is None:
        return
    grad = leaf._grad
    if grad is None:
        data = leaf._data
        unshared = type(g) is _ndarray and getrefcount(g) <= _UNSHARED
        base = g.base if unshared else None
        if base is not None:
            unshared = type(base) is _ndarray and getrefcount(base) <= 3 and base.base is None
        if not unshared or g.strides != data.strides or g.dtype != data.dtype:
            g = laid_out(g, data)
        leaf._grad = wrap(g)
    else:
        _core.bump(grad)
        np.add(grad._data, g, out=grad._data, casting="same_kind")


def laid_out(g: Any, data: Any) -> Any:
    """A copy of `g` in the layout of `data`; contiguous where that has gaps or overlaps."""
    fresh = np.empty_like(data, subok=False)
    if fresh.strides != data.strides:
        fresh = np.empty(data.shape, data.dtype)
    fresh[...] = g
    return fresh


# ---------------------------------------------------------------------------------------------
# The full loop


class Pass:
    """One walk with everything: hooks, captures, a namespace.

    Args:
        k: None for arrays (RAW), else TEN or REC.
        keep: retain_graph.
        captures: edges whose gradients are wanted, or None to fill `.grad` of all leaves.
        fill: whether captured leaves also get `.grad` (backward(inputs=...)).
    """

    def __init__(
        self, k: Any, keep: bool, captures: set[Any] | None = None, fill: bool = False
    ) -> None:
        self.k = k
        self.keep = keep
        self.captures = captures
        self.fill = fill
        self.captured: dict[Any, Any] = {}
        self.accumulate: Callable[[Tensor, Any], None] = (
            accumulate if k is None else getattr(k, "accumulate", accumulate_tensor)
        )

    def run(self, roots: Sequence[Any], gradients: Sequence[Any]) -> dict[Any, Any]:
        pending: dict[Any, Any] = {}
        owned: set[int] = set()
        for root, g in zip(roots, gradients, strict=True):
            if root in pending:
                _sum(pending, owned, root, g)
            else:
                pending[root] = g
        order = collect(roots)
        needed = None if self.captures is None else self._needed(order)
        self.order, self.needed = order, needed
        captures = self.captures or ()
        waiting = _leaf_waits(order) if ctx.hooks else None
        outer, thread.walk = thread.walk, self
        token = be_quiet()
        try:
            for node in order:
                g = pending.pop(node, None)
                if g is None:
                    if waiting is not None:
                        self._leaves_done(node, waiting, pending)
                    continue
                if owned:
                    owned.discard(id(g))
                if needed is not None and node not in needed and node not in captures:
                    if waiting is not None:
                        self._leaves_done(node, waiting, pending)
                    continue
                self._visit(node, g, pending, owned, needed)
                if waiting is not None:
                    self._leaves_done(node, waiting, pending)
            for leaf in [e for e in pending if e._sequence < 0]:
                self._leaf(leaf, pending.pop(leaf))
        finally:
            thread.walk = outer
            be_loud(token)
        return self.captured

    def will_run(self, edge: Any) -> bool:
        """Whether this pass computes the gradient at `edge`."""
        if edge._sequence < 0 and self.captures is not None:
            return edge in self.captures
        if self.needed is not None:
            return edge in self.needed or edge in (self.captures or ())
        if edge._sequence >= 0:
            return edge in self.order
        return any(edge is e for node in self.order for e in node.edges)

    def _needed(self, order: list[Any]) -> set[Any]:
        """Nodes from which a captured edge can be reached: only these are run."""
        captures = self.captures or set()
        needed: set[Any] = set()
        for node in reversed(order):
            for edge in node.edges:
                if edge is not None and (edge in needed or edge in captures):
                    needed.add(node)
                    break
        return needed

    def _visit(
        self, node: Any, g: Any, pending: dict[Any, Any], owned: set[int], needed: set[Any] | None
    ) -> None:
        k = self.k
        state = node.__dict__
        if needed is not None:
            last = node not in needed
            # As PyTorch does it: hooks change what is captured only where the walk ends.
            if not last and node in self.captures:  # type: ignore[operator]
                self.captured[node] = g
            if state:
                g = self._before(state, g)
            if last:
                self.captured[node] = g
                return
        elif state:
            g = self._before(state, g)
        if "_pre_hooks" in state:
            g = self._before_node(node, state["_pre_hooks"], g)
        if ctx.anomaly is not None:
            results = ctx.anomaly.guarded(node, k, g, self.keep)
        elif k is None:
            results = node.raw(g, self.keep)
        else:
            results = node.lifted(k, g, self.keep)
        if state and "_post_hooks" in state:
            results = self._after(node, state["_post_hooks"], results, g)
        if state and "_packed" in state:
            settle(node, self.keep)
        for edge, h in zip(node.edges, results, strict=True):
            if h is None or edge is None:
                continue
            if edge in pending:
                _sum(pending, owned, edge, h)
            else:
                pending[edge] = h

    def _before(self, state: dict[str, Any], g: Any) -> Any:
        """Tensor hooks, then retain_grad, as PyTorch orders them."""
        for hook in tuple(state.get("_tensor_hooks", {}).values()):
            g = self._changed(hook, g)
        retained = state.get("_retained")
        if retained is not None:
            for reference in retained:
                t = reference()
                if t is not None:
                    grad = self._own(g, t._data)
                    t._grad = grad if t._grad is None else t._grad + grad
        return g

    def _before_node(self, node: Any, hooks: dict[int, Any], g: Any) -> Any:
        for hook in tuple(hooks.values()):
            result = hook(self._show_all(node, g))
            if result is not None:
                g = self._hide_all(g, result)
        return g

    def _changed(self, hook: Any, g: Any) -> Any:
        """The gradient after a tensor hook."""
        result = hook(self._show(g))
        if result is None:
            return g
        if not isinstance(result, Tensor):
            raise TypeError(f"expected Variable, but hook returned '{type(result).__name__}'")
        name = getattr(hook, "__name__", type(hook).__name__)
        found, given = self._show(g), result
        if found._data.dtype != given._data.dtype:
            raise RuntimeError(
                f"hook '{name}' has changed the type of value (was {_type_name(found)} got "
                f"{_type_name(given)})"
            )
        if found._data.shape != given._data.shape:
            raise RuntimeError(f"hook '{name}' has changed the size of value")
        return self._hide(result)

    def _own(self, g: Any, data: Any) -> Tensor:
        """A tensor for a `.grad`: nobody else's memory, the layout of `data`."""
        if self.k is None:
            return wrap(laid_out(g, data))
        t: Tensor = self._show(g).clone()  # type: ignore[attr-defined]
        if t._data.strides != data.strides and t._data.shape == data.shape:
            t._data = laid_out(t._data, data)
        return t

    def _after(self, node: Any, hooks: dict[int, Any], results: Any, g: Any) -> Any:
        for hook in tuple(hooks.values()):
            shown_in = tuple(
                None if r is None else self._show_behind(e, r)
                for e, r in zip(node.edges, results, strict=True)
            )
            changed = hook(shown_in, self._show_all(node, g))
            if changed is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                results = tuple(None if r is None else self._hide(r) for r in changed)
        return results

    def _leaves_done(self, node: Any, waiting: dict[Any, int], pending: dict[Any, Any]) -> None:
        """A leaf's gradient is complete once all its consumers ran: hooks may free it early."""
        for edge in node.edges:
            if edge is not None and edge._sequence < 0:
                waiting[edge] -= 1
                if not waiting[edge] and edge in pending:
                    self._leaf(edge, pending.pop(edge))

    def _leaf(self, leaf: Tensor, g: Any) -> None:
        k = RAW if self.k is None else self.k
        if k.dtype_of(g) != leaf._data.dtype:  # a formula's constants made bfloat16 float32
            g = fit(k, g, tuple(g.shape), leaf._data.dtype)
        hooks = leaf.__dict__.get("_tensor_hooks")
        if hooks:
            for hook in tuple(hooks.values()):
                g = self._changed(hook, g)
        if self.captures is not None:
            if leaf in self.captures:
                self.captured[leaf] = g
            if not (self.fill and leaf in self.captures):
                return
        state = leaf.__dict__
        for hook in tuple(state.get("_accumulating_hooks", {}).values()):
            result = hook((self._show(g),))
            if result is not None:
                g = self._hide(result[0] if isinstance(result, tuple) else result)
        with _accumulating:
            self.accumulate(leaf, g)
        for hook in tuple(state.get("_post_accumulate_hooks", {}).values()):
            hook(leaf)
        for hook in tuple(state.get("_accumulated_hooks", {}).values()):
            hook((), (self._show(g),))

    # Hooks see Tensors, whatever the pass carries.

    def _show(self, g: Any) -> Any:
        return wrap(np.asarray(g)) if self.k is None else self.k.show(g)

    def _show_behind(self, edge: Any, r: Any) -> Any:
        """A result as the next visible node will see it."""
        if type(r) is dict:
            (r,) = r.values()
        while type(edge) is Fit:
            r = fit(RAW if self.k is None else self.k, r, edge.shape, edge.dtype)
            edge = edge.edges[0]
        return self._show(r)

    def _hide(self, t: Any) -> Any:
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Variable, but hook returned '{type(t).__name__}'")
        return t._data if self.k is None else self.k.hide(t)

    def _show_all(self, node: Any, g: Any) -> tuple[Any, ...]:
        if type(g) is dict:
            return tuple(self._show(g[i]) if i in g else None for i in range(node.outputs))
        return (self._show(g),)

    def _hide_all(self, g: Any, result: Any) -> Any:
        result = result if isinstance(result, tuple) else (result,)
        if type(g) is dict:
            return {i: self._hide(r) for i, r in enumerate(result) if r is not None}
        return self._hide(result[0])


def _type_name(t: Tensor) -> str:
    return f"torch.{_core.dtype_of(t).type_name}Tensor"


def current_pass() -> Pass | None:
    """The walk that runs in this thread, if one does."""
    return thread.walk


def _leaf_waits(order: list[Any]) -> dict[Any, int]:
    """How many nodes of the pass still feed each leaf."""
    waits: dict[Any, int] = {}
    for node in order:
        for edge in node.edges:
            if edge is not None and edge._sequence < 0:
                waits[edge] = waits.get(edge, 0) + 1
    return waits


def accumulate_tensor(leaf: Tensor, g: Any) -> None:
    """`accumulate` where gradients are themselves recorded (create_graph)."""
    if leaf._edge is None:
        return
    grad = leaf._grad
    if grad is not None:
        leaf._grad = grad + g
        return
    t = g.clone()
    if t._data.strides != leaf._data.strides:
        t._data = laid_out(t._data, leaf._data)
    leaf._grad = t


def _no_edge(position: int) -> RuntimeError:
    error = RuntimeError(messages.NO_GRADIENT.format(position))
    messages.with_cure(
        error,
        "nothing that requires grad went into this tensor: was it computed under no_grad, from "
        "integers, or after detach() or .item()?",
    )
    return error


def roots_of(
    tensors: Sequence[Tensor], gradients: Sequence[Any], k: Any
) -> tuple[list[Any], list[Any]]:
    """Edges to start from and the gradients to start with; ones for scalars by default."""
    roots, starts = [], []
    for position, (t, g) in enumerate(zip(tensors, gradients, strict=True)):
        if not isinstance(t, Tensor):
            if g is None:
                raise RuntimeError(messages.NOT_SCALAR)
            roots.append(t.edge)
            starts.append(g._data if k is None else k.hide(g))
            continue
        edge = t._edge
        if g is None:
            if edge is None:
                raise _no_edge(position)
            if t._data.size != 1:
                error = RuntimeError(messages.NOT_SCALAR)
                messages.with_cure(
                    error, "reduce the loss with .mean() or .sum(), or pass gradient=."
                )
                raise error
            kind = t._data.dtype.kind
            if kind == "c":
                raise RuntimeError(
                    "grad can be implicitly created only for real scalar outputs but got "
                    f"{_core.dtype_of(t)}"
                )
            start: Any = np.ones(t._data.shape, t._data.dtype)
            start = start if k is None else k.start(start)
        else:
            if not isinstance(g, Tensor):
                raise TypeError(
                    "gradients can be either Tensors or None, but got " + type(g).__name__
                )
            if g._data.shape != t._data.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{position}] has a shape of "
                    f"{_size(g)} and output[{position}] has a shape of {_size(t)}."
                )
            if edge is None:
                raise _no_edge(position)
            if (g._data.dtype.kind == "c") != (t._data.dtype.kind == "c"):
                raise RuntimeError(
                    "For complex Tensors, both grad_output and output are required to have the "
                    f"same dtype. Mismatch in dtype: grad_output[{position}] has a dtype of "
                    f"{_core.dtype_of(g)} and output[{position}] has a dtype of "
                    f"{_core.dtype_of(t)}."
                )
            start = g._data if k is None else k.hide(g)
            if k is None and start.dtype != t._data.dtype:
                start = start.astype(t._data.dtype)
        roots.append(_core.edge_of(t))
        starts.append(start)
    return roots, starts


def _size(t: Tensor) -> str:
    return f"torch.Size({list(t._data.shape)})"


def backward(
    tensors: Sequence[Tensor],
    gradients: Sequence[Any],
    keep: bool,
    create_graph: bool,
    inputs: Sequence[Any] | None = None,
) -> None:
    """Fill `.grad` of the leaves (or of `inputs` only)."""
    handler = ctx.handler
    k = TEN if create_graph else None
    if handler is not None:
        k = getattr(handler, "namespace", lambda k: k)(k)
    roots, starts = roots_of(tensors, gradients, k)
    if len(roots) == 1 and k is None and inputs is None and not ctx.hooks and ctx.anomaly is None:
        g = starts.pop()
        root = roots.pop()
        if root._sequence < 0:
            with _accumulating:
                accumulate(root, np.array(g))
        else:
            run_fast(root, g, keep)
        return
    captures = None
    if inputs is not None:
        for t in inputs:
            if isinstance(t, Tensor):
                hooks.retain_grad(t)
        captures = {_wanted_edge(t, i) for i, t in enumerate(inputs)}
    if create_graph:
        _warn_of_cycle()
    _run_in_mode(Pass(k, keep, captures, fill=True), roots, starts, create_graph)


def gradients_of(
    outputs: Sequence[Tensor],
    gradients: Sequence[Any],
    inputs: Sequence[Any],
    keep: bool,
    create_graph: bool,
    allow_unused: bool,
) -> tuple[Tensor | None, ...]:
    """``autograd.grad``: the gradients of `inputs`, leaving `.grad` alone."""
    handler = ctx.handler
    k = TEN if create_graph else None
    if handler is not None:
        k = getattr(handler, "namespace", lambda k: k)(k)
    roots, starts = roots_of(outputs, gradients, k)
    edges = [_wanted_edge(t, i) for i, t in enumerate(inputs)]
    walk = Pass(k, keep, set(edges))
    captured = _run_in_mode(walk, roots, starts, create_graph)
    results: list[Tensor | None] = []
    shared: set[int] = set()
    for position, edge in enumerate(edges):
        g = captured.get(edge)
        if type(g) is dict:  # a GradientEdge written by hand
            g = g.get(inputs[position].output_nr)
        if g is None:
            if not allow_unused:
                error = RuntimeError(messages.UNUSED.format(position))
                messages.with_cure(error, "the input does not influence the output: was it cloned, "
                                   "detached or replaced before use?")  # fmt: skip
                raise error
            results.append(None)
            continue
        if k is None and (id(g) in shared or any(g is s for s in starts)):
            g = np.array(g)
        shared.add(id(g))
        results.append(walk._show(g))
    return tuple(results)


_warned_of_cycle = False


def _warn_of_cycle() -> None:
    """PyTorch's warning about ``backward(create_graph=True)``, once per process."""
    global _warned_of_cycle
    if _warned_of_cycle:
        return
    _warned_of_cycle = True
    import warnings

    warnings.warn(
        "Using backward() with create_graph=True will create a reference cycle between the "
        "parameter and its gradient which can cause a memory leak. We recommend using "
        "autograd.grad when creating the graph to avoid this. If you have to use this function, "
        "make sure to reset the .grad fields of your parameters to None after use to break the "
        "cycle and avoid the leak.",
        UserWarning,
        stacklevel=messages.user_level(),
    )


def _wanted_edge(t: Any, position: int) -> Any:
    if not isinstance(t, Tensor):
        edge = t.edge  # a GradientEdge
        return edge.node if type(edge) is Slot and t.ownership_token is None else edge
    if t._edge is None:
        error = RuntimeError("One of the differentiated Tensors does not require grad")
        messages.with_cure(error, f"input {position} needs requires_grad_() before it is used.")
        raise error
    return _core.edge_of(t)


def _run_in_mode(walk: Pass, roots: list[Any], starts: list[Any], create_graph: bool) -> Any:
    before = _core.set_modes(create_graph, False)
    try:
        return walk.run(roots, starts)
    finally:
        _core.set_modes(*before)
