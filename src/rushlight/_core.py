"""What every tensor and every graph is made of: slots, nodes, edges, version cells, the context.

A `Tensor` holds an array, an edge and a version cell. The edge says where its gradient goes:

* None: nowhere, the tensor does not require grad;
* `LEAF`: into its own `.grad` (consumers then hold the tensor itself as their edge);
* a `Node`: to the operation that made it (`Slot` for one of several outputs).

The methods of `Tensor` are attached in `rushlight._tensor`; this module only knows how tensors
and nodes hang together.
"""

from __future__ import annotations

import itertools
import threading
from math import copysign
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy._core import umath as _umath

from . import _dtypes

if TYPE_CHECKING:
    from collections.abc import Callable

new = object.__new__
next_sequence: Callable[[], int] = itertools.count(1).__next__


class _Marker:
    """A named constant that is only ever compared with `is`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


LEAF: Any = _Marker("LEAF")
MISSING: Any = _Marker("MISSING")

# ---------------------------------------------------------------------------------------------
# The context: what changes the meaning of an operation from outside.


class Context:
    """What the wrapper of every op looks at: one attribute test each.

    Attributes:
        handler: None, or a callable ``(op, args, kwargs) -> result or NotImplemented`` that sees
            every op of every thread (capture, profiler, vmap, the doctor). It compares thread ids.
        modes: the threads that have gradients switched off; empty is the fast case.
        hooks: the ids of live containers of hooks, retained gradients and packed saves; while it
            is empty, backward takes its fast loop.
        structure: the structural epoch: bumped when something changes that a captured step may
            have relied upon (train flags, hooks, requires_grad, `.data =`, parameter groups...).
        complex: whether a complex tensor ever required grad: backward then looks for complex
            gradients, which its fast loop does not.
        anomaly: whether anomaly mode wants creation sites (None or a callable taking a node).
    """

    __slots__ = ("anomaly", "complex", "handler", "hooks", "modes", "structure")

    def __init__(self) -> None:
        self.handler: Callable[..., Any] | None = None
        self.modes: set[int] = set()
        self.hooks: set[int] = set()
        self.structure = 0
        self.anomaly: Any = None
        self.complex = False


ctx = Context()


class ThreadState(threading.local):
    """Grad mode and inference mode of one thread, its running backward pass, and the functions that
    it is inside of and will differentiate (autograd/scopes.py)."""

    grad = True
    inference = False
    walk: Any = None
    scopes: tuple[Any, ...] = ()


thread = ThreadState()
# Bound methods: entering and leaving no_grad is part of every optimizer's step.
_note_special, _forget_special = ctx.modes.add, ctx.modes.discard
_thread_id = threading.get_ident


def set_modes(grad: bool, inference: bool) -> tuple[bool, bool]:
    """Set this thread's modes; return what they were."""
    before = thread.grad, thread.inference
    if not grad or inference:
        _note_special(_thread_id())
    else:
        _forget_special(_thread_id())
    thread.grad = grad
    thread.inference = inference
    return before


def changed_structure() -> None:
    """Note that something changed which captured steps may rely upon (capture.md, rule 14)."""
    ctx.structure += 1


# NumPy warns about log(-1) and 1/0, PyTorch does not. Its error state is a context variable;
# setting it costs 0.15 us, np.errstate 1.2. Backward sets it once per pass; wrappers of ufunc rows
# avoid even that (see _define/render.py).
_error_state = _umath._extobj_contextvar
with np.errstate(all="ignore"):
    _QUIET = _error_state.get()


class quiet:
    """A context in which NumPy reports no floating-point events, as in PyTorch."""

    __slots__ = ("token",)

    def __enter__(self) -> None:
        self.token = _error_state.set(_QUIET)

    def __exit__(self, *_: object) -> None:
        _error_state.reset(self.token)


def be_quiet() -> Any:
    return _error_state.set(_QUIET)


be_loud = _error_state.reset

# ---------------------------------------------------------------------------------------------
# Version cells. A cell is a list [version], shared by a tensor and all its views; it is made when
# something is saved or viewed. A save keeps (array, cell, version) and compares at use.

#: Cell of saved values that nobody can change (Python numbers, residuals).
CONSTANT_CELL = [0]
#: Cell put in place of a save's own once it is released: no version compares equal.
FREED_CELL = [-1]


class InferenceCell(list):
    """Cell of inference tensors: reading a version, as saving does, is the error."""

    def __getitem__(self, _: Any) -> Any:
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in "
            "inference mode in computation tracked by autograd. To work around this, you can make "
            "a clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` "
            "instead of `torch.inference_mode()`."
        )


