"""Tensors over memory that exists already: NumPy arrays, buffers, DLPack objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor, wrap
from . import from_data
from .creation import as_dtype, check_options
from .device import check_device
from .options import finish
from .registry import public


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, over the same memory where that is possible.

    >>> import rushlight as torch
    >>> import numpy as np
    >>> a = np.zeros(2)
    >>> torch.as_tensor(a)[0] = 1.
    >>> a
    array([1., 0.])
    """
    if dtype is not None:
        dtype = as_dtype(dtype, "as_tensor")
    if device is not None:
        check_options("as_tensor", device, False)
        check_device(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray):
        from_data.check_numpy(data)
        if dtype is None or dtype.numpy == data.dtype:
            return from_numpy(data)
    array = from_data.array_from(data, None if dtype is None else dtype.numpy)
    return finish(array, None, device)


def asarray(
    obj: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """`obj` as a tensor: a tensor, array, buffer or DLPack object is shared, data is copied.

    Raises:
        ValueError: ``copy=False`` and a copy would be needed.
    """
    if dtype is not None:
        dtype = as_dtype(dtype, "asarray")
    check_device(device)
    t: Any = None
    if isinstance(obj, Tensor):
        t = obj
    elif isinstance(obj, np.ndarray):
        t = from_numpy(obj)
    elif isinstance(obj, np.generic):
        t = finish(np.array(obj))
    elif hasattr(obj, "__dlpack__"):
        from .exchange import from_dlpack

        t = from_dlpack(obj)
    elif isinstance(obj, bytes | bytearray | memoryview):
        t = frombuffer(obj, dtype=_dtypes.default.dtype if dtype is None else dtype)
    if t is None:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        array = from_data.array_from(obj, None if dtype is None else dtype.numpy)
        return finish(array, None, device, None, requires_grad)
    wrong = dtype is not None and dtype.numpy != t._data.dtype
    if wrong and copy is False:
        raise ValueError(
            f"can't alias tensor with dtype '{_core.dtype_of(t).type_name}' into dtype "
            f"'{dtype.type_name}'."
        )
    if wrong:
        t = t.to(dtype)
    elif copy:
        t = t.clone()
    if not requires_grad:
        return t.detach() if t._edge is not None and copy is None else t
    if t is obj and t._edge is None:
        t.requires_grad_()
    return t.detach().requires_grad_() if t._edge is None else t


def from_numpy(array: Any) -> Tensor:
    """A tensor over the memory of `array`.

    Raises:
        TypeError: not an array, or of a dtype that tensors do not have.
        ValueError: negative strides.
    """
    if not isinstance(array, np.ndarray):
        kind = type(array)
        name = kind.__name__ if kind.__module__ == "builtins" else (
            f"{kind.__module__}.{kind.__name__}"
        )
        raise TypeError(f"expected np.ndarray (got {name})")
    from_data.check_numpy(array)
    if not array.flags.writeable:
        import warnings

        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable "
            "tensors. This means writing to this tensor will result in undefined behavior. You "
            "may want to copy the array to protect its data or make it writable before "
            "converting it to a tensor. This type of warning will be suppressed for the rest of "
            "this program.",
            UserWarning,
            stacklevel=2,
        )
    if type(array) is not np.ndarray:
        array = array.view(np.ndarray)
    return wrap(array[...])


def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A one-dimensional tensor over the memory of an object with Python's buffer protocol.

    Raises:
        ValueError: the buffer does not hold so many elements.
    """
    kind = as_dtype(dtype, "frombuffer").numpy
    try:
        view = memoryview(buffer)
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    size = view.nbytes
    if size == 0 or count == 0:
        raise ValueError(
            f"both buffer length ({size}) and count ({count}) must not be 0"
        )
    if not 0 <= offset < size:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({size} bytes) minus 1"
        )
    if count > 0 and offset + count * kind.itemsize > size:
        raise ValueError(
            f"requested buffer length ({count} * {kind.itemsize} bytes) after offset ({offset} "
            f"bytes) must not be greater than actual buffer length ({size} bytes)"
        )
    if count < 0 and (size - offset) % kind.itemsize:
        raise ValueError(
            f"buffer length ({size - offset} bytes) after offset ({offset} bytes) must be a "
            f"multiple of element size ({kind.itemsize})"
        )
    if view.readonly:
        import warnings

        warnings.warn(
            "The given buffer is not writable, and PyTorch does not support non-writable tensors. "
            "This means you can write to the underlying (supposedly non-writable) buffer using "
            "the tensor. You may want to copy the buffer to protect its data or make it writable "
            "before converting it to a tensor. This type of warning will be suppressed for the "
            "rest of this program.",
            UserWarning,
            stacklevel=2,
        )
    array = np.frombuffer(buffer, kind, count, offset)
    return finish(array, None, None, None, requires_grad)


for _function in (as_tensor, asarray, from_numpy, frombuffer):
    _function.__module__ = "torch"
    public(_function.__name__, _function, method=False)
