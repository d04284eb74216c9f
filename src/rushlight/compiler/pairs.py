"""A compiled module or loss function inside an eager loop: two plans, forward and backward.

The forward plan leaves in fresh arrays what the backward plan will read, and its result hangs in
the eager graph by one `PairNode`, whose derivative is the backward plan. A gradient of that
gradient is computed eagerly, by calling the function again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import LEAF, Node, Slot, Tensor, thread, wrap
from ..autograd import engine
from ..autograd.messages import freed_error
from .executable import BackwardExecutable, Executable
from .program import _tensors

if TYPE_CHECKING:
    from .recording import Recording
    from .takes import Take


class Pair:
    """What a take knows of its backward pass.

    Attributes:
        outputs: id of a returned tensor -> its number among those that want gradients.
        tensors: those tensors; `inner` the ones that the call itself returned.
        inputs: ("argument", number) or ("cell", tensor) of everything that gets a gradient.
        leaves: the tensors that stood for the inputs while the call ran.
        gradients: their registers; None where there is no gradient.
        cotangents: registers of the gradients that come in.
        doors: the nodes behind which the history of the arguments lies.
    """

    def __init__(self) -> None:
        self.doors: list[Door] = []
        self.outputs: dict[int, int] = {}
        self.tensors: list[Tensor] = []
        self.inputs: list[tuple[str, Any]] = []
        self.leaves: list[Tensor] = []
        self.gradients: list[Any] = []
        self.cotangents: list[Any] = []


class Door(Node):
    """Stands between a recorded call and the history of an argument.

    What lies behind an argument is not the function's business: a parameter that is used there too
    must not get that gradient twice. A backward pass inside the call that goes through the door is
    right, but cannot be replayed.
    """

    __slots__ = ("opened",)
    opened: bool

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        self.opened = True
        return (g,)

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        self.opened = True
        return (g,)


def door(edge: Any) -> Door:
    """A door to what lies behind `edge`."""
    made: Door = _core.new(Door)
    made._sequence = _core.next_sequence()
    made.edges = (edge,)
    made.opened = False
    return made


class closed:
    """A context in which nothing goes through some doors."""

    def __init__(self, doors: list[Door]) -> None:
        self.doors = doors
        self.edges = [d.edges for d in doors]

    def __enter__(self) -> None:
        for d in self.doors:
            d.edges = (None,)

    def __exit__(self, *_: Any) -> None:
        for d, edges in zip(self.doors, self.edges, strict=True):
            d.edges = edges


def isolated(args: Any, kwargs: Any) -> tuple[Any, Any, dict[int, tuple[Tensor, Tensor]]]:
    """The arguments with a stand-in for every tensor that has a history: see `Door`."""
    aliases: dict[int, tuple[Tensor, Tensor]] = {}

    def visit(value: Any) -> Any:
        if isinstance(value, Tensor):
            if not isinstance(value._edge, Node):
                return value
            found = aliases.get(id(value))
            if found is None:
                alias = wrap(value._data, door(value._edge))
                alias._cell = _core.cell_of(value)
                found = aliases[id(value)] = alias, value
            return found[0]
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(visit, value))
        if isinstance(value, list | tuple):
            return type(value)(map(visit, value))
        if isinstance(value, dict):
            return {k: visit(v) for k, v in value.items()}
        return value

    if not thread.grad:
        return args, kwargs, aliases
    return visit(tuple(args)), visit(dict(kwargs)), aliases


def restored(result: Any, aliases: dict[int, tuple[Tensor, Tensor]]) -> Any:
    """The result with the arguments themselves where their stand-ins were returned."""
    if not aliases:
        return result
    back = {id(alias): original for alias, original in aliases.values()}

    def visit(value: Any) -> Any:
        if isinstance(value, Tensor):
            return back.get(id(value), value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(visit, value))
        if isinstance(value, list | tuple):
            return type(value)(map(visit, value))
        if isinstance(value, dict):
            return {k: visit(v) for k, v in value.items()}
        return value

    return visit(result)


def walked(t: Tensor) -> bool:
    """Whether a backward pass already went through the graph of `t` and freed it."""
    seen: set[int] = set()
    stack: list[Any] = [t._edge]
    while stack:
        node = stack.pop()
        if not isinstance(node, Node) or id(node) in seen:
            continue
        seen.add(id(node))
        for number, _, _ in node.saves:
            if getattr(node, f"c{number}", None) is _core.FREED_CELL:
                return True
        stack.extend(node.edges)
    return False


def record_backward(
    take: Take, result: Any, aliases: dict[int, tuple[Tensor, Tensor]]
) -> Pair | None:
    """Record the backward pass that the result of a call still wants, if it does."""
    wanted = [t for t in _tensors([result]) if isinstance(t._edge, Node) and not walked(t)]
    if not wanted:
        return None
    recorder = take.recorder
    pair = Pair()
    for t in wanted:
        pair.outputs.setdefault(id(t), len(pair.outputs))
    pair.tensors = list({id(t): t for t in wanted}.values())
    originals = {id(alias): original for alias, original in aliases.values()}
    given = list(_tensors([*take.args, take.kwargs]))
    for i, t in enumerate(given):
        if t._edge is not None:
            leaf = aliases[id(t)][0] if id(t) in aliases else t
            if not any(leaf is known for known in pair.leaves):
                pair.inputs.append(("argument", i))
                pair.leaves.append(leaf)
    seen: set[int] = {id(t) for t in pair.leaves} | set(originals)
    for place in take.program.places.values():
        storage = place.storage
        if storage.kind == "cell" and id(storage.owner) not in seen:
            seen.add(id(storage.owner))
            if storage.owner._edge is LEAF:
                pair.inputs.append(("cell", storage.owner))
                pair.leaves.append(storage.owner)
            elif storage.owner._edge is not None:
                recorder.fail("a tensor with a history is reached by name, not passed")
    cotangents = [wrap(np.ones(t._data.shape, t._data.dtype)) for t in pair.tensors]
    for j, c in enumerate(cotangents):
        pair.cotangents.append(recorder.note(c._data, "cotangent", j))
    pair.doors = [alias._edge for alias, _ in aliases.values() if isinstance(alias._edge, Door)]
    with closed(pair.doors):
        found = engine.gradients_of(
            pair.tensors, cotangents, pair.leaves, keep=True, create_graph=False, allow_unused=True
        )
    for g in found:
        pair.gradients.append(None if g is None else recorder.lift(g._data).register)
    return pair


class PairNode(Node):
    """The derivative of a compiled call."""

    __slots__ = ("arguments", "backward", "called", "saved", "versions")
    arguments: list[Any]
    backward: Any
    called: tuple[Any, ...]
    saved: Any
    versions: list[tuple[Any, int]]

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        if self.saved is None:
            raise freed_error()
        self.backward.verify(self)
        cotangents = self.backward.cotangents(g)
        found = self.backward.run(cotangents, self.saved, self.arguments)
        if not keep:
            self.saved = None
        return tuple(found)

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        return self.backward.again(self, k, g)

    def release(self) -> None:
        self.saved = None


class RecordedNode(Node):
    """The derivative of a call that was recorded: it walks the call's own graph."""

    __slots__ = ("pair", "spent")
    pair: Pair
    spent: bool

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        if self.spent:
            raise freed_error()
        gradients = [wrap(x) for x in _spread(self.pair, g)]
        with closed(self.pair.doors):
            found = engine.gradients_of(
                self.pair.tensors, gradients, self.pair.leaves, keep=keep, create_graph=False,
                allow_unused=True,
            )  # fmt: skip
        self.spent = not keep
        return tuple(None if t is None else t._data for t in found)

    def release(self) -> None:
        self.spent = True

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        if self.spent:
            raise freed_error()
        gradients = [k.show(x) for x in _spread(self.pair, g, k)]
        with closed(self.pair.doors):
            found = engine.gradients_of(
                self.pair.tensors, gradients, self.pair.leaves, keep=True, create_graph=True,
                allow_unused=True,
            )  # fmt: skip
        return tuple(None if t is None else k.hide(t) for t in found)


