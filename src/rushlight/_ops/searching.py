"""Rows that count values or look for them: bincount, histc, searchsorted, bucketize, isin."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor
from .._define.kinds import general
from .._tensor import registry
from .division import without_derivative
from .sorting import plain

# ---- counting -----------------------------------------------------------------------------------


def _bincount(x: Any, weights: Any, minlength: int) -> Any:
    if x.dtype.kind not in "iu":
        name = _dtypes.from_numpy(x.dtype).type_name
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{name}'")
    if x.ndim != 1 or (x.size and x.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return np.bincount(x, minlength=minlength).astype(np.int64, copy=False)
    if weights.shape != x.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    dtype = weights.dtype if weights.dtype == np.float32 else np.dtype(np.float64)
    out = np.zeros(max(minlength, int(x.max()) + 1 if x.size else 0), dtype)
    np.add.at(out, x, weights.astype(dtype, copy=False))
    return out


def _bincount_check(x: Any, weights: Any, minlength: Any) -> tuple[int]:
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    return (int(minlength),)


bincount = general(
    "bincount", _bincount,
    "bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor",
    inputs=("x", "weights"), optional=("weights",), check=_bincount_check,
    weights=without_derivative("bincount"), node="NotImplemented",
)  # fmt: skip


def _histc(x: Any, bins: int, low: float, high: float) -> Any:
    if x.dtype.kind != "f":
        name = _dtypes.from_numpy(x.dtype).type_name
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{name}'")
    if bins <= 0:
        raise RuntimeError("torch.histc(): bins must be > 0")
    flat = x.reshape(-1)
    if low == high and flat.size:
        low, high = float(flat.min()), float(flat.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"torch.histc: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("torch.histc: max must be larger than min")
    inside = flat[(flat >= low) & (flat <= high)]
    place = ((inside - x.dtype.type(low)) / x.dtype.type(high - low) * bins).astype(np.int64)
    return np.bincount(np.minimum(place, bins - 1), minlength=bins).astype(x.dtype)


histc = general(
    "histc", _histc,
    "histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor", inputs=("x",),
    attrs=("bins", "low", "high"),
)  # fmt: skip

# ---- searching ----------------------------------------------------------------------------------


def _search(boundaries: Any, values: Any, sorter: Any, out_int32: bool, right: bool) -> Any:
    side: Any = "right" if right else "left"
    if boundaries.ndim == 1:
        found = np.searchsorted(boundaries, values, side, sorter)
    else:
        rows = boundaries.reshape(-1, boundaries.shape[-1])
        wanted = values.reshape(len(rows), -1)
        orders = [None] * len(rows) if sorter is None else sorter.reshape(rows.shape)
        found = np.stack(
            [np.searchsorted(b, v, side, o) for b, v, o in zip(rows, wanted, orders, strict=True)]
        ).reshape(values.shape)
    return np.asarray(found).astype(np.int32 if out_int32 else np.int64)


search_row = general(
    "searchsorted", _search,
    "_searchsorted(Tensor sorted_sequence, Tensor self, Tensor? sorter, bool out_int32, bool right)"
    " -> Tensor", inputs=("boundaries", "values", "sorter"), optional=("sorter",), public=False,
)  # fmt: skip


def _searchsorted(
    boundaries: Tensor, values: Any, out_int32: bool, right: bool, side: Any, sorter: Any
) -> Any:
    name = "torch.searchsorted(): "
    if side is not None:
        if side not in ("left", "right"):
            raise RuntimeError(f"{name}side can only be 'left' or 'right' but got {side}")
        if right and side == "left":
            raise RuntimeError(
                f"{name}side and right can't be set to opposites, got side of left while right was "
                "True"
            )
        right = side == "right"
    values = _as_value(values, boundaries)
    have, want = boundaries._data.shape, values._data.shape
    if len(have) != 1 and (len(have) != len(want) or have[:-1] != want[:-1]):
        raise RuntimeError(
            f"{name}boundaries tensor should be 1 dimension or the first N-1 dimensions of "
            "boundaries tensor and input value tensor must match, but we got boundaries tensor "
            f"{list(have)} and input value tensor {list(want)}"
        )
    return search_row.call(plain(boundaries), plain(values), sorter, out_int32, bool(right))


def _as_value(value: Any, like: Tensor) -> Tensor:
    if isinstance(value, Tensor):
        return value
    return _core.constant(value, _dtypes.number_dtype(value).numpy)


_SEARCH = "bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None"
registry.overloaded(
    "searchsorted",
    (f"searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, {_SEARCH}) -> Tensor",
     _searchsorted),
    (f"searchsorted.Scalar(Tensor sorted_sequence, Scalar self, *, {_SEARCH}) -> Tensor",
     _searchsorted),
    method=False,
)  # fmt: skip


def _bucketize(values: Any, boundaries: Tensor, out_int32: bool, right: bool) -> Any:
    if boundaries._data.ndim != 1:
        raise RuntimeError(
            f"boundaries tensor must be 1 dimension, but got dim({boundaries._data.ndim})"
        )
    return _searchsorted(boundaries, values, out_int32, right, None, None)


registry.overloaded(
    "bucketize",
    ("bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False)"
     " -> Tensor", _bucketize),
    ("bucketize.Scalar(Scalar self, Tensor boundaries, *, bool out_int32=False, bool right=False)"
     " -> Tensor", _bucketize),
    method=False,
)  # fmt: skip


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Whether each of `elements` is among `test_elements`.

    >>> import rushlight as torch
    >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2]))
    tensor([False,  True, False])
    """
    found = isin_row.call(
        _as_value(elements, test_elements), _as_value(test_elements, elements), invert
    )
    return found


isin_row = general(
    "isin", lambda x, wanted, invert: np.isin(x, wanted, invert=invert),
    "_isin(Tensor elements, Tensor test_elements, bool invert) -> Tensor",
    inputs=("x", "wanted"), public=False,
)  # fmt: skip
registry.public("isin", isin, method=False)
