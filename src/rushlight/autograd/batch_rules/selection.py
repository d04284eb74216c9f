"""Rules of rows that read and write at positions: index, gather, scatter and their relatives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core import OPS, TEN, wrap
from .common import (
    RULES,
    Ints,
    aligned,
    all_in_front,
    call,
    directly,
    front,
    one_by_one,
    padded,
    reject,
    rule,
    shape_of,
    shifted,
)

_DYNAMIC = (
    "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap "
    "over aten::{}. Please file an issue at https://github.com/pytorch/pytorch/issues if you need "
    "this feature."
)
for _name, _shown in (
    ("nonzero", "nonzero"), ("unique", "_unique2"), ("unique_dim", "unique_dim"),
    ("unique_consecutive", "unique_consecutive"),
):  # fmt: skip
    RULES[_name] = reject(_DYNAMIC.format(_shown))

_MASKED_SELECT = (
    "vmap: Attempted to vmap over `mask` in torch.masked_select(self, mask) We cannot support this "
    "because for each batch this would return a differently shaped Tensor. Please file an issue at "
    "https://github.com/pytorch/pytorch/issues if you need this feature."
)
_MASK = (
    "vmap: We do not support batching operators that can support dynamic shape. Attempting to "
    "batch over indexing with a boolean mask."
)


@rule("masked_select")
def _masked_select(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    if batched[1]:
        raise RuntimeError(_MASKED_SELECT)
    return one_by_one(op, args, batched, size)


@rule("masked_fill_tensor")
def _masked_fill(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, mask, value = args
    x = front(x, batched[0], size)
    if not batched[2]:
        x, mask = aligned([x, mask], [True, batched[1]])
        return call(op, [x, mask, value])
    ndim = max(x._data.ndim - 1, mask._data.ndim - batched[1])
    x, value = padded(x, ndim), padded(value, ndim)
    if value._data.dtype != x._data.dtype:
        value = TEN.cast(value, x._data.dtype)
    return TEN.where(padded(mask, ndim) if batched[1] else mask, value, x)


@rule("fill_tensor")
def _fill(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, value = args
    x = front(x, batched[0], size)
    if not batched[1]:
        return call(op, [x, value])
    wide = TEN.expand(padded(value, x._data.ndim - 1), x._data.shape)
    return TEN.copy(x, wide, False)


@rule("gather", "scatter_src", "scatter_value", "scatter_add", "scatter_src_reduce",
      "scatter_value_reduce", "scatter_reduce")  # fmt: skip
def _along_dim(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    new = []
    for n, a, b in zip(op.order, args, batched, strict=True):
        if n in op.inputs:
            a = front(a, b, size)
            if a._data.ndim == 1:
                return one_by_one(op, args, batched, size)
        elif n == "dim":
            a = shifted(a)
        new.append(a)
    return call(op, new)


@rule("gather_backward", "value_selecting_backward")
def _gather_backward(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    new = []
    for n, a, b in zip(op.order, args, batched, strict=True):
        if n in op.inputs:
            a = front(a, b, size)
        elif n == "dim":
            a = shifted(a)
        else:
            if not a:
                return one_by_one(op, args, batched, size)
            a = (size, *a)
        new.append(a)
    if any(x._data.ndim == 1 for x, n in zip(new, op.order, strict=True) if n in op.inputs):
        return one_by_one(op, args, batched, size)
    return call(op, new)


@rule("index_select", "index_select_backward", "index_fill_scalar", "index_add", "index_copy")
def _index_family(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    """One index for all examples; an index of each example's own is a loop."""
    if batched[op.order.index("index")]:
        if op.name == "index_select" and args[0]._data.ndim - batched[0] > 0:
            return _own_index_select(args, batched, size)
        return one_by_one(op, args, batched, size)
    new = []
    for n, a, b in zip(op.order, args, batched, strict=True):
        if n in op.inputs and n != "index":
            a = front(a, b, size)
            if a._data.ndim == 1:
                return one_by_one(op, args, batched, size)
        elif n == "dim":
            a = shifted(a)
        elif n == "self_sizes":
            if not a:
                return one_by_one(op, args, batched, size)
            a = (size, *a)
        new.append(a)
    return call(op, new)


