"""Normal random numbers from uniform bits, as PyTorch's CPU kernels compute them.

Box and Muller's transform in three forms: float32 in blocks of 16 with single-precision
polynomials, float64 in blocks of 16 with the C library's functions, and the serial form in
float64. The polynomials are those of the Cephes library (S. Moshier), as arranged for vector
code in avx_mathfun (G. Garberoglio, zlib licence).
"""

from __future__ import annotations

import numpy as np

from rushlight._kernels import random_exact as exact

OCTET = np.dtype("V32")
"""Eight float32 numbers moved as one element: copying octets of a block is then one pass."""
PAIRS = 16384
"""Pairs transformed at a time: large enough to hide call costs, small enough for the cache."""
TWO_PI = 6.283185307179586


def _f32(value: float) -> np.ndarray:
    return np.array(value, np.float32)


def _f64(value: float) -> np.ndarray:
    """The float32 nearest to ``value``, as a float64 operand."""
    return np.array(np.float32(value), np.float64)


def _i32(value: int) -> np.ndarray:
    return np.array(value, np.int32)


_MASK24 = _i32(0xFFFFFF)
_TWO24 = _i32(1 << 24)
_ROOT_HALF_BITS = _i32(0x3F3504F3)
_23 = _i32(23)
_24 = _i32(24)
_ONE = _f32(1.0)
_HALF = _f32(0.5)
_ZERO = _f32(0.0)
_LOG_FIRST, *_LOG_REST = map(
    _f64,
    (
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    ),
)
_LN2_LOW = _f32(-2.12194440e-4)
_LN2_HIGH = _f32(0.693359375)
_MINUS_TWO = _f32(-2.0)
_TURN = _f32(float(np.float32(TWO_PI)) * 2.0**-24)
_FOUR_OVER_PI = _f32(1.27323954473516)
_I1, _I2, _I4, _I29, _I30 = map(_i32, (1, 2, 4, 29, 30))
_MINUS_1 = _i32(-1)
_EVEN = _i32(~1)
_PI_4_HIGH = _f32(-0.78515625)
_PI_4_MIDDLE = _f32(-2.4187564849853515625e-4)
_PI_4_LOW = _f64(-3.77489497744594108e-8)
_COS = tuple(map(_f64, (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)))
_SIN = tuple(map(_f64, (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)))


class Workspace:
    """Buffers of one block of float32 normals; keeping them saves more than half the time."""

    def __init__(self, pairs: int) -> None:
        self.pairs = pairs
        self.singles = np.empty((5, pairs), np.float32)
        self.doubles = np.empty((3, pairs), np.float64)
        self.integers = np.empty((3, pairs), np.int32)


def _octets(array: np.ndarray) -> np.ndarray:
    return array.view(OCTET)


