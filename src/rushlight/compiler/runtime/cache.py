"""Machine code kept on disk between runs.

An entry is a file named by its key, a digest of everything the machine code depends on. It begins
with a mark, the key and a digest of what follows; anything that does not fit is ignored and
written again. As machine code is run unseen, only files and folders that belong to this user and
that no one else may write are read.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile

_MARK = b"rushlight machine code 1\n"


def folder() -> str | None:
    """Where entries lie: RUSHLIGHT_CACHE, else the user's cache folder; None if it is "0" or ""."""
    chosen = os.environ.get("RUSHLIGHT_CACHE")
    if chosen is not None:
        return os.path.abspath(os.path.expanduser(chosen)) if chosen not in ("", "0") else None
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif sys.platform == "darwin":
        base = os.path.join(home, "Library", "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
        if not os.path.isabs(base):  # the specification: ignore relative paths
            base = os.path.join(home, ".cache")
    return os.path.join(base, "rushlight") if os.path.isabs(base) else None


def key(*parts: str) -> str:
    """A name for machine code that depends on `parts`."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def _path(base: str, name: str) -> str:
    return os.path.join(base, name[:2], name)


def _safe(status: os.stat_result) -> bool:
    """Whether nobody but this user (and the superuser) can have written it."""
    if not hasattr(os, "getuid"):
        return True  # Windows: the user's folder belongs to the user
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def load(name: str) -> bytes | None:
    """The machine code kept under a key, or None."""
    base = folder()
    if base is None:
        return None
    path = _path(base, name)
    try:
        for place in (base, os.path.dirname(path)):
            status = os.lstat(place)
            if not stat.S_ISDIR(status.st_mode) or not _safe(status):
                return None
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with open(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or not _safe(status):
                return None
            data = file.read()
    except OSError:
        return None
    head = len(_MARK) + 64
    if len(data) < head + 32 or not data.startswith(_MARK + name.encode()):
        return None
    code = data[head + 32 :]
    return code if hashlib.sha256(code).digest() == data[head : head + 32] else None


def save(name: str, code: bytes) -> bool:
    """Keep machine code under a key; whether that worked."""
    base = folder()
    if base is None:
        return False
    path = _path(base, name)
    temporary = ""
    try:
        os.makedirs(base, mode=0o700, exist_ok=True)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".new", dir=os.path.dirname(path))
        with open(handle, "wb") as file:
            file.write(_MARK + name.encode() + hashlib.sha256(code).digest() + code)
        os.replace(temporary, path)
    except OSError:
        if temporary:
            try:
                os.unlink(temporary)
            except OSError:
                pass
        return False
    return True
