"""Pointwise formulas over large arrays, as machine code made from the compiler's own formulas.

A kernel is made for a formula, its numbers and the dtype; it serves arrays of any length. What the
arrays must be: contiguous in one order, or one number for all places (an expanded gradient).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core import FUSED, OPS
from .._kernels import native, select, slopes, special
from ..compiler.expressions import Value, convert
from ..compiler.ir import Expr
from ..compiler.rows.pointwise import FORMULAS
from ..compiler.runtime.engine import build
from .flat import Flat, operand, single
from .guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]

#: Formulas that are kept as machine code, at most; the numbers in them make others of them.
_MOST = 256
_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
# Entries of the table: the number of elements, the operands, the results.
_LENGTH, _OPERANDS = 1, 2


class _Formulas:
    """``k.tanh(x)`` of scalar expressions: every pointwise row, and what is composed of them."""

    def __getattr__(self, name: str) -> Any:
        composed = FUSED.get(name)
        found: Any
        if composed is not None:
            made = composed

            def found(*operands: Any) -> Any:
                return made(self, *operands)
        else:
            found = FORMULAS.get(name)
            if found is None:
                raise AttributeError(name)
        setattr(self, name, found)
        return found


FORMULA: Any = _Formulas()


def _row(name: str, *values: Any) -> Callable[..., Any]:
    return lambda k, *operands: getattr(k, name)(*operands, *values)


def _times(name: str, *values: Any) -> Callable[..., Any]:
    return lambda k, g, x: g * getattr(k, name)(x, *values)


#: What NumPy's kernels do to a piece of an array -> the formula.
_PIECES: dict[Any, Callable[..., Any]] = {
    special._sigmoid: _row("sigmoid"),
    special._silu: _row("silu"),
    special._silu_slope: _row("silu_slope"),
    special._log_sigmoid: _row("log_sigmoid"),
    special.softplus: _row("softplus"),
    special._gelu_erf: _row("gelu", "none"),
    special._gelu_tanh: _row("gelu", "tanh"),
    special._gelu_slope_erf: _row("gelu_slope", "none"),
    special._gelu_slope_tanh: _row("gelu_slope", "tanh"),
    special._erf_double: _row("erf"),
    special._erf_by_tanh: _row("erf"),
    special._erfc_double: _row("erfc"),
    select.threshold_backward: _row("threshold_backward"),
    slopes._tanh: lambda k, g, out: g * (1 - out * out),
    slopes._sigmoid: lambda k, g, out: g * ((1 - out) * out),
    slopes.silu: _times("silu_slope"),
    slopes.gelu: lambda k, g, x, approximate: g * k.gelu_slope(x, approximate),
}

_kernels: dict[Any, _Kernel | None] = {}


def run(key: Any, arrays: Sequence[Array], values: tuple[Any, ...]) -> Any:
    """The result of a formula (a list, if it gives a tuple), or None: then NumPy does it.

    Args:
        key: a formula ``(k, *arrays, *values)``, or a function of `_PIECES`, or a row's kernel.
        values: numbers and other attributes.
    """
    first = arrays[0]
    dtype = first.dtype
    if dtype not in _DTYPES:
        return None
    shape = first.shape
    strides: Any = None
    singles = []
    for a in arrays:
        if a.dtype is not dtype and a.dtype != dtype or (a.shape != shape and a.ndim):
            return None
        one = not any(a.strides)
        singles.append(one)
        if not one:
            if strides is None:
                strides = a.strides
                if not a.flags.c_contiguous and not a.flags.f_contiguous:
                    return None
            elif a.strides != strides:
                return None
    if strides is None:
        return None
    try:
        name = key, values, dtype, tuple(singles)
        kernel = _kernels[name]
    except KeyError:
        kernel = _made(name)
    except TypeError:
        return None
    if kernel is None:
        return None
    like = arrays[singles.index(False)]
    if like.shape != shape:
        return None
    results = [np.empty_like(like) for _ in range(kernel.results)]
    if not kernel.run(results, arrays):
        return None
    return results if kernel.several else results[0]


def _made(name: Any) -> _Kernel | None:
    if len(_kernels) >= _MOST:
        return None
    key, values, dtype, singles = name
    formula = _formula(key)
    made = None
    if formula is not None:
        try:
            made = _Kernel(formula, values, dtype, singles)
        except (NotImplementedError, AttributeError):
            pass  # it is more than scalar formulas can say
        except Exception:  # whatever it is, NumPy can do it
            if native.eager:
                raise
    _kernels[name] = made
    return made


def _formula(key: Any) -> Callable[..., Any] | None:
    found = _PIECES.get(key)
    if found is not None:
        return found
    for op in OPS.values():
        if op.forward is key:
            return _row(op.name)
    names = getattr(getattr(key, "__code__", None), "co_varnames", ())
    return key if names[:1] == ("k",) else None


class _Kernel:
    """Machine code of a formula, and its entries for arrays of about equal lengths."""

    __slots__ = ("entries", "native", "results", "several", "size")

    def __init__(
        self, formula: Callable[..., Any], values: tuple[Any, ...], dtype: Any,
        singles: Sequence[bool],
    ) -> None:  # fmt: skip
        inputs = []
        for i, one in enumerate(singles):
            whole = operand(_OPERANDS + i, dtype)
            inputs.append(single(whole.buffer, 0) if one else whole)
        operands = [Value(Expr("load", (), dtype, i)) for i in range(len(inputs))]
        if any(isinstance(v, float) and not math.isfinite(v) for v in values):
            raise NotImplementedError("numbers that are not finite")
        result = formula(FORMULA, *operands, *values)
        self.several = isinstance(result, tuple)
        found = result if isinstance(result, tuple) else (result,)
        if not all(isinstance(r, Value) and r.e.op != "load" for r in found):
            raise NotImplementedError("a formula that changes no array")
        self.results = len(found)
        self.size = _OPERANDS + len(inputs) + len(found)
        outputs = [operand(self.size - len(found) + i, dtype) for i in range(len(found))]
        name = getattr(formula, "__name__", "formula")
        expressions = [convert(r.e, dtype) for r in found]
        self.native = build([Flat(name, inputs, outputs, expressions, _LENGTH).emitted()])
        self.entries: dict[int, _Entry] = {}

    def run(self, results: Sequence[Array], arrays: Sequence[Array]) -> bool:
        """Whether it did it (see `Guard.busy`)."""
        number = results[0].size.bit_length()
        entry = self.entries.get(number)
        if entry is None:
            entry = self.entries[number] = _Entry(self)
        return entry.run(results, arrays)


class _Entry:
    """The door to a kernel, for arrays of one magnitude: for these the number of threads is
    chosen."""

    __slots__ = ("call", "guard", "table")

    def __init__(self, kernel: _Kernel) -> None:
        self.table = np.zeros(kernel.size, np.int64)
        address = self.table.__array_interface__["data"][0]
        self.call = kernel.native.bind(address, _OPERANDS)
        self.guard = Guard()

    def run(self, results: Sequence[Array], arrays: Sequence[Array]) -> bool:
        guard = self.guard
        with guard.lock:
            if guard.busy:
                return False
            guard.busy = True
            try:
                self.table[_LENGTH] = results[0].size
                self.call([*arrays, *results])
            finally:
                guard.busy = False
        return True
