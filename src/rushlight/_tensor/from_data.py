"""Arrays from what users write: numbers, nested sequences, NumPy arrays, tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor

_NO_SEQUENCE = (str, bytes, dict, set, frozenset)
_INT_WORDS = {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}


def array_from(data: Any, numpy: Any = None) -> Any:
    """A fresh array of `data`; without a dtype, Python floats become the default dtype.

    Raises:
        ValueError: nested sequences of different lengths, ints beyond 64 bits.
        RuntimeError: something that is no number, or a number that the dtype cannot hold.
        TypeError: text.
    """
    kind = type(data)
    if kind is float and numpy is None and -1e4 < data < 1e4:  # others may overflow: quietly
        return np.array(data, _dtypes.default.numpy)
    if isinstance(data, np.ndarray | np.generic):
        return _from_numpy(np.asarray(data), numpy)
    if isinstance(data, Tensor):
        return data._data.astype(numpy or data._data.dtype, order="C")
    if isinstance(data, str | bytes):
        raise TypeError(f"new(): invalid data type '{kind.__name__}'")
    shape = _shape_of(data)
    flat: list[Any] = []
    if shape:
        misfit = _collect(data, 0, shape, flat)
    else:
        flat, misfit = [data], None
    kinds = set(map(type, flat))
    found = numpy
    if found is None:
        found = _inferred(flat, kinds)
    elif not kinds <= _PLAIN:
        _inferred(flat, kinds)  # raises for what is no number
    if misfit is not None:
        raise misfit
    if any(issubclass(k, list | tuple) for k in kinds):
        _not_a_number(flat, found)
    if Tensor in kinds or any(issubclass(k, Tensor) for k in kinds):
        flat = [_from_tensor(v, found) if isinstance(v, Tensor) else v for v in flat]
        kinds = set(map(type, flat))
    return _stored(flat, kinds, found).reshape(shape)


_PLAIN = frozenset((int, float, bool, complex))


def is_sequence(data: Any) -> bool:
    """What a dimension may be made of."""
    kind = type(data)
    if kind is list or kind is tuple:
        return True
    if isinstance(data, Tensor | np.generic) or isinstance(data, _NO_SEQUENCE):
        return False
    return hasattr(kind, "__len__") and hasattr(kind, "__getitem__")


def _shape_of(data: Any) -> tuple[int, ...]:
    shape = []
    while is_sequence(data):
        n = len(data)
        shape.append(n)
        if len(shape) > 128:
            raise ValueError(f"too many dimensions '{type(data).__name__}'")
        if not n:
            break
        data = data[0]
        if isinstance(data, str):
            raise ValueError("too many dimensions 'str'")
    return tuple(shape)


def _collect(data: Any, dim: int, shape: tuple[int, ...], flat: list[Any]) -> Exception | None:
    """Put the elements into `flat`; the exception says where the shape is broken."""
    if not is_sequence(data):
        flat.append(data)
        return TypeError("not a sequence")
    if len(data) != shape[dim]:
        flat.extend(v for v in data if not is_sequence(v))
        return ValueError(
            f"expected sequence of length {shape[dim]} at dim {dim} (got {len(data)})"
        )
    if dim == len(shape) - 1:
        flat.extend(data)
        return None
    if dim == 0 and any(type(v) is np.ndarray for v in data):
        _warn_of_arrays()
    broken = None
    for item in data:
        found = _collect(item, dim + 1, shape, flat)
        broken = broken or found
    return broken


def _warn_of_arrays() -> None:
    import warnings

    warnings.warn(
        "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider "
        "converting the list to a single numpy.ndarray with numpy.array() before converting to a "
        "tensor.",
        UserWarning,
        stacklevel=5,
    )


def _inferred(flat: list[Any], kinds: set[type]) -> Any:
    if not kinds:
        return _dtypes.default.numpy
    if len(kinds) == 1:
        (kind,) = kinds
        if kind is float:
            return _dtypes.default.numpy
        if kind is int:
            return _dtypes.INT64
    found: set[_dtypes.dtype] = set()
    for kind in sorted(kinds, key=lambda k: k.__name__):
        found.update(_dtypes_of(kind, flat))
    result = None
    for dtype in found:
        result = dtype if result is None else _dtypes.promote(result, dtype)
    assert result is not None
    return result.numpy


def _dtypes_of(kind: type, flat: list[Any]) -> set[_dtypes.dtype]:
    if issubclass(kind, bool):
        return {_dtypes.bool}
    if issubclass(kind, np.generic):
        return {_dtypes.from_numpy(np.dtype(kind))}
    if issubclass(kind, np.ndarray):
        return {_dtypes.from_numpy(v.dtype) for v in flat if isinstance(v, np.ndarray)}
    if issubclass(kind, int):
        return {_dtypes.int64}
    if issubclass(kind, float):
        return {_dtypes.default.dtype}
    if issubclass(kind, complex):
        return {_dtypes.default.complex}
    if issubclass(kind, Tensor):
        return {_core.dtype_of(v) for v in flat if isinstance(v, Tensor)}
    if issubclass(kind, list | tuple | range):
        inner: list[Any] = []
        for v in flat:
            if isinstance(v, list | tuple | range):
                inner.extend(v)
        if not inner:
            return {_dtypes.default.dtype}
        return {_dtypes.from_numpy(_inferred(inner, set(map(type, inner))))}
    if issubclass(kind, str | bytes):
        raise TypeError(f"new(): invalid data type '{kind.__name__}'")
    raise RuntimeError(f"Could not infer dtype of {kind.__name__}")


def _not_a_number(flat: list[Any], numpy: Any) -> None:
    kind = next(type(v) for v in flat if isinstance(v, list | tuple)).__name__
    if numpy.kind in "iu":
        raise TypeError(f"'{kind}' object cannot be interpreted as an integer")
    if numpy.kind == "b":
        raise TypeError(f"must be bool, not {kind}")
    raise TypeError(f"must be real number, not {kind}")


def _from_tensor(t: Tensor, numpy: Any) -> Any:
    if t._data.size != 1:
        if numpy.kind in "iu":
            raise TypeError(
                "only integer tensors of a single element can be converted to an index"
            )
        raise ValueError("only one element tensors can be converted to Python scalars")
    if t._edge is not None:
        import warnings

        warnings.warn(
            "Converting a tensor with requires_grad=True to a scalar may lead to unexpected "
            "behavior.\nConsider using tensor.detach() first.",
            UserWarning,
            stacklevel=4,
        )
    return t.item()


def _from_numpy(data: Any, numpy: Any) -> Any:
    check_numpy(data)
    if numpy is None or numpy == data.dtype:
        return np.array(data, order="K")
    return cast(data, numpy, "K")


def check_numpy(data: Any) -> None:
    """Refuse arrays that tensors cannot look into.

    Raises:
        TypeError: no dtype of tensors.
        ValueError: negative strides, foreign byte order.
    """
    if not data.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion "
            "between byte orders is currently not supported."
        )
    _dtypes.from_numpy(data.dtype)
    for stride in data.strides:
        if stride < 0:
            raise ValueError(
                "At least one stride in the given numpy array is negative, and tensors with "
                "negative strides are not currently supported. (You can probably work around this "
                "by making a copy of your array  with array.copy().) "
            )
        if stride % data.itemsize:
            raise ValueError(
                "given numpy array strides not a multiple of the element byte size. Copy the "
                "numpy array to reallocate the memory."
            )


def cast(data: Any, numpy: Any, order: str = "C") -> Any:
    """`data` in another dtype, without NumPy's warnings."""
    token = _core.be_quiet()
    try:
        return data.astype(numpy, order=order)
    finally:
        _core.be_loud(token)


