"""Equal equations once; readers of a copy read what was copied.

Both look at buffers of the arena that a single equation writes, as a whole: such a buffer stands
for one value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir import Buffer, Expr, Gemm, Graph, Map, Reduce, View, computed, walk
from ..loop import substitute
from .algebra import _key
from .dead import whole
from .forward import rename

if TYPE_CHECKING:
    from ..ir import Equation


class _Versions:
    """How often each buffer was written so far, and in all."""

    def __init__(self, graph: Graph) -> None:
        self.now: dict[int, int] = {}
        self.last: dict[int, int] = {}
        for i, equation in enumerate(graph.equations):
            for v in equation.writes():
                self.last[id(v.buffer)] = i
        self.total: dict[int, int] = {}
        for equation in graph.equations:
            for number in {id(v.buffer) for v in equation.writes()}:
                self.total[number] = self.total.get(number, 0) + 1
        self.results = {id(b) for b in graph.results}

    def of(self, buffer: Buffer) -> int:
        return self.now.get(id(buffer), 0)

    def passed(self, equation: Equation) -> None:
        for number in {id(v.buffer) for v in equation.writes()}:
            self.now[number] = self.now.get(number, 0) + 1

    def value(self, view: View) -> bool:
        """Whether the buffer is written once, here, as a whole, and is the arena's."""
        b = view.buffer
        return (
            b.source is None and b.constant is None and self.total.get(id(b)) == 1 and whole(view)
        )


def share_equal(graph: Graph) -> bool:
    """Let readers of what equal equations wrote read the first one's."""
    versions = _Versions(graph)
    known: dict[Any, View] = {}
    made: list[Equation] = []
    renamed: dict[int, Buffer] = {}
    for equation in graph.equations:
        for v in list(equation.reads()):
            new = renamed.get(id(v.buffer))
            if new is not None:
                rename(equation, v.buffer, new)
        writes = list(equation.writes())
        if len(writes) == 1 and isinstance(equation, Map | Reduce | Gemm):
            out = writes[0]
            if versions.value(out) and not any(v.buffer is out.buffer for v in equation.reads()):
                key = _equation_key(equation, versions, out)
                first = known.get(key)
                if first is not None and id(out.buffer) not in versions.results:
                    renamed[id(out.buffer)] = first.buffer
                    continue
                known.setdefault(key, out)
        versions.passed(equation)
        made.append(equation)
    changed = len(made) != len(graph.equations)
    graph.equations = made
    return changed


def _equation_key(equation: Map | Reduce | Gemm, versions: _Versions, out: View) -> Any:
    reads = tuple(
        (id(v.buffer), versions.of(v.buffer), v.offset, v.shape, v.strides)
        for v in equation.reads()
    )
    place = (out.dtype, out.shape, out.strides)
    if isinstance(equation, Gemm):
        return ("gemm", equation.accumulate, equation.bias is None, reads, place)
    if isinstance(equation, Reduce):
        return (
            equation.kind, equation.shape, equation.axes, reads, place,
            expression_key(equation.expression),
        )  # fmt: skip
    return "map", equation.shape, reads, place, expression_key(equation.expressions[0])


def expression_key(expression: Expr) -> Any:
    """Equal for expressions that compute the same from the same inputs."""
    number: dict[int, int] = {}
    nodes: list[Any] = []
    for e in walk(expression):
        number[id(e)] = len(nodes)
        value = _key(e.value, e.dtype) if e.op == "const" else None
        nodes.append((e.op, tuple(number[id(a)] for a in e.args), e.dtype.str, e.index, value))
    return tuple(nodes)


def propagate_copies(graph: Graph) -> bool:
    """Let readers of copies and of constant fills read the source."""
    versions = _Versions(graph)
    copies: dict[int, tuple[Map, int, int]] = {}
    changed = False
    for i, equation in enumerate(graph.equations):
        if isinstance(equation, Map | Reduce):
            changed |= _read_sources(equation, copies, versions)
        if isinstance(equation, Map) and len(equation.outputs) == 1:
            out, e = equation.outputs[0], equation.expressions[0]
            if versions.value(out):
                if e.op == "const":
                    copies[id(out.buffer)] = (equation, 0, i)
                elif e.op == "load":
                    source = equation.inputs[e.index]
                    if source.dtype == out.dtype and source.buffer is not out.buffer:
                        copies[id(out.buffer)] = (equation, versions.of(source.buffer), i)
        versions.passed(equation)
    return changed


def _read_sources(
    equation: Map | Reduce, copies: dict[int, tuple[Map, int, int]], versions: _Versions
) -> bool:
    expressions = equation.expressions if isinstance(equation, Map) else [equation.expression]
    tables = {e.index for x in expressions for e in walk(x) if e.op == "at"}
    written = {id(v.buffer) for v in equation.writes()}
    constants: dict[int, Expr] = {}
    changed = False
    for i, v in enumerate(equation.inputs):
        found = copies.get(id(v.buffer))
        if found is None or i in tables:
            continue
        copy, version, _ = found
        e = copy.expressions[0]
        if e.op == "const":
            stored = np.asarray(e.value).astype(v.dtype).astype(computed(v.dtype))
            constants[i] = Expr("const", (), stored.dtype, value=stored.item())
            continue
        source = copy.inputs[e.index]
        if versions.of(source.buffer) != version or id(source.buffer) in written:
            continue
        moved = _through(v, copy.outputs[0], source)
        if moved is not None:
            equation.inputs[i] = moved
            changed = True
    if constants:
        changed = True

        def replace(e: Expr, args: tuple[Expr, ...]) -> Expr | None:
            return constants.get(e.index) if e.op == "load" else None

        memo: dict[int, Expr] = {}
        made = [substitute(x, replace, memo) for x in expressions]
        if isinstance(equation, Map):
            equation.expressions = made
        else:
            equation.expression = made[0]
    return changed


def _through(view: View, copied: View, source: View) -> View | None:
    """The window of `source` that shows what `view` shows of its copy."""
    sizes = [(n, k) for n, k in zip(copied.shape, copied.strides, strict=True)]
    by_stride = {k: a for a, (n, k) in enumerate(sizes) if n != 1}
    strides = []
    if view.offset != copied.offset:
        return None
    for n, k in zip(view.shape, view.strides, strict=True):
        if k == 0 or n == 1:
            strides.append(0)
            continue
        a = by_stride.get(k)
        if a is None or n > sizes[a][0]:
            return None
        strides.append(source.strides[a])
    return View(source.buffer, source.offset, view.shape, strides)
