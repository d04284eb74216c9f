"""The full pass: hooks, retained gradients, chosen inputs, gradients of gradients, capture.

It carries arrays (k is None), Tensors (TEN) or recorded values (REC) through the same graph as the
fast loop, and lets hooks see and change them on the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import RAW, Fit, Tensor, be_loud, be_quiet, ctx, fit, thread, wrap
from .observer import settle
from .walk import accumulate, accumulating, add_up, collect, laid_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _is_complex(g: Any) -> bool:
    """Whether a gradient is complex.

    The gradient of a real loss towards a complex z is dL/dRe(z) + i dL/dIm(z). For a holomorphic
    f it is carried back by the conjugate of f': conj(conj(g) * f'(z)). So around a node whose
    gradient is complex the walk conjugates what goes in and what comes out, and its formula stays
    that of the real case. Rows that are not holomorphic say `own_complex`.
    """
    return g is not None and type(g) is not dict and getattr(g, "dtype", None) is not None and (
        g._data.dtype if isinstance(g, Tensor) else g.dtype).kind == "c"  # fmt: skip


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
                add_up(pending, owned, root, g)
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
        conjugated = ctx.complex and _is_complex(g) and not getattr(
            getattr(node, "op", None), "own_complex", True)  # fmt: skip
        if conjugated:
            g = (k or RAW).conj(g)
        if ctx.anomaly is not None:
            results = ctx.anomaly.guarded(node, k, g, self.keep)
        elif k is None:
            results = node.raw(g, self.keep)
        else:
            results = node.lifted(k, g, self.keep)
        if conjugated:
            # Adding 0 turns the -0 that conjugation makes of 0 back.
            results = tuple(
                (k or RAW).conj(r) + 0 if _is_complex(r) else r for r in results
            )
            g = (k or RAW).conj(g)
        if state and "_post_hooks" in state:
            results = self._after(node, state["_post_hooks"], results, g)
        if state and "_packed" in state:
            settle(node, self.keep)
        for edge, h in zip(node.edges, results, strict=True):
            if h is None or edge is None:
                continue
            if edge in pending:
                add_up(pending, owned, edge, h)
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
        t: Tensor = self._show(g).clone()
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
        with accumulating:
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
