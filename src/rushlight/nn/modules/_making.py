"""Fresh parameters and buffers for layers: memory, dtype and device checked in one place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import _core, _dtypes
from ..._core import Tensor
from ..._tensor.creation import as_dtype
from ..._tensor.device import check_device
from ..parameter import Parameter, make


def _array(fill: Any, shape: Any, device: Any, dtype: Any) -> Any:
    check_device(device)
    kind = _dtypes.default.numpy if dtype is None else as_dtype(dtype).numpy
    try:
        return fill(shape, kind)
    except (TypeError, ValueError):
        raise _shape_error(shape) from None


def _shape_error(shape: Any) -> Exception:
    for position, size in enumerate(shape, 1):
        if not hasattr(size, "__index__"):
            return TypeError(
                f"empty(): argument 'size' failed to unpack the object at pos {position} with "
                f'error "type must be tuple of ints,but got {type(size).__name__}"'
            )
    negative = next((n for n in shape if n < 0), None)
    if negative is None:
        return RuntimeError(f"cannot make a tensor of shape {list(shape)}")
    return RuntimeError(
        f"Trying to create tensor with negative dimension {negative}: {list(shape)}"
    )


def empty_parameter(shape: Any, device: Any = None, dtype: Any = None) -> Parameter:
    """A parameter whose values are still to be set."""
    return make(Parameter, _array(np.empty, shape, device, dtype), True)


def empty_tensor(shape: Any, device: Any = None, dtype: Any = None) -> Tensor:
    """A tensor whose values are still to be set."""
    return _core.wrap(_array(np.empty, shape, device, dtype))


def zeros_tensor(shape: Any, device: Any = None, dtype: Any = None) -> Tensor:
    """A tensor of zeros."""
    return _core.wrap(_array(np.zeros, shape, device, dtype))


def ones_tensor(shape: Any, device: Any = None, dtype: Any = None) -> Tensor:
    """A tensor of ones."""
    return _core.wrap(_array(np.ones, shape, device, dtype))
