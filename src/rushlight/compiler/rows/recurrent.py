"""Recurrent layers and their gradients: products of all rows, and one kernel for the steps.

A layer whose state is projected (``proj_size``) runs as NumPy calls.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._kernels.recurrent import steps_of
from ..expressions import index, k
from ..ir import View
from ..lower.recurrent import packed_size
from ..trace import KERNELS, NotLowered, Tracer, lowering
from .copying import element

KERNELS.update(("recurrent", "recurrent_back"))


def _flat(t: Tracer, x: View) -> View:
    """As a matrix of rows, each contiguous."""
    if x.ndim == 3:
        x = t.reshaped(x, (x.shape[0] * x.shape[1], x.shape[2]))
    return x if x.strides[-1] == 1 or x.shape[-1] == 1 else t.contiguous(x)


def _plain(*views: View | None) -> None:
    for view in views:
        if view is not None and view.dtype.char not in "fd":
            raise NotLowered(f"recurrent layers of {view.dtype}")


def _steps(counts: Any, backwards: bool) -> tuple[tuple[int, int], ...]:
    """First row and rows of every step, in running order."""
    return tuple((start, stop - start) for start, stop in steps_of(counts, backwards))


class _Views:
    """Views with names, for a kernel."""

    def __init__(self) -> None:
        self.inputs: list[View] = []
        self.outputs: list[View] = []
        self._names: tuple[list[str], list[str]] = [], []

    def reads(self, **views: View | None) -> None:
        self._add(self.inputs, self._names[0], views)

    def writes(self, **views: View | None) -> None:
        self._add(self.outputs, self._names[1], views)

    def _add(self, into: list[View], names: list[str], views: dict[str, View | None]) -> None:
        for name, view in views.items():
            if view is not None:
                into.append(view)
                names.append(name)

    @property
    def names(self) -> tuple[str, ...]:
        return (*self._names[0], *self._names[1])


def _room(t: Tracer, like: View, *shape: int) -> View:
    return t.temporary(shape, like.dtype)


def _state(t: Tracer, wanted: View | None, like: View) -> View:
    """Where a state goes: the wanted output if its rows are contiguous, or room of its own."""
    if wanted is not None and wanted.contiguous:
        return wanted
    return _room(t, like, *like.shape)


def _settle(t: Tracer, wanted: View | None, found: View) -> None:
    if wanted is not None and wanted is not found:
        t.map(wanted, [found], lambda v: v)


def _forward(
    t: Tracer, cell: str, x: View, w: View, u: View, bias: View | None, e: View | None,
    states: tuple[View, ...], counts: Any, backwards: bool, outputs: list[View | None],
) -> None:  # fmt: skip
    """`outputs`: those of the sequence, the final states, gates and what else is kept."""
    _plain(x, w, u, *states)
    x = _flat(t, x)
    rows, wide, width = x.shape[0], w.shape[0], u.shape[1]
    if not rows or not width:
        raise NotLowered("an empty sequence")
    sums = _room(t, x, rows, wide)
    t.gemm(x, w.transpose(), sums, bias)
    out, *others = outputs
    finals, kept = others[: len(states)], others[len(states) :]
    target = None if out is None else out.reshape((rows, width))
    if target is None:
        target = _room(t, x, rows, width)
    ends = [_state(t, f, s) for f, s in zip(finals, states, strict=True)]
    v = _Views()
    v.reads(weight=u, first=_flat(t, states[0]))
    v.writes(packed=_room(t, x, packed_size(width, wide)), state=ends[0], out=target)
    made: list[tuple[View | None, View]] = []

    def keep(wanted: View | None) -> View | None:
        if wanted is None or wanted.strides[-1] == 1:
            return wanted
        room = _room(t, x, *wanted.shape)
        made.append((wanted, room))
        return room

    if cell == "gru":
        v.reads(sums=sums, bias=e)
        v.writes(scratch=_room(t, x, states[0].shape[0], wide), gates=keep(kept[0]),
                 shares=keep(kept[1]))  # fmt: skip
    else:
        v.reads(sums_before=sums)
        v.writes(sums=sums)
    if cell == "lstm":
        v.reads(first_cell=_flat(t, states[1]))
        v.writes(cell=ends[1], gates=keep(kept[0]), cells=keep(kept[1]))
    t.kernel("recurrent", v.inputs, v.outputs, cell=cell, names=v.names,
             steps=_steps(counts, backwards))  # fmt: skip
    for wanted, found in (*zip(finals, ends, strict=True), *made):
        _settle(t, wanted, found)
    if out is not None and out.reshape((rows, width)) is None:
        t.map(out, [t.reshaped(target, out.shape)], lambda y: y)


def _bias(t: Tracer, b: View | None, e: View | None, whole: int) -> View | None:
    """The sum of both biases; of `e` only the first `whole` elements count."""
    if e is None:
        return b
    made = t.temporary(e.shape, e.dtype)
    if b is None:
        t.map(made, [e], lambda s: k.select(index(0) < whole, s, 0))
    else:
        t.map(made, [b, e], lambda r, s: r + k.select(index(0) < whole, s, 0))
    return made


@lowering("lstm_layer")
def lstm(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, w, u, b, e, r, h, c, counts, backwards = arguments
    if r is not None:
        raise NotLowered("a state that is projected")
    outputs = [*outputs, None, None][:5]
    bias = _bias(t, b, e, w.shape[0])
    _forward(t, "lstm", x, w, u, bias, None, (h, c), counts, backwards, outputs)


@lowering("gru_layer")
def gru(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, w, u, b, e, h, counts, backwards = arguments
    outputs = [*outputs, None, None][:4]
    bias = _bias(t, b, e, 2 * (w.shape[0] // 3))
    if e is not None:
        e = t.contiguous(e)
    _forward(t, "gru", x, w, u, bias, e, (h,), counts, backwards, outputs)


@lowering("rnn_layer")
def rnn(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, w, u, b, e, h, relu, counts, backwards = arguments
    bias = _bias(t, b, e, w.shape[0])
    cell = "relu" if relu else "tanh"
    _forward(t, cell, x, w, u, bias, None, (h,), counts, backwards, outputs[:2])


# ---- gradients ----------------------------------------------------------------------------------


def _past(t: Tracer, out: View, h: View, counts: Any, backwards: bool) -> View:
    """The state that each row's step started from: rows of the outputs after the initial state."""
    rows, width = out.shape
    batch = h.shape[0]
    both = _room(t, out, batch + rows, width)
    t.map(both.slice(0, 0, batch), [h], lambda v: v)
    t.map(both.slice(0, batch, rows), [out], lambda v: v)
    places = np.arange(batch)
    where = np.empty(rows, np.int64)
    for start, stop in steps_of(counts, backwards):
        where[start:stop] = places[: stop - start]
        places[: stop - start] = batch + np.arange(start, stop)
    found = _room(t, out, rows, width)
    t.gather_map(found, both, [t.constant(where).unsqueeze(1)],
                 lambda i: element(0, both, [i, index(1)]))  # fmt: skip
    return found


