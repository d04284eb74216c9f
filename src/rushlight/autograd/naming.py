"""Names of nodes where PyTorch numbers the overloads of one operation.

``torch.fmod(x, y)`` records FmodBackward1 and ``torch.fmod(x, 2)`` FmodBackward0; ours is one row
with one class. The node of the rarer overload becomes a subclass that differs by its name only.
"""

from __future__ import annotations

from typing import Any

from .._core import Node, visible

_RENAMED: dict[tuple[type[Node], str], type[Node]] = {}


def renamed(result: Any, name: str) -> Any:
    """`result`, whose node is called `name` from now on."""
    if result._edge is not None:
        node = visible(result._edge)[0]
        if isinstance(node, Node):
            rename(node, name)
    return result


def rename(node: Node, name: str) -> None:
    kind = type(node)
    if kind.__name__ == name:
        return
    found = _RENAMED.get((kind, name))
    if found is None:
        found = type(name, (kind,), {"__slots__": (), "__module__": kind.__module__})
        _RENAMED[kind, name] = found
    node.__class__ = found
