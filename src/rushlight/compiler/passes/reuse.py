"""What two passes over a row both compute is kept in the result's own memory between them.

Softmax needs ``exp(x - highest)`` for its sum and again for its quotient: the first pass stores it
where the quotient will be written, the second divides in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..ir import Expr, walk
from ..loop import Loop, Statement, cost, phases, substitute
from .algebra import _key

if TYPE_CHECKING:
    from ..ir import View

#: Cheaper expressions are computed again.
WORTH = 10.0


def reuse(loop: Loop) -> None:
    """Store an expensive value that a fold and a later statement of the row share."""
    when = phases(loop.body)
    for j, late in enumerate(loop.body):
        if not late.inner or late.fold or len(late.outputs) != 1:
            continue
        out = late.outputs[0]
        if out.buffer in loop.elided or out.dtype.kind != "f" or out.dtype.itemsize < 4:
            continue
        if any(v.buffer is out.buffer for v in _touched(loop, late)):
            continue
        for i, early in enumerate(loop.body[:j]):
            if not early.inner or not early.fold or when[i] >= when[j]:
                continue
            found = _common(early, late, out)
            if found is None or _changed(loop, early, found[0], i, j):
                continue
            _store(loop, i, early, late, *found)
            return


def _touched(loop: Loop, late: Statement) -> list[View]:
    """All views but the output of one statement."""
    views = list(late.inputs)
    for s in loop.body:
        if s is not late:
            views += [*s.inputs, *s.outputs]
    return views


def _common(early: Statement, late: Statement, out: View) -> tuple[Expr, Expr] | None:
    """The most expensive part that both compute: the nodes of the one and of the other."""
    known: dict[Any, int] = {}
    first = _numbers(early, known)
    second = {number: e for e, number in _numbers(late, known)}
    best = None
    most = WORTH
    for e, number in first:
        if number in second and e.dtype == out.dtype and cost([e]) >= most:
            most, best = cost([e]), (e, second[number])
    return best


def _numbers(s: Statement, known: dict[Any, int]) -> list[tuple[Expr, int]]:
    """Every node with a number that is equal for equal computations."""
    number: dict[int, int] = {}
    found = []
    for e in walk(s.expressions[0]):
        place: Any = e.index
        if e.op in ("load", "at"):
            v = s.inputs[e.index]
            place = id(v.buffer), v.offset, v.shape, v.strides
        value = _key(e.value, e.dtype) if e.op == "const" else None
        key = e.op, tuple(number[id(a)] for a in e.args), e.dtype.str, place, value
        number[id(e)] = known.setdefault(key, len(known))
        found.append((e, number[id(e)]))
    return found


def _changed(loop: Loop, early: Statement, e: Expr, i: int, j: int) -> bool:
    """Whether what an expression reads is written between two statements."""
    read = {id(early.inputs[x.index].buffer) for x in walk(e) if x.op in ("load", "at")}
    return any(id(v.buffer) in read for s in loop.body[i : j + 1] for v in s.outputs)


def _store(
    loop: Loop, i: int, early: Statement, late: Statement, first: Expr, second: Expr
) -> None:
    out = late.outputs[0]
    made = Statement(early.inputs, [out], [first], True)
    for s, node in ((early, first), (late, second)):
        kept = Expr("load", (), out.dtype, len(s.inputs))
        s.inputs.append(out)

        def replace(
            e: Expr, args: tuple[Expr, ...], node: Expr = node, kept: Expr = kept
        ) -> Expr | None:
            return kept if e is node else None

        s.expressions = [substitute(x, replace) for x in s.expressions]
    loop.body.insert(i, made)
