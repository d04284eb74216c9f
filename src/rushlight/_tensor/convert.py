"""Conversions of tensors: dtype, device, memory format, Python, copies, storages."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import LEAF, Tensor, bump, ctx, wrap
from .._ops import casting, layout
from . import exchange
from .device import check_device
from .device import device as device_type
from .registry import METHODS, Overloads, overloaded, public, put
from .storage import storage_of

# ---------------------------------------------------------------------------------------------
# to


def converted(
    x: Tensor, dtype: Any = None, copy: bool = False, memory_format: Any = None
) -> Tensor:
    """`x` itself where nothing changes, else a recorded copy."""
    numpy = x._data.dtype if dtype is None else dtype.numpy
    name = None if memory_format is None else memory_format.name
    if name == "preserve_format":
        name = None
    if numpy != x._data.dtype:
        if x._data.dtype.kind == "c" and numpy.kind not in "cb":
            _warn_of_lost_part()
        x = casting.to_copy.call(x, numpy)
        if numpy.kind in "iub":
            x._edge = None  # integers carry no gradient
        copy = False
    elif copy and name is None:
        return casting.clone.call(x)
    if name is not None and (copy or not layout.in_format(x._data, _ranked(x, name))):
        return layout.laid_out.call(x, name)
    return x


def _ranked(x: Tensor, name: str) -> str:
    rank = {"channels_last": 4, "channels_last_3d": 5}.get(name)
    if rank is not None and x._data.ndim != rank:
        raise RuntimeError(f"required rank {rank} tensor to use {name} format")
    return name


def _warn_of_lost_part() -> None:
    import warnings

    warnings.warn(
        "Casting complex values to real discards the imaginary part", UserWarning, stacklevel=5
    )


def _to_device(x: Tensor, device: Any, dtype: Any, non_blocking: bool, copy: bool,
               memory_format: Any) -> Tensor:  # fmt: skip
    if device is not None:
        _check_target(device)
    return converted(x, dtype, copy, memory_format)


def _check_target(device: Any) -> None:
    if device.type == "meta":
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")
    check_device(device)


def _to_dtype(x: Tensor, dtype: Any, non_blocking: bool, copy: bool,
              memory_format: Any) -> Tensor:  # fmt: skip
    return converted(x, dtype, copy, memory_format)


def _to_other(x: Tensor, other: Tensor, non_blocking: bool, copy: bool,
              memory_format: Any) -> Tensor:  # fmt: skip
    return converted(x, _core.dtype_of(other), copy, memory_format)


_REST = "bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None) -> Tensor"
_to_overloads = Overloads(
    "to",
    (
        f"to.device(Tensor self, Device? device=None, ScalarType? dtype=None, {_REST}",
        f"to.dtype(Tensor self, ScalarType dtype, {_REST}",
        f"to.other(Tensor self, Tensor tensor, {_REST}",
    ),
    (_to_device, _to_dtype, _to_other),
)


def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """This tensor with another dtype, on another device, in another memory format.

    Forms: ``to(dtype)``, ``to(device, dtype)``, ``to(other)``, each with ``non_blocking``,
    ``copy`` and ``memory_format``.

    Returns:
        the tensor itself where nothing changes, unless ``copy=True``.

    Source: https://pytorch.org/docs/stable/generated/torch.Tensor.to.html

    >>> import rushlight as torch
    >>> torch.tensor([1.5, 2.]).to(torch.int64)
    tensor([1, 2])
    """
    if len(args) == 1 and (not kwargs or (len(kwargs) == 1 and "non_blocking" in kwargs)):
        (target,) = args
        kind = type(target)
        if kind is _dtypes.dtype:
            return self if target.numpy == self._data.dtype else converted(self, target)
        if kind is str or kind is device_type:
            if target == "cpu" or (kind is device_type and target.type == "cpu"):
                return self
    return _to_overloads.make(True)(self, *args, **kwargs)


def _cast_method(name: str, dtype: _dtypes.dtype) -> Any:
    def method(self: Tensor, memory_format: Any = None) -> Tensor:
        if memory_format is None and dtype.numpy == self._data.dtype:
            return self
        return converted(self, dtype, False, memory_format)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"This tensor as {dtype!r}."
    return method


_CASTS = {
    "float": _dtypes.float32, "double": _dtypes.float64, "half": _dtypes.float16,
    "bfloat16": _dtypes.bfloat16, "int": _dtypes.int32, "long": _dtypes.int64,
    "short": _dtypes.int16, "char": _dtypes.int8, "byte": _dtypes.uint8, "bool": _dtypes.bool,
    "cfloat": _dtypes.complex64, "cdouble": _dtypes.complex128,
}  # fmt: skip


def cuda(
    self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None
) -> Tensor:
    """Raises: there is no CUDA here."""
    check_device("cuda" if device is None else device)
    raise RuntimeError("Invalid device, must be cuda device")


def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """This tensor, which is on the CPU."""
    return self if memory_format is None else converted(self, memory_format=memory_format)


def chalf(self: Tensor, memory_format: Any = None) -> Tensor:
    """Raises: rushlight has no complex32."""
    raise NotImplementedError("torch.complex32: rushlight has no half precision complex numbers")


def type_as(self: Tensor, other: Any) -> Tensor:
    """This tensor in the dtype of `other`."""
    if not isinstance(other, Tensor):
        raise TypeError(
            f"type_as(): argument 'other' (position 1) must be Tensor, not {type(other).__name__}"
        )
    return converted(self, _core.dtype_of(other))


def clone(self: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy; gradients flow through it.

    Raises:
        RuntimeError: channels last for another number of dimensions.

    Source: https://pytorch.org/docs/stable/generated/torch.clone.html
    """
    if memory_format is None or memory_format.name == "preserve_format":
        return casting.clone.call(self)
    return layout.laid_out.call(self, memory_format.name)


def contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """This tensor if its elements lie in order in memory, else a copy in order."""
    if memory_format is None or memory_format.name == "contiguous_format":
        if self._data.flags.c_contiguous:
            return self
        return casting.contiguous.call(self)
    name = memory_format.name
    if name == "preserve_format":
        raise RuntimeError(
            "preserve memory format is unsupported by the contiguous operator"
        )
    if layout.in_format(self._data, _ranked(self, name)):
        return self
    return layout.laid_out.call(self, name)


def is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
    """Whether the elements lie in order in memory."""
    if memory_format is None:
        return bool(self._data.flags.c_contiguous)
    if memory_format.name == "preserve_format":
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    return layout.in_format(self._data, memory_format.name)


# ---------------------------------------------------------------------------------------------
# Python and NumPy


def _reads(x: Tensor, what: str) -> None:
    reader = getattr(ctx.handler, "reads", None)
    if reader is not None:
        reader(x, what)


def numpy(self: Tensor, *, force: bool = False) -> Any:
    """The elements as an ndarray over the same memory.

    Raises:
        RuntimeError: the tensor requires grad (use ``detach()`` or ``force=True``).
        TypeError: bfloat16, which NumPy lacks.
    """
    if ctx.handler is not None:
        _reads(self, "numpy()")
    if self._edge is not None and not force:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    data = self._data
    if data.dtype == _dtypes.BFLOAT16:
        raise TypeError("Got unsupported ScalarType BFloat16")
    return data[...]


def _array(self: Tensor, dtype: Any = None, copy: Any = None) -> Any:
    data = numpy(self)
    if dtype is not None and data.dtype != dtype:
        if copy is False:
            raise ValueError(
                "Unable to avoid copy while creating an array as requested: the dtype differs."
            )
        token = _core.be_quiet()
        try:
            return data.astype(dtype)
        finally:
            _core.be_loud(token)
    return data.copy() if copy else data


def _array_wrap(self: Tensor, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
    """What ``np.sin(tensor)`` makes of its result: a tensor."""
    array = np.asarray(array)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    _dtypes.from_numpy(array.dtype)
    return wrap(array)


def tolist(self: Tensor) -> Any:
    """The elements as nested lists of Python numbers."""
    if ctx.handler is not None:
        _reads(self, "tolist()")
    data = self._data
    if data.dtype == _dtypes.BFLOAT16:
        return data.astype(np.float32).tolist()
    return data.tolist()


# ---------------------------------------------------------------------------------------------
# Storages


def untyped_storage(self: Tensor) -> Any:
    """The bytes that this tensor looks into; views of one memory have one storage."""
    from .._serialize.storages import UntypedStorage

    return UntypedStorage(_bytes_below(self._data))


def _bytes_below(data: Any) -> Any:
    flat, _ = storage_of(data)
    return flat.view(np.uint8) if flat.flags.c_contiguous else np.ascontiguousarray(flat).view(
        np.uint8
    )


def storage(self: Tensor) -> Any:
    """The storage with this tensor's dtype (deprecated by PyTorch)."""
    import warnings

    from .._serialize.storages import TypedStorage

    warnings.warn(
        "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be "
        "the only storage class. This should only matter to you if you are using storages "
        "directly.  To access UntypedStorage directly, use tensor.untyped_storage() instead of "
        "tensor.storage()",
        UserWarning,
        stacklevel=2,
    )
    return TypedStorage(untyped_storage(self), _core.dtype_of(self))


def _resized(x: Tensor, size: tuple[int, ...], memory_format: Any) -> Tensor:
    if x._edge is not None:
        raise RuntimeError("cannot resize variables that require grad")
    data = x._data
    if data.shape == size and memory_format is None:
        return x
    count = 1
    for n in size:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(size)}")
        count *= n
    flat, offset = storage_of(data)
    if offset + count > flat.size:
        from .options import allocate

        longer = allocate(np.empty, (offset + count,), data.dtype)
        longer[: flat.size] = flat
        flat = longer
    x._data = flat[offset : offset + count].reshape(size)
    bump(x)
    if memory_format is not None and memory_format.name not in (
        "contiguous_format", "preserve_format",
    ):  # fmt: skip
        _ranked(x, memory_format.name)
        last = (size[0], *size[2:], size[1])
        back = (0, len(size) - 1, *range(1, len(size) - 1))
        x._data = x._data.reshape(last).transpose(back)
    return x


