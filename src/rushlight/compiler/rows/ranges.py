"""Which integers an index can be: what is known of values that the step computes itself.

An index may be used natively if it is known to be inside. Positions that argmax, sort, topk or
max pooling report are; so are positions along an axis, and what clamp and remainder give.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from ..ir import Expr, Host, Kernel, Map, Reduce, View

if TYPE_CHECKING:
    from collections.abc import Callable

Range = tuple[float, float]  # first and last value


def _along(arguments: list[Any], dim: Any) -> int:
    x = arguments[0]
    return int(x.shape[dim]) if x.ndim else 1


def _plane(rank: int) -> Callable[[list[Any]], int]:
    return lambda arguments: prod(arguments[0].shape[-rank:])


#: Host calls that give positions: row -> (number of that output, arguments -> how many there are).
POSITIONS: dict[str, tuple[int, Callable[[list[Any]], int]]] = {
    "sort": (1, lambda a: _along(a, a[2])),
    "topk": (1, lambda a: _along(a, a[2])),
    "kthvalue": (1, lambda a: _along(a, a[2])),
    "median_dim": (1, lambda a: _along(a, a[1])),
    "nanmedian_dim": (1, lambda a: _along(a, a[1])),
    "mode": (1, lambda a: _along(a, a[1])),
    "cummax": (1, lambda a: _along(a, a[1])),
    "cummin": (1, lambda a: _along(a, a[1])),
    "max_dim": (1, lambda a: _along(a, a[1])),
    "min_dim": (1, lambda a: _along(a, a[1])),
    "argmax": (0, lambda a: _along(a, a[1]) if a[1] is not None else a[0].size),
    "argmin": (0, lambda a: _along(a, a[1]) if a[1] is not None else a[0].size),
    "max_pool2d_with_indices": (1, _plane(2)),
    "max_pool3d_with_indices": (1, _plane(3)),
    "adaptive_max_pool2d": (1, _plane(2)),
    "adaptive_max_pool3d": (1, _plane(3)),
    "fractional_max_pool2d": (1, _plane(2)),
    "fractional_max_pool3d": (1, _plane(3)),
}


def range_of(graph: Any, view: View) -> Range | None:
    """The least and the greatest value a view can hold, or None if nothing is known."""
    constant = view.buffer.constant
    if constant is not None:
        return (int(constant.min()), int(constant.max())) if constant.size else (0, 0)
    if view.buffer.source is not None or view.dtype.kind not in "iu":
        return None
    return _written(graph, view, len(graph.equations))


def _written(graph: Any, view: View, before: int) -> Range | None:
    found: Range | None = None
    for number in range(before):
        equation = graph.equations[number]
        for written in equation.writes():
            if written.overlaps(view):
                part = _by(graph, equation, written, number)
                if part is None:
                    return None
                found = part if found is None else (min(found[0], part[0]), max(found[1], part[1]))
    return found


def _by(graph: Any, equation: Any, written: View, number: int) -> Range | None:
    if isinstance(equation, Reduce):
        if equation.kind.startswith("arg"):
            return 0, max(0, prod(equation.shape[a] for a in equation.axes) - 1)
        if equation.kind in ("max", "min"):
            return _of(graph, equation.expression, equation, number)
        return None
    if isinstance(equation, Map):
        for output, expression in zip(equation.outputs, equation.expressions, strict=True):
            if output is written:
                return _of(graph, expression, equation, number)
        return None
    if isinstance(equation, Host):
        known = POSITIONS.get(equation.origin)
        if known is not None and equation.outputs[known[0]] is written:
            return 0, max(0, known[1](equation.arguments) - 1)
        if equation.origin == "random_from_to":
            return _drawn(equation)
        return None
    if isinstance(equation, Kernel) and equation.name == "scan" and written.dtype.kind == "i":
        positions = len(equation.outputs) == 2 and equation.outputs[1] is written
        return (0, written.shape[-1] - 1) if positions else None
    return None


def _drawn(equation: Host) -> Range | None:
    numbers = [a for a in equation.arguments if type(a) is int]
    return (numbers[0], numbers[1] - 1) if len(numbers) == 2 else None


def _of(graph: Any, e: Expr, equation: Any, number: int) -> Range | None:
    """Interval arithmetic over an expression."""
    if e.op == "const":
        return (e.value, e.value) if type(e.value) in (int, float) else None
    if e.op == "index":
        return 0, max(0, equation.shape[e.index] - 1)
    if e.op in ("load", "at"):
        view = equation.inputs[e.index]
        if view.buffer.constant is not None:
            return range_of(graph, view)
        if view.buffer.source is not None or view.dtype.kind not in "iu":
            return None
        return _written(graph, view, number)
    if e.op == "cast" and e.dtype.kind in "iu" and e.args[0].dtype.kind == "b":
        return 0, 1
    if e.op == "mod" and e.args[1].op == "const" and e.args[1].value > 0 and (
        e.dtype.kind in "iu"
    ):
        return 0, e.args[1].value - 1
    parts = [_of(graph, a, equation, number) for a in e.args]
    if e.op in ("min", "max"):
        return _bounded(e, parts)
    if e.op == "select":
        return _bounded_select(e, parts)
    if any(p is None for p in parts):
        return None
    return _combined(e, parts)


def _bounded(e: Expr, parts: list[Any]) -> Range | None:
    """One known operand bounds the result from one side."""
    inf = float("inf")
    (a, b), (c, d) = [(-inf, inf) if p is None else p for p in parts]
    low, high = (min(a, c), min(b, d)) if e.op == "min" else (max(a, c), max(b, d))
    return low, high


def _bounded_select(e: Expr, parts: list[Any]) -> Range | None:
    """``low if x < low else x`` and its like are how clamp is written."""
    inf = float("inf")
    condition, yes, no = e.args
    (a, b), (c, d) = [(-inf, inf) if p is None else p for p in parts[1:]]
    if condition.op in ("lt", "gt") and len(condition.args) == 2:
        left, right = condition.args
        if left is no and right.op == "const":
            if condition.op == "lt":
                c = max(c, right.value)
            else:
                d = min(d, right.value)
    return min(a, c), max(b, d)


def _combined(e: Expr, parts: list[Any]) -> Range | None:
    if e.op == "cast" and e.dtype.kind in "iu" and e.args[0].dtype.kind in "iu":
        low, high = parts[0]
        if low == -float("inf") or high == float("inf"):
            return None
        return (low, high) if e.dtype.itemsize == 8 or high < 128 and low >= 0 else None
    if e.op == "add":
        return parts[0][0] + parts[1][0], parts[0][1] + parts[1][1]
    if e.op == "sub":
        return parts[0][0] - parts[1][1], parts[0][1] - parts[1][0]
    if e.op == "mul":
        ends = [x * y for x in parts[0] for y in parts[1]]
        return min(ends), max(ends)
    return None
