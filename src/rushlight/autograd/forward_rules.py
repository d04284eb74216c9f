"""Tangents of rows, derived from what a row already says: its kind and its formulas.

A formula gives the product of a cotangent with the derivative. The product of the derivative with a
tangent follows:

* elementwise: the derivative is diagonal, so the formula is the same; it is given the tangent for
  `g`;
* linear: the operation itself, on the tangent. Rows with a constant part (``masked_fill`` with a
  number) have it taken out: `CONSTANT_PARTS`;
* bilinear, and affine products such as ``linear``: the operation with one factor replaced, once for
  each factor;
* everything else: the formula v -> J' v is linear in v, so differentiating it with respect to v
  gives J (two reverse passes, no second formula).

All of it is written in Tensor operations: tangents can be differentiated themselves.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core, _dtypes
from .._core import TEN, Node, Tensor, edge_of, fit, wrap
from .._define.render import _parameters
from .interpreters import call, carry, tensors_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Tangents by position among the row's inputs (for a list of tensors: among these).
Moving = dict[int, Tensor]

#: Linear rows that add something which does not depend on their inputs: argument -> what takes it
#: out. The tangents of rows that put random numbers into a tensor are zero.
CONSTANT_PARTS: dict[str, dict[str, Any]] = {
    "fill_scalar": {"value": 0},
    "index_fill_scalar": {"value": 0},
    "masked_fill_scalar": {"value": 0},
    "scatter_value": {"value": 0},
}
#: Products of two inputs plus a third: the third is left out where a factor moves.
ADDENDS = {
    "addmm": "bias", "addmv": "bias", "baddbmm": "bias", "convolution": "b", "linear": "b",
    "linear_batched": "b", "linear_plain": "b", "linear_plain_batched": "b",
}  # fmt: skip

#: Rows of other kinds that are linear all the same. (Where an index occurs twice the last value
#: stays: the transpose of the formula would add both.)
LINEAR = ("index_put", "scatter_src")

_ops: Any = TEN


class Plan:
    """What is known of a row before it is called.

    Attributes:
        sources: (position among the inputs, place among the arguments) of all inputs that the row
            is differentiable by.
        rule: the function from tangents to tangents.
    """

    __slots__ = ("rule", "sources")

    def __init__(self, op: Any) -> None:
        self.rule = _rule_of(op)
        self.sources = tuple(
            (i, op.order.index(n)) for i, n in enumerate(op.inputs) if op.edge_for(n)
        )


_plans: dict[Any, Plan | None] = {}


def plan_of(op: Any) -> Plan | None:
    """The plan of a row; None where no tangent goes through it."""
    try:
        return _plans[op]
    except KeyError:
        live = any(op.edge_for(name) for name in op.inputs)
        found = _plans[op] = Plan(op) if live else None
        return found


def _rule_of(op: Any) -> Any:
    name, kind = op.name, op.kind
    if name == "as_strided":
        return _as_strided
    if kind == "variadic":
        return _variadic if "xs" in op.formula_names else _linear_list
    if not hasattr(op, "outputs"):
        return _several_views
    if name.startswith("drawn_") or getattr(op, "output_dtype", "same") == "bool":
        return _zero
    if kind == "elementwise" and op.outputs == 1 and not op.residuals and not op.own_complex:
        return _elementwise
    if kind == "linear" or (name.startswith(LINEAR) and not name.endswith("_reduce")):
        return _linear
    if kind == "bilinear":
        return _products
    if name in ADDENDS:
        return _affine_products
    return transposed


def _at(op: Any, position: int) -> int:
    """Where input number `position` stands among the arguments."""
    at: int = op.order.index(op.inputs[position])
    return at


def _replaced(op: Any, args: Any, changes: dict[int, Any]) -> list[Any]:
    changed = list(args)
    for position, value in changes.items():
        changed[_at(op, position)] = value
    return changed


def zeros_like(t: Tensor) -> Tensor:
    """Zeros that depend on nothing."""
    return wrap(np.zeros(t._data.shape, t._data.dtype))


def _sum(parts: list[Tensor]) -> Tensor | None:
    total = None
    for part in parts:
        total = part if total is None else _ops.add(total, part)
    return total


# ---- one rule for each kind ---------------------------------------------------------------------


def _zero(op: Any, args: Any, moving: Moving, outputs: tuple[Tensor, ...]) -> Any:
    return [zeros_like(o) if floating(o) else None for o in outputs]


def _elementwise(op: Any, args: Any, moving: Moving, outputs: tuple[Tensor, ...]) -> Any:
    (out,) = outputs
    shape = out._data.shape
    if out._data.dtype.kind != "c" and any(
        args[_at(op, i)]._data.dtype.kind == "c" for i in moving
    ):
        return transposed(op, args, moving, outputs)  # abs: not holomorphic
    parts = []
    for position, t in moving.items():
        if t._data.shape != shape:
            t = _ops.expand(t, shape)
        formula = op.formulas[op.inputs[position]]
        parts.append(formula(*_arguments(op, formula, args, outputs, (t,), ())))
    return (parts[0] if len(parts) == 1 else _sum(parts),)


def _linear(op: Any, args: Any, moving: Moving, outputs: tuple[Tensor, ...]) -> Any:
    changes: dict[int, Any] = {}
    for position, name in enumerate(op.inputs):
        if op.edge_for(name):
            found = args[_at(op, position)]
            t = moving.get(position)
            changes[position] = zeros_like(found) if t is None and found is not None else t
    values = _replaced(op, args, changes)
    for name, value in CONSTANT_PARTS.get(op.name, {}).items():
        values[op.order.index(name)] = value
    result = call(op, values)
    return result if isinstance(result, tuple) else (result,)


def _several_views(op: Any, args: Any, moving: Moving, outputs: tuple[Tensor, ...]) -> Any:
    return op.call(moving[0], *args[1:])


def _linear_list(op: Any, args: Any, moving: Moving, outputs: tuple[Tensor, ...]) -> Any:
    xs = [moving[i] if i in moving else zeros_like(x) for i, x in enumerate(args[op.list_at])]
    return (op.call(*args[: op.list_at], xs, *args[op.list_at + 1 :]),)


def _products(op: Any, args: Any, moving: Moving, outputs: tuple[Tensor, ...]) -> Any:
    return (_sum([call(op, _replaced(op, args, {i: t})) for i, t in moving.items()]),)


def _affine_products(op: Any, args: Any, moving: Moving, outputs: tuple[Tensor, ...]) -> Any:
    addend = op.inputs.index(ADDENDS[op.name])
    given = args[_at(op, addend)]
    nothing = None
    if given is not None and op.inputs[addend] not in op.optional:
        nothing = wrap(np.zeros((1,) * given._data.ndim, given._data.dtype))
    parts: list[Any] = []
    for position, t in moving.items():
        if position == addend:
            parts.extend(transposed(op, args, {addend: t}, outputs))
        else:
            parts.append(call(op, _replaced(op, args, {position: t, addend: nothing})))
    return (_sum([p for p in parts if p is not None]),)


def _as_strided(op: Any, args: Any, moving: Moving, outputs: tuple[Tensor, ...]) -> Any:
    """Strides are about memory: the tangent has its own."""
    return (window(moving[0], args[0], outputs[0]),)


def window(tangent: Tensor, base: Tensor, view: Tensor) -> Tensor:
    """The part of `tangent` that belongs to `view` as the whole belongs to `base`: a view if
    `tangent` lies in order in memory."""
    from .inplace import _geometry

    shape, strides, offset = _geometry(view._data, base._data)
    if not tangent._data.flags.c_contiguous:
        tangent = _ops.contiguous(tangent)
    flat = _ops.view(tangent, (-1,))
    if offset:
        flat = _ops.slice(flat, 0, offset, flat._data.shape[0], 1)
    found: Tensor = _ops.as_strided(flat, shape, strides, None)
    return found


def into_base(part: Tensor, base: Tensor, view: Tensor) -> Tensor:
    """Zeros like `base` with `part` where `view` is."""
    from .inplace import _geometry

    geometry = _geometry(view._data, base._data)
    found: Tensor = _ops.as_strided_adjoint(part, base._data.shape, *geometry)
    return found


# ---- the derivative as the transpose of its transpose -------------------------------------------


class _Bridge(Node):
    """Between a tangent and the arguments it was computed from. It gets its edge only when the
    tangent is there: the passes that make it must not walk the whole history of the arguments."""

    __slots__ = ()
    hidden = True

    def __init__(self) -> None:
        self.edges = ()
        self._sequence = _core.next_sequence()

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        return (g,)

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        return (g,)


class _Stand:
    """Stands in for arguments while the transpose is differentiated."""

    def __init__(self, recording: bool) -> None:
        self.recording = recording
        self.bridges: list[tuple[_Bridge, Any]] = []

    def __call__(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self(v) for v in value]
        if not isinstance(value, Tensor):
            return value
        t = carry(value, wrap(value._data))
        t._cell = value._cell
        if self.recording and value._edge is not None:
            bridge = _Bridge()
            self.bridges.append((bridge, edge_of(value)))
            t._edge = bridge
        return t

    def connect(self) -> None:
        for bridge, edge in self.bridges:
            bridge.edges = (edge,)


def transposed(op: Any, args: Any, moving: Moving, outputs: tuple[Tensor, ...]) -> Any:
    """J t as the derivative of v -> <J' v, t> with respect to v."""
    return _transposed(op, args, moving, outputs, _pulled)


