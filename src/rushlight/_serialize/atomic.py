"""Writing a file so that at any moment there is the whole old one or the whole new one."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def write_atomically(path: str, write: Callable[[Any], None]) -> None:
    """Let `write` fill a new file, and put it in the place of `path` when it is complete.

    The new file is written beside the old one, synced to the disk and renamed over it. An
    existing file keeps its mode and, where the system allows, its owner; a symbolic link
    stays, and its target is replaced. Devices and pipes are written directly.

    Args:
        path: where the file shall be.
        write: gets the open binary file.
    """
    target = os.path.realpath(path)
    try:
        old = os.stat(target)
    except FileNotFoundError:
        old = None
    if old is not None and stat.S_ISDIR(old.st_mode):
        raise RuntimeError("open file failed with strerror: Is a directory")
    if old is not None and not stat.S_ISREG(old.st_mode):
        with open(target, "wb") as special:
            write(special)
        return
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:100]}.{os.getpid()}-{os.urandom(6).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        # A file that may not be written must not be replaced either.
        if old is not None and not os.access(target, os.W_OK):
            raise PermissionError(13, "Permission denied", target)
        descriptor = os.open(temporary, flags | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError as error:
        raise RuntimeError(
            f"open file failed with strerror: {error.strerror} ({error.filename}; a file is saved "
            "by writing a new one beside it, so that a crash cannot destroy the old one)"
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            if old is not None:
                _keep_owner_and_mode(temporary, old)
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _keep_owner_and_mode(path: str, old: os.stat_result) -> None:
    if hasattr(os, "chown"):
        made = os.stat(path)
        if (made.st_uid, made.st_gid) != (old.st_uid, old.st_gid):
            with suppress(OSError):  # only root may give files away
                os.chown(path, old.st_uid, old.st_gid)
    os.chmod(path, stat.S_IMODE(old.st_mode))


def _sync_folder(folder: str) -> None:
    """Make the renaming itself durable, where folders can be opened (not on Windows)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
