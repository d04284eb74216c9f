"""Loops as text for people: what ``compiled.source()`` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..loop import phases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..ir import Expr, View
    from ..loop import Loop, Statement

_INFIX = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "eq": "==", "ne": "!=", "and": "&", "or": "|", "xor": "^", "shl": "<<", "shr": ">>",
    "mod": "%", "floordiv": "//", "pow": "**",
}  # fmt: skip
_START = {"sum": "0", "prod": "1", "max": "-inf", "min": "inf", "any": "False", "all": "True"}
_NAMES = "ijklmnopq"


def readable(loop: Loop, note: str = "") -> str:
    """The loop nest: kept axes outside, one inner loop for every pass over a row.

    Buffers of the arena are written %3[...], others @3[...], with the element's number; values
    that live in registers only are t3.
    """
    return "\n".join(_Writer(loop, note).lines)


class _Writer:
    def __init__(self, loop: Loop, note: str) -> None:
        self.loop = loop
        self.lines = [f"# {loop.origin}" + (f" ({note})" if note else "")]
        kept = _NAMES[: len(loop.kept)]
        self.axes = _NAMES[: len(loop.kept) + len(loop.inner)]
        margin = self._head(kept, loop.kept, "")
        when = phases(loop.body)
        for phase in range(-1, max(when) + 1):
            now = [s for s, p in zip(loop.body, when, strict=True) if p == phase]
            inner = [s for s in now if s.inner]
            folds = [s for s in inner if s.fold]
            for s in folds:
                start = _START.get(s.fold or "", "(-inf, 0)" if s.fold == "argmax" else "(inf, 0)")
                self.lines.append(f"{margin}t{s.outputs[0].buffer.number} = {start}")
            if inner:
                inside = self._head(self.axes[len(kept) :], loop.inner, margin)
                for s in inner:
                    self._statement(s, inside)
            for s in folds:
                out = s.outputs[0]
                if out.buffer not in loop.elided:
                    self.lines.append(f"{margin}{self._element(out)} = t{out.buffer.number}")
            for s in now:
                if not s.inner:
                    self._statement(s, margin)

    def _head(self, names: str, sizes: Sequence[int], margin: str) -> str:
        for name, n in zip(names, sizes, strict=True):
            self.lines.append(f"{margin}for {name} in range({n}):")
            margin += "    "
        return margin

    def _statement(self, s: Statement, margin: str) -> None:
        for out, e in zip(s.outputs, s.expressions, strict=True):
            right = self._expression(e, s)
            if e.op in _INFIX:
                right = right[1:-1]
            if s.fold:
                name = f"t{out.buffer.number}"
                sign = {"sum": "+=", "prod": "*="}.get(s.fold)
                text = f"{name} {sign} {right}" if sign else f"{name} = {s.fold}({name}, {right})"
                self.lines.append(margin + text)
            else:
                self.lines.append(f"{margin}{self._element(out)} = {right}")

    def _element(self, view: View) -> str:
        b = view.buffer
        if b in self.loop.elided:
            return f"t{b.number}"
        terms = [str(view.offset)] if view.offset else []
        for name, k in zip(self.axes, view.strides, strict=False):
            if k:
                terms.append(name if k == 1 else f"{k}*{name}")
        return f"{b!r}[{' + '.join(terms) or '0'}]"

    def _expression(self, e: Expr, s: Statement) -> str:
        if e.op == "load":
            return self._element(s.inputs[e.index])
        if e.op == "const":
            return repr(e.value)
        if e.op == "index":
            return self.axes[e.index]
        args = [self._expression(a, s) for a in e.args]
        if e.op not in _INFIX:
            args = [t[1:-1] if a.op in _INFIX else t for a, t in zip(e.args, args, strict=True)]
        if e.op == "at":
            return f"{s.inputs[e.index]!r}[{', '.join(args)}]"
        if e.op == "cast":
            return f"{e.dtype}({args[0]})"
        if e.op in _INFIX:
            return f"({args[0]} {_INFIX[e.op]} {args[1]})"
        if e.op == "neg":
            return f"-{self._expression(e.args[0], s)}"
        return f"{e.op}({', '.join(args)})"
