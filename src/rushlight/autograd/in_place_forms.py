"""In-place forms that are no plain twin of a row: comparisons, logic, changes of shape."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import Tensor, bump, ctx
from . import hooks
from .inplace import _untracked as untracked
from .inplace import check_writable, shadow_of, write
from .naming import renamed


def comparing(row: Any, tracked: Any, name: str) -> Any:
    """``x.eq_(y)``: the truth as numbers of the type of `x`. Its gradient is zero, not nothing."""
    node = name.rstrip("_").capitalize() + "Backward"

    def method(self: Tensor, other: Any) -> Tensor:
        check_writable(self, (other,))
        if not _core.thread.grad or untracked(self, (other,)):
            return write(self, row.call(shadow_of(self, False), other))
        result = tracked.call(shadow_of(self, True), other)
        return write(self, renamed(result, node + ("1" if isinstance(other, Tensor) else "0")))

    method.__name__ = method.__qualname__ = name
    method.__module__ = "torch"
    return method


def outside_the_graph(row: Any, name: str) -> Any:
    """``x.logical_not_()``: PyTorch writes the value and leaves the graph of `x` as it is."""

    def method(self: Tensor, *args: Any) -> Tensor:
        if args and not isinstance(args[0], Tensor):
            raise TypeError(
                f"{name}(): argument 'other' (position 1) must be Tensor, not "
                f"{type(args[0]).__name__}"
            )
        result = row.call(self, *args)
        before = _core.set_modes(False, _core.thread.inference)
        try:
            return write(self, result)
        finally:
            _core.set_modes(*before)

    method.__name__ = method.__qualname__ = name
    method.__module__ = "torch"
    return method


def in_shape(function: Any, name: str, node: str) -> Any:
    """``x.t_()``: `x` shows its memory through other sizes and strides."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        become = None
        if ctx.handler is not None:
            become = getattr(ctx.handler, "become", None)
            if become is None:
                raise NotImplementedError(f"Tensor.{name} in a compiled step")
        check_writable(self)
        view = function(shadow_of(self, False), *args, **kwargs)
        self._data = view._data
        if become is not None:
            become(self, view)
        bump(self)
        if view._edge is not None and _core.thread.grad:
            before = self._edge
            self._edge = renamed(view, node)._edge
            if ctx.hooks:
                hooks.move_retained(self, before, self._edge)
        return self

    method.__name__ = method.__qualname__ = name
    method.__module__ = "torch"
    return method


def squeezing(function: Any) -> Any:
    """``x.squeeze_()``; PyTorch numbers the nodes of its overloads."""
    kinds = {
        node: in_shape(function, "squeeze_", node)
        for node in ("SqueezeBackward3", "SqueezeBackward4", "SqueezeBackward5")
    }

    def squeeze_(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        given = [*args, *kwargs.values()]
        number = 3 if not given else 4 if isinstance(given[0], int) else 5
        done: Tensor = kinds[f"SqueezeBackward{number}"](self, *args, **kwargs)
        return done

    squeeze_.__module__ = "torch"
    return squeeze_
