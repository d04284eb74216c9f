"""``torch.jit``: what marks functions for TorchScript. There is no TorchScript here.

The marks and questions that libraries use on their way do what they do in PyTorch outside of
scripting; what would compile raises NotImplementedError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ._missing import missing_attribute
from .nn.modules.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Attribute", "Final", "ScriptFunction", "ScriptModule", "annotate", "export", "ignore",
    "is_scripting", "is_tracing", "isinstance", "script", "script_if_tracing", "trace",
    "trace_module", "unused",
]  # fmt: skip

_isinstance = isinstance


def _refuse(name: str) -> NotImplementedError:
    return NotImplementedError(f"torch.jit.{name}: rushlight has no TorchScript")


def is_scripting() -> bool:
    """Whether TorchScript compiles this: never."""
    return False


def is_tracing() -> bool:
    """Whether TorchScript traces this: never."""
    return False


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """A decorator that leaves a method to Python: it always is."""
    if callable(drop):
        return drop
    return lambda function: function


def unused(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that leaves a method out of TorchScript."""
    return fn


def export(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that marks a method for TorchScript."""
    return fn


def interface(obj: Any) -> Any:
    """A decorator that marks a class as an interface for TorchScript."""
    return obj


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function: it would be compiled while tracing only."""
    return fn


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value: its type is for TorchScript."""
    return the_value


def Attribute(value: Any, type: Any) -> Any:
    """The value: its type is for TorchScript."""
    return value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether an object is of a type, which may be a container of types such as ``List[int]``."""
    from typing import get_args, get_origin

    origin, inner = get_origin(target_type), get_args(target_type)
    if origin is None:
        return _isinstance(obj, target_type)
    if origin not in (list, tuple, dict, set):
        return any(isinstance(obj, t) for t in inner)
    if not _isinstance(obj, origin):
        return False
    if origin is dict:
        return all(isinstance(k, inner[0]) and isinstance(v, inner[1]) for k, v in obj.items())
    if origin is tuple:
        pairs = zip(obj, inner, strict=False)
        return len(obj) == len(inner) and all(isinstance(v, t) for v, t in pairs)
    return all(isinstance(v, inner[0]) for v in obj)


class ScriptModule(Module):
    """A compiled module: there is none.

    Raises:
        NotImplementedError: always.
    """

    def __init__(self) -> None:
        raise _refuse("ScriptModule")


class ScriptFunction:
    """A compiled function: there is none.

    Raises:
        NotImplementedError: always.
    """

    def __init__(self) -> None:
        raise _refuse("ScriptFunction")


def script(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """Not there.

    Raises:
        NotImplementedError: always.
    """
    raise _refuse("script")


def trace(func: Any, example_inputs: Any = None, **kwargs: Any) -> Any:
    """Not there.

    Raises:
        NotImplementedError: always.
    """
    raise _refuse("trace")


def trace_module(mod: Any, inputs: Any, **kwargs: Any) -> Any:
    """Not there.

    Raises:
        NotImplementedError: always.
    """
    raise _refuse("trace_module")


def load(f: Any, *args: Any, **kwargs: Any) -> Any:
    """Not there.

    Raises:
        NotImplementedError: always.
    """
    raise _refuse("load")


def save(m: Any, f: Any, **kwargs: Any) -> None:
    """Not there.

    Raises:
        NotImplementedError: always.
    """
    raise _refuse("save")


def freeze(mod: Any, *args: Any, **kwargs: Any) -> Any:
    """Not there.

    Raises:
        NotImplementedError: always.
    """
    raise _refuse("freeze")


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)


ScriptModule.__module__ = "torch.jit"
ScriptFunction.__module__ = "torch.jit"