def _variadic(op: Any, args: Any, moving: Moving, outputs: tuple[Tensor, ...]) -> Any:
    return _transposed(op, args, moving, outputs, _pulled_list)


def _transposed(
    op: Any, args: Any, moving: Moving, outputs: tuple[Tensor, ...], pull: Any
) -> list[Tensor | None]:
    from .engine import gradients_of

    mode, inference = _core.thread.grad, _core.thread.inference
    flags = getattr(op, "differentiable_outputs", (True,))
    live = [i for i, flag in enumerate(flags) if flag and floating(outputs[i])]
    recording = mode and not inference
    stand = _Stand(recording)
    before = _core.set_modes(True, False)
    try:
        vs = []
        for i in live:
            v = zeros_like(outputs[i])
            _core.make_leaf(v)
            vs.append(v)
        given = [stand(a) for a in args]
        if any(t._data.dtype.kind == "c" for t in tensors_of(given)):
            _core.ctx.complex = True  # gradients of these passes may be complex
        gs = dict(zip(live, vs, strict=True))
        with _refusing(op):
            pulled = pull(op, given, moving, [stand(o) for o in outputs], gs)
        pairs = [
            (u, t)
            for u, t in zip(pulled, moving.values(), strict=True)
            if u is not None and u._edge is not None
        ]
        found: Sequence[Tensor | None] = [None] * len(vs)
        if pairs:
            tracked = recording and (
                bool(stand.bridges) or any(t._edge is not None for _, t in pairs)
            )
            ts = [
                t if t._data.dtype == u._data.dtype else _ops.cast(t, u._data.dtype)
                for u, t in pairs
            ]
            with _refusing(op):
                found = gradients_of([u for u, _ in pairs], ts, vs, tracked, tracked, True)
        results: list[Tensor | None] = [None] * len(outputs)
        for i, v, r in zip(live, vs, found, strict=True):
            results[i] = zeros_like(v) if r is None else r
        return results
    finally:
        stand.connect()
        _core.set_modes(*before)