def _spread(pair: Any, g: Any, k: Any = None) -> list[Any]:
    """The gradients of all outputs; zeros where none came."""
    if not isinstance(g, dict):
        return [g]
    found = []
    for i, t in enumerate(pair.tensors):
        value = g.get(i)
        if value is None:
            zeros = np.zeros(t._data.shape, t._data.dtype)
            value = zeros if k is None else k.start(zeros)
        found.append(value)
    return found


def joined(take: Take) -> Any:
    """The result of a recorded call, hanging in the graph of its real arguments."""
    pair = take.pair
    assert pair is not None
    given = list(_tensors([*take.args, take.kwargs]))
    node = _core.new(RecordedNode)
    node._sequence = _core.next_sequence()
    node.edges = tuple(
        _core.edge_of(given[value] if kind == "argument" else value)
        for kind, value in pair.inputs
    )
    node.pair = pair
    node.spent = False
    made: dict[int, Tensor] = {}
    single = len(pair.tensors) == 1

    def visit(value: Any) -> Any:
        if isinstance(value, Tensor):
            number = pair.outputs.get(id(value))
            if number is None:
                return value
            if number not in made:
                made[number] = wrap(value._data, node if single else Slot(node, number))
                made[number]._cell = _core.cell_of(value)
            return made[number]
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(visit, value))
        if isinstance(value, list | tuple):
            return type(value)(map(visit, value))
        if isinstance(value, dict):
            return {k: visit(v) for k, v in value.items()}
        return value

    return visit(take.result)


