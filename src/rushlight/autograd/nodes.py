"""What users see of a node: name, next_functions, hooks, saved values.

These are attached to `_core.Node`; the engine itself uses none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from .. import _core
from .._core import FREED_CELL, LEAF, Node, Tensor, thread, visible, wrap
from .._define.quick import quick_parse
from . import hooks as hooks_module
from . import messages, observer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..utils.hooks import RemovableHandle


def _name(self: Node) -> str:
    """The name of the operation's derivative, such as ``MulBackward0``."""
    return messages.PREFIXED.get(type(self).__name__, type(self).__name__)


def _next_functions(self: Node) -> tuple[tuple[Any, int], ...]:
    """The nodes that receive this node's gradients, with the number of their output."""
    edges = self.edges
    order = getattr(getattr(self, "op", None), "shown_edges", None)
    if order is not None:
        edges = tuple(edges[i] for i in order)
    return tuple(_shown(edge) for edge in edges)


def _shown(edge: Any) -> tuple[Any, int]:
    edge, number = visible(edge)
    return (accumulator_of(edge) if isinstance(edge, Tensor) else edge), number


def _metadata(self: Node) -> dict[Any, Any]:
    """A dict for the user's own remarks."""
    return self.__dict__.setdefault("_metadata", {})


def _sequence_nr(self: Node) -> int:
    return self._sequence


def register_hook(
    self: Node,
    fn: Callable[[tuple[Tensor | None, ...], tuple[Tensor | None, ...]], Any],
) -> RemovableHandle:
    """Call ``fn(grad_inputs, grad_outputs)`` after this node ran.

    What it returns, unless None, takes the place of `grad_inputs`.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.graph.Node.register_hook.html
    """
    return hooks_module.add(hooks_module.hooks_at(self, "_post_hooks"), fn)


def register_prehook(self: Node, fn: Callable[[tuple[Tensor | None, ...]], Any]) -> RemovableHandle:
    """Call ``fn(grad_outputs)`` before this node runs.

    What it returns, unless None, takes the place of `grad_outputs`.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.graph.Node.register_prehook.html
    """
    return hooks_module.add(hooks_module.hooks_at(self, "_pre_hooks"), fn)


def _call(self: Node, *grads: Any) -> Any:
    """Run this node alone on gradients of its outputs."""
    lifting = thread.grad
    if self.outputs > 1:
        given: Any = {i: g if lifting else g._data for i, g in enumerate(grads) if g is not None}
    else:
        given = grads[0] if lifting else grads[0]._data
    if lifting:
        results = self.lifted(_core.TEN, given, True)
        shown = tuple(fitted(_core.TEN, r, e) for r, e in zip(results, self.edges, strict=True))
    else:
        results = self.raw(given, True)
        shown = tuple(
            None if r is None else wrap(fitted(_core.RAW, r, e))
            for r, e in zip(results, self.edges, strict=True)
        )
    return shown[0] if len(shown) == 1 else shown


def fitted(k: Any, g: Any, edge: Any) -> Any:
    """`g` as it will arrive behind the relays of `edge`."""
    while g is not None and type(g) is not dict and type(edge) is _core.Fit:
        g = _core.fit(k, g, edge.shape, edge.dtype)
        edge = edge.edges[0]
    return g


# ---------------------------------------------------------------------------------------------
# Saved values: `node._saved_self`


def _describe(cls: type[Node], **options: Any) -> None:
    """Give a Node class ``_saved_<name>`` for everything that it saves, under PyTorch's names.

    (A ``__getattr__`` would slow every attribute of every node.)
    """
    op = cls.__dict__.get("op")
    if op is None or not hasattr(op, "saved_attrs"):
        return
    arguments, _ = quick_parse(op.schemas[0])
    tensors = [a[1] for a in arguments if a[0].startswith("Tensor") and a[1] != "out"]
    others = [a[1] for a in arguments if not a[0].startswith("Tensor") and a[1] not in op.extra]
    theirs = dict(zip(op.inputs, tensors, strict=False))
    for number, name, _ in cls.saves:
        if name.startswith("out") and (not name[3:] or name[3:].isdigit()):
            name = "result" + name[3:]
        name = theirs.get(name, name)
        setattr(cls, f"_saved_{name}", property(_loader(number)))
        setattr(cls, f"_raw_saved_{name}", property(_raw_loader(number)))
    for index in op.saved_shapes:
        name = f"_saved_{theirs[op.inputs[index]]}_sym_sizes"
        setattr(cls, name, property(_reader(f"z{index}")))
    for index in op.saved_attrs:
        setattr(cls, f"_saved_{others[index]}", property(_reader(f"a{index}")))


