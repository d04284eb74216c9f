"""Trees of Python containers: taken apart into leaves and a description, and put together again.

Nodes are lists, tuples, dicts, their relatives in `collections`, named tuples and what
:func:`register_pytree_node` added; everything else is a leaf, None too.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class _Kind(NamedTuple):
    flatten: Callable[[Any], tuple[list[Any], Any]]
    unflatten: Callable[[list[Any], Any], Any]


class NamedTupleMark:
    """Stands for all named tuples in a :class:`TreeSpec`; which one is the context."""


NamedTupleMark.__name__ = "namedtuple"


def _dict_parts(tree: Any) -> tuple[list[Any], Any]:
    return list(tree.values()), list(tree)


def _default_parts(tree: Any) -> tuple[list[Any], Any]:
    return list(tree.values()), [tree.default_factory, list(tree)]


_KINDS: dict[Any, _Kind] = {
    list: _Kind(lambda t: (list(t), None), lambda leaves, _: list(leaves)),
    tuple: _Kind(lambda t: (list(t), None), lambda leaves, _: tuple(leaves)),
    dict: _Kind(_dict_parts, lambda leaves, keys: dict(zip(keys, leaves, strict=True))),
    OrderedDict: _Kind(
        _dict_parts, lambda leaves, keys: OrderedDict(zip(keys, leaves, strict=True))
    ),
    defaultdict: _Kind(
        _default_parts,
        lambda leaves, context: defaultdict(
            context[0], zip(context[1], leaves, strict=True)),
    ),
    deque: _Kind(lambda t: (list(t), t.maxlen), lambda leaves, size: deque(leaves, size)),
    NamedTupleMark: _Kind(lambda t: (list(t), type(t)), lambda leaves, kind: kind(*leaves)),
}  # fmt: skip


def register_pytree_node(
    cls: type, flatten_fn: Callable[[Any], Any], unflatten_fn: Callable[[Any, Any], Any],
    *, serialized_type_name: str | None = None, to_dumpable_context: Any = None,
    from_dumpable_context: Any = None, flatten_with_keys_fn: Any = None,
) -> None:  # fmt: skip
    """Make instances of `cls` nodes.

    Args:
        flatten_fn: ``tree -> (children, context)``.
        unflatten_fn: ``(children, context) -> tree``.

    Raises:
        ValueError: `cls` is a node already.
    """
    if cls in _KINDS:
        raise ValueError(f"{cls} is already registered as pytree node.")

    def flatten(tree: Any) -> tuple[list[Any], Any]:
        children, context = flatten_fn(tree)
        return list(children), context

    _KINDS[cls] = _Kind(flatten, unflatten_fn)


def _kind_of(tree: Any) -> Any:
    kind = type(tree)
    if kind in _KINDS:
        return kind
    if isinstance(tree, tuple):
        if hasattr(kind, "_make"):
            return NamedTupleMark
        if hasattr(kind, "_fields"):  # torch.return_types
            if kind not in _KINDS:
                _KINDS[kind] = _Kind(lambda t: (list(t), None), lambda leaves, _: kind(leaves))
            return kind
        if kind.__name__ == "Size":
            _KINDS[kind] = _Kind(lambda t: (list(t), None), lambda leaves, _: tuple(leaves))
            return kind
    return None


class TreeSpec:
    """The shape of a tree, without its leaves.

    Attributes:
        type: of the root; None for a leaf.
        context: what its children do not say (the keys of a dict).
    """

    __slots__ = ("children_specs", "context", "num_leaves", "type")
    num_leaves: int

    def __init__(self, type: Any, context: Any, children_specs: list[TreeSpec]) -> None:
        self.type = type
        self.context = context
        self.children_specs = children_specs
        self.num_leaves = sum(c.num_leaves for c in children_specs)

    @property
    def num_children(self) -> int:
        return len(self.children_specs)

    @property
    def num_nodes(self) -> int:
        return 1 + sum(c.num_nodes for c in self.children_specs)

    def children(self) -> list[TreeSpec]:
        return self.children_specs

    def is_leaf(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TreeSpec)
            and (self.type, self.context) == (other.type, other.context)
            and self.children_specs == other.children_specs
        )

    def __hash__(self) -> int:
        return hash((self.type, len(self.children_specs)))

    def __repr__(self, indent: int = 0) -> str:
        inner = ""
        if self.children_specs:
            inner = self.children_specs[0].__repr__(indent + 2)
            for child in self.children_specs[1:]:
                inner += ",\n" + " " * (indent + 2) + child.__repr__(indent + 2)
        return f"TreeSpec({self.type.__name__}, {self.context}, [{inner}])"

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The tree with these leaves."""
        return tree_unflatten(leaves, self)

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """The parts of `tree` that stand where this tree has leaves.

        Raises:
            ValueError: `tree` has another shape above them.
        """
        if self.is_leaf():
            return [tree]
        kind = _kind_of(tree)
        if kind is not self.type:
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {type(tree)!r}.")
        children, context = _KINDS[kind].flatten(tree)
        if len(children) != len(self.children_specs):
            raise ValueError(
                f"Node arity mismatch; expected {len(self.children_specs)}, but got "
                f"{len(children)}."
            )
        if context != self.context:
            raise ValueError(
                f"Node context mismatch for custom node type {self.type!r}."
                if self.type not in (dict, OrderedDict)
                else f"Node keys mismatch; expected {self.context}, but got {context}."
            )
        return [
            part
            for child, spec in zip(children, self.children_specs, strict=True)
            for part in spec.flatten_up_to(child)
        ]


