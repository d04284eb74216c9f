"""Loops: several Maps and Reduces that run over one iteration space together.

The axes of the space are *kept* or *inner*. For every index of the kept axes the body runs once:
statements over the inner axes (`inner`), folds over them, and statements on what was folded. A
statement may use what earlier ones stored at the same place, and the results of folds anywhere in
their row. That covers pointwise chains (no inner axes), sums with what is summed, softmax, layer
norm and cross entropy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .ir import I64, Equation, Expr, Map, Reduce, View, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .ir import Buffer


class Statement:
    """One Map or Reduce within a loop.

    Attributes:
        inputs: views over the kept axes, followed by the inner ones if `inner`.
        outputs: likewise; of a fold, over the kept axes.
        expressions: one for each output.
        fold: the kind of reduction, or None.
        inner: whether it runs for every inner index.
        tables: the numbers of inputs that are only read by "at", in a shape of their own.
        positions: of argmax and argmin: what each axis counts in the position that is reported.
    """

    __slots__ = ("expressions", "fold", "inner", "inputs", "outputs", "positions", "tables")

    def __init__(
        self, inputs: Sequence[View], outputs: Sequence[View], expressions: Sequence[Expr],
        inner: bool = False, fold: str | None = None, positions: Sequence[int] = (),
    ) -> None:  # fmt: skip
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.expressions = list(expressions)
        self.inner = inner
        self.fold = fold
        self.positions = tuple(positions)
        self.tables = tables_of(self.expressions)

    def __repr__(self) -> str:
        left = ", ".join(map(repr, self.outputs))
        right = ", ".join(map(repr, self.expressions))
        what = self.fold or ("each" if self.inner else "row")
        return f"{left} = {what}({right}; {', '.join(map(repr, self.inputs))})"


class Loop(Equation):
    """Statements over common axes.

    Attributes:
        kept: sizes of the kept axes.
        inner: sizes of the axes that folds fold.
        body: the statements, in program order.
        equations: what it was made of.
        elided: buffers that live in registers only: neither read nor written.
    """

    __slots__ = ("body", "elided", "equations", "inner", "kept")

    def __init__(
        self, kept: Sequence[int], inner: Sequence[int], body: Sequence[Statement],
        equations: Sequence[Equation] = (), origin: str = "",
    ) -> None:  # fmt: skip
        self.kept = tuple(kept)
        self.inner = tuple(inner)
        self.body = list(body)
        self.equations = list(equations)
        self.elided: set[Buffer] = set()
        self.origin = origin

    def reads(self) -> Iterator[View]:
        for statement in self.body:
            for view in statement.inputs:
                if view.buffer not in self.elided:
                    yield view

    def writes(self) -> Iterator[View]:
        for statement in self.body:
            for view in statement.outputs:
                if view.buffer not in self.elided:
                    yield view

    def __repr__(self) -> str:
        lines = "".join(f"\n    {s!r}" for s in self.body)
        gone = ", ".join(repr(b) for b in sorted(self.elided, key=lambda b: b.number))
        return f"loop {list(self.kept)} x {list(self.inner)} in registers: {gone or 'none'}{lines}"


def tables_of(expressions: Sequence[Expr]) -> frozenset[int]:
    """The numbers of the inputs that "at" reads."""
    return frozenset(e.index for x in expressions for e in walk(x) if e.op == "at")


def separated(
    inputs: Sequence[View], expressions: Sequence[Expr]
) -> tuple[list[View], list[Expr]]:
    """The same with no input that both "load" and "at" read."""
    views, made = list(inputs), list(expressions)
    tables = tables_of(expressions)
    if not tables:
        return views, made
    loaded = {e.index for x in expressions for e in walk(x) if e.op == "load"}
    again = {t: len(views) + i for i, t in enumerate(sorted(tables & loaded))}
    views += [views[t] for t in again]

    def replace(e: Expr, args: tuple[Expr, ...]) -> Expr | None:
        if e.op == "at" and e.index in again:
            return Expr("at", args, e.dtype, again[e.index])
        return None

    if again:
        made = [substitute(x, replace) for x in made]
    return views, made


def substitute(
    expression: Expr, replace: Callable[[Expr, tuple[Expr, ...]], Expr | None],
    memo: dict[int, Expr] | None = None,
) -> Expr:  # fmt: skip
    """The expression with nodes replaced, operands first.

    `replace(node, new_operands)` gives what stands for a node, or None to keep it.
    """
    memo = {} if memo is None else memo
    for e in walk(expression):
        if id(e) in memo:
            continue
        args = tuple(memo[id(a)] for a in e.args)
        made = replace(e, args)
        if made is None:
            made = e
            if any(a is not b for a, b in zip(args, e.args, strict=True)):
                made = Expr(e.op, args, e.dtype, e.index, e.value)
        memo[id(e)] = made
    return memo[id(expression)]


def phases(body: Sequence[Statement]) -> list[int]:
    """When in a row each statement runs.

    An inner statement of phase p runs in pass p over the row, a row statement of phase p after
    that pass, and before all passes if p is -1.
    """
    found: list[int] = []
    touched: list[tuple[set[int], set[int]]] = []
    for s in body:
        phase = 0 if s.inner else -1
        reads, writes = {id(v.buffer) for v in s.inputs}, {id(v.buffer) for v in s.outputs}
        for other, at, (r, w) in zip(body, found, touched, strict=False):
            folded = s.inner and (other.fold is not None or not other.inner)
            after = at + 1 if folded else at
            if after > phase and (w & reads or w & writes):
                phase = after
            elif at > phase and r & writes:
                phase = at
        found.append(phase)
        touched.append((reads, writes))
    return found


def loop_of(equation: Map | Reduce) -> Loop:
    """A loop with one equation."""
    if isinstance(equation, Map):
        inputs, expressions = separated(equation.inputs, equation.expressions)
        body = Statement(inputs, equation.outputs, expressions)
        return Loop(equation.shape, (), [body], [equation], equation.origin)
    shape = equation.shape
    kept = [a for a in range(len(shape)) if a not in equation.axes]
    order = kept + list(equation.axes)
    position = {a: i for i, a in enumerate(order)}
    moved = {a: [(position[a], 1)] for a in range(len(shape))}
    positions = [0] * len(order)
    step = 1
    for a in reversed(equation.axes):
        positions[position[a]] = step
        step *= shape[a]
    inputs, expressions = separated(equation.inputs, [equation.expression])
    tables = tables_of(expressions)
    body = Statement(
        [v if i in tables else v.permute(order) for i, v in enumerate(inputs)],
        [equation.output], [reindex(expressions[0], moved)], True, equation.kind, positions,
    )  # fmt: skip
    return Loop(
        [shape[a] for a in kept], [shape[a] for a in equation.axes], [body], [equation],
        equation.origin,
    )  # fmt: skip


def reindex(
    expression: Expr, axes: dict[int, list[tuple[int, int]]], loads: dict[int, int] | None = None
) -> Expr:
    """The expression for other axes and inputs.

    Args:
        axes: for every axis, the (axis, factor) whose sum its index is now.
        loads: the new number of every input.
    """

    def index(axis: int) -> Expr:
        total: Expr | None = None
        for new, factor in axes[axis]:
            part = Expr("index", (), I64, new)
            if factor != 1:
                part = Expr("mul", (part, Expr("const", (), I64, value=factor)), I64)
            total = part if total is None else Expr("add", (total, part), I64)
        return total if total is not None else Expr("const", (), I64, value=0)

    def replace(e: Expr, args: tuple[Expr, ...]) -> Expr | None:
        if e.op == "index":
            return index(e.index)
        if e.op in ("load", "at") and loads is not None and loads[e.index] != e.index:
            return Expr(e.op, args, e.dtype, loads[e.index])
        return None

    return substitute(expression, replace)


def cost(expressions: Sequence[Expr]) -> float:
    """Roughly how many simple instructions an index takes."""

    seen: set[int] = set()
    total = 0.0
    for expression in expressions:
        for e in walk(expression):
            if id(e) not in seen:
                seen.add(id(e))
                total += _COST.get(e.op, 1.0)
    return total


_COST: dict[str, Any] = {
    "const": 0.0, "load": 1.0, "index": 1.0, "div": 3.0, "sqrt": 4.0, "rsqrt": 6.0,
    "reciprocal": 3.0, "exp": 14.0, "exp2": 14.0, "expm1": 18.0, "log": 22.0, "log2": 24.0,
    "log10": 24.0, "log1p": 28.0, "tanh": 18.0, "sigmoid": 18.0, "erf": 30.0, "sin": 40.0,
    "cos": 40.0, "tan": 50.0, "pow": 90.0, "fmod": 100.0, "mod": 100.0, "floordiv": 100.0,
    "erfc": 150.0, "asin": 150.0, "acos": 150.0, "atan": 150.0, "atan2": 200.0, "sinh": 40.0,
    "cosh": 30.0, "asinh": 200.0, "acosh": 200.0, "atanh": 200.0,
}  # fmt: skip
