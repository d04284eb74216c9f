"""Kernel functions put together: one module of LLVM text whose `step` runs them in order.

Every thread of a team runs ``step(table, thread, threads, team)``. A kernel function does its share
of the work for its thread; a barrier makes all threads wait for each other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .target import Target


class Library:
    """Machine code that many modules share: compiled once for a process, found by name.

    Attributes:
        name: unique among libraries for one target.
        text: a function that gives its LLVM text; its symbols are not internal.
        symbols: the functions that others call: name -> declaration.
        needs: the libraries that it calls itself.
    """

    __slots__ = ("name", "needs", "symbols", "text")

    def __init__(
        self, name: str, text: Callable[[], str], symbols: dict[str, str],
        needs: Sequence[Library] = (),
    ) -> None:  # fmt: skip
        self.name = name
        self.text = text
        self.symbols = symbols
        self.needs = tuple(needs)


class Emitted:
    """Generated code of one equation or one group of equations.

    Attributes:
        name: what it is, for people.
        functions: its phases, in order: names of functions ``void (ptr table, i64 tid, i64 nt)``,
            with a barrier between two of them.
        text: their definitions, and any declaration they need.
        threads: whether several threads share the work; else thread 0 does it alone.
        flops: floating point operations of one run.
        bytes: memory read and written by one run.
        source: the loops as text for people.
        shared: definitions that other kernels may bring too: name -> text; kept once.
        libraries: the libraries whose functions are called.
    """

    __slots__ = (
        "bytes", "flops", "functions", "libraries", "name", "shared", "source", "text", "threads",
    )  # fmt: skip

    def __init__(
        self, name: str, functions: Sequence[str] | str, text: str, *, threads: bool = False,
        flops: float = 0, bytes: float = 0, source: str = "",
        shared: dict[str, str] | None = None, libraries: Sequence[Library] = (),
    ) -> None:  # fmt: skip
        self.name = name
        self.functions = (functions,) if isinstance(functions, str) else tuple(functions)
        self.text = text
        self.threads = threads
        self.flops = flops
        self.bytes = bytes
        self.source = source
        self.shared = shared or {}
        self.libraries = tuple(libraries)

    def __repr__(self) -> str:
        return f"Emitted({self.name!r})"


class Barrier:
    """All threads wait for each other here."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "BARRIER"


BARRIER = Barrier()

_DEFINITION = re.compile(r"^(define\b[^\n]*?)\s*\{[ \t]*$", re.MULTILINE)
_DECLARATION = re.compile(r"^declare\b[^\n]*\n?", re.MULTILINE)
_DECLARED = re.compile(r"@([-\w.$]+|\"[^\"]+\")\s*\(")


class Module:
    """LLVM text with a function `step`.

    Attributes:
        text: all of it.
        libraries: name -> library that it calls.
        barriers: how many barriers a step has.
        threads: whether any part of it is for several threads.
    """

    __slots__ = ("barriers", "libraries", "text", "threads")

    def __init__(
        self, text: str, libraries: dict[str, Library], barriers: int, threads: bool
    ) -> None:
        self.text = text
        self.libraries = libraries
        self.barriers = barriers
        self.threads = threads


def assemble(parts: Sequence[Emitted | Barrier], target: Target) -> Module:
    """One module that runs `parts` in order.

    Barriers between work that only thread 0 does are left out, and so are those at either end:
    the team gathers there anyway.
    """
    # What runs: functions with whether all threads call them, None for a barrier.
    order: list[tuple[str, bool] | None] = []
    emitted: list[Emitted] = []
    for part in parts:
        if isinstance(part, Barrier):
            order.append(None)
            continue
        emitted.append(part)
        for phase, function in enumerate(part.functions):
            if phase:
                order.append(None)
            order.append((function, part.threads))
    kept: list[tuple[str, bool] | None] = []
    wide = waiting = False  # since the last barrier: did all threads work? Is one wanted?
    for item in order:
        if item is None:
            waiting = bool(kept)
            continue
        if waiting and (wide or item[1]):
            kept.append(None)
            wide = waiting = False
        # Left out between two pieces of thread 0's work, a barrier is still owed to the others.
        wide |= item[1]
        kept.append(item)
    barriers = sum(item is None for item in kept)
    shared: dict[str, str] = {}
    libraries: dict[str, Library] = {}
    for part in emitted:
        for name, text in part.shared.items():
            if shared.setdefault(name, text) != text:
                raise ValueError(f"two different kernels are called {name!r}")
        for library in part.libraries:
            libraries[library.name] = library
    texts = [*shared.values(), *(part.text for part in emitted)]
    for library in libraries.values():
        texts.extend(library.symbols.values())
    text = finish("\n".join([_step(kept), *texts]), target)
    return Module(text, libraries, barriers, any(part.threads for part in emitted))


def _step(order: Sequence[tuple[str, bool] | None]) -> str:
    """The function that calls everything."""
    lines = [
        "define void @step(ptr %p, i64 %tid, i64 %nt, ptr %team) {",
        "  %first = icmp eq i64 %tid, 0",
        "  %alone = icmp eq i64 %nt, 1",
    ]
    block = 0
    guarded = False  # inside a block that only thread 0 enters
    for item in order:
        if guarded and (item is None or item[1]):
            lines += [f"  br label %b{block}", f"b{block}:"]
            block += 1
            guarded = False
        if item is None:
            lines += [
                f"  br i1 %alone, label %b{block + 1}, label %b{block}",
                f"b{block}:",
                "  call void @rushlight_barrier(ptr %team, i64 %nt)",
                f"  br label %b{block + 1}",
                f"b{block + 1}:",
            ]
            block += 2
            continue
        function, wide = item
        if not wide and not guarded:
            lines += [f"  br i1 %first, label %b{block}, label %b{block + 1}", f"b{block}:"]
            block += 1
            guarded = True
        share = "i64 %tid, i64 %nt" if wide else "i64 0, i64 1"
        lines.append(f"  call void @{function}(ptr %p, {share})")
    if guarded:
        lines += [f"  br label %b{block}", f"b{block}:"]
    lines += ["  ret void", "}", "declare void @rushlight_barrier(ptr, i64)"]
    return "\n".join(lines)


def finish(text: str, target: Target) -> str:
    """Text as LLVM takes it: every declaration once and ahead, the target's attributes."""
    defined = {m.group(1) for line in _DEFINITION.findall(text) if (m := _DECLARED.search(line))}
    declarations: dict[str, str] = {}
    for line in _DECLARATION.findall(text):
        found = _DECLARED.search(line)
        if found and found.group(1) not in defined:
            declarations.setdefault(found.group(1), line.strip())
    body = _DECLARATION.sub("", text)
    body = _DEFINITION.sub(r"\1 #0 {", body)
    head = [f'target triple = "{target.triple}"'] if target.triple else []
    tail = f"attributes #0 = {{ {target.attributes} }}"
    return "\n".join([*head, *declarations.values(), body, tail, ""])
