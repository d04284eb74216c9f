"""Rows that return several views of one tensor (unbind, split), as many as the call asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import LEAF, OPS, RAW, TEN, Node, Op, Slot, Tensor, ctx, wrap
from . import promote
from .kinds import _camel
from .quick import quick_parse

if TYPE_CHECKING:
    from collections.abc import Callable


class MultiViewNode(Node):
    """The node behind several views: joins their gradients again."""

    __slots__ = ("attributes", "dtype", "outputs", "shapes")
    op: Any
    attributes: tuple[Any, ...]
    dtype: Any
    shapes: list[Any]

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        return self.lifted(RAW, g, keep)

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        parts = []
        for i, shape in enumerate(self.shapes):
            part = g.get(i)
            parts.append(k.constant(np.zeros(shape, self.dtype), None) if part is None else part)
        return (self.op.formula(k, parts, *self.attributes),)


class MultiViewRow(Op):
    """``forward(x, *attributes)`` returns a list of views; ``formula(k, gs, *attributes)`` the
    gradient of x from all of theirs."""

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        schema: str,
        formula: Callable[..., Any],
        check: Callable[..., Any],
    ) -> None:
        super().__init__(name, "linear")
        arguments, self.public_name = quick_parse(schema)
        self.schemas = (schema,)
        self.inputs = ("x",)
        self.attrs = tuple(a[1] for a in arguments[1:])
        self.order = ("x", *self.attrs)
        self.forward = forward
        self.formula = formula
        self.formulas = {"x": formula}
        self.check = check
        self.view = True
        self.public = False
        self.joint = None
        self.node = type(
            _camel(name) + "Backward0", (MultiViewNode,),
            {"__slots__": (), "op": self, "__module__": "builtins"},
        )  # fmt: skip
        OPS[name] = self
        setattr(RAW, name, forward)
        setattr(TEN, name, self.call)

    def edge_for(self, name: str) -> bool:
        return name == "x"

    def call(self, x: Tensor, *attributes: Any) -> tuple[Tensor, ...]:
        data = x._data
        attributes = self.check(data, *attributes)
        if ctx.handler is not None:
            result = ctx.handler(self, (x, *attributes))
            if result is not NotImplemented:
                return result
        arrays = self.forward(data, *attributes)
        views = tuple(wrap(a) for a in arrays)
        node: Any = None
        if x._edge is not None and not (ctx.modes and promote.plain(*views)):
            node = _core.new(self.node)
            node.edges = (x if x._edge is LEAF else x._edge,)
            node.attributes = attributes
            node.shapes = [a.shape for a in arrays]
            node.dtype = data.dtype
            node.outputs = len(arrays)
            node._sequence = _core.next_sequence()
            if ctx.anomaly is not None:
                ctx.anomaly(node)
        for i, t in enumerate(views):
            promote.link(x, t)
            info = t._view
            if info is not None and info.origin is None:
                info.origin, info.output = "multi", i
            if node is not None:
                t._edge = Slot(node, i)
        return views


def multiview(
    name: str,
    forward: Callable[..., Any],
    schema: str,
    formula: Callable[..., Any],
    check: Callable[..., Any],
) -> MultiViewRow:
    """A row that returns a tuple of views; see the module's docstring."""
    return MultiViewRow(name, forward, schema, formula, check)
