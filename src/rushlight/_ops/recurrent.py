"""Rows of recurrent layers: one direction of one layer over a whole sequence.

The sequence is a matrix of rows, `counts` of them in each step (`_kernels/recurrent.py`), or
(steps, batch, size) where all steps have as many. Forward
and first derivative are loops over time on arrays; second derivatives go through the same
mathematics as composed ops, step by step.
"""

from __future__ import annotations

from typing import Any

from .. import _dtypes
from .._core import Tensor, fused
from .._define.kinds import joint
from .._kernels import recurrent as kernels

Ints = tuple[int, ...]

# ---- pieces of the composed derivatives ---------------------------------------------------------


def _flat(k: Any, x: Any) -> Any:
    """As a matrix of rows."""
    if x is None or x.ndim == 2:
        return x
    return k.reshape(x, (int(x.shape[0]) * int(x.shape[1]), int(x.shape[2])))


def _rows(k: Any, x: Any, start: int, stop: int) -> Any:
    return k.slice(x, 0, start, stop, 1)


def _put(k: Any, state: Any, first: Any) -> Any:
    """`state` with its first rows replaced."""
    count, whole = int(first.shape[0]), int(state.shape[0])
    return first if count == whole else k.cat([first, _rows(k, state, count, whole)], 0)


def _in_order(k: Any, parts: Any, backwards: bool) -> Any:
    """One matrix of what the steps gave in running order."""
    return k.cat(list(reversed(parts)) if backwards else parts, 0)


def _before(k: Any, values: Any, initial: Any, counts: Ints, backwards: bool) -> Any:
    """The state that each row's step started from."""
    parts = []
    state = initial
    for start, stop in kernels.steps_of(counts, backwards):
        parts.append(_rows(k, state, 0, stop - start))
        state = _put(k, state, _rows(k, values, start, stop))
    return _in_order(k, parts, backwards)


def _product(k: Any, x: Any, w: Any, b: Any) -> Any:
    y = k.mm(x, k.mT(w))
    return y if b is None else y + b


def _gate(k: Any, gates: Any, i: int, size: int) -> Any:
    return k.slice(gates, 1, i * size, (i + 1) * size, 1)


def _start(k: Any, g: Any, state: Any) -> Any:
    return k.zeros_like_(state) if g is None else g


def _arriving(k: Any, g: Any, g_out: Any, start: int, stop: int) -> Any:
    """The gradient of the state after a step, with what comes from the step's output."""
    here = _rows(k, g, 0, stop - start)
    return here if g_out is None else here + _rows(k, g_out, start, stop)


# ---- the loops on arrays ------------------------------------------------------------------------


def _as_rows(x: Any) -> Any:
    return x if x is None or x.ndim == 2 else x.reshape(x.shape[0] * x.shape[1], x.shape[2])


def _forward(kernel: Any) -> Any:
    def forward(x: Any, *arguments: Any) -> Any:
        out, *others = kernel(_as_rows(x), *arguments)
        return (out if x.ndim == 2 else out.reshape(*x.shape[:2], out.shape[1]), *others)

    return forward


def _backward(kernel: Any, states: int, out_at: int) -> Any:
    """`states` gradients of final states stand between that of the output and the input."""

    def backward(g_out: Any, *arguments: Any) -> Any:
        x = arguments[states]
        if x.ndim == 2:
            return kernel(g_out, *arguments)
        listed = list(arguments)
        listed[states], listed[out_at - 1] = _as_rows(x), _as_rows(arguments[out_at - 1])
        gx, *others = kernel(_as_rows(g_out), *listed)
        return (None if gx is None else gx.reshape(x.shape), *others)

    return backward


# ---- LSTM ---------------------------------------------------------------------------------------


