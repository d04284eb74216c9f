"""torch.types: names for annotations.

Source: https://docs.pytorch.org/docs/stable/type_info.html
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, Union

from ._core import Tensor
from ._tensor.device import Size
from ._tensor.device import device as _device

__all__ = ["Device", "FileLike", "IntLikeType", "Number", "FloatLikeType", "BoolLikeType"]

Number = Union[int, float, bool]  # noqa: UP007 - isinstance of older code looks into it
Device = Union[_device, str, int, None]  # noqa: UP007
FileLike = Union[str, os.PathLike[str], IO[bytes]]  # noqa: UP007
IntLikeType = int
FloatLikeType = float
BoolLikeType = bool
_size = Union[Size, list[int], tuple[int, ...]]  # noqa: UP007
_TensorOrTensors = Union[Tensor, Sequence[Tensor]]  # noqa: UP007
