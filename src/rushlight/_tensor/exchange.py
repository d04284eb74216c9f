"""Tensors that leave the process or the library: pickles, copies, DLPack."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import LEAF, Tensor, wrap

# ---------------------------------------------------------------------------------------------
# Pickles


def _dense(data: Any) -> tuple[Any, tuple[int, ...] | None]:
    """The elements as an array in C order, and how its dims go back to those of `data`."""
    if data.flags.c_contiguous:
        return data, None
    strides = data.strides
    order = sorted(range(data.ndim), key=lambda i: -abs(strides[i]))
    if not data.transpose(order).flags.c_contiguous:
        return data.copy(order="C"), None
    back = [0] * data.ndim
    for place, dim in enumerate(order):
        back[dim] = place
    return data.transpose(order), tuple(back)


def rebuild_tensor(
    array: Any, back: Any, dtype: str, requires_grad: bool, kind: Any = None, state: Any = None
) -> Tensor:
    """A tensor from a pickle; pickles name this function.

    Args:
        array: the elements, in order of memory; of 16-bit integers for bfloat16.
        back: the permutation that leads to the tensor's dims.
        kind: None, "Parameter" or a subclass of Tensor.
        state: attributes that the user gave the tensor.
    """
    numpy = _dtypes.NAMES[dtype].numpy
    if array.dtype != numpy:
        array = array.view(numpy)
    if not array.flags.writeable:
        array = array.copy()
    if back is not None:
        array = array.transpose(back)
    if kind == "Parameter":
        from ..nn.parameter import Parameter

        kind = Parameter
    t: Tensor = _core.new(Tensor if kind is None else kind)
    t._data, t._edge, t._cell = array, LEAF if requires_grad else None, None
    if state:
        t.__dict__.update(state)
    return t


def reduce_ex(self: Tensor, protocol: Any) -> Any:
    """How a tensor is pickled: its elements in their order of memory."""
    reader = getattr(_core.ctx.handler, "reads", None)
    if reader is not None:
        reader(self, "pickle")
    array, back = _dense(self._data)
    if array.dtype == _dtypes.BFLOAT16:
        array = array.view(np.uint16)
    kind: Any = type(self)
    state = {k: v for k, v in self.__dict__.items() if not k.startswith("_")} or None
    if kind is Tensor:
        kind = None
    elif kind.__name__ == "Parameter" and kind.__module__ == "torch.nn.parameter":
        kind = "Parameter"
    name = _core.dtype_of(self).name
    return rebuild_tensor, (array, back, name, self._edge is not None, kind, state)


def shallow_copy(self: Tensor) -> Tensor:
    """``copy.copy``: another tensor over the same memory; a leaf.

    Raises:
        RuntimeError: the tensor is no leaf.
    """
    t: Tensor = _core.new(type(self))
    t._data = self._data[...]
    t._edge = None if self._edge is None else LEAF
    t._cell = _core.cell_of(self)
    t.__dict__.update({k: v for k, v in self.__dict__.items() if not k.startswith("_")})
    return t


def _memory_below(data: Any) -> tuple[Any, int, tuple[int, ...]]:
    """The array that owns the memory of `data`, and the place of `data` in it in bytes."""
    root = data
    while isinstance(root.base, np.ndarray):
        root = root.base
    offset = data.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    flags = root.flags
    reach = sum((n - 1) * s for n, s in zip(data.shape, data.strides, strict=True))
    usual = (
        (flags.c_contiguous or flags.f_contiguous)
        and min(data.strides, default=0) >= 0
        and 0 <= offset
        and (not data.size or offset + reach + data.itemsize <= root.nbytes)
    )
    if not usual:
        root = data.copy(order="C")
        return root, 0, root.strides
    return root, offset, data.strides


def _looked_at(root: Any, offset: int, shape: Any, strides: Any, dtype: Any) -> Any:
    memory = root if root.flags.c_contiguous else root.T
    return np.ndarray(shape, dtype, memory, offset, strides)


def copied_array(data: Any, memo: dict[int, Any]) -> Any:
    """A copy of `data` for ``copy.deepcopy``; views of one memory stay views of its copy."""
    root, offset, strides = _memory_below(data)
    key = root.__array_interface__["data"][0], root.nbytes, "rushlight memory"
    copied: Any = memo.get(key)  # type: ignore[call-overload]
    if copied is None:
        copied = root.copy(order="K")
        memo[key] = copied  # type: ignore[index]
        # The memory must not be given to another array while the memo lasts.
        memo.setdefault(id(memo), []).append(root)
    if copied.shape == data.shape and copied.strides == strides and copied.dtype == data.dtype:
        return copied
    return _looked_at(copied, offset, data.shape, strides, data.dtype)


# ---------------------------------------------------------------------------------------------
# DLPack


@functools.lru_cache(maxsize=1)
def _device_types() -> Any:
    from enum import IntEnum

    return IntEnum("DLDeviceType", {"kDLCPU": 1}, module="torch.utils.dlpack")


def dlpack(
    self: Tensor,
    *,
    stream: Any = None,
    max_version: Any = None,
    dl_device: Any = None,
    copy: Any = None,
) -> Any:
    """The memory as a DLPack capsule.

    Raises:
        BufferError: the tensor requires grad, or NumPy cannot export its dtype.
    """
    if self._edge is not None:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream is not None and stream != -1:
        raise AssertionError("stream should be None on cpu.")
    return self._data.__dlpack__(max_version=max_version, dl_device=dl_device, copy=copy)


def dlpack_device(self: Tensor) -> tuple[Any, int]:
    """The device as DLPack names it: the CPU."""
    return _device_types().kDLCPU, 0


class _Capsule:
    """A bare DLPack capsule as the object that NumPy wants."""

    __slots__ = ("capsule",)

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of an object that speaks DLPack, or of a capsule."""
    from .device import check_device

    check_device(device)
    if type(ext_tensor).__name__ == "PyCapsule":
        ext_tensor = _Capsule(ext_tensor)
    array = np.from_dlpack(ext_tensor, copy=copy)
    _dtypes.from_numpy(array.dtype)
    return wrap(array)


from_dlpack.__module__ = "torch"
