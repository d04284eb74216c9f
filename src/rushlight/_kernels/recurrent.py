"""Recurrent layers on NumPy arrays: a whole sequence forward, and its gradient.

A sequence is a matrix of rows, step after step, `counts` saying how many rows each step has: all
the same for a padded batch, falling for a packed one. The state has as many rows as the longest
step; a step changes its first ones, so those of ended sequences keep their last value (and, run
backwards, those not begun their first one).

Gates lie one behind the other, `(gates, rows, size)`, each contiguous: then a product with each
gate's weights is small enough for the BLAS kernels that need no packing, and every other pass runs
over contiguous memory. Logistic gates come first and are kept negated until they pass through
``1 / (1 + exp(-x))``. What a step's derivative multiplies by does not depend on the gradient, so
backward computes it for many steps at once and is left with a handful of passes in each step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import native, reduce
from .memory import aligned
from .products import matmul
from .recurrence import Backward, Forward, State, again, before, product_gradients, steps_of

__all__ = ["gru", "gru_gradients", "lstm", "lstm_gradients", "rnn", "rnn_gradients", "steps_of"]

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Ints = tuple[int, ...]

#: For each place among the gates, the gate in PyTorch's order that stands there, and its sign.
_LSTM_PLACES = ((0, -1), (1, -1), (3, -1), (2, 1))
_GRU_PLACES = ((0, -1), (1, -1), (2, 1))
_PLAIN_PLACES = ((0, 1),)


def _logistic(x: Array, one: Array) -> None:
    """``1 / (1 + exp(x))`` in place: the logistic function of ``-x``."""
    np.exp(x, out=x)
    np.add(x, one, out=x)
    np.reciprocal(x, out=x)


def _sum(b: Any, e: Any) -> Any:
    return e if b is None else b if e is None else b + e


# ---- LSTM ---------------------------------------------------------------------------------------


def lstm(
    x: Array, w: Array, u: Array, b: Any, e: Any, r: Any, h: Array, c: Array,
    counts: Ints, backwards: bool,
) -> tuple[Array, ...]:  # fmt: skip
    """Outputs, final states, gates after their functions, cells.

    Shape: x (rows, I), w (4H, I), u (4H, P), b and e (4H), r (P, H) or None (then P = H), h (N, P),
    c (N, H); outputs (rows, P), final states (N, P) and (N, H), gates (4, rows, H) and cells
    (rows, H).
    """
    run = Forward(x, w, u, _sum(b, e), _LSTM_PLACES, counts, backwards)
    gates = run.gates
    cells = aligned(gates.shape[1:], x.dtype)
    out = np.empty((len(x), h.shape[1]), x.dtype)
    hidden = out if r is None else aligned(cells.shape, x.dtype)
    state, cell = State(h), State(c)
    one = np.array(1, x.dtype)
    for steps in run.pieces():
        with run.alone:
            for start, stop in steps:
                rows = gates[:, start:stop]
                product = run.from_state(state.rows(stop - start), run.scratch[:, : stop - start])
                past, now, target = cell.rows(stop - start), cells[start:stop], hidden[start:stop]
                cell.now = now
                if now.size < native.limit or None is native.whole(
                    "lstm_cell", rows, product, past, now, target
                ):
                    np.add(rows, product, out=rows)
                    _logistic(rows[:3], one)
                    enter, forget, leave, new = rows
                    np.tanh(new, out=new)
                    np.multiply(forget, past, out=now)
                    spare = product[0]
                    np.multiply(enter, new, out=spare)
                    np.add(now, spare, out=now)
                    np.tanh(now, out=spare)
                    np.multiply(leave, spare, out=target)
                if r is not None:
                    target = matmul(target, r.T, out=out[start:stop])
                state.now = target
    return out, state.settle(), cell.settle(), gates, cells


def lstm_gradients(
    g_out: Any, g_h: Any, g_c: Any, x: Array, w: Array, u: Array, b: Any, e: Any, r: Any, h: Array,
    c: Array, out: Array, gates: Array, cells: Array, counts: Ints, backwards: bool, need: Any,
) -> tuple[Any, ...]:  # fmt: skip
    """The gradients of x, w, u, b, e, r, h and c from those of outputs and final states."""
    rows, size = cells.shape
    back = Backward(h.shape, g_h, u, 4, size, counts, backwards, need[6])
    past = before(cells, c, counts, backwards)
    dc = np.zeros(c.shape, x.dtype) if g_c is None else np.array(g_c, order="C")
    d = aligned((rows, 4 * size), x.dtype)
    d_out = None if r is None else np.empty(out.shape, x.dtype)
    hidden = None if r is None else np.empty(cells.shape, x.dtype)
    spare = aligned(c.shape, x.dtype)
    with back.alone:
        for low, high, steps in back.pieces:
            slopes, of_leave, of_cell = _lstm_slopes(
                gates[:, low:high], cells[low:high], past[low:high],
                None if hidden is None else hidden[low:high],
            )  # fmt: skip
            for start, stop in steps:
                count = stop - start
                here = slice(start - low, stop - low)
                parts = back.parts[:, :count]
                dh = back.gradient(g_out, start, stop)
                if d_out is not None:
                    d_out[start:stop] = dh
                    dh = matmul(dh, r)
                cell, by_gate = dc[:count], d[start:stop].reshape(count, 4, size)
                if cell.size < native.limit or None is native.whole(
                    "lstm_cell_gradients", dh, of_leave[here], of_cell[here], slopes[:, here],
                    gates[1, start:stop], cell, parts, by_gate,
                ):
                    np.multiply(dh, of_leave[here], out=parts[3])
                    np.add(cell, np.multiply(dh, of_cell[here], out=spare[:count]), out=cell)
                    np.multiply(slopes[:, here], cell, out=parts[:3])
                    np.multiply(cell, gates[1, start:stop], out=cell)
                    by_gate[...] = parts.transpose(1, 0, 2)
                back.step(d[start:stop], parts, start, stop)
    gx, gw, gb = product_gradients(d, x, w, need[0], need[1], need[3] or need[4])
    gu = matmul(d.T, before(out, h, counts, backwards)) if need[2] else None
    gr = matmul(d_out.T, hidden) if need[5] and d_out is not None else None
    return (gx, gw, gu, gb if need[3] else None, again(gb, need[3]) if need[4] else None, gr,
            back.dh if need[6] else None, dc if need[7] else None)  # fmt: skip


def _lstm_slopes(gates: Array, cells: Array, past: Array, hidden: Any) -> tuple[Array, ...]:
    """What a step's gradients are multiplied by: those of the cell for the gates in PyTorch's order
    but the last, those of the output for the last gate and for the cell."""
    enter, forget, leave, new = gates
    slopes = aligned((3, *cells.shape), cells.dtype)
    tanh, of_leave = aligned((2, *cells.shape), cells.dtype)
    if cells.size >= native.limit and hidden is None:
        if native.whole("lstm_slopes", gates, cells, past, slopes, of_leave, tanh) is not None:
            return slopes, of_leave, tanh
    of_enter, of_forget, of_new = slopes
    np.multiply(gates[:2], gates[:2], out=slopes[:2])
    np.subtract(gates[:2], slopes[:2], out=slopes[:2])
    np.multiply(of_enter, new, out=of_enter)
    np.multiply(of_forget, past, out=of_forget)
    np.multiply(new, new, out=of_new)
    np.multiply(of_new, enter, out=of_new)
    np.subtract(enter, of_new, out=of_new)
    np.tanh(cells, out=tanh)
    output = np.multiply(leave, tanh, out=hidden)
    np.multiply(output, leave, out=of_leave)
    np.subtract(output, of_leave, out=of_leave)
    np.multiply(tanh, output, out=tanh)
    np.subtract(leave, tanh, out=tanh)
    return slopes, of_leave, tanh


# ---- gated recurrent units ----------------------------------------------------------------------


def gru(
    x: Array, w: Array, u: Array, b: Any, e: Any, h: Array, counts: Ints, backwards: bool
) -> tuple[Array, ...]:
    """Outputs, final state, gates after their functions, the state's share of the last gate.

    Shape: x (rows, I), w (3H, I), u (3H, H), b and e (3H), h (N, H); outputs (rows, H), gates
    (3, rows, H), share (rows, H).
    """
    size = h.shape[1]
    bias = b
    if e is not None:
        bias = e.copy() if b is None else b + e
        bias[2 * size :] = 0 if b is None else b[2 * size :]
    run = Forward(x, w, u, bias, _GRU_PLACES, counts, backwards)
    gates = run.gates
    shares = aligned(gates.shape[1:], x.dtype)
    out = np.empty(gates.shape[1:], x.dtype)
    state = State(h)
    one = np.array(1, x.dtype)
    last = None if e is None else e[2 * size :]
    for steps in run.pieces():
        with run.alone:
            for start, stop in steps:
                rows = gates[:, start:stop]
                then = state.rows(stop - start)
                product = run.from_state(then, run.scratch[:, : stop - start])
                np.add(rows[:2], product[:2], out=rows[:2])
                _logistic(rows[:2], one)
                reset, update, new = rows
                share = shares[start:stop]
                if last is None:
                    share[...] = product[2]
                else:
                    np.add(product[2], last, out=share)
                spare = product[0]
                np.multiply(reset, share, out=spare)
                np.add(new, spare, out=new)
                np.tanh(new, out=new)
                now = np.subtract(then, new, out=out[start:stop])
                np.multiply(now, update, out=now)
                state.now = np.add(now, new, out=now)
    return out, state.settle(), gates, shares


def gru_gradients(
    g_out: Any, g_h: Any, x: Array, w: Array, u: Array, b: Any, e: Any, h: Array, out: Array,
    gates: Array, shares: Array, counts: Ints, backwards: bool, need: Any,
) -> tuple[Any, ...]:  # fmt: skip
    """The gradients of x, w, u, b, e and h from those of outputs and final state."""
    rows, size = out.shape
    back = Backward(h.shape, g_h, u, 3, size, counts, backwards, need[5])
    past = before(out, h, counts, backwards)
    # The last gate from the input's side, then the three gates from the state's.
    d = aligned((rows, 4 * size), x.dtype)
    spare = aligned(h.shape, x.dtype)
    with back.alone:
        for low, high, steps in back.pieces:
            slopes = _gru_slopes(gates[:, low:high], shares[low:high], past[low:high])
            for start, stop in steps:
                count = stop - start
                parts = back.parts[:, :count]
                dh = back.gradient(g_out, start, stop)
                np.multiply(slopes[:, start - low : stop - low], dh, out=parts)
                d[start:stop].reshape(count, 4, size)[...] = parts.transpose(1, 0, 2)
                kept = np.multiply(dh, gates[1, start:stop], out=spare[:count])
                back.step(d[start:stop, size:], parts[1:], start, stop, kept)
    turned = np.concatenate((w[2 * size :], w[: 2 * size])) if need[0] else w
    gx, gw, gb = product_gradients(d[:, : 3 * size], x, turned, need[0], need[1], need[3])
    gu = matmul(d[:, size:].T, past) if need[2] else None
    ge = reduce.column_sum(d[:, size:]) if need[4] else None
    gw, gb = (None if t is None else np.concatenate((t[size:], t[:size])) for t in (gw, gb))
    return gx, gw, gu, gb, ge, back.dh if need[5] else None


def _gru_slopes(gates: Array, shares: Array, past: Array) -> Array:
    """What the state's gradient is multiplied by: for the last gate, then for reset and update gate
    and the state's share of the last gate."""
    reset, update, new = gates
    slopes = aligned((4, *past.shape), past.dtype)
    of_new, of_reset, of_update, of_share = slopes
    np.multiply(gates[:2], gates[:2], out=slopes[1:3])
    np.subtract(gates[:2], slopes[1:3], out=slopes[1:3])
    np.multiply(of_update, np.subtract(past, new, out=of_share), out=of_update)
    np.multiply(new, new, out=of_new)
    np.multiply(of_new, np.subtract(1, update, out=of_share), out=of_new)
    np.subtract(of_share, of_new, out=of_new)
    np.multiply(of_new, reset, out=of_share)
    np.multiply(of_reset, shares, out=of_reset)
    np.multiply(of_reset, of_new, out=of_reset)
    return slopes


