"""The variadic kind: rows whose input is a list of tensors (cat, stack, einsum...).

Their number of inputs varies from call to call, so the wrapper is not rendered: a loop serves.
A formula ``f(k, g, xs_shapes, <attributes>, need)`` (and ``xs``, the tensors, where it names them)
returns one gradient for each input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core, _dtypes
from .._core import FREED_CELL, LEAF, MISSING, OPS, RAW, TEN, Node, Op, Tensor, ctx, wrap
from . import overriding, promote
from .calls import refusal
from .kinds import _camel
from .prototype import prototype
from .quick import quick_parse
from .render import _parameters

if TYPE_CHECKING:
    from collections.abc import Callable


class VariadicNode(Node):
    """A node with any number of inputs."""

    __slots__ = ("attributes", "cells", "shapes", "tensors", "versions")
    op: Any
    attributes: list[Any]
    cells: list[Any]
    shapes: list[Any]
    tensors: Any
    versions: list[int]

    def _arguments(self, k: Any, keep: bool) -> list[Any]:
        op = self.op
        arguments: list[Any] = []
        for p in op.formula_names:
            if p == "xs_shapes":
                arguments.append(self.shapes)
            elif p == "need":
                arguments.append([e is not None for e in self.edges])
            elif p == "xs":
                self._check()
                loaded = self.tensors
                if k is not RAW:
                    loaded = [
                        k.load(self, i, a, e)
                        for i, (a, e) in enumerate(zip(loaded, self.edges, strict=True))
                    ]
                arguments.append(loaded)
            elif p not in ("k", "g"):
                arguments.append(self.attributes[op.attrs.index(p)])
        if not keep and "xs" in op.formula_names:
            self.tensors = None
            self.cells = [FREED_CELL] * len(self.shapes)
        return arguments

    def _check(self) -> None:
        from ..autograd import messages

        if self.tensors is None:
            raise messages.freed_error()
        for i, (cell, version) in enumerate(zip(self.cells, self.versions, strict=True)):
            if cell[0] != version:
                if "_packed" in self.__dict__:
                    from ..autograd.observer import unpack

                    if unpack(self, i):
                        continue
                owner, output = _core.visible(self.edges[i])
                raise messages.modified_error(
                    self, self.tensors[i], owner, output, cell[0], version
                )

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        return tuple(self.op.formula(RAW, g, *self._arguments(RAW, keep)))

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        return tuple(self.op.formula(k, g, *self._arguments(k, keep)))


class VariadicRow(Op):
    """An op over a list of tensors and some attributes."""

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        schema: str,
        formula: Callable[..., Any] | None,
        check: Callable[..., Any] | None,
        promotes: bool,
    ) -> None:
        super().__init__(name, "variadic")
        arguments, self.public_name = quick_parse(schema)
        self.schemas = (schema,)
        self.list_at = next(i for i, a in enumerate(arguments) if a[0].startswith("Tensor"))
        self.inputs = ("xs",)
        self.order = tuple("xs" if i == self.list_at else a[1] for i, a in enumerate(arguments))
        self.attrs = tuple(n for n in self.order if n != "xs")
        self.public_names = tuple(a[1] for a in arguments)
        self.defaults_by_position = tuple(a[2] for a in arguments)
        self.positional = len(arguments)
        self.forward = forward
        self.formula = formula
        self.formulas = {"xs": formula} if formula is not None else {}
        self.formula_names = _parameters(formula) if formula is not None else ()
        self.check = check
        self.promotes = promotes
        self.view = False
        self.outputs = 1
        self.public = True
        self.joint = None
        self.optional: tuple[str, ...] = ()
        self.extra: tuple[str, ...] = ()
        self.adapt = None
        self.node_name = _camel(name) + "Backward0"
        self.node = type(
            self.node_name, (VariadicNode,),
            {"__slots__": (), "op": self, "__module__": "builtins"},
        )  # fmt: skip
        self.call = self._make_call()
        OPS[name] = self
        setattr(RAW, name, forward)
        setattr(TEN, name, self.call)

    def edge_for(self, name: str) -> bool:
        return name == "xs" and self.formula is not None

    def _make_call(self) -> Callable[..., Any]:
        at = self.list_at

        def call(*args: Any, **kwargs: Any) -> Any:
            if overriding.ACTIVE:
                handled = overriding.handle(call, args, kwargs, False)
                if handled is not overriding.UNHANDLED:
                    return handled
            out = kwargs.pop("out", None)
            if kwargs or len(args) != len(self.order) or not _is_tensors(args[at]):
                if overriding.special(args, kwargs):
                    handled = overriding.handle(call, args, kwargs, False)
                    if handled is not overriding.UNHANDLED:
                        return handled
                args = self._bind(args, kwargs)
            xs = list(args[at])
            attributes = [a for i, a in enumerate(args) if i != at]
            try:
                result = self._run(xs, attributes)
            except TypeError as error:
                raise refusal(self.public_name, args, kwargs, False) or error from None
            return result if out is None else promote._into(self, result, out)

        call.__name__ = call.__qualname__ = self.public_name
        call.__module__ = "torch"
        call.op = self  # type: ignore[attr-defined]
        call.__wrapped__ = prototype(self.public_name, self.schemas)  # type: ignore[attr-defined]
        return call

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        if not kwargs and args and _is_tensors(args[0]) and len(args) < len(self.order):
            defaults = self.defaults_by_position[len(args) :]
            if MISSING not in defaults:
                return (*args, *defaults)
        from .binding import bind

        try:
            _, bound = bind(self.public_name, self.schemas, args, kwargs)
        except TypeError as error:
            raise refusal(self.public_name, args, kwargs, False) or error from None
        return tuple(bound)

    def _run(self, xs: list[Tensor], attributes: list[Any]) -> Tensor:
        at = self.list_at
        if not xs:
            if self.name == "cat":
                raise ValueError("torch.cat(): expected a non-empty list of Tensors")
            raise RuntimeError(f"{self.name} expects a non-empty TensorList")
        if self.promotes and len({x._data.dtype for x in xs}) > 1:
            ranked = tuple((_core.dtype_of(x), 2 if x._data.ndim else 1) for x in xs)
            target = _dtypes.result_type(ranked).numpy
            xs = [x if x._data.dtype == target else promote.cast(x, target) for x in xs]
        arrays = [x._data for x in xs]
        if self.check is not None:
            attributes = list(self.check(arrays, *attributes))
        if ctx.handler is not None:
            result = ctx.handler(self, (*attributes[:at], xs, *attributes[at:]))
            if result is not NotImplemented:
                return result
        with _core.quiet():
            out = np.asarray(self.forward(*attributes[:at], arrays, *attributes[at:]))
        t = wrap(out)
        if ctx.modes and promote.plain(t):
            return t
        if self.formula is None or all(x._edge is None for x in xs):
            return t
        node: Any = _core.new(self.node)
        node.edges = tuple(x if x._edge is LEAF else x._edge for x in xs)
        node.shapes = [a.shape for a in arrays]
        node.attributes = attributes
        if "xs" in self.formula_names:
            node.tensors = arrays
            node.cells = [_core.cell_of(x) for x in xs]
            node.versions = [c[0] for c in node.cells]
        node._sequence = _core.next_sequence()
        if ctx.anomaly is not None:
            ctx.anomaly(node)
        t._edge = node
        return t


def _is_tensors(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(x, Tensor) for x in value)


def variadic(
    name: str,
    forward: Callable[..., Any],
    schema: str,
    formula: Callable[..., Any] | None,
    *,
    check: Callable[..., Any] | None = None,
    promotes: bool = True,
) -> VariadicRow:
    """A row over a list of tensors; see the module's docstring."""
    return VariadicRow(name, forward, schema, formula, check, promotes)
