"""torch.overrides: asking about, and taking part in, the ``__torch_function__`` protocol.

Source: https://docs.pytorch.org/docs/stable/torch.overrides.html

>>> import rushlight as torch
>>> torch.overrides.is_tensor_like(torch.ones(1))
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._core import Tensor
from ._define import overriding
from ._missing import missing_attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "BaseTorchFunctionMode", "TorchFunctionMode", "handle_torch_function", "has_torch_function",
    "has_torch_function_unary", "has_torch_function_variadic", "is_tensor_like",
    "is_tensor_method_or_property", "resolve_name", "wrap_torch_function",
]  # fmt: skip


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether one of the arguments overrides PyTorch's functions.

    Args:
        relevant_args: the arguments that may.
    """
    return bool(overriding.overriding_arguments(tuple(relevant_args), {}))


def has_torch_function_unary(argument: Any) -> bool:
    """`has_torch_function` of one argument."""
    return bool(overriding.overriding_arguments((argument,), {}))


def has_torch_function_variadic(*arguments: Any) -> bool:
    """`has_torch_function` of the arguments."""
    return bool(overriding.overriding_arguments(arguments, {}))


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Let the classes of the relevant arguments answer a call of `public_api`.

    Raises:
        TypeError: none of them has an answer.
    """
    found = overriding.overriding_arguments(tuple(relevant_args), {})
    return overriding.ask(public_api, found, args, kwargs, False)


def is_tensor_like(inp: Any) -> bool:
    """Whether `inp` is a tensor or of a class with ``__torch_function__``."""
    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether `func`, which an implementation was given, belongs to Tensor."""
    name = getattr(func, "__name__", "")
    return name == "__get__" or getattr(Tensor, name, None) is func


def wrap_torch_function(dispatcher: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that makes a function of the user's overridable.

    Args:
        dispatcher: called as the function is, it returns the arguments that may override it.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = tuple(dispatcher(*args, **kwargs))
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        wrapped.__name__ = function.__name__
        wrapped.__qualname__ = function.__qualname__
        wrapped.__doc__ = function.__doc__
        wrapped.__module__ = function.__module__
        wrapped.__wrapped__ = function  # type: ignore[attr-defined]
        return wrapped

    return decorate


def resolve_name(f: Any) -> str | None:
    """The name under which a function that an implementation was given is known."""
    name = getattr(f, "__name__", None)
    if name is None:
        return None
    return f"torch.Tensor.{name}" if is_tensor_method_or_property(f) else f"torch.{name}"


class TorchFunctionMode:
    """A context that sees every call: rushlight has none."""

    def __init__(self) -> None:
        raise NotImplementedError("torch.overrides.TorchFunctionMode")


BaseTorchFunctionMode = TorchFunctionMode


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
