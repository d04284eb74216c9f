"""A file is the whole old one or the whole new one, whatever happens while it is written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import rushlight as torch


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "model.pt"
    torch.save("old", path)
    return path


def alone(path: Path) -> bool:
    """No other file lies beside `path`."""
    return [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_failing_pickle_leaves_the_old_file(old: Path) -> None:
    with pytest.raises(TypeError):
        torch.save([torch.ones(3), (i for i in range(3))], old)
    assert torch.load(old) == "old"
    assert alone(old)


@pytest.mark.parametrize("function", ["replace", "fsync"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failing_disk_leaves_the_old_file(
    old: Path, monkeypatch: pytest.MonkeyPatch, function: str, error: BaseException
) -> None:
    def fail(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(type(error)):
        torch.save("new", old)
    monkeypatch.undo()
    assert torch.load(old) == "old"
    assert alone(old)


def test_everything_is_synced_before_the_name_changes(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Any] = []
    fsync, replace = os.fsync, os.replace

    def noted_sync(descriptor: int) -> None:
        mode = os.fstat(descriptor).st_mode
        steps.append(("sync", "folder" if stat.S_ISDIR(mode) else os.fstat(descriptor).st_size))
        fsync(descriptor)

    def noted_replace(source: str, target: str) -> None:
        steps.append("replace")
        assert torch.load(source) == "new"
        assert torch.load(target) == "old"
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_replace)
    torch.save("new", old)
    assert steps == [("sync", old.stat().st_size), "replace", ("sync", "folder")]
    assert torch.load(old) == "new"
    assert alone(old)


def test_a_killed_process_leaves_the_old_file(old: Path) -> None:
    script = """
        import os, signal, sys
        import rushlight as torch
        from rushlight._serialize import container

        def die(self):
            os.kill(os.getpid(), signal.SIGKILL)

        container.ZipWriter.finish = die
        torch.save(torch.zeros(100_000), sys.argv[1])
    """
    arguments = [sys.executable, "-c", textwrap.dedent(script), str(old)]
    assert subprocess.run(arguments, check=False).returncode == -9
    assert torch.load(old) == "old"
    torch.save("new", old)
    assert torch.load(old) == "new"


def test_modes(tmp_path: Path, old: Path) -> None:
    before = os.umask(0o027)
    try:
        torch.save(1, tmp_path / "fresh.pt")
        old.chmod(0o604)
        torch.save("new", old)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "fresh.pt").stat().st_mode) == 0o640
    assert stat.S_IMODE(old.stat().st_mode) == 0o604


def test_symbolic_links_are_followed(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    target, link = folder / "real.pt", tmp_path / "link.pt"
    torch.save("old", target)
    link.symlink_to(target)
    torch.save("new", link)
    assert link.is_symlink()
    assert torch.load(target) == "new"
    assert alone(target)


def test_a_link_to_nothing(tmp_path: Path) -> None:
    link = tmp_path / "link.pt"
    link.symlink_to(tmp_path / "later.pt")
    torch.save("new", link)
    assert torch.load(tmp_path / "later.pt") == "new"


def test_devices_are_written_directly() -> None:
    torch.save(torch.ones(3), os.devnull)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_wrong_places(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(RuntimeError, match=f"Parent directory {missing} does not exist."):
        torch.save(1, missing / "x.pt")
    with pytest.raises(RuntimeError, match="open file failed with strerror: Is a directory"):
        torch.save(1, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(1, "here.pt")
    assert torch.load("here.pt") == 1


def test_legacy_files_are_atomic_too(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        torch.save("new", old, _use_new_zipfile_serialization=False)
    monkeypatch.undo()
    assert torch.load(old) == "old"
    assert alone(old)
