"""Loops that were lowered before: equal ones differ only in what they run over.

A network repeats its layers, and an optimizer its update for every parameter. The code of a loop is
a function of addresses, so that equal loops need to be lowered (and compiled) only once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir import walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..ir import Expr, View
    from ..loop import Loop


class Lowered:
    """The code of a loop, as a function of addresses.

    Attributes:
        body: the function's name.
        shared: its text and that of what it calls: name -> text.
        declared: declarations.
        views: which of the loop's views give the addresses (positions in `views_of`).
        flat: elements and lanes, if it is one loop over contiguous elements; else None.
        threads, flops, bytes: as in `Emitted`.
        note: how it runs, for people.
    """

    __slots__ = (
        "body", "bytes", "declared", "flat", "flops", "note", "shared", "threads", "views",
    )  # fmt: skip

    def __init__(
        self, body: str, shared: dict[str, str], declared: list[str], views: list[int],
        flat: tuple[int, int] | None, *, threads: bool, flops: float, bytes: float, note: str,
    ) -> None:  # fmt: skip
        self.body = body
        self.shared = shared
        self.declared = declared
        self.views = views
        self.flat = flat
        self.threads = threads
        self.flops = flops
        self.bytes = bytes
        self.note = note


#: What was lowered, by `signature`.
KNOWN: dict[Any, Lowered] = {}
MOST = 4096


def keep(key: Any, lowered: Lowered) -> None:
    """Remember it."""
    if len(KNOWN) >= MOST:
        KNOWN.clear()
    KNOWN[key] = lowered


def views_of(loop: Loop) -> Iterator[View]:
    """All views, in order."""
    for s in loop.body:
        yield from s.inputs
        yield from s.outputs


def signature(loop: Loop, target: str) -> Any:
    """Equal for loops with the same code: all but which memory they run over."""
    buffers: dict[int, int] = {}
    places: dict[tuple[int, int], int] = {}
    about: list[Any] = []

    def seen(v: View) -> Any:
        b = v.buffer
        number = buffers.get(id(b))
        if number is None:
            number = buffers[id(b)] = len(buffers)
            about.append((b.dtype, b in loop.elided))
        place = places.setdefault((number, v.offset), len(places))
        return number, place, v.shape, v.strides

    body = tuple([
        (
            s.inner, s.fold, s.positions, tuple([seen(v) for v in s.inputs]),
            tuple([seen(v) for v in s.outputs]), _expressions(s.expressions),
        )
        for s in loop.body
    ])  # fmt: skip
    return target, loop.kept, loop.inner, body, tuple(about)


def _expressions(expressions: list[Expr]) -> Any:
    """Equal for expressions that are written down in the same way."""
    number: dict[int, int] = {}
    nodes: list[Any] = []
    for expression in expressions:
        for e in walk(expression):
            if id(e) in number:
                continue
            value: Any = None
            if e.op == "const":
                value = np.asarray(e.value).astype(e.dtype).tobytes()
            number[id(e)] = len(number)
            nodes.append((e.op, tuple([number[id(a)] for a in e.args]), e.dtype, e.index, value))
        nodes.append(number[id(expression)])
    return tuple(nodes)


def caller(loop: Loop, name: str, lowered: Lowered) -> str:
    """The kernel function: it looks up the addresses and calls the loops."""
    lines = [f"define internal void @{name}(ptr %p, i64 %tid, i64 %nt) {{", "entry:"]
    if lowered.body:
        views = list(views_of(loop))
        arguments = []
        for i, at in enumerate(lowered.views):
            v = views[at]
            b = v.buffer
            start = v.offset * int(v.dtype.itemsize) + (0 if b.slot else b.offset)
            lines += [
                f"  %s{i} = getelementptr i8, ptr %p, i64 {8 * b.slot}",
                f"  %b{i} = load ptr, ptr %s{i}, align 8",
                f"  %a{i} = getelementptr i8, ptr %b{i}, i64 {start}",
            ]
            arguments.append(f"ptr %a{i}")
        if lowered.flat is None:
            arguments += ["i64 %tid", "i64 %nt"]
        else:
            arguments += _flat_share(lines, *lowered.flat, lowered.threads)
        lines.append(f"  call void @{lowered.body}({', '.join(arguments)})")
    return "\n".join([*lines, "  ret void", "}", *lowered.declared, ""])


def _flat_share(lines: list[str], n: int, lanes: int, threads: bool) -> list[str]:
    """Arguments of a flat loop: this thread's first element, where whole vectors end, its end."""
    whole = n // lanes * lanes
    if not threads:
        return ["i64 0", f"i64 {whole}", f"i64 {n}"]
    units = -(-n // 64)
    lines += [
        f"  %f0 = mul i64 %tid, {units}",
        "  %f1 = udiv i64 %f0, %nt",
        "  %low = mul i64 %f1, 64",
        "  %f2 = add i64 %tid, 1",
        f"  %f3 = mul i64 %f2, {units}",
        "  %f4 = udiv i64 %f3, %nt",
        "  %f5 = mul i64 %f4, 64",
        f"  %f6 = icmp slt i64 %f5, {n}",
        f"  %high = select i1 %f6, i64 %f5, i64 {n}",
        f"  %f7 = icmp slt i64 %high, {whole}",
        f"  %stop = select i1 %f7, i64 %high, i64 {whole}",
    ]
    return ["i64 %low", "i64 %stop", "i64 %high"]
