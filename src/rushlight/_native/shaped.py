"""Whole operations for arrays of known shapes: products, softmax, norms, sums, convolutions.

Machine code is made for a signature - the operation, its attributes, and the shapes, strides and
dtypes of its arrays - when that has come `REPEATS` times; what comes less often is left to NumPy.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core import FUSED
from ..compiler import rows
from ..compiler.ir import Graph, Host, Kernel, View
from ..compiler.plan import arrange, compile_segments
from ..compiler.program import Program
from ..compiler.trace import LOWERINGS, NotLowered, Tracer
from .views import Lazy, Views

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]

assert rows.__all__  # they register the lowerings
#: A signature that has come so often gets machine code.
REPEATS = 3
#: Signatures with machine code, at most, and signatures that are remembered.
_MOST, _REMEMBERED = 256, 4096
#: Up to so many bytes of memory a kernel keeps to itself; more is taken for the call.
_KEPT = 1 << 18

#: Operation -> ``(tracer, arguments) -> results``: appends equations and gives the views of the
#: results. Arguments that are arrays are views.
PROGRAMS: dict[str, Callable[[Tracer, list[Any]], list[View | None]]] = {}

_lock = threading.Lock()
_seen: dict[Any, int] = {}
_kernels: dict[Any, _Kernel | None] = {}


def program(name: str) -> Callable[[Any], Any]:
    """Register a function as what an operation does."""

    def register(function: Any) -> Any:
        PROGRAMS[name] = function
        return function

    return register


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
    kernel = _kernels.get(signature, _seen)
    if kernel is _seen:
        kernel = _counted(signature, arguments, out)
    if kernel is None:
        return None
    return kernel.run(arrays, out)  # type: ignore[attr-defined]


def _counted(signature: Any, arguments: tuple[Any, ...], out: Array | None) -> _Kernel | None:
    times = _seen.get(signature, 0) + 1
    if len(_seen) >= _REMEMBERED:
        _seen.clear()
    _seen[signature] = times
    if times < REPEATS or len(_kernels) >= _MOST:
        return None
    with _lock:
        try:
            kernel = _Kernel(signature[0], arguments, out)
        except (NotLowered, NotImplementedError, AttributeError, ValueError, TypeError):
            kernel = None
        _kernels[signature] = kernel
        return kernel


class _Kernel:
    """Machine code for one signature."""

    __slots__ = ("_arena", "_call", "_held", "_lock", "_order", "_results", "_table")

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
        results = PROGRAMS[name](tracer, views)
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
        self._lock = threading.Lock()

    def _take(self) -> Array:
        """Memory for what lies between the equations."""
        arena = np.empty(self._arena, np.uint8)
        address = _address(arena)
        self._table[0] = address + -address % 64
        return arena

    def run(self, arrays: Sequence[Array], out: Array | None) -> Any:
        if not self._lock.acquire(False):
            return None  # another thread is at it
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
            self._lock.release()
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


# ---- the operations -----------------------------------------------------------------------------


def _lowered(name: str, shapes: Callable[..., Sequence[Any]]) -> None:
    """An operation whose row has a native form; `shapes` gives those of the outputs."""

    @program(name)
    def lower(t: Tracer, arguments: list[Any]) -> list[View | None]:
        first = arguments[0]
        outputs: list[View | None] = [
            t.temporary(shape, first.dtype) for shape in shapes(*arguments)
        ]
        LOWERINGS[name](t, arguments, outputs)
        return outputs


def _composed(name: str) -> None:
    """An operation that is a formula over a namespace."""

    @program(name)
    def lower(t: Tracer, arguments: list[Any]) -> list[View | None]:
        k = Views(t)
        found = FUSED[name](k, *[Lazy(k, a) if isinstance(a, View) else a for a in arguments])
        results = found if isinstance(found, tuple) else (found,)
        return [None if r is None else r.view for r in results]


@program("matmul")
def _matmul(t: Tracer, arguments: list[Any]) -> list[View | None]:
    x, y, *given = arguments
    if given:
        t.gemm(x, y, given[0])
        return [given[0]]
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    out = t.temporary((*lead, x.shape[-2], y.shape[-1]), x.dtype)
    t.gemm(x, y, out)
    return [out]


def _like(x: View, *_: Any) -> Sequence[Any]:
    return (x.shape,)


def _layer_shapes(x: View, w: Any, b: Any, rank: int, eps: float) -> Sequence[Any]:
    one = x.shape[: x.ndim - rank] + (1,) * rank
    return x.shape, one, one


def _batch_shapes(x: View, *_: Any) -> Sequence[Any]:
    return x.shape, x.shape[1:2], x.shape[1:2], x.shape[1:2]


_lowered("softmax", _like)
_lowered("log_softmax", _like)
_lowered("layer_norm", _layer_shapes)


@program("batch_norm_train")
def _batch_norm(t: Tracer, arguments: list[Any]) -> list[View | None]:
    """Output, mean, variance, reciprocal deviation."""
    outputs: list[View | None] = [
        t.temporary(shape, arguments[0].dtype) for shape in _batch_shapes(*arguments)
    ]
    LOWERINGS["batch_norm_train"](t, arguments, [*outputs[:3], None, outputs[3]])
    return outputs


for _name in (
    "softmax_backward", "log_softmax_backward", "layer_norm_gradients", "batch_norm_gradients",
):  # fmt: skip
    _composed(_name)


def _convolution(name: str) -> None:
    """One of the three convolutions; `geometry`: stride, padding, dilation, groups."""

    @program(name)
    def lower(t: Tracer, arguments: list[Any]) -> list[View | None]:
        a, b, shape, geometry = arguments
        out = t.temporary(shape, a.dtype)
        t.graph.equations.append(Kernel(name, [a, b], [out], dict(geometry), name))
        return [out]


for _name in ("conv2d", "conv2d_input", "conv2d_weight"):
    _convolution(_name)


@program("sum")
def _sum(t: Tracer, arguments: list[Any]) -> list[View | None]:
    x, dims, keepdim = arguments
    k = Views(t)
    return [k.sum(Lazy(k, x), dims, keepdim).view]
