"""Steps compiled without guards: recorded once, made into a plan, and run on other numbers."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from rushlight._core import Tensor, ctx, wrap
from rushlight.compiler import ir, pairs, rows
from rushlight.compiler.capture import Recording, Take
from rushlight.compiler.executable import MISS


class Plan:
    """A function of tensors that returns a list of tensors, compiled for these arguments.

    Attributes:
        recorded: what the recorded call returned.
        host: what was not lowered: row -> why; `native` the rows that were, at least once.
        executable: the plan.
    """

    def __init__(self, function, arguments):
        take = Take((list(arguments),), {})
        recorder = take.recorder
        for i, t in enumerate(arguments):
            take.program.arguments.append(recorder.note(t._data, "argument", i))
        ctx.handler = recorder
        try:
            self.recorded = take.result = list(function(list(arguments)))
            for t in take.result:
                recorder.lift(t._data, t)
            take.forward = len(take.program.instructions)
        finally:
            ctx.handler = None
        if recorder.failure is not None:
            raise NotImplementedError(recorder.failure)
        roles = {
            p.storage.number: "constant" for p in take.program.places.values()
            if p.storage.kind == "cell"
        }  # fmt: skip
        self.recording = Recording(take, function, roles)
        graph = self.recording.tracer.graph
        ir.verify(graph)
        self.host = {e.origin: e.why for e in graph.equations if isinstance(e, ir.Host)}
        self.native = {e.origin for e in graph.equations if not isinstance(e, ir.Host)}
        self.executable = pairs.executable(self.recording, take)
        ir.verify(self.executable.graph)

    def __call__(self, arguments):
        """What the plan returns for other arguments, or None where a guard missed."""
        self.executable.poison()
        found = self.executable.call((list(arguments),), {})
        assert self.executable.intact(), "a write outside of all buffers"
        return None if found is MISS else found

class Guarded:
    """Arrays from outside between guard zones, as arguments of plans."""

    ZONE = 192

    def __init__(self):
        self.blocks = []

    def array(self, array):
        """A copy of the array in the same layout."""
        order = sorted(range(array.ndim), key=lambda a: -abs(array.strides[a]))
        block = np.full(array.nbytes + 2 * self.ZONE, 0xA5, np.uint8)
        inside = block[self.ZONE : self.ZONE + array.nbytes].view(array.dtype)
        made = inside.reshape([array.shape[a] for a in order]).transpose(np.argsort(order))
        made[...] = array
        self.blocks.append(block)
        return made

    def intact(self):
        zone = self.ZONE
        return all((b[:zone] == 0xA5).all() and (b[-zone:] == 0xA5).all() for b in self.blocks)


def tensors(arrays):
    """Fresh tensors that own their memory, in the layout of the arrays."""
    found = []
    for a in arrays:
        t = a if isinstance(a, Tensor) else wrap(np.array(a))
        found.append(t)
    return found


__all__ = ["Plan", "rows", "tensors"]