@contextmanager
def _refusing(op: Any) -> Iterator[None]:
    """Where a derivative, or its derivative, is missing, so is the tangent."""
    try:
        yield
    except (RuntimeError, NotImplementedError) as error:
        text = str(error)
        if not text.startswith(("derivative for ", "the derivative for ")):
            raise
        quoted = text.split("'")
        name = quoted[1] if len(quoted) == 3 else op.public_name.strip("_")
        raise NotImplementedError(
            f"Trying to use forward AD with {name} that does not support it because it has not "
            "been implemented yet."
        ) from error


def _pulled(
    op: Any, args: Any, moving: Moving, outputs: list[Tensor], gs: dict[int, Tensor]
) -> list[Any]:
    """J' v for each moving input."""
    given = tuple(gs.get(i) for i in range(op.outputs))
    conjugated = not op.own_complex and any(
        g is not None and g._data.dtype.kind == "c" for g in given
    )
    if conjugated:
        given = tuple(None if g is None else _ops.conj(g) for g in given)
    if op.joint is not None:
        edges = [i for i, name in enumerate(op.inputs) if op.edge_for(name)]
        need = tuple(i in moving for i in edges)
        results = op.joint(*_arguments(op, op.joint, args, outputs, given, need))
        by_input = dict(zip(edges, results, strict=True))
        pulled = [by_input[i] for i in moving]
    else:
        formulas = [op.formulas[op.inputs[i]] for i in moving]
        pulled = [f(*_arguments(op, f, args, outputs, given, ())) for f in formulas]
    if conjugated:
        pulled = [
            _ops.conj(u) if u is not None and u._data.dtype.kind == "c" else u for u in pulled
        ]
    return [
        None if u is None else fit(TEN, u, args[_at(op, i)]._data.shape,
                                   args[_at(op, i)]._data.dtype)
        for i, u in zip(moving, pulled, strict=True)
    ]  # fmt: skip


