"""Large pointwise operations whose eager kernel is a bare call of NumPy.

Small ones must go straight to NumPy, so nothing stands in their way until large arrays have come
by. Then functions of one variable (`exp`, `tanh`...) get a kernel that looks at the size, and the
nodes of some rows a derivative that does; both take one comparison from small arrays.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core import OPS, stale
from .._kernels import native
from .pointwise import run

if TYPE_CHECKING:
    from collections.abc import Callable

    Raw = Callable[[Any, Any, bool], tuple[Any, ...]]

#: Rows of one variable that cost more than reading and writing memory.
_FUNCTIONS = ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos")
#: Rows whose derivative is worth one pass instead of several.
_DERIVATIVES = (
    "mul", "div", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "sin", "cos", "square",
    "reciprocal",
)  # fmt: skip
#: From so many elements on it pays.
LARGE = 1 << 14

_installed = False


def install() -> None:
    """Let the rows know of native kernels; once."""
    global _installed
    if _installed:
        return
    _installed = True
    for name in _FUNCTIONS:
        row: Any = OPS[name]
        _replace(row, _forward(row))
    for name in _DERIVATIVES:
        row = OPS[name]
        node = row.node
        node.raw = _derivative(row, node)


def _replace(row: Any, kernel: Callable[..., Any]) -> None:
    """Put a kernel into the wrappers of a row."""
    row.render()
    places = [row.call, *(vars(owner)[name] for owner, name in row.places if name in vars(owner))]
    for function in places:
        code = getattr(function, "__code__", None)
        if code is not None and "FWD" in code.co_freevars:
            cell = function.__closure__[code.co_freevars.index("FWD")]
            if cell.cell_contents is row.forward:
                cell.cell_contents = kernel


def _forward(row: Any) -> Callable[..., Any]:
    ufunc = row.forward
    name = row.name

    def formula(k: Any, x: Any) -> Any:
        return getattr(k, name)(x)

    formula.__name__ = name

    def kernel(x: Any, out: Any = None) -> Any:
        if x.size >= LARGE and native.limit < LARGE:
            made = run(formula, (x,), ())
            if made is not None:
                return made
        return ufunc(x, out=out)

    # In a module without a name NumPy's warnings vanish (docs/architecture.md, "Why it is fast").
    nameless = {**globals(), "__name__": None}
    return FunctionType(
        kernel.__code__, nameless, name, kernel.__defaults__, kernel.__closure__
    )


def _derivative(row: Any, node: Any) -> Raw:
    """The derivative of a node, which for large gradients is one pass over memory."""
    simple: Raw = node.raw
    formulas = [row.formulas[i] for i in row.inputs]
    names = [f.__code__.co_varnames[: f.__code__.co_argcount] for f in formulas]
    slots = {name: f"s{number}" for number, name, _ in node.saves}
    versions = {name: (f"c{number}", f"v{number}", number) for number, name, _ in node.saves}
    made: dict[Any, Any] = {}

    def formula_of(need: tuple[bool, ...]) -> Any:
        """The wanted gradients as one formula, and the names of what it reads."""
        wanted = [i for i, needed in enumerate(need) if needed]
        read = [n for n in slots if any(n in names[i] for i in wanted)]

        def formula(k: Any, g: Any, *saved: Any) -> Any:
            known = dict(zip(read, saved, strict=True), g=g, k=k)
            return tuple([formulas[i](*[known[n] for n in names[i]]) for i in wanted])

        formula.__name__ = f"gradient of {row.name}"
        return formula, read

    def raw(self: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        if type(g) is not np.ndarray or g.size < LARGE or native.limit >= LARGE:
            return simple(self, g, keep)
        need = tuple([e is not None for e in self.edges])
        if need not in made:
            made[need] = formula_of(need)
        formula, read = made[need]
        arrays = [g]
        for name in read:
            cell, version, number = versions[name]
            if getattr(self, cell)[0] != getattr(self, version):
                stale(self, number)
            arrays.append(getattr(self, slots[name]))
        found = run(formula, arrays, ())
        if found is None:
            return simple(self, g, keep)
        if not keep:
            self.release()
        results = iter(found)
        return tuple([next(results) if needed else None for needed in need])

    return raw

