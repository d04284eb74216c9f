"""``Variable``: since PyTorch 0.4 another name for making a tensor of a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _dtypes as dtypes
from .._core import Tensor, wrap


class _VariableMeta(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableMeta):
    """``Variable(data)`` is a tensor over the memory of `data`; kept for old programs.

    Args:
        data: a tensor.
        requires_grad: whether operations on it are recorded.
        volatile: removed from PyTorch; warns.

    >>> import rushlight as torch
    >>> v = torch.autograd.Variable(torch.ones(2), requires_grad=True)
    >>> type(v) is torch.Tensor, v.requires_grad
    (True, True)
    """

    def __new__(cls, data: Any = None, requires_grad: Any = False, volatile: Any = None) -> Any:
        if volatile:
            import warnings

            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                UserWarning,
                stacklevel=2,
            )
        if data is None:
            data = wrap(np.empty(0, dtypes.default.dtype.numpy))
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        made: Any = data.detach()
        if requires_grad:
            made.requires_grad_(True)
        return made


Variable.__module__ = "torch.autograd.variable"
