"""Special functions and activations that NumPy lacks, on NumPy arrays.

Elementwise functions run over pieces of an array that stay in cache, with temporaries reused
through ``out=``. float64 is accurate to a few units in the last place; float32 special functions
are computed in float64 and rounded; half and bfloat16 are computed in float32 and rounded once.

The polynomial coefficients were fitted for this project, from 50-digit values:

* erf for float32: ``erf(x) = tanh(x p(x^2))`` on ``|x| <= 4.25``. tanh forgives errors where it
  saturates, so a short polynomial, fitted with that weight, serves the whole range;
* the normal distribution function for float32, in gelu: ``(1 + tanh(x p(x^2))) / 2`` again, with
  the weight of an absolute error;
* erf for float64: ``x p(x^2)`` below 1, and above it ``1 - exp(-x^2) q(t) / (1 + 2x)`` with
  ``t = (x - 5.75) / (x + 3.75)`` (the form is Schonfelder's, Math. Comp. 32, 1978);
* the logarithm of the gamma function on [1.5, 2.5]: ``y p(y)`` with ``y = x - 2``.

Nothing here silences NumPy's floating-point warnings: the caller has done so for the whole pass.
"""

from __future__ import annotations

from math import erf as _scalar_erf
from math import factorial, log, pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from . import native
from .memory import keep_freed_memory_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Piece = Callable[[Array, Array], None]

# Elements per piece: its temporaries fit the second-level cache.
_PIECE = 1 << 15
# Up to this many elements, Python's own erf is faster than forty calls of NumPy.
_FEW = 64
_FLOAT32 = np.dtype(np.float32)
_FLOAT64 = np.dtype(np.float64)


def _is_short_float(dtype: np.dtype[Any]) -> bool:
    return dtype.itemsize == 2 and dtype.kind in "fV"


def _by_pieces(x: Array, piece: Piece, work: np.dtype[Any] | None = None) -> Array:
    """Apply ``piece(source, target)`` to flat runs of ``x``; it may use ``target`` as scratch.

    With ``work`` the runs are converted to that dtype first, and the results back.
    """
    dtype = x.dtype
    if x.size >= native.limit and piece.__closure__ is None:
        made: Array | None = native.pointwise(piece, (x,))
        if made is not None:
            return made
    if work is None:
        work = _FLOAT32 if _is_short_float(dtype) else dtype
    if x.flags.c_contiguous or x.ndim < 2:
        out = np.empty(x.shape, dtype)
        source, target = x.reshape(-1), out.reshape(-1)
    else:  # a transposed array gives a transposed result
        out = np.empty_like(x)
        order = sorted(range(x.ndim), key=lambda axis: -out.strides[axis])
        source, target = x.transpose(order).reshape(-1), out.transpose(order).reshape(-1)
    size = source.shape[0]
    if work == dtype:
        if size <= _PIECE:
            piece(source, target)
        else:
            keep_freed_memory_once()
            for first in range(0, size, _PIECE):
                piece(source[first : first + _PIECE], target[first : first + _PIECE])
        return out
    scratch = np.empty(min(size, _PIECE), work)
    for first in range(0, size, _PIECE):
        part = source[first : first + _PIECE].astype(work)
        result = scratch[: part.shape[0]]
        piece(part, result)
        target[first : first + _PIECE] = result
    return out


def _operands(values: tuple[float, ...]) -> dict[np.dtype[Any], tuple[Array, ...]]:
    """The numbers as 0-d arrays: NumPy takes them in half the time of Python floats."""
    return {
        dtype: tuple(np.array(value, dtype) for value in values) for dtype in (_FLOAT32, _FLOAT64)
    }


def _horner(coefficients: dict[np.dtype[Any], tuple[Array, ...]], x: Array, out: Array) -> Array:
    """Polynomial with the constant term first."""
    values = coefficients[x.dtype]
    np.multiply(x, values[-1], out)
    for value in values[-2:0:-1]:
        np.add(out, value, out)
        np.multiply(out, x, out)
    return np.add(out, values[0], out)


