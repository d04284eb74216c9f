"""Rows that read and write at positions given by tensors: ``x[i, j]`` and ``x[i, j] = values``.

The positions are inputs of the rows, as they vary from call to call; which dims of `x` they belong
to is the attribute `places`. There is one row for each number of index tensors, made when first
used: ``index1(x, i0, places)``, ``index2(x, i0, i1, places)`` and so on, with its adjoint
``index_backward1`` and ``index_put1``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _dtypes
from .._core import Tensor
from .._define import render
from .._define.kinds import general, linear
from .._kernels import scatter as kernels

_BOOL, _BYTE = np.dtype(np.bool_), np.dtype(np.uint8)


def key_of(indices: tuple[Any, ...], places: tuple[int, ...]) -> tuple[Any, ...]:
    """The NumPy key: each index array at its place, whole slices between."""
    key: list[Any] = []
    for array, place in zip(indices, places, strict=True):
        while len(key) < place:
            key.append(slice(None))
        if array.dtype is _BOOL or array.dtype is _BYTE:
            key.extend(array.nonzero() if array.ndim else array.reshape(1).nonzero())
        else:
            key.append(array if array.dtype.itemsize == 8 else array.astype(np.int64))
    return tuple(key)


def _read(x: Any, indices: tuple[Any, ...], places: tuple[int, ...]) -> Any:
    if len(indices) == 1:
        only = indices[0]
        if only.dtype.kind == "i":
            return x.take(only, places[0])
        if only.dtype is _BOOL and places[0] == 0 and only.ndim and x.flags.c_contiguous:
            return x[only]
    key = key_of(indices, places)
    return np.ascontiguousarray(x[key]).reshape(result_shape(x.shape, key))


def result_shape(shape: tuple[int, ...], key: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape of ``x[key]`` for a key of index arrays and whole slices."""
    found = [i for i, part in enumerate(key) if not isinstance(part, slice)]
    whole = np.broadcast_shapes(*(key[i].shape for i in found))
    rest = [n for i, n in enumerate(shape) if i not in found]
    first = found[0] if found[-1] - found[0] == len(found) - 1 else 0
    return (*rest[:first], *whole, *rest[first:])


def _check_indices(x: Any, indices: tuple[Any, ...], places: tuple[int, ...]) -> None:
    """PyTorch's complaints about index tensors, found when NumPy has refused them."""
    for array, place in zip(indices, places, strict=True):
        if array.dtype in (_BOOL, _BYTE):
            for j, n in enumerate(array.shape):
                if place + j >= x.ndim or x.shape[place + j] != n:
                    raise mask_error(array.shape, x.shape, place, j)
        elif array.dtype.kind != "i":
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    key = [part for part in key_of(indices, places) if not isinstance(part, slice)]
    try:
        np.broadcast_shapes(*(part.shape for part in key))
    except ValueError:
        raise IndexError(
            "shape mismatch: indexing tensors could not be broadcast together with shapes "
            + ", ".join(str(list(part.shape)) for part in key)
        ) from None
    full = key_of(indices, places)
    number = 0
    for axis, part in enumerate(full):
        if isinstance(part, slice):
            continue
        size = x.shape[axis]
        if part.size and size == 0:
            raise IndexError("index is out of bounds for dimension with size 0")
        bad = part[(part < -size) | (part >= size)] if part.ndim else part.reshape(1)[
            (part.reshape(1) < -size) | (part.reshape(1) >= size)]
        if bad.size:
            raise IndexError(
                f"index {int(bad[0])} is out of bounds for dimension {number} with size {size}"
            )
        number += 1


def mask_error(mask: Any, shape: Any, place: int, j: int) -> IndexError:
    return IndexError(
        f"The shape of the mask {list(mask)} at index {j} does not match the shape of the indexed "
        f"tensor {list(shape)} at index {place + j}"
    )


def _explain(error: Exception, x: Any, *rest: Any) -> Exception | None:
    *indices, places = rest
    arrays = tuple(i._data for i in indices)
    try:
        _check_indices(x._data, arrays, places)
    except IndexError as better:
        return better
    return None


def _explain_put(error: Exception, x: Any, values: Any, *rest: Any) -> Exception | None:
    *indices, places, _ = rest
    better = _explain(error, x, *indices, places)
    if better is None and isinstance(error, ValueError) and isinstance(values, Tensor):
        key = key_of(tuple(i._data for i in indices), places)
        return value_error(values._data.shape, result_shape(x._data.shape, key))
    return better


def value_error(value: tuple[int, ...], wanted: tuple[int, ...]) -> RuntimeError:
    return RuntimeError(
        f"shape mismatch: value tensor of shape {list(value)} cannot be broadcast to indexing "
        f"result of shape {list(wanted)}"
    )