def _resize_as(x: Tensor, other: Tensor, memory_format: Any) -> Tensor:
    return _resized(x, other._data.shape, memory_format)


def resize(self: Tensor, *size: Any) -> Tensor:
    """A view of another shape (deprecated by PyTorch: it is no in-place resize)."""
    import warnings

    warnings.warn("non-inplace resize is deprecated", UserWarning, stacklevel=2)
    if len(size) == 1 and isinstance(size[0], list | tuple):
        size = tuple(size[0])
    return self.view(size)


def set_(self: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None,
         stride: Any = None) -> Tensor:  # fmt: skip
    """Look into other memory: a tensor's, a storage's, or none."""
    if source is None:
        self._data = np.empty(0, self._data.dtype)
        self._cell = None
        return self
    if isinstance(source, Tensor):
        if source._data.dtype != self._data.dtype:
            raise RuntimeError(
                "Could not set tensor of type "
                f"{_core.dtype_of(source).name} to a tensor of type {_core.dtype_of(self).name}"
            )
        if size is None:
            self._data = source._data[...]
            self._cell = _core.cell_of(source)
            return self
        flat, _ = storage_of(source._data)
        self._cell = _core.cell_of(source)
    else:
        untyped = source.untyped() if hasattr(source, "untyped") else source
        flat = untyped._buffer.view(self._data.dtype)
        self._cell = None
        if size is None:
            size = (flat.size,)
    from .creation import _strided_array

    size = (size,) if isinstance(size, int) else tuple(size)
    item = flat.itemsize
    steps = tuple(stride) if stride else tuple(
        s // item for s in _strided_array(size, _steps(size), flat.dtype).strides
    )
    self._data = np.ndarray(
        size, flat.dtype, flat, storage_offset * item, tuple(s * item for s in steps)
    )
    return self


def _steps(size: tuple[int, ...]) -> tuple[int, ...]:
    steps, step = [], 1
    for n in reversed(size):
        steps.append(step)
        step *= max(n, 1)
    return tuple(reversed(steps))


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether both look at the same elements of the same memory in the same way."""
    a, b = self._data, tensor._data
    return (
        a.dtype == b.dtype
        and a.shape == b.shape
        and a.strides == b.strides
        and a.__array_interface__["data"][0] == b.__array_interface__["data"][0]
    )


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """Raises: there is no accelerator to pin memory for."""
    raise RuntimeError("Cannot access accelerator device when none is available.")


def share_memory_(self: Tensor) -> Tensor:
    """Raises: tensors between processes are copied."""
    raise NotImplementedError("Tensor.share_memory_: rushlight has no tensors in shared memory")


def deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    """``copy.deepcopy``: leaves only; tensors that share memory share the copy."""
    found = memo.get(id(self))
    if found is not None:
        return found
    if self._edge is not None and self._edge is not LEAF:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
            "because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    copied = _core.new(type(self))
    memo[id(self)] = copied
    copied._data = exchange.copied_array(self._data, memo)
    copied._edge = self._edge
    copied._cell = None
    for name, value in self.__dict__.items():
        if name == "_grad":
            copied._grad = None if value is None else deepcopy(value, memo)
        elif not name.startswith("_") or name == "_is_param":
            import copy

            copied.__dict__[name] = copy.deepcopy(value, memo)
    return copied


def is_shared(self: Tensor) -> bool:
    """Whether the memory is shared between processes: never here."""
    return False


_METHODS: dict[str, Any] = {
    method.__name__: method
    for method in (
        to, cuda, cpu, chalf, type_as, clone, contiguous, is_contiguous, numpy, tolist,
        untyped_storage, storage, resize, set_, is_set_to, pin_memory, share_memory_, is_shared,
    )
} | {name: _cast_method(name, dtype) for name, dtype in _CASTS.items()}  # fmt: skip
METHODS.update(_METHODS)


def attach() -> None:
    """Put the methods on Tensor; after those of `attributes`."""
    special: dict[str, Any] = {
        "__array__": _array, "__array_wrap__": _array_wrap, "__deepcopy__": deepcopy,
        "__dlpack__": exchange.dlpack, "__dlpack_device__": exchange.dlpack_device,
        "__reduce_ex__": exchange.reduce_ex, "__copy__": exchange.shallow_copy,
    }  # fmt: skip
    to.guarded = True  # type: ignore[attr-defined]  # it tells its many forms apart by itself
    for name, function in _METHODS.items():
        put(Tensor, name, function, method=True)
    for name, function in special.items():
        setattr(Tensor, name, function)


overloaded(
    "resize_",
    ("resize_(Tensor(a!) self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor(a!)",
     _resized),
    function=False,
)  # fmt: skip
overloaded(
    "resize_as_",
    ("resize_as_(Tensor(a!) self, Tensor the_template, *, MemoryFormat? memory_format=None) -> "
     "Tensor(a!)", _resize_as),
)  # fmt: skip
public("clone", clone, method=False)
public("from_dlpack", exchange.from_dlpack, method=False)