_ERF_TANH = _operands((
    1.1283791788536839, 0.10277214995997282, -0.00020657209276540639, -0.0005954650273784674,
    6.946138400485918e-05, 1.2609967763894734e-06, -1.272181023678548e-06, 1.5380260964925872e-07,
    -8.301137323039857e-09, 1.7402783031827965e-10,
))
_NORMAL_TANH = _operands((
    0.7978849412725786, 0.03633308501290643, -3.259519080327209e-05, -5.5306192753227945e-05,
    3.964758702323375e-06, -1.3226555341811142e-07, 1.7562615695858407e-09,
))
# Beyond this square the polynomial stays as it is: tanh is 1 from there on.
_NORMAL_LIMIT = _operands((27.04,))
_ERF_SMALL = _operands((
    1.1283791670955126, -0.3761263890318375, 0.11283791670954882, -0.026866170645077334,
    0.005223977624823223, -0.0008548326981129666, 0.00012055331122299266, -1.4925595519506043e-05,
    1.6461004480962034e-06, -1.6350354461959655e-07, 1.4660051998394848e-08,
    -1.1373902296430911e-09, 5.958930743134941e-11,
))
_ERFCX_MAPPED = _operands((
    1.208734727121424, -0.10348036935198052, 0.02101830965641389, 0.010996100551868714,
    -0.016565862849316822, 0.012244250777912205, -0.006669207285638341, 0.0028496929803860727,
    -0.0009389158069099616, 0.00021379780937465185, -1.786605127927633e-05, -8.970145350357173e-06,
    4.007316373009056e-06, -3.610161792702748e-07, -2.520435266090509e-07, 8.64897899936094e-08,
    7.30408322982328e-09, -9.587983623153182e-09, 4.965743400038034e-10, 8.589725640880343e-10,
    -7.673068925171581e-11, -5.2764660909698376e-11,
))
_LGAMMA_TWO = _operands((
    0.42278433509846713, 0.32246703342411326, -0.06735230105319814, 0.020580808427780335,
    -0.007385551028668096, 0.002890510331036772, -0.0011927539120033873, 0.0005096695153484373,
    -0.00022315475069647703, 9.945767440096764e-05, -4.492635166770342e-05, 2.0505584372896933e-05,
    -9.438454884054723e-06, 4.3847319318293745e-06, -2.0449353231800517e-06, 9.199898075671394e-07,
    -4.3032346929567357e-07, 2.7880013392491846e-07, -1.3415702734600226e-07,
))


# --- error functions ------------------------------------------------------------------------


def _erf_by_tanh(x: Array, out: Array) -> None:
    clipped = np.minimum(x, 4.25)
    np.maximum(clipped, -4.25, out=clipped)
    _horner(_ERF_TANH, np.square(clipped), out)
    np.multiply(out, clipped, out=out)
    np.tanh(out, out=out)


def _erfc_tail(a: Array) -> Array:
    """``erfc(a)`` for ``a >= 1``."""
    a = np.minimum(a, 28.0)
    t = np.divide(a - 5.75, a + 3.75)
    value = _horner(_ERFCX_MAPPED, t, np.empty_like(a))
    value /= 2.0 * a + 1.0
    # exp(-a^2) would lose the digits of a^2 after the point: split off a part squared exactly.
    high = a.astype(np.float32).astype(np.float64)
    value *= np.exp(-high * high)
    value *= np.exp((high - a) * (high + a))
    return value


def _erf_small(x: Array) -> Array:
    """``erf(x)`` for ``|x| <= 1``."""
    clipped = np.clip(x, -1.0, 1.0)
    value = _horner(_ERF_SMALL, np.square(clipped), np.empty_like(x))
    value *= clipped
    return value


def _erf_double(x: Array, out: Array) -> None:
    a = np.abs(x)
    tail = np.copysign(1.0 - _erfc_tail(np.maximum(a, 1.0)), x)
    out[...] = np.where(a > 1.0, tail, _erf_small(x))


def _erfc_double(x: Array, out: Array) -> None:
    a = np.abs(x)
    tail = _erfc_tail(np.maximum(a, 1.0))
    tail = np.where(x < 0, 2.0 - tail, tail)
    out[...] = np.where(a > 1.0, tail, 1.0 - _erf_small(x))


