"""Rows and functions that arrange elements anew: block diagonals, rotations, combinations,
splits along a named direction, coordinates of flat positions."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .. import _dtypes
from .._core import Tensor, wrap
from .._define.kinds import general, linear
from .._define.variadic import variadic
from .._tensor import registry
from . import diagonals, division, movement, scattering, splitting
from .checks import canonical_dim, canonical_dims

# ---- block diagonals ----------------------------------------------------------------------------


def _matrix_shape(shape: Any) -> tuple[int, int]:
    """Vectors count as rows, numbers as matrices of one element."""
    if len(shape) == 2:
        return shape[0], shape[1]
    return 1, shape[0] if len(shape) else 1


def _block_diag_check(arrays: Any) -> tuple[()]:
    for i, a in enumerate(arrays):
        if a.ndim > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input "
                f"{i} has {a.ndim} dimensions"
            )
    return ()


def _block_diag(arrays: Any) -> Any:
    shapes = [_matrix_shape(a.shape) for a in arrays]
    out = np.zeros((sum(s[0] for s in shapes), sum(s[1] for s in shapes)), arrays[0].dtype)
    row = column = 0
    for a, (n, m) in zip(arrays, shapes, strict=True):
        out[row : row + n, column : column + m] = a
        row, column = row + n, column + m
    return out


def _blocks(k: Any, g: Any, xs_shapes: Any, need: Any) -> list[Any]:
    pieces: list[Any] = []
    row = 0
    column = 0
    for shape, wanted in zip(xs_shapes, need, strict=True):
        n, m = _matrix_shape(shape)
        if wanted:
            block = k.slice(k.slice(g, 0, row, row + n, 1), 1, column, column + m, 1)
            pieces.append(k.reshape(block, shape))
        else:
            pieces.append(None)
        row += n
        column += m
    return pieces


block_diag_row = variadic(
    "block_diag", _block_diag, "block_diag(Tensor[] tensors) -> Tensor", _blocks,
    check=_block_diag_check,
)  # fmt: skip


def block_diag(*tensors: Any) -> Tensor:
    """A matrix with the given matrices along its diagonal and zeros elsewhere.

    Raises:
        RuntimeError: a tensor has more than two dims.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.block_diag.html

    >>> import rushlight as torch
    >>> torch.block_diag(torch.tensor([[1, 2]]), torch.tensor(3))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}"
            )
    if not tensors:
        return wrap(np.zeros((1, 0), _dtypes.FLOAT32))
    found: Tensor = block_diag_row.call(list(tensors))
    return found


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with the elements of `input`, in order, on a diagonal.

    >>> import rushlight as torch
    >>> torch.diagflat(torch.tensor([1, 2]), 1)
    tensor([[0, 1, 0],
            [0, 0, 2],
            [0, 0, 0]])
    """
    found: Tensor = diagonals.diag_embed.call(movement.reshape(input, (-1,)), offset, 0, 1)
    return found


# ---- rotation -----------------------------------------------------------------------------------


def _rot90_check(x: Any, k: Any, dims: Any) -> tuple[int, tuple[int, ...]]:
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if x.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {x.ndim}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == x.ndim:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = "
            f"{dims[1]}"
        )
    return k % 4, tuple(canonical_dim(d, x.ndim) for d in dims)


def _rot90(x: Any, turns: int, dims: tuple[int, int]) -> Any:
    if turns % 2:
        return np.flip(x, dims[1] if turns == 1 else dims[0]).copy().swapaxes(*dims)
    return np.flip(x, dims).copy() if turns else x.copy()


rot90 = linear(
    "rot90", _rot90,
    "rot90(Tensor self, int k=1, int[] dims=[0,1]) -> Tensor", attrs=("turns", "dims"),
    check=_rot90_check, x=lambda k, g, turns, dims: k.rot90(g, (4 - turns) % 4, dims),
)  # fmt: skip

# ---- combinations -------------------------------------------------------------------------------


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All combinations of `r` elements of a vector, one in each row.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.combinations.html

    >>> import rushlight as torch
    >>> torch.combinations(torch.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    data = input._data
    if data.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(data.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return wrap(np.empty(0, data.dtype))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(data.size), r)), np.int64).reshape(-1, r)
    columns = [scattering.index_select.call(input, 0, wrap(places[:, i].copy())) for i in range(r)]
    found: Tensor = movement.stack.call(columns, 1)
    return found


# ---- splits -------------------------------------------------------------------------------------


def _directed_split(name: str, least: int, along: Any) -> Any:
    def prepared(x: Tensor) -> int:
        if x._data.ndim < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor "
                f"with {x._data.ndim} dimensions!"
            )
        return along(x._data.ndim)

    def evenly(x: Tensor, sections: int) -> Any:
        dim = prepared(x)
        n = x._data.shape[dim]
        if sections == 0 or n % sections:
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the "
                f"dimension {n} is not divisible by the split_size {sections}!"
            )
        return splitting.tensor_split(x, sections, dim)

    def between(x: Tensor, indices: Any) -> Any:
        return splitting.tensor_split(x, tuple(indices), prepared(x))

    registry.overloaded(
        name,
        (f"{name}.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]", evenly),
        (f"{name}.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]", between),
    )


_directed_split("hsplit", 1, lambda ndim: 0 if ndim == 1 else 1)
_directed_split("vsplit", 2, lambda ndim: 0)
_directed_split("dsplit", 3, lambda ndim: 2)


def _split_with_sizes(self: Tensor, split_sizes: Any, dim: int = 0) -> Any:
    return splitting.split_with_sizes.call(self, tuple(split_sizes), dim)


# ---- coordinates --------------------------------------------------------------------------------


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates, in a tensor of `shape`, of positions in its flattened form.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.unravel_index.html

    >>> import rushlight as torch
    >>> torch.unravel_index(torch.tensor([3, 5]), (2, 3))
    (tensor([1, 1]), tensor([0, 2]))
    """
    kind = indices.dtype
    if kind.is_floating_point or kind.is_complex or kind is _dtypes.bool:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {kind}")
    if isinstance(shape, int):
        shape = (shape,)
    elif isinstance(shape, Tensor):
        shape = tuple(shape._data.tolist())
    for n in shape:
        if not isinstance(n, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(n)}")
    if any(n < 0 for n in shape):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(shape)}")
    found: list[Any] = []
    step = 1
    for n in reversed(tuple(shape)):
        found.append(division.remainder.call(division.floor_divide.call(indices, step), n))
        step *= n
    if not found:
        return ()
    together = movement.stack.call(found[::-1], -1)
    pieces: tuple[Tensor, ...] = splitting.unbind.call(together, together._data.ndim - 1)
    return pieces


