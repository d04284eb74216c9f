"""Whether two recorded calls did the same, and what the tensors from outside are then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._core import Tensor
from .audit import shared_suspect
from .program import Accumulate, Apply, Read, Register, Write, _tensors

if TYPE_CHECKING:
    from .program import Program
    from .takes import Take


def agree(a: Take, b: Take) -> str | dict[int, str]:
    """The roles of the storages from outside, or why the takes differ."""
    p, q = a.program, b.program
    suspect = shared_suspect(a.audit, b.audit)
    if suspect is not None:
        return str(suspect)
    if len(p.instructions) != len(q.instructions):
        return "two calls did not do the same operations"
    for i, j in zip(p.instructions, q.instructions, strict=True):
        if type(i) is not type(j) or not _same_instruction(i, j):
            return f"two calls did not do the same operations: {i!r} and {j!r}"
        if isinstance(i, Accumulate) and isinstance(j, Accumulate) and i.leaf is not j.leaf:
            # A leaf that the step made itself, unless it was passed in.
            if _position(a, i.leaf) is None or _position(a, i.leaf) != _position(b, j.leaf):
                j.internal = True
    if p.places.keys() != q.places.keys():
        return "two calls did not use memory in the same way"
    for n, place in p.places.items():
        other = q.places[n]
        if place.key() != other.key() or place.storage.kind != other.storage.kind:
            return f"two calls did not use memory in the same way: {place!r} and {other!r}"
        if place.storage.dtype != other.storage.dtype:
            return "two calls used different dtypes"
    if p.constants.keys() != q.constants.keys():
        return "two calls used different constants"
    for n, value in p.constants.items():
        if p.places[n].storage.kind != "constant":
            continue
        if not np.array_equal(value, q.constants[n], equal_nan=value.dtype.kind in "fc"):
            return "a tensor that the step makes has other contents on every call"
    return _roles(a, b)


def _position(take: Take, t: Any) -> int | None:
    """Which argument a tensor is."""
    given = enumerate(_tensors([*take.args, take.kwargs]))
    return next((n for n, x in given if x is t), None)


def _same_instruction(i: Any, j: Any) -> bool:
    if isinstance(i, Apply):
        return (
            i.name == j.name and _same_template(i.arguments, j.arguments)
            and _same_template(i.outputs, j.outputs)
        )  # fmt: skip
    if isinstance(i, Read):
        return i.what == j.what and i.output.number == j.output.number
    if isinstance(i, Write):
        return _same_template((i.target, i.value), (j.target, j.value))
    return bool(i.what == j.what)


def _same_template(x: Any, y: Any) -> bool:
    if type(x) is not type(y):
        return False
    if type(x) is Register:
        return bool(x.number == y.number)
    if isinstance(x, list | tuple):
        return len(x) == len(y) and all(map(_same_template, x, y))
    if isinstance(x, float):
        return x == y or (x != x and y != y)
    if isinstance(x, np.ndarray):
        return np.array_equal(x, y)
    if isinstance(x, Tensor) or callable(x):
        return True
    return bool(x == y)


def _roles(a: Take, b: Take) -> str | dict[int, str]:
    """A tensor user code can rebind is named; the same object is a cell; else it is constant."""
    roles: dict[int, str] = {}
    paths = {id(n.value) for n in compared(b) if isinstance(n.value, Tensor)}
    held = {
        id(t) for m in b.audit.modules.values()
        for t in (*m._parameters.values(), *m._buffers.values())
    }  # fmt: skip
    changed = written(b.program)
    others = {p.storage.number: p.storage for p in a.program.places.values()}
    for place in b.program.places.values():
        storage = place.storage
        if storage.kind != "cell" or storage.number in roles:
            continue
        owner, before = storage.owner, others[storage.number].owner
        free = owner._edge is None and id(owner) not in held and storage.number not in changed
        if id(owner) in paths and free:
            roles[storage.number] = "named"
        elif owner is before:
            roles[storage.number] = "cell"
        elif free and np.array_equal(owner._data, before._data):
            roles[storage.number] = "constant"
        else:
            return (
                f"a tensor of shape {list(owner._data.shape)} that the step reaches is another one "
                "on every call, and has no name to read it by"
            )
    return roles


def written(program: Program) -> set[int]:
    found: set[int] = set()
    for i in program.instructions:
        if isinstance(i, Write):
            place = program.places.get(i.target.number)
            if place is not None:
                found.add(place.storage.number)
    return found


def compared(take: Take) -> list[Any]:
    """Names whose value could be another on the next call without the epoch telling."""
    from ..nn.modules.module import Module

    return [
        name for name in take.audit.names.values()
        # What a module holds is compared with the module, when the epoch moves.
        if not isinstance(name.container, Module)
        or name.container.__dict__.get(name.key) is not name.value
    ]  # fmt: skip
