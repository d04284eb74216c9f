"""Rows that move elements without changing them: views, expansion, joining, flipping."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._core import Tensor
from .._define.kinds import linear
from .._define.variadic import variadic
from .checks import canonical_dim, canonical_dims, infer_size, view_of

# ---- views ------------------------------------------------------------------------------------

view = linear(
    "view", view_of, "view(Tensor(a) self, SymInt[] size) -> Tensor(a)", attrs=("shape",),
    check=lambda x, shape: (infer_size(shape, x.size),), view=True,
    x=lambda k, g, x_shape: k.reshape(g, x_shape), public=False,
)  # fmt: skip
# What reshape does with a tensor that is not contiguous, where a view is possible.
reshape_alias = linear(
    "reshape_alias", view_of, "_reshape_alias(Tensor(a) self, SymInt[] size) -> Tensor(a)",
    attrs=("shape",), view=True, x=lambda k, g, x_shape: k.reshape(g, x_shape), public=False,
)  # fmt: skip
# What reshape does where no view is possible; like a copy, it shares nothing.
unsafe_view = linear(
    "unsafe_view", lambda x, shape: x.reshape(shape),
    "_unsafe_view(Tensor self, SymInt[] size) -> Tensor", attrs=("shape",),
    x=lambda k, g, x_shape: k.reshape(g, x_shape), public=False,
)  # fmt: skip


def _transpose_check(x: Any, dim0: Any, dim1: Any) -> tuple[int, int]:
    return canonical_dim(dim0, x.ndim), canonical_dim(dim1, x.ndim)


def _swap(x: Any, dim0: int, dim1: int) -> Any:
    return x.swapaxes(dim0, dim1) if x.ndim else x[...]


transpose = linear(
    "transpose", _swap, "transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)",
    check=_transpose_check, view=True, x=lambda k, g, dim0, dim1: k.transpose(g, dim0, dim1),
)  # fmt: skip


def _t(x: Any) -> Any:
    if x.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {x.ndim}D")
    return x.T


t = linear(
    "t", _t, "t(Tensor(a) self) -> Tensor(a)", view=True, x=lambda k, g: k.t(g), node="TBackward0"
)
mT = linear(
    "mT", lambda x: x.swapaxes(-1, -2), "mT(Tensor(a) self) -> Tensor(a)", view=True,
    x=lambda k, g: k.mT(g), node="TransposeBackward0", public=False,
)  # fmt: skip


def _permute_check(x: Any, dims: Any) -> tuple[Any]:
    if len(dims) != x.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {x.ndim} is not "
            f"equal to len(dims) = {len(dims)}"
        )
    canonical = tuple(canonical_dim(d, x.ndim) for d in dims)
    if len(set(canonical)) != len(canonical):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return (canonical,)


def _inverse(dims: tuple[int, ...]) -> tuple[int, ...]:
    inverse = [0] * len(dims)
    for i, d in enumerate(dims):
        inverse[d] = i
    return tuple(inverse)


permute = linear(
    "permute", lambda x, dims: x.transpose(dims),
    "permute(Tensor(a) self, int[] dims) -> Tensor(a)", check=_permute_check, view=True,
    x=lambda k, g, dims: k.permute(g, _inverse(dims)), public=False,
)  # fmt: skip


def _expand_check(x: Any, shape: Any) -> tuple[Any]:
    shape = tuple(shape)
    lead = len(shape) - x.ndim
    if lead < 0:
        raise RuntimeError(
            f"expand(torch.FloatTensor{{{list(x.shape)}}}, size={list(shape)}): the number of "
            f"sizes provided ({len(shape)}) must be greater or equal to the number of dimensions "
            f"in the tensor ({x.ndim})"
        )
    result = []
    # PyTorch looks at the last dim first.
    for i in range(len(shape) - 1, -1, -1):
        size = shape[i]
        have = x.shape[i - lead] if i >= lead else None
        if size == -1:
            if have is None:
                raise RuntimeError(
                    f"The expanded size of the tensor (-1) isn't allowed in a leading, "
                    f"non-existing dimension {i}"
                )
            size = have
        elif have is not None and have not in (1, size):
            raise RuntimeError(
                f"The expanded size of the tensor ({size}) must match the existing size ({have}) "
                f"at non-singleton dimension {i}.  Target sizes: {list(shape)}.  Tensor sizes: "
                f"{list(x.shape)}"
            )
        result.append(int(size))
    return (tuple(result[::-1]),)


def broadcast_view(x: Any, shape: Any) -> Any:
    """`np.broadcast_to` without its 2 us: a view with stride 0 where a size is repeated."""
    if x.shape == shape:
        return x[...]
    lead = len(shape) - x.ndim
    strides = (0,) * lead + tuple(
        0 if have == 1 and size != 1 else stride
        for have, size, stride in zip(x.shape, shape[lead:], x.strides, strict=True)
    )
    if 0 in shape or type(x) is not np.ndarray:
        return np.broadcast_to(x, shape)
    return strided(x, shape, strides)


def strided(x: Any, shape: Any, strides: Any) -> Any:
    """A window into the memory of `x` from its first element on; strides in bytes."""
    try:
        return np.ndarray(shape, x.dtype, x, 0, strides)
    except (TypeError, ValueError, BufferError):  # the memory of `x` is not in one piece
        return np.lib.stride_tricks.as_strided(x, shape, strides)


expand = linear(
    "expand", broadcast_view,
    "expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)",
    attrs=("shape",), extra=("implicit",), check=_expand_check, view=True,
    x=lambda k, g, x_shape: k.sum_to(g, x_shape), public=False,
)  # fmt: skip


def _squeezed(x: Any, dims: Any) -> Any:
    return x.reshape(tuple(n for i, n in enumerate(x.shape) if i not in dims or n != 1))


def _squeeze_named(name: str, node: str) -> Any:
    """All dims and several dims are one row; PyTorch's nodes tell them apart."""
    return linear(
        name, _squeezed, "squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)", attrs=("dims",),
        check=lambda x, dims: (canonical_dims(dims, x.ndim),), view=True,
        x=lambda k, g, x_shape: k.reshape(g, x_shape), node=node, public=False,
    )  # fmt: skip


