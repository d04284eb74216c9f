"""The one place where saving and loading know how rushlight's tensors are made.

`backend()` gives the classes and constructors; the tests of the formats replace it by a
small stand-in, so that the formats can be tested without the engine.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_backend: Any = None


class RushlightBackend:
    """The classes of rushlight that appear in files, and how to make them."""

    def __init__(self) -> None:
        # Here and not above: a stand-in must do without them.
        from rushlight import _core, _dtypes
        from rushlight._tensor import device
        from rushlight.nn.parameter import Parameter

        self.Tensor: Any = _core.Tensor
        # Subclasses may hide `_data` behind a property; the slot itself always answers.
        self.array = _core.Tensor.__dict__["_data"].__get__
        self.Parameter: Any = Parameter
        self.Size = device.Size
        self.device = device.device
        self.layout_class = device.layout
        self.dtype_class = _dtypes.dtype
        self._wrap = _core.wrap
        self._dtypes = _dtypes.NAMES
        self._constants = device.CONSTANTS

    def find_dtype(self, name: str) -> Any:
        """The dtype called `name`, or None where rushlight has none of that name."""
        return self._dtypes.get(name)

    def find_layout(self, name: str) -> Any:
        """The layout called `name`, or None where rushlight has none of that name."""
        found = self._constants.get(name)
        return found if isinstance(found, self.layout_class) else None

    def wrap(self, array: np.ndarray[Any, Any], requires_grad: bool) -> Any:
        """A leaf tensor on `array` itself, without a copy."""
        tensor: Any = self._wrap(array)
        if requires_grad:
            tensor.requires_grad = True
        return tensor

    def wrap_parameter(self, tensor: Any, requires_grad: bool) -> Any:
        """A parameter on the memory of `tensor`."""
        return self.Parameter(tensor, requires_grad)


def backend() -> Any:
    """The classes and constructors of rushlight, looked up at the first use."""
    global _backend
    if _backend is None:
        _backend = RushlightBackend()
    return _backend


def numpy_dtype(dtype: Any) -> np.dtype[Any]:
    """The NumPy dtype of a torch dtype."""
    found: np.dtype[Any] = np.dtype(dtype.numpy)
    return found


def dtype_name(dtype: Any) -> str:
    """`float32` of `torch.float32`."""
    return str(dtype.name)


def root_array(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array at the bottom of a chain of views: what PyTorch calls the storage."""
    root = array
    link: Any = array.base
    # NumPy puts helper objects (of stride_tricks, say) between a view and its array: they
    # carry a `base` too. What lies below the last array (bytes, a memory map) is not counted.
    while link is not None:
        if isinstance(link, np.ndarray):
            root = link
        link = getattr(link, "base", None)
    return root


class StoredView:
    """Where a tensor's elements lie: a storage, an offset and strides, all in elements."""

    __slots__ = ("key", "memory", "offset", "stride")

    def __init__(
        self,
        key: Any,
        memory: np.ndarray[Any, Any],
        offset: int,
        stride: tuple[int, ...],
    ) -> None:
        self.key = key  # equal for two views of one storage
        self.memory = memory  # the whole storage, as bytes
        self.offset = offset
        self.stride = stride


def stored_view(array: np.ndarray[Any, Any]) -> StoredView:
    """The storage below `array` and the place of `array` in it.

    Where PyTorch could not express the view (negative strides, a storage with holes, an
    offset that is no whole number of elements) the elements are copied into a storage of
    their own.
    """
    item = array.dtype.itemsize
    stride = tuple(step // item for step in array.strides)
    if array.flags.c_contiguous:  # NumPy's strides mean nothing where sizes are 0 or 1
        steps = [1]
        for length in array.shape[:0:-1]:
            steps.append(steps[-1] * max(length, 1))
        stride = tuple(reversed(steps))[: array.ndim]
    if not array.size:
        return StoredView(id(array), np.empty(0, np.uint8), 0, stride)
    root = root_array(array)
    flat = _as_bytes(root)
    if flat is not None and flat.nbytes % item == 0:
        start = flat.ctypes.data
        offset = array.ctypes.data - start
        whole = offset % item == 0 and all(step % item == 0 for step in array.strides)
        if whole and min(array.strides, default=0) >= 0 and 0 <= offset <= flat.nbytes:
            reach = offset + item
            for length, step in zip(array.shape, array.strides, strict=True):
                reach += (length - 1) * step
            if reach <= flat.nbytes:
                return StoredView((start, flat.nbytes), flat, offset // item, stride)
    copied = np.array(array, order="C", copy=True)
    flat = copied.reshape(-1).view(np.uint8)
    stride = tuple(step // item for step in copied.strides)
    return StoredView((flat.ctypes.data, flat.nbytes), flat, 0, stride)


def _as_bytes(root: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
    """The memory of `root` as a flat array of bytes, or None where it has holes."""
    line = root.reshape(-1) if root.flags.c_contiguous else root.ravel(order="K")
    if line.size and line.ctypes.data != root.ctypes.data:
        return None
    if line.size > 1 and line.strides[0] != line.dtype.itemsize:
        return None
    if not np.may_share_memory(line, root) and root.size:
        return None
    return line.view(np.uint8) if line.flags.c_contiguous else None
