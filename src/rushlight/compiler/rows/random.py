"""Draws of random numbers, from the words of the generator that eager uses: bit for bit the same.

Uniform numbers and masks with a given probability; others run as NumPy calls.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..builder import KERNELS, NotLowered, drawing
from ..expressions import Value, apply, k
from ..ir import View
from ..trace import Tracer

KERNELS.add("twister")

WORDS = 624


class Words:
    """The words of a generator: NumPy's state, in place.

    Attributes:
        array: 624 words and the position of the next one, int32.
        engine: whose they are; kept alive.
    """

    __slots__ = ("array", "engine")

    def __init__(self, engine: Any, array: np.ndarray[Any, Any]) -> None:
        self.engine = engine
        self.array = array

    def known(self) -> bool:
        """Whether this is how NumPy keeps its state."""
        state = self.engine._bits.state["state"]
        return int(self.array[WORDS]) == state["pos"] and np.array_equal(
            self.array[:WORDS].view(np.uint32), state["key"]
        )


class _Memory:
    def __init__(self, address: int, owner: Any) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "version": 3, "data": (address, False), "shape": (WORDS + 1,), "typestr": "<i4",
        }  # fmt: skip


def words(t: Tracer, generator: Any) -> View:
    """The state of a generator as a buffer of its own: whoever draws writes there."""
    from ..._ops.random import _engine_of

    engine = _engine_of(generator)
    for b in t.graph.buffers:
        if b.source is not None and b.source[0] == "engine" and b.source[1].engine is engine:
            return View(b, 0, (WORDS + 1,), (1,))
    bits = engine._bits
    array = np.asarray(_Memory(bits.ctypes.state_address, bits))
    buffer = t.graph.buffer(WORDS + 1, np.int32, ("engine", Words(engine, array)))
    return View(buffer, 0, (WORDS + 1,), (1,))


def _drawn(t: Tracer, generator: Any, out: View, dtype: Any) -> View:
    """One word (int32) or two (int64) for each element, in the order of memory."""
    if not out.contiguous:
        raise NotLowered("random numbers in an unusual order of memory")
    state = words(t, generator)
    found: Words = state.buffer.source[1]
    if not found.known():
        raise NotLowered("a generator whose state lies elsewhere")
    made = t.temporary(out.shape, dtype)
    if out.size:
        t.kernel("twister", [state], [state, made])
    return made


def _integer(words: Value) -> Value:
    """The low 53 bits of a draw whose first word is the high half."""
    high = apply("shl", apply("and", words, 0x1FFFFF), 32)
    low = apply("and", apply("shr", words, 32), 0xFFFFFFFF)
    return apply("or", high, low)


def _kept(t: Tracer, generator: Any, out: View, p: float, yes: Any, no: Any) -> None:
    """`yes` with probability `p`, else `no`."""
    t.check(out)
    if not isinstance(p, float | int) or not 0 <= p <= 1:
        raise NotLowered("a probability that is no number in [0, 1]")
    words = _drawn(t, generator, out, np.int64)
    threshold = math.ceil(p * 2.0**53)
    if out.size:
        t.map(out, [words], lambda d: k.select(_integer(d) < threshold, yes, no))


@drawing("bernoulli_mask")
def bernoulli_mask(t: Tracer, generator: Any, arguments: list[Any], out: View) -> None:
    (p,) = arguments
    if out.dtype != np.bool_:
        raise NotLowered("a mask that is none")
    _kept(t, generator, out, p, 1, 0)


@drawing("dropout_noise")
def dropout_noise(t: Tracer, generator: Any, arguments: list[Any], out: View) -> None:
    (p,) = arguments
    if not isinstance(p, float | int):
        raise NotLowered("a probability that is no number")
    wide = out.dtype.type if out.dtype.kind == "f" and out.dtype.itemsize > 2 else np.float32
    if out.dtype.kind not in "fV":
        raise NotLowered(f"dropout of {out.dtype}")
    _kept(t, generator, out, 1.0 - p, float(wide(1.0) / wide(1.0 - p)), 0.0)


def _uniform(t: Tracer, generator: Any, out: View) -> None:
    if out.dtype == np.float32:
        words = _drawn(t, generator, out, np.int32)
        if out.size:
            t.map(out, [words],
                  lambda w: apply("and", w, 0xFFFFFF).cast(np.float32) * 2.0**-24)  # fmt: skip
    elif out.dtype == np.float64:
        words = _drawn(t, generator, out, np.int64)
        if out.size:
            t.map(out, [words], lambda d: _integer(d).cast(np.float64) * 2.0**-53)
    else:
        raise NotLowered(f"uniform numbers of {out.dtype}")


@drawing("rand")
def rand(t: Tracer, generator: Any, arguments: list[Any], out: View) -> None:
    if arguments:
        raise NotLowered("uniform numbers with parameters")
    _uniform(t, generator, out)


@drawing("uniform")
def uniform(t: Tracer, generator: Any, arguments: list[Any], out: View) -> None:
    if tuple(arguments) != (0.0, 1.0):
        raise NotLowered("uniform numbers between other bounds")
    _uniform(t, generator, out)


@drawing("bernoulli")
def bernoulli(t: Tracer, generator: Any, arguments: list[Any], out: View) -> None:
    (p,) = arguments
    _kept(t, generator, out, p, 1, 0)


@drawing("randint")
def randint(t: Tracer, generator: Any, arguments: list[Any], out: View) -> None:
    low, high = arguments
    if out.dtype != np.int64 or not 0 < high - low < 1 << 28:
        raise NotLowered("integers from an unusual range")
    words = _drawn(t, generator, out, np.int32)
    if out.size:
        t.map(out, [words],
              lambda w: apply("and", w.cast(np.int64), 0xFFFFFFFF) % (high - low) + low,
              )  # fmt: skip