# ---- the plain layer ----------------------------------------------------------------------------


def rnn(
    x: Array, w: Array, u: Array, b: Any, e: Any, h: Array, relu: bool, counts: Ints,
    backwards: bool,
) -> tuple[Array, Array]:  # fmt: skip
    """Outputs (rows, H) and final state (N, H) of ``tanh`` or ``relu`` of the sum of shares."""
    run = Forward(x, w, u, _sum(b, e), _PLAIN_PLACES, counts, backwards)
    gates = run.gates[0]
    out = np.empty(gates.shape, x.dtype)
    state = State(h)
    zero = np.array(0, x.dtype)
    for steps in run.pieces():
        with run.alone:
            for start, stop in steps:
                rows, target = gates[start:stop], out[start:stop]
                product = run.from_state(state.rows(stop - start), run.scratch[:, : stop - start])
                np.add(rows, product[0], out=rows)
                if relu:
                    np.maximum(rows, zero, out=target)
                else:
                    np.tanh(rows, out=target)
                state.now = target
    return out, state.settle()


def rnn_gradients(
    g_out: Any, g_h: Any, x: Array, w: Array, u: Array, b: Any, e: Any, h: Array, out: Array,
    relu: bool, counts: Ints, backwards: bool, need: Any,
) -> tuple[Any, ...]:  # fmt: skip
    """The gradients of x, w, u, b, e and h from those of outputs and final state."""
    rows, size = out.shape
    back = Backward(h.shape, g_h, u, 1, size, counts, backwards, need[5])
    d = aligned((rows, size), x.dtype)
    with back.alone:
        for low, high, steps in back.pieces:
            slopes = out[low:high] > 0 if relu else 1 - np.square(out[low:high])
            for start, stop in steps:
                part = d[start:stop]
                dh = back.gradient(g_out, start, stop)
                np.multiply(dh, slopes[start - low : stop - low], out=part)
                back.step(part, part[None], start, stop)
    gx, gw, gb = product_gradients(d, x, w, need[0], need[1], need[3] or need[4])
    gu = matmul(d.T, before(out, h, counts, backwards)) if need[2] else None
    return (gx, gw, gu, gb if need[3] else None, again(gb, need[3]) if need[4] else None,
            back.dh if need[5] else None)  # fmt: skip
