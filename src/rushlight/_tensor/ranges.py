"""Evenly spaced numbers: arange, linspace, logspace, range; rounded as PyTorch rounds them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor
from .options import OPTIONS, allocate, check_out, converted, default_of, finish, numpy_dtype
from .registry import overloaded

_LANES = {_dtypes.FLOAT64: 4, _dtypes.FLOAT32: 8}


def _real(value: Any) -> float:
    if isinstance(value, complex):
        if value.imag:
            raise RuntimeError("value cannot be converted to type double without overflow")
        value = value.real
    return float(value)


def _length(start: Any, end: Any, step: Any, numpy: Any) -> int:
    """How many numbers, with PyTorch's checks."""
    low, high, width = _real(start), _real(end), _real(step)
    if width == 0:
        raise RuntimeError("step must be nonzero")
    if not math.isfinite(low) or not math.isfinite(high):
        raise RuntimeError(f"unsupported range: {low:g} -> {high:g}")
    if (width > 0 and high < low) or (width < 0 and high > low):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if numpy == _dtypes.INT64:
        first, last, by = int(start), int(end), int(step)
        if by == 0:
            raise ValueError("step must be nonzero")
        return max(0, -((first - last) // by))
    return max(0, math.ceil((high - low) / width))


def arange_array(start: Any, end: Any, step: Any, numpy: Any) -> Any:
    """``start, start + step, ...`` below `end`."""
    if numpy.kind in "bc":
        name = _dtypes.from_numpy(numpy).type_name
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{name}'")
    n = _length(start, end, step, numpy)
    return _progression(start, step, n, numpy)


def _progression(start: Any, step: Any, n: int, numpy: Any) -> Any:
    if numpy.kind in "iu":
        first, by = int(start), int(step)
        if n and not -(1 << 63) <= first + by * n < 1 << 63:
            return np.array([first + by * i for i in range(n)]).astype(numpy)
        stop = first + by * n if n else first
        found = allocate(
            lambda shape, kind: np.arange(first, stop, by or 1, dtype=np.int64), (n,), numpy
        )
        return found.astype(numpy, copy=False)
    low, width = _real(start), _real(step)
    whole = low.is_integer() and width.is_integer()
    index = allocate(lambda shape, kind: np.arange(n, dtype=np.float64), (n,), numpy)
    limit = _EXACT_BELOW[numpy]
    token = _core.be_quiet()
    try:
        if whole and abs(low) + abs(width) * n < limit:
            return (index * width + low).astype(np.float32).astype(numpy)
        if numpy in _dtypes.LOW_PRECISION:
            return _by_lanes_half(index, np.float32(low), np.float32(width), n, numpy)
        return _by_lanes(index, low, width, n, numpy, _LANES[numpy])
    finally:
        _core.be_loud(token)


_EXACT_BELOW = {_dtypes.FLOAT64: 1 << 24, _dtypes.FLOAT32: 1 << 24, _dtypes.FLOAT16: 1 << 11,
                _dtypes.BFLOAT16: 1 << 8}  # fmt: skip


def _by_lanes_half(index: Any, low: Any, width: Any, n: int, numpy: Any) -> Any:
    """The same in 16 bits: 16 lanes, every step rounded to the dtype."""
    direct = (index.astype(np.float32) * width + low).astype(numpy)
    groups = n // 32 * 2
    if groups:
        base = direct[: groups * 16 : 16, np.newaxis].astype(np.float32)
        offset = np.arange(16, dtype=np.float32) * width
        direct[: groups * 16] = (base + offset).astype(numpy).reshape(-1)
    return direct


def _by_lanes(index: Any, low: float, width: float, n: int, numpy: Any, lanes: int) -> Any:
    """PyTorch's vector code: the first of each group of lanes is fused, the others are added to
    it; what is left of two vectors goes one by one."""
    from .._kernels.random_exact import fused64

    single = numpy == _dtypes.FLOAT32
    direct = fused64(index, width, low)
    groups = n // (2 * lanes) * 2
    result = direct.astype(numpy)
    if not groups:
        return result
    base = result[: groups * lanes : lanes, np.newaxis].astype(np.float64)
    offset = np.arange(lanes) * width
    if single:
        result[: groups * lanes] = (base + offset).astype(numpy).reshape(-1)
        return result
    total = base + offset
    # The third lane's product is not exact: its error is added to that of the sum.
    part = total[:, 3] - base[:, 0]
    error = (base[:, 0] - (total[:, 3] - part)) + (offset[3] - part)
    missing = float(width + (2 * width - offset[3]))
    total[:, 3] += error + missing
    result[: groups * lanes] = total.reshape(-1)
    return result


def _kind_of(*numbers: Any) -> Any:
    if all(isinstance(number, int) for number in numbers):
        return _dtypes.INT64
    return _dtypes.default.numpy


def _arange(start: Any, end: Any, step: Any, dtype: Any, *options: Any) -> Tensor:
    numpy = _kind_of(start, end, step) if dtype is None else dtype.numpy
    return finish(arange_array(start, end, step, numpy), *options)


def _arange_end(end: Any, dtype: Any, layout: Any, device: Any, pin: Any, grad: Any) -> Tensor:
    if type(end) is int and dtype is None and 0 <= end:
        return finish(
            allocate(lambda shape, kind: np.arange(end, dtype=np.int64), (end,), _dtypes.INT64),
            layout, device, pin, grad,
        )  # fmt: skip
    return _arange(0, end, 1, dtype, layout, device, pin, grad)


def _arange_out(start: Any, end: Any, step: Any, out: Any, dtype: Any, *_: Any) -> Tensor:
    from .creation import into

    check_out(out, dtype)
    return into("arange", arange_array(start, end, step, out._data.dtype), out)


# ---------------------------------------------------------------------------------------------


def _count(steps: int) -> int:
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    return steps


def linspace_array(start: Any, end: Any, steps: int, numpy: Any) -> Any:
    """`steps` numbers from `start` to `end`, both included: each half is built from its end."""
    steps = _count(steps)
    if steps == 0:
        return np.empty(0, numpy)
    low, high = converted(start, numpy), converted(end, numpy)
    if steps == 1:
        return low.reshape(1)
    token = _core.be_quiet()
    try:
        return _spaced(low, high, steps, numpy)
    finally:
        _core.be_loud(token)


def _spaced(low: Any, high: Any, steps: int, numpy: Any) -> Any:
    from .._kernels.random_exact import fused64

    half = steps // 2
    first = np.arange(half, dtype=np.float64)
    last = np.arange(steps - half - 1, -1, -1, dtype=np.float64)
    if numpy.kind == "c":
        step = (high - low) / (steps - 1)
        return np.concatenate((low + step * first, high - step * last)).astype(numpy)
    if numpy.kind in "iu":
        step = np.float32((np.float32(high) - np.float32(low)) / np.float32(steps - 1))
        below = int(low) + (step * first.astype(np.float32)).astype(np.float32)
        above = int(high) - (step * last.astype(np.float32)).astype(np.float32)
        return np.concatenate((np.trunc(below), np.trunc(above))).astype(np.int64).astype(numpy)
    if numpy in _dtypes.LOW_PRECISION:

        def rounded(x: Any) -> Any:
            return np.asarray(x, np.float32).astype(numpy).astype(np.float32)

        low32, high32 = np.float32(low), np.float32(high)
        step32 = rounded(rounded(high32 - low32) / rounded(steps - 1))
        below = low32 + rounded(step32 * rounded(first))
        above = high32 - rounded(step32 * rounded(last))
        return np.concatenate((below, above)).astype(numpy)
    step = float((high - low) / numpy.type(steps - 1))
    if numpy == _dtypes.FLOAT32:
        return np.concatenate((first * step + float(low), float(high) - last * step)).astype(numpy)
    return np.concatenate((fused64(first, step, float(low)), fused64(last, -step, float(high))))


def logspace_array(start: Any, end: Any, steps: int, base: float, numpy: Any) -> Any:
    """``base ** x`` for evenly spaced x."""
    steps = _count(steps)
    if steps == 0:
        return np.empty(0, numpy)
    token = _core.be_quiet()
    try:
        if numpy.kind == "c":
            exponents = linspace_array(start, end, steps, np.dtype(np.complex128))
            return np.power(base, exponents).astype(numpy)
        return _powers(_exponents(start, end, steps, numpy), base, numpy)
    finally:
        _core.be_loud(token)


def _exponents(start: Any, end: Any, steps: int, numpy: Any) -> Any:
    """The exponents in float64, from end points of the dtype."""
    low, high = converted(start, numpy), converted(end, numpy)
    if steps == 1:
        return np.array([float(low)])
    if numpy in _dtypes.LOW_PRECISION:
        span = float((np.float32(high) - np.float32(low)).astype(numpy))
    elif numpy.kind in "iu":
        span = float(int(high) - int(low))
    else:
        span = float(high - low)
    step = span / (steps - 1)
    index = np.arange(steps, dtype=np.float64)
    half = steps // 2
    return np.concatenate(
        (float(low) + step * index[:half], float(high) - step * (steps - 1 - index[half:]))
    )


def _powers(exponents: Any, base: float, numpy: Any) -> Any:
    """``base ** exponents`` by the C library, whose last bit NumPy's own differs from."""
    try:
        found = np.array([math.pow(base, x) for x in exponents.tolist()])
    except (OverflowError, ValueError):
        found = np.power(base, exponents)
    if numpy in _dtypes.LOW_PRECISION:
        found = found.astype(np.float32)
    return found.astype(numpy)


def _linspace_dtype(start: Any, end: Any) -> Any:
    if isinstance(start, complex) or isinstance(end, complex):
        return _dtypes.default.complex.numpy
    return _dtypes.default.numpy


def _end_point(name: str, start: Any, end: Any) -> tuple[Any, Any]:
    """The numbers behind 0-d tensors."""
    sizes = [v._data.ndim if isinstance(v, Tensor) else 0 for v in (start, end)]
    if any(sizes):
        raise RuntimeError(
            f"{name} only supports 0-dimensional start and end tensors, but got start with "
            f"{sizes[0]} dimension(s) and end with {sizes[1]} dimension(s)."
        )
    values = [v.item() if isinstance(v, Tensor) else v for v in (start, end)]
    return values[0], values[1]


def _linspace(start: Any, end: Any, steps: int, dtype: Any, *options: Any) -> Tensor:
    start, end = _end_point("linspace", start, end)
    numpy = numpy_dtype(dtype, _linspace_dtype(start, end))
    return finish(linspace_array(start, end, steps, numpy), *options)


def _linspace_out(start: Any, end: Any, steps: int, out: Any, dtype: Any, *_: Any) -> Tensor:
    from .creation import into

    check_out(out, dtype)
    start, end = _end_point("linspace", start, end)
    return into("linspace", linspace_array(start, end, steps, out._data.dtype), out)


def _logspace(start: Any, end: Any, steps: int, base: float, dtype: Any, *options: Any) -> Tensor:
    start, end = _end_point("logspace", start, end)
    numpy = numpy_dtype(dtype, _linspace_dtype(start, end))
    return finish(logspace_array(start, end, steps, base, numpy), *options)


def _logspace_out(
    start: Any, end: Any, steps: int, base: float, out: Any, dtype: Any, *_: Any
) -> Tensor:
    from .creation import into

    check_out(out, dtype)
    start, end = _end_point("logspace", start, end)
    return into("logspace", logspace_array(start, end, steps, base, out._data.dtype), out)


def _range_array(start: Any, end: Any, step: Any, numpy: Any) -> Any:
    import warnings

    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior "
        "is inconsistent with Python's range builtin. Instead, use torch.arange, which produces "
        "values in [start, end).",
        UserWarning,
        stacklevel=4,
    )
    low, high, width = _real(start), _real(end), _real(step)
    if width == 0:
        raise RuntimeError("step must be nonzero")
    if not math.isfinite(low) or not math.isfinite(high):
        raise RuntimeError(f"unsupported range: {low:g} -> {high:g}")
    if (width > 0 and high < low) or (width < 0 and high > low):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    n = int((high - low) / width + 1)
    return _progression(start, step, n, numpy)


def _range(start: Any, end: Any, step: Any, dtype: Any, *options: Any) -> Tensor:
    return finish(_range_array(start, end, step, numpy_dtype(dtype)), *options)


def _register() -> None:
    overloaded(
        "arange",
        (f"arange(Scalar end, *, {OPTIONS}) -> Tensor", _arange_end),
        (f"arange.start(Scalar start, Scalar end, *, {OPTIONS}) -> Tensor",
         lambda start, end, *rest: _arange(start, end, 1, *rest)),
        (f"arange.start_step(Scalar start, Scalar end, Scalar step=1, *, {OPTIONS}) -> Tensor",
         _arange),
        ("arange.start_out(Scalar start, Scalar end, Scalar step=1, *, Tensor(a!) out) "
         "-> Tensor(a!)", _arange_out),
        ("arange.out(Scalar end, *, Tensor(a!) out) -> Tensor(a!)",
         lambda end, out, *rest: _arange_out(0, end, 1, out, *rest)),
        method=False,
    )  # fmt: skip
    linear: list[tuple[str, Any]] = []
    powers: list[tuple[str, Any]] = []
    for name, first, second in (
        (".Tensor_Tensor", "Tensor", "Tensor"), (".Tensor_Scalar", "Tensor", "Scalar"),
        (".Scalar_Tensor", "Scalar", "Tensor"), ("", "Scalar", "Scalar"),
    ):  # fmt: skip
        ends = f"{first} start, {second} end, int steps"
        out = f"{name}_out" if name else ".out"
        written = "Tensor(a!) out) -> Tensor(a!)"
        linear += [
            (f"linspace{name}({ends}, *, {OPTIONS}) -> Tensor", _linspace),
            (f"linspace{out}({ends}, *, {written}", _linspace_out),
        ]
        powers += [
            (f"logspace{name}({ends}, float base=10., *, {OPTIONS}) -> Tensor", _logspace),
            (f"logspace{out}({ends}, float base=10., *, {written}", _logspace_out),
        ]
    overloaded("linspace", *linear, method=False)
    overloaded("logspace", *powers, method=False)
    overloaded(
        "range",
        (f"range.step(Scalar start, Scalar end, Scalar step=1, *, {OPTIONS}) -> Tensor", _range),
        (f"range(Scalar start, Scalar end, *, {OPTIONS}) -> Tensor",
         lambda start, end, *rest: _range(start, end, 1, *rest)),
        method=False,
    )  # fmt: skip


_register()
__all__ = ["arange_array", "default_of", "linspace_array", "logspace_array"]
