"""Functions of probability on NumPy arrays: the normal distribution's tails and quantiles, the
incomplete gamma functions, the Hurwitz zeta function.

Everything is computed in float64 and rounded to the dtype of the argument. Sources: NIST's Digital
Library of Mathematical Functions, 8.7 to 8.11 (incomplete gamma: power series, continued fraction)
and 25.11 (zeta: Euler-Maclaurin).

Nothing here silences NumPy's floating-point warnings: the caller has done so.
"""

from __future__ import annotations

from math import factorial, pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from . import special
from .special import _FLOAT64, _by_pieces, _horner

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]

# --- the normal distribution -------------------------------------------------------------------


def _erfcx(x: Array) -> Array:
    """``exp(x^2) erfc(x)``."""
    a = np.abs(x)
    far = np.maximum(a, 1.0)
    finite = np.minimum(far, 1e100)
    t = np.divide(finite - 5.75, finite + 3.75)
    tail = _horner(special._ERFCX_MAPPED, t, np.empty_like(a)) / (2.0 * far + 1.0)
    near = np.exp(np.minimum(a, 1.0) ** 2) * (1.0 - special._erf_small(np.minimum(a, 1.0)))
    value = np.where(a > 1.0, tail, near)
    # exp(x^2) loses the digits of x^2 after the point: split off a part squared exactly.
    clipped = np.maximum(x, -30.0)
    high = clipped.astype(np.float32).astype(np.float64)
    growth = np.exp(high * high) * np.exp((clipped - high) * (clipped + high))
    return np.where(x < 0.0, 2.0 * growth - value, value)


def _log_ndtr(x: Array) -> Array:
    """Logarithm of the normal distribution function, exact far into the tail."""
    low = np.minimum(x, -1.0)
    tail = np.log(0.5 * _erfcx(-low * sqrt(0.5))) - 0.5 * low * low
    upper = np.maximum(x, -1.0)
    value = np.empty_like(x)
    special._erfc_double(upper * sqrt(0.5), value)
    return np.where(x < -1.0, tail, np.log1p(-0.5 * value))


def _ndtri(p: Array) -> Array:
    """The quantile of the standard normal distribution."""
    middle = np.where((p > 0.1) & (p < 0.9), p, 0.5)
    value = np.empty_like(p)
    special._erfinv_double(2.0 * middle - 1.0, value)
    value *= sqrt(2.0)
    low = np.minimum(p, 1.0 - p)
    low = np.where((low > 0.0) & (low <= 0.1), low, 0.1)
    # Newton's iteration on the logarithm, which is nearly quadratic in the quantile.
    wanted = np.log(low)
    first = np.sqrt(-2.0 * wanted)
    z = -(first - np.log(first * sqrt(2.0 * pi)) / first)
    for _ in range(6):
        ratio = sqrt(pi / 2.0) * _erfcx(-z * sqrt(0.5))  # distribution over density
        step = (_log_ndtr(z) - wanted) * ratio
        # The second derivative of log_ndtr is -(1 / ratio)(z + 1 / ratio).
        z = z - step / (1.0 + 0.5 * (step / ratio) * (-(z + 1.0 / ratio)) * ratio)
    tail = np.where(p < 0.5, z, -z)
    value = np.where((p > 0.1) & (p < 0.9), value, tail)
    value = np.where(p == 0.0, -np.inf, np.where(p == 1.0, np.inf, value))
    return np.where((p >= 0.0) & (p <= 1.0), value, np.nan)


