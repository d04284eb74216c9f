"""Dead code: equations whose results nobody reads."""

from __future__ import annotations

from ..ir import Gemm, Graph, Kernel, Map, Reduce, View


def remove_dead(graph: Graph) -> bool:
    """Remove what writes only to arena buffers that are not read again. Host calls stay."""
    live = {id(b) for b in graph.results}
    kept = []
    for equation in reversed(graph.equations):
        writes = list(equation.writes())
        needed = [
            v.buffer.source is not None or id(v.buffer) in live for v in writes
        ]
        if isinstance(equation, Map | Reduce | Gemm | Kernel) and not any(needed):
            continue
        if isinstance(equation, Map) and not all(needed):
            pairs = zip(equation.outputs, equation.expressions, needed, strict=True)
            some = [(o, e) for o, e, wanted in pairs if wanted]
            equation = Map(
                equation.shape, equation.inputs, [o for o, _ in some], [e for _, e in some],
                equation.origin,
            )  # fmt: skip
        if isinstance(equation, Map | Reduce | Gemm):
            for v in equation.writes():
                if whole(v):
                    live.discard(id(v.buffer))
        live.update(id(v.buffer) for v in equation.reads())
        kept.append(equation)
    kept.reverse()
    changed = len(kept) != len(graph.equations)
    graph.equations = kept
    return changed


def whole(view: View) -> bool:
    """Whether the view shows every element of its buffer once."""
    if view.offset or view.size != view.buffer.size:
        return False
    expected = 1
    pairs = zip(view.shape, view.strides, strict=True)
    for n, s in sorted((p for p in pairs if p[0] != 1), key=lambda pair: pair[1]):
        if s != expected:
            return False
        expected *= n
    return True
