"""The team of threads that runs native steps.

Workers are threads that entered machine code and never leave it: they hold no lock, are invisible
to the interpreter's exit, and die with the process. A forked child starts without them and makes
its own. Elsewhere than on Linux (x86-64 and AArch64), steps run on one thread.
"""

from __future__ import annotations

import _thread
import ctypes
import os
import sys
from time import perf_counter, sleep
from typing import Any

from . import pool

#: How long a waiting thread spins before it sleeps: about what waking it up takes.
SPIN_SECONDS = 50e-6


def _machine() -> str | None:
    if sys.platform != "linux" or sys.maxsize < 2**32:
        return None
    names = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64"}
    return names.get(os.uname().machine.lower())


#: This machine's kind in `pool.SYSTEM_CALLS`, or None where there are no teams.
MACHINE = _machine()


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def limit() -> int:
    """How many threads a step may use: `torch.get_num_threads()`, but no more than processors."""
    if MACHINE is None:
        return 1
    from ..._tensor.threads import get_num_threads

    return max(1, min(get_num_threads(), processors()))


class Team:
    """A launching thread and its workers.

    Attributes:
        address: of its memory.
        threads: how many there are, the launching one included.
    """

    __slots__ = ("_memory", "_worker", "address", "threads")

    def __init__(self, addresses: dict[str, int], threads: int) -> None:
        self._memory: Any = (ctypes.c_char * (pool.team_bytes(threads) + pool.LINE))()
        start = ctypes.addressof(self._memory)
        self.address = start + -start % pool.LINE
        self._put(pool.CPU, (-1).to_bytes(4, sys.byteorder, signed=True))
        self._put(pool.SPIN, _spins(addresses).to_bytes(8, sys.byteorder))
        size = pool.MASK_BYTES
        mask = sum(1 << cpu for cpu in os.sched_getaffinity(0) if cpu < 8 * size)
        words = [(mask >> 64 * i) & (2**64 - 1) for i in range(size // 8)]
        self._put(pool.MASK, b"".join(x.to_bytes(8, sys.byteorder) for x in words))
        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
        self._worker = kind(addresses["rushlight_worker"])
        self.threads = 1
        for number in range(1, threads):
            try:
                _thread.start_new_thread(self._worker, (self.address, number))
            except RuntimeError:  # no more threads, or the interpreter is closing
                break
            # A step may hold the interpreter's lock while it waits for its workers, so they must
            # have left Python before the first one begins.
            if not self._arrived(number):
                break
            self.threads += 1

    def _arrived(self, number: int) -> bool:
        place = self.address + pool.WORKERS + pool.LINE * number + pool.THREAD
        word = ctypes.c_int32.from_address(place)
        end = perf_counter() + 10
        while word.value == 0 and perf_counter() < end:
            sleep(20e-6)
        return word.value != 0

    def _put(self, offset: int, data: bytes) -> None:
        ctypes.memmove(self.address + offset, data, len(data))


def _spins(addresses: dict[str, int]) -> int:
    """How many pauses take SPIN_SECONDS."""
    pauses = ctypes.PYFUNCTYPE(None, ctypes.c_int64)(addresses["rushlight_pauses"])
    best = 1.0
    for _ in range(5):
        start = perf_counter()
        pauses(200)
        best = min(best, perf_counter() - start)
    return max(100, min(20_000, int(SPIN_SECONDS * 200 / best)))


#: Teams live for ever: their workers never leave their memory.
_teams: list[Team] = []
_lock = _thread.allocate_lock()


def team(addresses: dict[str, int], threads: int) -> Team:
    """This process's team, of at least so many threads if they can be had.

    Args:
        addresses: of the functions of `pool.library`.
    """
    with _lock:
        if not _teams or _teams[-1].threads < threads:
            _teams.append(Team(addresses, threads))
        return _teams[-1]


def _forked() -> None:
    """A child has no workers."""
    global _lock
    _lock = _thread.allocate_lock()
    _teams.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
