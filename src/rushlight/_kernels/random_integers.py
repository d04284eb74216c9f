"""Bounds and filling of ``random_``, ``randint`` and their like."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import ml_dtypes
import numpy as np

from rushlight._kernels.random_names import cpp_type_name, scalar_type_name

if TYPE_CHECKING:
    from rushlight._kernels.random_bits import MersenneTwister

_BF16 = np.dtype(ml_dtypes.bfloat16)
_DIGITS = {np.dtype(np.float16): 11, np.dtype(np.float32): 24, np.dtype(np.float64): 53, _BF16: 8}
"""Binary digits of the significand: integers up to 2**digits are exact."""
_FULL_SPAN = {
    np.dtype(kind): span
    for kind, span in (
        (np.bool_, 2),
        (np.uint8, 1 << 8),
        (np.int8, 1 << 7),
        (np.int16, 1 << 15),
        (np.int32, 1 << 31),
        (np.int64, 1 << 63),
        (np.float16, (1 << 11) + 1),
        (np.float32, (1 << 24) + 1),
        (np.float64, (1 << 53) + 1),
        (ml_dtypes.bfloat16, (1 << 8) + 1),
    )
}
_WIDE = 1 << 28
"""From this span on two words are drawn for a number."""
_CHUNK = 1 << 15
_INT64_MIN = -(1 << 63)


def full_span(dtype: np.dtype) -> int:
    """Return how many values ``random_()`` without bounds chooses from, starting at 0."""
    try:
        return _FULL_SPAN[dtype]
    except KeyError:
        name = scalar_type_name(dtype)
        raise NotImplementedError(f"\"random_kernel_cpu\" not implemented for '{name}'") from None


def _limits(dtype: np.dtype) -> tuple[int, int]:
    if dtype == np.bool_:
        return 0, 1
    if dtype in _DIGITS:
        largest = int(float(ml_dtypes.finfo(dtype).max))
        return -largest, largest
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def _check_kind(dtype: np.dtype) -> None:
    if dtype.kind == "c":
        raise RuntimeError(
            "check_random_bounds handles only integral, floating-point and boolean types"
        )


def _check_limits(dtype: np.dtype, low: int, last: int, last_name: str) -> None:
    smallest, largest = _limits(dtype)
    for bound, name in ((low, "from"), (last, last_name)):
        if not smallest <= bound <= largest:
            raise RuntimeError(f"{name} is out of bounds for {cpp_type_name(dtype)}")


def _as_dtype(value: int, dtype: np.dtype) -> int:
    """Return the number of ``dtype`` nearest to ``value``; ``value`` itself if there is none."""
    with np.errstate(over="ignore"):
        nearest = float(dtype.type(np.float32(value) if dtype == _BF16 else value))
    return int(nearest) if math.isfinite(nearest) else value


def _raised(dtype: np.dtype, low: int) -> int:
    nearest = _as_dtype(low + 1, dtype)
    if nearest < low:
        low = nearest + (1 << (abs(low + 1).bit_length() - 1) - _DIGITS[dtype] + 1)
    return low


def _lowered(dtype: np.dtype, high: int) -> int:
    nearest = _as_dtype(high - 1, dtype)
    if nearest >= high:
        high = nearest - (1 << (abs(high - 1).bit_length() - 1) - _DIGITS[dtype] + 1)
    return high


def bounds(dtype: np.dtype, low: int, high: int) -> tuple[int, int]:
    """Check the bounds ``low <= x < high`` and pull them to numbers a float dtype has."""
    _check_kind(dtype)
    if low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    if dtype in _DIGITS:
        low, high = _raised(dtype, low), _lowered(dtype, high)
        if low >= high:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
                f"but got from={low} >= to={high}"
            )
    _check_limits(dtype, low, high - 1, "to - 1")
    return low, high


def bounds_from(dtype: np.dtype, low: int) -> tuple[int, int]:
    """Return the lower bound and the span of ``random_(low, None)``."""
    _check_kind(dtype)
    if low == _INT64_MIN:
        return 0, 1 << 64  # every pattern of bits, read as a signed number
    if dtype in _DIGITS:
        last = 1 << _DIGITS[dtype]
        low = _raised(dtype, low)
        if low >= last:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than or equal to "
                f"'to_inc' casted to dtype, but got from={low} > to_inc={last}"
            )
    else:
        last = min(_limits(dtype)[1], (1 << 63) - 1)
    _check_limits(dtype, low, last, "to")
    return low, last - low + 1


def fill(
    twister: MersenneTwister, flat: np.ndarray, low: int, span: int, wide: bool | None = None
) -> None:
    """Fill with ``low + D % span``: ``D`` is one word, or a 64-bit draw for wide spans."""
    if wide is None:
        wide = span >= _WIDE
    through_float32 = flat.dtype in _DIGITS and flat.itemsize == 2
    for start in range(0, flat.size, _CHUNK):
        part = flat[start : start + _CHUNK]
        if wide:
            values = _remainder(twister.draws(part.size), span)
            values += np.uint64(low & 0xFFFFFFFFFFFFFFFF)
            values = values.view(np.int64)
        else:
            values = _remainder(twister.words(part.size), span)
            if low:
                values = values.astype(np.int64)
                values += low
        if through_float32:
            values = values.astype(np.float32)
        np.copyto(part, values, casting="unsafe")


def _remainder(draws: np.ndarray, span: int) -> np.ndarray:
    """Replace ``draws`` by ``draws % span``; ``span`` may be one more than the largest draw."""
    if span & (span - 1) == 0:
        if span <= np.iinfo(draws.dtype).max:
            draws &= draws.dtype.type(span - 1)
        return draws
    divisor = draws.dtype.type(span)
    # Division by a constant is vector code in NumPy, remainder is not.
    quotient = draws // divisor
    quotient *= divisor
    draws -= quotient
    return draws
