"""Trees of containers, taken apart and put together."""

from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

import rushlight as torch
from rushlight.utils._pytree import (
    _broadcast_to_and_flatten,
    register_pytree_node,
    tree_all,
    tree_any,
    tree_flatten,
    tree_leaves,
    tree_map,
    tree_map_,
    tree_map_only,
    tree_structure,
    tree_unflatten,
)

Pair = namedtuple("Pair", "a b")
TREES = [
    1, None, [1, (2,)], {"b": 1, "a": [2]}, OrderedDict(b=1, a=2), Pair(1, [2]),
    defaultdict(int, {"a": 1}), deque([1, 2], 5), (), [], {}, [[], {"x": ()}],
]  # fmt: skip


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_there_and_back(tree):
    leaves, spec = tree_flatten(tree)
    again = tree_unflatten(leaves, spec)
    assert again == tree
    assert type(again) is type(tree)
    assert spec.num_leaves == len(leaves)
    assert tree_structure(tree) == spec


def test_how_a_structure_is_printed():
    spec = tree_structure([1, (2, {"a": 3})])
    assert repr(spec) == (
        "TreeSpec(list, None, [*,\n  TreeSpec(tuple, None, [*,\n    TreeSpec(dict, ['a'], [*])])])"
    )


def test_maps():
    assert tree_map(lambda x, y: x + y, {"a": [1, 2]}, {"a": [3, 4]}) == {"a": [4, 6]}
    assert tree_map(lambda x: x, [1, (2, 3)], is_leaf=lambda x: type(x) is tuple) == [1, (2, 3)]
    assert tree_map_only(int, lambda x: x + 1, [1, 2.0, "s"]) == [2, 2.0, "s"]
    seen = []
    assert tree_map_(seen.append, [1, [2]]) == [1, [2]]
    assert seen == tree_leaves([1, [2]]) == [1, 2]
    assert tree_all(bool, [1, [2]])
    assert not tree_any(bool, [0, [0]])


def test_named_results_are_nodes():
    result = torch.max(torch.tensor([[1.0, 3.0]]), 1)
    doubled = tree_map(lambda t: t * 2, result)
    assert type(doubled) is type(result)
    assert doubled.values.tolist() == [6.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tree_unflatten([1], tree_structure([1, 2])), "has length 1 but the spec"),
        (lambda: tree_map(max, [1, 2], [3]), "Node arity mismatch; expected 2, but got 1"),
        (lambda: tree_map(max, [1, 2], (3, 4)), "Node type mismatch"),
        (lambda: register_pytree_node(list, None, None), "already registered"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_broadcast():
    spec = tree_structure([1, [2, 3]])
    assert _broadcast_to_and_flatten(0, spec) == [0, 0, 0]
    assert _broadcast_to_and_flatten([0, None], spec) == [0, None, None]
    assert _broadcast_to_and_flatten((0, 1), spec) is None
    assert _broadcast_to_and_flatten([0, [1]], spec) is None


class Box:
    def __init__(self, content):
        self.content = content


def test_own_nodes():
    register_pytree_node(Box, lambda b: ([b.content], None), lambda parts, _: Box(*parts))
    assert tree_map(lambda x: x + 1, [Box(1)])[0].content == 2
