"""Shape functions composed of view rows: flatten, movedim, narrow, roll, diag and others."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor, wrap
from .._define import calls
from .._define.kinds import linear
from .._define.promote import broadcast_error
from . import diagonals, linalg, movement
from .by_example import by_example, reads
from .casting import contiguous
from .checks import canonical_dim, canonical_dims, infer_size


def shape_of(size: tuple[Any, ...]) -> tuple[int, ...]:
    """The ints of ``f(2, 3)`` or ``f((2, 3))``."""
    if len(size) == 1 and not isinstance(size[0], int):
        only = size[0]
        if isinstance(only, Tensor) and not only._data.ndim:
            return (int(only),)
        return tuple(only)
    return size


def _ints(size: tuple[Any, ...]) -> tuple[int, ...]:
    """The same, where each must be an int."""
    found = shape_of(size)
    for n in found:
        if type(n) is not int:
            return tuple(n.__index__() for n in found)
    return found


# Sizes may stand without parentheses, so that these methods take any number of arguments. What they
# fail at and what comes by keyword goes to the argument parser.


def view(self: Tensor, *size: Any, **named: Any) -> Tensor:
    """This tensor in another shape (or its bytes as another dtype), over the same memory."""
    try:
        if named:
            raise calls.Odd
        if size and isinstance(size[0], _dtypes.dtype):
            return view_dtype(self, *size)
        return movement.view.call(self, _ints(size))
    except Exception as error:
        return calls.retry("view", _view, error, (self, *size), named, True)


def _view(self: Tensor, *size: Any, dtype: Any = None) -> Tensor:
    return view(self, *size) if dtype is None else view_dtype(self, dtype)


@by_example
def view_dtype(self: Tensor, dtype: _dtypes.dtype) -> Tensor:
    """The memory of this tensor as another dtype."""
    t = wrap(self._data.view(dtype.numpy))
    t._cell = _core.cell_of(self)
    return t


def reshape_method(self: Tensor, *shape: Any, **named: Any) -> Tensor:
    """This tensor in another shape; a view where its strides allow it, else a copy."""
    try:
        if named:
            raise calls.Odd
        return movement.reshape(self, _ints(shape))
    except Exception as error:
        return calls.retry("reshape", reshape_method, error, (self, *shape), named, True)


def permute_method(self: Tensor, *dims: Any, **named: Any) -> Tensor:
    """A view with the dims in another order."""
    try:
        if named:
            raise calls.Odd
        return movement.permute.call(self, _ints(dims))
    except Exception as error:
        return calls.retry("permute", permute_method, error, (self, *dims), named, True)


def expand_method(self: Tensor, *size: Any, **named: Any) -> Tensor:
    """A view in which dims of size 1 are repeated."""
    try:
        if named:
            raise calls.Odd
        return movement.expand.call(self, _ints(size))
    except Exception as error:
        return calls.retry("expand", _expand, error, (self, *size), named, True)


def _expand(self: Tensor, *size: Any, implicit: bool = False) -> Tensor:
    return movement.expand.call(self, _ints(size))


def repeat_method(self: Tensor, *repeats: Any, **named: Any) -> Tensor:
    """Copies of this tensor side by side along each dim."""
    try:
        if named:
            raise calls.Odd
        counts = _ints(repeats)
        if len(counts) < self._data.ndim:
            raise RuntimeError(
                "Number of dimensions of repeat dims can not be smaller than number of dimensions "
                "of tensor"
            )
        return movement.repeat.call(self, counts)
    except Exception as error:
        return calls.retry("repeat", repeat_method, error, (self, *repeats), named, True)


for _function in (view, reshape_method, permute_method, expand_method, repeat_method):
    _function.guarded = True  # type: ignore[attr-defined]


def tile(input: Tensor, *dims: Any) -> Tensor:
    """Copies side by side; missing counts are 1."""
    counts = tuple(shape_of(dims))
    counts = (1,) * (input._data.ndim - len(counts)) + counts
    return movement.repeat.call(input, counts)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dims from `start_dim` to `end_dim` joined into one."""
    shape = input._data.shape
    ndim = len(shape)
    start, end = canonical_dim(start_dim, ndim), canonical_dim(end_dim, ndim)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not ndim:
        return movement.reshape(input, (1,))
    if start == end:
        return input
    joined = 1
    for n in shape[start : end + 1]:
        joined *= n
    return movement.reshape(input, (*shape[:start], joined, *shape[end + 1 :]))


def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """One dim taken apart into several."""
    shape = input._data.shape
    dim = canonical_dim(dim, len(shape))
    if not len(sizes):
        raise RuntimeError("unflatten: sizes must be non-empty")
    try:
        inner = infer_size(sizes, shape[dim])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} "
            f"({shape[dim]}) in the input tensor"
        ) from None
    return movement.view.call(input, (*shape[:dim], *inner, *shape[dim + 1 :]))


def squeeze_all(input: Tensor) -> Tensor:
    return movement.squeeze.call(input, tuple(range(input._data.ndim)))


def squeeze_dim(input: Tensor, dim: int) -> Tensor:
    dim = canonical_dim(dim, input._data.ndim)
    return movement.squeeze_one.call(input, dim)