def _loader(number: int) -> Callable[[Any], Any]:
    return lambda node: load(node, number)


def _raw_loader(number: int) -> Callable[[Any], Any]:
    return lambda node: SavedTensor(node, number)


def _reader(slot: str) -> Callable[[Any], Any]:
    def read(node: Any) -> Any:
        return getattr(node, slot)

    return read


def load(node: Any, number: int) -> Any:
    """The save `number` as a tensor of the graph; checks that it is still what was saved."""
    cell = getattr(node, f"c{number}", None)
    if cell is None:  # not needed for the gradients of this call
        return None
    if cell is FREED_CELL or cell[0] != getattr(node, f"v{number}"):
        _core.stale(node, number)
    array = getattr(node, f"s{number}")
    if array is None:
        return None
    source = next(i for j, _, i in node.saves if j == number)
    edge: Any = None
    if source is not None:
        positions = [i for i, n in enumerate(node.op.inputs) if node.op.edge_for(n)]
        if source in positions:
            edge = node.edges[positions.index(source)]
    elif len(node.op.differentiable_outputs) == 1:
        edge = node
    t = _core.TEN.load(node, number, array, edge)
    if "_packed" in node.__dict__:
        observer.settle(node, True)
    return t


class SavedTensor:
    """One saved value of a node, as ``_raw_saved_<name>`` shows it."""

    def __init__(self, node: Any, number: int) -> None:
        self._node = node
        self._number = number

    def register_hooks(self, pack_hook: Any, unpack_hook: Any) -> None:
        """Keep ``pack_hook(tensor)`` instead of the tensor."""
        observer.pack_one(self._node, self._number, observer.SavedHooks(pack_hook, unpack_hook))


# ---------------------------------------------------------------------------------------------
# Leaves


class AccumulateGrad:
    """The end of an edge at a leaf, as ``next_functions`` shows it.

    The engine holds the leaf itself; this object is made when someone asks, and the leaf knows it
    weakly. Its hooks belong to the leaf.
    """

    _sequence = -1
    edges = ()
    next_functions = ()

    def __init__(self, variable: Tensor) -> None:
        self.variable = variable

    def name(self) -> str:
        """PyTorch's name for it."""
        return "torch::autograd::AccumulateGrad"

    @property
    def edge(self) -> Tensor:
        """What the engine knows this by."""
        return self.variable

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dict for the user's own remarks."""
        return self.__dict__.setdefault("_metadata", {})

    def register_hook(self, fn: Any) -> RemovableHandle:
        """Call ``fn((), grad_outputs)`` after the gradient was added."""
        return hooks_module.add(hooks_module.hooks_at(self.variable, "_accumulated_hooks"), fn)

    def register_prehook(self, fn: Any) -> RemovableHandle:
        """Call ``fn(grad_outputs)`` before the gradient is added."""
        return hooks_module.add(hooks_module.hooks_at(self.variable, "_accumulating_hooks"), fn)

    def _sequence_nr(self) -> int:
        return 2**64 - 1

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {hex(id(self))}>"


AccumulateGrad.__module__ = "builtins"  # as PyTorch prints the class of any node


def accumulator_of(leaf: Tensor) -> AccumulateGrad:
    """The one accumulator of `leaf` (while someone holds it)."""
    known = leaf.__dict__.get("_accumulator")
    found = None if known is None else known()
    if found is None:
        found = AccumulateGrad(leaf)
        leaf.__dict__["_accumulator"] = ref(found)
    return found


def node_of(t: Tensor) -> tuple[Any, int]:
    """The node (or accumulator) behind a tensor that requires grad, and the output's number."""
    if t._edge is LEAF:
        return accumulator_of(t), 0
    return visible(t._edge)


Node.name = _name  # type: ignore[attr-defined]
Node.next_functions = property(_next_functions)  # type: ignore[attr-defined]
Node.metadata = property(_metadata)  # type: ignore[attr-defined]
Node.register_hook = register_hook  # type: ignore[attr-defined]
Node.register_prehook = register_prehook  # type: ignore[attr-defined]
Node._sequence_nr = _sequence_nr  # type: ignore[attr-defined]
Node.__init_subclass__ = classmethod(_describe)  # type: ignore[assignment]
Node.__call__ = _call  # type: ignore[method-assign]
