"""What makes a graph smaller without changing what it computes, until nothing changes."""

from __future__ import annotations

from ..ir import Graph
from .algebra import simplify_expressions
from .common import propagate_copies, share_equal
from .dead import remove_dead


def simplify(graph: Graph) -> None:
    """Algebra, copies and equal equations, dead code."""
    for _ in range(4):
        changed = propagate_copies(graph)
        simplify_expressions(graph)
        changed |= share_equal(graph)
        changed |= remove_dead(graph)
        if not changed:
            return
