"""How rows run on batches: one rule for each kind, and for rows that need their own.

A rule is ``rule(op, args, batched, size)``: the arguments of the row in schema order, where
``batched[i]`` says that ``args[i]`` is a physical tensor whose dim 0 counts the `size` examples (a
list of tensors has a list of such flags). It returns what the row returns, with the batch in dim 0.
A row without a rule runs example by example (:func:`.common.one_by_one`), which is right for all.
"""

from __future__ import annotations

from typing import Any

from . import (  # noqa: F401 - the rules
    layers,
    losses,
    matrices,
    movement,
    products,
    reductions,
    selection,
)
from .common import RULES, elementwise, one_by_one


def rule_of(op: Any) -> Any:
    """The rule of a row."""
    found = RULES.get(op.name)
    if found is None:
        found = selection.indexing(op.name)
        if found is None:
            found = elementwise if op.kind == "elementwise" else one_by_one
        RULES[op.name] = found
    return found
