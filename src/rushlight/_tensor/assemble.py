"""Puts the pieces together: registers public names and hangs the methods on Tensor."""

from __future__ import annotations

from .. import _dtypes
from .._core import Namespace, Tensor
from .._define import binding, overriding
from .._ops import (  # noqa: F401 - each registers its public names
    activation,
    complexes,
    copying,
    index,
    masking,
    scatter_reduce,
    scattering,
    searching,
    softmax,
    sorting,
    taking,
)
from . import (  # noqa: F401 - the same
    attributes,
    borrowed,
    convert,
    creation,
    device,
    gradients,
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
)

binding.configure(
    tensor_type=Tensor, dtype_type=_dtypes.dtype, device_type=device.device, size_type=device.Size,
    layout_type=device.layout, memory_format_type=device.memory_format,
    python_dtypes={float: _dtypes.float64, int: _dtypes.int64, bool: _dtypes.bool,
                   complex: _dtypes.complex128},
)  # fmt: skip
registry.register_rows()
Namespace.load_late = registry.load_late
registry.attach()
attributes.attach()
convert.attach()
legacy.attach()
operators.attach()
indexing.attach()
overriding.attach()