def _put(x: Any, values: Any, indices: Any, places: Any, accumulate: bool) -> Any:
    if not accumulate:
        out = np.array(x, order="C")
        put_into(out, values, indices, places, False)
        return out
    return kernels.index_put_accumulate(x, key_of(indices, places), values)


def put_into(x: Any, values: Any, indices: Any, places: Any, accumulate: bool) -> None:
    """Write into the memory of `x` itself."""
    if accumulate:
        x[...] = kernels.index_put_accumulate(x, key_of(indices, places), values)
    elif len(indices) == 1 and places[0] == 0 and indices[0].ndim:
        # A mask as it is: NumPy then need not look for the positions.
        only = indices[0]
        if only.dtype is _BYTE:
            only = only.astype(bool)
        x[only] = values.astype(x.dtype).reshape(()) if values.size == 1 else values
    else:
        x[key_of(indices, places)] = values


def _put_check(x: Any, values: Any, *rest: Any) -> tuple[Any, bool]:
    if x.dtype is not values.dtype and x.dtype != values.dtype and not _is_masked_fill(
        values, rest[:-2]
    ):
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{_dtypes.from_numpy(x.dtype).type_name} for the destination and "
            f"{_dtypes.from_numpy(values.dtype).type_name} for the source."
        )
    return rest[-2], bool(rest[-1])


def _is_masked_fill(values: Any, indices: Any) -> bool:
    return values.size == 1 and len(indices) == 1 and indices[0].dtype in (_BOOL, _BYTE)


_ROWS = """
def make(read, put, backward):
    return dict(
        index_x=lambda k, g, x_shape, {I}, places: k.index_backward{N}(g, x_shape, {I}, places),
        read=lambda x, {I}, places: read(x, ({I},), places),
        backward=lambda g, shape, {I}, places: backward(g, ({I},), places, shape),
        backward_x=lambda k, g, {I}, places: k.index{N}(g, {I}, places),
        put=lambda x, values, {I}, places, accumulate: put(x, values, ({I},), places, accumulate),
        put_x=lambda k, g, {I}, places, accumulate: (
            g if accumulate else k.index_clear{N}(g, {I}, places)),
        put_values=lambda k, g, values_shape, {I}, places: k.sum_to(
            k.index{N}(g, {I}, places), values_shape),
        clear=lambda x, {I}, places: put(x, x.dtype.type(0), ({I},), places, False),
        clear_x=lambda k, g, {I}, places: k.index_clear{N}(g, {I}, places),
    )
"""


class IndexRows:
    """The rows for one number of index tensors.

    Attributes:
        index: ``(x, i0, ..., places)``, reads.
        put: ``(x, values, i0, ..., places, accumulate)``, a copy of `x` that is written to.
    """

    def __init__(self, count: int) -> None:
        names = tuple(f"i{j}" for j in range(count))
        make = render.factory(_ROWS.format(I=", ".join(names), N=count), f"index{count}")
        parts = make(_read, _put, _read_adjoint)
        tensors = ", ".join(f"Tensor {name}" for name in names)
        self.index = linear(
            f"index{count}", parts["read"],
            f"_index{count}(Tensor self, {tensors}, int[] places) -> Tensor",
            inputs=("x", *names), x=parts["index_x"], node="IndexBackward0", public=False,
            explain=_explain,
        )  # fmt: skip
        linear(
            f"index_backward{count}", parts["backward"],
            f"_index_backward{count}(Tensor grad, SymInt[] shape, {tensors}, int[] places)"
            " -> Tensor", inputs=("x", *names), x=parts["backward_x"], public=False,
            node="IndexPutBackward0",
        )  # fmt: skip
        linear(
            f"index_clear{count}", parts["clear"],
            f"_index_clear{count}(Tensor self, {tensors}, int[] places) -> Tensor",
            inputs=("x", *names), x=parts["clear_x"], public=False, node="IndexPutBackward0",
        )  # fmt: skip
        self.put = general(
            f"index_put{count}", parts["put"],
            f"_index_put{count}(Tensor self, Tensor values, {tensors}, int[] places, "
            "bool accumulate) -> Tensor", inputs=("x", "values", *names), x=parts["put_x"],
            values=parts["put_values"], node="IndexPutBackward0", public=False, check=_put_check,
            explain=_explain_put,
        )  # fmt: skip


def _read_adjoint(g: Any, indices: Any, places: Any, shape: Any) -> Any:
    return kernels.index_backward(g, key_of(indices, places), tuple(shape))


_made: dict[int, IndexRows] = {}


def rows(count: int) -> IndexRows:
    """The index rows for `count` index tensors."""
    found = _made.get(count)
    if found is None:
        found = _made[count] = IndexRows(count)
    return found


rows(1)
rows(2)
