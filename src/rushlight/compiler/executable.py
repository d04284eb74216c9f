"""A plan that can be called: guards, pointers, native code, and what it leaves behind.

The call is one Python function rendered for its plan (`calling.py` writes the text). It looks at
everything a replay relies upon, cheap things first, and answers `MISS` if anything differs; nothing
has changed then. Else it fills the table of pointers, runs the native segments in order, and leaves
behind what the eager step would have left: fresh results and gradients, version counters, host
actions.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import ctx
from . import calling
from .ir import Host, View
from .passes.forward import cloned
from .places import bounds
from .plan import arrange, compile_segments, moves
from .runtime.engine import build
from .snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .ir import Buffer, Equation
    from .recording import Recording

MISS = calling.MISS


class OutOfMemory(MemoryError):
    """There is no room for the memory that a plan works in."""


class Executable:
    """One compiled path through a step, for one signature of its arguments.

    Attributes:
        call: ``call(args, kwargs)``: what the step returns, or `MISS`.
        graph, segments, layout: what was compiled, for `explain`.
        seconds: how long compiling took; `cached`: whether machine code came from the cache.
    """

    def __init__(
        self, recording: Recording, crossing: Sequence[Buffer] = (),
    ) -> None:  # fmt: skip
        tracer = recording.tracer
        self.recording = recording
        self.graph = tracer.graph
        self.lock = threading.Lock()
        self.backward: Any = None
        self.gate: Any = None
        calling.sources(recording, crossing)
        self._compile()
        self.check = self._check_kernel()
        self.snapshot = Snapshot(recording)
        self.epoch = ctx.structure
        if recording.pair is None:
            self.finish()

    def _compile(self) -> None:
        self.layout, self.groups = arrange(self.graph)
        self.dynamic = [b for b in self.layout.slots if moves(b)]
        self._prepare_table()
        self.segments = compile_segments(self.groups)
        natives = [s.native for s in self.segments if s.native is not None]
        self.seconds = sum(n.seconds for n in natives)
        self.cached = bool(natives) and all(n.cached for n in natives)

    def finish(self) -> None:
        """Render the call; for a pair, once its backward plan is there."""
        self.call = calling.render(self)

    # ---- memory ------------------------------------------------------------------------------

    def _prepare_table(self) -> None:
        """The table of pointers: the arena, fixed buffers, those of the call, flags of checks."""
        slots = self.layout.slots
        try:
            arena = np.empty(self.layout.arena + 128, np.uint8)
        except MemoryError as error:
            raise OutOfMemory(
                f"out of memory: its intermediate results need {self.layout.arena:,} bytes at once"
            ) from error
        start = -arena.__array_interface__["data"][0] % 64
        self.arena = arena[start : start + self.layout.arena + 64]
        # The last but one takes the addresses of arrays that no kernel wants (`gates.py`).
        self.table = np.zeros(3 + len(slots), np.uint64)
        self.table[0] = _address(self.arena)
        self.address = _address(self.table)
        #: The entry from which on a launch writes the addresses of this call's arrays.
        self.first = 1 + len(slots) - len(self.dynamic)
        tracer = self.recording.tracer
        self.scalars = np.zeros(max(1, len(tracer.scalars)), np.float64)
        self.fixed: list[tuple[int, Any, np.ndarray[Any, Any]]] = []
        self.kept: list[Any] = []
        for b in slots:
            array = None
            if b.constant is not None:
                array = _aligned(b.constant)
                self.kept.append(array)
            elif b.source[0] == "scalars":
                array = self.scalars
            elif b.source[0] == "engine":
                array = b.source[1].array
            elif b.source[0] == "cell" and not moves(b):
                data = b.source[1]._data
                self.fixed.append((b.slot, b.source[1], data))
                self.table[b.slot] = bounds(data)[0]
                continue
            if array is not None:
                self.table[b.slot] = _address(array)

    def _check_kernel(self) -> Any:
        """Native code that looks whether indices are in range, or None."""
        checks = self.recording.tracer.checks
        if not checks:
            return None
        from .checks import check_kernels

        unique: list[Any] = []
        for check in checks:
            if not any(check[0].same(c[0]) and check[1:] == c[1:] for c in unique):
                unique.append(check)
        self.flags = np.zeros(len(unique), np.bool_)
        self.table[-1] = _address(self.flags)
        return build(check_kernels(unique, len(self.table) - 1))

    # ---- for tests: with `plan.GUARD` -----------------------------------------------------------

    def poison(self) -> None:
        """Fill the arena with bits that are NaN in every float and no sensible integer."""
        self.arena[:] = 0xFF

    def intact(self) -> bool:
        """Whether nothing wrote to a guard zone since the arena was filled."""
        return all((self.arena[a:b] == 0xFF).all() for a, b in self.layout.guards)

    # ---- what the rendered function calls ------------------------------------------------------

    def revalidate(self) -> bool:
        """The structural epoch moved on: look whether anything that matters changed."""
        if not self.snapshot.holds():
            return False
        self.epoch = ctx.structure
        if self.gate is not None:
            self.gate.renew()
        return True

    def host(self, equation: Host, arrays: dict[int, Any]) -> None:
        """Run one host call."""
        with _core.quiet():
            found = equation.function(*self._values(equation.arguments, arrays))
        if not isinstance(found, tuple | list):
            found = (found,)
        for target, value in zip(equation.outputs, found, strict=False):
            if target is not None:
                self.window(target, arrays)[...] = value

    def _values(self, value: Any, arrays: dict[int, Any]) -> Any:
        if isinstance(value, View):
            array = self.window(value, arrays)
            return float(array) if id(value.buffer) in self.numbers else array
        if isinstance(value, list | tuple):
            return type(value)(self._values(v, arrays) for v in value)
        return value

    @property
    def numbers(self) -> set[int]:
        return self.recording.tracer._number_buffers

    def window(self, view: View, arrays: dict[int, Any]) -> np.ndarray[Any, Any]:
        """The NumPy window of a view, at this call's addresses."""
        b = view.buffer
        size = b.dtype.itemsize
        strides = tuple(s * size for s in view.strides)
        if b.slot == 0:
            return np.ndarray(
                view.shape, b.dtype, self.arena, b.offset + view.offset * size, strides
            )
        owner = arrays.get(b.slot)
        low = bounds(owner)[0] if owner is not None else int(self.table[b.slot])
        memory = _Memory(low + view.offset * size, view.shape, strides, b.dtype, owner)
        return np.asarray(memory).view(b.dtype)


