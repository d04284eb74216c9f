"""Rows and functions that take a tensor apart: unbind, split, chunk and their relatives."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from .._define import calls
from .._define.multiview import multiview
from .checks import canonical_dim


def _unbind_check(x: Any, dim: Any) -> tuple[int]:
    if not x.ndim:
        raise RuntimeError("unbind() cannot be applied to a 0-dim tensor")
    return (canonical_dim(dim, x.ndim),)


def _at(dim: int, item: Any) -> tuple[Any, ...]:
    return (slice(None),) * dim + (item, ...)


unbind = multiview(
    "unbind", lambda x, dim: [x[_at(dim, i)] for i in range(x.shape[dim])],
    "unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]",
    lambda k, gs, dim: k.stack(gs, dim), _unbind_check,
)  # fmt: skip


def _pieces(x: Any, sizes: tuple[int, ...], dim: int) -> list[Any]:
    views, start = [], 0
    for n in sizes:
        views.append(x[_at(dim, slice(start, start + n))])
        start += n
    return views


def _sizes_check(x: Any, sizes: Any, dim: Any) -> tuple[tuple[int, ...], int]:
    if not x.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim = canonical_dim(dim, x.ndim)
    sizes = tuple(int(n) for n in sizes)
    if any(n < 0 for n in sizes) or sum(sizes) != x.shape[dim]:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {x.shape[dim]} (input "
            f"tensor's size at dimension {dim}), but got split_sizes={list(sizes)}"
        )
    return sizes, dim


split_with_sizes = multiview(
    "split_with_sizes", _pieces,
    "split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]",
    lambda k, gs, sizes, dim: k.cat(gs, dim), _sizes_check,
)  # fmt: skip


def _even_sizes(n: int, size: int) -> tuple[int, ...]:
    if n == 0:
        return (0,)
    return (size,) * (n // size) + ((n % size,) if n % size else ())


def _split_check(x: Any, split_size: Any, dim: Any) -> tuple[int, int]:
    if not x.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim = canonical_dim(dim, x.ndim)
    if split_size < 0:
        raise RuntimeError(
            f"split expects split_size be non-negative, but got split_size={split_size}"
        )
    if split_size == 0 and x.shape[dim] != 0:
        raise RuntimeError(
            "split_size can only be 0 if dimension size is 0, but got dimension size of "
            f"{x.shape[dim]}"
        )
    return split_size, dim


split_evenly = multiview(
    "split", lambda x, split_size, dim: _pieces(x, _even_sizes(x.shape[dim], split_size), dim),
    "split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]",
    lambda k, gs, split_size, dim: k.cat(gs, dim), _split_check,
)  # fmt: skip


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive pieces of one size, or of the given sizes.

    >>> import rushlight as torch
    >>> torch.split(torch.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    if isinstance(split_size_or_sections, int):
        return split_evenly.call(tensor, split_size_or_sections, dim)
    if not isinstance(split_size_or_sections, list | tuple):
        given = (tensor, split_size_or_sections, dim)
        if (refused := calls.refusal("split_with_sizes", given, {}, False)) is not None:
            raise refused
    return split_with_sizes.call(tensor, tuple(split_size_or_sections), dim)


def split_method(self: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    return split(self, split_size, dim)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of at most `chunks` pieces of equal size, the last perhaps smaller."""
    if not input._data.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    dim = canonical_dim(dim, input._data.ndim)
    n = input._data.shape[dim]
    size = -(-n // chunks)
    if size == 0:
        return split_with_sizes.call(input, (0,) * chunks, dim)
    return split_evenly.call(input, size, dim)


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of nearly equal pieces, or of the pieces between the given indices."""
    from . import movement

    if not input._data.ndim:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    dim = canonical_dim(dim, input._data.ndim)
    n = input._data.shape[dim]
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections._data.tolist()
    if isinstance(indices_or_sections, int):
        if indices_or_sections <= 0:
            raise RuntimeError(
                f"number of sections must be larger than 0, got {indices_or_sections}"
            )
        each, more = divmod(n, indices_or_sections)
        bounds, start = [], 0
        for i in range(indices_or_sections):
            end = start + each + (i < more)
            bounds.append((start, end))
            start = end
    else:
        marks = [0, *(int(i) for i in indices_or_sections), n]
        bounds = list(zip(marks[:-1], marks[1:], strict=True))
    return tuple(movement.slice_row.call(input, dim, a, b, 1) for a, b in bounds)
