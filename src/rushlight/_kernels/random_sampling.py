"""Exponential, geometric, Cauchy, log-normal, multinomial and Poisson numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from rushlight._kernels import random_exact as exact
from rushlight._kernels.random_names import cpp_type_name, scalar_type_name

if TYPE_CHECKING:
    from rushlight._kernels.random import Engine

_F64 = np.dtype(np.float64)
_BF16 = np.dtype(ml_dtypes.bfloat16)
_F16 = np.dtype(np.float16)
_LOW_BITS = np.int64(0x1FFFFFFF)


def _is_floating(dtype: np.dtype) -> bool:
    return dtype.kind == "f" or dtype == _BF16


def exponential(engine: Engine, out: np.ndarray, lam: float) -> None:
    """Fill with ``-1/lam * log1p(-u)``."""
    if not _is_floating(out.dtype):
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {scalar_type_name(out.dtype)}"
        )
    if not lam > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lam:g}")
    factor = -1.0 / lam
    double = out.dtype == _F64

    def transform(uniform: np.ndarray) -> np.ndarray:
        negative = -uniform
        if double:
            return factor * exact.log1p(negative)
        # NumPy's log1p may be off in the last bit of a double, which the cast to float32
        # hides except where the double lies next to a tie.
        values = factor * np.log1p(negative)
        near = np.abs((values.view(np.int64) & _LOW_BITS) - 0x10000000) < 16
        if near.any():
            values[near] = factor * exact.log1p(negative[near])
        return values

    engine.fill_from_units(out, transform)


def geometric(engine: Engine, out: np.ndarray, p: float) -> None:
    """Fill with ``ceil(log(u) / log1p(-p))``."""
    if not 0.0 < p < 1.0:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if out.dtype.kind == "c":
        name = scalar_type_name(out.dtype)
        raise NotImplementedError(f"\"geometric_cpu\" not implemented for '{name}'")
    scale = math.log1p(-p)

    def transform(uniform: np.ndarray) -> np.ndarray:
        return np.ceil(exact.log(uniform) / scale)

    engine.fill_from_units(out, transform)


def cauchy(engine: Engine, out: np.ndarray, median: float, sigma: float) -> None:
    """Fill with ``sigma * tan(pi * (u - 1/2)) + median``, fused."""
    if not sigma > 0.0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    if not _is_floating(out.dtype):
        raise RuntimeError(
            "Cauchy distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {cpp_type_name(out.dtype)}"
        )

    def transform(uniform: np.ndarray) -> np.ndarray:
        return exact.fused64(exact.tan(math.pi * (uniform - 0.5)), float(sigma), float(median))

    engine.fill_from_units(out, transform)


def log_normal(engine: Engine, out: np.ndarray, mean: float, std: float) -> None:
    """Fill with ``exp(z * std + mean)``."""
    if not std > 0.0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    if not _is_floating(out.dtype):
        name = scalar_type_name(out.dtype)
        raise NotImplementedError(f"\"log_normal_cpu\" not implemented for '{name}'")
    engine.fill_from_normals(out, exact.exp, float(mean), float(std))


def multinomial(engine: Engine, p: np.ndarray, n: int, replacement: bool) -> np.ndarray:
    """Return ``n`` indices for each row of weights.

    Without replacement the weights are divided by exponential numbers and the indices of the
    ``n`` largest quotients taken; with replacement each draw is looked up in the cumulative
    sum.
    """
    if p.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if not _is_floating(p.dtype):
        raise RuntimeError(
            "multinomial only supports floating-point dtypes for input, "
            f"got: {scalar_type_name(p.dtype)}"
        )
    if n <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and n > p.shape[-1]:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    if p.size == 0:
        return np.empty((*p.shape[:-1], n), np.int64)
    if not replacement or n == 1:
        return _race(engine, p, n)
    return _lookup(engine, p, n)


def _race(engine: Engine, p: np.ndarray, n: int) -> np.ndarray:
    if not (np.isfinite(p) & (p >= 0)).all():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if (p.astype(np.float64).sum(axis=-1) == 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    keys = np.empty_like(p)
    with engine._lock, np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exponential(engine, keys, 1.0)
        np.divide(p, keys, out=keys)
    if n == 1:
        return np.argmax(keys, axis=-1)[..., np.newaxis].astype(np.int64)
    order = np.argsort(-keys.astype(np.float64), axis=-1, kind="stable")
    return np.ascontiguousarray(order[..., :n]).astype(np.int64, copy=False)


def _lookup(engine: Engine, p: np.ndarray, n: int) -> np.ndarray:
    work = p.astype(np.float32) if p.dtype in (_BF16, _F16) else p
    rows = []
    with engine._lock:
        for row in work.reshape(-1, p.shape[-1]):
            if not (row >= 0).all():
                raise RuntimeError(
                    "invalid multinomial distribution (encountering probability entry < 0)"
                )
            if not np.isfinite(row).all():
                raise RuntimeError(
                    "invalid multinomial distribution "
                    "(encountering probability entry = infinity or NaN)"
                )
            total = np.cumsum(row, dtype=row.dtype)
            if not total[-1] > 0:
                raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
            cumulative = (total / total[-1]).astype(np.float64)
            cumulative[-1] = 1.0
            draws = engine.draws(n)
            draws &= np.uint64((1 << 53) - 1)
            uniform = draws.astype(np.float64) * 2.0**-53
            rows.append(np.searchsorted(cumulative, uniform, "left"))
    return np.array(rows, np.int64).reshape(*p.shape[:-1], n)


def poisson(engine: Engine, lam: np.ndarray) -> np.ndarray:
    """Return counts: Knuth's product of uniforms below 10, Hoermann's PTRS (1993) from 10 on."""
    if not _is_floating(lam.dtype):
        name = scalar_type_name(lam.dtype)
        raise NotImplementedError(f"\"poisson_cpu\" not implemented for '{name}'")
    if not (lam >= 0).all():
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    with engine._lock:
        unit = engine.unit
        counts = [
            _poisson_small(unit, rate) if rate < 10.0 else _poisson_large(unit, rate)
            for rate in lam.astype(np.float64).reshape(-1).tolist()
        ]
    result = np.empty(lam.shape, lam.dtype)
    values = np.array(counts, np.float64).reshape(lam.shape)
    np.copyto(result, values.astype(np.float32) if lam.itemsize == 2 else values, casting="unsafe")
    return result


def _poisson_small(unit: Any, rate: float) -> int:
    if rate == 0.0:
        return 0
    limit = math.exp(-rate)
    count = 0
    product = unit()
    while product > limit:
        count += 1
        product *= unit()
    return count


def _poisson_large(unit: Any, rate: float) -> int:
    if math.isinf(rate):
        return _INT64_MIN
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    accept = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = unit() - 0.5
        v = unit()
        distance = 0.5 - abs(u)
        count = math.floor((2.0 * a / distance + b) * u + rate + 0.43)
        if distance >= 0.07 and v <= accept:
            return count
        if count < 0 or (distance < 0.013 and v > distance):
            continue
        height = math.log(v) + math.log(inverse_alpha) - math.log(a / (distance * distance) + b)
        if height <= -rate + count * log_rate - math.lgamma(count + 1.0):
            return count


_INT64_MIN = -(1 << 63)