class BackwardExecutable(Executable):
    """The backward plan of a pair.

    Attributes:
        inputs: ("argument", number) or ("cell", tensor) of everything that gets a gradient.
        single: whether there is one output.
    """

    def __init__(
        self, recording: Recording, equations: list[Equation], crossing: Sequence[Buffer]
    ) -> None:
        pair = recording.pair
        assert pair is not None
        self.recording = recording
        self.pair = pair
        self.inputs = pair.inputs
        self.single = len(pair.tensors) == 1
        self.lock = threading.Lock()
        self.check = None
        tracer = recording.tracer
        tracer.graph.equations = equations
        outputs = calling.gradients(recording)
        self.graph = cloned(tracer.graph.equations, crossing)
        self._views = [None if v is None else self.graph.moved(v) for v in outputs]
        self._compile()
        self._fresh = [
            None if v is None else (calling.shape_in_memory(v), v.dtype) for v in self._views
        ]
        cells = {id(b.source[1]): b.source[1] for b in self.layout.slots
                 if b.source is not None and b.source[0] == "cell"}  # fmt: skip
        self._cells = list(cells.values())
        self._given = sorted(
            {b.source[1] for b in self.dynamic if b.source[0] == "argument"}
        )
        self._shapes = [(t._data.shape, t._data.dtype) for t in pair.tensors]
        self._native = []
        first: int | None = self.first if self.dynamic else None
        address = _address(self.table)
        for segment in self.segments:
            if segment.native is not None:
                self._native.append(segment.native.bind(address, first))
                first = None
            else:
                self._native.append(None)

    def node(
        self, inputs: list[Any], saved: list[Any], given: list[Any], args: Any, kwargs: Any
    ) -> Any:
        """The node of one call."""
        from .pairs import PairNode

        made: Any = _core.new(PairNode)
        made.edges = tuple([_core.edge_of(t) for t in inputs])
        made._sequence = _core.next_sequence()
        made.backward = self
        made.saved = saved
        made.arguments = [t._data for t in given]
        cells = [_core.cell_of(t) for t in self._cells]
        cells += [_core.cell_of(given[i]) for i in self._given]
        made.versions = [(c, c[0]) for c in cells]
        made.called = args, kwargs, inputs
        return made

    def verify(self, node: Any) -> None:
        """Raise if what the derivative reads was written to since the call."""
        for i, (cell, version, *result) in enumerate(node.versions):
            if cell[0] != version:
                n = len(self._cells)
                if result:
                    data = result[0]
                else:
                    data = self._cells[i]._data if i < n else node.arguments[self._given[i - n]]
                raise RuntimeError(changed(data, cell[0], version))

    def cotangents(self, g: Any) -> list[Any]:
        """The gradients that came in, as contiguous arrays; zeros where none did."""
        found = []
        for i, (shape, dtype) in enumerate(self._shapes):
            value = g.get(i) if isinstance(g, dict) else g
            if value is None:
                value = np.zeros(shape, dtype)
            found.append(np.ascontiguousarray(value, dtype).reshape(shape))
        return found

    def run(self, cotangents: list[Any], saved: list[Any], given: list[Any]) -> list[Any]:
        """The gradients of the inputs."""
        fresh: list[Any] = [
            None if f is None else calling.made(*f) for f in self._fresh
        ]
        by_kind = {
            "cotangent": cotangents, "saved": saved, "argument": given, "gradient": fresh,
        }  # fmt: skip
        arrays = [by_kind[b.source[0]][b.source[1]] for b in self.dynamic]
        held = {b.slot: a for b, a in zip(self.dynamic, arrays, strict=True)}
        with self.lock:
            passed = [arrays] if self.dynamic else []
            for segment, native in zip(self.segments, self._native, strict=True):
                if segment.host is not None:
                    self.host(segment.host, held)
                else:
                    native(*passed)
                    passed = []
        return fresh

    def again(self, node: Any, k: Any, g: Any) -> tuple[Any, ...]:
        """The gradient as part of the graph: the function is called once more, eagerly."""
        from .pairs import differentiated

        return differentiated(self, node, k, g)


def changed(data: Any, now: int, then: int) -> str:
    """PyTorch's message about a tensor that was modified in place."""
    from .._dtypes import from_numpy

    shape = ", ".join(map(str, data.shape))
    return (
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [torch.{from_numpy(data.dtype).type_name}Tensor [{shape}]] is at version "
        f"{now}; expected version {then} instead. Hint: enable anomaly detection to find the "
        "operation that failed to compute its gradient, with "
        "torch.autograd.set_detect_anomaly(True)."
    )


class _Memory:
    """Memory as NumPy's array interface describes it; keeps its owner alive."""

    def __init__(self, address: int, shape: Any, strides: Any, dtype: Any, owner: Any) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "version": 3, "data": (address, False), "shape": shape, "strides": strides,
            "typestr": dtype.str,
        }  # fmt: skip


def _address(array: np.ndarray[Any, Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _aligned(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy at an address that vectors like."""
    memory = np.empty(array.nbytes + 64, np.uint8)
    start = -_address(memory) % 64
    made = memory[start : start + array.nbytes].view(array.dtype)
    made[...] = array
    return made
