"""What a result is, in plain data that both sides can dump and compare."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

#: ("tensor", facts, values) · ("array", dtype, values) · ("number", type, value) · ("text", s)
#: · ("list", name, parts) · ("dict", name, parts) · ("error", type, first line)
Description = tuple


def described_error(error: BaseException) -> Description:
    """The type and the first line. A key error's text is its key's repr."""
    text = str(error).strip()
    first = text.splitlines()[0] if text else ""
    return ("error", type(error).__name__, re.sub(r"0x[0-9a-f]{6,}", "0x...", first))


def values_of(t: Any) -> np.ndarray:
    """The values; bfloat16, which NumPy lacks, as float32."""
    if hasattr(t, "_data"):  # rushlight: its own array, whatever else is still missing there
        array = np.array(t._data)
        return array.astype(np.float32) if str(array.dtype) == "bfloat16" else array
    t = t.detach().resolve_conj().resolve_neg()
    if str(t.dtype) == "torch.bfloat16":
        t = t.float()
    return np.array(t.numpy(force=True))


def strides_of(t: Any) -> tuple[int, ...] | None:
    """Strides where they mean something: a dimension of size one or an empty tensor has none."""
    shape = tuple(t.shape)
    if 0 in shape:
        return None
    return tuple(s if n > 1 else 0 for n, s in zip(shape, t.stride(), strict=True))


def describe(torch: Any, value: Any) -> Description:
    if isinstance(value, torch.Tensor):
        facts = {
            "type": type(value).__name__,
            "dtype": str(value.dtype),
            "shape": tuple(value.shape),
            "strides": strides_of(value),
            "requires_grad": bool(value.requires_grad),
            "grad_fn": type(value.grad_fn).__name__ if value.grad_fn is not None else None,
        }
        return ("tensor", tuple(facts.items()), ArrayValue(values_of(value)))
    if isinstance(value, np.ndarray):
        return ("array", str(value.dtype), ArrayValue(np.array(value)))
    if isinstance(value, str):
        return ("text", repr(re.sub(r"0x[0-9a-f]{6,}", "0x...", value)))
    if isinstance(value, (bool, int)) or value is None:
        return ("text", repr(value))
    if isinstance(value, (float, complex)):
        return ("number", type(value).__name__, ArrayValue(np.array(value)))
    if isinstance(value, (tuple, list)):
        name = type(value).__name__
        if type(value).__module__ == "torch.return_types":
            name = type(value).__module__ + "." + name
        return ("list", name, tuple(describe(torch, part) for part in value))
    if isinstance(value, dict):
        parts = tuple((repr(k), describe(torch, v)) for k, v in value.items())
        return ("dict", type(value).__name__, parts)
    return ("text", re.sub(r"0x[0-9a-f]{6,}", "0x...", repr(value)))


class ArrayValue:
    """An array that compares bit for bit with ==, for the question whether anything changed."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArrayValue) and self.array.tobytes() == other.array.tobytes()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return np.array2string(self.array, threshold=20, precision=9)
