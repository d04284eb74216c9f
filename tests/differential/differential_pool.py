"""The tensors that text cases may name: shapes, strides and dtypes that between them matter."""

from __future__ import annotations

from typing import Any

import numpy as np


def _arrays() -> dict[str, np.ndarray]:
    rng = np.random.RandomState(20)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    def between(low: float, high: float, *shape: int) -> np.ndarray:
        return rng.uniform(low, high, shape).astype(np.float32)

    special = np.array(
        [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e30, -1e-30, 88.5, 2.5],
        np.float32,
    )
    return {
        "a": normal(3, 4),
        "b": normal(3, 4),
        "p": between(0.1, 0.9, 3, 4),  # inside every domain
        "g": between(1.1, 3.0, 3, 4),  # for acosh
        "row": normal(4),
        "col": normal(3, 1),
        "zero_d": normal(),
        "one": normal(1),
        "empty": normal(0, 4),
        "cube": normal(2, 3, 4),
        "flipped": normal(4, 3).T,
        "stepped": normal(3, 8)[:, ::2],
        "expanded": np.broadcast_to(normal(4), (3, 4)),
        "square": normal(4, 4),
        "w": normal(4, 5),
        "batch": normal(2, 4, 5),
        "image": normal(2, 4, 6, 6),
        "small_image": normal(2, 4, 5, 3),
        "kernel": normal(6, 4, 3, 3),
        "kernel_t": normal(4, 6, 3, 3),
        "depthwise": normal(4, 1, 3, 3),
        "signal": normal(2, 4, 9),
        "kernel1": normal(3, 4, 3),
        "volume": normal(1, 2, 4, 4, 4),
        "vector4": normal(4),
        "vector6": normal(6),
        "logits": normal(5, 7),
        "long_row": normal(1000),
        "tall": normal(300, 7),
        "special": special,
        "special_col": special[:, None],
        "d": rng.standard_normal((3, 4)),
        "zero_d64": np.array(rng.standard_normal()),
        "h": normal(3, 4).astype(np.float16),
        "half_row": normal(4).astype(np.float16),
        "zero_half": normal().astype(np.float16),
        "i": rng.randint(-5, 6, (3, 4)),
        "i2": rng.randint(1, 5, (3, 4)),
        "i_row": rng.randint(1, 5, (4,)),
        "zero_i": np.array(3),
        "i32": rng.randint(-5, 6, (3, 4)).astype(np.int32),
        "i16": rng.randint(-5, 6, (3, 4)).astype(np.int16),
        "i8": rng.randint(-5, 6, (3, 4)).astype(np.int8),
        "u8": rng.randint(0, 250, (3, 4)).astype(np.uint8),
        "m": rng.randint(0, 2, (3, 4)).astype(bool),
        "m_row": np.array([True, False, True, True]),
        "m3": np.array([False, True, True]),
        "zero_m": np.array(True),
        "index": rng.randint(0, 3, (3, 4)),
        "index_row": np.array([2, 0, 1, 2]),
        "index3": np.array([1, 0, 2]),
        "target": rng.randint(0, 7, (5,)),
        "ties": np.array([[1, 3, 3, 0], [2, 2, 2, 2], [0, -1, 5, 5]], np.float32),
        "nans": np.array([[1, np.nan, 3, 0], [2, 2, np.nan, np.nan], [0, -1, 5, 5]], np.float32),
        "tokens": rng.randint(0, 6, (2, 5)),
    }


class Pool:
    """Makes fresh tensors by name."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.arrays = _arrays()

    def __contains__(self, name: str) -> bool:
        return name in self.arrays or name in ("q", "q_row", "zero_q")

    def make(self, name: str, double: bool = False) -> Any:
        torch = self.torch
        if name in ("q", "q_row", "zero_q"):
            plain = {"q": "h", "q_row": "half_row", "zero_q": "zero_half"}[name]
            array = self.arrays[plain].astype(np.float32)
            return torch.tensor(array.tolist(), dtype=torch.bfloat16)
        array = self.arrays[name]
        if name == "expanded":
            base = np.array(array[0])
            if double:
                base = base.astype(np.float64)
            return torch.from_numpy(base).expand(3, 4)
        if double and array.dtype == np.float32:
            widened = np.empty_like(array, np.float64)  # keeps the order of the dimensions
            widened[...] = array
            array = widened
        elif array.flags.c_contiguous:
            array = array.copy()
        else:
            array = _copied(array)
        return torch.from_numpy(np.asarray(array))


def _copied(array: np.ndarray) -> np.ndarray:
    """A copy with the same strides."""
    size = sum((n - 1) * abs(s) for n, s in zip(array.shape, array.strides, strict=True))
    buffer = np.zeros(size + array.itemsize, np.uint8)
    copy = np.ndarray(array.shape, array.dtype, buffer, 0, array.strides)
    copy[...] = array
    return copy
