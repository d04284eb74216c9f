"""What the rules share: the table, shapes of physical tensors, the loop over the examples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._core import TEN, Tensor, wrap
from ..interpreters import call

if TYPE_CHECKING:
    from collections.abc import Callable

Ints = tuple[int, ...]

RULES: dict[str, Callable[..., Any]] = {}


def rule(*names: str) -> Callable[..., Any]:
    """Register the rule of the rows `names`."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            RULES[name] = function
        return function

    return register


def shape_of(x: Any, batched: bool) -> Ints:
    """The shape of one example."""
    shape: Ints = x._data.shape
    return shape[1:] if batched else shape


def shifted(dim: int) -> int:
    """A dim of the examples as one of the physical tensor."""
    return dim + 1 if dim >= 0 else dim


def front(x: Any, batched: bool, size: int) -> Any:
    """`x` with the batch in dim 0, expanded where it had none."""
    return x if batched or x is None else TEN.expand(x, (size, *x._data.shape))


def padded(x: Any, ndim: int) -> Any:
    """A physical tensor whose examples get sizes 1 on the left, up to `ndim` dims."""
    shape = x._data.shape
    missing = ndim + 1 - len(shape)
    if missing <= 0:
        return x
    return TEN.view(x, (shape[0], *(1,) * missing, *shape[1:]))


def aligned(args: list[Any], batched: list[Any]) -> list[Any]:
    """The arguments so that the examples broadcast against one another as they would alone."""
    ndim = 0
    for a, b in zip(args, batched, strict=True):
        if isinstance(a, Tensor):
            ndim = max(ndim, a._data.ndim - b)
    return [padded(a, ndim) if b is True else a for a, b in zip(args, batched, strict=True)]


def elementwise(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    """Rows whose inputs broadcast, or which take inputs of one shape."""
    tensors = sum(isinstance(a, Tensor) for a in args)
    if tensors > 1 and len(getattr(op, "broadcasts", ())) < tensors:
        return all_in_front(op, args, batched, size)
    return call(op, aligned(args, batched))


def directly(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    """Rows that leave dim 0 alone."""
    return call(op, args)


def all_in_front(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    """Rows whose result has the shape of one certain input: every input gets the batch."""
    args = [front(a, b, size) if isinstance(a, Tensor) else a
            for a, b in zip(args, batched, strict=True)]  # fmt: skip
    return call(op, aligned(args, [isinstance(a, Tensor) for a in args]))


def each(result: Any, function: Callable[[Any], Any]) -> Any:
    """`function` of every output of a row."""
    if isinstance(result, Tensor):
        return function(result)
    parts = [function(r) for r in result]
    return tuple(parts) if type(result) is tuple else type(result)(parts)


def one_by_one(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    """Any row: a loop over the examples, whose results are stacked."""
    if not size:
        return _of_none(op, args, batched)
    results = [call(op, [_taken(a, b, i) for a, b in zip(args, batched, strict=True)])
               for i in range(size)]  # fmt: skip
    first = results[0]
    if isinstance(first, Tensor):
        return TEN.stack(results, 0)
    parts = [TEN.stack(list(column), 0) for column in zip(*results, strict=True)]
    return tuple(parts) if type(first) is tuple else type(first)(parts)


def _taken(a: Any, batched: Any, i: int) -> Any:
    if batched is True:
        return TEN.select(a, 0, i)
    if type(batched) is list:
        return [_taken(x, b, i) for x, b in zip(a, batched, strict=True)]
    return a


def _of_none(op: Any, args: list[Any], batched: list[Any]) -> Any:
    """No examples: an example of zeros shows the shape of the result."""

    def zeros(a: Any, b: Any) -> Any:
        if type(b) is list:
            return [zeros(x, f) for x, f in zip(a, b, strict=True)]
        return wrap(np.zeros(a._data.shape[1:], a._data.dtype)) if b else a

    result = call(op, [zeros(a, b) for a, b in zip(args, batched, strict=True)])
    return each(result, lambda t: wrap(np.empty((0, *t._data.shape), t._data.dtype)))


def folded(x: Any, dims: int = 2) -> Any:
    """The first `dims` dims of a tensor made one."""
    shape = x._data.shape
    return TEN.reshape(x, (math.prod(shape[:dims]), *shape[dims:]))


def unfolded(x: Any, *lead: int) -> Any:
    """Dim 0 of a tensor split again."""
    return TEN.reshape(x, (*lead, *x._data.shape[1:]))


def reject(message: str) -> Callable[..., Any]:
    """A rule that refuses."""

    def refuse(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
        raise RuntimeError(message)

    return refuse
