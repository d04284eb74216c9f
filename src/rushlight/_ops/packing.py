"""Sequences of different lengths laid out step after step, for the recurrent layers."""

from __future__ import annotations

from typing import Any

from .._define.kinds import linear


def _flat_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0] * shape[1], *shape[2:])


def _pack(x: Any, index: Any) -> Any:
    return x.reshape(_flat_shape(x.shape))[index]


def _pack_backward(k: Any, g: Any, shape: tuple[int, ...], index: Any) -> Any:
    return k.reshape(k.index_select_backward(g, _flat_shape(shape), 0, index), shape)


pack_padded_sequence = linear(
    "pack_padded_sequence", _pack,
    "_pack_padded_sequence(Tensor self, Tensor index) -> Tensor", inputs=("x", "index"),
    x=lambda k, g, x_shape, index: _pack_backward(k, g, x_shape, index), public=False,
)  # fmt: skip
