"""Files that PyTorch has saved: they load here, and the same object gives the same bytes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

import rushlight as torch
from serialization_objects import NOT_LEGACY, OBJECTS, build, describe

GOLDEN = Path(__file__).parent / "golden"
LEGACY = sorted(set(OBJECTS) - NOT_LEGACY)


def records(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as file:
        return {
            entry.filename: (entry.header_offset, entry.CRC, file.read(entry))
            for entry in file.infolist()
        }


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("weights_only", [False, True])
def test_loads_what_pytorch_saved(name: str, mmap: bool, weights_only: bool) -> None:
    loaded = torch.load(GOLDEN / f"{name}.pt", mmap=mmap, weights_only=weights_only)
    assert describe(torch, loaded) == describe(torch, build(torch, name))


@pytest.mark.parametrize("name", LEGACY)
@pytest.mark.parametrize("weights_only", [False, True])
def test_loads_what_pytorch_saved_before_1_6(name: str, weights_only: bool) -> None:
    loaded = torch.load(GOLDEN / f"{name}.legacy.pt", weights_only=weights_only)
    assert describe(torch, loaded) == describe(torch, build(torch, name))


@pytest.mark.parametrize("name", OBJECTS)
def test_writes_the_bytes_that_pytorch_writes(name: str, tmp_path: Path) -> None:
    mine = tmp_path / f"{name}.pt"
    torch.save(build(torch, name), mine)
    ours, theirs = records(mine), records(GOLDEN / f"{name}.pt")
    assert list(ours) == list(theirs)
    identity = f"{name}/.data/serialization_id"  # a hash by a function of PyTorch's own
    assert len(ours.pop(identity)[2]) == len(theirs.pop(identity)[2]) == 40
    assert ours == theirs
    # With the identity and its checksum masked, the files agree to the last byte.
    raw, golden = bytearray(mine.read_bytes()), bytearray((GOLDEN / f"{name}.pt").read_bytes())
    assert len(raw) == len(golden)
    different = sum(a != b for a, b in zip(raw, golden, strict=True))
    assert different <= 40 + 4 + 4


@pytest.mark.parametrize("length", [1, 17, 24, 25, 26, 40, 88, 89, 90, 150])
def test_every_record_begins_at_a_multiple_of_64(length: int, tmp_path: Path) -> None:
    path = tmp_path / ("n" * length + ".pt")
    torch.save([torch.ones(3), torch.ones(100), torch.zeros(0)], path)
    raw = path.read_bytes()
    with zipfile.ZipFile(path) as file:
        for entry in file.infolist():
            head = raw[entry.header_offset : entry.header_offset + 30]
            start = entry.header_offset + 30 + head[26] + 256 * head[27] + head[28] + 256 * head[29]
            assert start % 64 == 0
            assert entry.compress_type == zipfile.ZIP_STORED
        assert file.testzip() is None


@pytest.mark.parametrize(
    ("file_name", "folder"),
    [("a.b.c", "a.b"), ("x", "x"), ("x.", "x"), (" sp ace.pt", " sp ace"), ("ü.pt", "archive")],
)
def test_the_folder_in_the_archive(file_name: str, folder: str, tmp_path: Path) -> None:
    torch.save(1, tmp_path / file_name)
    assert f"{folder}/data.pkl" in records(tmp_path / file_name)


def test_a_name_that_is_only_a_suffix(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="invalid file name: .hidden"):
        torch.save(1, tmp_path / ".hidden")
    assert list(tmp_path.iterdir()) == []


def test_a_file_object_gets_the_folder_archive() -> None:
    file = io.BytesIO()
    torch.save(1, file)
    with zipfile.ZipFile(file) as made:
        assert made.namelist()[0] == "archive/data.pkl"


def test_archives_beyond_4_gib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fields of 64 bits, at sizes that a test can afford."""
    from rushlight._serialize import container

    monkeypatch.setattr(container, "_LARGEST", 2000)
    path = tmp_path / "large.pt"
    torch.save([torch.ones(1000), torch.ones(3), torch.zeros(600)], path)
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert [entry.file_size for entry in file.infolist()][4:7] == [4000, 12, 2400]
    for mmap in (False, True):
        loaded = torch.load(path, mmap=mmap)
        assert [part.tolist() for part in loaded] == [[1.0] * 1000, [1.0] * 3, [0.0] * 600]
