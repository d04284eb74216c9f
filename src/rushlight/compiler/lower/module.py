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
        shared: definitions that other kernels may bring too: name -> text; kept once.
        libraries: the libraries whose functions are called.
    """

    __slots__ = (
        "_source", "bytes", "flops", "functions", "libraries", "name", "shared", "text", "threads",
    )  # fmt: skip

    def __init__(
        self, name: str, functions: Sequence[str] | str, text: str, *, threads: bool = False,
        flops: float = 0, bytes: float = 0, source: str | Callable[[], str] = "",
        shared: dict[str, str] | None = None, libraries: Sequence[Library] = (),
    ) -> None:  # fmt: skip
        self.name = name
        self.functions = (functions,) if isinstance(functions, str) else tuple(functions)
        self.text = text
        self.threads = threads
        self.flops = flops
        self.bytes = bytes
        self._source = source
        self.shared = shared or {}
        self.libraries = tuple(libraries)

    @property
    def source(self) -> str:
        """The loops as text for people."""
        return self._source if isinstance(self._source, str) else self._source()

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
    the team gathers there anyway. Beside work for all threads, small kernels take turns in being
    done by one thread or another.
    """
    phases: list[Phase] = [[]]
    emitted: list[Emitted] = []
    for part in parts:
        if isinstance(part, Barrier):
            phases.append([])
            continue
        emitted.append(part)
        for number, function in enumerate(part.functions):
            if number:
                phases.append([])
            phases[-1].append((function, part.threads))
    phases = [phase for phase in phases if phase]
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
    step, barriers = _step(phases)
    text = finish("\n".join([step, *texts]), target)
    return Module(text, libraries, barriers, any(part.threads for part in emitted))


#: Functions that need not wait for each other, with whether all threads call them.
Phase = list[tuple[str, bool]]


def _step(phases: Sequence[Phase]) -> tuple[str, int]:
    """The function that calls everything, and how many barriers it has."""
    lines = [
        "define void @step(ptr %p, i64 %tid, i64 %nt, ptr %team) {",
        "  %alone = icmp eq i64 %nt, 1",
    ]
    count = barriers = 0

    def only(condition: str, calls: Sequence[str]) -> None:
        nonlocal count
        lines.extend([
            f"  br i1 {condition}, label %b{count}, label %b{count + 1}", f"b{count}:", *calls,
            f"  br label %b{count + 1}", f"b{count + 1}:",
        ])  # fmt: skip
        count += 2

    before = False  # did several threads work in the phase before?
    for number, phase in enumerate(phases):
        wide = any(all_ for _, all_ in phase)
        if number and (wide or before):
            only("%several", ["  call void @rushlight_barrier(ptr %team, i64 %nt)"])
            barriers += 1
        before = wide
        single = [f"  call void @{f}(ptr %p, i64 0, i64 1)" for f, all_ in phase if not all_]
        if not wide:
            only("%first", single)
            continue
        for turn, call in enumerate(single):
            name = f"t{number}.{turn}"
            # The last thread first: it is the one that has the least to do elsewhere.
            lines.append(f"  %{name}.n = urem i64 {turn}, %nt")
            lines.append(f"  %{name}.l = sub i64 %nt, %{name}.n")
            lines.append(f"  %{name}.t = sub i64 %{name}.l, 1")
            lines.append(f"  %{name} = icmp eq i64 %tid, %{name}.t")
            only(f"%{name}", [call])
        for f, all_ in phase:
            if all_:
                lines.append(f"  call void @{f}(ptr %p, i64 %tid, i64 %nt)")
    lines[2:2] = ["  %first = icmp eq i64 %tid, 0", "  %several = xor i1 %alone, true"]
    lines += ["  ret void", "}", "declare void @rushlight_barrier(ptr, i64)"]
    return "\n".join(lines), barriers


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
