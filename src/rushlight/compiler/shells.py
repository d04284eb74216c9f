"""Tensors without memory, in the place of those that a step was recorded with.

A plan compares what it is called with by kind, shape, dtype, strides and whether it requires
gradients. A shell says the same of a tensor and keeps nothing of it alive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import LEAF, Tensor

if TYPE_CHECKING:
    from .recording import Recording


def shell(t: Tensor) -> Tensor:
    """A tensor like `t` whose array must not be read."""
    data = t._data
    made: Tensor = _core.new(type(t))
    made._data = np.lib.stride_tricks.as_strided(
        np.zeros(1, data.dtype), data.shape, data.strides, writeable=False
    )
    made._edge = None if t._edge is None else LEAF
    made._cell = None
    return made


class Shells:
    """Shells of tensors, one for each."""

    def __init__(self) -> None:
        self._made: dict[int, Tensor] = {}

    def add(self, t: Tensor) -> Tensor:
        found = self._made.get(id(t))
        if found is None:
            found = self._made[id(t)] = shell(t)
        return found

    def get(self, t: Any) -> Any:
        """The shell of `t`, if it has one; else `t` itself."""
        return self._made.get(id(t), t)

    def inside(self, value: Any) -> Any:
        """`value`, with shells in the place of the tensors in its containers."""
        if isinstance(value, Tensor):
            return self.add(value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(self.inside, value))
        if type(value) in (list, tuple):
            return type(value)(map(self.inside, value))
        if type(value) is dict:
            return {k: self.inside(v) for k, v in value.items()}
        if isinstance(value, list | tuple | dict):
            return _emptied(value, self)
        return value


def _emptied(value: Any, shells: Shells) -> Any:
    """A container of another class, copied with its entries replaced."""
    import copy

    made = copy.copy(value)
    if isinstance(made, dict):
        for k, v in value.items():
            made[k] = shells.inside(v)
    elif isinstance(made, list):
        made[:] = map(shells.inside, value)
    return made


def forget(recording: Recording) -> None:
    """Let go of the batch, the results and the graph that a step was recorded with."""
    shells = Shells()
    r = recording
    r.args = shells.inside(tuple(r.args))
    r.kwargs = shells.inside(dict(r.kwargs))
    r.arguments = [shells.get(t) for t in r.arguments]
    named: dict[int, int] = {}
    for name in r.names:
        value = name.value
        if isinstance(value, Tensor) and id(value) in r.named:
            number = r.named[id(value)]
            name.value = shells.add(value)
            named[id(name.value)] = number
    r.named = named
    tracer = r.tracer
    for table in (tracer.gradients, tracer.entry):
        for key, (leaf, what) in list(table.items()):
            table[key] = shells.get(leaf), what  # type: ignore[assignment]
    tracer.bumps = [shells.get(t) for t in tracer.bumps]
    for storage in {id(p.storage): p.storage for p in r.program.places.values()}.values():
        if isinstance(storage.owner, Tensor):
            storage.owner = shells.get(storage.owner)
    for b in tracer._buffers.values():
        if b.source is not None and isinstance(b.source[1], Tensor):
            b.source = b.source[0], shells.get(b.source[1])
    r.program.instructions = []
