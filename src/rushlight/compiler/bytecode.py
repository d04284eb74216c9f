"""What a code object reads by name and stores outside itself, from its bytecode."""

from __future__ import annotations

import dis
from functools import lru_cache
from typing import Any

#: Attributes of tensors whose assignment the recorder sees.
_SEEN_STORES = frozenset(("grad", "requires_grad"))


class Reading:
    """What one code object does with names.

    Attributes:
        globals, free: names it loads, with the line of the first load.
        attributes: names of attributes that it loads or stores.
        strings: its string constants, for `getattr`.
        outer: (what, line) of stores to globals and to cells of other functions.
        stores: (root, attributes, what, line) of stores to attributes and items; the root is
            (kind, name) or None where the owner is no plain path.
    """

    __slots__ = ("attributes", "free", "globals", "outer", "stores", "strings")

    def __init__(self) -> None:
        self.globals: dict[str, int] = {}
        self.free: dict[str, int] = {}
        self.attributes: set[str] = set()
        self.strings: set[str] = set()
        self.outer: list[tuple[str, int]] = []
        self.stores: list[tuple[Any, tuple[str, ...], str, int]] = []


@lru_cache(maxsize=2048)
def reading(code: Any) -> Reading:
    """What `code` does with names."""
    found = Reading()
    free = set(code.co_freevars)
    strings = [c for c in code.co_consts if isinstance(c, str)]
    strings += [s for c in code.co_consts if isinstance(c, tuple) for s in c if type(s) is str]
    found.strings.update(strings)
    pushed: list[Any] = []  # the paths that the last instructions pushed, None for other values
    line = code.co_firstlineno
    for i in dis.get_instructions(code):
        positions = i.positions
        line = (positions.lineno if positions is not None else None) or line
        name = i.opname
        if name in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"):
            found.attributes.add(str(i.argval))
            path = pushed.pop() if pushed else None
            pushed.append(None if path is None else (path[0], (*path[1], str(i.argval))))
        elif name in ("LOAD_GLOBAL", "LOAD_NAME"):
            found.globals.setdefault(str(i.argval), line)
            pushed.append((("global", str(i.argval)), ()))
        elif name in ("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"):
            if i.argval in free:
                found.free.setdefault(str(i.argval), line)
                pushed.append((("free", str(i.argval)), ()))
            else:
                pushed.append((("local", str(i.argval)), ()))
        elif name.startswith("LOAD_FAST"):
            for n in i.argval if isinstance(i.argval, tuple) else (i.argval,):
                pushed.append((("local", str(n)), ()))
        elif name in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            found.outer.append((f"an assignment to the global {i.argval}", line))
        elif name in ("STORE_DEREF", "DELETE_DEREF") and i.argval in free:
            found.outer.append((f"an assignment to {i.argval} of an enclosing function", line))
        elif name in ("STORE_ATTR", "DELETE_ATTR"):
            if i.argval not in _SEEN_STORES:
                found.attributes.add(str(i.argval))
                root, path = (pushed[-1] if pushed else None) or (None, ())
                what = f"an assignment to the attribute {i.argval}"
                found.stores.append((root, path, what, line))
        elif name in ("STORE_SUBSCR", "DELETE_SUBSCR"):
            owner = pushed[-2] if len(pushed) > 1 else None
            if owner is not None:
                root, path = owner
                what = f"an assignment to an item of {'.'.join((root[1], *path))}"
                found.stores.append((root, path, what, line))
        elif name not in ("CACHE", "RESUME", "NOP", "PUSH_NULL", "EXTENDED_ARG", "PRECALL"):
            pushed.append(None)
    return found
