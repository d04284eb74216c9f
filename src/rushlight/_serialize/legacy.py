"""PyTorch's file format before 1.6: five pickles in a row, then the bytes of the storages."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from struct import pack, unpack
from typing import Any

import numpy as np

from rushlight._serialize.container import is_foreign
from rushlight._serialize.storages import (
    StorageTable,
    StorageType,
    TypedStorage,
    UntypedStorage,
    storage_dtype,
    swap_storage,
)
from rushlight._serialize.writer import PickleWriter

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


class BoundedFile:
    """`read` and `readline` that take no memory for what the file cannot hold."""

    def __init__(self, file: Any) -> None:
        self._file = file
        start = file.tell()
        self.end = file.seek(0, os.SEEK_END)
        file.seek(start)

    def read(self, count: int) -> bytes:
        """At most `count` bytes."""
        if count > 65536:
            count = min(count, self.remaining())
        return self._file.read(count)

    def readline(self, count: int = -1) -> bytes:
        """At most `count` bytes, up to the end of the line."""
        return self._file.readline(count)

    def remaining(self) -> int:
        """The number of bytes to the end of the file."""
        return int(self.end - self._file.tell())


class LegacyStorages:
    """The storages that a legacy file promises: made empty first, filled at the end."""

    def __init__(self, remaining: int, restore: Callable[[Any, Any], Any]) -> None:
        self._room = remaining
        self._restore = restore
        self._made: dict[str, tuple[Any, UntypedStorage]] = {}
        self._views: dict[str, Any] = {}

    def find(self, identity: tuple[Any, ...]) -> Any:
        """The storage for a persistent id."""
        if type(identity) is not tuple or not identity:
            raise pickle.UnpicklingError("a persistent id must be a tuple")
        if identity[0] == "module":  # a class and its source; only Python's unpickler asks
            return identity[1]
        if len(identity) not in (5, 6) or identity[0] != "storage":
            raise pickle.UnpicklingError("a persistent id of a storage has five or six parts")
        _, kind, key, location, numel = identity[:5]
        view = identity[5] if len(identity) == 6 else None
        if not isinstance(kind, StorageType):
            raise pickle.UnpicklingError("a persistent id must name a class of storages")
        if type(key) is not str or type(location) is not str or type(numel) is not int:
            raise pickle.UnpicklingError("a persistent id of a storage has the wrong types")
        if key not in self._made:
            self._made[key] = self._make(kind, location, numel)
        storage = self._made[key][0]
        return storage if view is None else self._view(storage, view)

    def _make(self, kind: StorageType, location: str, numel: int) -> tuple[Any, UntypedStorage]:
        dtype, size = storage_dtype(kind)
        if not 0 <= numel * size <= self._room:
            raise RuntimeError(
                "unexpected EOF, the file is too short for its storages. "
                "The file might be corrupted."
            )
        self._room -= numel * size
        raw = UntypedStorage(np.zeros(numel * size, np.uint8))
        placed = self._restore(raw, location)
        return (placed if dtype is None else TypedStorage(placed, dtype)), raw

    def _view(self, storage: Any, view: Any) -> Any:
        if type(view) is not tuple or len(view) != 3 or type(view[0]) is not str:
            raise pickle.UnpicklingError("the metadata of a view has three parts")
        key, offset, length = view
        if type(offset) is not int or type(length) is not int:
            raise pickle.UnpicklingError("the metadata of a view must be ints")
        if not 0 <= offset <= offset + length <= len(storage):
            raise RuntimeError("a view reaches outside its storage")
        if key not in self._views:
            untyped = storage.untyped() if isinstance(storage, TypedStorage) else storage
            size = storage.element_size()
            part = UntypedStorage(untyped._buffer[offset * size : (offset + length) * size])
            typed = isinstance(storage, TypedStorage)
            self._views[key] = TypedStorage(part, storage.dtype) if typed else part
        return self._views[key]

    def fill(self, file: BoundedFile, keys: Any, foreign: bool) -> None:
        """Read the bytes of all storages, in the order of `keys`."""
        if type(keys) is not list:
            raise RuntimeError("the list of storages is damaged. The file might be corrupted.")
        for key in keys:
            if type(key) is not str or key not in self._made:
                raise RuntimeError("the file holds a storage that nothing refers to")
            storage, raw = self._made.pop(key)
            count = unpack(">q" if foreign else "<q", _exactly(file, 8))[0]
            if count != len(storage):
                raise RuntimeError(
                    f"storage has wrong byte size: expected {len(storage)} got {count}"
                )
            data = _exactly(file, raw.nbytes())
            raw._buffer[:] = np.frombuffer(data, np.uint8)
            if foreign:
                swap_storage(raw._buffer, getattr(storage, "dtype", None))
        if self._made:
            raise RuntimeError(f"unexpected EOF, {len(self._made)} storages are missing.")


def _exactly(file: BoundedFile, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise RuntimeError(
            f"unexpected EOF, expected {count - len(data)} more bytes. The file might be corrupted."
        )
    return data


def load_legacy(file: Any, unpickle: Callable[..., Any], restore: Callable[[Any, Any], Any]) -> Any:
    """Read a legacy file from where `file` stands.

    Args:
        unpickle: (file, persistent_load) -> object; reads one pickle.
        restore: (storage, location) -> storage; carries out `map_location`.
    """
    bounded = BoundedFile(file)

    def no_storage(identity: Any) -> Any:
        raise pickle.UnpicklingError("a storage in the header of the file")

    magic = unpickle(bounded, no_storage)
    if type(magic) is not int or magic != MAGIC:
        raise RuntimeError("Invalid magic number; corrupt file?")
    version = unpickle(bounded, no_storage)
    if type(version) is not int or version != PROTOCOL:
        shown = version if type(version) is int and version.bit_length() < 64 else type(version)
        raise RuntimeError(f"Invalid protocol version: {shown}")
    system = unpickle(bounded, no_storage)
    little = system.get("little_endian", True) if type(system) is dict else True
    foreign = is_foreign("little" if little else "big")
    storages = LegacyStorages(bounded.remaining(), restore)
    result = unpickle(bounded, storages.find)
    keys = unpickle(bounded, no_storage)
    storages.fill(bounded, keys, foreign)
    return result


def save_legacy(value: Any) -> Callable[[Any], None]:
    """Pickle `value`, and give back the function that writes it in the format before 1.6."""
    table = StorageTable(first_name=_address)
    body = PickleWriter(table.store, legacy=True).dump(value)

    def plain(part: Any) -> bytes:
        return PickleWriter(table.store).dump(part)

    sizes = {"short": 2, "int": 4, "long": 4}
    little = sys.byteorder == "little"
    system = {
        "protocol_version": PROTOCOL,
        "little_endian": little,
        "type_sizes": sizes,
    }
    records = sorted(table.records.items())

    def write(file: Any) -> None:
        for part in (MAGIC, PROTOCOL, system):
            file.write(plain(part))
        file.write(body)
        file.write(plain([name for name, _ in records]))
        for _, (memory, numel) in records:
            file.write(pack("=q", numel))
            file.write(memory.data)

    return write


def _address(key: Any, count: int) -> str:
    return str(key[0] if isinstance(key, tuple) else key)
