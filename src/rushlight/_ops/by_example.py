"""Functions that look at values of their tensors, and so cannot run on a batch at once."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from .._core import ctx

if TYPE_CHECKING:
    from collections.abc import Callable


def by_example(function: Callable[..., Any]) -> Callable[..., Any]:
    """Inside `vmap` the function runs once for each example."""

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if ctx.handler is not None:
            hook = getattr(ctx.handler, "by_example", None)
            if hook is not None:
                return hook(function, args, kwargs)
        return function(*args, **kwargs)

    return wrapper


def whole(t: Any) -> Any:
    """The values of a tensor for all examples, whatever their order: for checks."""
    while t._batched:
        (t,) = t._batched.values()
    return t._data


def reads(t: Any, what: str) -> None:
    """Tell whoever watches that the function looks at the values of `t`."""
    if ctx.handler is not None:
        hook = getattr(ctx.handler, "reads", None)
        if hook is not None:
            hook(t, what)
