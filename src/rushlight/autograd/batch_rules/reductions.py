"""Rules of rows that reduce or work along a dim."""

from __future__ import annotations

import math
from typing import Any

from ..._core import TEN
from .common import RULES, call, each, front, one_by_one, padded, rule


def _opened(x: Any) -> Any:
    """Examples without dims get one."""
    return TEN.view(x, (x._data.shape[0], 1))


def _closed(size: int) -> Any:
    return lambda t: TEN.reshape(t, (size,))


@rule(
    "sum", "mean", "var", "std", "var_mean", "std_mean", "amax", "amin", "all", "any",
    "logsumexp", "vector_norm", "nansum",
)  # fmt: skip
def _over_dims(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x = args[0]
    at = op.order.index("dims")
    new = list(args)
    if x._data.ndim == 1:
        new[0], new[at] = _opened(x), (1,)
        if op.name in ("all", "any") and not args[at]:
            new[at] = ()
        return each(call(op, new), _closed(size))
    new[at] = tuple(d + 1 for d in args[at])
    return call(op, new)


_WHOLE = {"sum_all": "sum", "mean_all": "mean", "max_all": "amax", "min_all": "amin"}


def _flat(x: Any) -> Any:
    shape = x._data.shape
    return TEN.reshape(x, (shape[0], math.prod(shape[1:])))


@rule(*_WHOLE)
def _whole(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x = args[0]
    if x._data.ndim == 1:
        x = _opened(x)
    return getattr(TEN, _WHOLE[op.name])(x, tuple(range(1, x._data.ndim)), False)


@rule("prod_all")
def _product(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    return TEN.prod_dim(_flat(args[0]), 1, False)


@rule(
    "max_dim", "min_dim", "cumsum", "cumprod", "sort", "topk", "kthvalue", "median_dim",
    "nanmedian_dim", "mode", "softmax", "log_softmax", "prod_dim", "glu", "cummax", "cummin",
    "logcumsumexp",
)  # fmt: skip
def _along(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x = args[0]
    at = op.order.index("dim")
    new = list(args)
    if x._data.ndim == 1:
        new[0], new[at] = _opened(x), 1
        return each(call(op, new), _closed(size))
    dim = args[at]
    new[at] = dim + 1 if dim >= 0 else dim
    return call(op, new)


@rule("scan")
def _scan(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, factor, dim = args
    if x._data.ndim - batched[0] == 0:
        return TEN.clone(front(x, batched[0], size))
    return call(op, [front(x, batched[0], size), front(factor, batched[1], size), dim + 1])


@rule("argmax", "argmin")
def _position(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, dim, keepdim = args
    ndim = x._data.ndim - 1
    if dim is None or not ndim:
        found = call(op, [_flat(x), 1, False])
        return TEN.reshape(found, (size, *(1,) * ndim)) if keepdim else found
    return call(op, [x, dim % ndim + 1, keepdim])


@rule("aminmax")
def _both(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, dim, keepdim = args
    ndim = x._data.ndim - 1
    if dim is None or not ndim:
        found = call(op, [_flat(x), 1, False])
        shape = (size, *(1,) * ndim) if keepdim else (size,)
        return each(found, lambda t: TEN.reshape(t, shape))
    return call(op, [x, dim + 1, keepdim])


@rule("dist")
def _dist(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, y, p = args
    x, y = front(x, batched[0], size), front(y, batched[1], size)
    ndim = max(x._data.ndim, y._data.ndim) - 1
    difference = TEN.sub(padded(x, ndim), padded(y, ndim))
    if not ndim:
        difference = _opened(difference)
    return TEN.vector_norm(difference, p, tuple(range(1, difference._data.ndim)), False)


for _name in ("median_all", "nanmedian_all", "histc", "bincount"):
    RULES[_name] = one_by_one