def squeeze_dims(input: Tensor, dim: Any) -> Tensor:
    return movement.squeeze_several.call(input, tuple(dim))


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """A view of `length` places along `dim`, from `start` on."""
    if not input._data.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    dim = canonical_dim(dim, input._data.ndim)
    n = input._data.shape[dim]
    start = int(start)
    if not -n <= start <= n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n}], but got {start})"
        )
    start = start + n if start < 0 else start
    if start + length > n:
        raise RuntimeError(
            f"start ({start}) + length ({length}) exceeds dimension size ({n})."
        )
    return movement.slice_row.call(input, dim, start, start + length, 1)


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dims moved to other places, the rest in their order."""
    ndim = input._data.ndim
    sources = canonical_dims(source, ndim)
    targets = canonical_dims(destination, ndim)
    if len(sources) != len(targets):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source "
            f"({list(sources)} dims) should contain the same number of dims as destination "
            f"({list(targets)} dims)"
        )
    order: list[int] = [d for d in range(ndim) if d not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        order.insert(target, origin)
    return movement.permute.call(input, tuple(order))


def _roll_check(x: Any, shifts: Any, dims: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    if dims and len(dims) != len(shifts):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}"
        )
    return shifts, tuple(canonical_dim(d, x.ndim) for d in dims)


def _negated(shifts: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-s for s in shifts)


roll = linear(
    "roll",
    lambda x, shifts, dims: np.roll(x, shifts, dims) if dims else np.roll(x, shifts[0]),
    "roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor", check=_roll_check,
    x=lambda k, g, shifts, dims: k.roll(g, _negated(shifts), dims),
)  # fmt: skip


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with this diagonal."""
    ndim = input._data.ndim
    if ndim == 2:
        return diagonals.diagonal_copy.call(input, diagonal, 0, 1)
    if ndim == 1:
        return diag_embed(input, diagonal)
    raise RuntimeError(
        f"diag(): Supports 1D or 2D tensors. Got {ndim}D"
    )


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the given diagonals."""
    return diagonals.diag_embed.call(input, offset, dim1, dim2)


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Every element repeated in place."""
    if repeats is None:
        reads(input, "item()")
        counts = input._data
        return wrap(np.repeat(np.arange(counts.size), counts))
    if dim is None:
        input, dim = flatten(input), 0
    dim = canonical_dim(dim, input._data.ndim)
    if isinstance(repeats, int):
        if repeats < 0:
            raise RuntimeError("Repeats must be non-negative")
        wide = movement.unsqueeze.call(input, dim + 1)
        shape = input._data.shape
        wide = movement.expand.call(wide, (*shape[: dim + 1], repeats, *shape[dim + 1 :]))
        joined = (*shape[:dim], shape[dim] * repeats, *shape[dim + 1 :])
        return movement.view.call(contiguous.call(wide), joined)
    reads(repeats, "item()")
    counts = repeats._data if isinstance(repeats, Tensor) else np.asarray(repeats)
    if np.any(counts < 0):
        raise RuntimeError("repeats can not be negative")
    index = np.repeat(np.arange(input._data.shape[dim]), counts)
    return input.index_select(dim, wrap(index))


def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """A view of all slices of `size` places along a dim, `step` apart, as a new last dim."""
    return movement.unfold.call(self, dimension, size, step)


def as_list_stack(name: str, at_least: int, dim: int) -> Any:
    """hstack, vstack and their relatives."""

    def function(tensors: Any) -> Tensor:
        wide = [at_least_nd(t, at_least) for t in tensors]
        along = 0 if name == "hstack" and wide and wide[0]._data.ndim == 1 else dim
        return movement.cat.call(wide, along)

    function.__name__ = function.__qualname__ = name
    return function


def at_least_nd(t: Tensor, n: int) -> Tensor:
    """`t` with dims of size 1 added as NumPy's atleast_nd does."""
    data = t._data
    if data.ndim >= n:
        return t
    if n == 1:
        return movement.reshape(t, (1,))
    if data.ndim == 0:
        return movement.reshape(t, (1,) * n)
    if n == 2:
        return movement.unsqueeze.call(t, 0)
    if data.ndim == 1:
        t = movement.unsqueeze.call(t, 0)
    return movement.unsqueeze.call(t, 2)


def column_stack(tensors: Any) -> Tensor:
    """1-d tensors as columns, joined with matrices along dim 1."""
    wide = [
        movement.reshape(t, (t._data.size, 1)) if t._data.ndim <= 1 else t for t in tensors
    ]
    return movement.cat.call(wide, 1)


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """All tensors expanded to their common shape."""
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}"
            )
    shapes = [t._data.shape for t in tensors]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise broadcast_error(*shapes) from None
    return tuple(movement.expand.call(t, shape) for t in tensors)


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Any = None) -> Tensor:
    """Contract `a` and `b` over several dims."""
    if isinstance(dims, int):
        left = list(range(a._data.ndim - dims, a._data.ndim))
        right = list(range(dims))
    else:
        left, right = (list(d) if not isinstance(d, int) else [d] for d in dims)
    left = list(canonical_dims(left, a._data.ndim))
    right = list(canonical_dims(right, b._data.ndim))
    keep_a = [d for d in range(a._data.ndim) if d not in left]
    keep_b = [d for d in range(b._data.ndim) if d not in right]
    inner = 1
    for d in left:
        inner *= a._data.shape[d]
    p = movement.reshape(movement.permute.call(a, (*keep_a, *left)), (-1, inner) if inner else (
        int(np.prod([a._data.shape[d] for d in keep_a])), 0))  # fmt: skip
    q = movement.reshape(movement.permute.call(b, (*right, *keep_b)), (inner, -1) if inner else (
        0, int(np.prod([b._data.shape[d] for d in keep_b]))))  # fmt: skip
    shape = [a._data.shape[d] for d in keep_a] + [b._data.shape[d] for d in keep_b]
    return movement.reshape(linalg.mm.call(p, q), shape)
