"""Pickle streams and archives put together by hand."""

from __future__ import annotations

import io
import struct
import zipfile


def text(value: str) -> bytes:
    """The opcode of a string."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    """The opcode of an integer."""
    data = value.to_bytes(max(1, value.bit_length() // 8 + 1), "little", signed=True)
    return bytes((0x8A, len(data))) + data


def numbers(values: tuple[int, ...]) -> bytes:
    """The opcodes of a tuple of integers."""
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(
    kind: str = "FloatStorage", key: str = "0", where: str = "cpu", numel: int = 6
) -> bytes:
    """The opcodes of the persistent id of a storage."""
    named = b"ctorch\n" + kind.encode() + b"\n"
    return b"(" + text("storage") + named + text(key) + text(where) + number(numel) + b"tQ"


def tensor(
    size: tuple[int, ...],
    stride: tuple[int, ...],
    offset: int = 0,
    stored: bytes | None = None,
    tail: bytes = b"\x89ccollections\nOrderedDict\n)R",
) -> bytes:
    """The opcodes of a tensor."""
    head = b"ctorch._utils\n_rebuild_tensor_v2\n(" + (storage() if stored is None else stored)
    return head + number(offset) + numbers(size) + numbers(stride) + tail + b"tR"


def archive(
    pickled: bytes,
    records: dict[str, bytes] | None = None,
    compression: int = zipfile.ZIP_STORED,
    **extra: bytes | None,
) -> io.BytesIO:
    """An archive with that pickle stream (protocol and STOP are added) and those storages."""
    parts = {"data.pkl": b"\x80\x02" + pickled + b".", "version": b"3\n", "byteorder": b"little"}
    parts.update({f"data/{key}": value for key, value in (records or {}).items()})
    parts.update({name: value for name, value in extra.items() if value is not None})
    for name in [name for name, value in extra.items() if value is None]:
        del parts[name]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        for name, value in parts.items():
            made.writestr(f"archive/{name}", value)
    file.seek(0)
    return file
