"""Order: what depends on nothing of the same phase stands together, so that barriers are few.

Threads meet at a barrier wherever a kernel touches what an earlier one wrote. Kernels are put as
early as what they depend on allows: the gradients of a layer's weights, its bias and the update of
the layer behind it then share one phase.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ir import Equation, Host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..ir import View


def in_phases(groups: Sequence[Equation]) -> list[Equation]:
    """The groups by the phase in which they can run first; host calls keep their places."""
    made: list[Equation] = []
    run: list[Equation] = []
    for group in groups:
        if isinstance(group, Host):
            made += [*_sorted(run), group]
            run = []
        else:
            run.append(group)
    return [*made, *_sorted(run)]


def _sorted(groups: list[Equation]) -> list[Equation]:
    written: dict[int, list[tuple[View, int]]] = {}
    read: dict[int, list[tuple[View, int]]] = {}
    levels: list[int] = []
    for group in groups:
        reads, writes = list(group.reads()), list(group.writes())
        level = 0
        for views, tables in ((reads, (written,)), (writes, (written, read))):
            for v in views:
                for table in tables:
                    for other, at in table.get(id(v.buffer), ()):
                        if at >= level and v.overlaps(other):
                            level = at + 1
        levels.append(level)
        for views, into in ((reads, read), (writes, written)):
            for v in views:
                into.setdefault(id(v.buffer), []).append((v, level))
    order = sorted(range(len(groups)), key=lambda i: levels[i])
    return [groups[i] for i in order]
