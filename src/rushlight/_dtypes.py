"""The dtypes of tensors: PyTorch's names and promotion rules over NumPy's dtypes."""

from __future__ import annotations

import builtins
from typing import Any

# NumPy first: imported from inside ml_dtypes' extension it takes half as long again.
import numpy as np  # isort: skip
import ml_dtypes  # isort: skip

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOAT16 = np.dtype(np.float16)
FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)
INT64 = np.dtype(np.int64)

#: Dtypes that are stored as they are and computed in float32 (design.md, "Settle early" 2).
LOW_PRECISION = frozenset((BFLOAT16, FLOAT16))

# Categories order the promotion: a 0-d tensor or a Python number only matters if its category
# is higher than that of the tensors with dimensions.
_BOOL, _INT, FLOATING, _COMPLEX = range(4)


class dtype:
    """A data type of tensors, such as ``torch.float32``.

    Attributes:
        numpy: the NumPy dtype that stores it.
        name: its name without the ``torch.`` prefix.
    """

    __slots__ = (
        "alias",
        "category",
        "is_complex",
        "is_floating_point",
        "is_signed",
        "itemsize",
        "name",
        "numpy",
        "type_name",
    )

    def __init__(self, name: str, numpy: Any, type_name: str, alias: str = "") -> None:
        self.name = name
        self.numpy = np.dtype(numpy)
        self.type_name = type_name
        self.alias = alias
        self.itemsize = self.numpy.itemsize
        kind = self.numpy.kind
        self.is_complex = kind == "c"
        self.is_floating_point = kind == "f" or self.numpy == BFLOAT16
        self.is_signed = kind not in "ub" or self.is_floating_point
        if self.is_complex:
            self.category = _COMPLEX
        elif self.is_floating_point:
            self.category = FLOATING
        else:
            self.category = _BOOL if kind == "b" else _INT

    def __repr__(self) -> str:
        return "torch." + self.name

    def __reduce__(self) -> str | tuple[Any, ...]:
        return _dtype_by_name, (self.name,)

    def to_real(self) -> dtype:
        """The dtype of the real and imaginary parts."""
        return {"complex128": float64, "complex64": float32}.get(self.name, self)

    def to_complex(self) -> dtype:
        """The complex dtype with parts of this precision."""
        return complex128 if self.name in ("float64", "complex128") else complex64


dtype.__module__ = "torch"

float32 = float = dtype("float32", np.float32, "Float", "float")
float64 = double = dtype("float64", np.float64, "Double", "double")
float16 = half = dtype("float16", np.float16, "Half", "half")
bfloat16 = dtype("bfloat16", BFLOAT16, "BFloat16")
int8 = dtype("int8", np.int8, "Char")
int16 = short = dtype("int16", np.int16, "Short", "short")
int32 = int = dtype("int32", np.int32, "Int", "int")
int64 = long = dtype("int64", np.int64, "Long", "long")
uint8 = dtype("uint8", np.uint8, "Byte")
uint16 = dtype("uint16", np.uint16, "UInt16")
uint32 = dtype("uint32", np.uint32, "UInt32")
uint64 = dtype("uint64", np.uint64, "UInt64")
bool = dtype("bool", np.bool_, "Bool")
complex64 = cfloat = dtype("complex64", np.complex64, "ComplexFloat", "cfloat")
complex128 = cdouble = dtype("complex128", np.complex128, "ComplexDouble", "cdouble")

ALL: tuple[dtype, ...] = (
    float32, float64, float16, bfloat16, int8, int16, int32, int64,
    uint8, uint16, uint32, uint64, bool, complex64, complex128,
)  # fmt: skip
NAMES: dict[str, dtype] = {d.name: d for d in ALL} | {d.alias: d for d in ALL if d.alias}
_FROM_NUMPY: dict[Any, dtype] = {d.numpy: d for d in ALL}


def _dtype_by_name(name: str) -> dtype:
    return NAMES[name]


def from_numpy(numpy_dtype: Any) -> dtype:
    """The dtype that stores arrays of `numpy_dtype`.

    Raises:
        TypeError: where tensors have no such dtype (strings, objects, records).
    """
    found = _FROM_NUMPY.get(numpy_dtype)
    if found is None:
        raise TypeError(
            f"can't convert np.ndarray of type {_type_text(numpy_dtype)}. The only supported types "
            "are: float64, float32, float16, complex64, complex128, int64, int32, int16, int8, "
            "uint64, uint32, uint16, uint8, and bool."
        )
    return found


