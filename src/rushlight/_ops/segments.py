"""Reductions of neighbouring slices: `torch.segment_reduce`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _dtypes
from .._core import Tensor, wrap
from .._tensor.registry import overloaded
from ..autograd.naming import renamed
from .by_example import by_example
from .checks import canonical_dim

#: The name PyTorch gives a reduction: scatter_reduce's, and the value of an empty segment.
_KINDS = {
    "sum": ("sum", 0.0), "mean": ("sum", 0.0), "prod": ("prod", 1.0), "max": ("amax", -math.inf),
    "amax": ("amax", -math.inf), "min": ("amin", math.inf), "amin": ("amin", math.inf),
}  # fmt: skip


def _lengths(
    lengths: Tensor | None, indices: Tensor | None, offsets: Tensor | None, axis: int
) -> Any:
    """The segments' lengths along the last dim."""
    given = lengths if lengths is not None else offsets
    if given is None:
        if indices is not None:
            raise RuntimeError(
                "segment_reduce(): indices based reduction is not supported yet."
            )
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    name = "lengths" if lengths is not None else "offsets"
    if given._data.ndim - 1 != axis:
        raise RuntimeError(
            f"segment_reduce(): Expected axis to be the last dimension of {name} but got {axis}."
        )
    if given._data.dtype.kind not in "iu":
        kind = _dtypes.from_numpy(given._data.dtype).type_name
        raise NotImplementedError(
            f"\"_segment_reduce_{name}_cpu_kernel1\" not implemented for '{kind}'"
        )
    values = given._data.astype(np.int64)
    return values if lengths is not None else np.diff(values, axis=-1)


@by_example
def segment_reduce(
    data: Tensor, reduce: str, lengths: Tensor | None, indices: Tensor | None,
    offsets: Tensor | None, axis: int, unsafe: bool, initial: Any,
) -> Any:  # fmt: skip
    """The reduction of each segment of `data` along `axis`."""
    axis = canonical_dim(axis, data._data.ndim)
    if reduce not in _KINDS:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    sizes = _lengths(lengths, indices, offsets, axis)
    shape = data._data.shape
    if lengths is not None and not unsafe:
        if (sizes < 0).any():
            raise RuntimeError("lengths contains negative value!")
        if (sizes.sum(-1) != shape[axis]).any():
            raise RuntimeError(
                "segment_reduce(): Expected all rows of lengths along axis to sum to "
                "data.size(lengths.dim()-1) when !unsafe."
            )
    if data._data.dtype.kind in "iub":
        kind = _dtypes.from_numpy(data._data.dtype).type_name
        raise NotImplementedError(f"\"_segment_reduce_cpu\" not implemented for '{kind}'")
    kind, start = _KINDS[reduce]
    count = sizes.shape[-1]
    owners = np.stack(
        [np.repeat(np.arange(count), row) for row in sizes.reshape(-1, count)]
    ).reshape(*shape[:axis], -1)
    spread = (*owners.shape, *shape[axis + 1 :])
    inner = (1,) * (len(shape) - axis - 1)
    numbers = np.broadcast_to(owners.reshape(*owners.shape, *inner), spread)
    out_shape = (*shape[:axis], count, *shape[axis + 1 :])
    begin = start if initial is None else initial
    base: Any = wrap(np.full(out_shape, begin, data._data.dtype))
    out = base.scatter_reduce(axis, wrap(np.ascontiguousarray(numbers)), data, kind)
    if reduce == "mean":
        divisor = sizes.reshape(*sizes.shape, *inner)
        if initial is not None:
            divisor = np.maximum(divisor, 1)
        out = out / wrap(divisor.astype(data._data.dtype))
    return renamed(out, "SegmentReduceBackward0")


overloaded(
    "segment_reduce",
    ("segment_reduce(Tensor data, str reduce, *, Tensor? lengths=None, Tensor? indices=None, "
     "Tensor? offsets=None, int axis=0, bool unsafe=False, Scalar? initial=None) -> Tensor",
     segment_reduce),
    method=False,
)  # fmt: skip