def _state_weights(
    t: Tracer, d: View, out: View, h: View, counts: Any, backwards: bool, into: View
) -> None:
    """The gradient of the state's weights."""
    batch, rows = h.shape[0], out.shape[0]
    if len(set(counts)) == 1 and rows > batch:
        # All steps have as many rows: the state is the outputs, shifted by one step.
        later, earlier = (0, batch) if backwards else (batch, 0)
        edge = rows - batch if backwards else 0
        t.gemm(d.slice(0, later, rows - batch).transpose(),
               out.slice(0, earlier, rows - batch), into)  # fmt: skip
        t.gemm(d.slice(0, edge, batch).transpose(), h, into, accumulate=True)
        return
    t.gemm(d.transpose(), _past(t, out, h, counts, backwards), into)


def _column_sums(t: Tracer, d: View, *targets: View | None) -> None:
    for target in targets:
        if target is not None:
            t.reduce("sum", target, d.shape, (0,), [d], lambda v: v)


def _backward(
    t: Tracer, cell: str, gradients: tuple[Any, ...], x: View, w: View, u: View,
    states: tuple[View, ...], out: View, kept: tuple[View, ...], counts: Any, backwards: bool,
    outputs: list[View | None],
) -> None:  # fmt: skip
    """`outputs`: gradients of x, w, u, b, e and the states."""
    g_out, *g_states = gradients
    _plain(x, w, u, *states)
    x, out = _flat(t, x), _flat(t, out)
    rows, wide = x.shape[0], w.shape[0]
    gx, gw, gu, gb, ge, *g_first = outputs
    d = _room(t, x, rows, wide)
    into = [_state(t, f, s) for f, s in zip(g_first, states, strict=True)]
    v = _Views()
    v.reads(weight=u, g_out=None if g_out is None else _flat(t, g_out),
            g_state=None if g_states[0] is None else _flat(t, g_states[0]))  # fmt: skip
    v.writes(packed=_room(t, x, packed_size(wide, u.shape[1])), state=into[0], d=d)
    kept = tuple(_flat_last(t, s) for s in kept)
    d_in = d
    if cell == "lstm":
        v.reads(g_cell=None if g_states[1] is None else _flat(t, g_states[1]), gates=kept[0],
                cells=kept[1], first_cell=_flat(t, states[1]))  # fmt: skip
        v.writes(cell=into[1])
    else:
        v.reads(out=out)
    if cell == "gru":
        d_in = _room(t, x, rows, wide)
        v.reads(gates=kept[0], shares=kept[1], first=_flat(t, states[0]))
        v.writes(d_in=d_in)
    t.kernel("recurrent_back", v.inputs, v.outputs, cell=cell, names=v.names,
             steps=_steps(counts, backwards))  # fmt: skip
    for wanted, found in zip(g_first, into, strict=True):
        _settle(t, wanted, found)
    if gx is not None:
        target = gx.reshape((rows, w.shape[1]))
        if target is None:
            raise NotLowered("a gradient that is no matrix of rows")
        t.gemm(d_in, w, target)
    if gw is not None:
        t.gemm(d_in.transpose(), x, gw)
    if gu is not None:
        _state_weights(t, d, out, states[0], counts, backwards, gu)
    if cell == "gru":
        _column_sums(t, d_in, gb)
        _column_sums(t, d, ge)
    else:
        _column_sums(t, d, gb, ge)


def _flat_last(t: Tracer, view: View) -> View:
    return view if view.strides[-1] == 1 or view.shape[-1] == 1 else t.contiguous(view)


@lowering("lstm_gradients")
def lstm_gradients(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g_out, g_h, g_c, x, w, u, _, _, r, h, c, out, gates, cells, counts, backwards, _ = arguments
    if r is not None:
        raise NotLowered("a state that is projected")
    _backward(t, "lstm", (g_out, g_h, g_c), x, w, u, (h, c), out, (gates, cells), counts,
              backwards, [*outputs[:5], *outputs[6:]])  # fmt: skip


@lowering("gru_gradients")
def gru_gradients(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g_out, g_h, x, w, u, _, _, h, out, gates, shares, counts, backwards, _ = arguments
    _backward(t, "gru", (g_out, g_h), x, w, u, (h,), out, (gates, shares), counts, backwards,
              outputs)  # fmt: skip


@lowering("rnn_gradients")
def rnn_gradients(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g_out, g_h, x, w, u, _, _, h, out, relu, counts, backwards, _ = arguments
    _backward(t, "relu" if relu else "tanh", (g_out, g_h), x, w, u, (h,), out, (), counts,
              backwards, outputs)  # fmt: skip
