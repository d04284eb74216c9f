"""Where everything lies and in which order it runs: a graph made into native segments.

`arrange` decides which buffers are windows of the arena and where (buffers that are not alive at
the same time share memory), which are entries of the table of pointers, where barriers stand, and
which host calls lie between native segments.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING, Any

import numpy as np

from . import check
from .ir import Buffer, Equation, Gemm, Graph, Host, Kernel, View, verify
from .lower.gemm import lower_gemm
from .lower.kernels import lower_kernel
from .lower.loops import lower_loop
from .lower.module import BARRIER
from .lower.target import Target
from .passes.forward import forward_copies
from .passes.fuse import fuse
from .passes.phases import in_phases
from .passes.simplify import simplify
from .runtime.engine import build

if TYPE_CHECKING:
    from collections.abc import Sequence

_ALIGNMENT = 64
#: Buffers larger than this start at different offsets within a page, so that loops over several
#: of them do not fight for the same lines of the cache.
_STAGGER = 4096


#: Bytes between two buffers of the arena. 0 but in tests: then buffers share no memory, guard zones
#: lie between them, and `Executable.poison` and `intact` find reads of what nothing wrote and
#: writes to what is nobody's.
GUARD = 0

#: Sources of buffers that are other arrays on every call.
_MOVING = frozenset(
    ("argument", "named", "grad", "result", "fresh", "saved", "cotangent", "gradient")
)


class Layout:
    """The memory of a plan.

    Attributes:
        slots: the external buffers, in the order of their entries (from 1 on).
        arena: bytes of the arena.
        guards: (first, one past the last) byte of the zones that nothing may write to.
    """

    def __init__(
        self, slots: list[Buffer], arena: int, guards: Sequence[tuple[int, int]] = ()
    ) -> None:
        self.slots = slots
        self.arena = arena
        self.guards = list(guards)


class Segment:
    """Native code, or one host call, of a plan. `parts`: the kernels, for `explain`."""

    def __init__(self, native: Any, host: Host | None, parts: Sequence[Any] = ()) -> None:
        self.native = native
        self.host = host
        self.parts = list(parts)


def hoist_hosts(graph: Graph) -> None:
    """Move host calls that depend on nothing computed before them to the front, in order."""
    front: list[Equation] = []
    rest: list[Equation] = []
    for e in graph.equations:
        if isinstance(e, Host) and not any(_conflict(e, other) for other in rest):
            front.append(e)
        else:
            rest.append(e)
    graph.equations = front + rest


#: The passes over graphs, in their order.
PASSES = (forward_copies, simplify, forward_copies, hoist_hosts)


def optimize(graph: Graph) -> None:
    """Run the passes; with `check.enabled` (tests), verify what each left behind."""
    for run in (None, *PASSES):
        if run is not None:
            run(graph)
        if check.enabled:
            try:
                verify(graph)
            except ValueError as error:
                name = "tracing" if run is None else run.__name__
                raise AssertionError(f"{name} left a wrong graph: {error}") from error


def _conflict(a: Equation, b: Equation) -> bool:
    """Whether two equations must keep their order."""
    if isinstance(a, Host) and isinstance(b, Host):
        return True
    reads, writes = list(a.reads()), list(a.writes())
    for v in b.writes():
        if any(v.overlaps(w) for w in (*reads, *writes)):
            return True
    return any(v.overlaps(w) for v in b.reads() for w in writes)


def moves(b: Buffer) -> bool:
    """Whether a buffer is another array on every call."""
    return b.source is not None and b.source[0] in _MOVING


def place(graph: Graph, groups: Sequence[Any]) -> Layout:
    """Give every buffer its entry in the table or its place in the arena."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    buffers: dict[int, Buffer] = {}
    for i, group in enumerate(groups):
        for v in (*group.reads(), *group.writes()):
            b = v.buffer
            buffers[id(b)] = b
            first.setdefault(id(b), i)
            last[id(b)] = i
    slots: list[Buffer] = []
    inside: list[Buffer] = []
    for b in buffers.values():
        if b.source is not None or b.constant is not None:
            slots.append(b)
        else:
            inside.append(b)
    # Arrays that are others on every call stand together at the end: a launch writes them.
    slots.sort(key=moves)
    for number, b in enumerate(slots):
        b.slot = 1 + number
    inside.sort(key=lambda b: (first[id(b)], -b.size))
    if GUARD:
        return Layout(slots, *_apart(inside))
    return Layout(slots, _pack(inside, first, last))


