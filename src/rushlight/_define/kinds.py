"""The row: one operation, its forward and its derivative, and the kinds that make one.

A formula's parameter names are its contract, what it names is what gets saved:

    g, g0, g1 ...     the gradient of the output (of each output; None where undefined)
    k                 the namespace of kernels: RAW, TEN or REC
    <input>, out      a saved input, the saved output (out0, out1 with several)
    <input>_shape     its shape; <input>_dtype its NumPy dtype
    <residual>        what the forward returned beside its outputs
    <attribute>       an attribute of the call (those listed in `extra` never reach the row: `adapt`
                      turns a call that gives them into one that does not)
    need              (joint formulas) which gradients are wanted

Everything else follows: the wrapper and Node class (render.py), un-broadcasting and casting (the
`Fit` relay of `_core`), the in-place twin (`autograd/inplace.py`), the tests.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core import OPS, RAW, TEN, Op, Tensor
from . import documentation, render
from .prototype import Pending, prototype
from .quick import quick_parse

if TYPE_CHECKING:
    from collections.abc import Callable

_READ_LATER = frozenset(
    (
        "attrs", "order", "public_names", "defaults_by_position", "positional", "saves",
        "saved_shapes", "saved_dtypes", "saved_attrs",
    )
)  # fmt: skip


_reading = threading.RLock()


class Row(Op):
    """An `Op` with everything rendering needs. Made by the functions below.

    Args:
        forward: ``(arrays and attributes in schema order) -> array``, or a tuple of the outputs
            and then the residuals. A `np.ufunc`, or a function; one that names `k` first is
            written over the namespace.
        schema: PyTorch's schema string (the first one binds calls; others are its overloads).
        inputs: names of the tensors in the schema's order; those without a formula get no gradient.
        formulas: input name -> formula. `joint`: one formula for all of `differentiable`.
        attrs: names of the other arguments, by default the schema's own.
        extra, adapt: arguments of the schema that never reach the row, and the function from all
            bound arguments to the row's own.
        node: the Node class' name. `hidden`: users do not see the node.
        outputs, differentiable_outputs, returns: several outputs, which of them carry gradients,
            and what builds the result from them.
        residuals: what the forward returns beside its outputs. `recomputed` names the float ones
            and `recompute` computes them again from the inputs under TEN.
        optional: inputs that may be None.
        check: ``(arrays and attributes in schema order) -> attributes`` in normal form, raising
            PyTorch's errors; asked before the forward, and idempotent.
        view: the forward returns a NumPy view of the first input.
        same_dtype: positions of the inputs that must agree; `promotion` says what happens if they
            do not: "same", "float", "compare" (converted), "equal" (refused, by `mismatch`),
            "none".
        broadcasts: positions of the inputs that broadcast.
        floats, floats_of: integers become the default dtype and half precision is computed in
            float32 (judged by this input).
        scalars: the second operand may be a Python number on the fast path.
        output_dtype: "same" (half results are rounded) or "bool".
        integers_end: results of integer dtype carry no gradient (casts).
        kernel: PyTorch's kernel name in "not implemented for" errors, where integers are refused;
            `refuse` finds other refusals; `explain` turns a kernel's exception into PyTorch's.
        own_complex: the formulas are right for complex values as they stand (autograd/passes.py).
        public: whether the schema's name becomes ``torch.<name>``.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        forward: Callable[..., Any],
        schema: str | tuple[str, ...],
        *,
        inputs: tuple[str, ...],
        formulas: dict[str, Any],
        attrs: tuple[str, ...] | None = None,
        node: str | None = None,
        joint: Callable[..., Any] | None = None,
        differentiable: tuple[str, ...] | None = None,
        outputs: int = 1,
        differentiable_outputs: tuple[bool, ...] | None = None,
        residuals: tuple[str, ...] = (),
        recompute: Callable[..., Any] | None = None,
        recomputed: tuple[str, ...] = (),
        optional: tuple[str, ...] = (),
        check: Callable[..., Any] | None = None,
        view: bool = False,
        same_dtype: tuple[int, ...] = (),
        broadcasts: tuple[int, ...] = (),
        floats: bool = False,
        floats_of: int = 0,
        scalars: bool = False,
        promotion: str = "none",
        output_dtype: str = "same",
        returns: Callable[..., Any] | None = None,
        public: bool = True,
        hidden: bool = False,
        own_complex: bool = False,
        extra: tuple[str, ...] = (),
        adapt: Callable[..., tuple[Any, ...]] | None = None,
        mismatch: Callable[..., str] | None = None,
        explain: Callable[..., Exception | None] | None = None,
        integers_end: bool = False,
        kernel: str = "",
        refuse: Callable[..., Exception | None] | None = None,
    ) -> None:
        super().__init__(name, kind)
        self.schemas = (schema,) if isinstance(schema, str) else schema
        self.public_name = self.schemas[0].partition("(")[0].partition(".")[0]
        self.public = public
        self.inputs = inputs
        self.given_attrs = attrs
        self.extra = extra
        self.adapt = adapt
        self.forward = forward
        self.is_ufunc = isinstance(forward, np.ufunc)
        self.formulas = formulas
        self.joint = joint
        self.differentiable = differentiable or tuple(formulas)
        self.formula_list = (
            [joint] if joint is not None else [formulas[n] for n in inputs if n in formulas]
        )
        self.outputs = outputs
        self.differentiable_outputs = differentiable_outputs or (True,) * outputs
        self.residuals = residuals
        self.n_residuals = len(residuals)
        self.recompute = recompute
        self.recomputed = recomputed
        self.optional = optional
        self.check = check
        self.view = view
        self.same_dtype = same_dtype
        self.broadcasts = broadcasts
        self.floats = floats
        self.floats_of = floats_of
        self.scalars = scalars
        self.promotion = promotion
        self.output_dtype = output_dtype
        self.returns = returns
        self.hidden = hidden
        self.own_complex = own_complex
        self.mismatch = mismatch
        self.explain = explain
        self.integers_end = integers_end
        self.kernel = kernel
        self.refuse = refuse
        self.node_name = node if node is not None else _camel(name) + "Backward0"
        self._node: Any = None
        self.places: list[tuple[Any, str]] = [(TEN, name)]
        self.operator_places: list[tuple[Any, str]] = []
        self.call = _stub(self)
        OPS[name] = self
        setattr(RAW, name, self.forward)
        setattr(TEN, name, self.call)

    def __getattr__(self, name: str) -> Any:
        """What the schema and the formulas say: read when first asked for, since reading all rows
        would be a quarter of the time that importing takes."""
        if name not in _READ_LATER:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        with _reading:
            if "order" not in self.__dict__:
                order = self._read_schema()
                self._collect_saves()
                self.order = order
        return object.__getattribute__(self, name)

    def _read_schema(self) -> tuple[str, ...]:
        """Find the attributes among the arguments; returns the names in order."""
        arguments, _ = quick_parse(self.schemas[0])
        tensors = [a for a in arguments if a[0].startswith("Tensor") and a[1] != "out"]
        others = [a[1] for a in arguments
                  if not a[0].startswith("Tensor") and a[1] not in self.extra]  # fmt: skip
        self.attrs = tuple(others) if self.given_attrs is None else self.given_attrs
        renamed = dict(zip((a[1] for a in tensors), self.inputs, strict=True))
        renamed.update(zip(others, self.attrs, strict=True))
        listed = [a for a in arguments if a[1] in renamed]
        self.public_names = tuple("input" if a[1] == "self" else a[1] for a in listed)
        self.defaults_by_position = tuple(a[2] for a in listed)
        self.positional = sum(not a[3] for a in listed)
        return tuple(renamed[a[1]] for a in listed)

    def edge_for(self, name: str) -> bool:
        """Whether gradients flow to this input."""
        return name in self.differentiable if self.joint is not None else name in self.formulas

    def save_name(self, save: tuple[str, int, Any]) -> str:
        kind, index, _ = save
        if kind == "input":
            return self.inputs[index]
        if kind == "residual":
            return self.residuals[index]
        return "out" if self.outputs == 1 else f"out{index}"

    def _collect_saves(self) -> None:
        """Which values each gradient needs, read off the formulas' parameter names."""
        edges = [i for i, n in enumerate(self.inputs) if self.edge_for(n)]
        named: dict[str, list[int]] = {}
        if self.joint is not None:
            for p in render._parameters(self.joint):
                named[p] = edges
        else:
            for i in edges:
                for p in render._parameters(self.formulas[self.inputs[i]]):
                    named.setdefault(p, []).append(i)
        if self.recompute is not None:
            for p in render._parameters(self.recompute):
                named.setdefault(p, edges)
        self.saves: list[tuple[str, int, list[int]]] = []
        self.saved_shapes: list[int] = []
        self.saved_dtypes: list[int] = []
        self.saved_attrs: list[int] = []
        for p, needed_by in named.items():
            if p in ("k", "need") or p == "g" or (p[0] == "g" and p[1:].isdigit()):
                continue
            if p in self.inputs:
                self.saves.append(("input", self.inputs.index(p), needed_by))
            elif p in self.residuals:
                self.saves.append(("residual", self.residuals.index(p), needed_by))
            elif p == "out" or (p.startswith("out") and p[3:].isdigit()):
                self.saves.append(("output", int(p[3:] or 0), needed_by))
            elif p.endswith("_shape") and p[:-6] in self.inputs:
                self.saved_shapes.append(self.inputs.index(p[:-6]))
            elif p.endswith("_dtype") and p[:-6] in self.inputs:
                self.saved_dtypes.append(self.inputs.index(p[:-6]))
            elif p in self.attrs:
                self.saved_attrs.append(self.attrs.index(p))
            else:
                raise ValueError(f"row {self.name}: a formula names {p!r}, which nothing provides")

    @property
    def node(self) -> Any:
        """The Node class; None where no gradient flows."""
        self.render()
        return self._node

    def render(self) -> Callable[..., Any]:
        """The wrapper, rendered at the row's first use (rendering all rows would cost more than
        importing NumPy) and put into every place that holds the stub."""
        if not self.rendered:
            template = render.Template(self)
            if template.differentiable:
                self._node = render.node_class(template, self.node_name)
            self.call = render.wrapper(template, self._node)
            self.call.op = self
            self.call.__wrapped__ = prototype(self.public_name, self.schemas)
            self.call.__doc__ = documentation.text("torch." + self.public_name)
            self.rendered = True
            method: Any = None
            for owner, name in self.places:
                if owner is Tensor:
                    if method is None:
                        method = render.wrapper(template, self._node, method=True)
                        method.op = self
                        method.__wrapped__ = self.call.__wrapped__
                        method.__doc__ = self.call.__doc__
                    setattr(owner, name, method)
                else:
                    setattr(owner, name, self.call)
        return self.call

    rendered = False

    def place_operator(self, owner: Any, name: str) -> None:
        """Put the operator form of the wrapper at ``owner.name``, rendered once it is used."""
        self.operator_places.append((owner, name))

        def first_call(*operands: Any) -> Any:
            self.render()
            method = render.wrapper(render.Template(self), self._node, operator=True)
            for place, place_name in self.operator_places:
                setattr(place, place_name, method)
            return method(*operands)

        first_call.__name__ = first_call.__qualname__ = name
        setattr(owner, name, first_call)

    def place(self, owner: Any, name: str) -> None:
        """Put the wrapper at ``owner.name``, now as a stub, rendered once it is used."""
        self.places.append((owner, name))
        if owner is Tensor and not self.rendered:
            setattr(owner, name, _stub(self, name))
        else:
            setattr(owner, name, self.call)


