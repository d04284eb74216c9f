"""Updates of parameters: one native call for all parameters that take the same step.

The formula is the optimizer's rule as `optim/_plan.py` has traced it; it becomes one loop over an
element of the parameter, its gradient and its states, which runs over every parameter in turn.
Threads share the large ones, and take the small ones in turns.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .._kernels import native as door
from ..compiler.expressions import Value, k
from ..compiler.ir import Expr
from ..compiler.lower.writer import Writer
from ..compiler.rows.pointwise import sign
from ..compiler.runtime.engine import build
from .flat import Flat, numbers, operand, share, single

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..compiler.ir import Buffer

#: Smaller parameters are updated by one thread each.
_SHARED = 8192
# Entries of the table: the rule's numbers, how many parameters there are, what is known of each
# (addresses of the parameter and its states, and its size), and then the gradients.
_NUMBERS, _COUNT, _KNOWN, _GRADIENTS = 1, 2, 3, 4

_STEPS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "negative": lambda x: -x,
    "sqrt": lambda x: k.sqrt(x),
    "absolute": lambda x: k.abs(x),
    "sign": sign,
    "maximum": lambda x, y: k.max(x, y),
    "minimum": lambda x, y: k.min(x, y),
    "greater": lambda x, y: x > y,
    "less": lambda x, y: x < y,
    "equal": lambda x, y: k.eq(x, y),
    "where": lambda c, x, y: k.select(c, x, y),
}


class _Update(Flat):
    """The loop of a rule, run over all parameters.

    Attributes:
        gradient, known: the buffers of the gradient, and of the parameter and its states.
    """

    gradient: Buffer
    known: list[Buffer]

    def outside(self) -> list[str]:
        w = Writer("")
        arrays = len(self.known)
        count = w.load("i64", w.at("%p", 8 * _COUNT))
        known = w.load("ptr", w.at("%p", 8 * _KNOWN))
        with w.loop(0, count) as i:
            record = w.at(known, w.mul(i.index, 8 * (arrays + 1)))
            found = {
                buffer: w.load("ptr", w.at(record, 8 * position))
                for position, buffer in enumerate(self.known)
            }
            place = w.at(w.at("%p", 8 * _GRADIENTS), w.mul(i.index, 8))
            found[self.gradient] = w.load("ptr", place)
            n = w.load("i64", w.at(record, 8 * arrays))
            low, high = share(w, n)
            small = w.test("slt", n, _SHARED)
            mine = w.test("eq", w.urem(i.index, "%nt"), "%tid")
            low = w.select(small, 0, low)
            high = w.select(small, w.select(mine, n, 0), high)
            with w.when(w.test("slt", low, high)):
                self.call(w, found, low, high, n)
        return w.lines[1:]


@lru_cache(maxsize=64)
def _kernel(made: Any, dtype: Any) -> Any:
    """Machine code of a traced rule for parameters of a dtype."""
    names, steps, outputs, literals = made.program
    cells = numbers(_NUMBERS, len(literals), dtype)
    arrays = {name: operand(_GRADIENTS + i, dtype) for i, name in enumerate(names)}
    inputs = list(arrays.values())
    values: dict[str, Value] = {
        name: Value(Expr("load", (), dtype, i)) for i, name in enumerate(names)
    }
    for i, text in enumerate(literals):
        values[text] = Value(Expr("load", (), dtype, len(inputs)))
        inputs.append(single(cells, i))
    for name, operands, result in steps:
        if all(x in values for x in operands):  # else nobody reads it
            values[result] = _STEPS[name](*[values[x] for x in operands])
    changed = [(name, result) for name, result in outputs.items() if name != result]
    lowering = _Update(
        f"optimizer {made.name}", inputs, [arrays[name] for name, _ in changed],
        [values[result].e for _, result in changed], _COUNT,
    )  # fmt: skip
    lowering.gradient = arrays["g"].buffer
    lowering.known = [a.buffer for name, a in arrays.items() if name != "g"]
    return build([lowering.emitted()])


def update(
    made: Any, dtype: Any, cells: Any, rows: Sequence[Sequence[np.ndarray[Any, Any]]]
) -> Callable[[list[Any]], None] | None:
    """A function of the list of gradients that updates parameters and states, or None.

    Args:
        made: the traced rule (`optim/_plan.py`).
        cells: where the rule's numbers stand when the function is called.
        rows: for every parameter, it and its states as flat arrays.
    """
    spans = sorted((a, a + row[0].nbytes) for row in rows for a in _addresses(row))
    if any(a[1] > b[0] for a, b in zip(spans[:-1], spans[1:], strict=True)):
        return None  # two parameters look into the same memory
    try:
        native = _kernel(made, dtype)
    except Exception:  # whatever it is, NumPy can do it
        if door.eager:
            raise
        return None
    known = np.array([[*_addresses(row), row[0].size] for row in rows], np.int64)
    table = np.zeros(_GRADIENTS + len(rows), np.int64)
    table[_NUMBERS] = _addresses([cells])[0]
    table[_COUNT] = len(rows)
    table[_KNOWN] = _addresses([known])[0]
    run = native.bind(_addresses([table])[0], _GRADIENTS)
    kept = table, known, cells, rows  # the memory that it works on

    def step(gradients: list[Any], _kept: Any = kept) -> None:
        run(gradients)

    return step


def _addresses(arrays: Sequence[np.ndarray[Any, Any]]) -> list[int]:
    return [a.__array_interface__["data"][0] for a in arrays]
