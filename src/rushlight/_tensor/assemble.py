"""Puts the pieces together: registers public names and hangs the methods on Tensor."""

from __future__ import annotations

from .. import _dtypes
from .._core import Tensor
from .._define import binding
from .._ops import (
    activation,
    composed,
    conv,
    copying,
    dropout,
    embedding,
    image,
    index,
    loss,
    masking,
    norm,
    pad,
    pool,
    scatter_reduce,
    scattering,
    searching,
    softmax,
    sorting,
    taking,
)
from . import (
    attributes,
    borrowed,
    convert,
    creation,
    device,
    gradients,  # noqa: F401 - registers public names of autograd
    grids,
    indexing,
    legacy,
    numeric,
    operators,
    overloads,
    randoms,
    ranges,
    registry,
    threads,
)  # fmt: skip

binding.configure(
    tensor_type=Tensor, dtype_type=_dtypes.dtype, device_type=device.device, size_type=device.Size,
    layout_type=device.layout, memory_format_type=device.memory_format,
    python_dtypes={float: _dtypes.float64, int: _dtypes.int64, bool: _dtypes.bool,
                   complex: _dtypes.complex128},
)  # fmt: skip
registry.register_rows()
registry.attach()
attributes.attach()
convert.attach()
legacy.attach()
operators.attach()
indexing.attach()
__all__ = [
    "copying",
    "creation",
    "dropout",
    "embedding",
    "index",
    "masking",
    "overloads",
    "randoms",
    "ranges",
    "scatter_reduce",
    "scattering",
    "searching",
    "sorting",
    "taking",
]
__all__ += ["activation", "composed", "conv", "image", "loss", "norm", "pad", "pool", "softmax"]
__all__ += ["borrowed", "grids", "numeric", "threads"]