def erf(x: Array) -> Array:
    """Error function, ``2 / sqrt(pi)`` times the integral of ``exp(-t^2)`` from 0 to x.

    >>> erf(np.array([0.0, 1.0]))
    array([0.        , 0.84270079])
    """
    if x.size <= _FEW:
        values = [_scalar_erf(value) for value in x.reshape(-1).astype(np.float64).tolist()]
        return np.array(values, _FLOAT64).astype(x.dtype).reshape(x.shape)
    if x.dtype == _FLOAT64:
        return _by_pieces(x, _erf_double)
    return _by_pieces(x, _erf_by_tanh, _FLOAT64)


def erfc(x: Array) -> Array:
    """``1 - erf(x)``, without the cancellation for large x."""
    return _by_pieces(x, _erfc_double, _FLOAT64)


def _erfinv_double(x: Array, out: Array) -> None:
    a = np.abs(x)
    inside = np.where(a < 1.0, a, 0.5)
    logarithm = np.log1p(-inside * inside)
    # Winitzki's formula is good to 2e-3; each Halley step triples the number of digits.
    half = 2.0 / (pi * 0.147) + 0.5 * logarithm
    y = np.sqrt(np.sqrt(half * half - logarithm / 0.147) - half)
    value = np.empty_like(y)
    for _ in range(3):
        _erfc_double(y, value)
        near_one = (1.0 - inside) - value
        _erf_double(y, value)
        error = np.where(inside > 0.5, near_one, value - inside)
        step = error * (0.5 * sqrt(pi)) * np.exp(y * y)
        y -= step / (1.0 + y * step)
    y = np.where(a < 1.0, y, np.where(a == 1.0, np.inf, np.nan))
    np.copysign(y, x, out=out)


def erfinv(x: Array) -> Array:
    """Inverse of :func:`erf`: infinite at -1 and 1, NaN outside."""
    return _by_pieces(x, _erfinv_double, _FLOAT64)


# --- gamma functions ------------------------------------------------------------------------


def _sin_pi(x: Array) -> Array:
    """``sin(pi x)``, exact zeros at the integers."""
    nearest = np.rint(x)
    value = np.sin(pi * (x - nearest))
    return np.where(nearest % 2.0 == 0.0, value, -value)


_STIRLING = _operands((1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156))


def _lgamma_positive(x: Array) -> Array:
    large = x >= 12.0
    z = np.where(large, 2.0, x)
    factor = np.ones_like(z)
    # Walk to [1.5, 2.5] by gamma(z + 1) = z gamma(z).
    for _ in range(10):
        high = z > 2.5
        if not high.any():
            break
        z = np.where(high, z - 1.0, z)
        factor = np.where(high, factor * z, factor)
    # Upward the distance from 2 is taken from x itself, before z + 1 would round it.
    y = np.where(z < 0.5, z, np.where(z < 1.5, z - 1.0, z - 2.0))
    divisor = np.where(z < 0.5, z * (z + 1.0), np.where(z < 1.5, z, 1.0))
    small = _horner(_LGAMMA_TWO, y, np.empty_like(y)) * y + (np.log(factor) - np.log(divisor))
    if not large.any():
        return small
    x = np.where(large, x, 12.0)
    inverse = 1.0 / x
    series = _horner(_STIRLING, inverse * inverse, np.empty_like(x)) * inverse
    stirling = (x - 0.5) * (np.log(x) - 1.0) + (0.5 * log(2 * pi) - 0.5) + series
    stirling = np.where(np.isinf(x), np.inf, stirling)
    return np.where(large, stirling, small)


def _lgamma_double(x: Array, out: Array) -> None:
    negative = x < 0.0
    a = np.where(x == 0.0, 1.0, np.abs(x))
    value = _lgamma_positive(a)
    if negative.any():
        # gamma(-a) gamma(a) = -pi / (a sin(pi a))
        sine = np.abs(_sin_pi(np.where(np.isinf(a), 0.0, a)))
        reflected = log(pi) - np.log(sine * a) - value
        reflected = np.where(a < 1e-17, -np.log(a), reflected)
        value = np.where(negative, np.where(sine == 0.0, np.inf, reflected), value)
    out[...] = np.where(x == 0.0, np.inf, value)


def lgamma(x: Array) -> Array:
    """Logarithm of the absolute value of the gamma function; infinite at its poles.

    >>> lgamma(np.array([1.0, 5.0]))
    array([0.        , 3.17805383])
    """
    return _by_pieces(x, _lgamma_double, _FLOAT64)