def _lstm_states(
    k: Any, x: Any, w: Any, u: Any, b: Any, e: Any, r: Any, h: Any, c: Any, counts: Ints,
    backwards: bool,
) -> Any:  # fmt: skip
    """Gates after their functions and cells, of all rows."""
    size = int(c.shape[1])
    shares = _product(k, _flat(k, x), w, b)
    found: list[Any] = [[], [], [], []]
    cells = []
    for start, stop in kernels.steps_of(counts, backwards):
        count = stop - start
        sums = _rows(k, shares, start, stop) + _product(k, _rows(k, h, 0, count), u, e)
        enter = k.sigmoid(_gate(k, sums, 0, size))
        forget = k.sigmoid(_gate(k, sums, 1, size))
        new = k.tanh(_gate(k, sums, 2, size))
        leave = k.sigmoid(_gate(k, sums, 3, size))
        cell = forget * _rows(k, c, 0, count) + enter * new
        hidden = leave * k.tanh(cell)
        h = _put(k, h, hidden if r is None else k.mm(hidden, k.mT(r)))
        c = _put(k, c, cell)
        cells.append(cell)
        for parts, gate in zip(found, (enter, forget, leave, new)):  # noqa: B905
            parts.append(gate)
    gates = k.stack([_in_order(k, parts, backwards) for parts in found], 0)
    return gates, _in_order(k, cells, backwards)


def _lstm_gradients(
    k: Any, g_out: Any, g_h: Any, g_c: Any, x: Any, w: Any, u: Any, b: Any, e: Any, r: Any, h: Any,
    c: Any, out: Any, gates: Any, cells: Any, counts: Ints, backwards: bool, need: Any,
) -> Any:  # fmt: skip
    shape = tuple(x.shape)
    x, out, g_out = _flat(k, x), _flat(k, out), _flat(k, g_out)
    enter, forget, leave, new = [k.select(gates, 0, i) for i in range(4)]
    past = _before(k, cells, c, counts, backwards)
    tanh = k.tanh(cells)
    hidden = leave * tanh
    of_leave = hidden * (1 - leave)
    of_cell = leave * (1 - tanh * tanh)
    of_enter = enter * (1 - enter) * new
    of_forget = forget * (1 - forget) * past
    of_new = enter * (1 - new * new)
    dh, dc = _start(k, g_h, h), _start(k, g_c, c)
    arriving = []
    sums = []
    for start, stop in kernels.steps_of(counts, not backwards):
        g = _arriving(k, dh, g_out, start, stop)
        arriving.append(g)
        if r is not None:
            g = k.mm(g, r)
        cell = _rows(k, dc, 0, stop - start) + g * _rows(k, of_cell, start, stop)
        d = k.cat(
            [
                cell * _rows(k, of_enter, start, stop),
                cell * _rows(k, of_forget, start, stop),
                cell * _rows(k, of_new, start, stop),
                g * _rows(k, of_leave, start, stop),
            ],
            1,
        )
        sums.append(d)
        dc = _put(k, dc, cell * _rows(k, forget, start, stop))
        dh = _put(k, dh, k.mm(d, u))
    d = _in_order(k, sums, not backwards)
    gb = k.sum(d, (0,), False)
    gr = None
    if r is not None and need[5]:
        gr = k.mm(k.mT(_in_order(k, arriving, not backwards)), hidden)
    return (
        k.reshape(k.mm(d, w), shape) if need[0] else None,
        k.mm(k.mT(d), x) if need[1] else None,
        k.mm(k.mT(d), _before(k, out, h, counts, backwards)) if need[2] else None,
        gb if need[3] else None,
        gb if need[4] else None,
        gr,
        dh if need[6] else None,
        dc if need[7] else None,
    )


fused("lstm_gradients", _backward(kernels.lstm_gradients, 2, 11), _lstm_gradients)


def _lstm_formula(
    k: Any, g0: Any, g1: Any, g2: Any, x: Any, w: Any, u: Any, b: Any, e: Any, r: Any, h: Any,
    c: Any, out0: Any, gates: Any, cells: Any, counts: Any, backwards: Any, need: Any,
) -> Any:  # fmt: skip
    return k.lstm_gradients(
        g0, g1, g2, x, w, u, b, e, r, h, c, out0, gates, cells, counts, backwards, need
    )


_CPP_NAMES = {"Float": "float", "Double": "double", "Half": "c10::Half",
              "BFloat16": "c10::BFloat16", "Long": "long int", "Int": "int"}  # fmt: skip


def _refuse(x: Any, w: Any, u: Any, b: Any, e: Any, *others: Any) -> Exception | None:
    """PyTorch's words for the product that fails: of the input, or else of the state."""
    h: Any = others[1] if isinstance(others[1], Tensor) else others[0]
    for value, weight in ((x, w), (h, u)):
        if value._data.dtype != weight._data.dtype:
            names = [_dtypes.from_numpy(t._data.dtype).type_name for t in (value, weight)]
            if b is not None:
                return RuntimeError(
                    f"mat1 and mat2 must have the same dtype, but got {names[0]} and {names[1]}"
                )
            left, right = (_CPP_NAMES.get(n, n) for n in names)
            return RuntimeError(
                f"expected m1 and m2 to have the same dtype, but got: {left} != {right}"
            )
    return None


