"""Turns an update rule into a straight line of NumPy calls that write where the values belong.

The rule is traced once for each set of attributes: its scalar arithmetic becomes a function of
Python floats, its array arithmetic a list of ufunc calls on flat arrays. Results go into the
parameter and the states themselves as soon as nobody reads the old values any more, the rest into
few scratch arrays. Scalars enter the calls as 0-d arrays, which cost a ufunc 0.25 us less than a
Python float each.

``RUSHLIGHT_SHOW=adam`` in the environment prints the text for `adam`.
"""

from __future__ import annotations

import linecache
import os
from typing import Any

import numpy as np

from ._rules import Rule

_SHOW = os.environ.get("RUSHLIGHT_SHOW", "")
_ALIGNMENT = 64  # NumPy's float loops run at half speed on operands between cache lines.

_CALLS: dict[str, Any] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
    "negative": np.negative, "sqrt": np.sqrt, "absolute": np.absolute, "sign": np.sign,
    "maximum": np.maximum, "minimum": np.minimum, "greater": np.greater, "less": np.less,
    "equal": np.equal, "copyto": np.copyto,
}  # fmt: skip
_COMPARISONS = frozenset(("greater", "less", "equal"))


def aligned(size: int, dtype: Any) -> Any:
    """Zeros in one dimension that begin at a cache line."""
    itemsize = dtype.itemsize
    room = np.zeros(size * itemsize + _ALIGNMENT, np.uint8)
    start = -room.__array_interface__["data"][0] % _ALIGNMENT
    return room[start : start + size * itemsize].view(dtype)


