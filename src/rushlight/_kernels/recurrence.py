"""What recurrent layers (`recurrent.py`) share: steps, states, products, the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import blas, reduce
from .memory import aligned
from .products import matmul

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Ints = tuple[int, ...]

# OpenBLAS multiplies up to this many multiply-adds without packing, best on one thread.
_SMALL = 1_000_000
# From this many steps on, a copy of the weights in the layout of the gates pays.
_MANY_STEPS = 6
# Elements of one gate that backward prepares at a time.
_PIECE = 1 << 14

def steps_of(counts: Ints, backwards: bool) -> list[tuple[int, int]]:
    """First and last row of every step, in the order in which they run."""
    steps = []
    start = 0
    for count in counts:
        steps.append((start, start + count))
        start += count
    if backwards:
        steps.reverse()
    return steps


def _pieces(
    steps: list[tuple[int, int]], size: int, elements: int
) -> list[tuple[int, int, list[tuple[int, int]]]]:
    """Steps that are prepared together: (first row, last row, steps in running order)."""
    limit = max(1, elements // max(1, size))
    found: list[tuple[int, int, list[tuple[int, int]]]] = []
    for start, stop in steps:
        if found:
            low, high, those = found[-1]
            low, high = min(low, start), max(high, stop)
            if high - low <= limit:
                those.append((start, stop))
                found[-1] = low, high, those
                continue
        found.append((start, stop, [(start, stop)]))
    return found


class State:
    """The rows of a state: those of the current step, and all of them when counts change."""

    __slots__ = ("now", "whole")

    def __init__(self, initial: Array) -> None:
        self.whole = np.array(initial, order="C")
        self.now = self.whole

    def rows(self, count: int) -> Array:
        if len(self.now) != count:
            self.settle()
            self.now = self.whole[:count]
        return self.now

    def settle(self) -> Array:
        now = self.now
        if now is not self.whole:
            self.whole[: len(now)] = now
        return self.whole


def before(values: Array, initial: Array, counts: Ints, backwards: bool) -> Array:
    """The state that each row's step started from, given the one it ended in."""
    count = counts[0]
    if counts[-1] == count:
        last = len(values) - count
        parts = (values[count:], initial) if backwards else (initial, values[:last])
        return np.concatenate(parts)
    found = np.empty_like(values)
    state = State(initial)
    for start, stop in steps_of(counts, backwards):
        found[start:stop] = state.rows(stop - start)
        state.now = values[start:stop]
    return found


class _one_thread:
    """A context in which OpenBLAS runs on one thread, where products are small."""

    __slots__ = ("setter", "threads")

    def __init__(self, wanted: bool) -> None:
        control = blas.controls() if wanted else None
        self.threads = 1
        if control is not None:
            self.setter, getter = control
            self.threads = getter()

    def __enter__(self) -> None:
        if self.threads > 1:
            self.setter(1)

    def __exit__(self, *_: object) -> None:
        if self.threads > 1:
            self.setter(self.threads)


class _Weights:
    """The product with one weight, gate by gate: ``(rows, in)`` to ``(gates, rows, out)``."""

    __slots__ = ("_copy", "_gates", "_places")

    def __init__(self, w: Array, places: Any, copy: bool) -> None:
        size = len(w) // len(places)
        self._gates = [w[gate * size : (gate + 1) * size].T for gate, _ in places]
        self._places = places
        self._copy: Any = None
        if copy:
            self._copy = aligned((len(places), w.shape[1], size), w.dtype)
            for target, source, (_, sign) in zip(self._copy, self._gates, places, strict=True):
                if sign < 0:
                    np.negative(source, out=target)
                else:
                    target[...] = source

    def product(self, x: Array, out: Array) -> Array:
        if self._copy is not None:
            return matmul(x, self._copy, out=out)
        for target, gate, (_, sign) in zip(out, self._gates, self._places, strict=True):
            matmul(x, gate, out=target)
            if sign < 0:
                np.negative(target, out=target)
        return out


def _bias(b: Array, places: Any) -> Array:
    size = len(b) // len(places)
    parts = [b[gate * size : (gate + 1) * size] * b.dtype.type(sign) for gate, sign in places]
    return np.stack(parts)[:, None]


