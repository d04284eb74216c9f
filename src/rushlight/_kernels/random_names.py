"""PyTorch's names of dtypes, as its random number errors print them."""

from __future__ import annotations

import ml_dtypes
import numpy as np

_SCALAR_TYPE = {
    np.dtype(kind): name
    for kind, name in (
        (np.bool_, "Bool"),
        (np.uint8, "Byte"),
        (np.int8, "Char"),
        (np.int16, "Short"),
        (np.int32, "Int"),
        (np.int64, "Long"),
        (np.uint16, "UInt16"),
        (np.uint32, "UInt32"),
        (np.uint64, "UInt64"),
        (np.float16, "Half"),
        (np.float32, "Float"),
        (np.float64, "Double"),
        (ml_dtypes.bfloat16, "BFloat16"),
        (np.complex64, "ComplexFloat"),
        (np.complex128, "ComplexDouble"),
    )
}
_CPP_TYPE = {
    np.dtype(kind): name
    for kind, name in (
        (np.bool_, "bool"),
        (np.uint8, "unsigned char"),
        (np.int8, "signed char"),
        (np.int16, "short int"),
        (np.int32, "int"),
        (np.int64, "long int"),
        (np.uint16, "short unsigned int"),
        (np.uint32, "unsigned int"),
        (np.uint64, "long unsigned int"),
        (np.float16, "c10::Half"),
        (np.float32, "float"),
        (np.float64, "double"),
        (ml_dtypes.bfloat16, "c10::BFloat16"),
    )
}


def scalar_type_name(dtype: np.dtype) -> str:
    """Return the name in ``not implemented for '...'``, as ``Long``."""
    return _SCALAR_TYPE.get(dtype, str(dtype))


def cpp_type_name(dtype: np.dtype) -> str:
    """Return the name in ``out of bounds for ...``, as ``unsigned char``."""
    return _CPP_TYPE.get(dtype, str(dtype))
