"""What `inspect.signature` and `help` see of an op: an empty function with PyTorch's parameters.

A wrapper itself takes ``*args`` and ``**kw``, so that odd calls reach the argument binder and get
PyTorch's errors. `inspect` follows ``__wrapped__`` to the prototype. Prototypes share the code of
a template for their number of parameters; making one costs microseconds and no import.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from .._core import MISSING
from .quick import quick_parse

if TYPE_CHECKING:
    from collections.abc import Callable

_templates: dict[tuple[int, int], Any] = {}


def _template(positional: int, keyword: int) -> Any:
    found = _templates.get((positional, keyword))
    if found is None:
        names = [f"p{i}" for i in range(positional)]
        if keyword:
            names += ["*", *(f"k{i}" for i in range(keyword))]
        scope: dict[str, Any] = {}
        exec(f"def prototype({', '.join(names)}): ...", scope)
        found = _templates[positional, keyword] = scope["prototype"]
    return found


def prototype(name: str, schemas: tuple[str, ...]) -> Any:
    """The prototype of an op: the parameters of its widest schema.

    Those that another overload goes without have a default of None there.
    """
    parsed = [[a for a in quick_parse(s)[0] if a[1] != "out"] for s in schemas]
    widest = max(parsed, key=len)
    everywhere = set.intersection(*({a[1] for a in p} for p in parsed))
    positional: list[tuple[str, Any]] = []
    keyword: list[tuple[str, Any]] = []
    optional = False
    for _, argument, default, keyword_only in widest:
        if default is MISSING and (argument not in everywhere or (optional and not keyword_only)):
            default = None
        shown = "input" if argument == "self" else argument
        if keyword_only:
            keyword.append((shown, default))
        else:
            optional = optional or default is not MISSING
            positional.append((shown, default))
    shared = _template(len(positional), len(keyword))
    names = tuple(n for n, _ in (*positional, *keyword))
    code = shared.__code__.replace(co_name=name, co_qualname=name, co_varnames=names)
    made = FunctionType(code, shared.__globals__, name)
    made.__defaults__ = tuple(d for _, d in positional if d is not MISSING) or None
    made.__kwdefaults__ = {n: d for n, d in keyword if d is not MISSING} or None
    return made


class Pending:
    """Stands as the ``__wrapped__`` of a stub: a prototype made when `inspect` looks at it."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.make()(*args, **kwargs)

    @property
    def __signature__(self) -> Any:
        import inspect

        return inspect.signature(self.make())
