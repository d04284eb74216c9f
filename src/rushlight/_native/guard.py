"""Locks of kernels: each works with a table of its own, for one call at a time."""

from __future__ import annotations

import os
import threading


class Guard:
    """A lock that a forked child finds open.

    Attributes:
        busy: whether this very thread is within the kernel: a signal's handler may come in between.
    """

    __slots__ = ("busy", "lock")

    def __init__(self) -> None:
        self.open()
        _guards.append(self)

    def open(self) -> None:
        self.lock = threading.RLock()
        self.busy = False


#: They live as long as the kernels: as the process.
_guards: list[Guard] = []


def _forked() -> None:
    """The threads that held locks are not there any more."""
    for guard in _guards:
        guard.open()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
