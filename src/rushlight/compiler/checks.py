"""Native code that looks, before a step runs, whether the indices it was given are in range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .expressions import Value, apply
from .ir import Expr, Graph, Reduce, View, computed
from .lower.loops import lower_loop
from .lower.target import Target
from .passes.fuse import fuse

if TYPE_CHECKING:
    from .loop import Loop


def check_kernels(checks: list[tuple[Any, ...]], slot: int) -> list[Any]:
    """Kernels that set flag i of the buffer in entry `slot` where check i fails.

    A check is (indices, low, high, values that are allowed all the same...).
    """
    target = Target.host()
    graph = Graph()
    flags = graph.buffer(len(checks), np.bool_, ("flags",))
    flags.slot = slot
    for i, (indices, low, high, *allowed) in enumerate(checks):
        load = Value(Expr("load", (), computed(indices.dtype), index=0))
        wrong = (load < low) | (load >= high)
        for value in allowed:
            wrong = wrong & apply("ne", load, value)
        graph.equations.append(
            Reduce("any", indices.shape, range(indices.ndim), [indices], wrong.e,
                   View(flags, i, (), ()), "check")
        )  # fmt: skip
    return [
        lower_loop(cast("Loop", group), f"check{n}", target)
        for n, group in enumerate(fuse(graph))
    ]
