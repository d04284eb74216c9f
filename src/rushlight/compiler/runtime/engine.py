"""Kernels made into a native step that can be called."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING

from ..._version import __version__
from ..lower.module import Emitted, assemble
from ..lower.target import Target
from . import cache, entry, llvm, pool, threads
from .halves import HALVES
from .halves import wanted as halves_wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..lower.module import Barrier, Library

#: Floating point operations and bytes per second with which a step's time is first guessed.
_FLOPS, _BYTES = 5e10, 1e10


class Native:
    """A step in machine code.

    Attributes:
        text: its LLVM text.
        seconds: how long it took to make.
        cached: whether its machine code came from the disk cache.
        address: of ``void step(ptr table, i64 thread, i64 threads, ptr team)``.
        threads: whether any part of it is for several threads.
        long: whether it is expected to take long, so that it should release the lock.
    """

    __slots__ = ("_linked", "_runs", "address", "cached", "long", "seconds", "text", "threads")

    def __init__(
        self, text: str, linked: llvm.Linked, *, seconds: float, cached: bool, threads: bool,
        guess: float,
    ) -> None:  # fmt: skip
        self.text = text
        self.seconds = seconds
        self.cached = cached
        self.threads = threads
        self.long = guess > entry.LONG
        self.address = linked.addresses["step"]
        self._linked = linked
        self._runs = _launchers()[int(self.long)]

    def __call__(self, table: int, count: int = 1) -> None:
        """Run it once.

        Args:
            table: the address of the table of pointers.
            count: the number of threads.
        """
        several = count > 1 and self.threads and threads.MACHINE is not None
        team = self.team(count).address if several else None
        self._runs(team, self.address, table, count if team else 1)

    def bind(self, table: int, first: int | None = None) -> Callable[..., None]:
        """A built-in function that runs it with this table, choosing the number of threads.

        Args:
            table: the address of the table of pointers, which must outlive the function.
            first: if given, the function takes a list of arrays whose addresses it writes to the
                table from this entry on.
        """
        return entry.bind(self, _entries(), table, first)

    @staticmethod
    def gate() -> int | None:
        """The address of the machine code of gates, or None where there are none."""
        return _entries().get("rushlight_gate")

    def team(self, count: int) -> threads.Team:
        """The team that runs it on several threads."""
        return threads.team(_launching(), count)


_libraries: dict[tuple[str, str], llvm.Linked] = {}


def _code(text: str, target: Target, extra: str = "") -> tuple[bytes, bool]:
    """Object code, and whether it came from the disk cache."""
    name = cache.key(text, target.key, llvm.version(), __version__, extra)
    code = cache.load(name)
    if code is not None:
        return code, True
    code = llvm.object_code(text, target)
    cache.save(name, code)
    return code, False


def _link(
    code: bytes, exports: list[str], imports: dict[str, int], target: Target
) -> llvm.Linked:
    if halves_wanted(code) and exports[0] not in HALVES.symbols:
        imports = {**imports, **library(HALVES, target).addresses}
    return llvm.Linked(code, exports, imports)


def library(wanted: Library, target: Target) -> llvm.Linked:
    """A library in memory, compiled when it is first asked for."""
    key = (wanted.name, target.key)
    found = _libraries.get(key)
    if found is None:
        with llvm.lock:
            found = _libraries.get(key)
            if found is None:
                imports = dict(_python())
                for other in wanted.needs:
                    imports.update(library(other, target).addresses)
                code, _ = _code(wanted.text(), target)
                found = _libraries[key] = _link(code, list(wanted.symbols), imports, target)
    return found


def build(
    parts: Sequence[Emitted | Barrier], key_extra: str = "", target: Target | None = None
) -> Native:
    """Machine code that runs `parts` in order.

    Args:
        parts: kernels, and `BARRIER` wherever one must see what an earlier one wrote.
        key_extra: anything else the cached machine code depends on.
        target: the processor; the host by default.

    Raises:
        ImportError: llvmlite is not installed.
        RuntimeError: LLVM does not take the text.
    """
    start = perf_counter()
    target = target or Target.host()
    module = assemble(parts, target)
    imports = {**_python(), "rushlight_barrier": _launching()["rushlight_barrier"]}
    for needed in module.libraries.values():
        imports.update(library(needed, target).addresses)
    code, cached = _code(module.text, target, key_extra)
    linked = _link(code, ["step"], imports, target)
    kernels = [part for part in parts if isinstance(part, Emitted)]
    guess = sum(max(k.flops / _FLOPS, k.bytes / _BYTES) for k in kernels)
    return Native(
        module.text, linked, seconds=perf_counter() - start, cached=cached,
        threads=module.threads, guess=guess,
    )  # fmt: skip


@lru_cache(maxsize=1)
def _python() -> dict[str, int]:
    """Addresses of the interpreter's functions."""
    return entry.python_symbols()


@lru_cache(maxsize=1)
def _launching() -> dict[str, int]:
    """Addresses of the functions of teams."""
    return library(pool.library(threads.MACHINE), Target.host()).addresses


@lru_cache(maxsize=1)
def _entries() -> dict[str, int]:
    """Addresses of the functions behind entries."""
    made = entry.library(pool.library(threads.MACHINE))
    return library(made, Target.host()).addresses


@lru_cache(maxsize=1)
def _launchers() -> tuple[Callable[..., None], Callable[..., None]]:
    """`rushlight_launch` called with and without the interpreter's lock."""
    pointer, i64 = ctypes.c_void_p, ctypes.c_int64
    address = _launching()["rushlight_launch"]
    kinds = (ctypes.PYFUNCTYPE, ctypes.CFUNCTYPE)
    made = [kind(None, pointer, pointer, pointer, i64)(address) for kind in kinds]
    return made[0], made[1]