def _check(x: Any, w: Any, *others: Any) -> tuple[Any, ...]:
    if x.ndim == 0 or x.shape[-1] != w.shape[1]:
        rows = 1
        for n in x.shape[:-1]:
            rows *= n
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{x.shape[-1] if x.ndim else 1} "
            f"and {w.shape[1]}x{w.shape[0]})"
        )
    return tuple(t for t in others if isinstance(t, bool | tuple | list))


def _together(*outputs: Any) -> Any:
    return outputs


def _options(tensors: int) -> dict[str, Any]:
    return {
        "same_dtype": tuple(range(tensors)), "promotion": "equal", "floats": True,
        "check": _check, "refuse": _refuse, "returns": _together, "public": False,
    }  # fmt: skip


_WEIGHTS = "Tensor input, Tensor w_ih, Tensor w_hh, Tensor? b_ih, Tensor? b_hh, "
_SEQUENCE = "SymInt[] counts, bool backwards) -> "

# i, f, g, o = W x + b + U h + e;  c' = f c + i g;  h' = (R) o tanh(c')
lstm_layer = joint(
    "lstm_layer", _forward(kernels.lstm),
    f"_lstm_layer({_WEIGHTS}Tensor? w_hr, Tensor hx, Tensor cx, {_SEQUENCE}"
    "(Tensor, Tensor, Tensor)",
    _lstm_formula, ("x", "w", "u", "b", "e", "r", "h", "c"),
    inputs=("x", "w", "u", "b", "e", "r", "h", "c"), optional=("b", "e", "r"), outputs=3,
    residuals=("gates", "cells"), recomputed=("gates", "cells"), recompute=_lstm_states,
    node="MkldnnRnnLayerBackward0", **_options(8),
)  # fmt: skip

# ---- gated recurrent units ----------------------------------------------------------------------


def _gru_states(
    k: Any, x: Any, w: Any, u: Any, b: Any, e: Any, h: Any, counts: Ints, backwards: bool
) -> Any:
    """Gates after their functions and the state's share of the last one, of all rows."""
    size = int(h.shape[1])
    shares = _product(k, _flat(k, x), w, b)
    found: list[Any] = [[], [], []]
    from_state = []
    for start, stop in kernels.steps_of(counts, backwards):
        before = _rows(k, h, 0, stop - start)
        here, there = _rows(k, shares, start, stop), _product(k, before, u, e)
        reset = k.sigmoid(_gate(k, here, 0, size) + _gate(k, there, 0, size))
        update = k.sigmoid(_gate(k, here, 1, size) + _gate(k, there, 1, size))
        share = _gate(k, there, 2, size)
        new = k.tanh(_gate(k, here, 2, size) + reset * share)
        h = _put(k, h, (before - new) * update + new)
        from_state.append(share)
        for parts, gate in zip(found, (reset, update, new)):  # noqa: B905
            parts.append(gate)
    gates = k.stack([_in_order(k, parts, backwards) for parts in found], 0)
    return gates, _in_order(k, from_state, backwards)


def _gru_gradients(
    k: Any, g_out: Any, g_h: Any, x: Any, w: Any, u: Any, b: Any, e: Any, h: Any, out: Any,
    gates: Any, shares: Any, counts: Ints, backwards: bool, need: Any,
) -> Any:  # fmt: skip
    shape = tuple(x.shape)
    x, out, g_out = _flat(k, x), _flat(k, out), _flat(k, g_out)
    reset, update, new = [k.select(gates, 0, i) for i in range(3)]
    past = _before(k, out, h, counts, backwards)
    of_new = (1 - update) * (1 - new * new)
    of_share = of_new * reset
    of_reset = of_new * shares * reset * (1 - reset)
    of_update = (past - new) * update * (1 - update)
    dh = _start(k, g_h, h)
    sums = []
    from_state = []
    for start, stop in kernels.steps_of(counts, not backwards):
        g = _arriving(k, dh, g_out, start, stop)
        d_reset = g * _rows(k, of_reset, start, stop)
        d_update = g * _rows(k, of_update, start, stop)
        sums.append(k.cat([d_reset, d_update, g * _rows(k, of_new, start, stop)], 1))
        d = k.cat([d_reset, d_update, g * _rows(k, of_share, start, stop)], 1)
        from_state.append(d)
        dh = _put(k, dh, k.mm(d, u) + g * _rows(k, update, start, stop))
    d_input = _in_order(k, sums, not backwards)
    d_state = _in_order(k, from_state, not backwards)
    return (
        k.reshape(k.mm(d_input, w), shape) if need[0] else None,
        k.mm(k.mT(d_input), x) if need[1] else None,
        k.mm(k.mT(d_state), past) if need[2] else None,
        k.sum(d_input, (0,), False) if need[3] else None,
        k.sum(d_state, (0,), False) if need[4] else None,
        dh if need[5] else None,
    )


