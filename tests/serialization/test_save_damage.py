"""Damaged files: an error that says so, or an object; never anything else.

`RUSHLIGHT_FUZZ=20000` runs that many mutations of each file.
"""

from __future__ import annotations

import io
import os
import pickle
import random
from pathlib import Path
from typing import Any

import pytest

import rushlight as torch

GOLDEN = Path(__file__).parent / "golden"
FILES = ["dtypes.pt", "views.pt", "state_dict.pt", "parameters.pt", "names.pt", "unsigned.pt"]
FILES += ["dtypes.legacy.pt", "views.legacy.pt", "optimizer.legacy.pt"]
EXPECTED = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError)
ROUNDS = int(os.environ.get("RUSHLIGHT_FUZZ", "250"))


def attempt(data: bytes, path: Path | None = None) -> Any:
    """Load damaged bytes; touch every element of what comes out."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if path is None:
                loaded = torch.load(io.BytesIO(data))
            else:
                path.write_bytes(data)
                loaded = torch.load(path, mmap=True)
        except EXPECTED as error:
            return error
    pending = [loaded]
    for _ in range(1000):
        if not pending:
            break
        item = pending.pop()
        if isinstance(item, torch.Tensor):
            if item.numel() < 10_000:
                item.tolist()
        elif isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, (list, tuple)):
            pending.extend(item)
    return None


def mutate(data: bytes, chance: random.Random) -> bytes:
    raw = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        at = chance.randrange(len(raw))
        length = chance.randrange(1, 9)
        kind = chance.randrange(7)
        if kind == 0:
            raw[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            raw[at] = chance.choice([0, 1, 0x2E, 0x28, 0x52, 0x51, 0x71, 0x68, 0x81, 0x86, 0xFF])
        elif kind == 2:
            raw[at : at + length] = chance.randbytes(length)
        elif kind == 3:
            del raw[at : at + length]
        elif kind == 4:
            raw[at:at] = chance.randbytes(length)
        elif kind == 5:
            other = chance.randrange(len(raw))
            raw[at : at + length] = raw[other : other + length]
        else:
            raw[at : at + 4] = chance.choice(
                [b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff\xff\xff\x7f"]
            )
    return bytes(raw)


@pytest.mark.parametrize("name", FILES)
def test_mutated_files(name: str) -> None:
    data = (GOLDEN / name).read_bytes()
    chance = random.Random(name)
    # Most of an archive is padding: half of the mutations go into the pickle stream alone.
    start = data.index(b"\x80\x02")
    end = data.index(b"PK\x07\x08") if name.count(".") == 1 else len(data)
    failures = 0
    for round_number in range(ROUNDS):
        if round_number % 2:
            damaged = mutate(data, chance)
        else:
            body = mutate(data[start:end], chance)
            damaged = data[:start] + body[: end - start].ljust(end - start, b".") + data[end:]
        failures += attempt(damaged) is not None
    assert failures > ROUNDS // 10


def test_mutated_files_that_are_mapped(tmp_path: Path) -> None:
    data = (GOLDEN / "views.pt").read_bytes()
    chance = random.Random(5)
    results = [attempt(mutate(data, chance), tmp_path / "x.pt") for _ in range(ROUNDS)]
    assert any(isinstance(result, RuntimeError) for result in results)


@pytest.mark.parametrize("name", ["views.pt", "views.legacy.pt"])
def test_truncated_files(name: str) -> None:
    data = (GOLDEN / name).read_bytes()
    step = 1 if name == "views.legacy.pt" else 7
    for length in range(0, len(data), step):
        assert attempt(data[:length]) is not None, length


def test_a_truncated_archive_is_called_so() -> None:
    data = (GOLDEN / "views.pt").read_bytes()
    message = "^PytorchStreamReader failed reading zip archive: failed finding central directory"
    with pytest.raises(RuntimeError, match=message):
        torch.load(io.BytesIO(data[: len(data) // 2]))


def test_random_bytes() -> None:
    chance = random.Random(1)
    for _ in range(ROUNDS):
        body = chance.randbytes(chance.randrange(200))
        for start in (b"", b"\x80\x02", b"PK\x03\x04"):
            result = attempt(start + body)
            assert result is None or isinstance(result, EXPECTED)
