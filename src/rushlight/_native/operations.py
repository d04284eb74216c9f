"""What the operations of `shaped.py` compute, as equations over views.

Rows use the compiler's lowerings, derivatives the formulas that gradients of gradients go through;
what has neither is written out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._core import FUSED
from ..compiler import rows
from ..compiler.expressions import k
from ..compiler.ir import Kernel, View
from ..compiler.trace import LOWERINGS
from .views import Lazy, Views

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..compiler.trace import Tracer

assert rows.__all__  # they register the lowerings

#: Operation -> ``(tracer, arguments) -> results``: appends equations and gives the views of the
#: results. Arguments that are arrays are views.
OPERATIONS: dict[str, Callable[[Tracer, list[Any]], list[View | None]]] = {}


def operation(name: str) -> Callable[[Any], Any]:
    """Register a function as what an operation does."""

    def register(function: Any) -> Any:
        OPERATIONS[name] = function
        return function

    return register


def seconds(name: str, arguments: tuple[Any, ...]) -> float:
    """About how long NumPy takes for an operation on such arrays."""
    x, y = arguments[:2]
    work = 3.0 * x.size
    if name in ("matmul", "linear"):
        work = x.size * (y.shape[-1] if name == "matmul" else y.shape[0]) * 0.01
    elif name.startswith("conv2d"):
        shape = arguments[2]
        kernel = shape if name == "conv2d_weight" else y.shape
        pixels = x.size if name != "conv2d" else np.prod(shape)
        work = float(pixels) * float(np.prod(kernel[1:])) * 0.03
    return 2e-6 + work * 1e-9


def _lowered(name: str, shapes: Callable[..., Sequence[Any]]) -> None:
    """An operation whose row has a native form; `shapes` gives those of the outputs."""

    @operation(name)
    def lower(t: Tracer, arguments: list[Any]) -> list[View | None]:
        first = arguments[0]
        outputs: list[View | None] = [
            t.temporary(shape, first.dtype) for shape in shapes(*arguments)
        ]
        LOWERINGS[name](t, arguments, outputs)
        return outputs


def _composed(name: str) -> None:
    """An operation that is a formula over a namespace."""

    @operation(name)
    def lower(t: Tracer, arguments: list[Any]) -> list[View | None]:
        made = Views(t)
        given = [Lazy(made, a) if isinstance(a, View) else a for a in arguments]
        found = FUSED[name](made, *given)
        results = found if isinstance(found, tuple) else (found,)
        return [None if r is None else r.view for r in results]


@operation("matmul")
def _matmul(t: Tracer, arguments: list[Any]) -> list[View | None]:
    x, y, *given = arguments
    if given:
        t.gemm(x, y, given[0])
        return [given[0]]
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    out = t.temporary((*lead, x.shape[-2], y.shape[-1]), x.dtype)
    t.gemm(x, y, out)
    return [out]


@operation("linear")
def _linear(t: Tracer, arguments: list[Any]) -> list[View | None]:
    x, w, b = arguments
    out = t.temporary((*x.shape[:-1], w.shape[0]), x.dtype)
    rows = t.reshaped(x, (-1 if not x.size else x.size // x.shape[-1], x.shape[-1]))
    flat = out.reshape((rows.shape[0], w.shape[0]))
    assert flat is not None
    t.gemm(rows, w.transpose(), flat, b)
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


@operation("batch_norm_train")
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

    @operation(name)
    def lower(t: Tracer, arguments: list[Any]) -> list[View | None]:
        a, b, shape, geometry = arguments
        out = t.temporary(shape, a.dtype)
        t.graph.equations.append(Kernel(name, [a, b], [out], dict(geometry), name))
        return [out]


for _name in ("conv2d", "conv2d_input", "conv2d_weight"):
    _convolution(_name)


@operation("lstm_cell")
def _lstm_cell(t: Tracer, arguments: list[Any]) -> list[View | None]:
    """One step, in place: what `_kernels/recurrent.py` does after the products."""
    gates, product, past, now, target = arguments

    def formula(*v: Any) -> Any:
        enter, forget, leave = (k.sigmoid(-(v[i] + v[4 + i])) for i in range(3))
        new = k.tanh(v[3] + v[7])
        cell = forget * v[8] + enter * new
        return enter, forget, leave, new, cell, leave * k.tanh(cell)

    rows, more = _parts(gates), _parts(product)
    t.map([*rows, now, target], [*rows, *more, past], formula)
    return []


@operation("lstm_cell_gradients")
def _lstm_cell_gradients(t: Tracer, arguments: list[Any]) -> list[View | None]:
    """One step back, in place."""
    g, of_leave, of_cell, slopes, forget, cell, parts, by_gate = arguments

    def formula(*v: Any) -> Any:
        whole = v[6] + v[0] * v[2]
        found = [v[3] * whole, v[4] * whole, v[5] * whole, v[0] * v[1]]
        return *found, *found, whole * v[7]

    wanted = [*_parts(parts), *_parts(by_gate.permute((1, 0, 2))), cell]
    inputs = [g, of_leave, of_cell, *_parts(slopes)]
    t.map(wanted, [*inputs, cell, forget], formula)
    return []


@operation("lstm_slopes")
def _lstm_slopes(t: Tracer, arguments: list[Any]) -> list[View | None]:
    """What the steps' gradients are multiplied by."""
    gates, cells, past, slopes, of_leave, of_cell = arguments

    def formula(enter: Any, forget: Any, leave: Any, new: Any, cell: Any, before: Any) -> Any:
        tanh = k.tanh(cell)
        output = leave * tanh
        return (
            (enter - enter * enter) * new, (forget - forget * forget) * before,
            enter - new * new * enter, output - output * leave, leave - tanh * output,
        )  # fmt: skip

    t.map([*_parts(slopes), of_leave, of_cell], [*_parts(gates), cells, past], formula)
    return []


def _parts(stack: View) -> list[View]:
    return [stack.drop(0, i) for i in range(stack.shape[0])]
