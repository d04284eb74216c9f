"""Reading and writing array elements at computed positions: gather, scatter and their sums.

Indices are int64 arrays. Every function turns them into positions of the flattened array once:
NumPy's one-dimensional ``take`` and ``add.at`` have fast loops that the general forms lack.
Sums are taken in the order of the indices, so results do not vary from run to run.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    Array = NDArray[Any]
    Ints = tuple[int, ...]
    Intp = NDArray[np.int64]


def _first_outside(index: Intp, size: int) -> int | None:
    """The first element of ``index`` outside ``[0, size)``, or None."""
    if index.size == 0:
        return None
    flat = index.reshape(-1)
    # Read as unsigned, a negative number is a huge one: one reduction checks both ends.
    if np.maximum.reduce(flat.view(np.uint64)) < size:
        return None
    return int(flat[(flat < 0) | (flat >= size)][0])


def check_bounds(index: Intp, dim: int, size: int, error: type[Exception] = RuntimeError) -> None:
    """Raise ``error`` unless every index lies in ``[0, size)``."""
    outside = _first_outside(index, size)
    if outside is not None:
        raise error(f"index {outside} is out of bounds for dimension {dim} with size {size}")


def _positions(shape: Ints, dim: int, index: Intp) -> Intp:
    """Flat positions, in an array of ``shape``, of the elements that ``index`` names along dim."""
    check_bounds(index, dim, shape[dim])
    stride = prod(shape[dim + 1 :])
    where = index if stride == 1 else index * stride
    for axis, count in enumerate(index.shape):
        if axis != dim and count > 1:
            steps = np.arange(count, dtype=np.int64) * prod(shape[axis + 1 :])
            where = where + steps.reshape((-1,) + (1,) * (index.ndim - 1 - axis))
    return where


def gather(a: Array, dim: int, index: Intp) -> Array:
    """``out[i][j] = a[index[i][j]][j]`` for ``dim`` 0, and likewise for the others.

    Raises: RuntimeError for an index outside the dimension.

    >>> gather(np.array([[1, 2], [3, 4]]), 1, np.array([[0, 0], [1, 0]]))
    array([[1, 1],
           [4, 3]])
    """
    if a.ndim == 0 or index.ndim == 0:
        check_bounds(index, dim, a.size)
        return a.reshape(-1).take(index)
    if index.size == 0:
        return np.empty(index.shape, a.dtype)
    return a.reshape(-1).take(_positions(a.shape, dim, index))


def _source(src: Any, index: Intp, dtype: np.dtype[Any]) -> Any:
    """The part of ``src`` that ``index`` covers; a scalar stays one."""
    if not isinstance(src, np.ndarray) or src.ndim == 0 or src.shape == index.shape:
        return src if not isinstance(src, np.ndarray) else src.astype(dtype, copy=False)
    return src[tuple(slice(n) for n in index.shape)].astype(dtype, copy=False)


def scatter(a: Array, dim: int, index: Intp, src: Any) -> Array:
    """A copy of ``a`` with ``src`` (an array or a number) written at ``index``; the last wins."""
    out = np.array(a, order="C")
    if index.size == 0:
        return out
    if a.ndim == 0 or index.ndim == 0:
        check_bounds(index, dim, a.size)
        where = index
    else:
        where = _positions(a.shape, dim, index)
    out.reshape(-1)[where] = _source(src, index, out.dtype)
    return out


def scatter_add(base_shape: Ints, dtype: DTypeLike, dim: int, index: Intp, src: Any) -> Array:
    """Zeros of ``base_shape`` with ``src`` added at ``index``: the adjoint of :func:`gather`.

    Half and bfloat16 are added in float32 and rounded once.
    """
    dtype = np.dtype(dtype)
    wide = np.dtype(np.float32) if _is_short_float(dtype) else dtype
    out = np.zeros(base_shape, wide)
    if index.size:
        if out.ndim == 0 or index.ndim == 0:
            check_bounds(index, dim, out.size)
            where = index
        else:
            where = _positions(out.shape, dim, index)
        values = np.broadcast_to(np.asarray(_source(src, index, wide), wide), index.shape)
        np.add.at(out.reshape(-1), where.reshape(-1), values.reshape(-1))
    return out.astype(dtype, copy=False)


def _is_short_float(dtype: np.dtype[Any]) -> bool:
    return dtype.itemsize == 2 and dtype.kind in "fV"


def index_select(a: Array, dim: int, index: Intp) -> Array:
    """The slices of ``a`` that the one-dimensional ``index`` names along ``dim``."""
    size = a.shape[dim] if a.ndim else 1
    outside = _first_outside(index, size)
    if outside is not None:
        if dim != 1:
            raise IndexError("index out of range in self")
        # PyTorch has a second loop, with a text of its own, for just this dimension.
        raise RuntimeError(
            f"INDICES element is out of DATA bounds, id={outside} axis_dim={size}"
        )
    if a.ndim == 0:
        return a.reshape(-1).take(index).reshape(())
    # Bounds are known to hold, and "clip" skips the second check of "raise".
    return a.take(index, axis=dim, mode="clip") if index.size else a[
        (slice(None),) * dim + (slice(0),)]


def embedding(weight: Array, indices: Intp) -> Array:
    """Rows of ``weight``, of shape ``(*indices.shape, columns)``.

    Raises: IndexError for an index that is no row.
    """
    if _first_outside(indices, weight.shape[0]) is not None:
        raise IndexError("index out of range in self")
    if indices.size == 0:
        return np.empty(indices.shape + weight.shape[1:], weight.dtype)
    return weight.take(indices, axis=0, mode="clip")


def _add_rows(out: Array, rows: Intp, values: Array) -> None:
    """``out[rows[i]] += values[i]`` for a contiguous ``out``, in the order of ``rows``."""
    width = prod(out.shape[1:])
    if rows.size == 0 or width == 0:
        return
    if width == 1:
        where = rows
    else:
        where = ((rows * width)[:, None] + np.arange(width, dtype=np.int64)).reshape(-1)
    np.add.at(out.reshape(-1), where, values.reshape(-1))


def embedding_backward(
    g: Array, indices: Intp, num_embeddings: int, padding_idx: int | None = None
) -> Array:
    """Adjoint of :func:`embedding`; the row ``padding_idx`` receives nothing.

    Shape: g ``(*indices.shape, columns)``, result ``(num_embeddings, columns)``.
    """
    columns = g.shape[indices.ndim :]
    out = np.zeros((num_embeddings, *columns), g.dtype)
    rows = indices.reshape(-1)
    values = g.reshape(rows.size, -1) if rows.size else g
    _add_rows(out, rows, values)
    if padding_idx is not None and padding_idx >= 0:
        out[padding_idx] = 0
    return out


def index_add(a: Array, dim: int, index: Intp, src: Array) -> Array:
    """A copy of ``a`` with the slices of ``src`` added along ``dim`` at ``index``.

    Raises: IndexError (one dimension) or RuntimeError for an index outside the dimension.
    """
    if a.ndim < 2:
        if _first_outside(index, a.size) is not None:
            raise IndexError("index out of range in self")
        flat = np.array(a.reshape(-1))
        np.add.at(flat, index.reshape(-1), src.reshape(-1).astype(a.dtype, copy=False))
        return flat.reshape(a.shape)
    check_bounds(index, dim, a.shape[dim])
    wide = np.dtype(np.float32) if _is_short_float(a.dtype) else a.dtype
    out = np.array(np.moveaxis(a, dim, 0), wide, order="C")
    _add_rows(out, index.reshape(-1), np.moveaxis(src, dim, 0).astype(wide, copy=False))
    return np.ascontiguousarray(np.moveaxis(out, 0, dim)).astype(a.dtype, copy=False)


def _plain_index(shape: Ints, index: tuple[Any, ...]) -> tuple[Any, ...]:
    """Masks become positions, None a full slice, negative indices positive; all are checked."""
    plain: list[Any] = []
    axis = 0
    for part in index:
        if part is None or isinstance(part, slice):
            plain.append(slice(None) if part is None else part)
            axis += 1
        elif part.dtype == np.bool_:
            plain.extend(part.nonzero())
            axis += part.ndim
        else:
            size = shape[axis]
            outside = _first_outside(part, size)
            if outside is not None:
                wrapped = np.where(part < 0, part + size, part)
                if _first_outside(wrapped, size) is not None:
                    flat = part.reshape(-1)
                    bad = int(flat[(flat < -size) | (flat >= size)][0])
                    raise IndexError(
                        f"index {bad} is out of bounds for dimension {axis} with size {size}"
                    )
                part = wrapped
            plain.append(part)
            axis += 1
    return tuple(plain)


def _put_add(out: Array, index: tuple[Any, ...], values: Any) -> None:
    plain = _plain_index(out.shape, index)
    values = np.asarray(values).astype(out.dtype, copy=False)
    arrays = plain
    while arrays and isinstance(arrays[-1], slice) and arrays[-1] == slice(None):
        arrays = arrays[:-1]
    if not arrays or any(isinstance(part, slice) for part in arrays):
        np.add.at(out, plain, values)
        return
    count = len(arrays)
    row: Any = arrays[0]
    for axis in range(1, count):
        row = row * out.shape[axis] + arrays[axis]
    shape = row.shape + out.shape[count:]
    if values.shape != shape:
        values = np.broadcast_to(values, shape)
    rows = row.reshape(-1)
    width = prod(out.shape[count:])
    _add_rows(out.reshape(prod(out.shape[:count]), width), rows, values)


def index_put_accumulate(a: Array, index: tuple[Any, ...], values: Any) -> Array:
    """A copy of ``a`` with ``values`` added at ``index``; repeated positions add up.

    ``index`` holds int64 or boolean arrays, slices, and None for a dimension left whole.

    Raises: IndexError for an index outside its dimension.

    >>> index_put_accumulate(np.zeros(3), (np.array([1, 1, -1]),), np.ones(3))
    array([0., 2., 1.])
    """
    out = np.array(a, order="C")
    _put_add(out, index, values)
    return out


def index_backward(g: Array, index: tuple[Any, ...], shape: Ints) -> Array:
    """Adjoint of reading ``a[index]``: zeros of ``shape`` with ``g`` added at ``index``."""
    out = np.zeros(shape, g.dtype)
    _put_add(out, index, g)
    return out