def box_muller32(words: np.ndarray, out: np.ndarray, work: Workspace) -> None:
    """Turn words into standard normals, 16 at a time: ``r cos t`` and ``r sin t``.

    In each block of 16 the first eight words give ``u1`` and ``r = sqrt(-2 log(1 - u1))``, the
    last eight ``u2`` and ``t = 2 pi u2``. Every step rounds to float32; a step written with a
    float64 product and sum stands for a fused one (no double rounding occurs for any of the
    2**24 values of a word).

    Args:
        words: contiguous uint32, a multiple of 16, at most ``2 * work.pairs``.
        out: contiguous float32 of the same length.
    """
    pairs = words.size >> 1
    singles, doubles, integers = work.singles, work.doubles, work.integers
    if pairs != work.pairs:
        singles, doubles, integers = singles[:, :pairs], doubles[:, :pairs], integers[:, :pairs]
    x, y, z, exponent, radius = singles
    wide_x, wide_y, wide_z = doubles
    index, shifted, swap = integers
    halves = words.view(OCTET).reshape(-1, 2)

    np.copyto(_octets(index), halves[:, 0])
    np.bitwise_and(index, _MASK24, out=index)
    np.subtract(_TWO24, index, out=index)
    np.copyto(x, index, casting="unsafe")
    bits = x.view(np.int32)
    np.subtract(bits, _ROOT_HALF_BITS, out=index)
    np.right_shift(index, _23, out=index)
    np.left_shift(index, _23, out=shifted)
    np.subtract(bits, shifted, out=bits)
    np.subtract(x, _ONE, out=x)
    np.subtract(index, _24, out=index)
    np.copyto(exponent, index, casting="unsafe")

    np.copyto(wide_x, x)
    np.multiply(wide_x, _LOG_FIRST, out=wide_y)
    np.add(wide_y, _LOG_REST[0], out=wide_y)
    np.copyto(y, wide_y, casting="same_kind")
    for coefficient in _LOG_REST[1:]:
        np.copyto(wide_y, y)
        np.multiply(wide_y, wide_x, out=wide_y)
        np.add(wide_y, coefficient, out=wide_y)
        np.copyto(y, wide_y, casting="same_kind")
    np.multiply(y, x, out=y)
    np.multiply(x, x, out=z)
    np.copyto(wide_y, y)
    np.copyto(wide_z, z)
    np.multiply(wide_y, wide_z, out=wide_y)
    np.multiply(exponent, _LN2_LOW, out=radius)
    np.copyto(wide_z, radius)
    np.add(wide_y, wide_z, out=wide_y)
    np.copyto(y, wide_y, casting="same_kind")
    np.multiply(z, _HALF, out=z)
    np.subtract(y, z, out=y)
    np.add(x, y, out=x)
    np.multiply(exponent, _LN2_HIGH, out=exponent)  # exact: nine bits times five
    np.add(x, exponent, out=x)
    np.multiply(x, _MINUS_TWO, out=x)
    np.sqrt(x, out=radius)

    np.copyto(_octets(index), halves[:, 1])
    np.bitwise_and(index, _MASK24, out=index)
    np.copyto(x, index, casting="unsafe")
    np.multiply(x, _TURN, out=x)
    np.multiply(x, _FOUR_OVER_PI, out=y)
    np.copyto(index, y, casting="unsafe")
    np.add(index, _I1, out=index)
    np.bitwise_and(index, _EVEN, out=index)
    np.copyto(y, index, casting="unsafe")
    np.multiply(y, _PI_4_HIGH, out=z)  # exact, as is the next product
    np.add(x, z, out=x)
    np.multiply(y, _PI_4_MIDDLE, out=z)
    np.add(x, z, out=x)
    np.copyto(wide_x, y)
    np.multiply(wide_x, _PI_4_LOW, out=wide_x)
    np.copyto(wide_y, x)
    np.add(wide_x, wide_y, out=wide_x)
    np.copyto(x, wide_x, casting="same_kind")
    np.multiply(x, x, out=z)
    np.copyto(wide_z, z)

    cosine, sine = y, exponent
    np.multiply(wide_z, _COS[0], out=wide_y)
    np.add(wide_y, _COS[1], out=wide_y)
    np.copyto(cosine, wide_y, casting="same_kind")
    np.copyto(wide_y, cosine)
    np.multiply(wide_y, wide_z, out=wide_y)
    np.add(wide_y, _COS[2], out=wide_y)
    np.copyto(cosine, wide_y, casting="same_kind")
    np.multiply(cosine, z, out=cosine)
    np.copyto(wide_y, cosine)
    np.multiply(wide_y, wide_z, out=wide_y)
    np.multiply(z, _HALF, out=sine)
    np.copyto(wide_x, sine)
    np.subtract(wide_y, wide_x, out=wide_y)
    np.copyto(cosine, wide_y, casting="same_kind")
    np.add(cosine, _ONE, out=cosine)

    np.multiply(wide_z, _SIN[0], out=wide_y)
    np.add(wide_y, _SIN[1], out=wide_y)
    np.copyto(sine, wide_y, casting="same_kind")
    np.copyto(wide_y, sine)
    np.multiply(wide_y, wide_z, out=wide_y)
    np.add(wide_y, _SIN[2], out=wide_y)
    np.copyto(sine, wide_y, casting="same_kind")
    np.multiply(sine, z, out=sine)
    np.copyto(wide_y, sine)
    np.copyto(wide_x, x)
    np.multiply(wide_y, wide_x, out=wide_y)
    np.add(wide_y, wide_x, out=wide_y)
    np.copyto(sine, wide_y, casting="same_kind")

    # Octant j in {0, 2, 4, 6, 8}: bit 1 exchanges sine and cosine, bits 1 and 2 give the signs.
    sine_bits, cosine_bits = sine.view(np.int32), cosine.view(np.int32)
    np.bitwise_and(index, _I2, out=swap)
    np.left_shift(swap, _I30, out=shifted)
    np.right_shift(swap, _I1, out=swap)
    np.multiply(swap, _MINUS_1, out=swap)
    difference = x.view(np.int32)
    np.bitwise_xor(sine_bits, cosine_bits, out=difference)
    np.bitwise_and(difference, swap, out=difference)
    np.bitwise_xor(sine_bits, difference, out=sine_bits)
    np.bitwise_xor(cosine_bits, difference, out=cosine_bits)
    np.bitwise_and(index, _I4, out=index)
    np.left_shift(index, _I29, out=index)
    np.bitwise_xor(sine_bits, index, out=sine_bits)
    np.bitwise_xor(shifted, index, out=shifted)
    np.bitwise_xor(cosine_bits, shifted, out=cosine_bits)
    np.multiply(cosine, radius, out=cosine)
    np.multiply(sine, radius, out=sine)
    result = _octets(out).reshape(-1, 2)
    np.copyto(result[:, 0], _octets(cosine))
    np.copyto(result[:, 1], _octets(sine))


