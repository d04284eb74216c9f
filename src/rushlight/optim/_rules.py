"""What an update rule is: one pure formula per optimizer, and which of its arguments are what.

A rule is ordinary mathematics over a namespace `k` and arithmetic operators::

    @rule(counts=("step",), attributes=("maximize",))
    def example(k, p, g, average, step, *, lr, beta, maximize):
        if maximize:
            g = -g
        step = step + 1
        average = average + (g - average) * (1 - beta)
        return p - lr / (1 - beta**step) * average, average, step

It returns the new parameter, then every state in the order of its parameters. Its arguments:

* ``p``, ``g`` and the states: arrays (RAW), Tensors (TEN), or what a recorder gives (REC);
  a state that the attributes rule out is None, and None is returned for it;
* counts: states that are one number, kept as 0-d float32 tensors, passed as float64 scalars;
* hyperparameters (keywords): float64 scalars, read from the parameter group at every step;
* attributes (keywords): what a rule may branch on. Nothing else.

Scalars are combined by ``+ - * / **`` only, so that a recorder can follow them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Rule:
    """An update formula with the roles of its arguments.

    Attributes:
        formula: the function; `name` its name.
        states: names of the states that are arrays; `counts` of those that are one number.
        scalars: names of the hyperparameters; `attributes` of the static attributes.
    """

    __slots__ = ("attributes", "counts", "formula", "name", "plans", "scalars", "states")

    def __init__(
        self, formula: Callable[..., Any], counts: tuple[str, ...], attributes: tuple[str, ...]
    ) -> None:
        code = formula.__code__
        positional = code.co_varnames[3 : code.co_argcount]
        keywords = code.co_varnames[
            code.co_argcount : code.co_argcount + code.co_kwonlyargcount
        ]
        self.formula = formula
        self.name = formula.__name__
        self.states = tuple(n for n in positional if n not in counts)
        self.counts = counts
        self.attributes = attributes
        self.scalars = tuple(n for n in keywords if n not in attributes)
        self.plans: dict[Any, Any] = {}
        assert positional == self.states + counts, "counts come after the other states"

    def __call__(self, k: Any, p: Any, g: Any, *states: Any, **keywords: Any) -> tuple[Any, ...]:
        return self.formula(k, p, g, *states, **keywords)

    def __repr__(self) -> str:
        return f"<rule {self.name}>"


def rule(
    counts: tuple[str, ...] = (), attributes: tuple[str, ...] = ()
) -> Callable[[Callable[..., Any]], Rule]:
    """Make a function a :class:`Rule`; see the module's page for what it may do."""
    return lambda formula: Rule(formula, counts, attributes)
