"""Rules of rows that rearrange, copy and join."""

from __future__ import annotations

import math
from typing import Any

from ..._core import TEN
from .common import (
    RULES,
    all_in_front,
    call,
    directly,
    elementwise,
    front,
    one_by_one,
    padded,
    rule,
    shape_of,
    shifted,
)

for _name in (
    "real", "imag", "conj", "cast", "to_copy", "clone", "contiguous", "alias", "zeros_like_",
    "fill_scalar", "zero", "mul_number", "div_number", "maximum_scalar", "frexp", "phase_checked",
    "view_as_real", "view_as_complex",
):  # fmt: skip
    RULES[_name] = directly
for _name in ("complex", "polar", "threshold_backward"):
    RULES[_name] = elementwise
for _name in ("keep_where", "copy", "prelu_kernel"):
    RULES[_name] = all_in_front


@rule("masked_fill_scalar")
def _masked_fill(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    return all_in_front(op, args, batched, size)


@rule("view", "reshape_alias", "unsafe_view")
def _view(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, shape = args
    if -1 in shape:
        known = -math.prod(shape)
        total = math.prod(x._data.shape[1:])
        shape = tuple(total // known if n == -1 else n for n in shape)
    return call(op, [x, (size, *shape)])


@rule("laid_out")
def _laid_out(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    return TEN.clone(args[0])


@rule("transpose")
def _transpose(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, dim0, dim1 = args
    if x._data.ndim == 1:
        return TEN.alias(x)
    return call(op, [x, dim0 + 1, dim1 + 1])


@rule("t")
def _t(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    (x,) = args
    return TEN.transpose(x, 1, 2) if x._data.ndim == 3 else TEN.alias(x)


RULES["mT"] = directly


@rule("permute")
def _permute(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, dims = args
    return call(op, [x, (0, *(d + 1 for d in dims))])


@rule("expand")
def _expand(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, shape = args
    return call(op, [padded(x, len(shape)), (size, *shape)])


def _several(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, dims = args
    return call(op, [x, tuple(d + 1 for d in dims)])


@rule("squeeze", "squeeze_several")
def _squeeze(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    return _several(op, args, batched, size)


@rule("flip")
def _flip(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    return _several(op, args, batched, size) if args[1] else TEN.clone(args[0])


@rule("squeeze_one")
def _squeeze_one(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, dim = args
    return call(op, [x, dim + 1]) if x._data.ndim > 1 else TEN.alias(x)


@rule("squeeze_first")
def _squeeze_first(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    return TEN.select(args[0], 1, 0)


@rule("unsqueeze", "select", "slice", "unbind", "diagonal", "diagonal_copy", "diag_embed")
def _one_dim(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    """The names of the attributes say which of them count dims."""
    moved = [a + 1 if n in ("dim", "dim1", "dim2") else a
             for n, a in zip(op.order, args, strict=True)]  # fmt: skip
    return call(op, moved)


@rule("split_with_sizes", "split")
def _split(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, sizes, dim = args
    return call(op, [x, sizes, dim + 1])


@rule("as_strided")
def _as_strided(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    """Strides of the examples beside the stride from one to the next."""
    x, shape, strides, offset = args
    data = x._data
    return call(op, [x, (size, *shape), (data.strides[0] // data.itemsize, *strides), offset])


@rule("unfold")
def _unfold(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, dimension, width, step = args
    if x._data.ndim == 1:
        x = TEN.slice(TEN.unsqueeze(x, 1), 1, 0, width, 1)
        return x
    return call(op, [x, dimension + 1, width, step])


@rule("select_backward", "slice_backward", "diagonal_backward", "unfold_backward")
def _into_zeros(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    """Adjoints of views: the shape they fill gets the batch."""
    if op.name == "unfold_backward" and not args[1]:
        return one_by_one(op, args, batched, size)
    moved = []
    for n, a in zip(op.order, args, strict=True):
        if n in ("shape", "sizes", "of_shape"):
            a = (size, *a)
        elif n in ("dim", "dim1", "dim2", "dimension"):
            a = shifted(a)
        moved.append(a)
    return call(op, moved)


@rule("tril", "triu")
def _triangle(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    return call(op, args) if args[0]._data.ndim > 2 else one_by_one(op, args, batched, size)


@rule("repeat")
def _repeat(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, repeats = args
    return call(op, [padded(x, len(repeats)), (1, *repeats)])


@rule("fold_repeats")
def _fold_repeats(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, shape, repeats = args
    wide = (1,) * (len(repeats) - len(shape)) + tuple(shape)
    return TEN.reshape(call(op, [x, (size, *wide), (1, *repeats)]), (size, *shape))


@rule("sum_to")
def _sum_to(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, shape = args
    lead = x._data.ndim - 1 - len(shape)
    if lead <= 0:
        return call(op, [x, (size, *shape)])
    return TEN.reshape(call(op, [x, (size, *(1,) * lead, *shape)]), (size, *shape))


@rule("cat", "stack")
def _join(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    xs, dim = args
    flags = batched[0]
    if op.name == "cat":
        # Examples of shape (0,) join with anything.
        kept = [(x, f) for x, f in zip(xs, flags, strict=True) if shape_of(x, f) != (0,)]
        pairs = kept or list(zip(xs, flags, strict=True))
    else:
        pairs = list(zip(xs, flags, strict=True))
    return call(op, [[front(x, f, size) for x, f in pairs], dim + 1])


@rule("roll")
def _roll(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, shifts, dims = args
    if dims and x._data.ndim > 1:
        return call(op, [x, shifts, tuple(d + 1 for d in dims)])
    flat = TEN.reshape(x, (size, math.prod(x._data.shape[1:])))
    return TEN.reshape(call(op, [flat, (sum(shifts),), (1,)]), x._data.shape)


@rule("trace")
def _trace(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    return TEN.sum(TEN.diagonal(args[0], 0, 1, 2), (1,), False)


@rule("constant_pad_nd", "copy_pad")
def _pad(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    return call(op, args)


for _family in ("reflection", "replication", "circular"):
    for _rank in (1, 2, 3):
        RULES[f"{_family}_pad{_rank}d"] = directly


@rule("copy_pad_adjoint")
def _pad_adjoint(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, shape, *rest = args
    return call(op, [x, (size, *shape), *rest])


def _with_values(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    """Rows ``(tensors, values) -> values`` that record where random numbers were put."""
    return all_in_front(op, args, batched, size)


def random_rules(names: list[str]) -> None:
    """The rules of the rows `names`, which record draws."""
    for name in names:
        RULES[name] = _with_values


random_rules(
    [f"drawn_{name}Backward{i}" for name in (
        "Uniform", "Normal", "Exponential", "Geometric", "Cauchy", "LogNormal", "Random",
        "Bernoulli", "Poisson") for i in range(3)] + ["drawn_normal_of_two"]
)  # fmt: skip


@rule("select_scatter", "slice_scatter", "diagonal_scatter")
def _written(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    new = []
    for n, a, b in zip(op.order, args, batched, strict=True):
        if n in op.inputs:
            a = front(a, b, size)
        elif n in ("dim", "dim1", "dim2"):
            a = shifted(a)
        new.append(a)
    return call(op, new)


# Copies of views have the attributes of the views.
for _copy, _view_name in (
    ("alias_copy", "alias"), ("expand_copy", "expand"), ("permute_copy", "permute"),
    ("select_copy", "select"), ("slice_copy", "slice"), ("squeeze_copy_all", "squeeze"),
    ("t_copy", "t"), ("transpose_copy", "transpose"), ("unfold_copy", "unfold"),
    ("unsqueeze_copy", "unsqueeze"), ("view_copy_row", "view"), ("as_strided_copy", "as_strided"),
):  # fmt: skip
    RULES[_copy] = RULES[_view_name]
