"""Rows that read at computed places.

Indices from outside are checked before the step (`t.checks`): one that is out of range sends the
call to eager, which raises PyTorch's error and has changed nothing. Indices that the step computes
itself are left to NumPy unless their range is known (`ranges.py`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..expressions import Value, index, k
from ..ir import View
from ..trace import NotLowered, Tracer, lowering
from .copying import _only, element
from .ranges import range_of


def checked(t: Tracer, indices: View, size: int, low: int = 0, *allowed: int) -> None:
    """Make sure of ``low <= indices < size``, by a check before every call if need be.

    `allowed`: other values that may occur.

    Raises:
        NotLowered: the step computes them, and they may be anything.
    """
    if not indices.size:
        return
    source = indices.buffer.source
    outside = source is not None and source[0] in ("argument", "named", "cell")
    if outside and not any(
        v.buffer is indices.buffer for e in t.graph.equations for v in e.writes()
    ):
        t.checks.append((indices, low, size, *allowed))
        return
    known = range_of(t.graph, indices)
    if known is None or known[0] < low or known[1] >= size:
        raise NotLowered("indices that the step computes")


def wrapped(i: Value, size: int) -> Value:
    """Negative indices count from the end."""
    i = i.cast(np.int64)
    return k.select(i < 0, i + size, i)


def _taken(
    t: Tracer, out: View, x: View, indices: View, coordinates: Any
) -> None:
    t.gather_map(out, x, [indices], lambda i: element(0, x, coordinates(i)))


def _one_axis(view: View) -> View:
    return view if view.ndim else view.unsqueeze(0)


@lowering("gather")
def gather(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, dim, indices = arguments
    out = _one_axis(_only(outputs))
    x, indices = _one_axis(x), _one_axis(indices)
    if not indices.size:
        return
    dim %= x.ndim
    checked(t, indices, x.shape[dim])
    _taken(t, out, x, indices,
           lambda i: [i if a == dim else index(a) for a in range(x.ndim)])  # fmt: skip


def spread_index(indices: View, ndim: int, dim: int) -> View:
    """A vector of indices along one of several axes."""
    spread = _one_axis(indices)
    for _ in range(ndim - 1 - dim):
        spread = spread.unsqueeze(-1)
    return spread


@lowering("index_select")
def index_select(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, dim, indices = arguments
    out = _one_axis(_only(outputs))
    x = _one_axis(x)
    dim %= x.ndim
    if not out.size:
        return
    checked(t, indices, x.shape[dim])
    _taken(t, out, x, spread_index(indices, x.ndim, dim),
           lambda i: [i if a == dim else index(a) for a in range(x.ndim)])  # fmt: skip


@lowering("embedding")
def embedding(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    weight, indices, *_ = arguments
    out = _only(outputs)
    checked(t, indices, weight.shape[0])
    _taken(t, out, weight, indices.unsqueeze(-1), lambda i: [i, index(indices.ndim)])


@lowering("embedding_twice")
def embedding_twice(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    weight, indices, padding_idx = arguments
    out = _only(outputs)
    checked(t, indices, weight.shape[0])
    t.gather_map(out, weight, [indices.unsqueeze(-1)], lambda i: k.select(
        k.eq(i, padding_idx), 0, element(0, weight, [i, index(indices.ndim)])))  # fmt: skip


@lowering("one_hot")
def one_hot(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, _ = arguments
    out = _only(outputs)
    checked(t, x, out.shape[-1])
    t.map(out, [x.unsqueeze(-1)],
          lambda v: k.select(k.eq(v, index(x.ndim)), 1, index(x.ndim) * 0))  # fmt: skip


@lowering("take")
def take(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, indices = arguments
    out = _only(outputs)
    if not out.size:
        return
    checked(t, indices, x.size, -x.size)
    flat = t.reshaped(x, (x.size,))
    _taken(t, out, flat, indices, lambda i: [wrapped(i, x.size)])


@lowering("max_pool_gather")
def max_pool_gather(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, indices, rank = arguments
    out = _only(outputs)
    lead = x.ndim - rank
    planes, plane = math.prod(x.shape[:lead]), math.prod(x.shape[lead:])
    if not out.size:
        return
    checked(t, indices, plane)
    shape = (planes, math.prod(indices.shape[lead:]))
    _taken(t, t.reshaped(out, shape), t.reshaped(x, (planes, plane)), t.reshaped(indices, shape),
           lambda i: [index(0), i])  # fmt: skip


# ---- x[i, j] ------------------------------------------------------------------------------------


class Places:
    """Where index tensors stand among the axes of a tensor and of what it gives.

    Attributes:
        shape: of the result.
        indices: the index tensors as views of that shape.
        rest: for every axis of the result, the axis of the tensor that it shows, or None.
    """

    def __init__(self, x_shape: Any, indices: list[View], places: Any) -> None:
        if any(i.dtype.kind not in "iu" or i.dtype == np.uint8 for i in indices):
            raise NotLowered("masks as indices")
        places = tuple(places)
        whole = np.broadcast_shapes(*(i.shape for i in indices))
        axes = [a for a in range(len(x_shape)) if a not in places]
        first = places[0] if places[-1] - places[0] == len(places) - 1 else 0
        before = [a for a in axes if a < places[0]] if first else []
        after = axes[len(before) :]
        self.shape = (
            *(x_shape[a] for a in before), *whole, *(x_shape[a] for a in after)
        )
        self.rest: list[int | None] = [*before, *([None] * len(whole)), *after]
        self.indices = []
        for i in indices:
            for _ in after:
                i = i.unsqueeze(-1)
            self.indices.append(i.expand(self.shape))
        self.places = places
        self.x_shape = x_shape

    def check(self, t: Tracer, indices: list[View]) -> None:
        for i, place in zip(indices, self.places, strict=True):
            checked(t, i, self.x_shape[place], -self.x_shape[place])


def read_places(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, *indices, places = arguments
    out = _only(outputs)
    p = Places(x.shape, indices, places)
    if not out.size:
        return
    p.check(t, indices)

    def formula(*found: Value) -> Value:
        coordinates: list[Any] = [None] * x.ndim
        for place, i in zip(p.places, found, strict=True):
            coordinates[place] = wrapped(i, x.shape[place])
        for axis, a in enumerate(p.rest):
            if a is not None:
                coordinates[a] = index(axis)
        return element(0, x, coordinates)

    t.gather_map(t.reshaped(out, p.shape), x, p.indices, formula)