def _apart(inside: list[Buffer]) -> tuple[int, list[tuple[int, int]]]:
    """Every buffer at a place of its own, with guard zones between them."""
    guards = []
    size = 0
    for b in inside:
        guards.append((size, size + GUARD))
        b.offset = size + GUARD
        nbytes = max(1, b.size) * b.dtype.itemsize
        size = b.offset + -(-nbytes // _ALIGNMENT) * _ALIGNMENT
    guards.append((size, size + GUARD))
    return size + GUARD, guards


def _pack(inside: list[Buffer], first: dict[int, int], last: dict[int, int]) -> int:
    """Offsets in the arena, in the order of use or of size, whichever takes less."""
    orders = inside, sorted(inside, key=lambda b: -b.size * b.dtype.itemsize)
    packed = [_packed(order, first, last) for order in orders]
    size, offsets = min(packed, key=lambda found: found[0])
    for b in inside:
        b.offset = offsets[id(b)]
    return size


def _packed(
    order: Sequence[Buffer], first: dict[int, int], last: dict[int, int]
) -> tuple[int, dict[int, int]]:
    """Each buffer takes the lowest gap that is free while it is alive: size, offsets."""
    placed: list[tuple[int, int, int, int]] = []  # start, end, first use, last use
    offsets: dict[int, int] = {}
    size = 0
    for number, b in enumerate(order):
        nbytes = max(1, b.size) * b.dtype.itemsize
        need = -(-nbytes // _ALIGNMENT) * _ALIGNMENT
        if need >= _STAGGER:
            need += _ALIGNMENT * (1 + number % 16)
        begin, end = first[id(b)], last[id(b)]
        offset = 0
        for s, e, f, t in placed:
            if f <= end and begin <= t:
                if offset + need <= s:
                    break
                offset = max(offset, e)
        offsets[id(b)] = offset
        insort(placed, (offset, offset + need, begin, end))
        size = max(size, offset + need)
    return size, offsets


class _Touched:
    """Memory used since the last barrier."""

    def __init__(self) -> None:
        self.reads: list[tuple[int, int, int]] = []
        self.writes: list[tuple[int, int, int]] = []

    def conflicts(self, reads: list[Any], writes: list[Any]) -> bool:
        return (
            _meet(self.writes, reads) or _meet(self.writes, writes) or _meet(self.reads, writes)
        )


def _meet(a: list[Any], b: list[Any]) -> bool:
    return any(x[0] == y[0] and x[1] < y[2] and y[1] < x[2] for x in a for y in b)


def _range(view: View) -> tuple[int, int, int]:
    """Slot, first and one past the last byte."""
    low, high = view.span()
    b = view.buffer
    start = 0 if b.slot else b.offset
    return b.slot, start + low * b.dtype.itemsize, start + high * b.dtype.itemsize


def lower(group: Any, name: str, target: Target) -> Any:
    """The code of one group."""
    if isinstance(group, Gemm):
        return lower_gemm(group, name, target)
    if isinstance(group, Kernel):
        return lower_kernel(group, name, target)
    return lower_loop(group, name, target)


def compile_segments(groups: Sequence[Any], key: str = "") -> list[Segment]:
    """Native code for every run of groups without host calls between them."""
    target = Target.host()
    segments: list[Segment] = []
    parts: list[Any] = []
    kept: list[Any] = []
    touched = _Touched()

    def close() -> None:
        nonlocal touched
        if parts:
            segments.append(Segment(build(list(parts), key), None, list(kept)))
        parts.clear()
        kept.clear()
        touched = _Touched()

    for number, group in enumerate(groups):
        if isinstance(group, Host):
            close()
            segments.append(Segment(None, group))
            continue
        emitted = lower(group, f"k{number}", target)
        reads = [_range(v) for v in group.reads()]
        writes = [_range(v) for v in group.writes()]
        if touched.conflicts(reads, writes):
            parts.append(BARRIER)
            touched = _Touched()
        parts.append(emitted)
        kept.append((group, emitted))
        touched.reads.extend(reads)
        touched.writes.extend(writes)
    close()
    return segments


def verify_order(groups: Sequence[Any]) -> None:
    """Check that fusion lost nothing: what a group reads, an earlier one wrote.

    Raises:
        AssertionError: a group reads memory of the arena that nothing wrote.
    """
    written: set[int] = set()
    for group in groups:
        own = {id(v.buffer) for v in group.writes()}
        for v in group.reads():
            b = v.buffer
            if b.source is None and b.constant is None and v.size and id(b) not in written | own:
                raise AssertionError(f"fusion left a group that reads {v!r} unwritten: {group!r}")
        written |= own


def arrange(graph: Graph) -> tuple[Layout, list[Any]]:
    """Optimize, group and place; the groups in the order in which they run."""
    optimize(graph)
    groups = in_phases(fuse(graph))
    if check.enabled:
        verify_order(groups)
    return place(graph, groups), groups


def flat(array: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """`size` elements of memory from the first of `array`'s on."""
    return np.lib.stride_tricks.as_strided(array, (size,), (array.itemsize,))


__all__ = ["Layout", "Segment", "arrange", "compile_segments", "flat", "moves"]
