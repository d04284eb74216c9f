"""Whole operations for arrays of known shapes: products, softmax, norms, sums, convolutions.

Machine code is made for a signature - the operation, its attributes, and the shapes, strides and
dtypes of its arrays - when that has come several times; what comes less often is left to NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._kernels import native
from ..compiler.ir import Graph, Host, View
from ..compiler.plan import arrange, compile_segments
from ..compiler.program import Program
from ..compiler.trace import NotLowered, Tracer
from .guard import Guard
from .operations import OPERATIONS, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]

#: A signature gets machine code (20 to 50 ms) when it has come so often, and NumPy has spent about
#: so many seconds on it.
REPEATS, SPENT = 3, 5e-3
#: Signatures with machine code, at most, and signatures that are remembered.
_MOST, _REMEMBERED = 256, 4096
#: Up to so many bytes of memory a kernel keeps to itself; more is taken for the call.
_KEPT = 1 << 18

_left: dict[Any, int] = {}
_kernels: dict[Any, _Kernel | None] = {}


def run(name: str, arguments: tuple[Any, ...], out: Array | None = None) -> Any:
    """The results of an operation, as a list; None: NumPy does it.

    Args:
        out: memory for the only result.
    """
    key: list[Any] = [name]
    arrays: list[Array] = []
    for a in arguments:
        if type(a) is np.ndarray:
            arrays.append(a)
            key.append((a.shape, a.strides, a.dtype))
        else:
            key.append(a)
    if out is not None:
        key.append((out.shape, out.strides))
    signature = tuple(key)
    try:
        kernel = _kernels[signature]
    except KeyError:
        kernel = _counted(signature, arguments, out)
    return None if kernel is None else kernel.run(arrays, out)


def _counted(signature: Any, arguments: tuple[Any, ...], out: Array | None) -> _Kernel | None:
    left = _left.get(signature)
    if left is None:
        if len(_left) >= _REMEMBERED:
            _left.clear()
        left = 1 if native.eager else max(REPEATS, int(SPENT / seconds(signature[0], arguments)))
    _left[signature] = left = left - 1
    if left > 0 or len(_kernels) >= _MOST:
        return None
    kernel = None
    try:
        kernel = _Kernel(signature[0], arguments, out)
    except (NotLowered, NotImplementedError):
        pass
    except Exception:  # whatever it is, NumPy can do it
        if native.eager:
            raise
    _kernels[signature] = kernel
    return kernel


class _Kernel:
    """Machine code for one signature."""

    __slots__ = ("_arena", "_call", "_guard", "_held", "_order", "_results", "_table")

    def __init__(self, name: str, arguments: tuple[Any, ...], out: Array | None) -> None:
        tracer = Tracer(Program())
        tracer.origin = name
        graph = tracer.graph
        views: list[Any] = []
        count = 0
        for a in arguments:
            if type(a) is np.ndarray:
                views.append(_given(graph, a, ("argument", count)))
                count += 1
            else:
                views.append(a)
        if out is not None:
            views.append(_given(graph, out, ("argument", count)))
        results = OPERATIONS[name](tracer, views)
        if tracer.checks or tracer.scalars:
            raise NotLowered(name)
        self._results: list[Any] = []
        if out is None:
            for r in results:
                self._results.append(None if r is None else _result(tracer, r, self._results))
        layout, groups = arrange(graph)
        if any(isinstance(g, Host) for g in groups):
            raise NotLowered(name)
        segments = compile_segments(groups)
        if len(segments) != 1:
            raise NotLowered(name)
        table = np.zeros(1 + len(layout.slots), np.int64)
        self._table = table
        self._arena = layout.arena + 64
        arena = None
        if layout.arena <= _KEPT:
            arena = self._take()
            self._arena = 0
        constants = []
        moving = []
        for b in layout.slots:
            if b.constant is not None:
                held = np.ascontiguousarray(b.constant)
                table[b.slot] = _address(held)
                constants.append(held)
            else:
                moving.append((b.source[0] == "result", b.source[1]))
        first = 1 + len(layout.slots) - len(moving)
        self._order = moving
        self._held = arena, constants
        self._call = segments[0].native.bind(_address(table), first)
        self._guard = Guard()

    def _take(self) -> Array:
        """Memory for what lies between the equations."""
        arena = np.empty(self._arena, np.uint8)
        address = _address(arena)
        self._table[0] = address + -address % 64
        return arena

    def run(self, arrays: Sequence[Array], out: Array | None) -> Any:
        guard = self._guard
        with guard.lock:
            if guard.busy:
                return None
            guard.busy = True
            try:
                arena = self._take() if self._arena else None
                if out is not None:
                    arrays = [*arrays, out]
                    results: Any = [out]
                else:
                    results = [None if r is None else np.empty(*r) for r in self._results]
                self._call([results[i] if made else arrays[i] for made, i in self._order])
                del arena
            finally:
                guard.busy = False
        return results


def _given(graph: Graph, a: Array, source: Any) -> View:
    """A view of an array from outside."""
    strides = [s // a.itemsize for s in a.strides]
    if any(s % a.itemsize for s in a.strides) or min(strides, default=0) < 0:
        raise NotLowered("strides")
    if not a.dtype.isnative or a.dtype.kind not in "fbiu":
        raise NotLowered("dtype")
    span = 1 + sum((n - 1) * s for n, s in zip(a.shape, strides, strict=True))
    return View(graph.buffer(max(1, span), a.dtype, source), 0, a.shape, strides)


def _result(tracer: Tracer, view: View, before: list[Any]) -> tuple[Any, Any]:
    """Make a view the next result: a buffer of its own, contiguous."""
    b = view.buffer
    if b.source is not None or b.constant is not None or not (
        view.contiguous and view.offset == 0 and b.size == view.size
    ):
        made = tracer.temporary(view.shape, view.dtype)
        tracer.map(made, [view], lambda v: v)
        view, b = made, made.buffer
    b.source = "result", len(before)
    return view.shape, view.dtype


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
