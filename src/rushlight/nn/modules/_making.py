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
    return fill(shape, kind)


def empty_parameter(shape: Any, device: Any = None, dtype: Any = None) -> Parameter:
    """A parameter whose values are still to be set."""
    return make(Parameter, _array(np.empty, shape, device, dtype), True)  # type: ignore[no-any-return]


def empty_tensor(shape: Any, device: Any = None, dtype: Any = None) -> Tensor:
    """A tensor whose values are still to be set."""
    return _core.wrap(_array(np.empty, shape, device, dtype))


def zeros_tensor(shape: Any, device: Any = None, dtype: Any = None) -> Tensor:
    """A tensor of zeros."""
    return _core.wrap(_array(np.zeros, shape, device, dtype))


def ones_tensor(shape: Any, device: Any = None, dtype: Any = None) -> Tensor:
    """A tensor of ones."""
    return _core.wrap(_array(np.ones, shape, device, dtype))
