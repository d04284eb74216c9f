"""Rows and functions that order values: sort, topk, median, mode, unique."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import Tensor, wrap
from .._define.kinds import general
from .._define.results import return_type
from .._tensor import registry
from ..autograd.naming import renamed
from .checks import canonical_dim
from .in_place import called
from .reduce import _unpick, share_all

_FIELDS = ("values", "indices")


def _descending(x: Any) -> Any:
    """Keys that sort upwards as `x` sorts downwards, NaN first."""
    kind = x.dtype.kind
    if kind == "b":
        return ~x
    if kind in "iu":
        return ~x
    return -x.astype(np.float32) if kind == "V" else -x


def _order(x: Any, dim: int, descending: bool) -> Any:
    """The stable order along `dim`; NaN counts as the largest."""
    if not descending:
        return np.argsort(x, dim, kind="stable")
    if x.dtype.kind in "fV":
        missing = np.isnan(x)
        if missing.any():
            return np.lexsort((_descending(x), ~missing), dim)
    return np.argsort(_descending(x), dim, kind="stable")


def _sort(x: Any, stable: Any, dim: int, descending: bool) -> tuple[Any, Any]:
    if not x.ndim:
        return x.copy(), np.zeros((), np.int64)
    order = _order(x, dim, descending)
    return _laid_as(x, np.take_along_axis(x, order, dim)), _laid_as(x, order)


def _laid_as(x: Any, result: Any) -> Any:
    """`result` with the strides PyTorch gives it: those of `x`."""
    if x.flags.c_contiguous:
        return result
    out = np.empty_like(x, result.dtype)
    out[...] = result
    return out


def _sort_check(x: Any, stable: Any, dim: Any, descending: Any) -> tuple[Any, int, bool]:
    return stable, canonical_dim(dim, x.ndim), bool(descending)


def _put_back(k: Any, g: Any, indices: Any, shape: Any, dim: int) -> Any:
    return k.value_selecting_backward(g, indices, shape, dim)


sort_row = general(
    "sort", _sort,
    "sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False)"
    " -> (Tensor values, Tensor indices)", outputs=2, differentiable_outputs=(True, False),
    check=_sort_check, returns=return_type("sort", _FIELDS), public=False,
    x=lambda k, g, out1, x_shape, dim: _put_back(k, g, out1, x_shape, dim),
)  # fmt: skip


def _sorted(x: Any, stable: Any, dim: int, descending: bool) -> Any:
    return sort_row.call(x, stable=stable, dim=dim, descending=descending)


def _stable(found: Any) -> Any:
    renamed(found[0], "SortBackward1")
    return found


registry.overloaded(
    "sort",
    ("sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
     lambda x, dim, descending: _sorted(x, False, dim, descending)),
    (sort_row.schemas[0],
     lambda x, stable, dim, descending: _stable(_sorted(x, stable, dim, descending))),
)  # fmt: skip
registry.overloaded(
    "argsort",
    ("argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor",
     lambda x, dim, descending: _sorted(plain(x), False, dim, descending)[1]),
    ("argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor",
     lambda x, stable, dim, descending: _sorted(plain(x), stable, dim, descending)[1]),
)  # fmt: skip


def plain(x: Tensor) -> Tensor:
    """`x` without its graph: positions have no gradient."""
    return x if x._edge is None else wrap(x._data)


def msort(input: Tensor) -> Tensor:
    """`input` sorted along its first dim.

    >>> import rushlight as torch
    >>> torch.msort(torch.tensor([3, 1, 2]))
    tensor([1, 2, 3])
    """
    return _sorted(input, False, 0, False)[0]


registry.public("msort", msort)

# ---- the largest, the k-th, the middle, the most frequent ---------------------------------------


def _topk(x: Any, k: int, dim: int, largest: bool, sorted: bool) -> tuple[Any, Any]:
    if not x.ndim:
        return x.copy(), np.zeros((), np.int64)
    order = _order(x, dim, largest)
    order = np.ascontiguousarray(order[(slice(None),) * dim + (slice(0, k),)])
    return np.take_along_axis(x, order, dim), order


def _topk_check(x: Any, k: Any, dim: Any, largest: Any, sorted: Any) -> tuple[Any, ...]:
    dim = canonical_dim(dim, x.ndim)
    if not 0 <= k <= (x.shape[dim] if x.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if x.dtype.kind == "b":
        raise RuntimeError("topk does not support bool dtypes on CPU")
    return int(k), dim, bool(largest), bool(sorted)


topk = general(
    "topk", _topk,
    "topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True)"
    " -> (Tensor values, Tensor indices)", attrs=("count", "dim", "largest", "sorted"),
    outputs=2, differentiable_outputs=(True, False), check=_topk_check,
    returns=return_type("topk", _FIELDS),
    x=lambda k, g, out1, x_shape, dim: _put_back(k, g, out1, x_shape, dim),
)  # fmt: skip


def _pick(x: Any, order: Any, position: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    """Value and index at `position` of the order along `dim`."""
    index = np.take_along_axis(order, position, dim)
    value = np.take_along_axis(x, index, dim)
    if keepdim:
        return value, index
    return np.asarray(value.squeeze(dim)), np.asarray(index.squeeze(dim))


def _constant_position(x: Any, dim: int, position: int) -> Any:
    return np.full([1 if i == dim else n for i, n in enumerate(x.shape)], position)


def _kthvalue(x: Any, k: int, dim: int, keepdim: bool) -> tuple[Any, Any]:
    if not x.ndim:
        return x.copy(), np.zeros((), np.int64)
    return _pick(x, _order(x, dim, False), _constant_position(x, dim, k - 1), dim, keepdim)


def _kthvalue_check(x: Any, k: Any, dim: Any, keepdim: Any) -> tuple[Any, ...]:
    dim = canonical_dim(dim, x.ndim)
    if x.ndim and x.shape[dim] == 0:
        raise IndexError(f"kthvalue(): Expected reduction dim {dim} to have non-zero size.")
    if not 1 <= k <= (x.shape[dim] if x.ndim else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}")
    _refuse_booleans("kthvalue_cpu", x)
    return int(k), dim, bool(keepdim)


kthvalue = general(
    "kthvalue", _kthvalue,
    "kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False)"
    " -> (Tensor values, Tensor indices)", attrs=("position", "dim", "keepdim"), outputs=2,
    differentiable_outputs=(True, False), check=_kthvalue_check,
    returns=return_type("kthvalue", _FIELDS),
    x=lambda k, g, out1, x_shape, dim, keepdim: _unpick(k, g, out1, x_shape, dim, keepdim),
)  # fmt: skip


def _refuse_booleans(kernel: str, x: Any) -> None:
    if x.dtype.kind == "b":
        raise NotImplementedError(f"\"{kernel}\" not implemented for 'Bool'")


def _missing(x: Any) -> Any:
    return np.isnan(x) if x.dtype.kind in "fV" else np.zeros(x.shape, bool)


def _median(ignore: bool) -> Any:
    def forward(x: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
        if not x.ndim:
            return x.copy(), np.zeros((), np.int64)
        missing = _missing(x)
        count = (~missing).sum(dim, keepdims=True)
        order = _order(x, dim, False)
        middle = (np.maximum(count, 1) - 1) // 2
        if not ignore:
            # The first NaN is the median: it follows the numbers in the order.
            middle = np.where(count < x.shape[dim], count, (x.shape[dim] - 1) // 2)
        return _pick(x, order, middle, dim, keepdim)

    return forward


def _median_check(name: str) -> Any:
    def check(x: Any, dim: Any, keepdim: Any) -> tuple[int, bool]:
        dim = canonical_dim(dim, x.ndim)
        if x.ndim and x.shape[dim] == 0:
            shown = "median" if name == "nanmedian" else name
            raise IndexError(f"{shown}(): Expected reduction dim {dim} to have non-zero size.")
        if name != "mode":
            _refuse_booleans("median_out", x)
        return dim, bool(keepdim)

    return check


def _median_rows(name: str, ignore: bool) -> None:
    kernel = _median(ignore)
    over_dim = general(
        f"{name}_dim", kernel,
        f"{name}.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
        outputs=2, differentiable_outputs=(True, False), check=_median_check(name),
        returns=return_type(name, _FIELDS), node=f"{name.capitalize()}Backward1", public=False,
        x=lambda k, g, out1, x_shape, dim, keepdim: _unpick(k, g, out1, x_shape, dim, keepdim),
    )  # fmt: skip

    def everything(x: Any) -> Any:
        _refuse_booleans("median_cpu", x)
        if not x.size:
            return np.full((), np.nan, x.dtype)
        return kernel(x.reshape(-1), 0, True)[0].reshape(())

    whole = general(
        f"{name}_all", everything, f"{name}(Tensor self) -> Tensor",
        node=f"{name.capitalize()}Backward0", public=False, x=share_all,
    )  # fmt: skip
    registry.overloaded(
        name, (whole.schemas[0], called(whole)), (over_dim.schemas[0], called(over_dim))
    )


_median_rows("median", False)
_median_rows("nanmedian", True)


def _order_by_less(row: list[float]) -> list[int]:
    """The order in which an insertion sort by ``<`` leaves numbers and NaN, which it cannot compare
    and so leaves where they are: which value of a row with NaN is its mode hangs on it."""
    order: list[int] = []
    for i, value in enumerate(row):
        at = 0
        if not (order and value < row[order[0]]):
            at = len(order)
            while at and value < row[order[at - 1]]:
                at -= 1
        order.insert(at, i)
    return order


def _mode(x: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    if not x.ndim:
        return x.copy(), np.zeros((), np.int64)
    moved = np.moveaxis(x, dim, -1)
    rows = moved.reshape(-1, moved.shape[-1])
    order = np.argsort(rows, 1, kind="stable")
    for incomplete in np.flatnonzero(_missing(rows).any(1)):
        order[incomplete] = _order_by_less(rows[incomplete].tolist())
    ordered = np.take_along_axis(rows, order, 1)
    picked = np.empty(len(rows), np.int64)
    for i, row in enumerate(ordered):
        ends = np.append(np.flatnonzero(row[1:] != row[:-1]), row.size - 1)
        runs = np.diff(ends, prepend=-1)
        # The smallest of the most frequent values, at its last position.
        picked[i] = order[i, ends[np.argmax(runs)]]
    index = np.moveaxis(picked.reshape(*moved.shape[:-1], 1), -1, dim)
    value = np.take_along_axis(x, index, dim)
    if keepdim:
        return value, np.ascontiguousarray(index)
    return np.asarray(value.squeeze(dim)), np.asarray(index.squeeze(dim))


mode = general(
    "mode", _mode,
    "mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
    outputs=2, differentiable_outputs=(True, False), check=_median_check("mode"),
    returns=return_type("mode", _FIELDS),
    x=lambda k, g, out1, x_shape, dim, keepdim: _unpick(k, g, out1, x_shape, dim, keepdim),
)  # fmt: skip

# ---- unique -------------------------------------------------------------------------------------


def _no_derivative(name: str) -> Any:
    def formula(k: Any, g: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return formula


def _unique(x: Any, dim: int | None) -> tuple[Any, Any, Any]:
    if dim is None:
        values, inverse, counts = np.unique(
            x, return_inverse=True, return_counts=True, equal_nan=False
        )
        return values, inverse.reshape(x.shape), counts
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, axis=dim)
    return values, inverse.reshape(-1), counts


def _unique_consecutive(x: Any, dim: int | None) -> tuple[Any, Any, Any]:
    rows = x.reshape(-1) if dim is None else np.moveaxis(x, dim, 0)
    changed = rows[1:] != rows[:-1]
    if changed.ndim > 1:
        changed = changed.reshape(len(changed), -1).any(1)
    starts = np.concatenate(([True], changed)) if len(rows) else np.zeros(0, bool)
    inverse = np.cumsum(starts) - 1
    first = np.flatnonzero(starts)
    values = rows[first]
    counts = np.diff(first, append=len(rows))
    if dim is None:
        return values, inverse.reshape(x.shape), counts
    return np.ascontiguousarray(np.moveaxis(values, 0, dim)), inverse, counts


def _unique_row(name: str, kernel: Any, node: str, refused: str) -> Any:
    def check(x: Any, dim: Any) -> tuple[Any]:
        return (None if dim is None else canonical_dim(dim, x.ndim),)

    return general(
        name, kernel, f"_{name}(Tensor self, int? dim=None) -> (Tensor, Tensor, Tensor)",
        outputs=3, differentiable_outputs=(True, False, False), check=check, node=node,
        returns=lambda *outputs: outputs, public=False, x=_no_derivative(refused),
    )  # fmt: skip


_unique_whole = _unique_row("unique", _unique, "Unique2Backward0", "_unique2")
_unique_dim = _unique_row("unique_dim", _unique, "UniqueDimBackward0", "unique_dim")
_unique_runs = _unique_row(
    "unique_consecutive", _unique_consecutive, "UniqueConsecutiveBackward0", "unique_consecutive"
)


def _chosen(found: Any, return_inverse: bool, return_counts: bool) -> Any:
    values, inverse, counts = found
    if return_inverse and return_counts:
        return values, inverse, counts
    if return_inverse:
        return values, inverse
    return (values, counts) if return_counts else values


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements, or slices along `dim`, in order.

    Args:
        sorted: without effect; the result is always sorted, as PyTorch's is.
        return_inverse: also where in the result each element went.
        return_counts: also how often each occurs.

    Source: https://pytorch.org/docs/stable/generated/torch.unique.html

    >>> import rushlight as torch
    >>> torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    row = _unique_whole if dim is None else _unique_dim
    return _chosen(row.call(input, dim), return_inverse, return_counts)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """`input` without repetitions of an element that follow it directly.

    Source: https://pytorch.org/docs/stable/generated/torch.unique_consecutive.html

    >>> import rushlight as torch
    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    return _chosen(_unique_runs.call(input, dim), return_inverse, return_counts)


registry.public("unique", unique)
registry.public("unique_consecutive", unique_consecutive)