def _stub(row: Row, method: str = "") -> Callable[..., Any]:
    def first_call(*args: Any, **kwargs: Any) -> Any:
        made = row.render()
        return (getattr(Tensor, method) if method else made)(*args, **kwargs)

    first_call.__name__ = first_call.__qualname__ = row.public_name
    first_call.__module__ = "torch"
    first_call.op = row  # type: ignore[attr-defined]
    first_call.__wrapped__ = Pending(row.render)  # type: ignore[attr-defined]
    return first_call


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.strip("_").split("_"))


def _kernels_namespace(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A forward that names `k` is written over the namespace; eager runs it over RAW."""
    code = getattr(forward, "__code__", None)
    if code is None or not code.co_argcount or code.co_varnames[0] != "k":
        return forward

    def over_raw(*arguments: Any) -> Any:
        return forward(RAW, *arguments)

    over_raw.over_namespace = forward  # type: ignore[attr-defined]
    return over_raw


def elementwise(
    name: str,
    forward: Callable[..., Any],
    schema: str | tuple[str, ...],
    *,
    inputs: tuple[str, ...] | None = None,
    floats: bool = False,
    promotion: str = "same",
    **options: Any,
) -> Row:
    """out[i] = f(x[i], y[i], ...): inputs broadcast and are promoted to one dtype.

    `floats`: integers are promoted to the default dtype (exp, division). Formulas are given as
    keywords named like the inputs.
    """
    known = {k: options.pop(k) for k in list(options) if k in _ROW_OPTIONS}
    names = inputs or tuple(options) or ("x",)
    if promotion == "same" and floats:
        promotion = "float"
    everything = tuple(range(len(names)))
    known.setdefault("same_dtype", everything if len(names) > 1 else ())
    return Row(
        name, "elementwise", _kernels_namespace(forward), schema,
        inputs=names, formulas=options, promotion=promotion, floats=floats,
        broadcasts=everything if len(names) > 1 else (), **known,
    )  # fmt: skip


def linear(
    name: str, forward: Callable[..., Any], schema: str | tuple[str, ...], **options: Any
) -> Row:
    """out = A x for an A that does not depend on x: the derivative is the transpose of A."""
    return _plain("linear", name, forward, schema, options)


def bilinear(
    name: str, forward: Callable[..., Any], schema: str | tuple[str, ...], **options: Any
) -> Row:
    """Linear in x for fixed y and in y for fixed x: products."""
    options.setdefault("promotion", "equal")
    return _plain("bilinear", name, forward, schema, options)


def general(
    name: str, forward: Callable[..., Any], schema: str | tuple[str, ...], **options: Any
) -> Row:
    """Anything else with one formula for each input."""
    return _plain("general", name, forward, schema, options)


def joint(
    name: str,
    forward: Callable[..., Any],
    schema: str | tuple[str, ...],
    formula: Callable[..., Any],
    differentiable: tuple[str, ...],
    **options: Any,
) -> Row:
    """One formula returns the gradients of all differentiable inputs; `need` says which."""
    options["joint"] = formula
    options["differentiable"] = differentiable
    return _plain("joint", name, forward, schema, options)


def _plain(
    kind: str,
    name: str,
    forward: Callable[..., Any],
    schema: str | tuple[str, ...],
    options: dict[str, Any],
) -> Row:
    known = {k: options.pop(k) for k in list(options) if k in _ROW_OPTIONS}
    names = known.pop("inputs", None) or tuple(options) or ("x",)
    return Row(
        name, kind, _kernels_namespace(forward), schema, inputs=names, formulas=options, **known
    )


_ROW_OPTIONS = frozenset(
    (
        "attrs", "node", "joint", "differentiable", "outputs", "differentiable_outputs",
        "residuals", "recompute", "recomputed", "optional", "check", "view", "same_dtype",
        "broadcasts", "floats", "floats_of", "scalars", "promotion", "output_dtype", "returns",
        "public", "inputs",
        "hidden", "own_complex", "mismatch", "explain", "extra", "adapt", "integers_end", "kernel",
        "refuse",
    )
)  # fmt: skip