INFERENCE_CELL = InferenceCell()


class Tensor:
    """An n-dimensional array that can record what is done with it.

    Made by :func:`torch.tensor` and the other constructors. Its methods are those of PyTorch's
    ``torch.Tensor``.
    """

    __slots__ = ("__dict__", "__weakref__", "_cell", "_data", "_edge")

    # Rare state lives in __dict__ and defaults here: saving leaves out the names it finds here.
    _sequence = -1  # leaves stand in `Node.edges` and come last in every order
    _grad: Tensor | None = None
    _view: ViewInfo | None = None
    _views: Any = None
    _views_alive: Any = None
    _accumulator: Any = None
    _accumulating_hooks: Any = None
    _accumulated_hooks: Any = None
    _post_accumulate_hooks: Any = None
    _retained: Any = None
    _tensor_hooks: Any = None
    # What the tensor is at the levels of transforms (autograd/interpreters.py), by level.
    _tangents: Any = None
    _batched: Any = None

    if TYPE_CHECKING:
        _data: np.ndarray[Any, Any]
        _edge: Any
        _cell: list[Any] | None

        # Attached in `_tensor`; users' checkers see the stub `__init__.pyi`.
        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...
        def __add__(self, other: Any) -> Any: ...
        def __radd__(self, other: Any) -> Any: ...
        def __sub__(self, other: Any) -> Any: ...
        def __rsub__(self, other: Any) -> Any: ...
        def __mul__(self, other: Any) -> Any: ...
        def __rmul__(self, other: Any) -> Any: ...
        def __truediv__(self, other: Any) -> Any: ...
        def __rtruediv__(self, other: Any) -> Any: ...
        def __pow__(self, other: Any) -> Any: ...
        def __matmul__(self, other: Any) -> Any: ...
        def __neg__(self) -> Any: ...
        def __lt__(self, other: Any) -> Any: ...
        def __le__(self, other: Any) -> Any: ...
        def __gt__(self, other: Any) -> Any: ...
        def __ge__(self, other: Any) -> Any: ...
        def __and__(self, other: Any) -> Any: ...
        def __or__(self, other: Any) -> Any: ...
        def __invert__(self) -> Any: ...
        def __getitem__(self, key: Any) -> Any: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        def __iter__(self) -> Any: ...
        def __len__(self) -> int: ...
        def __int__(self) -> int: ...
        def __float__(self) -> float: ...
        def __index__(self) -> int: ...
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any: ...


class ViewInfo:
    """What a view knows of the tensor it looks into.

    Attributes:
        base: the tensor that owns the memory (never itself a view).
        origin: how it came about: None for an ordinary view, else why in-place is refused:
            "no_grad", "multi" (one of several outputs), "custom", "inference".
        output: the output number, for the message.
    """

    __slots__ = ("base", "origin", "output")

    def __init__(self, base: Tensor, origin: str | None = None, output: int = 0) -> None:
        self.base = base
        self.origin = origin
        self.output = output


def wrap(array: np.ndarray[Any, Any], edge: Any = None) -> Tensor:
    """A plain tensor around `array`, without a copy."""
    t: Tensor = new(Tensor)
    t._data = array
    t._edge = edge
    t._cell = None
    return t


def cell_of(t: Tensor) -> list[Any]:
    """The version cell of `t`, made when first needed."""
    cell = t._cell
    if cell is None:
        cell = t._cell = [0]
    return cell


def bump(t: Tensor) -> None:
    """Note that the memory of `t` was written to."""
    cell = t._cell
    if cell is None:
        t._cell = [1]
    elif cell is not INFERENCE_CELL:
        cell[0] += 1


def make_leaf(t: Tensor) -> None:
    """Let `t` collect its own gradient."""
    t._edge = LEAF
    if t._data.dtype.kind == "c":
        ctx.complex = True


def edge_of(t: Tensor) -> Any:
    """The edge a consumer of `t` holds: None, a node, or the leaf itself."""
    edge = t._edge
    return t if edge is LEAF else edge


# ---------------------------------------------------------------------------------------------
# Nodes