# ---- nonzero of a known size --------------------------------------------------------------------


def _nonzero_static_check(x: Any, size: Any, fill_value: Any) -> tuple[int, int]:
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    return size, fill_value


def _nonzero_static(x: Any, size: int, fill_value: int) -> Any:
    found = np.argwhere(x)[:size]
    out = np.full((size, x.ndim), fill_value, np.int64)
    out[: len(found)] = found
    return out


nonzero_static = general(
    "nonzero_static", _nonzero_static,
    "nonzero_static(Tensor self, *, SymInt size, int fill_value=-1) -> Tensor", inputs=("x",),
    check=_nonzero_static_check,
)  # fmt: skip

# ---- a fingerprint ------------------------------------------------------------------------------


def _hash_check(x: Any, dims: Any, keepdim: Any, mode: Any) -> tuple[Any, bool, int]:
    if mode != 0:
        raise RuntimeError(f"hash_tensor(): mode {mode} is not supported")
    every = dims == () or dims == []
    return canonical_dims(None if every else dims, x.ndim), bool(keepdim), mode


def _hash_tensor(x: Any, dims: Any, keepdim: bool, mode: int) -> Any:
    """The bits of all elements, as 64-bit numbers, joined by exclusive or."""
    wide = x.astype(np.float64 if x.dtype.kind in "fV" else np.int64)
    join: Any = np.bitwise_xor
    found = join.reduce(wide.view(np.uint64), axis=dims, keepdims=keepdim)
    return np.asarray(found, np.uint64)


hash_tensor = general(
    "hash_tensor", _hash_tensor,
    "hash_tensor(Tensor self, int[1] dim=[], *, bool keepdim=False, int mode=0) -> Tensor",
    inputs=("x",), attrs=("dims", "keepdim", "mode"), check=_hash_check,
)  # fmt: skip

for _row in (rot90, nonzero_static, hash_tensor):
    registry.public(_row.name, _row)
block_diag.__module__ = "torch.functional"
registry.public("block_diag", block_diag, method=False)
registry.public("unravel_index", unravel_index, method=False)
registry.public("combinations", combinations, method=False)
registry.public("diagflat", diagflat)
registry.public("split_with_sizes", _split_with_sizes)