squeeze = _squeeze_named("squeeze", "SqueezeBackward0")
squeeze_several = _squeeze_named("squeeze_several", "SqueezeBackward2")
squeeze_one = linear(
    "squeeze_one", lambda x, dim: _squeezed(x, (dim,)),
    "squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)",
    check=lambda x, dim: (canonical_dim(dim, x.ndim),), view=True,
    x=lambda k, g, x_shape: k.reshape(g, x_shape), node="SqueezeBackward1", public=False,
)  # fmt: skip
# The dim that a vector was given for a product leaves the product in place.
squeeze_first = linear(
    "squeeze_first", lambda x: x[0], "_squeeze_first(Tensor self) -> Tensor",
    x=lambda k, g: k.unsqueeze(g, 0), node="SqueezeBackward4", public=False,
)  # fmt: skip
unsqueeze = linear(
    "unsqueeze", lambda x, dim: np.expand_dims(x, dim),
    "unsqueeze(Tensor(a) self, int dim) -> Tensor(a)",
    check=lambda x, dim: (canonical_dim(dim, x.ndim + 1),), view=True,
    x=lambda k, g, x_shape: k.reshape(g, x_shape),
)  # fmt: skip


def _select_check(x: Any, dim: Any, index: Any) -> tuple[int, int]:
    if not x.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = canonical_dim(dim, x.ndim)
    size = x.shape[dim]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(x.shape)} at "
            f"dimension {dim}"
        )
    return dim, index + size if index < 0 else index


def _at(dim: int, item: Any) -> tuple[Any, ...]:
    return (slice(None),) * dim + (item, ...)


select = linear(
    "select", lambda x, dim, index: x[_at(dim, index)],
    "select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)", check=_select_check,
    view=True,
    x=lambda k, g, x_shape, dim, index: k.select_backward(g, x_shape, dim, index),
)  # fmt: skip


def _into_zeros(g: Any, shape: Any, key: Any) -> Any:
    out = np.zeros(shape, g.dtype)
    out[key] = g
    return out


select_backward = linear(
    "select_backward", lambda g, shape, dim, index: _into_zeros(g, shape, _at(dim, index)),
    "select_backward(Tensor grad, SymInt[] shape, int dim, SymInt index) -> Tensor",
    x=lambda k, g, dim, index: k.select(g, dim, index), public=False,
)  # fmt: skip


def _slice_check(x: Any, dim: Any, start: Any, end: Any, step: Any) -> tuple[Any, ...]:
    if not x.ndim:
        raise RuntimeError("slice() cannot be applied to a 0-dim tensor.")
    dim = canonical_dim(dim, x.ndim)
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    size = x.shape[dim]
    start, end, step = slice(start, end, step).indices(size)
    return dim, start, max(start, end), step


