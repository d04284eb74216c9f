"""Arithmetic whose last bit is fixed: fused multiply-add and the C library's functions, on arrays.

NumPy has no fused multiply-add, and on some processors its ``log`` and ``log1p`` differ from
the C library's in the last bit. Random numbers that equal PyTorch's need both exactly.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_HALF_BITS = np.int64(0x1FFFFFFF)
"""The 29 bits that a float64 has and a float32 of the same exponent has not."""
_TIE = np.int64(0x10000000)
_SPLIT = 134217729.0
"""2**27 + 1, Veltkamp's constant: cuts a float64 into two halves of 26 bits."""


def _two_sum(a: Any, b: Any) -> Any:
    """Return ``(s, e)`` with ``s = round(a + b)`` and ``s + e == a + b`` exactly (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _two_product(a: Any, b: Any) -> Any:
    """Return ``(p, e)`` with ``p = round(a * b)`` and ``p + e == a * b`` exactly (Dekker)."""
    product = a * b
    scaled = a * _SPLIT
    a_high = scaled - (scaled - a)
    a_low = a - a_high
    scaled = b * _SPLIT
    b_high = scaled - (scaled - b)
    b_low = b - b_high
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error


def fused64(x: np.ndarray, scale: float, offset: float) -> np.ndarray:
    """Return ``x * scale + offset`` in float64 with one rounding.

    The exact sum is reduced to two numbers, the smaller rounded to odd, so that the last
    addition rounds correctly (Boldo and Melquiond, 2008).
    """
    if offset == 0.0:
        return x * scale + 0.0
    if scale in (0.0, 1.0):
        return x * scale + offset
    with np.errstate(all="ignore"):
        high, low = _two_product(x, np.float64(scale))
        total, rest = _two_sum(high, np.float64(offset))
        rest, lost = _two_sum(rest, low)
        bits = rest.view(np.int64)
        to_odd = (lost != 0) & ((bits & 1) == 0)
        if to_odd.any():
            grows = (lost > 0) == (rest > 0)
            bits[to_odd] += np.where(grows, 1, -1)[to_odd]
        result = total + rest
        plain = x * scale + offset
        return np.where(np.isfinite(result), result, plain)


def fused32(
    x: np.ndarray, scale: float, offset: float, out: np.ndarray, *, unit: bool = False
) -> None:
    """Write ``x * scale + offset`` to the float32 array ``out`` with one rounding.

    The product is exact in float64; the sum is rounded there and once more by the cast, which
    differs from one rounding only where the float64 sum is a tie between two float32 numbers.

    Args:
        x: float64 array of float32 numbers; overwritten.
        scale, offset: float32 numbers.
        unit: the values of ``x`` are multiples of 2**-24 in [0, 1].
    """
    x *= scale
    if offset == 0.0:
        x += 0.0
        np.copyto(out, x, casting="same_kind")
        return
    if unit and abs(scale) * 2.0**-26 <= abs(offset) <= abs(scale) * 8.0:
        # Few enough bits for the float64 sum to be exact.
        x += offset
        np.copyto(out, x, casting="same_kind")
        return
    total = x + offset
    ties = (total.view(np.int64) & _HALF_BITS) == _TIE
    if ties.any():
        exact, error = _two_sum(x[ties], np.float64(offset))
        nudged = np.nextafter(exact, np.where(error > 0, np.inf, -np.inf))
        total[ties] = np.where(error == 0, exact, nudged)
    np.copyto(out, total, casting="same_kind")


def _plain(ufunc: Any, function: Any, x: np.ndarray) -> np.ndarray:
    return ufunc(x)


def _shifted(ufunc: Any, function: Any, x: np.ndarray) -> np.ndarray:
    """Input and output overlap by all but one element: NumPy then leaves its vector code
    aside and calls the C library for each element."""
    room = np.empty(x.size + 1)
    room[1:] = x
    return ufunc(room[1:], out=room[:-1])


def _one_by_one(ufunc: Any, function: Any, x: np.ndarray) -> np.ndarray:
    try:
        return np.fromiter(map(function, x.tolist()), np.float64, x.size)
    except (ValueError, OverflowError):
        return ufunc(x)


class _LibraryFunction:
    """A function of the C library on flat float64 arrays, by the fastest way that is exact.

    Which way is exact depends on the processor and on NumPy's build, so the first use
    compares a few thousand values with :mod:`math`.
    """

    def __init__(self, name: str, low: float, high: float) -> None:
        self._ufunc = getattr(np, name)
        self._function = getattr(math, name)
        self._range = low, high
        self._way: Any = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        way = self._way or self._choose()
        return way(self._ufunc, self._function, x)

    def _choose(self) -> Any:
        low, high = self._range
        fractions = (np.arange(1, 8193) * 0.6180339887498949) % 1.0
        sample = low + (high - low) * fractions
        expected = _one_by_one(self._ufunc, self._function, sample)
        for way in (_plain, _shifted):
            if np.array_equal(way(self._ufunc, self._function, sample), expected):
                break
        else:
            way = _one_by_one
        self._way = way
        return way


log = _LibraryFunction("log", 0.0, 1.0)
log1p = _LibraryFunction("log1p", -1.0, 0.0)
cos = _LibraryFunction("cos", 0.0, 2.0 * math.pi)
sin = _LibraryFunction("sin", 0.0, 2.0 * math.pi)
tan = _LibraryFunction("tan", -0.5 * math.pi, 0.5 * math.pi)
exp = _LibraryFunction("exp", -6.0, 6.0)
