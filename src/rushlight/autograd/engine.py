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
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import LEAF, TEN, Node, Tensor, be_loud, be_quiet, ctx, wrap
from . import messages

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
        have.update(g)
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
            for edge, h in zip(node.edges, node.raw(g, keep), strict=True):
                if h is None or edge is None:
                    continue
                if edge in pending:
                    _sum(pending, owned, edge, h)
                else:
                    pending[edge] = h
        # The last gradients must not be counted as shared by the names of this frame.
        node = edge = h = g = None
        while pending:
            leaf, g = pending.popitem()
            accumulate(leaf, g)
    finally:
        be_loud(token)


# How many references an array has that only `accumulate`'s caller and parameter know, as
# getrefcount counts them: the caller's name, the parameter, getrefcount's own.
_UNSHARED = 3


def accumulate(leaf: Tensor, g: Any) -> None:
    """Add `g` into ``leaf.grad``.

    The array itself becomes the gradient if nobody else can see it and it has the leaf's
    layout; else a copy does, so that no two `.grad`s share memory.
    """
    grad = leaf._grad
    data = leaf._data
    if leaf._edge is None:
        return
    if grad is None:
        unshared = type(g) is _ndarray and getrefcount(g) <= _UNSHARED
        base = g.base if unshared else None
        if base is not None:
            unshared = type(base) is _ndarray and getrefcount(base) <= 3 and base.base is None
        if not unshared or g.strides != data.strides or g.dtype != data.dtype:
            fresh = np.empty_like(data, subok=False)
            fresh[...] = g
            g = fresh
        leaf._grad = wrap(g)
    elif grad._edge is None:
        _core.bump(grad)
        np.add(grad._data, g, out=grad._data, casting="same_kind")
    else:
        leaf._grad = grad + wrap(np.asarray(g))  # type: ignore[operator]


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
        waiting = _leaf_waits(order, roots) if ctx.hooks else None
        token = be_quiet()
        try:
            for node in order:
                g = pending.pop(node, None)
                if g is None:
                    continue
                if needed is not None and node not in needed and node not in self.captures:
                    if waiting is not None:
                        self._leaves_done(node, waiting, pending)
                    continue
                self._visit(node, g, pending, owned, needed)
                if waiting is not None:
                    self._leaves_done(node, waiting, pending)
            for leaf in [e for e in pending if e._sequence < 0]:
                self._leaf(leaf, pending.pop(leaf))
        finally:
            be_loud(token)
        return self.captured

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
        if state:
            g = self._before(node, state, g)
            if g is None:
                return
        if self.captures is not None:
            if node in self.captures:
                self.captured[node] = g
            if needed is not None and node not in needed:
                return
        if ctx.anomaly is not None:
            results = ctx.anomaly.guarded(node, k, g, self.keep)
        elif k is None:
            results = node.raw(g, self.keep)
        else:
            results = node.lifted(k, g, self.keep)
        if state and "_post_hooks" in state:
            results = self._after(node, state["_post_hooks"], results, g)
        for edge, h in zip(node.edges, results, strict=True):
            if h is None or edge is None:
                continue
            if edge in pending:
                _sum(pending, owned, edge, h)
            else:
                pending[edge] = h

    def _before(self, node: Any, state: dict[str, Any], g: Any) -> Any:
        """Tensor hooks, then retain_grad, then node pre-hooks, as PyTorch orders them."""
        for hook in tuple(state.get("_tensor_hooks", {}).values()):
            result = hook(self._show(g))
            if result is not None:
                g = self._hide(result)
        retained = state.get("_retained")
        if retained is not None:
            for reference in retained:
                t = reference()
                if t is not None:
                    shown = self._show(g)
                    grad = shown if self.k is not None else wrap(np.array(shown._data))
                    t._grad = grad if t._grad is None else t._grad + grad
        for hook in tuple(state.get("_pre_hooks", {}).values()):
            shown = self._show_all(node, g)
            result = hook(shown)
            if result is not None:
                g = self._hide_all(node, g, result)
        return g

    def _after(self, node: Any, hooks: dict[int, Any], results: Any, g: Any) -> Any:
        for hook in tuple(hooks.values()):
            shown_in = tuple(None if r is None else self._show(r) for r in results)
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
        hooks = leaf.__dict__.get("_tensor_hooks")
        if hooks:
            for hook in tuple(hooks.values()):
                result = hook(self._show(g))
                if result is not None:
                    g = self._hide(result)
        if self.captures is not None:
            if leaf in self.captures:
                self.captured[leaf] = g
            if not (self.fill and leaf in self.captures):
                return
        accumulator = leaf.__dict__.get("_accumulator")
        if accumulator is not None:
            for hook in tuple(accumulator.__dict__.get("_pre_hooks", {}).values()):
                result = hook((self._show(g),))
                if result is not None:
                    g = self._hide(result[0] if isinstance(result, tuple) else result)
        self.accumulate(leaf, g)
        if accumulator is not None:
            for hook in tuple(accumulator.__dict__.get("_post_hooks", {}).values()):
                hook((), (self._show(g),))
        for hook in tuple(leaf.__dict__.get("_post_accumulate_hooks", {}).values()):
            hook(leaf)

    # Hooks see Tensors, whatever the pass carries.

    def _show(self, g: Any) -> Any:
        return wrap(np.asarray(g)) if self.k is None else self.k.show(g)

    def _hide(self, t: Any) -> Any:
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Variable, but hook returned '{type(t).__name__}'")
        return t._data if self.k is None else self.k.hide(t)

    def _show_all(self, node: Any, g: Any) -> tuple[Any, ...]:
        if type(g) is dict:
            return tuple(self._show(g[i]) if i in g else None for i in range(node.outputs))
        return (self._show(g),)

    def _hide_all(self, node: Any, g: Any, result: Any) -> Any:
        result = result if isinstance(result, tuple) else (result,)
        if type(g) is dict:
            return {i: self._hide(r) for i, r in enumerate(result) if r is not None}
        return self._hide(result[0])


def _leaf_waits(order: list[Any], roots: Sequence[Any]) -> dict[Any, int]:
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
    leaf._grad = g if grad is None else grad + g


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
            accumulate(root, np.array(g))
        else:
            run_fast(root, g, keep)
        return
    captures = None
    if inputs is not None:
        captures = {_wanted_edge(t, i) for i, t in enumerate(inputs)}
    walk = Pass(k, keep, captures, fill=True)
    _run_in_mode(walk, roots, starts, create_graph)
    for t in inputs or ():
        if isinstance(t, Tensor) and t._edge is not LEAF and _core.edge_of(t) in walk.captured:
            g = walk.captured[_core.edge_of(t)]
            shown = walk._show(g)
            t._grad = shown if t._grad is None else t._grad + shown  # type: ignore[operator]


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
    for edge in edges:
        g = captured.get(edge)
        if g is None:
            if not allow_unused:
                error = RuntimeError(messages.UNUSED)
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


def _wanted_edge(t: Any, position: int) -> Any:
    if not isinstance(t, Tensor):
        return getattr(t, "edge", t)  # a GradientEdge
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


def leaf_edge(t: Tensor) -> Any:
    return t if t._edge is LEAF else None


def is_node(edge: Any) -> bool:
    return isinstance(edge, Node)