def _stored(flat: list[Any], kinds: set[type], numpy: Any) -> Any:
    kind = numpy.kind
    if kind in "iu":
        return _integers(flat, kinds, numpy)
    if kind == "b":
        return np.array(flat if kinds <= {bool} else list(map(bool, flat)), np.bool_)
    if kind != "c" and any(issubclass(k, complex | np.complexfloating) for k in kinds):
        raise TypeError("must be real number, not complex")
    token = _core.be_quiet()
    try:
        if numpy in _dtypes.LOW_PRECISION:
            return np.array(flat, np.float32).astype(numpy)
        return np.array(flat, numpy)
    except OverflowError:
        raise OverflowError("int too large to convert to float") from None
    finally:
        _core.be_loud(token)


def _integers(flat: list[Any], kinds: set[type], numpy: Any) -> Any:
    if any(issubclass(k, complex | np.complexfloating) for k in kinds):
        raise TypeError("'complex' object cannot be interpreted as an integer")
    info = np.iinfo(numpy)
    unsigned = numpy.kind == "u"
    if any(issubclass(k, float | np.floating) for k in kinds):
        whole = []
        for v in flat:
            fraction = isinstance(v, float | np.floating)
            if fraction and (v != v or v in (float("inf"), float("-inf"))):
                raise _does_not_fit(numpy)
            if fraction and not (info.min <= int(v) <= info.max and not (unsigned and v < 0)):
                raise _does_not_fit(numpy)
            whole.append(int(v))
        flat = whole
    try:
        return np.array(flat, numpy)
    except OverflowError:
        pass
    result = []
    for v in map(int, flat):
        if not (-info.max if unsigned else info.min) <= v <= info.max:
            if numpy == _dtypes.INT64:
                raise ValueError("Overflow when unpacking long long")
            raise _does_not_fit(numpy)
        result.append(v & info.max if unsigned else v)
    return np.array(result, numpy)


def _does_not_fit(numpy: Any) -> RuntimeError:
    return RuntimeError(f"value cannot be converted to type {numpy.name} without overflow")
