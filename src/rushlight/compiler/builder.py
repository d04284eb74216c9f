"""What lowerings of op rows call: equations over views, appended to a graph.

A `Builder` knows how to broadcast operands, to fold constants that are the same everywhere, and to
refuse what loops cannot compute with. `trace.py` follows a program with one.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .expressions import Value, constant, convert
from .ir import Expr, Gemm, Graph, Host, Kernel, Map, Reduce, View, computed, contiguous_strides

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Row name -> ``lower(t, arguments, outputs)``: appends equations to ``t.graph``. Arguments are
#: views, numbers as views of shape () (float64), and attributes; an output that nobody needs or
#: that is a window of known memory is None.
LOWERINGS: dict[str, Callable[[Any, list[Any], list[View | None]], None]] = {}

#: Kind of draw -> ``lower(t, generator, arguments, output)``.
DRAWS: dict[str, Callable[[Any, Any, list[Any], View], None]] = {}

#: Names of native kernels beside loops and products (`lower/kernels.py` emits them).
KERNELS: set[str] = set()

#: dtypes that loops compute with.
_NATIVE = frozenset("?bhilqBefdx")


class NotLowered(Exception):
    """This call of a row has no native form: it runs as a NumPy call."""


def lowering(*names: str) -> Callable[[Any], Any]:
    """Register a function as the native form of some rows."""

    def register(function: Any) -> Any:
        for name in names:
            LOWERINGS[name] = function
        return function

    return register


def drawing(kind: str) -> Callable[[Any], Any]:
    """Register a function as the native form of a kind of random numbers."""

    def register(function: Any) -> Any:
        DRAWS[kind] = function
        return function

    return register


def native(dtype: Any) -> bool:
    """Whether loops can compute with elements of `dtype`."""
    dtype = np.dtype(dtype)
    return dtype.char in _NATIVE and dtype.char != "x" or dtype.name == "bfloat16"


class Builder:
    """Appends equations to a graph.

    Attributes:
        graph: what is being built.
        origin: the op that the next equations come from.
    """

    def __init__(self) -> None:
        self.graph = Graph()
        self.origin = ""
        self._constants: dict[Any, View] = {}
        #: Buffers that stand for Python numbers.
        self._number_buffers: set[int] = set()

    def _copy(self, target: View, source: View) -> None:
        load = Expr("load", (), computed(source.dtype), index=0)
        self.graph.equations.append(
            Map(target.shape, [source.expand(target.shape)], [target],
                [convert_to(load, target.dtype)], self.origin)
        )  # fmt: skip

    def constant(self, array: Any) -> View:
        """An array of the compiler's own."""
        array = np.ascontiguousarray(array)
        key = array.shape, array.dtype.str, array.tobytes()
        view = self._constants.get(key)
        if view is None:
            buffer = self.graph.buffer(array.size, array.dtype)
            buffer.constant = array.reshape(-1)
            view = View(buffer, 0, array.shape, contiguous_strides(array.shape))
            self._constants[key] = view
        return view

    def map(self, outputs: Any, inputs: Sequence[Any], formula: Callable[..., Any]) -> None:
        """``outputs = formula(*inputs)``, elementwise, broadcasting inputs to the outputs' shape.

        Inputs are views or Python numbers. The formula gets a `Value` for each (a number stays a
        number) and returns one `Value` (or number) per output; None outputs are left out.
        """
        single = isinstance(outputs, View)
        targets = [outputs] if single else list(outputs)
        shape = next(o.shape for o in targets if o is not None)
        operands, views = self._operands(inputs, shape)
        results = formula(*operands)
        results = [results] if single else list(results)
        kept = [(o, r) for o, r in zip(targets, results, strict=True) if o is not None]
        self.graph.equations.append(
            Map(shape, views, [o for o, _ in kept],
                [convert_to(_expression(r, o), o.dtype) for o, r in kept], self.origin)
        )  # fmt: skip

    def _operands(
        self, inputs: Sequence[Any], shape: Any, first: int = 0
    ) -> tuple[list[Any], list[View]]:
        operands: list[Any] = []
        views: list[View] = []
        for x in inputs:
            if not isinstance(x, View):
                operands.append(x)
                continue
            self.check(x)
            uniform = _uniform(x)
            if uniform is not None:
                operands.append(Value(constant(uniform, computed(x.dtype)), self._weak(x)))
                continue
            load = Expr("load", (), computed(x.dtype), index=first + len(views))
            operands.append(Value(load, self._weak(x)))
            views.append(x.expand(shape))
        return operands, views

    def _weak(self, view: View) -> bool:
        """Whether a view stands for a Python number."""
        return id(view.buffer) in self._number_buffers

    def gather_map(
        self, output: View, source: View, inputs: Sequence[View], formula: Callable[..., Any]
    ) -> None:
        """A map whose formula reads `source`, input view 0, at computed places ("at")."""
        self.check(source)
        self.check(output)
        operands, views = self._operands(inputs, output.shape, first=1)
        result = _expression(formula(*operands), output)
        self.graph.equations.append(
            Map(output.shape, [source, *views], [output], [convert_to(result, output.dtype)],
                self.origin)
        )  # fmt: skip

    def gather_reduce(
        self, kind: str, output: View, shape: Sequence[int], axes: Sequence[int], source: View,
        inputs: Sequence[View], formula: Callable[..., Any],
    ) -> None:  # fmt: skip
        """A reduction whose formula reads `source`, input view 0, at computed places."""
        self.check(source)
        operands, views = self._operands(inputs, shape, first=1)
        result = convert_to(_expression(formula(*operands), output), output.dtype)
        self.graph.equations.append(
            Reduce(kind, shape, axes, [source, *views], result, output, self.origin)
        )

    def check(self, view: View) -> None:
        """Refuse dtypes that loops cannot compute with."""
        if not native(view.dtype):
            raise NotLowered(f"{view.dtype} has no native loops")

    def reduce(
        self, kind: str, output: View, shape: Sequence[int], axes: Sequence[int],
        inputs: Sequence[Any], formula: Callable[..., Any], keepdim: bool = False,
    ) -> None:  # fmt: skip
        """``output = fold over axes of formula(*inputs)``; `output` may keep the axes as ones."""
        operands, views = self._operands(inputs, shape)
        result = _expression(formula(*operands), output)
        self.check(output)
        target = output
        if keepdim:
            for axis in sorted(axes, reverse=True):
                target = target.drop(axis)
        work = result.dtype if kind.startswith("arg") else computed(output.dtype)
        result = convert_to(result, work)
        if kind.startswith("arg") or target.dtype == result.dtype:
            self.graph.equations.append(
                Reduce(kind, shape, axes, views, result, target, self.origin)
            )
            return
        wide = self.temporary(target.shape, work)
        self.graph.equations.append(
            Reduce(kind, shape, axes, views, result, wide, self.origin)
        )
        self.map(target, [wide], lambda v: v)

    def temporary(self, shape: Sequence[int], dtype: Any) -> View:
        return self.graph.temporary(shape, dtype)

    def contiguous(self, view: View) -> View:
        """`view`, or a contiguous copy of it."""
        if view.contiguous:
            return view
        made = self.temporary(view.shape, view.dtype)
        self._copy(made, view)
        return made

    def reshaped(self, view: View, shape: Sequence[int]) -> View:
        """The elements in another shape, copied where no strides express it."""
        found = view.reshape(shape)
        if found is None:
            found = self.contiguous(view).reshape(shape)
        assert found is not None
        return found

    def gemm(
        self, a: View, b: View, c: View, bias: View | None = None, accumulate: bool = False
    ) -> None:
        """``c = a @ b (+ bias)``; leading axes broadcast."""
        for view in (a, b, c):
            if view.dtype.kind not in "fV" or not native(view.dtype):
                raise NotLowered(f"products of {view.dtype} have no native kernel")
        lead = c.shape[:-2]
        a = a.expand((*lead, *a.shape[-2:]))
        b = b.expand((*lead, *b.shape[-2:]))
        if bias is not None:
            bias = bias.expand(c.shape)
        self.graph.equations.append(Gemm(a, b, c, accumulate, bias, self.origin))

    def kernel(
        self, name: str, inputs: Sequence[View], outputs: Sequence[View], **attributes: Any
    ) -> None:
        if name not in KERNELS:
            raise NotLowered(f"{name} has no native kernel")
        self.graph.equations.append(Kernel(name, inputs, outputs, attributes, self.origin))

    def host(
        self, name: str, function: Any, arguments: Sequence[Any], outputs: Sequence[View | None],
        why: str,
    ) -> None:  # fmt: skip
        self.graph.equations.append(Host(name, function, arguments, outputs, why, self.origin))


def _expression(result: Any, output: View) -> Expr:
    if isinstance(result, Value):
        return result.e
    return constant(result, computed(output.dtype))


def convert_to(e: Expr, dtype: Any) -> Expr:
    """`e` in the dtype in which elements of `dtype` are computed."""
    return convert(e, computed(dtype))


def _uniform(view: View) -> Any:
    """The one value of a constant that is the same everywhere, or None."""
    array = view.buffer.constant
    if array is None or not array.size:
        return None
    first = array[0]
    if array.dtype.kind in "fV":
        same = array.tobytes() == first.tobytes() * array.size
    else:
        same = bool((array == first).all())
    return first.item() if same else None


def numel(shape: Sequence[int]) -> int:
    return prod(shape)