class LeafSpec(TreeSpec):
    """The shape of a leaf."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None, None, [])
        self.num_leaves = 1

    def is_leaf(self) -> bool:
        return True

    def __repr__(self, indent: int = 0) -> str:
        return "*"


_LEAF = LeafSpec()


def tree_is_leaf(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether `tree` has no parts."""
    return (is_leaf is not None and is_leaf(tree)) or _kind_of(tree) is None


def tree_flatten(
    tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> tuple[list[Any], TreeSpec]:
    """The leaves of `tree`, in order, and its shape.

    >>> from rushlight.utils._pytree import tree_flatten
    >>> tree_flatten({"a": 1, "b": (2, 3)})[0]
    [1, 2, 3]
    """
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves, is_leaf)


def _flatten(tree: Any, leaves: list[Any], is_leaf: Any) -> TreeSpec:
    kind = None if is_leaf is not None and is_leaf(tree) else _kind_of(tree)
    if kind is None:
        leaves.append(tree)
        return _LEAF
    children, context = _KINDS[kind].flatten(tree)
    return TreeSpec(kind, context, [_flatten(c, leaves, is_leaf) for c in children])


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The tree of shape `treespec` with these leaves.

    Raises:
        ValueError: too many leaves, or too few.

    >>> from rushlight.utils._pytree import tree_flatten, tree_unflatten
    >>> tree_unflatten([10, 20], tree_flatten([1, (2,)])[1])
    [10, (20,)]
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            "tree_unflatten(leaves, treespec): Expected `treespec` to be instance of TreeSpec but "
            f"got item of type {type(treespec)}."
        )
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(
            f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to "
            f"a pytree that holds {treespec.num_leaves} items ({treespec})."
        )
    return _unflatten(iter(leaves), treespec)


def _unflatten(leaves: Iterator[Any], spec: TreeSpec) -> Any:
    if spec.is_leaf():
        return next(leaves)
    children = [_unflatten(leaves, child) for child in spec.children_specs]
    return _KINDS[spec.type].unflatten(children, spec.context)


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves of `tree`, in order."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Iterator[Any]:
    """The leaves of `tree`, one after the other."""
    yield from tree_leaves(tree, is_leaf)


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The shape of `tree`."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(
    func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """The tree of ``func(leaf)``; with several trees of one shape, of all their leaves there.

    >>> from rushlight.utils._pytree import tree_map
    >>> tree_map(lambda x: 2 * x, {"a": 1, "b": [2]})
    {'a': 2, 'b': [4]}
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [spec.flatten_up_to(r) for r in rests]
    return tree_unflatten(map(func, leaves, *others), spec)


def tree_map_(
    func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """Call `func` on every leaf; returns `tree`."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [spec.flatten_up_to(r) for r in rests]
    for parts in zip(leaves, *others, strict=True):
        func(*parts)
    return tree


def tree_map_only(
    type_or_types_or_pred: Any, func: Callable[[Any], Any], tree: Any,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:  # fmt: skip
    """`tree_map` that leaves alone what is not of the type (or does not fulfil the predicate)."""
    wanted = type_or_types_or_pred
    if callable(wanted) and not isinstance(wanted, type):
        return tree_map(lambda x: func(x) if wanted(x) else x, tree, is_leaf=is_leaf)
    return tree_map(lambda x: func(x) if isinstance(x, wanted) else x, tree, is_leaf=is_leaf)


def tree_all(
    pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> bool:
    """Whether all leaves fulfil `pred`."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(
    pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> bool:
    """Whether some leaf fulfils `pred`."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def _broadcast_to_and_flatten(
    tree: Any, treespec: TreeSpec, is_leaf: Callable[[Any], bool] | None = None
) -> list[Any] | None:
    """The leaves of `tree` for each leaf of `treespec`, where one may stand for a subtree; None
    where the trees do not fit."""
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    if treespec.is_leaf() or _kind_of(tree) is not treespec.type:
        return None
    children, context = _KINDS[treespec.type].flatten(tree)
    if len(children) != treespec.num_children or context != treespec.context:
        return None
    found: list[Any] = []
    for child, spec in zip(children, treespec.children_specs, strict=True):
        part = _broadcast_to_and_flatten(child, spec, is_leaf)
        if part is None:
            return None
        found.extend(part)
    return found
