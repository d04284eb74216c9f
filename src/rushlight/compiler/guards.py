"""The guards of a rendered call: lines that look whether everything is as it was recorded."""

from __future__ import annotations

import linecache
import types
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import MISSING, Tensor, ctx, thread, wrap
from .places import bounds, root_of
from .reach import ABSENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .executable import Executable
    from .recording import Recording
    from .updates import Groups

MISS: Any = MISSING
_PLAIN = (int, float, complex, str, bytes, bool, type(None))


class Text:
    """The lines of the function and the objects they refer to."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.values: dict[str, Any] = {
            "MISS": MISS, "ctx": ctx, "thread": thread, "empty": np.empty, "wrap": wrap,
            "bump": _core.bump
        }  # fmt: skip
        self._names: dict[int, str] = {}
        self.held: set[int] = set()

    def add(self, *lines: str) -> None:
        self.lines.extend(lines)

    def name(self, value: Any) -> str:
        known = self._names.get(id(value))
        if known is None:
            known = self._names[id(value)] = f"v{len(self._names)}"
            self.values[known] = value
        return known

    def finish(self, label: str) -> Any:
        text = "def call(args, kwargs):\n" + "\n".join("  " + x for x in self.lines) + "\n"
        filename = f"<rushlight {label}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        exec(compile(text, filename, "exec"), self.values)
        found = self.values["call"]
        found.text = text
        return found


def differs(t: Text, local: str, value: Any) -> str:
    """A condition: a plain value is not what it was. Zeros differ by their sign."""
    text = f"type({local}) is not {t.name(type(value))} or "
    if isinstance(value, float) and value != value:
        return f"{text}{local} == {local}"
    text += f"{local} != {t.name(value)}"
    if isinstance(value, float) and value == 0.0:
        text += f" or str({local}) != {str(value)!r}"
    return text


def watch(t: Text, r: Recording) -> list[str]:
    """Lines that compare what containers hold, and whether optimizers kept their state."""
    lines = []
    for contents in r.contents:
        lines.append(f"if not {t.name(contents.holds)}(): return MISS")
    for o in r.optimizers:
        if o.state:
            lines.append(f"if len({t.name(o)}.state) != {len(o.state)}: return MISS")
    return lines


def sharing(arrays: dict[Any, Any]) -> dict[Any, Any]:
    """Which arrays share memory, and where they lie: the first of each group, and distances."""
    groups: list[tuple[Any, Any, int, int]] = []
    found: dict[Any, Any] = {}
    for key, array in arrays.items():
        low, high = bounds(array)
        for first, of, start, end in groups:
            if low < end and start < high:
                found[key] = first, low - start, np.shares_memory(array, of)
                break
        else:
            groups.append((key, array, low, high))
            found[key] = None
    return found


def guard_tensor(t: Text, name: str, value: Tensor) -> str:
    """Checks on a tensor that may be another on every call; the name of its array."""
    data = value._data
    array = f"d{name}"
    t.add(
        f"if type({name}) is not {t.name(type(value))}: return MISS",
        f"{array} = {name}._data",
        f"if ({array}.shape != {data.shape!r} or {array}.dtype is not {t.name(data.dtype)} or "
        f"{array}.strides != {data.strides!r} or "
        f"({name}._edge is None) is not {value._edge is None}): return MISS",
    )
    return array


def arguments_guarded(t: Text, r: Recording) -> dict[Any, str]:
    """Guards on what was passed; array names by source."""
    arrays: dict[Any, str] = {}
    t.add(f"if len(args) != {len(r.args)} or len(kwargs) != {len(r.kwargs)}: return MISS")
    count = 0

    def visit(expression: str, value: Any) -> None:
        nonlocal count
        if isinstance(value, Tensor):
            name = f"a{count}"
            t.add(f"{name} = {expression}")
            arrays["argument", count] = guard_tensor(t, name, value)
            count += 1
        elif isinstance(value, list | tuple):
            held = f"c{len(t.lines)}"
            t.add(
                f"{held} = {expression}",
                f"if type({held}) is not {t.name(type(value))} or "
                f"len({held}) != {len(value)}: return MISS",
            )
            for i, item in enumerate(value):
                visit(f"{held}[{i}]", item)
        elif isinstance(value, dict):
            held = f"c{len(t.lines)}"
            t.add(
                f"{held} = {expression}",
                f"if type({held}) is not {t.name(type(value))} or [*{held}] != "
                f"{t.name(list(value))}: return MISS",
            )
            for key, item in value.items():
                visit(f"{held}[{t.name(key)}]", item)
        elif type(value) in _PLAIN:
            held = f"c{len(t.lines)}"
            t.add(f"{held} = {expression}", f"if {differs(t, held, value)}: return MISS")
        else:
            t.add(f"if {expression} is not {t.name(value)}: return MISS")

    for i, value in enumerate(r.args):
        visit(f"args[{i}]", value)
    if r.kwargs:
        t.add(f"if [*kwargs] != {t.name(list(r.kwargs))}: return MISS")
    for key, value in r.kwargs.items():
        visit(f"kwargs[{key!r}]", value)
    return arrays


def names_guarded(
    t: Text, names: Sequence[Any], named: dict[int, int], arrays: dict[Any, str]
) -> None:
    """Guards on what user code reads by name; tensors there may be other ones on every call."""
    for number, name in enumerate(names):
        container, key, value = name.container, name.key, name.value
        held = t.name(container)
        if value is ABSENT:
            t.add(f"if hasattr({held}, {key!r}): return MISS")
            continue
        if isinstance(container, dict):
            expression = f"{held}.get({t.name(key)}, MISS)"
        elif type(container) is types.CellType:
            expression = f"{held}.cell_contents"
        elif isinstance(container, list | tuple):
            expression = f"{held}[{key}]"
        else:
            expression = f"{held}.{key}"
        if isinstance(value, Tensor) and id(value) in named:
            local = f"n{number}"
            t.add(f"{local} = {expression}")
            arrays["named", named[id(value)]] = guard_tensor(t, local, value)
        elif isinstance(value, Tensor):
            t.add(f"if {expression} is not {t.name(value)}: return MISS")
        elif type(value) in _PLAIN and value is not None and type(value) is not bool:
            local = f"n{number}"
            t.add(f"{local} = {expression}",
                  f"if {local} is not {t.name(value)} and ({differs(t, local, value)}): "
                  "return MISS")  # fmt: skip
        else:
            t.add(f"if {expression} is not {t.name(value)}: return MISS")


def entry_guarded(t: Text, e: Executable, arrays: dict[Any, str]) -> None:
    """Which leaves must have a gradient when the step begins."""
    read = {
        id(b.source[1]) for b in e.layout.slots if b.source is not None and b.source[0] == "grad"
    }
    for number, (leaf, present) in enumerate(e.recording.tracer.entry.values()):
        held = leaf_name(t, e.recording, leaf)
        if not present:
            t.add(f"if {held}._grad is not None: return MISS")
            continue
        grad = grad_then(e.recording, leaf) if leaf._grad is None else leaf._grad
        local = f"g{number}"
        t.add(f"{local} = {held}._grad", f"if {local} is None: return MISS")
        if id(leaf) in read and grad is not None:
            arrays["grad", leaf] = guard_tensor(t, local, grad)


def grad_then(r: Recording, leaf: Any) -> Any:
    """A tensor like the gradient that a leaf had when the step began, if it has none at the end."""
    for place in r.program.places.values():
        if place.storage.kind == "grad" and place.storage.owner is leaf:
            size = place.storage.dtype.itemsize
            shape, strides = place.shape, tuple(s * size for s in place.strides)
            whole = np.empty(place.storage.size, place.storage.dtype)
            return wrap(np.lib.stride_tricks.as_strided(whole, shape, strides))
    return None


def leaf_name(t: Text, r: Recording, leaf: Tensor) -> str:
    """The name of a leaf in the rendered text: an argument of this call, or the object itself."""
    for number, argument in enumerate(r.arguments):
        if argument is leaf:
            return f"a{number}"
    return t.name(leaf)


def groups_guarded(t: Text, groups: Groups) -> None:
    """Numbers of parameter groups are compared as a whole, and read again where they changed."""
    t.values["groups"] = groups
    for number, group in enumerate(groups.groups):
        t.values[f"G{number}"] = group
        if groups.always[number]:
            t.add(f"if not groups.refresh({number}): return MISS")
        else:
            t.add(f"if [*G{number}.values()] != groups.known[{number}] and not "
                  f"groups.refresh({number}): return MISS")  # fmt: skip
    if groups.loose:
        t.add("groups.read()")


def written_roots(e: Executable) -> frozenset[int]:
    """The ids of the arrays that own the memory of cells that the step writes to."""
    found: set[int] = set()
    for group in e.groups:
        for v in group.writes():
            source = v.buffer.source
            if source is not None and source[0] == "cell":
                found.add(id(root_of(source[1]._data)))
    return frozenset(found)


def shares(array: Any, written: frozenset[int]) -> bool:
    return id(root_of(array)) in written
