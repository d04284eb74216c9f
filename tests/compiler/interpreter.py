"""Runs a graph with NumPy: slow, obvious, and independent of code generation."""

from __future__ import annotations

import numpy as np

from rushlight._kernels import special
from rushlight.compiler import ir

UNARY = {
    "neg": np.negative, "abs": np.abs, "sqrt": np.sqrt, "exp": np.exp, "exp2": np.exp2,
    "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh, "floor": np.floor, "ceil": np.ceil,
    "trunc": np.trunc, "round": np.rint, "isnan": np.isnan, "not": np.invert,
    "reciprocal": np.reciprocal, "rsqrt": lambda x: 1 / np.sqrt(x), "sigmoid": special.sigmoid,
    "erf": special.erf, "erfc": special.erfc, "sign": np.sign,
}  # fmt: skip
BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "min": np.minimum,
    "max": np.maximum, "fmin": np.fmin, "fmax": np.fmax, "floordiv": np.floor_divide,
    "mod": np.remainder, "fmod": np.fmod, "pow": np.power, "atan2": np.arctan2,
    "copysign": np.copysign, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal, "and": np.bitwise_and,
    "or": np.bitwise_or, "xor": np.bitwise_xor, "shl": np.left_shift, "shr": np.right_shift,
}  # fmt: skip


def window(arrays, view):
    """The NumPy window of a view, over the flat arrays of the buffers."""
    flat = arrays[view.buffer.number]
    size = flat.itemsize
    return np.ndarray(
        view.shape, flat.dtype, flat, view.offset * size, tuple(s * size for s in view.strides)
    )


def evaluate(expression, loaded, shape):
    values = {}
    for e in ir.walk(expression):
        a = [values[id(x)] for x in e.args]
        if e.op == "load":
            v = loaded[e.index]
            v = v.astype(np.float32) if v.dtype != e.dtype else v
        elif e.op == "at":
            v = loaded[e.index][tuple(a)].astype(e.dtype)
        elif e.op == "const":
            v = np.asarray(e.value).astype(e.dtype)
        elif e.op == "index":
            v = np.arange(shape[e.index]).reshape(
                [-1 if i == e.index else 1 for i in range(len(shape))])  # fmt: skip
        elif e.op == "cast":
            v = np.asarray(a[0]).astype(e.dtype)
        elif e.op == "select":
            v = np.where(a[0], a[1], a[2])
        elif e.op == "truncdiv":
            v = np.trunc(np.divide(a[0], a[1])).astype(e.dtype)
        elif e.op == "fma":
            v = a[0] * a[1] + a[2]
        elif e.op in UNARY:
            v = UNARY[e.op](a[0])
        else:
            v = BINARY[e.op](a[0], a[1])
        values[id(e)] = v
    return np.broadcast_to(values[id(expression)], shape)


FOLDS = {
    "sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "any": np.any, "all": np.all,
}  # fmt: skip


def run(graph, arrays):
    """Do what the equations say to `arrays`: buffer number -> flat array."""
    for b in graph.buffers:
        if b.number not in arrays:
            arrays[b.number] = (
                b.constant.copy() if b.constant is not None else np.zeros(b.size, b.dtype)
            )
    with np.errstate(all="ignore"):
        for e in graph.equations:
            step(e, arrays)
    return arrays


def step(e, arrays):
    if isinstance(e, ir.Map):
        loaded = [window(arrays, v) for v in e.inputs]
        found = [np.array(evaluate(x, loaded, e.shape)) for x in e.expressions]
        for o, f in zip(e.outputs, found, strict=True):
            window(arrays, o)[...] = f
    elif isinstance(e, ir.Reduce):
        loaded = [window(arrays, v) for v in e.inputs]
        x = evaluate(e.expression, loaded, e.shape)
        if e.kind.startswith("arg"):
            kept = [a for a in range(x.ndim) if a not in e.axes]
            lines = x.transpose(*kept, *e.axes).reshape([x.shape[a] for a in kept] + [-1])
            found = getattr(np, e.kind)(lines, -1)
        else:
            found = FOLDS[e.kind](x, axis=e.axes)
        window(arrays, e.output)[...] = found
    elif isinstance(e, ir.Gemm):
        a, b, c = (window(arrays, v) for v in (e.a, e.b, e.c))
        found = a.astype(np.float32) @ b.astype(np.float32) if a.itemsize == 2 else a @ b
        if e.bias is not None:
            found = found + window(arrays, e.bias)
        if e.accumulate:
            found = found + c
        c[...] = found
    elif isinstance(e, ir.Host):
        found = e.function(*_arguments(e.arguments, arrays))
        found = found if isinstance(found, tuple | list) else (found,)
        for o, f in zip(e.outputs, found, strict=False):
            if o is not None:
                window(arrays, o)[...] = f
    elif isinstance(e, ir.Kernel):
        KERNELS[e.name](*[window(arrays, v) for v in e.inputs], **e.attributes)
    else:
        raise NotImplementedError(type(e).__name__)


def _arguments(value, arrays):
    if isinstance(value, ir.View):
        return window(arrays, value)
    if isinstance(value, list | tuple):
        return type(value)(_arguments(v, arrays) for v in value)
    return value


def _scatter_add_rows(g, places, out, skip):
    for i, row in zip(places, g, strict=True):
        if i != skip:
            out[i] += row


KERNELS = {"scatter_add_rows": _scatter_add_rows}
