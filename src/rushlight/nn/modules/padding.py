"""Padding by zeros, constants, reflection, replication or around the circle.

Source: https://docs.pytorch.org/docs/stable/nn.html#padding-layers
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import functional as F
from .module import Module
from .utils import _ntuple, _pair, _quadruple

if TYPE_CHECKING:
    from ..._core import Tensor

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d",
    "ConstantPad3d", "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d",
    "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d",
    "ZeroPad3d",
]  # fmt: skip

_sextuple = _ntuple(6)


class _Pad(Module):
    """A padding whose amounts are a number, or two numbers per dim from the last dim on."""

    __constants__ = ["padding"]
    _tuple: Any
    _mode: str

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = self._tuple(padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _CircularPadNd(_Pad):
    """What the circular paddings share: the check of the input's dims."""

    _mode = "circular"
    _dims: tuple[int, int]

    def _check_input_dim(self, input: Tensor) -> None:
        if input._data.ndim not in self._dims:
            raise ValueError(
                "expected {}D or {}D input (got {}D input)".format(*self._dims, input._data.ndim)
            )

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        return F.pad(input, self.padding, "circular")


class CircularPad1d(_CircularPadNd):
    """The last dim continued around the circle."""

    _tuple = staticmethod(_pair)
    _dims = (2, 3)


class CircularPad2d(_CircularPadNd):
    """The last 2 dims continued around the circle."""

    _tuple = staticmethod(_quadruple)
    _dims = (3, 4)


class CircularPad3d(_CircularPadNd):
    """The last 3 dims continued around the circle."""

    _tuple = staticmethod(_sextuple)
    _dims = (4, 5)


class _ConstantPadNd(_Pad):
    """What the constant paddings share: the value."""

    __constants__ = ["padding", "value"]

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """The last dim padded by a value."""

    _tuple = staticmethod(_pair)


class ConstantPad2d(_ConstantPadNd):
    """The last 2 dims padded by a value."""

    _tuple = staticmethod(_quadruple)


class ConstantPad3d(_ConstantPadNd):
    """The last 3 dims padded by a value."""

    _tuple = staticmethod(_sextuple)


class _ReflectionPadNd(_Pad):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """The last dim padded by its reflection."""

    _tuple = staticmethod(_pair)


class ReflectionPad2d(_ReflectionPadNd):
    """The last 2 dims padded by their reflection."""

    _tuple = staticmethod(_quadruple)


class ReflectionPad3d(_ReflectionPadNd):
    """The last 3 dims padded by their reflection."""

    _tuple = staticmethod(_sextuple)


class _ReplicationPadNd(_Pad):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """The last dim padded by its outermost elements."""

    _tuple = staticmethod(_pair)


class ReplicationPad2d(_ReplicationPadNd):
    """The last 2 dims padded by their outermost elements."""

    _tuple = staticmethod(_quadruple)


class ReplicationPad3d(_ReplicationPadNd):
    """The last 3 dims padded by their outermost elements."""

    _tuple = staticmethod(_sextuple)


class ZeroPad1d(ConstantPad1d):
    """The last dim padded by zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """The last 2 dims padded by zeros.

    >>> import rushlight as torch
    >>> torch.nn.ZeroPad2d(1)(torch.ones(1, 1, 1)).tolist()
    [[[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]
    """

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """The last 3 dims padded by zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"
