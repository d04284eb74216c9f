"""Tensors from storages: the functions that a file may name, each argument checked.

A forged or damaged file may claim any size, stride and offset; nothing is built that would
reach outside its storage.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight._serialize.storages import TypedStorage, UntypedStorage
from rushlight._serialize.tensors import backend, numpy_dtype

_LARGEST = 2**63 - 1


def shown(value: Any) -> str:
    """A value from a file, for a message; the text of a forged container may have no end."""
    if value is None or isinstance(value, (str, bytes, float, type)) or callable(value):
        return repr(value)[:200]
    if isinstance(value, int) and value.bit_length() < 1000:
        return repr(value)
    return f"a value of type {type(value).__name__}"


def _integers(values: Any, what: str) -> tuple[int, ...]:
    if not isinstance(values, (tuple, list)):
        raise TypeError(f"{what} must be a tuple of ints, but got {type(values).__name__}")
    for value in values:
        if type(value) is not int:
            raise TypeError(f"{what} must hold ints, but got {type(value).__name__}")
    return tuple(values)


def _flag(value: Any, what: str) -> bool:
    if type(value) is not bool:
        raise TypeError(f"{what} must be a bool, but got {type(value).__name__}")
    return value


def _normal_booleans(array: np.ndarray[Any, Any]) -> None:
    """Turn every non-zero byte into 1: NumPy relies on it when it counts a mask."""
    octets = array.view(np.uint8)
    if octets.size and int(octets.max()) > 1:
        np.not_equal(octets, 0, out=array)


def strided_array(
    storage: Any, dtype: Any, offset: Any, size: Any, stride: Any
) -> np.ndarray[Any, Any]:
    """The view of `storage` that `offset`, `size` and `stride` (in elements) describe.

    Raises:
        RuntimeError: if the view would reach outside the storage.
    """
    if isinstance(storage, TypedStorage):
        storage = storage.untyped()
    if not isinstance(storage, UntypedStorage):
        raise TypeError(f"a tensor needs a storage, but got {type(storage).__name__}")
    sizes = _integers(size, "sizes")
    strides = _integers(stride, "strides")
    if type(offset) is not int or not 0 <= offset <= _LARGEST:
        raise RuntimeError(f"Tensor: invalid storage offset {shown(offset)}")
    if len(sizes) != len(strides):
        raise RuntimeError(f"unequal size length ({len(sizes)}) and stride length ({len(strides)})")
    kind = numpy_dtype(dtype)
    item = kind.itemsize
    buffer = storage._buffer
    reach = 1
    numel = 1
    for length, step in zip(sizes, strides, strict=True):
        if not 0 <= length <= _LARGEST:
            raise RuntimeError("numel: integer multiplication overflow")
        if not 0 <= step * item <= _LARGEST:
            raise RuntimeError(
                "Storage size calculation overflowed with "
                f"sizes={list(sizes)} and strides={list(strides)}"
            )
        numel *= length
        reach += (length - 1) * step
    if numel == 0:
        offset = 0
    elif (offset + reach) * item > buffer.nbytes:
        raise RuntimeError(
            "Trying to resize storage that is not resizable: the file describes a tensor of "
            f"size {list(sizes)}, strides {list(strides)} and storage offset {offset}, which "
            f"reaches outside its storage of {buffer.nbytes} bytes."
        )
    if numel > _LARGEST // item:
        raise RuntimeError("numel: integer multiplication overflow")
    if kind == np.bool_:
        _normal_booleans(buffer.view(np.bool_))
    if buffer.ctypes.data % kind.alignment:
        buffer = buffer.copy()  # a mapped file of an older writer; kernels want aligned memory
    try:
        return np.ndarray(
            sizes, kind, buffer, offset * item, tuple(step * item for step in strides)
        )
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise RuntimeError(f"Tensor of size {list(sizes)} cannot be built: {error}") from None


def _finished(array: np.ndarray[Any, Any], requires_grad: Any, metadata: Any) -> Any:
    if metadata:
        if type(metadata) is not dict or not all(type(key) is str for key in metadata):
            raise RuntimeError("tensor metadata must be a dict with str keys")
        unknown = sorted(set(metadata) - {"conj", "neg"})
        if unknown:
            raise NotImplementedError(f"tensor metadata {unknown} is not supported in torch.load")
        # PyTorch keeps these as lazy bits; here they are carried out.
        if metadata.get("conj"):
            array = np.conj(array)
        if metadata.get("neg"):
            array = np.negative(array)
    return backend().wrap(array, _flag(requires_grad, "requires_grad"))


def rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any) -> Any:
    """A tensor of the storage's own dtype (files of PyTorch before 0.4)."""
    return rebuild_tensor_v2(storage, offset, size, stride, False, None)


