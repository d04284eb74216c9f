"""What of a plan's guards and results its gate takes over (`runtime/gate.py`).

A gate knows cells of closures, entries of dicts, tensors among the arguments, parameter groups,
gradients and results. Whatever else a plan relies upon is looked at by lines in front of the call
of the gate; a plan with anything that a gate cannot do has none.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from .._core import Tensor, ctx
from .ir import View
from .runtime import gate
from .runtime.engine import Native
from .runtime.entry import entry_of
from .runtime.gate_code import CELL, IN_ARGUMENTS, IN_DICT, IN_WORD, SET_SIZE, TUPLE_ITEMS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .audit import Name
    from .executable import Executable
    from .updates import Groups


class Plan:
    """The part of a plan that a gate does.

    Attributes:
        gate: the gate; `call` its built-in function.
        rest: names that only Python can look at.
    """

    def __init__(self, made: gate.Gate, call: Any, rest: list[Name]) -> None:
        self.gate = made
        self.call = call
        self.rest = rest


def returns(template: Any) -> tuple[int, ...] | None:
    """The results that the step returns, or None if it returns anything else than tensors."""
    kind, value = template
    if kind == "result":
        return (value[0],)
    if kind == "plain" and value is None:
        return ()
    if kind == "tuple" and value and all(k == "result" for k, _ in value):
        numbers = tuple(v[0] for _, v in value)
        return numbers if len(set(numbers)) == len(numbers) else None
    return None


def gated(
    executable: Executable, check: Any, main: Any, groups: Groups, written: Iterable[int]
) -> Plan | None:
    """The gate of a plan, or None.

    Args:
        check, main: the bound functions.
        written: the ids of the arrays that own the memory that the step writes to.
    """
    r = executable.recording
    tracer = r.tracer
    numbers = returns(r.template)
    code = Native.gate() if gate.offsets() is not None else None
    if code is None or numbers is None or r.pair is not None or r.kwargs or groups.loose:
        return None
    slots = gate.offsets() or {}
    arguments = list(r.args)
    if not all(isinstance(a, Tensor) and type(a) is Tensor for a in arguments):
        return None
    entries = {b.source: b.slot for b in executable.dynamic if b.source[0] not in ("fresh",)}
    fresh = {id(b.source[1]): b.slot for b in executable.dynamic if b.source[0] == "fresh"}
    given = {id(a) for a in arguments}
    leaves = [leaf for leaf, _ in r.gradients] + [leaf for leaf, _ in tracer.entry.values()]
    if any(id(leaf) in given for leaf in leaves):
        return None
    spare = 1 + len(executable.layout.slots)  # entry 0 is the arena: nothing may be written there
    inputs: list[gate.Input] = []
    words: list[tuple[int, int]] = []
    items: list[Any] = []
    rest: list[Name] = []
    alive: list[Any] = [arguments, r.gradients, r.names, executable.fixed]
    for i, a in enumerate(arguments):
        slot = entries.pop(("argument", i), spare)
        inputs.append(gate.Input(IN_ARGUMENTS, TUPLE_ITEMS + 8 * i, None, slot, a))
    for name in r.names:
        if not _name(name, r, entries, inputs, words, items, spare):
            rest.append(name)
    for i in numbers:
        entries.pop(("result", i), None)
    if entries:
        return None  # something else moves: gradients that are added to, results that are kept
    gradients = []
    for leaf, view in r.gradients:
        if isinstance(view, View):
            if not isinstance(leaf, Tensor):
                return None
            gradients.append((leaf, fresh.pop(id(leaf), 0)))
        elif view is False:
            return None
    if fresh or any(not at for _, at in gradients):
        return None
    where = {b.source: b.slot for b in executable.dynamic if b.source[0] == "result"}
    if any(("result", i) not in where for i in numbers):
        return None
    at = gate.context_slots()
    words.append((id(ctx) + at["handler"], id(None)))
    if r.grad:
        words.append((id(ctx.modes) + SET_SIZE, 0))
        words.append((id(ctx) + at["modes"], id(ctx.modes)))
    words += [(id(t) + slots["data"], id(data)) for _, t, data in executable.fixed]
    made = gate.Gate(
        words=words, items=items, groups=groups.groups, known=groups.known, inputs=inputs,
        leaves=list(tracer.entry.values()), gradients=gradients,
        results=[where["result", i] for i in numbers],
        bumps=[t for t in tracer.bumps if id(t) not in r.internal],
        table=executable.address, check=0 if check is None else entry_of(check).address,
        flags=None if check is None else executable.flags, main=entry_of(main).address,
        arguments=len(arguments), written=list(written), alive=alive,
    )  # fmt: skip
    return Plan(made, made.bind(code), rest)


def _name(
    name: Name, r: Any, entries: dict[Any, int], inputs: list[gate.Input],
    words: list[tuple[int, int]], items: list[Any], spare: int,
) -> bool:  # fmt: skip
    """Let the gate look at something read by name; whether it can."""
    container, value = name.container, name.value
    cell = type(container) is types.CellType
    if not cell and type(container) is not dict:
        return False
    if isinstance(value, Tensor) and id(value) in r.named:
        if type(value) is not Tensor:
            return False
        slot = entries.pop(("named", r.named[id(value)]), spare)
        if cell:
            inputs.append(gate.Input(IN_WORD, id(container) + CELL, None, slot, value))
        else:
            inputs.append(gate.Input(IN_DICT, id(container), name.key, slot, value))
        return True
    if type(value) in (list, dict):
        return False
    if cell:
        words.append((id(container) + CELL, id(value)))
    else:
        items.append((container, name.key, value))
    return True


__all__ = ["Plan", "gated", "returns"]
