"""Rows that select by a mask or a condition: masked_fill, masked_select, where, nonzero."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor, ctx
from .._define import promote
from .._define.kinds import general, linear
from .._tensor import registry
from ..autograd import inplace
from . import copying
from .casting import cast
from .elementwise import where_row
from .in_place import called, register_twin, written

# ---- masked_fill ------------------------------------------------------------------------------


def _mask_check(name: str) -> Any:
    def check(x: Any, mask: Any, *rest: Any) -> tuple[Any, ...]:
        value = rest[0] if rest else None
        if isinstance(value, np.ndarray):
            if value.ndim:
                raise RuntimeError(
                    f"{name}_ only supports a 0-dimensional value tensor, but got tensor with "
                    f"{value.ndim} dimension(s)."
                )
            rest = ()
        if mask.dtype != np.bool_:
            d = _dtypes.from_numpy(mask.dtype)
            raise RuntimeError(
                f"{name}_ only supports boolean masks, but got mask with dtype "
                f"{d.alias or d.name}"
            )
        return rest

    return check


def _together(x: Any, mask: Any) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(x.shape, mask.shape)
    except ValueError:
        raise promote.broadcast_error(x.shape, mask.shape) from None


def _masked_fill(x: Any, mask: Any, value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        value = copying.as_element(value, x.dtype)
    if mask.shape == x.shape:
        out = np.array(x)
    else:
        out = np.array(np.broadcast_to(x, _together(x, mask)), order="C")
    np.copyto(out, value, "unsafe", where=mask)
    return out


masked_fill_scalar = linear(
    "masked_fill_scalar", _masked_fill,
    "masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor",
    inputs=("x", "mask"), check=_mask_check("masked_fill"), broadcasts=(0, 1), public=False,
    x=lambda k, g, mask: k.masked_fill_scalar(g, mask, 0), node="MaskedFillBackward0",
)  # fmt: skip
masked_fill_tensor = linear(
    "masked_fill_tensor", _masked_fill,
    "masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor",
    inputs=("x", "mask", "value"), check=_mask_check("masked_fill"), broadcasts=(0, 1),
    x=lambda k, g, mask: k.masked_fill_scalar(g, mask, 0), node="MaskedFillBackward1",
    value=lambda k, g, mask, value_dtype: k.cast(k.sum_all(k.keep_where(mask, g)), value_dtype),
    public=False,
)  # fmt: skip
_MASKED_FILLS = (masked_fill_scalar, masked_fill_tensor)
registry.overloaded("masked_fill", *((row.schemas[0], called(row)) for row in _MASKED_FILLS))


def _fill_directly(row: Any) -> Any:
    recorded = written(row)

    def target(x: Tensor, mask: Tensor, value: Any) -> Tensor:
        if ctx.handler is not None or (
            _core.thread.grad and not inplace._untracked(x, (mask, value))
        ):
            return recorded(x, mask, value)
        inplace.check_writable(x)
        array = value._data if isinstance(value, Tensor) else value
        _mask_check("masked_fill")(x._data, mask._data, array)
        if not isinstance(array, np.ndarray):
            array = copying.as_element(array, x._data.dtype)
        try:
            with _core.quiet():
                np.copyto(x._data, array, "unsafe", where=mask._data)
        except ValueError:
            return recorded(x, mask, value)
        _core.bump(x)
        return x

    return target


registry.overloaded(
    "masked_fill_",
    ("masked_fill_.Scalar(Tensor(a!) self, Tensor mask, Scalar value) -> Tensor(a!)",
     _fill_directly(masked_fill_scalar)),
    ("masked_fill_.Tensor(Tensor(a!) self, Tensor mask, Tensor value) -> Tensor(a!)",
     _fill_directly(masked_fill_tensor)),
    function=False,
)  # fmt: skip

# ---- masked_select and masked_scatter -----------------------------------------------------------


def _masked_select(x: Any, mask: Any) -> Any:
    if x.shape == mask.shape:
        return x[mask] if x.ndim else x.reshape(1)[mask.reshape(1)]
    shape = _together(x, mask)
    return np.broadcast_to(x, shape)[np.broadcast_to(mask, shape)]


def _masked_select_check(x: Any, mask: Any) -> tuple[()]:
    if mask.dtype not in (np.bool_, np.uint8):
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    return ()


def _masked_select_backward(g: Any, shape: Any, mask: Any) -> Any:
    whole = np.zeros(np.broadcast_shapes(tuple(shape), mask.shape), g.dtype)
    whole[np.broadcast_to(mask, whole.shape)] = g
    return _core.RAW.sum_to(whole, tuple(shape))


masked_select = linear(
    "masked_select", _masked_select, "masked_select(Tensor self, Tensor mask) -> Tensor",
    inputs=("x", "mask"), check=_masked_select_check,
    x=lambda k, g, x_shape, mask: k.masked_select_backward(g, x_shape, mask),
)  # fmt: skip
masked_select_backward = linear(
    "masked_select_backward", _masked_select_backward,
    "_masked_select_backward(Tensor grad, SymInt[] shape, Tensor mask) -> Tensor",
    inputs=("x", "mask"), x=lambda k, g, mask: k.masked_select(g, mask), public=False,
)  # fmt: skip


def _masked_scatter(x: Any, mask: Any, source: Any) -> Any:
    out = np.array(np.broadcast_to(x, _together(x, mask)), order="C")
    mask = np.broadcast_to(mask, out.shape)
    count = int(np.count_nonzero(mask))
    if count > source.size:
        raise RuntimeError("Number of elements of source < number of ones in mask")
    out[mask] = source.reshape(-1)[:count]
    return out


def _masked_scatter_check(x: Any, mask: Any, source: Any) -> tuple[()]:
    if mask.dtype != np.bool_:
        name = _dtypes.from_numpy(mask.dtype).type_name
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {name}"
        )
    if x.dtype != source.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got "
            f"{_dtypes.from_numpy(x.dtype).type_name} and "
            f"{_dtypes.from_numpy(source.dtype).type_name}"
        )
    return ()


def _masked_scatter_backward(g: Any, mask: Any, shape: Any) -> Any:
    out = np.zeros(shape, g.dtype)
    found = g[np.broadcast_to(mask, g.shape)]
    out.reshape(-1)[: found.size] = found
    return out


def _masked_place(h: Any, mask: Any, shape: Any) -> Any:
    return _masked_scatter(np.zeros(shape, h.dtype), mask, h)


masked_scatter = linear(
    "masked_scatter", _masked_scatter,
    "masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor",
    inputs=("x", "mask", "source"), check=_masked_scatter_check, broadcasts=(0, 1),
    x=lambda k, g, mask: k.masked_fill_scalar(g, mask, 0),
    source=lambda k, g, mask, source_shape: k.masked_scatter_backward(g, mask, source_shape),
)  # fmt: skip
masked_scatter_backward = linear(
    "masked_scatter_backward", _masked_scatter_backward,
    "masked_scatter_backward(Tensor grad_output, Tensor mask, SymInt[] sizes) -> Tensor",
    inputs=("x", "mask"), public=False,
    x=lambda k, g, mask, x_shape: k.masked_place(g, mask, x_shape),
)  # fmt: skip
masked_place = linear(
    "masked_place", _masked_place,
    "_masked_place(Tensor grad, Tensor mask, SymInt[] sizes) -> Tensor",
    inputs=("x", "mask"), public=False,
    x=lambda k, g, mask, x_shape: k.masked_scatter_backward(g, mask, x_shape),
)  # fmt: skip
register_twin(masked_scatter, "masked_scatter_")

# ---- nonzero and where --------------------------------------------------------------------------


def _nonzero(x: Any) -> Any:
    if not x.ndim:
        return np.zeros((int(bool(x)), 0), np.int64)
    return np.stack(x.nonzero()).T if x.ndim > 1 else x.nonzero()[0][:, None]


nonzero_row = general(
    "nonzero", _nonzero, "nonzero(Tensor self) -> Tensor", inputs=("x",), public=False
)


def nonzero(input: Tensor, *, out: Any = None, as_tuple: bool = False) -> Any:
    """The positions of the elements that are not zero.

    Args:
        as_tuple: one tensor of positions for each dim, ready for indexing, in place of a matrix.

    Source: https://pytorch.org/docs/stable/generated/torch.nonzero.html

    >>> import rushlight as torch
    >>> torch.nonzero(torch.tensor([1, 0, 2]))
    tensor([[0],
            [2]])
    """
    if not isinstance(input, Tensor):
        raise TypeError(
            f"nonzero(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )
    if not as_tuple:
        return nonzero_row.call(input) if out is None else nonzero_row.call(input, out=out)
    if not input._data.ndim:
        input = input.reshape(1)
    return tuple(column.contiguous() for column in nonzero_row.call(input).unbind(1))


def argwhere(input: Tensor) -> Tensor:
    """The positions of the elements that are not zero, one row for each.

    >>> import rushlight as torch
    >>> torch.argwhere(torch.tensor([[1, 0], [0, 2]]))
    tensor([[0, 0],
            [1, 1]])
    """
    return nonzero(input)


def _condition(condition: Tensor) -> Tensor:
    dtype = condition._data.dtype
    if dtype == np.bool_:
        return condition
    if dtype == np.uint8:
        import warnings

        warnings.warn(
            "where received a uint8 condition tensor. This behavior is deprecated and will be "
            "removed in a future version of PyTorch. Use a boolean condition instead.",
            UserWarning,
            stacklevel=4,
        )
        return cast.call(condition, np.dtype(np.bool_))
    raise RuntimeError(
        "where expected condition to be a boolean tensor, but got a tensor with dtype "
        f"{_dtypes.from_numpy(dtype).type_name}"
    )


def _where(condition: Tensor, x: Any, y: Any) -> Any:
    if condition._data.dtype != np.bool_:
        condition = _condition(condition)
    if not isinstance(x, Tensor) and not isinstance(y, Tensor):
        kinds = ((_dtypes.number_dtype(x), 0), (_dtypes.number_dtype(y), 0))
        dtype = _dtypes.result_type(kinds).numpy
        x, y = _core.constant(x, dtype), _core.constant(y, dtype)
    return where_row.call(condition, x, y)


registry.overloaded(
    "where",
    ("where.self(Tensor condition, Tensor self, Tensor other) -> Tensor", _where),
    ("where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor", _where),
    ("where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor", _where),
    ("where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor", _where),
    ("where(Tensor condition) -> Tensor[]", lambda condition: nonzero(condition, as_tuple=True)),
    method=False,
)  # fmt: skip


def _where_method(self: Tensor, condition: Any, other: Any) -> Any:
    """``self`` where `condition` holds, else `other`."""
    if not isinstance(condition, Tensor):
        raise TypeError(
            f"where(): argument 'condition' (position 1) must be Tensor, not "
            f"{type(condition).__name__}"
        )
    return _where(condition, self, other)


_where_method.__name__ = "where"
registry.public("where", _where_method, torch=False)
registry.public("nonzero", nonzero)
registry.public("argwhere", argwhere)
