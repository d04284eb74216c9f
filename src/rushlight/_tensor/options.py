"""What every constructor does with dtype, layout, device, pin_memory and requires_grad."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import INFERENCE_CELL, Tensor, ctx, wrap
from .device import check_device, default_device

#: The options of a factory's schema, in the order in which targets receive them; the dispatcher
#: appends `requires_grad`.
OPTIONS = "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"
LONG_OPTIONS = OPTIONS.replace("dtype=None", "dtype=4", 1)

_TYPE_WORDS = {"uint8": "uint8_t", "int8": "int8_t", "int16": "short", "int32": "int",
               "int64": "int64_t", "uint16": "uint16_t", "uint32": "uint32_t",
               "uint64": "uint64_t", "float16": "at::Half", "bfloat16": "at::BFloat16",
               "float32": "float", "float64": "double", "bool": "bool"}  # fmt: skip


def finish(
    array: Any,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    requires_grad: Any = None,
) -> Tensor:
    """The tensor around a fresh array, with the options that constructors share.

    Raises:
        RuntimeError: `requires_grad` of integers, pinned memory, a device that is not there.
    """
    if device is not None or default_device.value is not None:
        check_device(default_device.value if device is None else device)
    if layout is not None or pin_memory:
        _check_layout(layout, pin_memory)
    t = wrap(array)
    if requires_grad:
        if array.dtype.kind not in "fc" and array.dtype != _dtypes.BFLOAT16:
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        _core.make_leaf(t)
    if ctx.modes and _core.thread.inference:
        t._cell = INFERENCE_CELL
    if ctx.handler is not None:
        made = getattr(ctx.handler, "made", None)
        if made is not None:
            made(t)
    return t


def like(source: Tensor, t: Tensor) -> Tensor:
    """`t`, made in the likeness of `source`: inside `vmap` it is batched where `source` is."""
    if ctx.handler is not None:
        hook = getattr(ctx.handler, "like", None)
        if hook is not None:
            hook(source, t)
    return t


def _check_layout(layout: Any, pin_memory: Any) -> None:
    if layout is not None and layout.name != "strided":
        raise NotImplementedError(f"layout=torch.{layout.name}: rushlight has no sparse tensors")
    if pin_memory:
        raise RuntimeError(
            "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory "
            "allocator is available on this system."
        )


def numpy_dtype(dtype: Any, otherwise: Any = None) -> Any:
    """The NumPy dtype of a dtype option."""
    if dtype is not None:
        return dtype.numpy
    return _dtypes.default.numpy if otherwise is None else otherwise


def allocate(maker: Any, shape: Any, numpy: Any, name: str = "") -> Any:
    """``maker(shape, numpy)`` with PyTorch's errors.

    Raises:
        RuntimeError: a negative size, or more memory than there is.
    """
    try:
        return maker(shape, numpy)
    except (ValueError, MemoryError, OverflowError):
        raise _refused(shape, numpy, name) from None


def _refused(shape: Any, numpy: Any, name: str) -> RuntimeError:
    count = 1
    for n in shape:
        if n < 0:
            if name == "zeros":
                return RuntimeError("zeros: Dimension size must be non-negative.")
            return RuntimeError(
                f"Trying to create tensor with negative dimension {n}: {list(shape)}"
            )
        count *= n
    if count * numpy.itemsize >= 1 << 63:
        return RuntimeError(f"Storage size calculation overflowed with sizes={list(shape)}")
    return RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate "
        f"memory: you tried to allocate {count * numpy.itemsize} bytes. Error code 12 (Cannot "
        "allocate memory)"
    )


def default_of(value: Any) -> Any:
    """The NumPy dtype that a Python number means."""
    return _dtypes.number_dtype(value).numpy


def converted(value: Any, numpy: Any) -> Any:
    """A Python number as a 0-d array of the dtype.

    Raises:
        RuntimeError: the dtype cannot hold it.
    """
    kind = numpy.kind
    if kind == "b":
        return np.array(bool(value))
    if kind in "iu":
        if isinstance(value, complex):
            if value.imag:
                raise _overflow(numpy)
            value = value.real
        if isinstance(value, float):
            if value != value or value in (float("inf"), float("-inf")):
                raise _overflow(numpy)
            whole = int(value)
            negative = kind == "u" and value < 0
        else:
            whole = int(value)
            negative = False
        info = np.iinfo(numpy)
        low = -info.max if kind == "u" and not negative else info.min
        if not low <= whole <= info.max or (negative and value < 0):
            raise _overflow(numpy)
        return np.array(whole & info.max if kind == "u" else whole, numpy)
    if isinstance(value, complex) and kind != "c":
        if value.imag:
            raise _overflow(numpy)
        value = value.real
    token = _core.be_quiet()
    try:
        if numpy in _dtypes.LOW_PRECISION:
            found = np.array(value, np.float32).astype(numpy)
        else:
            found = np.array(value, numpy)
    except OverflowError:
        raise _overflow(numpy) from None
    finally:
        _core.be_loud(token)
    if kind != "c" and not np.isfinite(found.astype(np.float64)):
        if value == value and value not in (float("inf"), float("-inf")):
            raise _overflow(numpy)
    return found


def _overflow(numpy: Any) -> RuntimeError:
    word = _TYPE_WORDS.get(_dtypes.from_numpy(numpy).name, str(numpy))
    return RuntimeError(f"value cannot be converted to type {word} without overflow")


def check_out(out: Any, dtype: Any) -> None:
    """``out=`` and ``dtype=`` must agree."""
    if dtype is not None and dtype.numpy != out._data.dtype:
        raise RuntimeError(
            f"dtype {dtype.type_name} does not match dtype of out parameter "
            f"({_core.dtype_of(out).type_name})"
        )


def like_array(data: Any, numpy: Any, memory_format: Any = None) -> Any:
    """An empty array of the shape of `data`: in its order of memory, or in the one asked for."""
    name = "preserve_format" if memory_format is None else memory_format.name
    if name == "preserve_format":
        if data.flags.c_contiguous:
            return np.empty(data.shape, numpy)
        if 0 in data.strides and data.size > 1:
            return np.empty(data.shape, numpy)
        return np.empty_like(data, numpy, order="K")
    return empty_in(data.shape, numpy, name)


def empty_in(shape: Any, numpy: Any, name: str) -> Any:
    """An empty array in a memory format.

    Raises:
        RuntimeError: channels last for another number of dimensions.
    """
    ndim = len(shape)
    if name in ("channels_last", "channels_last_3d"):
        rank = 4 if name == "channels_last" else 5
        if ndim != rank:
            raise RuntimeError(f"required rank {rank} tensor to use {name} format")
        last = (shape[0], *shape[2:], shape[1])
        back = (0, ndim - 1, *range(1, ndim - 1))
        return allocate(np.empty, last, numpy).transpose(back)
    return allocate(np.empty, shape, numpy)
