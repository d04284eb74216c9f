"""REC: the namespace in which formulas compute and are written down at once.

A `Rec` is a real value together with the register that stands for it in the program; kernels of
`RecNamespace` run for real and append an instruction. The recorder (`record.py`) owns both.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core import FUSED, OPS, RAW, Namespace, Node, Tensor, wrap
from .program import Apply, Register

if TYPE_CHECKING:
    from collections.abc import Callable

    from .record import Recorder

#: Formulas with a kernel of their own that stay one instruction each.
KEPT = frozenset(("lstm_gradients", "gru_gradients", "rnn_gradients", "attention_gradients"))


class Rec:
    """A value during recording: the real array or number, and the register that stands for it."""

    __slots__ = ("k", "register", "value")
    __array_priority__ = 2000

    def __init__(self, k: RecNamespace, value: Any, register: Register) -> None:
        self.k = k
        self.value = value
        self.register = register

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def dtype(self) -> Any:
        return self.value.dtype

    @property
    def ndim(self) -> int:
        return self.value.ndim

    def __neg__(self) -> Any:
        if _is_number(self.value):
            return self.k.arithmetic("neg", operator.sub, 0.0, self)
        return self.k.neg(self)

    def __bool__(self) -> bool:
        raise TypeError("a formula branches on a value; it may only branch on attributes")

    def __repr__(self) -> str:
        return f"Rec({self.register!r})"


def _binary(name: str, scalar: Callable[[Any, Any], Any], swapped: bool = False) -> Any:
    def method(self: Rec, other: Any) -> Any:
        a, b = (other, self) if swapped else (self, other)
        return self.k.arithmetic(name, scalar, a, b)

    return method


for _name, _op, _function in (
    ("add", "add", operator.add), ("sub", "sub", operator.sub), ("mul", "mul", operator.mul),
    ("truediv", "div", operator.truediv), ("pow", "pow_scalar", operator.pow),
    ("matmul", "mm", operator.matmul),
):  # fmt: skip
    setattr(Rec, f"__{_name}__", _binary(_op, _function))
    setattr(Rec, f"__r{_name}__", _binary(_op, _function, swapped=True))
for _name, _function in (
    ("eq", operator.eq), ("ne", operator.ne), ("lt", operator.lt), ("le", operator.le),
    ("gt", operator.gt), ("ge", operator.ge),
):  # fmt: skip
    setattr(Rec, f"__{_name}__", _binary(_name, _function))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, np.generic)


class RecNamespace(Namespace):
    """REC: values are `Rec`; ``k.cos(x)`` computes and appends an equation."""

    differentiable = False

    def __init__(self, recorder: Recorder) -> None:
        super().__init__("REC")
        self.recorder = recorder

    def __getattr__(self, name: str) -> Any:
        composed = FUSED.get(name)
        if composed is not None:
            if name in KEPT:
                whole = getattr(RAW, name)
                return lambda *arguments: self._apply(name, whole, arguments)
            return lambda *arguments: composed(self, *arguments)
        row = OPS.get(name)
        if row is None:
            raise AttributeError(f"REC has no kernel {name!r}: it is not a row")
        forward = row.forward

        def kernel(*arguments: Any) -> Any:
            numbers = [a.value if type(a) is Rec else a for a in arguments]
            if all(_is_number(n) for n in numbers) and any(type(a) is Rec for a in arguments):
                return self._apply(name, lambda *v: float(forward(*v)), arguments)
            return self._apply(name, forward, arguments)

        return kernel

    def _apply(self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        values = [_unwrapped(a, self.recorder) for a in arguments]
        found = function(*[v for v, _ in values])
        templates = tuple(t for _, t in values)
        if isinstance(found, tuple):
            arrays = [None if f is None else np.asarray(f) for f in found]
            outputs = tuple(None if a is None else self.recorder.note(a) for a in arrays)
            self.recorder.append(Apply(name, function, templates, outputs))
            return tuple(
                None if r is None else Rec(self, a, r)
                for a, r in zip(arrays, outputs, strict=True)
            )
        if not _is_number(found):
            found = np.asarray(found)
        register = self.recorder.note(found)
        self.recorder.append(Apply(name, function, templates, (register,)))
        return Rec(self, found, register)

    def arithmetic(self, name: str, scalar: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
        """``a + b`` and the like: of arrays the op, of numbers Python's own."""
        values = [x.value if type(x) is Rec else x for x in (a, b)]
        if all(_is_number(v) for v in values) or name == "pow_scalar":
            return self._apply(name, scalar, (a, b))
        if name == "mm":
            return self._apply("matmul", np.matmul, (a, b))
        return getattr(self, name)(a, b)

    # What the namespaces share beside rows.

    def dtype_of(self, x: Rec) -> Any:
        return x.value.dtype

    def cast(self, x: Rec, dtype: Any) -> Any:
        if x.value.dtype == dtype:
            return x
        return self._apply("cast", lambda v, d: v.astype(d), (x, dtype))

    def constant(self, array: Any, like: Any) -> Any:
        return self.recorder.constant(np.asarray(array))

    def reshape(self, x: Rec, shape: Any) -> Any:
        return self._apply("reshape", lambda v, s: v.reshape(s), (x, tuple(shape)))

    def matmul(self, x: Any, y: Any) -> Any:
        return self._apply("matmul", np.matmul, (x, y))

    def load(self, node: Node, number: int, array: Any, edge: Any) -> Any:
        return self.recorder.lift(array)

    def show(self, g: Rec) -> Tensor:
        return wrap(g.value)

    def hide(self, t: Tensor) -> Rec:
        return self.recorder.lift(t._data, t)

    def start(self, array: Any) -> Rec:
        return self.recorder.constant(array)

    def accumulate(self, leaf: Tensor, g: Rec) -> None:
        self.recorder.accumulate(leaf, g)


def _unwrapped(argument: Any, recorder: Recorder) -> tuple[Any, Any]:
    """The real value of a kernel's argument and its template."""
    if type(argument) is Rec:
        return argument.value, argument.register
    if isinstance(argument, list):
        pairs = [_unwrapped(a, recorder) for a in argument]
        return [v for v, _ in pairs], [t for _, t in pairs]
    if isinstance(argument, np.ndarray):
        rec = recorder.lift(argument)
        return rec.value, rec.register
    return argument, argument
