"""Storages: the flat memory behind tensors, as files name it and `map_location` sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight._serialize.tensors import backend, numpy_dtype

# PyTorch's class name of a typed storage -> the name of its dtype.
STORAGE_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "BFloat16Storage": "bfloat16",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "QUInt8Storage": "quint8",
    "QInt8Storage": "qint8",
    "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
}
STORAGE_NAMES = {dtype: name for name, dtype in STORAGE_DTYPES.items()}


class StorageType:
    """The name of a kind of storage (`torch.FloatStorage`) as it stands in a file; no class."""

    __slots__ = ("dtype_name", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.dtype_name = STORAGE_DTYPES.get(name)  # None: torch.storage.UntypedStorage

    def __repr__(self) -> str:
        return f"StorageType(torch.{self.name})"


class UntypedStorage:
    """A flat run of bytes that tensors of any dtype may look at.

    A storage is made by `torch.load`; `map_location` functions receive it, and a file that
    holds bare storages yields it.
    """

    __slots__ = ("_buffer",)
    __module__ = "torch.storage"
    is_cuda = False
    is_sparse = False

    def __init__(self, buffer: np.ndarray[Any, Any]) -> None:
        if buffer.dtype != np.uint8 or buffer.ndim != 1:
            raise TypeError("a storage is made from a one-dimensional array of bytes")
        self._buffer = buffer

    @property
    def device(self) -> Any:
        return backend().device("cpu")

    def nbytes(self) -> int:
        """The number of bytes."""
        return int(self._buffer.nbytes)

    def size(self) -> int:
        """The number of bytes."""
        return int(self._buffer.nbytes)

    def element_size(self) -> int:
        """One: the elements of an untyped storage are bytes."""
        return 1

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return int(self._buffer.ctypes.data)

    def cpu(self) -> UntypedStorage:
        """This storage: all memory here is the processor's."""
        return self

    def cuda(self, device: Any = None, non_blocking: bool = False) -> UntypedStorage:
        """Raises: there is no CUDA device here."""
        raise AssertionError("Torch not compiled with CUDA enabled")

    def clone(self) -> UntypedStorage:
        """A copy in memory of its own."""
        return UntypedStorage(self._buffer.copy())

    def tolist(self) -> list[int]:
        """The bytes as a list of integers."""
        return self._buffer.tolist()

    def __len__(self) -> int:
        return int(self._buffer.nbytes)

    def __getitem__(self, index: Any) -> Any:
        item = self._buffer[index]
        return UntypedStorage(item) if isinstance(index, slice) else int(item)

    def __repr__(self) -> str:
        rows = "".join(f" {value}\n" for value in self._buffer)
        return f"{rows}[torch.storage.UntypedStorage(device=cpu) of size {len(self)}]"


class TypedStorage:
    """An untyped storage together with the dtype under which a file names it."""

    __slots__ = ("_untyped_storage", "dtype")
    __module__ = "torch.storage"
    is_cuda = False
    is_sparse = False

    def __init__(self, untyped: UntypedStorage, dtype: Any) -> None:
        self._untyped_storage = untyped
        self.dtype = dtype

    @property
    def device(self) -> Any:
        return self._untyped_storage.device

    def untyped(self) -> UntypedStorage:
        """The bytes without the dtype."""
        return self._untyped_storage

    def element_size(self) -> int:
        """The number of bytes of one element."""
        return int(numpy_dtype(self.dtype).itemsize)

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._untyped_storage.nbytes()

    def size(self) -> int:
        """The number of elements."""
        return len(self)

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._untyped_storage.data_ptr()

    def cpu(self) -> TypedStorage:
        """This storage: all memory here is the processor's."""
        return self

    def tolist(self) -> list[Any]:
        """The elements as a list."""
        values = self._untyped_storage._buffer.view(numpy_dtype(self.dtype))
        return values.tolist()

    def __len__(self) -> int:
        return self._untyped_storage.nbytes() // self.element_size()

    def __repr__(self) -> str:
        rows = "".join(f" {value}\n" for value in self.tolist())
        kind = f"dtype={self.dtype}, device=cpu"
        return f"{rows}[torch.storage.TypedStorage({kind}) of size {len(self)}]"


class StorageTable:
    """The storages met while an object is pickled, each once, in order."""

    def __init__(self, first_name: Callable[[Any, int], str] | None = None) -> None:
        self._name = first_name or (lambda key, count: str(count))
        self._known: dict[Any, tuple[str, str, int]] = {}
        self.records: dict[str, tuple[np.ndarray[Any, Any], int]] = {}

    def store(
        self, key: Any, memory: np.ndarray[Any, Any], dtype: str, size: int
    ) -> tuple[str, int]:
        """The record's name and the number of elements of a storage."""
        known = self._known.get(key)
        if known is None:
            known = (self._name(key, len(self._known)), dtype, memory.nbytes // size)
            self._known[key] = known
            self.records[known[0]] = (memory, known[2])
        elif known[1] != dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data "
                "as different types"
            )
        return known[0], known[2]


def storage_dtype(kind: StorageType) -> tuple[Any, int]:
    """The dtype (None for untyped storages) and the size of an element of a kind of storage."""
    if kind.dtype_name is None:
        return None, 1
    dtype = backend().find_dtype(kind.dtype_name)
    if dtype is None:
        raise NotImplementedError(f"torch.load: torch.{kind.dtype_name} is not supported")
    return dtype, int(numpy_dtype(dtype).itemsize)


def swap_storage(data: np.ndarray[Any, Any], dtype: Any) -> None:
    """Turn numbers of the other byte order, which fill `data`, into this machine's."""
    if dtype is None:
        raise NotImplementedError(
            "torch.load: an untyped storage of the other byte order is not supported"
        )
    kind = numpy_dtype(dtype)
    if kind.isbuiltin == 1:
        data.view(kind).byteswap(inplace=True)
    else:  # bfloat16, which NumPy does not know by itself
        data.view(f"u{kind.itemsize}").byteswap(inplace=True)