def _own_index_select(args: list[Any], batched: list[Any], size: int) -> Any:
    x, dim, index = args
    x = front(x, batched[0], size)
    if index._data.ndim == 1:
        index = TEN.unsqueeze(index, 1)
    shape = list(x._data.shape)
    shape[dim + 1] = index._data.shape[1]
    wide = [1] * len(shape)
    wide[0], wide[dim + 1] = size, shape[dim + 1]
    return TEN.gather(x, dim + 1, TEN.expand(TEN.view(index, tuple(wide)), tuple(shape)))


@rule("take")
def _take(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, index = args
    if not batched[0]:
        return call(op, args)
    if batched[1]:
        return one_by_one(op, args, batched, size)
    flat = TEN.reshape(x, (size, math.prod(x._data.shape[1:])))
    return call(OPS["index1"], [flat, index, (1,)])


@rule("one_hot")
def _one_hot(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    return call(op, args)


@rule("searchsorted")
def _searchsorted(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    boundaries = args[op.order.index("boundaries")]
    if not batched[0] and not batched[2] and boundaries._data.ndim == 1:
        return call(op, args)
    return one_by_one(op, args, batched, size)


# ---- rows for a number of index tensors ---------------------------------------------------------


def indexing(name: str) -> Any:
    """The rule of ``index2``, ``index_put1``...; None for other rows."""
    base = name.rstrip("0123456789")
    return _INDEXING.get(base) if base != name else None


class _Block:
    """Where the block of index dims lies in a result of indexing.

    Attributes:
        at: its first dim; ndim: how many dims it has.
    """

    def __init__(self, indices: list[Any], flags: list[bool], places: Ints) -> None:
        self.ndim = max(i._data.ndim - f for i, f in zip(indices, flags, strict=True))
        adjacent = places[-1] - places[0] == len(places) - 1
        self.at = places[0] if adjacent else 0

    def out(self, x: Any) -> Any:
        """From the layout (B, block, rest) to the examples' own."""
        return self._move(x, 1, 1 + self.at)

    def back(self, x: Any) -> Any:
        """The other way."""
        return self._move(x, 1 + self.at, 1)

    def _move(self, x: Any, source: int, target: int) -> Any:
        if source == target or not self.ndim:
            return x
        block = list(range(source, source + self.ndim))
        order = [d for d in range(x._data.ndim) if d not in block]
        order[target:target] = block
        return TEN.permute(x, tuple(order))


def _numbers(size: int, ndim: int) -> Any:
    """The number of each example, to be indexed with."""
    return wrap(np.arange(size).reshape(size, *(1,) * ndim))


def _split(op: Any, args: list[Any], batched: list[Any]) -> tuple[Any, ...]:
    where = [i for i, n in enumerate(op.order) if n[0] == "i" and n[1:].isdigit()]
    indices = [args[i] for i in where]
    flags = [batched[i] for i in where]
    masks = [i._data.dtype.kind == "b" or i._data.dtype == np.uint8 for i in indices]
    if any(m and f for m, f in zip(masks, flags, strict=True)):
        raise RuntimeError(_MASK)
    return indices, flags, any(masks), tuple(args[op.order.index("places")])


def _own(indices: list[Any], flags: list[bool], places: Ints, size: int) -> tuple[Any, Ints]:
    """Indices and places into a tensor with the batch in front, where examples index their own."""
    ndim = max(i._data.ndim - f for i, f in zip(indices, flags, strict=True))
    new = [padded(i, ndim) if f else i for i, f in zip(indices, flags, strict=True)]
    return [_numbers(size, ndim), *new], (0, *(p + 1 for p in places))


def _rows(name: str, count: int) -> Any:
    found = OPS.get(f"{name}{count}")
    if found is None:
        from ..._ops import index

        index.rows(count)
        found = OPS[f"{name}{count}"]
    return found


def _index(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x = args[0]
    indices, flags, masked, places = _split(op, args, batched)
    if masked:
        return one_by_one(op, args, batched, size)
    block = _Block(indices, flags, places)
    if batched[0] and not any(flags):
        found = call(op, [x, *indices, tuple(p + 1 for p in places)])
        if places[-1] - places[0] != len(places) - 1:  # the block went before the batch
            order = list(range(found._data.ndim))
            order.remove(block.ndim)
            found = TEN.permute(found, (block.ndim, *order))
        return found
    if not batched[0]:
        aligned_to = [padded(i, block.ndim) if f else i
                      for i, f in zip(indices, flags, strict=True)]  # fmt: skip
        found = call(op, [x, *aligned_to, places])
        if block.at:
            order = list(range(found._data.ndim))
            order.remove(block.at)
            found = TEN.permute(found, (block.at, *order))
        return found
    own, at = _own(indices, flags, places, size)
    return block.out(call(_rows("index", len(own)), [x, *own, at]))


def _index_backward(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    g, shape = args[:2]
    indices, flags, masked, places = _split(op, args, batched)
    if masked:
        return one_by_one(op, args, batched, size)
    block = _Block(indices, flags, places)
    own, at = _own(indices, flags, places, size)
    g = block.back(front(g, batched[0], size))
    return call(_rows("index_backward", len(own)), [g, (size, *shape), *own, at])


def _index_clear(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x = front(args[0], batched[0], size)
    indices, flags, masked, places = _split(op, args, batched)
    if masked:
        return one_by_one(op, args, batched, size)
    own, at = _own(indices, flags, places, size)
    return call(_rows("index_clear", len(own)), [x, *own, at])


def _index_put(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, values = args[:2]
    accumulate = args[-1]
    indices, flags, masked, places = _split(op, args, batched)
    if masked:
        return one_by_one(op, args, batched, size)
    block = _Block(indices, flags, places)
    ndim = shape_of(x, batched[0])
    result = len(ndim) - len(places) + block.ndim
    x = front(x, batched[0], size)
    own, at = _own(indices, flags, places, size)
    values = padded(front(values, batched[1], size), result)
    if block.at and block.ndim:
        values = block.back(values)
    return call(_rows("index_put", len(own)), [x, values, *own, at, accumulate])


_INDEXING = {
    "index": _index, "index_backward": _index_backward, "index_clear": _index_clear,
    "index_put": _index_put,
}  # fmt: skip

# ---- embedding ----------------------------------------------------------------------------------


def _shifted(indices: Any, batched: bool, rows: int, size: int) -> Any:
    """Numbers of rows in the tables of all examples, one below the other."""
    indices = front(indices, batched, size)
    start = np.arange(size, dtype=indices._data.dtype) * rows
    return TEN.add(indices, wrap(start.reshape(size, *(1,) * (indices._data.ndim - 1))))


@rule("embedding")
def _embedding(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    weight, indices, padding_idx, by_frequency, sparse = args
    if not batched[0] and not by_frequency:
        return call(op, args)
    if padding_idx >= 0 or by_frequency:
        return one_by_one(op, args, batched, size)
    _, rows, width = weight._data.shape
    table = TEN.reshape(weight, (size * rows, width))
    return call(op, [table, _shifted(indices, batched[1], rows, size), -1, False, sparse])


@rule("embedding_dense_backward")
def _embedding_backward(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    g, indices, rows, padding_idx, by_frequency = args
    if padding_idx >= 0 or by_frequency:
        return one_by_one(op, args, batched, size)
    g = front(g, batched[0], size)
    found = call(op, [g, _shifted(indices, batched[1], rows, size), rows * size, -1, False])
    return TEN.reshape(found, (size, rows, found._data.shape[1]))


@rule("embedding_twice")
def _embedding_twice(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    return call(op, args) if not batched[0] else one_by_one(op, args, batched, size)


# ---- pooling at remembered positions ------------------------------------------------------------

for _name in ("max_pool_scatter", "max_pool_gather", "max_unpool2d", "max_unpool3d"):
    RULES[_name] = all_in_front
for _name in ("max_pool2d_with_indices", "max_pool3d_with_indices", "avg_pool2d", "avg_pool3d",
              "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool2d",
              "adaptive_max_pool3d"):  # fmt: skip
    RULES[_name] = directly
