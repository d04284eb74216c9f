"""Makes a batch out of samples."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .... import _dtypes
from ...._core import Tensor, ctx, thread, wrap
from ...._ops import movement
from ...._tensor.borrowed import as_tensor
from ...._tensor.creation import tensor

if TYPE_CHECKING:
    from collections.abc import Callable

_ERROR = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def default_convert(data: Any) -> Any:
    """`data` with its arrays turned into tensors, at any depth; what a loader without batches does.

    >>> import numpy
    >>> import rushlight as torch
    >>> torch.utils.data.default_convert({"x": numpy.ones(2)})
    {'x': tensor([1., 1.], dtype=torch.float64)}
    """
    kind = type(data)
    if isinstance(data, Tensor):
        return data
    if isinstance(data, np.ndarray | np.generic):
        if data.dtype.kind in "SUO":
            return data
        return as_tensor(data)
    if isinstance(data, Mapping):
        try:
            if isinstance(data, MutableMapping):
                clone: Any = copy.copy(data)
                clone.update({key: default_convert(data[key]) for key in data})
                return clone
            return kind({key: default_convert(data[key]) for key in data})
        except TypeError:
            return {key: default_convert(data[key]) for key in data}
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kind(*(default_convert(d) for d in data))
    if isinstance(data, tuple):
        return [default_convert(d) for d in data]
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        try:
            if isinstance(data, MutableSequence):
                clone = copy.copy(data)
                for i, d in enumerate(data):
                    clone[i] = default_convert(d)
                return clone
            return kind([default_convert(d) for d in data])
        except TypeError:
            return [default_convert(d) for d in data]
    return data


def default_collate(batch: Any) -> Any:
    """A batch of samples: tensors, arrays and numbers stacked, at any depth of dicts and lists.

    Raises:
        TypeError: for samples of other kinds.
        RuntimeError: for lists of different lengths, or tensors of different shapes.

    Source: https://pytorch.org/docs/stable/data.html#torch.utils.data.default_collate

    >>> import rushlight as torch
    >>> torch.utils.data.default_collate([(0, 1.5), (2, 3.5)])
    [tensor([0, 2]), tensor([1.5000, 3.5000], dtype=torch.float64)]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch: Any, *, collate_fn_map: dict[Any, Callable[..., Any]] | None = None) -> Any:
    """`default_collate` with a table from types to functions ``(batch, *, collate_fn_map)``."""
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        function = collate_fn_map.get(kind)
        if function is None:
            for key, candidate in collate_fn_map.items():
                if isinstance(first, key):
                    function = candidate
                    break
        if function is not None:
            return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        columns = {key: [d[key] for d in batch] for key in first}
        collated = {
            key: collate(column, collate_fn_map=collate_fn_map) for key, column in columns.items()
        }
        try:
            if isinstance(first, MutableMapping):
                clone: Any = copy.copy(first)
                clone.update(collated)
                return clone
            return kind(collated)
        except TypeError:
            return collated
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(
            *(collate(c, collate_fn_map=collate_fn_map) for c in zip(*batch, strict=True))
        )
    if isinstance(first, Sequence):
        if not all(len(sample) == len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        parts = [collate(c, collate_fn_map=collate_fn_map) for c in zip(*batch, strict=True)]
        if isinstance(first, tuple):
            return parts
        try:
            if isinstance(first, MutableSequence):
                clone = copy.copy(first)
                for i, part in enumerate(parts):
                    clone[i] = part
                return clone
            return kind(parts)
        except TypeError:
            return parts
    raise TypeError(_ERROR.format(kind))


def collate_tensor_fn(batch: Any, *, collate_fn_map: Any = None) -> Tensor:
    """Tensors stacked along a new first dim."""
    first = batch[0]
    data = first._data
    shape, dtype = data.shape, data.dtype
    if ctx.handler is None and not thread.inference:
        arrays = [
            t._data
            for t in batch
            if type(t) is Tensor
            and t._edge is None
            and t._data.shape == shape
            and t._data.dtype is dtype
        ]
        if len(arrays) == len(batch):
            if shape:
                return wrap(np.concatenate(arrays).reshape(len(arrays), *shape))
            return wrap(np.array(arrays, dtype))
    return movement.stack.call(list(batch), 0)


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: Any = None) -> Tensor:
    """Arrays as one tensor."""
    if batch[0].dtype.kind in "SUO":
        raise TypeError(_ERROR.format(batch[0].dtype))
    return collate([as_tensor(b) for b in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: Any = None) -> Tensor:
    """NumPy numbers as one tensor."""
    return as_tensor(batch)


def collate_float_fn(batch: Any, *, collate_fn_map: Any = None) -> Tensor:
    """Python floats as one tensor of float64."""
    return tensor(batch, dtype=_dtypes.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: Any = None) -> Tensor:
    """Python integers as one tensor of int64 (bool for truth values)."""
    return tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: Any = None) -> Any:
    """Strings stay a list."""
    return batch


default_collate_fn_map: dict[Any, Any] = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}