def rebuild_tensor_v2(
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    backward_hooks: Any,
    metadata: Any = None,
) -> Any:
    """A tensor of the storage's own dtype."""
    if not isinstance(storage, TypedStorage):
        raise TypeError(f"a tensor needs a typed storage, but got {type(storage).__name__}")
    array = strided_array(storage, storage.dtype, offset, size, stride)
    return _finished(array, requires_grad, metadata)


def rebuild_tensor_v3(
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    backward_hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> Any:
    """A tensor of a dtype that has no storage class of its own (uint16, float8)."""
    if not isinstance(dtype, backend().dtype_class):
        raise TypeError(f"expected a torch.dtype, but got {type(dtype).__name__}")
    array = strided_array(storage, dtype, offset, size, stride)
    return _finished(array, requires_grad, metadata)


def rebuild_parameter(data: Any, requires_grad: Any, backward_hooks: Any) -> Any:
    """A parameter on the memory of the tensor `data`."""
    if not isinstance(data, backend().Tensor):
        raise TypeError(f"a Parameter needs a Tensor, but got {type(data).__name__}")
    return backend().wrap_parameter(data, _flag(requires_grad, "requires_grad"))


def set_state(target: Any, state: Any) -> Any:
    """Put back the attributes that a tensor carried: a dict, or a dict and a dict of slots."""
    parts = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    for part in parts:
        if part is None:
            continue
        if not isinstance(part, dict):
            raise TypeError(f"Invalid serialized state: {type(state).__name__}")
        for name, value in part.items():
            # Names of the class (methods, `_data`, `grad_fn`) are the tensor's own business.
            if type(name) is not str or hasattr(type(target), name):
                raise RuntimeError(f"Invalid serialized state: attribute {shown(name)}")
            setattr(target, name, value)
    return target


def rebuild_parameter_with_state(
    data: Any, requires_grad: Any, backward_hooks: Any, state: Any
) -> Any:
    """A parameter that carries attributes of the user's."""
    return set_state(rebuild_parameter(data, requires_grad, backward_hooks), state)


_TENSOR_BUILDERS = (
    rebuild_tensor,
    rebuild_tensor_v2,
    rebuild_tensor_v3,
    rebuild_parameter,
)


def rebuild_from_type_v2(function: Any, kind: Any, arguments: Any, state: Any) -> Any:
    """A tensor that carries attributes of the user's, or one of a subclass of Tensor."""
    if not any(function is builder for builder in _TENSOR_BUILDERS):
        raise RuntimeError("_rebuild_from_type_v2 may only call a function that builds a tensor")
    names = backend()
    if not (isinstance(kind, type) and issubclass(kind, names.Tensor)):
        raise TypeError(f"expected a subclass of Tensor, but got {shown(kind)}")
    if type(arguments) is not tuple:
        raise TypeError("_rebuild_from_type_v2 needs a tuple of arguments")
    built = function(*arguments)
    if type(built) is not kind:
        built = built.as_subclass(kind)
    return built if state is None else set_state(built, state)


def unsupported(name: str) -> Any:
    """A builder that says that rushlight lacks what the file asks for."""

    def build(*arguments: Any) -> Any:
        raise NotImplementedError(f"torch.load: {name} is not supported")

    return build