# B(2k) / 2k for k = 1, 2, ...
_DIGAMMA = _operands((1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12))


def _digamma_double(x: Array, out: Array) -> None:
    negative = x < 0.0
    z = np.where(negative, 1.0 - x, x)
    total = np.zeros_like(z)
    for _ in range(10):
        low = z < 10.0
        if not low.any():
            break
        total = np.where(low, total - 1.0 / z, total)
        z = np.where(low, z + 1.0, z)
    inverse = 1.0 / (z * z)
    series = _horner(_DIGAMMA, inverse, np.empty_like(z)) * inverse
    value = total + (np.log(z) - 0.5 / z - series)
    if negative.any():
        fraction = x - np.rint(x)
        tangent = np.tan(pi * fraction)
        value = np.where(negative, value - pi / tangent, value)
        value = np.where(negative & (fraction == 0.0), np.nan, value)
        value = np.where(x == -np.inf, np.nan, value)
    out[...] = np.where(x == 0.0, np.copysign(np.inf, -x), value)


def digamma(x: Array) -> Array:
    """Derivative of :func:`lgamma`: NaN at the negative integers, infinite at zero.

    >>> digamma(np.array([1.0]))
    array([-0.57721566])
    """
    return _by_pieces(x, _digamma_double, _FLOAT64)


_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def _hurwitz_zeta(s: int, q: Array) -> Array:
    """Sum of ``1 / (q + k)^s``: terms up to q + k = 10, then the Euler-Maclaurin series."""
    total = np.zeros_like(q)
    low = q <= 10.0
    while low.any():
        total = np.where(low, total + q ** -float(s), total)
        q = np.where(low, q + 1.0, q)
        low = q <= 10.0
    last = q ** -float(s)
    total += last * (q / (s - 1.0) + 0.5)
    coefficient, power = float(s), last / q
    for k, number in enumerate(_BERNOULLI, start=1):
        total += power * (number * coefficient / factorial(2 * k))
        coefficient *= (s + 2 * k - 1) * (s + 2 * k)
        power = power / (q * q)
    return total


def polygamma(n: int, x: Array) -> Array:
    """``n``-th derivative of :func:`digamma`, infinite at zero and the negative integers."""
    if n == 0:
        return digamma(x)

    sign = (-1.0) ** (n + 1)

    def piece(source: Array, target: Array) -> None:
        pole = (source <= 0.0) & (source == np.rint(source))
        inside = np.where(pole | np.isnan(source), 1.0, source)
        if n == 1:
            # The series would need as many terms as x is negative: reflect instead.
            negative = inside < 0.0
            value = _hurwitz_zeta(2, np.where(negative, 1.0 - inside, inside))
            if negative.any():
                value = np.where(negative, np.square(pi / _sin_pi(inside)) - value, value)
            value = np.where(inside == np.inf, 0.0, value)
        else:
            value = _hurwitz_zeta(n + 1, inside) * (sign * factorial(n))
        value = np.where(pole, sign * np.inf, value)
        target[...] = np.where(np.isnan(source) | (source == -np.inf), np.nan, value)

    return _by_pieces(x, piece, _FLOAT64)


# --- activations ----------------------------------------------------------------------------


def _sigmoid(x: Array, out: Array) -> None:
    np.negative(x, out=out)
    np.exp(out, out=out)
    np.add(out, 1.0, out=out)
    np.reciprocal(out, out=out)


def sigmoid(x: Array) -> Array:
    """Logistic function ``1 / (1 + exp(-x))``."""
    return _by_pieces(x, _sigmoid)


def _silu(x: Array, out: Array) -> None:
    np.negative(x, out=out)
    np.exp(out, out=out)
    np.add(out, 1.0, out=out)
    np.divide(x, out, out=out)


def silu(x: Array) -> Array:
    """``x sigmoid(x)``."""
    return _by_pieces(x, _silu)


def _silu_slope(x: Array, out: Array) -> None:
    _sigmoid(x, out)
    rest = np.subtract(1.0, out)
    np.multiply(rest, x, out=rest)
    np.add(rest, 1.0, out=rest)
    np.multiply(out, rest, out=out)


def silu_slope(x: Array) -> Array:
    """Derivative of :func:`silu`."""
    return _by_pieces(x, _silu_slope)