def scale32(values: np.ndarray, mean: float, std: float) -> None:
    """Replace float32 standard normals by ``values * std + mean``, fused; never -0."""
    if mean == 0.0:
        if std != 1.0:
            np.multiply(values, _f32(std), out=values)
        np.add(values, _ZERO, out=values)
    else:
        mean, std = float(np.float32(mean)), float(np.float32(std))
        exact.fused32(values.astype(np.float64), std, mean, values)


def box_muller64(draws: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Turn 64-bit draws, a multiple of 16, into float64 normals in blocks of 16."""
    uniform = unit64(draws).reshape(-1, 2, 8)
    radius = np.sqrt(-2.0 * exact.log(1.0 - uniform[:, 0].ravel()))
    angle = TWO_PI * uniform[:, 1].ravel()
    result = np.empty(uniform.shape)
    result[:, 0] = (radius * exact.cos(angle)).reshape(-1, 8)
    result[:, 1] = (radius * exact.sin(angle)).reshape(-1, 8)
    return exact.fused64(result.reshape(-1), std, mean)


def unit64(draws: np.ndarray) -> np.ndarray:
    """Return the low 53 bits of 64-bit draws as float64 in [0, 1); overwrites ``draws``."""
    draws &= np.uint64((1 << 53) - 1)
    uniform = draws.view(np.int64).astype(np.float64)
    uniform *= 2.0**-53
    return uniform


def serial_pairs(draws: np.ndarray) -> np.ndarray:
    """Turn pairs of 64-bit draws into float64 standard normals, two for a pair of draws."""
    uniform = unit64(draws)
    radius = np.sqrt(-2.0 * exact.log1p(-uniform[1::2]))
    angle = TWO_PI * uniform[0::2]
    result = np.empty(draws.size)
    np.multiply(radius, exact.cos(angle), out=result[0::2])
    np.multiply(radius, exact.sin(angle), out=result[1::2])
    return result
