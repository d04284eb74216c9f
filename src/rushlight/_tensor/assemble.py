"""Puts the pieces together: registers public names and hangs the methods on Tensor."""

from __future__ import annotations

from .._define import binding
from .. import _dtypes
from .._core import Tensor
from .._ops import casting, elementwise, linalg, movement, reduce
from . import attributes, creation, device, operators, registry
from .registry import overloaded, public

binding.configure(
    tensor_type=Tensor, dtype_type=_dtypes.dtype, device_type=device.device, size_type=device.Size,
    layout_type=device.layout, memory_format_type=device.memory_format,
    python_dtypes={float: _dtypes.float64, int: _dtypes.int64, bool: _dtypes.bool,
                   complex: _dtypes.complex128},
)  # fmt: skip
registry.register_rows()
public("pow", elementwise.pow)
public("matmul", linalg.matmul)
overloaded(
    "sum",
    (reduce.sum_all.schemas[0],
     lambda x, dtype: reduce.sum_all.call(reduce.with_dtype(x, dtype))),
    (reduce.sum_row.schemas[0],
     lambda x, dims, keepdim, dtype: reduce.sum_row.call(
         reduce.with_dtype(x, dtype), dims, keepdim)),
)  # fmt: skip
overloaded(
    "mean",
    (reduce.mean_all.schemas[0],
     lambda x, dtype: reduce.mean_all.call(reduce.with_dtype(x, dtype))),
    (reduce.mean_row.schemas[0],
     lambda x, dims, keepdim, dtype: reduce.mean_row.call(
         reduce.with_dtype(x, dtype), dims, keepdim)),
)  # fmt: skip
registry.attach()
attributes.attach()
operators.attach()
__all__ = ["casting", "creation", "movement"]
