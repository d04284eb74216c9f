"""Large reductions to few results are cut into parts, which threads share.

``s = sum(x)`` over a million elements becomes 16 sums, kept apart, and a sum over those.
"""

from __future__ import annotations

from math import prod

from ..ir import Equation, Expr, Graph, Reduce, View, contiguous_strides
from ..loop import reindex

#: Fewer results than this do not keep several threads busy.
FEW = 8
#: Smaller reductions are not worth a second thread.
LARGE = 65536
PARTS = (16, 12, 10, 15, 14, 9, 8, 18, 20, 7, 6, 5, 24, 4, 32)


def split_reductions(graph: Graph) -> None:
    """Cut reductions that have few results and many elements."""
    made: list[Equation] = []
    for equation in graph.equations:
        if isinstance(equation, Reduce) and _large(equation):
            made += _cut(graph, equation)
        else:
            made.append(equation)
    graph.equations = made


def _large(equation: Reduce) -> bool:
    total = prod(equation.shape)
    kept = prod(equation.output.shape)
    return (
        total >= LARGE
        and kept < FEW
        and equation.kind in ("sum", "prod", "max", "min", "any", "all")
        and equation.expression.dtype.kind in "fiub"
        and equation.output.dtype == equation.expression.dtype
    )


def _cut(graph: Graph, equation: Reduce) -> list[Reduce]:
    shape = equation.shape
    for axis in equation.axes:
        count = next((n for n in PARTS if shape[axis] % n == 0), None)
        if count is not None:
            break
    else:
        return [equation]
    size = shape[axis] // count
    wide = (*shape[:axis], count, size, *shape[axis + 1 :])

    def cut(view: View) -> View:
        k = view.strides[axis]
        strides = (*view.strides[:axis], k * size, k, *view.strides[axis + 1 :])
        return View(view.buffer, view.offset, wide, strides)

    tables = {i for i, v in enumerate(equation.inputs) if v.shape != shape}
    places = {a: [(a if a < axis else a + 1, 1)] for a in range(len(shape))}
    places[axis] = [(axis, size), (axis + 1, 1)]
    axes = [a if a < axis else a + 1 for a in equation.axes]
    kept = [n for a, n in enumerate(wide) if a not in axes]
    dtype = equation.output.dtype
    parts = View(
        graph.buffer(prod(kept), dtype), 0, kept, contiguous_strides(kept)
    )
    first = Reduce(
        equation.kind, wide, axes,
        [v if i in tables else cut(v) for i, v in enumerate(equation.inputs)],
        reindex(equation.expression, places), parts, equation.origin,
    )  # fmt: skip
    at = sum(a not in equation.axes for a in range(axis))
    last = Reduce(
        equation.kind, kept, [at], [parts], Expr("load", (), dtype), equation.output,
        equation.origin,
    )  # fmt: skip
    return [first, last]