def _over(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    def kernel(x: Array) -> Array:
        def piece(source: Array, target: Array) -> None:
            target[...] = function(source)

        return _by_pieces(x, piece, _FLOAT64)

    kernel.__name__ = kernel.__qualname__ = function.__name__.strip("_")
    kernel.__doc__ = function.__doc__
    return kernel


erfcx, log_ndtr, ndtri = _over(_erfcx), _over(_log_ndtr), _over(_ndtri)


def ndtr(x: Array) -> Array:
    """The normal distribution function ``P(Z < x)``."""
    half: Array = special.erfc(x * x.dtype.type(-sqrt(0.5)))
    return half * x.dtype.type(0.5)


# --- incomplete gamma functions ----------------------------------------------------------------

_MOST_TERMS = 20_000
_EPSILON = 2.0**-53


def _prefactor(a: Array, x: Array) -> Array:
    """``x^a exp(-x) / gamma(a + 1)``, without cancellation where a and x are large and near."""
    plain = np.exp(a * np.log(x) - x - special._lgamma_positive(a + 1.0))
    large = np.maximum(a, 10.0)
    away = (x - large) / large
    # log(1 + d) - d, whose leading terms cancel for small d.
    bent = np.where(np.abs(away) < 0.02, _log1p_less(away), np.log1p(away) - away)
    inverse = 1.0 / (large * large)
    stirling = _horner(special._STIRLING, inverse, np.empty_like(large)) / large
    careful = np.exp(large * bent - stirling) / np.sqrt(2.0 * pi * large)
    return np.where((a >= 10.0) & (x > 0.2 * a), careful, plain)


def _log1p_less(d: Array) -> Array:
    """``log(1 + d) - d`` for small d, by its series."""
    total = np.zeros_like(d)
    for k in range(12, 1, -1):
        total = d * (total + (-1.0) ** (k + 1) / k)
    return total * d


def _lower_series(a: Array, x: Array) -> Array:
    """``P(a, x)`` by the power series, for x < a + 1."""
    term = np.ones_like(x)
    total = term.copy()
    for n in range(1, _MOST_TERMS):
        term = term * (x / (a + n))
        total = total + term
        if not np.any(term > total * _EPSILON):
            break
    return total * _prefactor(a, x)


def _upper_fraction(a: Array, x: Array) -> Array:
    """``Q(a, x)`` by the continued fraction in Lentz's form, for x >= a + 1."""
    tiny = 1e-300
    b = x + 1.0 - a
    c = np.full_like(x, 1.0 / tiny)
    d = 1.0 / b
    h = d
    for n in range(1, _MOST_TERMS):
        factor = -n * (n - a)
        b = b + 2.0
        d = factor * d + b
        d = 1.0 / np.where(np.abs(d) < tiny, tiny, d)
        c = b + factor / c
        c = np.where(np.abs(c) < tiny, tiny, c)
        change = c * d
        h = h * change
        if not np.any(np.abs(change - 1.0) > 4 * _EPSILON):
            break
    return h * _prefactor(a, x) * a


def _small_upper(a: Array, x: Array) -> Array:
    """``Q(a, x)`` for x < 1.1 and small a, where ``1 - P`` would cancel."""
    total = np.zeros_like(x)
    term = np.ones_like(x)
    for n in range(1, 60):
        term = term * (-x / n)
        total = total + term / (a + n)
    logarithm = a * np.log(x)
    lgamma = special._lgamma_positive(a + 1.0)
    # 1 - x^a / gamma(a + 1) - x^a (sum) / gamma(a)
    return -np.expm1(logarithm - lgamma) - np.exp(logarithm - lgamma) * a * total


def _incomplete(a: Array, x: Array, upper: bool) -> Array:
    ordinary = (a > 0.0) & (x > 0.0) & np.isfinite(a) & np.isfinite(x)
    out = np.empty(a.shape)
    if ordinary.any():
        first, second = a[ordinary], x[ordinary]
        value = np.empty_like(first)
        slow = upper & (second < 1.1) & (first < 1.1)
        series = ~slow & (second < first + 1.0)
        fraction = ~slow & ~series
        if slow.any():
            value[slow] = _small_upper(first[slow], second[slow])
        if series.any():
            part = _lower_series(first[series], second[series])
            value[series] = 1.0 - part if upper else part
        if fraction.any():
            part = _upper_fraction(first[fraction], second[fraction])
            value[fraction] = part if upper else 1.0 - part
        out[ordinary] = value
    if not ordinary.all():
        p = np.where(x == 0.0, np.where(a > 0.0, 0.0, np.nan), np.nan)
        p = np.where((a == 0.0) & (x > 0.0), 1.0, p)
        p = np.where(np.isinf(a) & (a > 0) & np.isfinite(x) & (x >= 0), 0.0, p)
        p = np.where(np.isinf(x) & (x > 0) & np.isfinite(a) & (a >= 0), 1.0, p)
        out = np.where(ordinary, out, 1.0 - p if upper else p)
    return out


def _two(x: Array, y: Array) -> tuple[Array, Array, Any]:
    shape = np.broadcast_shapes(x.shape, y.shape)
    wide = np.float64
    return np.broadcast_to(x, shape).astype(wide), np.broadcast_to(y, shape).astype(wide), x.dtype


def igamma(a: Array, x: Array) -> Array:
    """The regularised lower incomplete gamma function ``P(a, x)``."""
    first, second, dtype = _two(a, x)
    return np.asarray(_incomplete(first, second, False)).astype(dtype)


def igammac(a: Array, x: Array) -> Array:
    """The regularised upper incomplete gamma function ``Q(a, x) = 1 - P(a, x)``."""
    first, second, dtype = _two(a, x)
    return np.asarray(_incomplete(first, second, True)).astype(dtype)


# --- zeta --------------------------------------------------------------------------------------


def zeta(x: Array, q: Array) -> Array:
    """The Hurwitz zeta function: the sum of ``(k + q)^-x`` over k = 0, 1, ...

    Infinite at x = 1 and at the poles q = 0, -1, ...; NaN for x < 1 and, at negative q, for x that
    is no integer.
    """
    s, p, dtype = _two(x, q)
    pole = (p <= 0.0) & (p == np.floor(p))
    undefined = (s < 1.0) | ((p < 0.0) & (s != np.floor(s))) | np.isnan(s) | np.isnan(p)
    inside = ~(pole | undefined | (s == 1.0)) & np.isfinite(s) & np.isfinite(p)
    a, b = np.where(inside, s, 2.0), np.where(inside, p, 1.0)
    total = np.zeros_like(b)
    # The series converges where b is not small beside a; far beyond, few terms are the whole sum.
    limit = 10.0 + np.minimum(a, 60.0)
    terms = 0
    low = b <= limit
    while low.any():
        total = np.where(low, total + np.power(b, -a), total)
        b = np.where(low, b + 1.0, b)
        terms += 1
        low = (b <= limit) | ((a > 60.0) & (terms < 30))
    last = np.power(b, -a)
    total = total + last * (b / (a - 1.0) + 0.5)
    coefficient, power = a, last / b
    for k, number in enumerate(special._BERNOULLI, start=1):
        total = total + power * (number / factorial(2 * k)) * coefficient
        coefficient = coefficient * (a + 2 * k - 1) * (a + 2 * k)
        power = power / (b * b)
    out = np.where(inside, total, 0.0)
    out = np.where(np.isinf(s) & (s > 0) & (p == 1.0), 1.0, out)
    out = np.where(pole | (s == 1.0), np.inf, out)
    out = np.where(undefined & ~(pole & (s > 1.0)), np.nan, out)
    return np.asarray(out).astype(dtype)


