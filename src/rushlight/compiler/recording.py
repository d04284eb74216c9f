"""Two takes that agree, as a plan needs them: roles of tensors, results, what guards compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import Node, Tensor
from ..autograd.messages import freed_error
from .agreement import compared, written
from .guards import sharing
from .places import flattened
from .program import Act, _tensors
from .shells import forget
from .trace import NotReplayable, Tracer

if TYPE_CHECKING:
    from collections.abc import Callable

    from .program import Program
    from .takes import Take

_PLAIN = (int, float, complex, str, bytes, bool, type(None))


class Recording:
    """Two takes that agree, as a plan needs them.

    Attributes:
        args, kwargs, grad: how the step was called.
        modules, cells: what the plan relies upon.
        names: what user code reads by name; `named` of those the tensors that may be others on
            every call: id -> number.
        returned: places of the tensors that the step returns; `template` its whole result.
        results, gradients: filled by `calling.sources`.
    """

    def __init__(
        self, take: Take, function: Callable[..., Any], roles: dict[int, str]
    ) -> None:
        program = take.program
        self.function = function
        self.name = getattr(function, "__name__", "step")
        self.pair = take.pair
        self.args, self.kwargs, self.grad = take.args, take.kwargs, take.grad
        self.program = program
        self.modules = list(take.audit.modules.values())
        self.contents = take.audit.contents
        self.optimizers = _optimizers(program)
        self.named: dict[int, int] = {}
        self.cells: list[Tensor] = []
        self.internal: set[int] = set()
        self._assign(roles)
        self.names = compared(take)
        self.tracer: Tracer = Tracer(program)
        self.boundary = self.tracer.run(take.forward)
        self.sharing = _sharing(take, self)
        self.returned: list[Any] = []
        self.results: list[Any] = []
        self.gradients: list[Any] = []
        self.saved: list[str] = []
        self.arguments = list(_tensors([*take.args, take.kwargs]))
        self._known: dict[int, Any] = {}
        self._shown: list[Tensor] = []
        self.template = self._template(take.result, take)
        self._shown.clear()
        given = {id(t) for t in self.arguments}
        #: Whether the call does what only Python can do (`gates.py`).
        self.special = bool(self.sharing) or any(id(t) in given for t in self.tracer.bumps)
        forget(self)

    def _assign(self, roles: dict[int, str]) -> None:
        """What each storage from outside is: a named tensor, a cell, a constant."""
        seen: set[int] = set()
        for place in self.program.places.values():
            storage = place.storage
            if storage.kind != "cell" or storage.number in seen:
                continue
            seen.add(storage.number)
            owner = storage.owner
            role = roles[storage.number]
            if role == "named":
                storage.kind = "named"
                storage.owner = self.named.setdefault(id(owner), len(self.named))
            elif role == "constant":
                storage.kind = "constant"
                storage.array = flattened(owner._data, storage)
            else:
                self.cells.append(owner)

    def _template(self, value: Any, take: Take) -> Any:
        if isinstance(value, Tensor):
            for i, t in enumerate(self.arguments):
                if t is value:
                    return "argument", i
            if any(c is value for c in self.cells):
                return "object", value
            for leaf, _ in self.tracer.gradients.values():
                if leaf._grad is value:
                    return "grad", leaf
            if id(value) in self._known:
                return self._known[id(value)]
            register = take.recorder._registers.get(id(value._data))
            place = None if register is None else self.program.places.get(register.number)
            if place is None or place.storage.kind not in ("made", "constant"):
                raise NotReplayable("the step returns a tensor that it did not make")
            if any(np.shares_memory(value._data, x._data) for x in self._shown):
                raise NotReplayable("the step returns two tensors that share memory")
            self._shown.append(value)
            self.returned.append(place)
            number = len(self.returned) - 1
            if self.pair is not None and id(value) in self.pair.outputs:
                found: Any = "differentiable", (number, self.pair.outputs[id(value)])
            else:
                found = "result", (number, _spent(value))
            self._known[id(value)] = found
            return found
        if type(value) is list:
            return "list", [self._template(v, take) for v in value]
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return "named", (type(value), [self._template(v, take) for v in value])
        if type(value) is tuple:
            return "tuple", [self._template(v, take) for v in value]
        if type(value) is dict:
            return "dict", [(k, self._template(v, take)) for k, v in value.items()]
        if type(value) in _PLAIN:
            return "plain", value
        raise NotReplayable(f"the step returns a {type(value).__name__}")


def _sharing(take: Take, recording: Recording) -> dict[Any, Any]:
    """How arguments and named tensors share memory, if that can matter to a replay.

    It matters where some do while recording, and where the step writes to one of them.
    """
    arrays: dict[Any, Any] = {}
    for i, t in enumerate(_tensors([*take.args, take.kwargs])):
        arrays["argument", i] = t._data
    for name in take.audit.names.values():
        if isinstance(name.value, Tensor) and id(name.value) in recording.named:
            arrays["named", recording.named[id(name.value)]] = name.value._data
    found = sharing(arrays)
    if any(value is not None for value in found.values()):
        return found
    places = {p.storage.number: p.storage for p in take.program.places.values()}
    for number in written(take.program):
        if places[number].kind in ("argument", "named"):
            return found
    return {}


def _optimizers(program: Program) -> list[Any]:
    """The optimizers that a step used."""
    found = {id(optimizer): optimizer for optimizer, *_ in program.updates}
    for i in program.instructions:
        if isinstance(i, Act) and i.what == "zero_grad":
            found[id(i.owner[0])] = i.owner[0]
    return list(found.values())


def _spent(value: Tensor) -> Any:
    """For a result whose graph was walked: a node of the same name that says so."""
    edge = value._edge
    if not isinstance(edge, Node):
        return None
    node = _core.visible(edge)[0]
    return _spent_class(type(node).__name__)


_spent_classes: dict[str, type] = {}


def _spent_class(name: str) -> type:
    found = _spent_classes.get(name)
    if found is None:

        def raw(self: Any, g: Any, keep: bool) -> Any:
            raise freed_error()

        def start(self: Any) -> None:
            self.edges = ()
            self._sequence = _core.next_sequence()

        found = type(name, (Node,), {
            "__slots__": (), "__init__": start, "raw": raw,
            "lifted": lambda self, k, g, keep: raw(self, g, keep),
        })  # fmt: skip
        _spent_classes[name] = found
    return found
