"""``x[key]``, ``x[key] = value``, iteration and membership.

A key is read from left to right. Its basic parts (integers, slices, None, Ellipsis) are views,
taken one after the other with PyTorch's view ops; what index tensors remain are handed to one of
the index rows together, with the dims they belong to. The common keys, an int and a slice, have
paths of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import LEAF, Tensor, ctx, wrap
from .._define.promote import link, plain
from .._dtypes import FLOAT32, FLOAT64
from .._ops import index as rows
from .._ops import movement
from .._ops.casting import alias
from .._ops.copying import copy_, fill_
from ..autograd import inplace
from . import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

_new = _core.new
_sequence = _core.next_sequence
_MASKS = (np.dtype(np.bool_), np.dtype(np.uint8))
_ELLIPSIS = type(Ellipsis)
_NONE = type(None)
_BASIC = frozenset((int, slice, _NONE, _ELLIPSIS))


def getitem(self: Any, key: Any) -> Any:
    """``self[key]``: a view for ints, slices, None and Ellipsis, else a copy."""
    kind = type(key)
    if kind is int:
        if ctx.handler is None:
            try:
                data = self._data
                t = _new(Tensor)
                t._data = data[key, ...]
            except (IndexError, AttributeError):
                return _select_or_raise(self, 0, key)
            t._edge = None
            link(self, t)
            edge = self._edge
            if edge is None or (ctx.modes and plain(t)):
                return t
            n = _new(movement.select.node)
            n.edges = (self if edge is LEAF else edge,)
            n.z0 = shape = data.shape
            n.a0 = 0
            n.a1 = key + shape[0] if key < 0 else key
            n._sequence = _sequence()
            if ctx.anomaly is not None:
                ctx.anomaly(n)
            t._edge = n
            return t
        return _select_or_raise(self, 0, key)
    if kind is slice:
        return _slice(self, 0, key)
    if kind is tuple:
        items = key
        if ctx.handler is None and self._edge is None and _BASIC.issuperset(map(type, key)):
            t = _basic_view(self, key)
            if t is not None:
                return t
    elif kind is Tensor:
        data = key._data
        if data.ndim and data.dtype.kind == "i" and self._data.ndim:
            if data.dtype.itemsize >= 4:
                return _index1.call(self, key, _FIRST)
        items = (key,)
    else:
        items = _items(key)
    view, places, tensors = _walk(self, items)
    if tensors:
        return rows.rows(len(tensors)).index.call(view, *tensors, places)
    return alias.call(self) if view is self else view


_FIRST = (0,)
_index1 = rows.rows(1).index




def _basic_view(self: Any, key: tuple[Any, ...]) -> Any:
    """The view for a basic key in one step, where no graph wants the steps; None if refused."""
    dots = False
    for part in key:
        if part is Ellipsis:
            dots = True
        elif type(part) is slice and part.step is not None and part.step <= 0:
            return None
    try:
        view = self._data[key if dots else (*key, ...)]
    except (IndexError, ValueError, TypeError):
        return None
    t = wrap(view)
    link(self, t)
    if ctx.modes:
        plain(t)
    return t


def _select_or_raise(x: Any, dim: int, number: int, alone: bool = True) -> Any:
    shape = x._data.shape
    if not shape and alone:
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` "
            "in C++ to convert a 0-dim tensor to a number"
        )
    size = shape[dim]
    if not -size <= number < size:
        if not -(2**63) <= number < 2**63:
            raise ValueError("Overflow when unpacking long long")
        raise IndexError(_outside(number, dim, size))
    return movement.select.call(x, dim, number)


def _outside(number: int, dim: int, size: int) -> str:
    return f"index {number} is out of bounds for dimension {dim} with size {size}"


def _slice(x: Any, dim: int, key: slice, skip_whole: bool = False) -> Any:
    shape = x._data.shape
    if not shape:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    size = shape[dim]
    start, end, step = key.indices(size)
    if step < 0:
        raise ValueError("step must be greater than zero")
    if skip_whole and not key.start and end == size and step == 1:
        if key.stop is None or key.stop >= size:
            return x
    if ctx.handler is not None or dim:
        return movement.slice_row.call(x, dim, start, max(start, end), step)
    t = wrap(x._data[start:end:step])
    link(x, t)
    edge = x._edge
    if edge is None or (ctx.modes and plain(t)):
        return t
    n = _new(movement.slice_row.node)
    n.edges = (x if edge is LEAF else edge,)
    n.z0 = shape
    n.a0, n.a1, n.a2, n.a3 = 0, start, max(start, end), step
    n._sequence = _sequence()
    if ctx.anomaly is not None:
        ctx.anomaly(n)
    t._edge = n
    return t



# ---- keys in general ----------------------------------------------------------------------------


def _items(key: Any) -> tuple[Any, ...]:
    """The parts of a key that is not a tuple: itself, or those of a list meant as a tuple."""
    if isinstance(key, tuple):
        return tuple(key)
    if isinstance(key, Tensor | np.ndarray) or not _is_sequence(key) or len(key) >= 32:
        return (key,)
    for part in key:
        if part is None or part is Ellipsis or isinstance(part, Tensor | slice) or (
            _is_sequence(part)
        ):
            _warn_about_list()
            return tuple(key)
    return (key,)


def _is_sequence(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return True
    return hasattr(value, "__getitem__") and hasattr(value, "__len__") and not isinstance(
        value, dict | Tensor | np.generic
    )


def _warn_about_list() -> None:
    import warnings

    warnings.warn(
        "Using a non-tuple sequence for multidimensional indexing is deprecated and will be "
        "changed in pytorch 2.9; use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be "
        "interpreted as tensor index, x[torch.tensor(seq)], which will result either in an error "
        "or a different result",
        UserWarning,
        stacklevel=4,
    )


def _walk(self: Any, items: tuple[Any, ...]) -> tuple[Any, tuple[int, ...], list[Any]]:
    """Take the basic parts of a key as views; return the view, and the index tensors that
    remain with the dims of the view they belong to."""
    if not self._data.ndim and len(items) == 1 and type(items[0]) is int:
        _select_or_raise(self, 0, items[0])
    items = tuple(_part(part) for part in items)
    wanted = 0
    for part in items:
        kind = type(part)
        if kind is int or kind is slice:
            wanted += 1
        elif isinstance(part, Tensor):
            mask = part._data.dtype in _MASKS
            wanted += part._data.ndim if mask else 1
    ndim = self._data.ndim
    if wanted > ndim:
        if not ndim and len(items) == 1 and type(items[0]) is slice:
            _slice(self, 0, items[0])
        raise IndexError(f"too many indices for tensor of dimension {ndim}")
    x, dim = self, 0
    places: list[int] = []
    tensors: list[Any] = []
    for position, part in enumerate(items):
        kind = type(part)
        if kind is int:
            size = x._data.shape[dim]
            if not -size <= part < size:
                if not -(2**63) <= part < 2**63:
                    raise ValueError("Overflow when unpacking long long")
                raise IndexError(_outside(part, position, size))
            x = movement.select.call(x, dim, part)
        elif kind is slice:
            x = _slice(x, dim, part, skip_whole=True)
            dim += 1
        elif part is Ellipsis:
            dim += ndim - wanted
        elif part is None:
            x = movement.unsqueeze.call(x, dim)
            dim += 1
        elif kind is bool:
            x = movement.unsqueeze.call(x, dim)
            places.append(dim)
            tensors.append(wrap(np.zeros(int(part), np.int64)))
            dim += 1
        else:
            mask = part._data.dtype in _MASKS
            places.append(dim)
            tensors.append(part)
            dim += part._data.ndim if mask else 1
    if tensors:
        _check_masks(x._data.shape, places, tensors)
    return x, tuple(places), tensors


def _check_masks(shape: tuple[int, ...], places: list[int], tensors: list[Any]) -> None:
    for place, t in zip(places, tensors, strict=True):
        if t._data.dtype in _MASKS:
            if t._data.dtype != np.bool_:
                import warnings

                warnings.warn(
                    "indexing with dtype torch.uint8 is now deprecated, please use a dtype "
                    "torch.bool instead.",
                    UserWarning,
                    stacklevel=4,
                )
            mask = t._data.shape
            for j, n in enumerate(mask):
                if shape[place + j] != n:
                    raise rows.mask_error(mask, shape, place, j)


def _part(part: Any) -> Any:
    """One part of a key as int, slice, None, Ellipsis, bool or index tensor."""
    kind = type(part)
    if kind in _BASIC or kind is bool:
        return part
    if isinstance(part, Tensor):
        return _tensor_part(part)
    if isinstance(part, np.bool_):
        raise _not_an_index(part)
    if _is_sequence(part):
        return _from_sequence(part)
    index = getattr(kind, "__index__", None)
    if index is None:
        raise _not_an_index(part)
    return int(index(part))


def _not_an_index(part: Any) -> IndexError:
    kind = type(part)
    name = f"{kind.__module__}.{kind.__name__}" if isinstance(part, np.generic) else kind.__name__
    return IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
        f"indices (got {name})"
    )


def _tensor_part(part: Any) -> Any:
    data = part._data
    dtype = data.dtype
    if dtype.kind == "i" and dtype.itemsize >= 4:
        return part if data.ndim else int(part.item())
    if dtype in _MASKS:
        return part if data.ndim else bool(part.item())
    if not data.ndim and dtype.kind == "i":
        return int(part.item())
    raise IndexError("tensors used as indices must be long, int, byte or bool tensors")


def _from_sequence(part: Any) -> Any:
    if isinstance(part, np.ndarray):
        array = part
    else:
        from .from_data import array_from

        array = array_from(part) if len(part) else np.zeros(0, np.int64)
    if array.dtype not in _MASKS:
        array = array.astype(np.int64)
    return _tensor_part(wrap(np.array(array)))


# ---- assignment ---------------------------------------------------------------------------------


def setitem(self: Any, key: Any, value: Any) -> None:
    """``self[key] = value``: the value is cast and broadcast."""
    kind = type(key)
    if ctx.handler is None and (
        kind is int or kind is slice or (kind is tuple and _BASIC.issuperset(map(type, key)))
    ):
        if _assign_directly(self, key, value):
            return
    if kind is int:
        view = getitem(self, key)
    elif kind is slice:
        view = _slice(self, 0, key, skip_whole=True)
    elif key is Ellipsis:
        view = self
    elif key is False:
        return
    elif key is None or key is True:
        view = movement.unsqueeze.call(self, 0)
    else:
        view, places, tensors = _walk(self, _items(key))
        if tensors:
            _put_items(self, view, places, tensors, value)
            return
    if isinstance(value, Tensor):
        if value._data.ndim:
            _copy_into(view, value)
        else:
            fill_(view, value)
        return
    fill_(view, _number(self, value))


def _assign_directly(self: Any, key: Any, value: Any) -> bool:
    """Let NumPy assign, where nothing is recorded and it means the same; whether it was done."""
    data = self._data
    kind = type(value)
    dtype = data.dtype
    if kind is float or kind is int:
        if not (dtype is FLOAT32 or dtype is FLOAT64) or not -9e18 < value < 9e18:
            return False
        if _core.thread.grad and (self._edge is not None or inplace._base_edge(self) is not None):
            return False
    elif kind is Tensor:
        cell = value._cell
        if value._data.dtype is not dtype or (cell is not None and cell is self._cell):
            return False
        if _core.thread.grad and not inplace._untracked(self, (value,)):
            return False
        value = value._data
    else:
        return False
    if 0 in data.strides or self._cell is _core.INFERENCE_CELL:
        return False
    for part in key if type(key) is tuple else (key,):
        if type(part) is slice and part.step is not None and part.step <= 0:
            return False
    try:
        data[key] = value
    except (IndexError, ValueError, TypeError):
        return False
    _core.bump(self)
    return True


def _copy_into(view: Any, value: Any) -> None:
    value = _without_leading_ones(value)
    if value._data.shape != view._data.shape:
        movement._expand_check(value._data, view._data.shape)
    copy_(view, value)


def _number(self: Any, value: Any) -> Any:
    if type(value) in (int, float, bool, complex):
        return value
    if isinstance(value, np.integer | np.bool_ | np.float64 | np.complex128):
        return value.item()
    name = _core.dtype_of(self).type_name
    raise TypeError(f"can't assign a {_type_word(value)} to a torch.{name}Tensor")


def _type_word(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _without_leading_ones(value: Any) -> Any:
    shape = value._data.shape
    if shape[0] != 1:
        return value
    first = 0
    while first < len(shape) and shape[first] == 1:
        first += 1
    return movement.reshape(value, shape[first:])


def _put_items(
    self: Any, view: Any, places: tuple[int, ...], tensors: list[Any], value: Any
) -> None:
    if isinstance(value, Tensor):
        if value._data.ndim:
            value = _without_leading_ones(value)
    else:
        with _core.quiet():
            value = wrap(np.array(_number(self, value)).astype(view._data.dtype))
    index_put_places_(view, places, tensors, value, False)


def index_put_places_(
    x: Any, places: tuple[int, ...], tensors: Any, values: Any, accumulate: bool
) -> Any:
    """Write `values` into `x` at index tensors, each with the dim of `x` it belongs to."""
    row = rows.rows(len(tensors)).put
    if 0 in x._data.strides and x._edge is None and inplace.overlaps(x._data):
        _warn_about_expanded()
    else:
        inplace.check_writable(x)
    if ctx.handler is None and inplace._untracked(x, (values,)):
        arrays = tuple(t._data for t in tensors)
        rows._put_check(x._data, values._data, *arrays, places, accumulate)
        try:
            rows.put_into(x._data, values._data, arrays, places, accumulate)
        except (IndexError, ValueError) as error:
            better = rows._explain_put(error, x, values, *tensors, places, accumulate)
            raise better or error from None
        _core.bump(x)
        return x
    result = row.call(inplace.shadow_of(x, False), values, *tensors, places, accumulate)
    return inplace.write(x, result)


def _places(x: Any, indices: Any) -> tuple[int, ...]:
    places, dim = [], 0
    for t in indices:
        places.append(dim)
        dim += t._data.ndim if t._data.dtype in _MASKS else 1
    if dim > x._data.ndim:
        raise IndexError(
            f"too many indices for tensor of dimension {x._data.ndim} (got {dim})"
        )
    _check_masks(x._data.shape, places, indices)
    return tuple(places)


def _index_put(x: Any, indices: Any, values: Any, accumulate: bool) -> Any:
    row = rows.rows(len(indices)).put
    return row.call(x, values, *indices, _places(x, indices), accumulate)


def _index_put_(x: Any, indices: Any, values: Any, accumulate: bool) -> Any:
    return index_put_places_(x, _places(x, indices), indices, values, accumulate)


registry.overloaded(
    "index_put",
    ("index_put(Tensor self, Tensor[] indices, Tensor values, bool accumulate=False) -> Tensor",
     _index_put),
)  # fmt: skip
registry.overloaded(
    "index_put_",
    ("index_put_(Tensor(a!) self, Tensor[] indices, Tensor values, bool accumulate=False)"
     " -> Tensor(a!)", _index_put_),
)  # fmt: skip


def _warn_about_expanded() -> None:
    import warnings

    warnings.warn(
        "Use of index_put_ on expanded tensors is deprecated. Please clone() the tensor before "
        "performing this operation. This also applies to advanced indexing e.g. tensor[indices] = "
        "tensor",
        UserWarning,
        stacklevel=4,
    )


def delitem(self: Any, key: Any) -> None:
    raise TypeError("Tensor does not support deleting items")


# ---- iteration and membership -------------------------------------------------------------------


def iterate(self: Any) -> Iterator[Any]:
    """The slices along the first dim."""
    if not self._data.ndim:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def contains(self: Any, element: Any) -> bool:
    """Whether any element equals `element`."""
    if isinstance(element, Tensor | int | float | complex):
        if ctx.handler is not None:
            return bool((self == element).any())
        return bool((self == element)._data.any())
    raise RuntimeError(
        f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
    )


def attach() -> None:
    """Hang indexing on Tensor."""
    for name, function in {
        "__getitem__": getitem, "__setitem__": setitem, "__iter__": iterate,
        "__contains__": contains, "__delitem__": delitem,
    }.items():  # fmt: skip
        setattr(Tensor, name, function)