def _pulled_list(
    op: Any, args: Any, moving: Moving, outputs: list[Tensor], gs: dict[int, Tensor]
) -> list[Any]:
    xs = args[op.list_at]
    attributes = [a for i, a in enumerate(args) if i != op.list_at]
    arguments: list[Any] = []
    for p in op.formula_names:
        if p == "k":
            arguments.append(TEN)
        elif p == "g":
            arguments.append(gs[0])
        elif p == "xs":
            arguments.append(xs)
        elif p == "xs_shapes":
            arguments.append([x._data.shape for x in xs])
        elif p == "need":
            arguments.append([i in moving for i in range(len(xs))])
        else:
            arguments.append(attributes[op.attrs.index(p)])
    results = list(op.formula(*arguments))
    return [results[i] for i in moving]


# ---- what a formula is given --------------------------------------------------------------------


def _arguments(
    op: Any, formula: Any, args: Any, outputs: Sequence[Tensor], gs: Any, need: Any
) -> list[Any]:
    """The arguments of a formula over TEN: what a node would have saved, from the call itself."""
    recipe = _recipes.get(formula)
    if recipe is None:
        recipe = _recipes[formula] = [_source(op, p) for p in _parameters(formula)]
    given: dict[str, Any] = {"args": args, "outputs": outputs, "gs": gs, "need": (need,)}
    if any(kind == "residuals" for kind, _, _ in recipe):
        given["residuals"] = _residuals(op, args, outputs)
    values: list[Any] = []
    for kind, place, what in recipe:
        if kind == "k":
            values.append(TEN)
            continue
        value = given[kind][place]
        if what and value is not None:
            value = getattr(value._data, what)
        values.append(value)
    return values


#: formula -> for each parameter (where it is found, place there, attribute of its array).
_recipes: dict[Any, list[tuple[str, Any, str]]] = {}


def _source(op: Any, p: str) -> tuple[str, Any, str]:
    if p == "k":
        return "k", 0, ""
    if p == "need":
        return "need", 0, ""
    if p == "g" or (p[0] == "g" and p[1:].isdigit()):
        return "gs", int(p[1:] or 0), ""
    if p in op.order:
        return "args", op.order.index(p), ""
    if p in op.residuals:
        return "residuals", p, ""
    if p == "out" or (p.startswith("out") and p[3:].isdigit()):
        return "outputs", int(p[3:] or 0), ""
    name, _, what = p.rpartition("_")
    return "args", op.order.index(name), what


def _residuals(op: Any, args: Any, outputs: Sequence[Tensor]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if op.recompute is not None:
        values = op.recompute(*_arguments(op, op.recompute, args, outputs, (), ()))
        found.update(zip(op.recomputed, values, strict=True))
    if len(found) < len(op.residuals):
        # Integers and booleans: constants, found by the forward.
        arrays = [a._data if isinstance(a, Tensor) else a for a in args]
        with _core.quiet():
            every = op.forward(*arrays)[op.outputs :]
        for name, array in zip(op.residuals, every, strict=True):
            if name not in found:
                found[name] = wrap(np.asarray(array))
    return found


def floating(t: Tensor) -> bool:
    """Whether `t` may have a tangent."""
    dtype = t._data.dtype
    return dtype.kind in "fc" or dtype == _dtypes.BFLOAT16


__all__ = ["Plan", "floating", "plan_of", "transposed", "window"]
