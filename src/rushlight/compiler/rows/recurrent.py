"""Recurrent layers: the inputs' share as one product, then a product and a loop for each step."""

from __future__ import annotations

from typing import Any

from ..._kernels.recurrence import steps_of
from ..expressions import Value, k
from ..ir import View
from ..trace import NotLowered, Tracer, lowering

#: Sequences of more steps than this run as NumPy calls: each step is code of its own.
MOST_STEPS = 2048


class _Sequence:
    """What the layers have in common.

    Attributes:
        steps: (first row, last row) of each step in running order.
        shares: what the inputs contribute to every row.
    """

    def __init__(
        self, t: Tracer, x: View, w: View, b: View | None, e: View | None, counts: Any,
        backwards: bool,
    ) -> None:  # fmt: skip
        if x.dtype.kind != "f" or x.dtype.itemsize < 4 or not x.size:
            raise NotLowered(f"recurrent layers of {x.dtype}")
        if len(counts) > MOST_STEPS:
            raise NotLowered("a very long sequence")
        self.t = t
        self.steps = steps_of(tuple(counts), backwards)
        self.even = len(set(counts)) == 1
        self.rows = sum(counts)
        flat = x if x.ndim == 2 else t.reshaped(x, (self.rows, x.shape[2]))
        self.shares = t.temporary((self.rows, w.shape[0]), x.dtype)
        bias = b if e is None else e
        if b is not None and e is not None:
            bias = t.temporary(b.shape, x.dtype)
            t.map(bias, [b, e], lambda p, q: p + q)
        t.gemm(flat, w.transpose(), self.shares, bias)

    def made(self, shape: Any, given: View | None) -> View:
        """The output that is wanted, or memory in its place."""
        return self.t.temporary(shape, self.shares.dtype) if given is None else given

    def flat(self, given: View | None, size: int) -> View:
        """The outputs of all rows as a matrix."""
        if given is None:
            return self.t.temporary((self.rows, size), self.shares.dtype)
        found = given.reshape((self.rows, size))
        if found is None:
            raise NotLowered("outputs in a strided result")
        return found


class _State:
    """A state that goes from step to step; steps of fewer rows change the first ones only."""

    def __init__(self, s: _Sequence, initial: View) -> None:
        self.s = s
        self.now = initial
        self.kept: View | None = None
        if not s.even:
            self.kept = s.t.temporary(initial.shape, initial.dtype)
            s.t.map(self.kept, [initial], _same)

    def rows(self, count: int) -> View:
        source = self.now if self.kept is None else self.kept
        return source if source.shape[0] == count else source.slice(0, 0, count)

    def set(self, value: View) -> None:
        if self.kept is None:
            self.now = value
        else:
            self.s.t.map(self.kept.slice(0, 0, value.shape[0]), [value], _same)

    def give(self, target: View | None) -> None:
        if target is not None:
            source = self.now if self.kept is None else self.kept
            self.s.t.map(target, [source], _same)


def _same(v: Value) -> Value:
    return v


def _rows(x: View, start: int, stop: int) -> View:
    return x.slice(x.ndim - 2, start, stop - start)


@lowering("lstm_layer")
def lstm(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, w, u, b, e, r, h, c, counts, backwards = arguments
    out, last_h, last_c, gates, cells = (*outputs, None, None)[:5]
    s = _Sequence(t, x, w, b, e, counts, backwards)
    size = c.shape[1]
    out = s.flat(out, h.shape[1])
    gates, cells = s.made((4, s.rows, size), gates), s.made((s.rows, size), cells)
    hidden = out if r is None else t.temporary((s.rows, size), x.dtype)
    state, cell = _State(s, h), _State(s, c)
    sums = t.temporary((h.shape[0], 4 * size), x.dtype)

    def step(i: Value, f: Value, g: Value, o: Value, before: Value) -> tuple[Value, ...]:
        i, f, o, g = k.sigmoid(i), k.sigmoid(f), k.sigmoid(o), k.tanh(g)
        now = f * before + i * g
        return i, f, o, g, now, o * k.tanh(now)

    for start, stop in s.steps:
        count = stop - start
        here = _rows(sums, 0, count)
        t.gemm(state.rows(count), u.transpose(), here, _rows(s.shares, start, stop))
        given = [here.slice(1, n * size, size) for n in range(4)]
        made = [_rows(gates.drop(0, n), start, stop) for n in range(4)]
        now, target = _rows(cells, start, stop), _rows(hidden, start, stop)
        t.map([*made, now, target], [*given, cell.rows(count)], step)
        if r is not None:
            projected = _rows(out, start, stop)
            t.gemm(target, r.transpose(), projected)
            target = projected
        state.set(target)
        cell.set(now)
    state.give(last_h)
    cell.give(last_c)


@lowering("gru_layer")
def gru(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, w, u, b, e, h, counts, backwards = arguments
    out, last, gates, shares = (*outputs, None, None)[:4]
    s = _Sequence(t, x, w, b, None, counts, backwards)
    size = h.shape[1]
    out = s.flat(out, size)
    gates, shares = s.made((3, s.rows, size), gates), s.made((s.rows, size), shares)
    state = _State(s, h)
    sums = t.temporary((h.shape[0], 3 * size), x.dtype)

    def step(*v: Value) -> tuple[Value, ...]:
        reset, update = k.sigmoid(v[0] + v[3]), k.sigmoid(v[1] + v[4])
        new = k.tanh(v[2] + reset * v[5])
        return reset, update, new, v[5], (v[6] - new) * update + new

    for start, stop in s.steps:
        count = stop - start
        here, before = _rows(sums, 0, count), state.rows(count)
        t.gemm(before, u.transpose(), here, e)
        from_input = _rows(s.shares, start, stop)
        given = [v.slice(1, n * size, size) for v in (from_input, here) for n in range(3)]
        made = [_rows(gates.drop(0, n), start, stop) for n in range(3)]
        target = _rows(out, start, stop)
        t.map([*made, _rows(shares, start, stop), target], [*given, before], step)
        state.set(target)
    state.give(last)


@lowering("rnn_layer")
def rnn(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, w, u, b, e, h, relu, counts, backwards = arguments
    out, last = (*outputs, None)[:2]
    s = _Sequence(t, x, w, b, e, counts, backwards)
    out = s.flat(out, h.shape[1])
    state = _State(s, h)

    def step(v: Value) -> Value:
        return k.select(v <= 0, 0, v) if relu else k.tanh(v)

    for start, stop in s.steps:
        target = _rows(out, start, stop)
        t.gemm(state.rows(stop - start), u.transpose(), target, _rows(s.shares, start, stop))
        t.map(target, [target], step)
        state.set(target)
    state.give(last)