def executable(recording: Recording, take: Take) -> Executable:
    """The plan of a recording; for a pair, with its backward plan."""
    if recording.pair is None:
        return Executable(recording)
    tracer = recording.tracer
    equations = tracer.graph.equations
    forward, backward = equations[: recording.boundary], equations[recording.boundary :]
    written = {id(v.buffer) for e in forward for v in e.writes()}
    crossing: list[Any] = []
    for e in backward:
        for v in e.reads():
            b = v.buffer
            if id(b) in written and b.source is None and b.constant is None:
                if not any(b is c for c in crossing):
                    crossing.append(b)
    tracer.graph.equations = forward
    made = Executable(recording, crossing)
    forward = tracer.graph.equations
    made.backward = BackwardExecutable(recording, backward, crossing)
    made.finish()
    # The recorded call's own graph and batch go with the recording.
    slim = Pair()
    slim.inputs, slim.outputs = recording.pair.inputs, recording.pair.outputs
    recording.pair = made.backward.pair = slim
    return made


def differentiated(backward: Any, node: Any, k: Any, g: Any) -> tuple[Any, ...]:
    """The gradients of a compiled call as part of the graph, by calling its function eagerly.

    The call's own side effects (running averages, random draws) are undone.
    """
    from .. import random

    recording = backward.recording
    args, kwargs, inputs = node.called
    written = [t for t in recording.tracer.bumps if isinstance(t, Tensor)]
    kept = [(t, t._data.copy()) for t in written]
    state = random.get_rng_state()
    before = _core.set_modes(True, False)
    try:
        result = recording.function(*args, **kwargs)
        outputs = [t for t in _tensors([result]) if isinstance(t._edge, Node)]
        gradients = [k.show(x) for x in _spread(_Outputs(outputs), g, k)]
        found = engine.gradients_of(
            outputs, gradients, inputs, keep=True, create_graph=True, allow_unused=True
        )
    finally:
        _core.set_modes(*before)
        random.set_rng_state(state)
        for t, data in kept:
            t._data[...] = data
    return tuple(None if t is None else k.hide(t) for t in found)


class _Outputs:
    """Outputs in the place of a pair."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors


__all__ = ["Pair", "PairNode", "executable", "isolated", "joined", "record_backward"]
