"""The compiler's intermediate form: loops over strided windows of buffers.

A *buffer* is memory: part of the arena, or an array from outside (a parameter, an argument, a
result) that is looked up in a table of pointers on every call. A *view* is a typed strided window
of a buffer; views of PyTorch (transpose, slices, expand, diagonal...) are nothing but views here,
so no view op is ever lowered. An *equation* reads views and writes views. Equations stand in the
order in which they must appear to run; two of them may be exchanged if neither writes what the
other touches.

* `Map`: for every index of an iteration space, scalar expressions of what was loaded are stored.
* `Reduce`: the same, folded over some axes.
* `Gemm`: products of matrices, batched.
* `Kernel`: anything else that has machine code of its own (convolution, pooling, scatter...).
* `Host`: a NumPy call between native code.

Numbers that change from call to call (learning rates, step counts) are views of shape () and dtype
float64 into a buffer of scalars.

Sizes, offsets and strides count elements. The text of a program (`str(program)`) is its printed
form; `verify` checks what every pass must leave true.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .buffers import Buffer, View, contiguous_strides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

BOOL, F32, F64, I64 = (np.dtype(t) for t in (np.bool_, np.float32, np.float64, np.int64))


# ---------------------------------------------------------------------------------------------
# Scalar expressions: what a Map computes at one index.


class Expr:
    """A scalar expression: a directed acyclic graph of operations on loaded elements.

    Attributes:
        op: "load" (`index` numbers the equation's input view), "at" (an element of input view
            `index`, which then has a shape of its own: `args` are its coordinates, int64, known to
            be inside), "const" (`value`), "index" (the position along axis `index` of the
            iteration space, int64), "cast", or an operation of `OPERATIONS`.
        args: its operands.
        dtype: of the result; arithmetic happens in it. Halves never occur: a load of float16 or
            bfloat16 gives float32, a store rounds.
    """

    __slots__ = ("args", "dtype", "index", "op", "value")

    def __init__(
        self, op: str, args: tuple[Expr, ...] = (), dtype: Any = F32, index: int = 0,
        value: Any = None,
    ) -> None:  # fmt: skip
        self.op = op
        self.args = args
        self.dtype = np.dtype(dtype)
        self.index = index
        self.value = value

    def __repr__(self) -> str:
        if self.op == "load":
            return f"x{self.index}"
        if self.op == "at":
            return f"x{self.index}[{', '.join(map(repr, self.args))}]"
        if self.op == "index":
            return f"i{self.index}"
        if self.op == "const":
            return repr(self.value)
        if self.op == "cast":
            return f"{self.dtype}({self.args[0]!r})"
        return f"{self.op}({', '.join(map(repr, self.args))})"


#: The operations of expressions: name -> number of operands. Comparisons and logic give bool;
#: "select" takes a bool and two of one dtype; all others take and give one dtype (shifts and bit
#: operations integers, or bools for and/or/xor/not). min and max pass NaN on, as PyTorch's do;
#: "fmin" and "fmax" prefer the number. "mod" and "floordiv" follow Python's sign.
OPERATIONS = {
    "add": 2, "sub": 2, "mul": 2, "div": 2, "neg": 1, "abs": 1, "sign": 1, "min": 2, "max": 2,
    "fmin": 2, "fmax": 2, "fma": 3, "floordiv": 2, "truncdiv": 2, "mod": 2, "fmod": 2, "pow": 2,
    "sqrt": 1, "rsqrt": 1, "reciprocal": 1, "exp": 1, "exp2": 1, "expm1": 1, "log": 1, "log2": 1,
    "log10": 1, "log1p": 1, "sin": 1, "cos": 1, "tan": 1, "asin": 1, "acos": 1, "atan": 1,
    "atan2": 2, "sinh": 1, "cosh": 1, "tanh": 1, "asinh": 1, "acosh": 1, "atanh": 1,
    "sigmoid": 1, "erf": 1, "erfc": 1, "floor": 1, "ceil": 1, "trunc": 1, "round": 1,
    "copysign": 2, "lt": 2, "le": 2, "gt": 2, "ge": 2, "eq": 2, "ne": 2, "isnan": 1,
    "and": 2, "or": 2, "xor": 2, "not": 1, "shl": 2, "shr": 2, "select": 3,
}  # fmt: skip

COMPARISONS = frozenset(("lt", "le", "gt", "ge", "eq", "ne", "isnan"))

#: How a reduction folds, and what it starts from.
REDUCTIONS = ("sum", "prod", "max", "min", "any", "all", "argmax", "argmin")


def computed(dtype: Any) -> np.dtype[Any]:
    """The dtype in which elements of `dtype` are computed: float32 for the halves."""
    dtype = np.dtype(dtype)
    if dtype.itemsize == 2 and dtype.kind in "fV":
        return F32
    return dtype


# ---------------------------------------------------------------------------------------------
# Equations


class Equation:
    """Something that reads views and writes views.

    Attributes:
        origin: the op it came from, for `explain()`.
    """

    __slots__ = ("origin",)
    origin: str

    def reads(self) -> Iterator[View]:
        raise NotImplementedError(f"reads of {type(self).__name__}")

    def writes(self) -> Iterator[View]:
        raise NotImplementedError(f"writes of {type(self).__name__}")


class Map(Equation):
    """``outputs[j][i] = expressions[j](inputs[...][i])`` for every index i of `shape`.

    All views have the iteration space's shape (broadcast inputs have strides 0), but for inputs
    that are only read by "at". An output may be the same window as an input (in place, never one
    that "at" reads); else they do not overlap.
    """

    __slots__ = ("expressions", "inputs", "outputs", "shape")

    def __init__(
        self, shape: Sequence[int], inputs: Sequence[View], outputs: Sequence[View],
        expressions: Sequence[Expr], origin: str = "",
    ) -> None:  # fmt: skip
        self.shape = tuple(shape)
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.expressions = list(expressions)
        self.origin = origin

    def reads(self) -> Iterator[View]:
        yield from self.inputs

    def writes(self) -> Iterator[View]:
        yield from self.outputs

    def __repr__(self) -> str:
        left = ", ".join(map(repr, self.outputs))
        right = ", ".join(map(repr, self.expressions))
        return f"{left} = map({right}; {', '.join(map(repr, self.inputs))})"


class Reduce(Equation):
    """``output = fold of expression(inputs[...][i])`` over `axes` of the iteration space `shape`.

    The output has the remaining axes, in order. float32 sums are kept in blocks (see
    docs/compiler.md); argmax and argmin give the first position in the flattened `axes`, int64.
    """

    __slots__ = ("axes", "expression", "inputs", "kind", "output", "shape")

    def __init__(
        self, kind: str, shape: Sequence[int], axes: Iterable[int], inputs: Sequence[View],
        expression: Expr, output: View, origin: str = "",
    ) -> None:  # fmt: skip
        self.kind = kind
        self.shape = tuple(shape)
        self.axes = tuple(sorted(axes))
        self.inputs = list(inputs)
        self.expression = expression
        self.output = output
        self.origin = origin

    def reads(self) -> Iterator[View]:
        yield from self.inputs

    def writes(self) -> Iterator[View]:
        yield self.output

    def __repr__(self) -> str:
        over = ",".join(map(str, self.axes))
        return (
            f"{self.output!r} = {self.kind}[{over}]({self.expression!r}; "
            f"{', '.join(map(repr, self.inputs))})"
        )


class Gemm(Equation):
    """``c = a @ b``, or ``c += a @ b``; leading axes are batches.

    `bias`: None or a view broadcast to c's shape that is added.
    """

    __slots__ = ("a", "accumulate", "b", "bias", "c")

    def __init__(
        self, a: View, b: View, c: View, accumulate: bool = False, bias: View | None = None,
        origin: str = "",
    ) -> None:  # fmt: skip
        self.a = a
        self.b = b
        self.c = c
        self.accumulate = accumulate
        self.bias = bias
        self.origin = origin

    def reads(self) -> Iterator[View]:
        yield self.a
        yield self.b
        if self.bias is not None:
            yield self.bias
        if self.accumulate:
            yield self.c

    def writes(self) -> Iterator[View]:
        yield self.c

    def __repr__(self) -> str:
        sign = "+=" if self.accumulate else "="
        bias = "" if self.bias is None else f" + {self.bias!r}"
        return f"{self.c!r} {sign} {self.a!r} @ {self.b!r}{bias}"


class Kernel(Equation):
    """Something with machine code of its own, looked up by `name` in `lower.KERNELS`."""

    __slots__ = ("attributes", "inputs", "name", "outputs")

    def __init__(
        self, name: str, inputs: Sequence[View], outputs: Sequence[View],
        attributes: dict[str, Any] | None = None, origin: str = "",
    ) -> None:  # fmt: skip
        self.name = name
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.attributes = attributes or {}
        self.origin = origin

    def reads(self) -> Iterator[View]:
        yield from self.inputs

    def writes(self) -> Iterator[View]:
        yield from self.outputs

    def __repr__(self) -> str:
        left = ", ".join(map(repr, self.outputs))
        attributes = "".join(f", {k}={v}" for k, v in self.attributes.items())
        return f"{left} = {self.name}({', '.join(map(repr, self.inputs))}{attributes})"


class Host(Equation):
    """``function(*arguments)`` in Python: views in `arguments` become arrays, results are copied.

    Attributes:
        why: the reason it is not native, for `explain()`.
    """

    __slots__ = ("arguments", "function", "name", "outputs", "why")

    def __init__(
        self, name: str, function: Callable[..., Any], arguments: Sequence[Any],
        outputs: Sequence[View | None], why: str = "", origin: str = "",
    ) -> None:  # fmt: skip
        self.name = name
        self.function = function
        self.arguments = list(arguments)
        self.outputs = list(outputs)
        self.why = why
        self.origin = origin

    def reads(self) -> Iterator[View]:
        yield from views_in(self.arguments)

    def writes(self) -> Iterator[View]:
        yield from (o for o in self.outputs if o is not None)

    def __repr__(self) -> str:
        left = ", ".join("_" if o is None else repr(o) for o in self.outputs)
        shown = ", ".join(repr(a) for a in self.arguments)
        return f"{left} = host {self.name}({shown})"


def views_in(value: Any) -> Iterator[View]:
    """The views in nested arguments."""
    if isinstance(value, View):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from views_in(item)


class Graph:
    """A program of equations over buffers, in order.

    Attributes:
        equations: what is done.
        buffers: all memory, arena and external.
        results: buffers in the arena whose last contents are wanted after the call, if any.
    """

    def __init__(self) -> None:
        self.equations: list[Equation] = []
        self.buffers: list[Buffer] = []
        self.results: list[Buffer] = []

    def buffer(self, size: int, dtype: Any, source: Any = None) -> Buffer:
        made = Buffer(len(self.buffers), size, dtype, source)
        self.buffers.append(made)
        return made

    def temporary(self, shape: Sequence[int], dtype: Any) -> View:
        """A contiguous view of a new buffer in the arena."""
        return View(self.buffer(prod(shape), dtype), 0, shape, contiguous_strides(shape))

    def __str__(self) -> str:
        return "\n".join(repr(e) for e in self.equations)


def verify(graph: Graph) -> None:
    """Check what every pass must leave true.

    Raises:
        ValueError: a view outside its buffer, shapes that do not agree, an arena buffer that is
            read before anything wrote it, an operation that does not exist.
    """
    written: set[int] = set()
    for equation in graph.equations:
        for view in (*equation.reads(), *equation.writes()):
            low, high = view.span()
            if low < 0 or high > view.buffer.size:
                raise ValueError(f"{view!r} leaves its buffer of {view.buffer.size}: {equation!r}")
        for view in equation.reads():
            b = view.buffer
            if isinstance(equation, Host) and any(view.same(w) for w in equation.writes()):
                continue  # it fills this memory
            if b.source is None and b.constant is None and view.size and id(b) not in written:
                raise ValueError(f"{view!r} is read before it is written: {equation!r}")
        if isinstance(equation, Map):
            _verify_loop(equation, equation.outputs, equation.expressions)
        elif isinstance(equation, Reduce):
            if equation.kind not in REDUCTIONS:
                raise ValueError(f"no reduction {equation.kind!r}")
            kept = tuple(
                n for a, n in enumerate(equation.shape) if a not in equation.axes
            )
            if equation.output.shape != kept:
                raise ValueError(f"the output of {equation!r} should have shape {kept}")
            _verify_loop(equation, (), (equation.expression,))
        elif isinstance(equation, Gemm):
            left, right, out = equation.a.shape, equation.b.shape, equation.c.shape
            if (
                out != (*left[:-1], right[-1]) or left[:-2] != right[:-2]
                or left[-1] != right[-2]
            ):  # fmt: skip
                raise ValueError(f"shapes do not agree: {equation!r}")
        written.update(id(v.buffer) for v in equation.writes())


def _verify_loop(
    equation: Any, outputs: Sequence[View], expressions: Sequence[Expr]
) -> None:
    nodes = [e for expression in expressions for e in walk(expression)]
    indexed = {e.index for e in nodes if e.op == "at"} - {e.index for e in nodes if e.op == "load"}
    for j, view in enumerate((*equation.inputs, *outputs)):
        if view.shape != equation.shape and j not in indexed:
            raise ValueError(f"{view!r} has not the shape of {equation!r}")
    for expression in expressions:
        for e in walk(expression):
            if e.op == "at" and len(e.args) != equation.inputs[e.index].ndim:
                raise ValueError(f"{e!r} needs a coordinate for each axis: {equation!r}")
            if e.op == "load" and not 0 <= e.index < len(equation.inputs):
                raise ValueError(f"x{e.index} is not an input of {equation!r}")
            if e.op == "load" and e.dtype != computed(equation.inputs[e.index].dtype):
                raise ValueError(f"x{e.index} is not {e.dtype}: {equation!r}")
            if e.op not in ("load", "at", "const", "index", "cast"):
                if OPERATIONS.get(e.op) != len(e.args):
                    raise ValueError(f"{e.op} with {len(e.args)} operands: {equation!r}")


def walk(expression: Expr) -> Sequence[Expr]:
    """Every distinct node of an expression, operands first."""
    if not expression.args:
        return (expression,)
    found: list[Expr] = []
    seen: set[int] = set()
    stack: list[Expr | None] = [expression]
    waiting: list[Expr] = []
    while stack:
        e = stack.pop()
        if e is None:
            found.append(waiting.pop())
        elif id(e) not in seen:
            seen.add(id(e))
            if e.args:
                waiting.append(e)
                stack.append(None)
                stack.extend(e.args)
            else:
                found.append(e)
    return found



__all__ = [
    "BOOL", "COMPARISONS", "F32", "F64", "I64", "OPERATIONS", "REDUCTIONS", "Buffer", "Equation",
    "Expr", "Gemm", "Graph", "Host", "Kernel", "Map", "Reduce", "View", "computed",
    "contiguous_strides", "verify", "views_in", "walk",
]  # fmt: skip
