"""Saving and loading whole checkpoints in the zip format."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from typing import Any

from rushlight._serialize.container import ZipReader, ZipWriter, is_foreign
from rushlight._serialize.storages import (
    StorageTable,
    StorageType,
    TypedStorage,
    UntypedStorage,
    storage_dtype,
    swap_storage,
)
from rushlight._serialize.writer import PickleWriter


def save_zip(value: Any, name: str, checksums: bool, byteorder: bool) -> Callable[[Any], None]:
    """Pickle `value`, and give back the function that writes the archive to a file.

    Nothing is written before the pickling has succeeded.
    """
    table = StorageTable()
    pickled = PickleWriter(table.store).dump(value)

    def write(file: Any) -> None:
        archive = ZipWriter(file.write, name, checksums)
        archive.record("data.pkl", pickled)
        archive.record(".format_version", b"1")
        archive.record(".storage_alignment", b"64")
        if byteorder:
            archive.record("byteorder", _native_order())
        for record, (memory, _) in table.records.items():
            archive.record(f"data/{record}", memory.data)
        archive.finish()

    return write


def _native_order() -> bytes:
    return b"big" if is_foreign("little") else b"little"


class ZipStorages:
    """The storages of an archive, read when first asked for."""

    def __init__(
        self,
        archive: ZipReader,
        restore: Callable[[Any, Any], Any],
        foreign: bool,
        mapped: Any,
    ) -> None:
        self._archive = archive
        self._restore = restore
        self._foreign = foreign
        self._mapped = mapped
        self._loaded: dict[str, Any] = {}

    def find(self, identity: tuple[Any, ...]) -> Any:
        """The storage for a persistent id."""
        if type(identity) is not tuple or len(identity) != 5 or identity[0] != "storage":
            raise pickle.UnpicklingError("a persistent id of a storage has five parts")
        _, kind, key, location, numel = identity
        if not isinstance(kind, StorageType):
            raise pickle.UnpicklingError("a persistent id must name a class of storages")
        if type(key) is not str or type(location) is not str or type(numel) is not int:
            raise pickle.UnpicklingError("a persistent id of a storage has the wrong types")
        if key not in self._loaded:
            self._loaded[key] = self._load(kind, key, location, numel)
        return self._loaded[key]

    def _load(self, kind: StorageType, key: str, location: str, numel: int) -> Any:
        dtype, size = storage_dtype(kind)
        record = f"data/{key}"
        held = self._archive.size(record)
        if held != numel * size:
            expected = str(numel * size) if abs(numel) < 2**63 else "impossible"
            raise RuntimeError(
                f"record size ({held} bytes) does not match expected size ({expected} bytes)"
            )
        if self._mapped is not None:
            data = self._archive.view(record, self._mapped)
        else:
            data = self._archive.read(record)
        if self._foreign:
            swap_storage(data, dtype)
        untyped = self._restore(UntypedStorage(data), location)
        return untyped if dtype is None else TypedStorage(untyped, dtype)


def load_zip(
    file: Any,
    unpickle: Callable[..., Any],
    restore: Callable[[Any, Any], Any],
    weights_only: bool,
    mapped: Any,
    default_order: str,
) -> Any:
    """Read an archive.

    Args:
        unpickle: (file, persistent_load) -> object; reads one pickle.
        restore: (storage, location) -> storage; carries out `map_location`.
        mapped: the file's memory map, or None to read it.
        default_order: the byte order of files that do not say theirs.
    """
    archive = ZipReader(file)
    archive.check_version()
    if "constants.pkl" in archive:
        if weights_only:
            raise RuntimeError(
                "Cannot use ``weights_only=True`` with TorchScript archives passed to "
                "``torch.load``."
            )
        raise NotImplementedError("torch.load: TorchScript archives (torch.jit) are not supported")
    order = default_order
    if "byteorder" in archive:
        order = archive.read("byteorder", limit=64).tobytes().decode("ascii", "replace")
        if order not in ("little", "big"):
            raise ValueError(f"Unknown endianness type: {order}")
    pickled = io.BytesIO(archive.read("data.pkl").tobytes())
    storages = ZipStorages(archive, restore, is_foreign(order), mapped)
    return unpickle(pickled, storages.find)


def read_pickle(file: Any) -> bytes:
    """The pickle stream of an archive."""
    return ZipReader(file).read("data.pkl").tobytes()


def is_zip(file: Any) -> bool:
    """Whether a zip archive begins where `file` stands; the position is kept."""
    start = file.tell()
    head = file.read(4)
    file.seek(start, os.SEEK_SET)
    return bool(head == b"PK\x03\x04")