fused("gru_gradients", _backward(kernels.gru_gradients, 1, 8), _gru_gradients)


def _gru_formula(
    k: Any, g0: Any, g1: Any, x: Any, w: Any, u: Any, b: Any, e: Any, h: Any, out0: Any,
    gates: Any, shares: Any, counts: Any, backwards: Any, need: Any,
) -> Any:  # fmt: skip
    return k.gru_gradients(
        g0, g1, x, w, u, b, e, h, out0, gates, shares, counts, backwards, need
    )


# r, z = sigmoid(W x + b + U h + e);  n = tanh(W x + b + r (U h + e));  h' = (1 - z) n + z h
gru_layer = joint(
    "gru_layer", _forward(kernels.gru),
    f"_gru_layer({_WEIGHTS}Tensor hx, {_SEQUENCE}(Tensor, Tensor)",
    _gru_formula, ("x", "w", "u", "b", "e", "h"), inputs=("x", "w", "u", "b", "e", "h"),
    optional=("b", "e"), outputs=2,
    residuals=("gates", "shares"), recomputed=("gates", "shares"), recompute=_gru_states,
    node="StackBackward0", **_options(6),
)  # fmt: skip

# ---- the plain layer ----------------------------------------------------------------------------


def _rnn_gradients(
    k: Any, g_out: Any, g_h: Any, x: Any, w: Any, u: Any, b: Any, e: Any, h: Any, out: Any,
    relu: bool, counts: Ints, backwards: bool, need: Any,
) -> Any:  # fmt: skip
    shape = tuple(x.shape)
    x, out, g_out = _flat(k, x), _flat(k, out), _flat(k, g_out)
    dh = _start(k, g_h, h)
    sums = []
    for start, stop in kernels.steps_of(counts, not backwards):
        g = _arriving(k, dh, g_out, start, stop)
        here = _rows(k, out, start, stop)
        d = k.threshold_backward(g, here) if relu else g * (1 - here * here)
        sums.append(d)
        dh = _put(k, dh, k.mm(d, u))
    d = _in_order(k, sums, not backwards)
    gb = k.sum(d, (0,), False)
    return (
        k.reshape(k.mm(d, w), shape) if need[0] else None,
        k.mm(k.mT(d), x) if need[1] else None,
        k.mm(k.mT(d), _before(k, out, h, counts, backwards)) if need[2] else None,
        gb if need[3] else None,
        gb if need[4] else None,
        dh if need[5] else None,
    )


fused("rnn_gradients", _backward(kernels.rnn_gradients, 1, 8), _rnn_gradients)


def _rnn_formula(
    k: Any, g0: Any, g1: Any, x: Any, w: Any, u: Any, b: Any, e: Any, h: Any, out0: Any, relu: Any,
    counts: Any, backwards: Any, need: Any,
) -> Any:  # fmt: skip
    return k.rnn_gradients(g0, g1, x, w, u, b, e, h, out0, relu, counts, backwards, need)


# h' = tanh(W x + b + U h + e), or its positive part instead of tanh
rnn_layer = joint(
    "rnn_layer", _forward(kernels.rnn),
    f"_rnn_layer({_WEIGHTS}Tensor hx, bool relu, {_SEQUENCE}(Tensor, Tensor)",
    _rnn_formula, ("x", "w", "u", "b", "e", "h"), inputs=("x", "w", "u", "b", "e", "h"),
    optional=("b", "e"), outputs=2, node="StackBackward0", **_options(6),
)  # fmt: skip