def _type_text(numpy_dtype: Any) -> str:
    kind = getattr(numpy_dtype, "type", numpy_dtype)
    return f"numpy.{getattr(kind, '__name__', kind)}"


class _Default:
    """The default floating dtype, changed by ``torch.set_default_dtype``."""

    __slots__ = ("complex", "dtype", "numpy")

    def __init__(self) -> None:
        self.set(float32)

    def set(self, value: dtype) -> None:
        if not isinstance(value, dtype):
            raise TypeError(f"invalid dtype object: {value!r}")
        if not value.is_floating_point:
            raise TypeError(
                f"only floating-point types are supported as the default type; got {value!r}"
            )
        self.dtype = value
        self.numpy = value.numpy
        self.complex = value.to_complex()


default = _Default()

_INT_ORDER = {"uint8": 8, "int8": 8, "int16": 16, "int32": 32, "int64": 64}
_UNSIGNED_WIDE = ("uint16", "uint32", "uint64")


def promote(a: dtype, b: dtype) -> dtype:
    """The smallest dtype that both `a` and `b` convert to (``torch.promote_types``).

    Raises:
        RuntimeError: for uint16, uint32 and uint64 with signed integers, as PyTorch.
    """
    if a is b:
        return a
    if a.category < b.category:
        a, b = b, a
    if a.category > b.category:
        if a.is_complex and b is float64:
            return complex128
        return a
    if a.category == _COMPLEX:
        return complex128
    if a.category == FLOATING:
        if {a, b} == {float16, bfloat16}:
            return float32
        return a if a.itemsize > b.itemsize else b
    return _promote_integers(a, b)


def _promote_integers(a: dtype, b: dtype) -> dtype:
    if a.name in _UNSIGNED_WIDE or b.name in _UNSIGNED_WIDE:
        if not a.is_signed and not b.is_signed:
            return a if a.itemsize > b.itemsize else b
        raise RuntimeError(
            "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote "
            f"{_scalar_name(a)} and {_scalar_name(b)}"
        )
    if a.is_signed == b.is_signed:
        return a if a.itemsize > b.itemsize else b
    signed, unsigned = (a, b) if a.is_signed else (b, a)
    return signed if signed.itemsize > unsigned.itemsize else int16


def _scalar_name(d: dtype) -> str:
    return d.type_name


def result_type(operands: tuple[Any, ...]) -> dtype:
    """The dtype of an operation on `operands`: (dtype, rank) pairs, rank 2 for tensors with
    dimensions, 1 for 0-d tensors, 0 for Python numbers.

    A lower rank only counts where its category is higher than that of every higher rank.

    Source: https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
    """
    result: dtype | None = None
    for rank in (2, 1, 0):
        found: dtype | None = None
        for candidate, its_rank in operands:
            if its_rank == rank:
                found = candidate if found is None else promote(found, candidate)
        if found is None:
            continue
        if result is None:
            result = found
        elif found.category > result.category:
            # A Python complex number keeps the precision of the tensors it meets.
            keeps = rank == 0 and found.is_complex and result.is_floating_point
            result = result.to_complex() if keeps else found
    assert result is not None
    return result


def number_dtype(value: Any) -> dtype:
    """The dtype a Python number stands for in promotion."""
    kind = type(value)
    if kind is bool_type:
        return bool
    if kind is int_type:
        return int64
    if kind is complex_type:
        return default.complex
    if kind is float_type:
        return default.dtype
    if isinstance(value, np.generic):
        found = from_numpy(value.dtype)
        if found.is_floating_point:
            return default.dtype
        if found.is_complex:
            return default.complex
        return bool if found is bool else int64
    if isinstance(value, bool_type):
        return bool
    if isinstance(value, int_type):
        return int64
    if isinstance(value, complex_type):
        return default.complex
    return default.dtype


# The module's own names float, int, bool and complex are dtypes, as in PyTorch.
bool_type = builtins.bool
int_type = builtins.int
float_type = builtins.float
complex_type = builtins.complex