slice_row = linear(
    "slice", lambda x, dim, start, end, step: x[_at(dim, slice(start, end, step))],
    "slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, "
    "SymInt step=1) -> Tensor(a)", check=_slice_check, view=True,
    x=lambda k, g, x_shape, dim, start, end, step: k.slice_backward(
        g, x_shape, dim, start, end, step), public=False,
)  # fmt: skip
slice_backward = linear(
    "slice_backward",
    lambda g, shape, dim, start, end, step: _into_zeros(
        g, shape, _at(dim, slice(start, end, step))),
    "slice_backward(Tensor grad, SymInt[] shape, int dim, SymInt start, SymInt end, "
    "SymInt step) -> Tensor",
    x=lambda k, g, dim, start, end, step: k.slice(g, dim, start, end, step), public=False,
)  # fmt: skip


def _as_strided(x: Any, shape: Any, strides: Any, offset: Any) -> Any:
    """Strides and offset in elements, offset from the start of the tensor's storage."""
    from .._tensor.storage import storage_of

    root, start = storage_of(x)
    offset = start if offset is None else offset
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if 0 not in shape and (offset < 0 or last >= root.size):
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(strides)}, storage offset {offset}, "
            f"and itemsize {x.itemsize} requiring a storage size of {(last + 1) * x.itemsize} are "
            f"out of bounds for storage of size {root.size * x.itemsize}"
        )
    in_bytes = tuple(s * x.itemsize for s in strides)
    if 0 in shape:
        return np.ndarray(shape, x.dtype)
    return np.ndarray(shape, x.dtype, root, offset * x.itemsize, in_bytes)


def _as_strided_adjoint(g: Any, x_shape: Any, shape: Any, strides: Any, offset: Any) -> Any:
    out = np.zeros(x_shape, g.dtype)
    flat = out.reshape(-1)
    where = np.full(shape, offset or 0)
    for axis, (n, s) in enumerate(zip(shape, strides, strict=True)):
        where += (np.arange(n) * s).reshape((-1,) + (1,) * (len(shape) - 1 - axis))
    np.add.at(flat, where.reshape(-1), g.reshape(-1))
    return out


as_strided = linear(
    "as_strided", _as_strided,
    "as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None)"
    " -> Tensor(a)", attrs=("shape", "strides", "offset"), view=True,
    x=lambda k, g, x_shape, shape, strides, offset: k.as_strided_adjoint(
        g, x_shape, shape, strides, offset),
)  # fmt: skip
as_strided_adjoint = linear(
    "as_strided_adjoint", _as_strided_adjoint,
    "_as_strided_adjoint(Tensor grad, SymInt[] x_shape, SymInt[] size, SymInt[] stride, "
    "SymInt? storage_offset) -> Tensor", attrs=("of_shape", "shape", "strides", "offset"),
    x=lambda k, g, shape, strides, offset: k.as_strided(k.contiguous(g), shape, strides, offset),
    public=False,
)  # fmt: skip


def _unfold_check(x: Any, dimension: Any, size: Any, step: Any) -> tuple[int, int, int]:
    dim = canonical_dim(dimension, x.ndim)
    n = x.shape[dim] if x.ndim else 1
    if size > n:
        raise RuntimeError(
            f"maximum size for tensor at dimension {dim} is {n} but size is {size}"
        )
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return dim, size, step


def _unfold(x: Any, dimension: int, size: int, step: int) -> Any:
    if not x.ndim:
        return x.reshape(1)[:size]
    windows = np.lib.stride_tricks.sliding_window_view(x, size, dimension, writeable=True)
    return windows[_at(dimension, slice(None, None, step))]


def _unfold_backward(g: Any, x_shape: Any, dimension: int, size: int, step: int) -> Any:
    out = np.zeros(x_shape, g.dtype)
    windows = _unfold(out, dimension, size, step)
    # Windows overlap: add one place of all windows at a time.
    for place in range(size if x_shape else 1):
        windows[..., place] += g[..., place]
    return out


unfold = linear(
    "unfold", _unfold, "unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)",
    check=_unfold_check, view=True,
    x=lambda k, g, x_shape, dimension, size, step: k.unfold_backward(
        g, x_shape, dimension, size, step), public=False,
)  # fmt: skip
unfold_backward = linear(
    "unfold_backward", _unfold_backward,
    "unfold_backward(Tensor grad, SymInt[] x_shape, int dimension, int size, int step) -> Tensor",
    attrs=("of_shape", "dimension", "size", "step"),
    x=lambda k, g, dimension, size, step: k.unfold(g, dimension, size, step), public=False,
)  # fmt: skip

# ---- copies -----------------------------------------------------------------------------------

