"""The disk cache of machine code: what is kept, and what must never be run."""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from rushlight.compiler.lower.module import Emitted
from rushlight.compiler.runtime import cache, engine

NAME = cache.key("a", "b")
CODE = b"machine code" * 10


@pytest.fixture
def folder(tmp_path, monkeypatch):
    place = tmp_path / "kept"
    monkeypatch.setenv("RUSHLIGHT_CACHE", str(place))
    return place


def entry(folder):
    return folder / NAME[:2] / NAME


def test_kept_and_found(folder) -> None:
    assert cache.load(NAME) is None
    assert cache.save(NAME, CODE)
    assert cache.load(NAME) == CODE
    assert cache.load(cache.key("a", "c")) is None
    assert [f.name for f in entry(folder).parent.iterdir()] == [NAME]


def test_keys_keep_their_parts_apart() -> None:
    assert cache.key("ab", "c") != cache.key("a", "bc")


@pytest.mark.parametrize("length", [0, 1, 20, 60, 120, -1])
def test_truncated(folder, length: int) -> None:
    cache.save(NAME, CODE)
    data = entry(folder).read_bytes()
    entry(folder).write_bytes(data[:length])
    assert cache.load(NAME) is None
    assert cache.save(NAME, CODE) and cache.load(NAME) == CODE


def test_every_damaged_byte_is_noticed(folder) -> None:
    cache.save(NAME, CODE)
    data = entry(folder).read_bytes()
    for i in range(0, len(data), 7):
        entry(folder).write_bytes(data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :])
        assert cache.load(NAME) is None
    entry(folder).write_bytes(data + b"more")
    assert cache.load(NAME) is None


def test_another_entry_under_this_name(folder) -> None:
    other = cache.key("other")
    cache.save(NAME, CODE)
    cache.save(other, CODE)
    os.replace(folder / other[:2] / other, entry(folder))
    assert cache.load(NAME) is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions of POSIX")
def test_what_others_can_write_is_not_run(folder) -> None:
    cache.save(NAME, CODE)
    for place in (folder, entry(folder).parent, entry(folder)):
        before = place.stat().st_mode
        for bit in (0o020, 0o002):
            place.chmod(before | bit)
            assert cache.load(NAME) is None
        place.chmod(before)
        assert cache.load(NAME) == CODE


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="symbolic links")
def test_links_are_not_followed(folder, tmp_path) -> None:
    cache.save(NAME, CODE)
    moved = tmp_path / "elsewhere"
    os.replace(entry(folder), moved)
    os.symlink(moved, entry(folder))
    assert cache.load(NAME) is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions of POSIX")
def test_what_others_own_is_not_run(folder, monkeypatch) -> None:
    cache.save(NAME, CODE)
    monkeypatch.setattr(os, "getuid", lambda: os.stat(folder).st_uid + 1)
    assert cache.load(NAME) is None


def test_unwritable(tmp_path, monkeypatch) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    monkeypatch.setenv("RUSHLIGHT_CACHE", str(blocker / "below"))
    assert not cache.save(NAME, CODE)
    assert cache.load(NAME) is None


def test_where(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("RUSHLIGHT_CACHE", "0")
    assert cache.folder() is None
    assert not cache.save(NAME, CODE) and cache.load(NAME) is None
    monkeypatch.delenv("RUSHLIGHT_CACHE")
    monkeypatch.setattr(cache.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == str(tmp_path / "rushlight")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == str(tmp_path / ".cache" / "rushlight")


STORE = """
define internal void @k(ptr %p, i64 %tid, i64 %nt) {
  %x = getelementptr i8, ptr %p, i64 8
  %a = load ptr, ptr %x
  store double VALUE, ptr %a
  ret void
}
"""


def run(value: float, extra: str = "") -> tuple[float, bool]:
    a = np.zeros(1)
    table = np.array([0, a.ctypes.data], np.uintp)
    native = engine.build([Emitted("k", "k", STORE.replace("VALUE", str(value)))], extra)
    native(table.ctypes.data)
    return a[0], native.cached


def test_steps_are_kept(folder) -> None:
    assert run(2.5) == (2.5, False)
    assert run(2.5) == (2.5, True)
    assert run(3.5) == (3.5, False)
    assert run(2.5, "other") == (2.5, False)
    for file in folder.glob("*/*"):
        file.write_bytes(file.read_bytes()[:-3])
    assert run(2.5) == (2.5, False)
    assert run(2.5) == (2.5, True)
