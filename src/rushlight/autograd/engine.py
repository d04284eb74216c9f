"""Backward: where a pass starts, which loop it takes, and what becomes of the gradients.

There are two loops. The fast one (`walk.run_fast`) serves the ordinary `loss.backward()`: arrays
only, no hooks. The other one (`passes.Pass`) also serves hooks, retained gradients, chosen inputs,
gradients of gradients (TEN) and capture (REC); which one is decided once per pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import TEN, Slot, Tensor, ctx, thread
from . import hooks, messages
from .passes import Pass, current_pass
from .walk import accumulate, accumulating, run_fast

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    if thread.scopes or getattr(handler, "lifting", None) is not None:
        raise RuntimeError(messages.BACKWARD_INSIDE)
    if handler is not None:
        k = getattr(handler, "namespace", lambda k: k)(k)
    roots, starts = roots_of(tensors, gradients, k)
    if len(roots) == 1 and k is None and inputs is None and not (
        ctx.hooks or ctx.complex or ctx.anomaly is not None
    ):
        g = starts.pop()
        root = roots.pop()
        if root._sequence < 0:
            with accumulating:
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
        hook = getattr(handler, "gradients", None)
        if hook is not None:
            done = hook(outputs, gradients, inputs, keep, create_graph, allow_unused)
            if done is not NotImplemented:
                return done
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


__all__ = ["Pass", "accumulate", "backward", "current_pass", "gradients_of", "roots_of"]