class Forward:
    """What the layers share on the way forward.

    Attributes:
        gates: ``(gates, rows, size)``, filled with the inputs' share piece by piece.
        from_state: the product with the state's weights, into `scratch`.
    """

    __slots__ = ("_bias", "_pieces", "_shares", "_x", "alone", "from_state", "gates", "scratch")

    def __init__(
        self, x: Array, w: Array, u: Array, b: Any, places: Any, counts: Ints, backwards: bool
    ) -> None:
        size, widest = len(w) // len(places), max(counts)
        many = len(counts) >= _MANY_STEPS
        self.gates = aligned((len(places), len(x), size), x.dtype)
        self.scratch = aligned((len(places), widest, size), x.dtype)
        self.from_state = _Weights(u, places, many).product
        self.alone = _one_thread(many and widest * size * u.shape[1] <= _SMALL)
        self._x = x
        self._bias = None if b is None else _bias(b, places)
        self._shares = _Weights(w, places, many).product
        self._pieces = _pieces(steps_of(counts, backwards), size, 2 * _PIECE)

    def pieces(self) -> Iterator[list[tuple[int, int]]]:
        """The steps in running order, some at a time, whose gates hold the inputs' share."""
        for low, high, steps in self._pieces:
            rows = self._shares(self._x[low:high], self.gates[:, low:high])
            if self._bias is not None:
                np.add(rows, self._bias, out=rows)
            yield steps


class Backward:
    """The state's gradient on its way back through the steps.

    Attributes:
        dh: ``(N, P)``, of all rows of the state.
        parts: room for the gradients of a step's gates, one gate behind the other.
        pieces: the steps, as `_pieces` groups them.
    """

    __slots__ = ("_by_gate", "_last", "_scratch", "_u", "alone", "dh", "parts", "pieces")

    def __init__(
        self, shape: Ints, g: Any, u: Array, gates: int, size: int, counts: Ints, backwards: bool,
        to_the_end: bool,
    ) -> None:  # fmt: skip
        self.dh = np.zeros(shape, u.dtype) if g is None else np.array(g, order="C")
        steps = steps_of(counts, not backwards)
        self.pieces = _pieces(steps, size, _PIECE)
        self.parts = aligned((4, max(counts), size), u.dtype)
        # The state that the first step starts from may need no gradient.
        self._last = None if to_the_end else steps[-1]
        self._u = u
        small = len(counts) >= _MANY_STEPS and max(counts) * size * shape[1] <= _SMALL
        self.alone = _one_thread(small)
        self._by_gate: Any = None
        if small:
            self._by_gate = aligned((gates, size, shape[1]), u.dtype)
            self._by_gate[...] = u.reshape(gates, size, -1)
            self._scratch = aligned((gates, *shape), u.dtype)

    def gradient(self, g_out: Any, start: int, stop: int) -> Array:
        """That of the state after a step, with what comes from the step's output."""
        dh = self.dh[: stop - start]
        return dh if g_out is None else np.add(dh, g_out[start:stop], out=dh)

    def step(self, d: Array, parts: Array, start: int, stop: int, kept: Any = None) -> None:
        """From the gradients of a step's gates to that of the state before it."""
        dh = self.dh[: stop - start]
        if self._last == (start, stop):
            return
        if self._by_gate is None:
            matmul(d, self._u, out=dh)
        else:
            products = matmul(parts, self._by_gate, out=self._scratch[:, : stop - start])
            if len(products) == 1:
                dh[...] = products[0]
            else:
                np.add(products[0], products[1], out=dh)
                for product in products[2:]:
                    np.add(dh, product, out=dh)
        if kept is not None:
            np.add(dh, kept, out=dh)


def product_gradients(
    d: Array, x: Array, w: Array, for_x: bool, for_w: bool, for_b: bool
) -> tuple[Any, Any, Any]:
    """Those of a product ``x @ w.T + b`` of all rows at once."""
    gx = matmul(d, w) if for_x else None
    gw = matmul(d.T, x) if for_w else None
    gb = reduce.column_sum(d) if for_b else None
    return gx, gw, gb


def again(gradient: Array, shared: bool) -> Array:
    """An array of its own where the gradient is already another's."""
    return gradient.copy() if shared else gradient
