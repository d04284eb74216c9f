"""Forward copies: what is only copied to another buffer is written there to begin with.

``%5 = a @ b; @2 = copy %5`` becomes ``@2 = a @ b`` when %5 is a whole buffer of the arena and
nothing between the two touches @2 in a way that the exchange would change. The gradients left
behind, the results returned and the parameters updated are all written in this way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..ir import Gemm, Graph, Host, Kernel, Map, Reduce, View, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..ir import Buffer, Equation


class _Uses:
    """Which equations touch a buffer."""

    def __init__(self, graph: Graph) -> None:
        self.equations: list[Equation | None] = list(graph.equations)
        self.reads: dict[int, set[int]] = {}
        self.writes: dict[int, set[int]] = {}
        for i, e in enumerate(graph.equations):
            for v in e.reads():
                self.reads.setdefault(id(v.buffer), set()).add(i)
            for v in e.writes():
                self.writes.setdefault(id(v.buffer), set()).add(i)

    def merge(self, old: Buffer, new: Buffer) -> None:
        for table in (self.reads, self.writes):
            moved = table.pop(id(old), set())
            for i in moved:
                equation = self.equations[i]
                if equation is not None:
                    rename(equation, old, new)
            table.setdefault(id(new), set()).update(moved)

    def drop(self, i: int) -> None:
        equation = self.equations[i]
        assert equation is not None
        for v in equation.reads():
            self.reads[id(v.buffer)].discard(i)
        for v in equation.writes():
            self.writes[id(v.buffer)].discard(i)
        self.equations[i] = None


def forward_copies(graph: Graph) -> None:
    """Let producers write into the targets of copies."""
    uses = _Uses(graph)
    for at in reversed(range(len(graph.equations))):
        equation = uses.equations[at]
        if equation is not None and _is_copy(equation):
            _forward(uses, at)
    graph.equations = [e for e in uses.equations if e is not None]


def _is_copy(equation: Equation) -> bool:
    if not isinstance(equation, Map) or len(equation.outputs) != 1:
        return False
    expression = equation.expressions[0]
    if expression.op != "load" or len(equation.inputs) != 1:
        return False
    source, target = equation.inputs[0], equation.outputs[0]
    return (
        source.buffer.source is None
        and source.buffer.constant is None
        and target.buffer.constant is None
        and source.dtype == target.dtype
        and _whole(source)
        and _whole(target)
        and source.strides == target.strides
    )


def _whole(view: View) -> bool:
    """Whether the view shows every element of its buffer once."""
    if view.offset or view.size != view.buffer.size:
        return False
    expected = 1
    for n, s in sorted(zip(view.shape, view.strides, strict=True), key=lambda pair: pair[1]):
        if n == 1:
            continue
        if s != expected:
            return False
        expected *= n
    return True


def _forward(uses: _Uses, at: int) -> None:
    copy = uses.equations[at]
    assert isinstance(copy, Map)
    old, new = copy.inputs[0].buffer, copy.outputs[0].buffer
    writers = uses.writes.get(id(old), set())
    if old is new or not writers or max(writers) >= at:
        return
    first = min(writers)
    touching = uses.reads.get(id(new), set()) | uses.writes.get(id(new), set())
    for i in touching:
        if first <= i < at:
            # The target must not be used between first write and copy, but by the producer
            # itself, element by element (an update in place).
            e = uses.equations[i]
            in_place = (
                len(writers) == 1 and i == first and isinstance(e, Map)
                and all(_elementwise(e, v, copy.outputs[0])
                        for v in (*e.reads(), *e.writes()) if v.buffer is new)
                and all(v.same(copy.inputs[0]) for v in e.writes() if v.buffer is old)
            )  # fmt: skip
            if not in_place:
                return
    last = max(uses.reads.get(id(old), {at}))
    if any(at < i <= last for i in uses.writes.get(id(new), ())):
        return
    uses.drop(at)
    uses.merge(old, new)


def _elementwise(e: Map, view: View, target: View) -> bool:
    """Whether `e` reads `view` at the very places that it will write."""
    indexed = {
        x.index for expression in e.expressions for x in walk(expression) if x.op == "at"
    }
    if any(e.inputs[j] is view for j in indexed):
        return False
    return view.same(target)


def rename(equation: Equation, old: Buffer, new: Buffer) -> None:
    """Let every view of the buffer `old` show `new`."""

    def moved(view: View) -> View:
        if view.buffer is old:
            return View(new, view.offset, view.shape, view.strides)
        return view

    replace_views(equation, moved)


def replace_views(equation: Equation, moved: Callable[[View], View]) -> None:
    """Put ``moved(view)`` in place of every view of an equation."""

    def nested(value: Any) -> Any:
        if isinstance(value, View):
            return moved(value)
        if isinstance(value, list | tuple):
            return type(value)(nested(v) for v in value)
        return value

    if isinstance(equation, Map):
        equation.inputs = [moved(v) for v in equation.inputs]
        equation.outputs = [moved(v) for v in equation.outputs]
    elif isinstance(equation, Reduce):
        equation.inputs = [moved(v) for v in equation.inputs]
        equation.output = moved(equation.output)
    elif isinstance(equation, Gemm):
        equation.a, equation.b, equation.c = (
            moved(v) for v in (equation.a, equation.b, equation.c)
        )
        if equation.bias is not None:
            equation.bias = moved(equation.bias)
    elif isinstance(equation, Kernel):
        equation.inputs = [moved(v) for v in equation.inputs]
        equation.outputs = [moved(v) for v in equation.outputs]
    elif isinstance(equation, Host):
        equation.arguments = [nested(v) for v in equation.arguments]
        equation.outputs = [None if v is None else moved(v) for v in equation.outputs]


class Clone(Graph):
    """Equations over buffers of their own, in the image of others."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[int, Buffer] = {}
        self._saved: dict[int, int] = {}

    def moved(self, view: View) -> View:
        """The view of the clone's buffer that stands for `view`'s."""
        old = view.buffer
        new = self._known.get(id(old))
        if new is None:
            saved = self._saved.get(id(old))
            source = old.source if saved is None else ("saved", saved)
            new = self._known[id(old)] = self.buffer(old.size, old.dtype, source)
            new.constant = old.constant
        return View(new, view.offset, view.shape, view.strides)


def cloned(equations: Sequence[Equation], saved: Sequence[Buffer]) -> Clone:
    """A graph of its own for `equations`; buffers of `saved` come in as ("saved", number)."""
    clone = Clone()
    clone._saved = {id(b): i for i, b in enumerate(saved)}
    for equation in equations:
        replace_views(equation, clone.moved)
        clone.equations.append(equation)
    return clone