def _log_sigmoid(x: Array, out: Array) -> None:
    np.abs(x, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    np.subtract(np.minimum(x, 0.0), out, out=out)


def log_sigmoid(x: Array) -> Array:
    """Logarithm of :func:`sigmoid`, ``min(x, 0) - log(1 + exp(-|x|))``."""
    return _by_pieces(x, _log_sigmoid)


def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """``log(1 + exp(beta x)) / beta``, and x itself where ``beta x`` exceeds ``threshold``."""
    if x.size >= native.limit:
        made: Array | None = native.pointwise(softplus, (x,), (beta, threshold))
        if made is not None:
            return made

    def piece(source: Array, target: Array) -> None:
        scaled = source if beta == 1.0 else source * beta
        linear = scaled > threshold
        np.exp(scaled, out=target)
        np.log1p(target, out=target)
        if beta != 1.0:
            np.divide(target, beta, out=target)
        np.copyto(target, source, where=linear)

    return _by_pieces(x, piece)


_HALF = _operands((0.5,))
_ONE = _operands((1.0,))
_DENSITY = _operands((-0.5, log(1.0 / sqrt(2.0 * pi))))


def _normal(x: Array, out: Array, square: Array) -> None:
    """The normal distribution function; float32 loses its far tail, as PyTorch's gelu does."""
    half = _HALF[x.dtype][0]
    if x.dtype == _FLOAT64:
        _erf_double(x * sqrt(0.5), out)
    else:
        np.square(x, out=square)
        np.minimum(square, _NORMAL_LIMIT[x.dtype][0], out=square)
        _horner(_NORMAL_TANH, square, out)
        np.multiply(out, x, out=out)
        np.tanh(out, out=out)
    np.multiply(out, half, out=out)
    np.add(out, half, out=out)


def _gelu_erf(x: Array, out: Array) -> None:
    _normal(x, out, np.empty_like(x))
    np.multiply(out, x, out=out)


_TANH_SCALE = sqrt(2.0 / pi)
_TANH_CUBE = 0.044715


def _gelu_tanh_inner(x: Array, out: Array) -> None:
    np.square(x, out=out)
    np.multiply(out, _TANH_SCALE * _TANH_CUBE, out=out)
    np.add(out, _TANH_SCALE, out=out)
    np.multiply(out, x, out=out)
    np.tanh(out, out=out)


def _gelu_tanh(x: Array, out: Array) -> None:
    _gelu_tanh_inner(x, out)
    np.multiply(out, 0.5, out=out)
    np.add(out, 0.5, out=out)
    np.multiply(out, x, out=out)


def gelu(x: Array, approximate: str = "none") -> Array:
    """``x P(Z < x)`` for a standard normal Z, or its approximation by tanh.

    Source: Hendrycks and Gimpel, Gaussian error linear units, arXiv 1606.08415.
    """
    return _by_pieces(x, _gelu_tanh if approximate == "tanh" else _gelu_erf)


def _gelu_slope_erf(x: Array, out: Array) -> None:
    scratch = np.empty_like(x)
    _normal(x, out, scratch)
    exponent, shift = _DENSITY[x.dtype]
    np.square(x, out=scratch)
    np.multiply(scratch, exponent, out=scratch)
    np.add(scratch, shift, out=scratch)
    np.exp(scratch, out=scratch)
    np.multiply(scratch, x, out=scratch)
    np.add(out, scratch, out=out)


def _gelu_slope_tanh(x: Array, out: Array) -> None:
    _gelu_tanh_inner(x, out)
    rest = np.square(out)
    np.subtract(1.0, rest, out=rest)
    inner = np.square(x)
    np.multiply(inner, 3.0 * _TANH_SCALE * _TANH_CUBE, out=inner)
    np.add(inner, _TANH_SCALE, out=inner)
    np.multiply(inner, x, out=inner)
    np.multiply(rest, inner, out=rest)
    np.add(out, rest, out=out)
    np.add(out, 1.0, out=out)
    np.multiply(out, 0.5, out=out)


def gelu_slope(x: Array, approximate: str = "none") -> Array:
    """Derivative of :func:`gelu`."""
    return _by_pieces(x, _gelu_slope_tanh if approximate == "tanh" else _gelu_slope_erf)
