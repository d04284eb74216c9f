"""The zip archive of a checkpoint, as PyTorch lays it out.

Records are stored, not compressed; each begins at a multiple of 64 bytes, so that a file
can be mapped into memory. Sizes and checksums follow the data, so that the archive can be
written to a stream.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable
from struct import pack, unpack
from typing import Any

import numpy as np

ALIGNMENT = 64
FORMAT_VERSION = 3
_MARKER = 0xFFFFFFFF  # stands where a number of 64 bits is given elsewhere
_LARGEST = _MARKER - 1
_CORRUPT = (
    "If you are seeing this error, there is a high likelihood that your checkpoint file is "
    "corrupted. This can happen if the checkpoint was not saved properly, was transferred "
    "incorrectly, or the file was modified after saving."
)


class ZipWriter:
    """Writes the records of one archive, in order.

    Args:
        write: as of a binary file.
        name: the folder in the archive that holds the records.
        checksums: False leaves the checksums zero, which saves time.
    """

    def __init__(self, write: Callable[[Any], Any], name: str, checksums: bool) -> None:
        self._write_some = write
        self._name = name
        self._checksums = checksums
        self._position = 0
        self._entries: list[tuple[bytes, int, int, int, int]] = []

    def _write(self, data: Any) -> None:
        self._write_some(data)
        self._position += len(data)

    def record(self, name: str, data: Any) -> None:
        """One record; `data` is bytes or a flat memoryview of bytes."""
        path = f"{self._name}/{name}".encode()
        start = self._position
        size = len(data)
        # An empty record has nothing that could follow it.
        flags = 0x0808 if size else 0x0800
        large = size > _LARGEST
        # Sizes come after the data; this field says that they will have 64 bits.
        zip64 = pack("<HHQQ", 1, 16, 0, 0) if large else b""
        unaligned = start + 30 + len(path) + len(zip64) + 4
        padding = -unaligned % ALIGNMENT
        extra = zip64 + b"FB" + pack("<H", padding) + b"Z" * padding
        placeholder = _MARKER if large else 0
        self._write(
            b"PK\x03\x04"
            + pack(
                "<5H3I2H",
                0,
                flags,
                0,
                0,
                0,
                0,
                placeholder,
                placeholder,
                len(path),
                len(extra),
            )
            + path
            + extra
        )
        checksum = 0
        if size:
            if self._checksums:
                checksum = zlib.crc32(data)
            self._write(data)
            sizes = "<4sIQQ" if large else "<4sIII"
            self._write(pack(sizes, b"PK\x07\x08", checksum, size, size))
        self._entries.append((path, flags, checksum, size, start))

    def finish(self) -> None:
        """The last records and the directory; the archive is complete."""
        self.record("version", b"%d\n" % FORMAT_VERSION)
        self.record(".data/serialization_id", self._identity())
        start = self._position
        for path, flags, checksum, size, offset in self._entries:
            wide = b""
            if size > _LARGEST:
                wide += pack("<QQ", size, size)
            if offset > _LARGEST:
                wide += pack("<Q", offset)
            extra = pack("<HH", 1, len(wide)) + wide if wide else b""
            short = _short(size)
            self._write(
                b"PK\x01\x02"
                + pack("<6H3I", 0, 0, flags, 0, 0, 0, checksum, short, short)
                + pack("<5H2I", len(path), len(extra), 0, 0, 0, 0, _short(offset))
                + path
                + extra
            )
        end = self._position
        count = len(self._entries)
        entries = min(count, 0xFFFF)
        self._write(
            b"PK\x06\x06"
            + pack("<Q2H2I4Q", 44, 0x031E, 45, 0, 0, count, count, end - start, start)
            + b"PK\x06\x07"
            + pack("<IQI", 0, end, 1)
            + b"PK\x05\x06"
            + pack("<4H2IH", 0, 0, entries, entries, _short(end - start), _short(start), 0)
        )

    def _identity(self) -> bytes:
        """Forty digits that depend on the names and the contents."""
        names = zlib.crc32(b"\n".join(entry[0].partition(b"/")[2] for entry in self._entries))
        contents = 0
        for _, _, checksum, size, _ in self._entries:
            contents = (contents * 1_000_003 + checksum * 31 + size) & (2**64 - 1)
        return b"%020d%020d" % (names, contents)


def _short(value: int) -> int:
    return value if value <= _LARGEST else _MARKER


def archive_name(path: str) -> str:
    """The folder in the archive for a file of that path: its name without the last suffix."""
    name = os.path.basename(path)
    try:
        name.encode("ascii")
    except UnicodeEncodeError:
        return "archive"
    name = name.rpartition(".")[0] if "." in name else name
    if not name:
        raise RuntimeError(f"invalid file name: {os.path.basename(path)}")
    return name


class ZipReader:
    """Reads the records of one archive; every size is checked before memory is taken.

    Args:
        file: an open, seekable binary file.
    """

    def __init__(self, file: Any) -> None:
        from zipfile import ZipFile

        self._file = file
        self._size = file.seek(0, os.SEEK_END)
        try:
            self._zip = ZipFile(file)
            entries = self._zip.infolist()
        except RecursionError:
            raise
        except Exception as error:
            raise RuntimeError(
                f"PytorchStreamReader failed reading zip archive: {_reason(error)}. {_CORRUPT}"
            ) from None
        if not entries:
            raise RuntimeError(
                f"PytorchStreamReader failed reading zip archive: it is empty. {_CORRUPT}"
            )
        first = entries[0].filename
        folder, slash, _ = first.partition("/")
        if not slash:
            raise RuntimeError(f"file in archive is not in a subdirectory: {first:.200}")
        self._prefix = folder + "/"
        self._entries = {entry.filename: entry for entry in entries}
        self._taken = 0

    def __contains__(self, name: str) -> bool:
        return self._prefix + name in self._entries

    def size(self, name: str) -> int:
        """The number of bytes of a record."""
        return int(self._entry(name).file_size)

    def check_version(self) -> None:
        """Refuse archives that PyTorch would refuse."""
        for name in ("version", ".data/version"):
            if name in self:
                text = self.read(name, limit=64).tobytes()
                break
        else:
            raise RuntimeError('Expected hasRecord("version") to be true, but got false.')
        digits = text.strip()
        if not digits.isdigit():
            raise RuntimeError(f"Couldn't parse the version {text!r} as Long Long.")
        version = int(digits)
        if not 1 <= version <= 10:
            raise RuntimeError(
                f"Attempted to read a PyTorch file with version {version}, but the maximum "
                "supported version for reading is 10."
            )

    def read(self, name: str, limit: int | None = None) -> np.ndarray[Any, Any]:
        """The bytes of a record, as an array of its own."""
        entry = self._entry(name)
        if limit is not None and entry.file_size > limit:
            raise RuntimeError(f"PytorchStreamReader: record {name!r:.200} is too large")
        if entry.compress_type == 0:
            start = self._data_start(name, entry)
            data = np.empty(entry.file_size, np.uint8)
            self._file.seek(start)
            self._fill(self._file, data, name)
            return data
        if entry.compress_type != 8 or entry.flag_bits & 1:
            raise self._failed(name, "it is encrypted or compressed by an unknown method")
        # Deflate cannot do better than 1032 to 1: a larger claim is forged.
        if entry.compress_size > self._size or entry.file_size > 1040 * entry.compress_size + 64:
            raise self._failed(name, "its size is impossible")
        data = np.empty(entry.file_size, np.uint8)
        try:
            with self._zip.open(entry) as stream:
                self._fill(stream, data, name)
        except RuntimeError:
            raise
        except Exception as error:
            raise self._failed(name, _reason(error)) from None
        return data

    def view(self, name: str, mapped: Any) -> np.ndarray[Any, Any]:
        """The bytes of a record, as a part of the mapped file."""
        entry = self._entry(name)
        if entry.compress_type != 0:
            raise self._failed(name, "a compressed record cannot be mapped into memory")
        start = self._data_start(name, entry)
        if entry.file_size == 0:
            return np.empty(0, np.uint8)
        return np.frombuffer(mapped, np.uint8, entry.file_size, start)

    def _entry(self, name: str) -> Any:
        entry = self._entries.get(self._prefix + name)
        if entry is None:
            raise RuntimeError(
                f"PytorchStreamReader failed locating file {name:.200}: file not found. {_CORRUPT}"
            )
        return entry

    def _data_start(self, name: str, entry: Any) -> int:
        if entry.flag_bits & 1 or entry.compress_size != entry.file_size:
            raise self._failed(name, "a stored record must be as large as its data")
        offset = entry.header_offset
        if not 0 <= offset <= self._size - 30:
            raise self._failed(name, "it lies outside the file")
        self._file.seek(offset)
        header = self._file.read(30)
        if len(header) != 30 or header[:4] != b"PK\x03\x04":
            raise self._failed(name, "it has no header")
        path_length, extra_length = unpack("<HH", header[26:30])
        start = int(offset + 30 + path_length + extra_length)
        if entry.file_size < 0 or start + entry.file_size > self._size:
            raise self._failed(name, "it reaches beyond the end of the file")
        # Records that overlap would let a small file fill all memory.
        self._taken += entry.file_size
        if self._taken > 2 * self._size + 4096:
            raise self._failed(name, "the records overlap")
        return start

    def _fill(self, file: Any, data: np.ndarray[Any, Any], name: str) -> None:
        view = data.data
        done = 0
        readinto = getattr(file, "readinto", None)
        while done < len(view):
            if readinto is not None:
                count = readinto(view[done:])
            else:
                piece = file.read(len(view) - done)
                count = len(piece)
                view[done : done + count] = piece
            if not count:
                raise self._failed(name, "it ends early")
            done += count

    def _failed(self, name: str, reason: str) -> RuntimeError:
        return RuntimeError(
            f"PytorchStreamReader failed reading file {name:.200}: {reason}. {_CORRUPT}"
        )


def _reason(error: Exception) -> str:
    text = str(error).rstrip(".")
    known = {
        "File is not a zip file": "failed finding central directory",
        "Bad magic number for central directory": "failed finding central directory",
    }
    return known.get(text, text or type(error).__name__)[:300]


def is_foreign(order: str) -> bool:
    """Whether numbers of that byte order must be swapped on this machine."""
    return order != sys.byteorder
