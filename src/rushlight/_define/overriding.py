"""``__torch_function__``: classes that take PyTorch's functions into their own hands.

A subclass of Tensor (other than Parameter and Buffer) hides its array from rendered wrappers. They
fail at it, as at any argument out of the ordinary, and end in the slow path, which asks the class.
So nobody else pays for it. Methods, operators and properties are wrapped in the subclass itself.

The protocol is that of PyTorch: the implementations of all overriding arguments are asked in turn,
subclasses first; the default one of Tensor computes with overriding switched off and gives every
result the class of its argument.
"""

from __future__ import annotations

import sys
import threading
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .. import _core, _dtypes
from .._core import Tensor
from . import render
from .prototype import Pending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The overriding subclasses of Tensor that exist; empty is the fast case.
ACTIVE: list[type] = []
#: What no implementation returns.
UNHANDLED: Any = object()
_PASSED_ON = "__from_torch_function__"


class _State(threading.local):
    off = 0


_state = _State()
_slot: Any = Tensor.__dict__["_data"]
_WRAPPERS = render._NAMESPACE


class Overridden(Exception):
    """A rendered wrapper met a tensor whose class overrides it."""


def disabled(cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """The ``__torch_function__`` of classes that leave everything as it is."""
    return NotImplemented


def _hidden(self: Any) -> Any:
    if not _state.off and sys._getframe(1).f_globals is _WRAPPERS:
        raise Overridden
    return _slot.__get__(self)


_watched = property(_hidden, lambda self, array: _slot.__set__(self, array))


class DisableTorchFunctionSubclass:
    """A context in which the ``__torch_function__`` of tensor subclasses is not asked.

    Source: https://docs.pytorch.org/docs/stable/torch.overrides.html
    """

    def __enter__(self) -> None:
        _state.off += 1

    def __exit__(self, *_: object) -> None:
        _state.off -= 1


# ---- who overrides ------------------------------------------------------------------------------


def implementation(value: Any) -> Any:
    """The ``__torch_function__`` of an overriding argument, else None."""
    kind = type(value)
    if kind is Tensor:
        return None
    found = getattr(kind, "__torch_function__", None)
    if found is None or getattr(found, "__func__", found) is disabled:
        return None
    return found


def _candidates(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Any]:
    for value in (*args, *kwargs.values()):
        if type(value) in (list, tuple):
            yield from value
        else:
            yield value


def overriding_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """One argument of each overriding class, subclasses before the classes they derive from."""
    found: list[Any] = []
    kinds: set[type] = set()
    for value in _candidates(args, kwargs):
        kind = type(value)
        if kind in kinds or implementation(value) is None:
            continue
        if _state.off and isinstance(value, Tensor):
            continue
        kinds.add(kind)
        at = next((i for i, v in enumerate(found) if issubclass(kind, type(v))), len(found))
        found.insert(at, value)
    return found


#: Classes that never override, so that the usual arguments cost a look-up each.
_NEVER = frozenset((Tensor, bool, int, float, complex, str, type(None), _dtypes.dtype))


def special(args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether an argument is of an overriding class, be overriding switched off or not."""
    for value in args:
        kind = type(value)
        if kind in _NEVER:
            continue
        if kind is tuple or kind is list:
            if special(value, {}):
                return True
        elif implementation(value) is not None:
            return True
    return bool(kwargs) and special(kwargs.values(), {})


def passed_on(error: Exception | None) -> bool:
    """Whether this error came out of a ``__torch_function__``."""
    return error is not None and _PASSED_ON in getattr(error, "__dict__", ())


def handle(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], method: bool) -> Any:
    """What the classes of the arguments make of the call; UNHANDLED where none overrides.

    Raises:
        TypeError: all of them declined.
    """
    found = overriding_arguments(args, kwargs)
    if not found:
        return UNHANDLED
    return ask(function, found, args, kwargs, method)


def ask(
    function: Any, found: list[Any], args: tuple[Any, ...], kwargs: dict[str, Any], method: bool
) -> Any:
    types = tuple(type(value) for value in found)
    for value in found:
        try:
            result = implementation(value)(function, types, args, kwargs)
        except Exception as error:
            error.__dict__[_PASSED_ON] = True  # the wrapper that asked lets it pass
            raise
        if result is not NotImplemented:
            return result
    owner = "torch.Tensor" if method else "torch"
    lines = "".join(f"  - tensor subclass {kind}\n" for kind in types)
    raise TypeError(
        f"Multiple dispatch failed for '{owner}.{getattr(function, '__name__', function)}'; all "
        f"__torch_function__ handlers returned NotImplemented:\n\n{lines}\nFor more information, "
        "try re-running with TORCH_LOGS=not_implemented"
    )


# ---- the default implementation -----------------------------------------------------------------


def _default(
    cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None
) -> Any:
    """Compute as for plain tensors, and give the results the class of the argument.

    Source: https://docs.pytorch.org/docs/stable/notes/extending.html
    """
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    _state.off += 1
    try:
        result = func(*args, **(kwargs or {}))
        return result if func in _unwrapped else _of_class(result, cls)
    finally:
        _state.off -= 1


_unwrapped: set[Any] = set()


def _of_class(result: Any, cls: type) -> Any:
    if cls is Tensor:
        return result
    if isinstance(result, Tensor):
        return result if isinstance(result, cls) else as_subclass(result, cls)
    if isinstance(result, tuple | list):
        items = (_of_class(item, cls) for item in result)
        return type(result)(items)
    return result


def as_subclass(self: Tensor, cls: Any) -> Any:
    """This tensor, over the same memory and in the same graph, as an instance of `cls`.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.Tensor.as_subclass.html

    >>> import rushlight as torch
    >>> class Mine(torch.Tensor):
    ...     pass
    >>> torch.ones(2).as_subclass(Mine) * 2
    Mine([2., 2.])
    """
    if not isinstance(cls, type):
        raise TypeError(f"cls must be a type (got {type(cls).__name__})")
    if not issubclass(cls, Tensor):
        raise TypeError(
            "Creating a Tensor subclass from a class that does not inherit from Tensor is not "
            "possible. Make sure your class inherits from Tensor."
        )
    _state.off += 1
    try:
        t: Any = _core.OPS["alias"].call(self)
    finally:
        _state.off -= 1
    t.__class__ = cls
    return t


def as_plain(t: Tensor) -> Tensor:
    """The memory of `t` as a plain tensor outside the graph, where its class overrides."""
    return t if implementation(t) is None else _core.wrap(_slot.__get__(t))


def make_subclass(cls: Any, data: Tensor, require_grad: bool = False, **_: Any) -> Any:
    """An instance of `cls` over the memory of `data`, outside its graph."""
    t = _core.new(cls)
    _slot.__set__(t, _slot.__get__(data))
    t._edge = None
    t._cell = _core.cell_of(data)
    if require_grad:
        _core.make_leaf(t)
    return t


# ---- the subclasses -----------------------------------------------------------------------------

_SAME_AS: dict[str, str] = {
    "__add__": "add", "__radd__": "add", "__sub__": "sub", "__rsub__": "rsub", "__mul__": "mul",
    "__rmul__": "mul", "__truediv__": "div", "__neg__": "neg", "__matmul__": "matmul",
    "__lt__": "lt", "__le__": "le", "__gt__": "gt", "__ge__": "ge", "__abs__": "abs",
}  # fmt: skip
_OPERATORS = (
    "__eq__ __ne__ __rtruediv__ __pow__ __rpow__ __rmatmul__ __floordiv__ __rfloordiv__ __mod__ "
    "__rmod__ __and__ __rand__ __or__ __ror__ __xor__ __rxor__ __lshift__ __rlshift__ __rshift__ "
    "__rrshift__ __invert__ __pos__ __iadd__ __isub__ __imul__ __itruediv__ __ifloordiv__ __imod__ "
    "__ipow__ __iand__ __ior__ __ixor__ __ilshift__ __irshift__ __getitem__ __setitem__ __len__ "
    "__bool__ __float__ __int__ __complex__ __index__ __contains__ __repr__ __format__ __deepcopy__"
).split()
#: Not wrapped: what the protocol itself is made of, and what must stay cheap or bound to the class.
_LEFT = frozenset(("as_subclass", "new"))
_wrapped: dict[str, Any] = {}


def _method(name: str) -> Callable[..., Any]:
    target = _SAME_AS.get(name, name)
    operator = name.startswith("__") and name not in ("__getitem__", "__setitem__")

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _state.off:
            return getattr(Tensor, name)(self, *args, **kwargs)
        if operator and args and not _known(args[0]):
            return getattr(Tensor, name)(self, *args)
        found = overriding_arguments((self, *args), kwargs)
        try:
            return ask(_settled(target), found, (self, *args), kwargs, True)
        except TypeError as error:
            if operator and str(error).startswith("Multiple dispatch failed"):
                return NotImplemented
            raise

    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    return method


def _settled(name: str) -> Any:
    """The method behind the stub that stands there before the first use."""
    method = getattr(Tensor, name)
    waiting = getattr(method, "__wrapped__", None)
    if type(waiting) is Pending:
        waiting.make()
        method = getattr(Tensor, name)
    return method


def _known(other: Any) -> bool:
    return (
        isinstance(other, Tensor | int | float | complex) or implementation(other) is not None
        or hasattr(other, "dtype")
    )  # fmt: skip


def _property(name: str, original: property) -> property:
    def get(self: Any) -> Any:
        if _state.off:
            return original.__get__(self)
        return ask(original.__get__, [self], (self,), {}, True)

    def put(self: Any, value: Any) -> None:
        original.__set__(self, value)

    def remove(self: Any) -> None:
        original.__delete__(self)

    if name in ("grad", "_grad", "_base"):
        _unwrapped.add(original.__get__)
    return property(get, put, remove)


def _wrapper(name: str, value: Any) -> Any:
    made = _wrapped.get(name)
    if made is None:
        if type(value) is FunctionType and (name[0] == "_" or value.__name__ == f"{name}_method"):
            value.__name__ = name  # what implementations see
        made = _property(name, value) if isinstance(value, property) else _method(name)
        _wrapped[name] = made
    return made


def prepare(cls: Any, **kwargs: Any) -> None:
    """``__init_subclass__`` of Tensor: let a subclass override, unless it declines to."""
    super(Tensor, cls).__init_subclass__(**kwargs)
    found = getattr(cls, "__torch_function__", None)
    if getattr(found, "__func__", found) is disabled:
        return
    ACTIVE.append(cls)
    if any(base in ACTIVE for base in cls.__mro__[1:]):
        return  # what is wrapped there serves here too
    type.__setattr__(cls, "_data", _watched)
    for name, value in list(Tensor.__dict__.items()):
        if name[0] == "_" and name not in _SAME_AS and name not in _OPERATORS:
            continue
        if name in _LEFT or not (isinstance(value, property) or callable(value)):
            continue
        owner = next((k for k in cls.__mro__ if name in k.__dict__), Tensor)
        if owner is Tensor:
            type.__setattr__(cls, name, _wrapper(name, value))


def attach() -> None:
    """Hang the protocol on Tensor."""
    for name, value in {
        "__torch_function__": classmethod(_default), "__init_subclass__": classmethod(prepare),
        "as_subclass": as_subclass, "_make_subclass": staticmethod(make_subclass),
    }.items():  # fmt: skip
        setattr(Tensor, name, value)


