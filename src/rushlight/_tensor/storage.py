"""Which memory a tensor looks into: its storage and its place in it."""

from __future__ import annotations

from typing import Any

import numpy as np


def storage_of(data: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], int]:
    """The memory of `data` as a flat array of its dtype, and the element it starts at."""
    root = data
    while isinstance(root.base, np.ndarray):
        root = root.base
    start = data.__array_interface__["data"][0]
    origin = root.__array_interface__["data"][0]
    if root.flags.c_contiguous:
        flat = root.reshape(-1)
    elif root.flags.f_contiguous:
        flat = root.T.reshape(-1)
    else:
        low, high = np.lib.array_utils.byte_bounds(root)
        flat = np.ndarray(((high - low) // root.itemsize,), root.dtype, root)
    if flat.dtype != data.dtype:
        flat = flat.view(data.dtype)
    return flat, (start - origin) // data.itemsize


def elements(strides: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Byte strides as element strides."""
    return tuple(s // itemsize for s in strides)
