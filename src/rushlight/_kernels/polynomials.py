"""Orthogonal polynomials on NumPy arrays, by their three-term recurrences.

The degree is an array too; its elements are cut to integers. Negative degrees give 0. Source:
NIST's Digital Library of Mathematical Functions, table 18.9.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Step = Callable[[int, Array, Array, Array], Array]


def _recurrence(first: Callable[[Array], Array], step: Step) -> Callable[[Array, Array], Array]:
    """``p[0] = 1``, ``p[1] = first(x)``, ``p[k + 1] = step(k, x, p[k], p[k - 1])``."""

    def kernel(x: Array, n: Array) -> Array:
        shape = np.broadcast_shapes(x.shape, n.shape)
        x = np.broadcast_to(x, shape)
        finite = np.where(np.isfinite(n), n, -1)
        degree = np.broadcast_to(np.trunc(finite).astype(np.int64), shape)
        before, now = np.ones_like(x), np.asarray(first(x), x.dtype)
        out = np.where(degree < 0, x.dtype.type(0), before)
        out = np.where(degree >= 1, now, out)
        for k in range(1, int(degree.max(initial=0))):
            before, now = now, np.asarray(step(k, x, now, before), x.dtype)
            out = np.where(degree > k, now, out)
        return out

    return kernel


def _chebyshev(k: int, x: Array, now: Array, before: Array) -> Array:
    return 2 * x * now - before


def _shifted(first: Callable[[Array], Array]) -> Callable[[Array, Array], Array]:
    kernel = _recurrence(first, _chebyshev)
    return lambda x, n: kernel(2 * x - 1, n)


chebyshev_t = _recurrence(lambda x: x, _chebyshev)
chebyshev_u = _recurrence(lambda x: 2 * x, _chebyshev)
chebyshev_v = _recurrence(lambda x: 2 * x - 1, _chebyshev)
chebyshev_w = _recurrence(lambda x: 2 * x + 1, _chebyshev)
shifted_chebyshev_t = _shifted(lambda x: x)
shifted_chebyshev_u = _shifted(lambda x: 2 * x)
shifted_chebyshev_v = _shifted(lambda x: 2 * x - 1)
shifted_chebyshev_w = _shifted(lambda x: 2 * x + 1)
hermite_h = _recurrence(lambda x: 2 * x, lambda k, x, now, before: 2 * x * now - 2 * k * before)
hermite_he = _recurrence(lambda x: x, lambda k, x, now, before: x * now - k * before)
laguerre_l = _recurrence(
    lambda x: 1 - x, lambda k, x, now, before: ((2 * k + 1 - x) * now - k * before) / (k + 1)
)
legendre_p = _recurrence(
    lambda x: x, lambda k, x, now, before: ((2 * k + 1) * x * now - k * before) / (k + 1)
)