class Node:
    """One recorded operation: the edges its gradients flow along, and what its formulas saved.

    Subclasses are rendered from op rows (`_define/render.py`). Their saves are slots
    ``s0, c0, v0, ...``: array, version cell, version. The two ways to run the derivative:

    * ``raw(g, keep)``: arrays in, a tuple of arrays out, one for each edge;
    * ``lifted(k, g, keep)``: the same formulas over the namespace `k` (TEN or REC).

    `keep` is retain_graph; without it, saved arrays are let go.
    """

    __slots__ = ("__dict__", "__weakref__", "_sequence", "edges")

    _sequence: int
    edges: tuple[Any, ...]
    #: For messages and `_saved_*`: ((slot number, name, input number or None for an output), ...)
    saves: tuple[tuple[int, str, int | None], ...] = ()
    #: Whether this is a relay that users do not see in `next_functions`.
    hidden = False
    outputs = 1

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {hex(id(self))}>"

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        raise NotImplementedError(f"the derivative of {type(self).__name__}")

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        raise NotImplementedError(f"the second derivative of {type(self).__name__}")

    def release(self) -> None:
        """Let go of what was saved."""
        for number, _, _ in self.saves:
            setattr(self, f"c{number}", FREED_CELL)
            setattr(self, f"s{number}", None)


class Slot(Node):
    """One output of an operation with several: hands its gradient on as {output number: g}."""

    __slots__ = ("node", "number")
    hidden = True

    def __init__(self, node: Node, number: int) -> None:
        self.node = node
        self.number = number
        self._sequence = next_sequence()
        self.edges = (node,)

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        return ({self.number: g},)

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        return ({self.number: g},)


class Fit(Node):
    """Fits a gradient to the input it belongs to: sums what was broadcast, casts what was
    promoted, drops the imaginary part of a real input's gradient. The only place that does."""

    __slots__ = ("dtype", "shape")
    hidden = True

    def __init__(self, edge: Any, shape: tuple[int, ...], dtype: Any) -> None:
        self.edges = (edge,)
        self.shape = shape
        self.dtype = dtype
        self._sequence = next_sequence()

    def raw(self, g: Any, keep: bool) -> tuple[Any, ...]:
        return (fit(RAW, g, self.shape, self.dtype),)

    def lifted(self, k: Any, g: Any, keep: bool) -> tuple[Any, ...]:
        return (fit(k, g, self.shape, self.dtype),)


