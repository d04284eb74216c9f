"""Padding of `torch.nn.functional`."""

from __future__ import annotations

from typing import Any

from ..._core import Tensor
from ..._ops import pad as rows

_MODES = ("reflect", "replicate", "circular")


def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """Adds a margin: of a constant, mirrored, of the edge repeated, or around the circle.

    Args:
        pad: (before, after) of the last dimension, then of the one before it, and so on;
            negative sizes cut away.
        mode: "constant", "reflect", "replicate" or "circular".
        value: of the constant; 0 by default.

    Raises:
        RuntimeError: sizes that do not fit the input.
        NotImplementedError: a mode that does not exist, or not for that many dimensions.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html

    >>> import rushlight as torch
    >>> torch.nn.functional.pad(torch.tensor([1., 2.]), (1, 2))
    tensor([0., 1., 2., 0., 0.])
    """
    sizes = tuple(int(n) for n in pad)
    ndim = input._data.ndim
    if len(sizes) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(sizes) > 2 * ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(sizes)} and input of dimension {ndim}"
        )
    if mode == "constant":
        return rows.constant_pad_nd.call(
            input, sizes, 0 if value is None else value
        )
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in _MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    rank = len(sizes) // 2
    if rank > 3 or ndim not in (rank + 1, rank + 2):
        raise NotImplementedError(
            f"Padding size {len(sizes)} is not supported for {ndim}D input tensor."
        )
    _check(input._data, sizes, rank, mode)
    return rows.copy_pad[mode, rank].call(input, sizes, mode)


def _check(x: Any, sizes: tuple[int, ...], rank: int, mode: str) -> None:
    for i in range(rank):
        axis = x.ndim - 1 - i
        before, after, n = sizes[2 * i], sizes[2 * i + 1], x.shape[axis]
        if mode == "reflect" and n and (before >= n or after >= n):
            raise RuntimeError(
                f"Argument #{4 + 2 * i}: Padding size should be less than the corresponding input "
                f"dimension, but got: padding ({before}, {after}) at dimension {axis} of input "
                f"{list(x.shape)}"
            )
        if mode == "circular":
            if before > n or after > n:
                raise RuntimeError("Padding value causes wrapping around more than once.")
            if n + before + after < 0:
                raise RuntimeError("Negative padding value is resulting in an empty dimension")
        if n == 0:
            raise RuntimeError(
                f"Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with possibly 0 batch "
                f"size and other non-zero dimensions for input, but got: {list(x.shape)}"
            )