flip = linear(
    "flip", lambda x, dims: np.flip(x, dims).copy(),
    "flip(Tensor self, int[] dims) -> Tensor",
    check=lambda x, dims: (canonical_dims(dims, x.ndim),), x=lambda k, g, dims: k.flip(g, dims),
)  # fmt: skip
tril = linear(
    "tril", lambda x, diagonal: np.tril(x, diagonal),
    "tril(Tensor self, int diagonal=0) -> Tensor", x=lambda k, g, diagonal: k.tril(g, diagonal),
)  # fmt: skip
triu = linear(
    "triu", lambda x, diagonal: np.triu(x, diagonal),
    "triu(Tensor self, int diagonal=0) -> Tensor", x=lambda k, g, diagonal: k.triu(g, diagonal),
)  # fmt: skip
repeat = linear(
    "repeat", lambda x, repeats: np.tile(x, repeats),
    "repeat(Tensor self, SymInt[] repeats) -> Tensor",
    x=lambda k, g, x_shape, repeats: k.fold_repeats(g, x_shape, repeats), public=False,
)  # fmt: skip


def _fold_repeats(g: Any, shape: Any, repeats: Any) -> Any:
    wide = (1,) * (len(repeats) - len(shape)) + tuple(shape)
    split = [n for pair in zip(repeats, wide, strict=True) for n in pair]
    return g.reshape(split).sum(tuple(range(0, len(split), 2))).reshape(shape)


fold_repeats = linear(
    "fold_repeats", _fold_repeats,
    "_fold_repeats(Tensor grad, SymInt[] shape, SymInt[] repeats) -> Tensor",
    x=lambda k, g, repeats: k.repeat(g, repeats), public=False,
)  # fmt: skip


def _cat_pieces(k: Any, g: Any, xs_shapes: Any, dim: int, need: Any) -> list[Any]:
    pieces: list[Any] = []
    start = 0
    for shape, wanted in zip(xs_shapes, need, strict=True):
        size = shape[dim] if len(shape) > dim else 0
        if not wanted:
            pieces.append(None)
        elif shape == (0,):
            pieces.append(None)
        else:
            pieces.append(k.slice(g, dim, start, start + size, 1))
        start += size
    return pieces


def _cat_check(arrays: Any, dim: Any) -> tuple[int]:
    ranks = [a for a in arrays if a.shape != (0,)] or arrays
    dim = canonical_dim(dim, ranks[0].ndim)
    for i, a in enumerate(arrays):
        if a.ndim == 0:
            raise RuntimeError(
                f"zero-dimensional tensor (at position {i}) cannot be concatenated"
            )
        if a.shape == (0,):
            continue
        if a.ndim != ranks[0].ndim:
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {ranks[0].ndim} and {a.ndim}"
            )
        for d in range(a.ndim):
            if d != dim and a.shape[d] != ranks[0].shape[d]:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size "
                    f"{ranks[0].shape[d]} but got size {a.shape[d]} for tensor number {i} in the "
                    "list."
                )
    return (dim,)


def _cat(arrays: Any, dim: int) -> Any:
    kept = [a for a in arrays if a.shape != (0,)]
    return np.concatenate(kept, dim) if kept else np.array(arrays[0])


cat = variadic(
    "cat", _cat, "cat(Tensor[] tensors, int dim=0) -> Tensor", _cat_pieces, check=_cat_check
)
stack = variadic(
    "stack", lambda arrays, dim: np.stack(arrays, dim),
    "stack(Tensor[] tensors, int dim=0) -> Tensor",
    lambda k, g, xs_shapes, dim, need: [
        k.select(g, dim, i) if wanted else None for i, wanted in enumerate(need)],
    check=lambda arrays, dim: _stack_check(arrays, dim),
)  # fmt: skip


def _stack_check(arrays: Any, dim: Any) -> tuple[int]:
    for i, a in enumerate(arrays):
        if a.shape != arrays[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(arrays[0].shape)} at "
                f"entry 0 and {list(a.shape)} at entry {i}"
            )
    return (canonical_dim(dim, arrays[0].ndim + 1),)


# ---- reshape: a view where one is possible, else a copy ---------------------------------------


def reshape(input: Tensor, shape: Any) -> Tensor:
    """A tensor with the same elements in another shape."""
    data = input._data
    shape = infer_size(shape, data.size)
    if data.flags.c_contiguous:
        return view.call(input, shape)
    if can_view(data, shape):
        return reshape_alias.call(input, shape)
    from .casting import contiguous

    return unsafe_view.call(contiguous.call(input), shape)


def can_view(x: Any, shape: Any) -> bool:
    """Whether `shape` can be had from `x` without a copy."""
    try:
        view_of(x, shape)
    except RuntimeError:
        return False
    return True


def _reshape_array(x: Any, shape: Any) -> Any:
    return x.reshape(shape)


_core.RAW.reshape = _reshape_array  # type: ignore[attr-defined]
_core.TEN.reshape = reshape  # type: ignore[attr-defined]