def fit(k: Any, g: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    if tuple(g.shape) != shape:
        g = k.sum_to(g, shape)
    found = k.dtype_of(g)
    if found is not dtype and found != dtype:
        if found.kind == "c" and dtype.kind != "c":
            g = k.real(g)
        g = k.cast(g, dtype)
    return g


def fitted(edge: Any, array: np.ndarray[Any, Any]) -> Fit:
    """An edge towards the owner of `array` for gradients of another shape or dtype."""
    return Fit(edge, array.shape, array.dtype)


def visible(edge: Any) -> tuple[Any, int]:
    """The node and output number behind an edge, past relays that users do not see."""
    number = 0
    while isinstance(edge, Node) and edge.hidden:
        if isinstance(edge, Slot):
            number = edge.number
            edge = edge.node
            break
        edge = edge.edges[0]
    return edge, number


def stale(node: Node, number: int) -> None:
    """Load a save that a hook packed; else it was released or changed since: the error."""
    if "_packed" in node.__dict__:
        from .autograd.observer import unpack

        if unpack(node, number):
            return
    from .autograd.messages import stale_error

    raise stale_error(node, number)


# ---------------------------------------------------------------------------------------------
# The namespaces `k`: one formula, three interpretations. `_define` fills them, one entry per row.


class Namespace:
    """Kernels that a formula reaches as ``k.name``."""

    #: Loads the families of rows that are not loaded with the package; answers whether it did.
    load_late: Callable[[], bool] | None = None

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name

    def __getattr__(self, name: str) -> Any:
        load = type(self).load_late
        if load is not None and load():
            return getattr(self, name)
        raise AttributeError(f"{self._name} has no kernel {name!r}: it is not a row")


class RawNamespace(Namespace):
    """RAW: arrays in, arrays out; ``k.exp`` is ``np.exp``."""

    differentiable = False

    @staticmethod
    def dtype_of(x: Any) -> Any:
        return x.dtype

    @staticmethod
    def cast(x: Any, dtype: Any) -> Any:
        return x.astype(dtype)

    @staticmethod
    def constant(array: Any, like: Any) -> Any:
        """An array the formula makes itself, such as a mask or a range."""
        return array


class TensorNamespace(Namespace):
    """TEN: Tensors in, Tensors out; ``k.exp`` is the recorded op."""

    differentiable = True

    # How the engine turns its payload into what hooks and callers see, and back.

    @staticmethod
    def show(g: Any) -> Any:
        return g

    @staticmethod
    def hide(t: Any) -> Any:
        return t

    @staticmethod
    def start(array: Any) -> Any:
        return wrap(array)

    @staticmethod
    def dtype_of(x: Any) -> Any:
        return x._data.dtype

    @staticmethod
    def constant(array: Any, like: Any) -> Any:
        return wrap(np.asarray(array))

    @staticmethod
    def load(node: Node, number: int, array: Any, edge: Any) -> Any:
        """The saved `array` as a tensor that hangs in the graph where it hung when saved.

        `edge` is the edge of the input it was, or None; an output's is its node.
        """
        t = wrap(array)
        saved = node.__dict__.get("_saved_tensors")
        if saved is not None and number in saved:
            t.__dict__.update(saved[number].__dict__)  # what it is at the levels of transforms
        if edge is not None:
            if type(edge) is Fit and edge.shape == array.shape and edge.dtype == array.dtype:
                # The relay un-broadcasts what comes from the op; this value never was broadcast,
                # and gradients that meet at one edge must have one shape.
                edge = edge.edges[0]
            t._edge = edge
            if not isinstance(edge, Node):
                # A leaf: its own tensor is the only one whose `.grad` counts.
                if edge._data is array:
                    return edge
                # `.data` was replaced since: link through a relay.
                t._edge = Fit(edge, array.shape, array.dtype)
        return t


RAW = RawNamespace("RAW")
TEN = TensorNamespace("TEN")

#: Kernels of formulas that have a second reading, by name: the same mathematics over rows.
FUSED: dict[str, Callable[..., Any]] = {}


def fused(name: str, kernel: Callable[..., Any], composed: Callable[..., Any]) -> None:
    """Give formulas ``k.name``: under RAW `kernel`, arrays in few passes; under TEN and REC
    ``composed(k, ...)``, the same over rows. The op-table tests hold the two equal."""
    FUSED[name] = composed
    setattr(RAW, name, kernel)
    setattr(TEN, name, lambda *arguments: composed(TEN, *arguments))


# ---------------------------------------------------------------------------------------------
# Python numbers as operands: a 0-d array costs a ufunc 0.2 us less than the number.

_CONSTANTS_KEPT = 1024
_constants: dict[Any, dict[Any, Tensor]] = {}


def constant(value: complex, dtype: Any) -> Tensor:
    """A 0-d tensor of `dtype` for the Python number `value`; the common ones are kept."""
    kept = _constants.get(dtype)
    if kept is None:
        kept = _constants[dtype] = {}
    t = kept.get(value)
    # -0.0 == 0.0 would find the other one, and NaN != NaN would never be found.
    usual = value or (not isinstance(value, complex) and copysign(1.0, value) > 0)
    if t is not None and usual:
        return t
    with quiet():
        t = wrap(np.array(value).astype(dtype))
    t._cell = CONSTANT_CELL
    if usual and value == value:
        if len(kept) >= _CONSTANTS_KEPT:
            kept.clear()
        kept[value] = t
    return t


# ---------------------------------------------------------------------------------------------
# Op records


class Op:
    """One row: what an operation computes and what its derivatives are.

    Attributes:
        name: the row's name, also its name in the namespaces.
        kind: elementwise, linear, bilinear, general, variadic or joint.
        inputs: names of the tensor inputs, in order; `attrs` the names of the rest.
        forward: ``(arrays..., attributes...) -> array or tuple``: the RAW interpretation.
        formulas: input name -> formula; ``joint`` the one that returns all of them.
        call: the wrapper for Tensors (TEN).
        node: the Node class.
        schemas: PyTorch's schema strings.
    """

    __slots__ = (
        "__dict__",
        "attrs",
        "call",
        "forward",
        "formulas",
        "inputs",
        "kind",
        "name",
        "schemas",
    )
    attrs: tuple[str, ...]
    call: Any
    forward: Callable[..., Any]
    formulas: dict[str, Any]
    inputs: tuple[str, ...]
    node: Any
    order: tuple[str, ...]
    outputs: int
    schemas: tuple[str, ...]

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind

    def __repr__(self) -> str:
        return f"<op {self.name}: {self.kind}>"


#: Every row by name; the tests, the compiler and the documentation read it.
OPS: dict[str, Op] = {}


def dtype_of(t: Tensor) -> _dtypes.dtype:
    return _dtypes.from_numpy(t._data.dtype)