class _Scalar:
    """A float64 number of the trace: a name or a literal of the text."""

    __slots__ = ("text", "trace")

    def __init__(self, trace: _Trace, text: str) -> None:
        self.trace = trace
        self.text = text

    def __add__(self, other: Any) -> Any:
        return self.trace.binary("add", "+", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.trace.binary("add", "+", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.trace.binary("subtract", "-", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.trace.binary("subtract", "-", other, self)

    def __mul__(self, other: Any) -> Any:
        return self.trace.binary("multiply", "*", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.trace.binary("multiply", "*", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.trace.binary("divide", "/", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.trace.binary("divide", "/", other, self)

    def __pow__(self, other: Any) -> Any:
        return self.trace.scalar("**", self, other)

    def __rpow__(self, other: Any) -> Any:
        return self.trace.scalar("**", other, self)

    def __neg__(self) -> Any:
        return self.trace.scalar("*", -1.0, self)

    def __bool__(self) -> bool:
        raise TypeError("an update rule may branch on its attributes only")


class _Array(_Scalar):
    """An array of the trace: an argument or the result of a step."""

    __slots__ = ()

    def __neg__(self) -> Any:
        return self.trace.step("negative", self)

    def __gt__(self, other: Any) -> Any:
        return self.trace.step("greater", self, other)

    def __lt__(self, other: Any) -> Any:
        return self.trace.step("less", self, other)

    def __pow__(self, other: Any) -> Any:
        raise TypeError("an update rule writes x * x for the square of an array")


class _Trace:
    """Both what the rule calls `k` and what its operators append to."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps: list[tuple[str, tuple[Any, ...], _Array]] = []

    def scalar(self, operator: str, left: Any, right: Any) -> _Scalar:
        name = f"s{len(self.lines)}"
        self.lines.append(f"{name} = {_text(left)} {operator} {_text(right)}")
        return _Scalar(self, name)

    def step(self, name: str, *operands: Any) -> _Array:
        result = _Array(self, f"v{len(self.steps)}")
        self.steps.append((name, operands, result))
        return result

    def binary(self, name: str, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, _Array) or isinstance(right, _Array):
            if name == "divide" and not isinstance(right, _Array):
                # A product costs a third of a quotient; the factor is rounded from float64.
                return self.step("multiply", left, self.scalar("/", 1.0, right))
            return self.step(name, left, right)
        return self.scalar(operator, left, right)

    def sqrt(self, x: Any) -> Any:
        return self.step("sqrt", x)

    def abs(self, x: Any) -> Any:
        return self.step("absolute", x)

    def sign(self, x: Any) -> Any:
        return self.step("sign", x)

    def maximum(self, x: Any, y: Any) -> Any:
        return self.step("maximum", x, y)

    def minimum(self, x: Any, y: Any) -> Any:
        return self.step("minimum", x, y)

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        return self.step("where", condition, x, y)


def _text(x: Any) -> str:
    return x.text if isinstance(x, _Scalar) else f"({float(x)!r})"


class Plan:
    """A rule made ready for one dtype and one set of attributes; holds its own scratch.

    Attributes:
        scalars: function of the counts and the hyperparameters, Python floats; sets the 0-d
            arrays and returns the new counts.
        body: function of flat arrays ``p, g, states..., scratch...`` of one length, that writes
            the new values into ``p`` and the states.
        states: names of the states that this set of attributes uses.
        cells: the numbers that `body` reads, as `scalars` left them.
        made: what it was made from.
    """

    __slots__ = ("_kinds", "_scratch", "body", "cells", "dtype", "made", "scalars", "states")

    def __init__(self, made: _Made, dtype: Any) -> None:
        self.made = made
        cells = aligned(max(len(made.literals), 1), dtype)
        views = [cells[i : i + 1].reshape(()) for i in range(len(made.literals))]
        for i, literal in enumerate(made.literals):
            if literal is not None:
                cells[i] = literal
        self.cells = cells
        self.scalars, self.body = made.factory(cells, *views)
        self.dtype = dtype
        self.states = made.states
        self._kinds = made.scratch
        self._scratch: dict[int, tuple[Any, ...]] = {}

    def scratch(self, size: int) -> tuple[Any, ...]:
        """The scratch arrays for flat arrays of `size` elements; the largest are shared."""
        found = self._scratch.get(size)
        if found is None:
            if len(self._scratch) >= 64:
                self._scratch.clear()
            largest = max(self._scratch, default=0)
            if size < largest:
                found = tuple(a[:size] for a in self._scratch[largest])
            else:
                found = tuple(
                    aligned(size, self.dtype if kind == "t" else np.dtype(np.bool_))
                    for kind in self._kinds
                )
            self._scratch[size] = found
        return found


class _Made:
    """The compiled text of a plan, shared by all plans of the same rule and attributes.

    Attributes:
        name: of the rule.
        program: names of the arrays, steps (operation, operands, result), names of the arrays'
            new values, and the texts of the numbers in the order of the plan's cells.
    """

    __slots__ = ("factory", "literals", "name", "program", "scratch", "states")

    def __init__(
        self, name: str, program: Any, factory: Any, literals: list[Any], scratch: list[str],
        states: tuple[str, ...],
    ) -> None:  # fmt: skip
        self.name = name
        self.program = program
        self.factory = factory
        self.literals = literals
        self.scratch = scratch
        self.states = states


def plan(rule: Rule, attributes: tuple[Any, ...], states: tuple[str, ...], dtype: Any) -> Plan:
    """The plan of `rule` for these attributes, with fresh scratch.

    Args:
        states: names of the array states in use; the others are None to the rule.
    """
    made = rule.plans.get((attributes, states))
    if made is None:
        made = rule.plans[attributes, states] = _make(rule, attributes, states)
    return Plan(made, dtype)


def _make(rule: Rule, attributes: tuple[Any, ...], states: tuple[str, ...]) -> _Made:
    trace = _Trace()
    arrays = {name: _Array(trace, name) for name in ("p", "g", *states)}
    numbers = {name: _Scalar(trace, name) for name in (*rule.counts, *rule.scalars)}
    results = rule.formula(
        trace,
        arrays["p"],
        arrays["g"],
        *(arrays.get(name) for name in rule.states),
        *(numbers[name] for name in rule.counts),
        **{name: numbers[name] for name in rule.scalars},
        **dict(zip(rule.attributes, attributes, strict=True)),
    )
    outputs = {
        name: result
        for name, result in zip(("p", *rule.states), results, strict=False)
        if name in arrays
    }
    counts = results[1 + len(rule.states) :]
    body, cells, scratch = _place(trace, arrays, outputs)
    text = _render(rule, trace.lines, counts, list(arrays), body, cells, scratch)
    factory = _compile(rule.name, text)
    literals = [None if isinstance(c, _Scalar) else float(c) for c in cells.values()]
    steps = [(name, [_text(x) for x in operands], r.text) for name, operands, r in trace.steps]
    program = list(arrays), steps, {name: r.text for name, r in outputs.items()}, list(cells)
    return _Made(rule.name, program, factory, literals, scratch, states)


def _place(
    trace: _Trace, arrays: dict[str, _Array], outputs: dict[str, _Array]
) -> tuple[list[str], dict[str, Any], list[str]]:
    """Decide where every step writes: a parameter or state as soon as its old value is not read
    any more, else a scratch array that is free. Returns the lines, the scalars they need and the
    kinds of the scratch arrays ("t" for numbers, "b" for booleans)."""
    last: dict[str, int] = {}
    made_at: dict[str, int] = {}
    for i, (_, operands, result) in enumerate(trace.steps):
        made_at[result.text] = i
        for x in operands:
            if isinstance(x, _Array):
                last[x.text] = i
    home: dict[str, str] = {}
    copies: list[tuple[str, _Array]] = []
    end = len(trace.steps)
    for name, result in outputs.items():
        if result.text in arrays:
            last[result.text] = end
            if result.text != name:
                copies.append((name, result))
    for name, result in outputs.items():
        made = made_at.get(result.text)
        if made is None:
            continue
        last[result.text] = end
        # `where` writes twice, so none of its operands may be in the same place.
        latest = made - 1 if trace.steps[made][0] == "where" else made
        if last.get(name, -1) <= latest and result.text not in home:
            home[result.text] = name
        else:
            copies.append((name, result))

    cells: dict[str, Any] = {}
    place = {name: name for name in arrays}
    free: list[str] = []
    scratch: list[str] = []

    def text(x: Any) -> str:
        if isinstance(x, _Array):
            return place[x.text]
        key = _text(x)
        cells.setdefault(key, x)
        return f"c{list(cells).index(key)}"

    lines: list[str] = []
    for i, (name, operands, result) in enumerate(trace.steps):
        if result.text not in last:
            continue  # nobody reads it
        given = [text(x) for x in operands]
        dead = [
            place[x.text]
            for x in operands
            if isinstance(x, _Array) and last[x.text] == i and place[x.text] not in arrays
        ]
        kind = "b" if name in _COMPARISONS else "t"
        if name != "where":
            free += dict.fromkeys(dead)
        target = home.get(result.text)
        if target is None:
            target = next((f for f in reversed(free) if f[0] == kind), None)
            if target is None:
                target = f"{kind}{len(scratch)}"
                scratch.append(kind)
            else:
                free.remove(target)
        place[result.text] = target
        if name == "where":
            condition, x, y = given
            lines.append(f"copyto({target}, {y})")
            lines.append(f"copyto({target}, {x}, where={condition})")
            free += dict.fromkeys(dead)
        else:
            lines.append(f"{name}({', '.join(given)}, {target})")
    lines += [f"copyto({name}, {place[result.text]})" for name, result in copies]
    return lines, cells, scratch


def _render(
    rule: Rule, scalar_lines: list[str], counts: Any, arrays: list[str],
    body: list[str], cells: dict[str, Any], scratch: list[str],
) -> str:  # fmt: skip
    slots = "".join(f", c{i}" for i in range(len(cells)))
    kept = [f"{kind}{i}" for i, kind in enumerate(scratch)]
    lines = [f"def make(C{slots}):", f"    def scalars({', '.join(rule.counts + rule.scalars)}):"]
    lines += ["        " + line for line in scalar_lines]
    lines += [
        f"        C[{i}] = {key}"
        for i, (key, x) in enumerate(cells.items())
        if isinstance(x, _Scalar)
    ]
    lines.append(f"        return ({''.join(_text(c) + ', ' for c in counts)})")
    lines.append(f"    def {rule.name}({', '.join(arrays + kept)}):")
    lines += ["        " + line for line in body or ["pass"]]
    lines.append(f"    return scalars, {rule.name}")
    return "\n".join(lines) + "\n"


def _compile(name: str, text: str) -> Any:
    # A frame whose `__name__` is None hears no warnings of C code (see _define/render.py):
    # PyTorch is silent about 0 / 0.
    filename = f"<rushlight optim {name} {len(_compiled)}>"
    _compiled.append(filename)
    scope: dict[str, Any] = {}
    exec(compile(text, filename, "exec"), {"__name__": None, **_CALLS}, scope)
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    if _SHOW and name == _SHOW:
        print(text)
    return scope["make"]


_compiled: list[str] = []
