"""The walk itself: nodes in order, gradients that wait and add up, and the fast loop.

Nodes are collected with an explicit stack and run in the order of their sequence numbers,
largest first: whatever consumes a value was made after it. Nothing recurses, so a chain of a
million nodes is as good as one of ten.

Gradients that wait for their node stand in a dict of the pass, so that several threads may run
over one graph. They are added in place only into arrays that the pass itself made.
"""

from __future__ import annotations

from operator import attrgetter
from sys import getrefcount
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import Tensor, be_loud, be_quiet, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def add_up(pending: dict[Any, Any], owned: set[int], edge: Any, g: Any) -> None:
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
                    add_up(pending, owned, edge, h)
                else:
                    pending[edge] = h
        # The last gradients must not be counted as shared by the names of this frame.
        node = edge = h = g = None
        with accumulating:
            while pending:
                leaf, g = pending.popitem()
                accumulate(leaf, g)
    finally:
        be_loud(token)


# Several threads may add to one leaf: held while `accumulate` runs. Re-entrant, for the garbage
# collector may run finalizers of the user's inside.
accumulating = RLock()

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
