"""Rows of fractional max pooling: windows at pseudo-random places, so that sizes need not divide.

Source: Graham 2014, Fractional Max-Pooling, arXiv:1412.6071.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .._core import Tensor
from .._define.kinds import general
from .pool import _pair, _scatter

Ints = tuple[int, ...]
_SIDES = {2: ("height", "width"), 3: ("time", "height", "width")}


def _starts(samples: Any, n: int, out: int, kernel: int) -> Any:
    """Where each window begins along an axis, one row for each plane."""
    last = np.full((len(samples), 1), n - kernel, np.int64)
    if out <= 1:
        return last[:, :out]
    alpha = samples.dtype.type(n - kernel) / samples.dtype.type(out - 1)
    steps = (np.arange(out - 1, dtype=samples.dtype) + samples[:, None]) * alpha
    first = (samples[:, None] * alpha).astype(np.int64)
    return np.concatenate([steps.astype(np.int64) - first, last], 1)


def _fractional(x: Any, samples: Any, kernel: Ints, output_size: Ints) -> tuple[Any, Any]:
    rank = len(kernel)
    lead, spatial = x.shape[: x.ndim - rank], x.shape[x.ndim - rank :]
    planes = prod(lead)
    if not planes:
        return np.empty((*lead, *output_size), x.dtype), np.empty((*lead, *output_size), np.int64)
    draws = samples[: lead[0] if len(lead) == 2 else 1].reshape(planes, rank)
    # In a plane the last axis comes first; a volume's axes come in order.
    order = (1, 0) if rank == 2 else (0, 1, 2)
    positions: Any = np.zeros((), np.int64)
    window: Any = np.zeros((), np.int64)
    for axis in range(rank):
        starts = _starts(draws[:, order[axis]], spatial[axis], output_size[axis], kernel[axis])
        shape = [planes] + [1] * rank
        shape[axis + 1] = -1
        positions = positions * spatial[axis] + starts.reshape(shape)
        offsets = [1] * rank
        offsets[axis] = -1
        window = window * spatial[axis] + np.arange(kernel[axis]).reshape(offsets)
    reads = positions[..., None] + window.reshape(-1)
    values = np.take_along_axis(x.reshape(planes, -1), reads.reshape(planes, -1), 1)
    values = values.reshape(reads.shape)
    # The first of equals wins; a NaN wins over everything.
    best = np.argmax(values, -1)[..., None]
    found = np.take_along_axis(values, best, -1)[..., 0]
    indices = np.take_along_axis(reads, best, -1)[..., 0]
    return found.reshape(*lead, *output_size), indices.reshape(*lead, *output_size)


def _row(rank: int) -> Any:
    return general(
        f"fractional_max_pool{rank}d", _fractional,
        f"_fractional_max_pool{rank}d(Tensor self, Tensor random_samples, int[] kernel, "
        "int[] output_size) -> (Tensor, Tensor)", inputs=("x", "samples"),
        x=lambda k, g, out1, x_shape, kernel: _scatter(k, g, out1, x_shape, len(kernel)),
        outputs=2, differentiable_outputs=(True, False), returns=_pair,
        node=f"FractionalMaxPool{rank}DBackward0", public=False,
    )  # fmt: skip


fractional_rows = {rank: _row(rank) for rank in (2, 3)}


def _spread(name: str, what: str, value: Any, rank: int) -> Ints:
    sizes = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(sizes) == 1:
        sizes = sizes * rank
    if len(sizes) != rank:
        ints = "three Ints" if rank == 3 else "Ints"
        raise RuntimeError(f"{name}: {what} must either be a single Int or tuple of {ints}")
    return sizes


def fractional_max_pool(
    input: Tensor, kernel_size: Any, output_size: Any, samples: Tensor, rank: int
) -> tuple[Tensor, Tensor]:
    """The largest values of random windows, and where they were.

    Raises:
        RuntimeError: sizes that do not fit.
    """
    name = f"fractional_max_pool{rank}d"
    shown = name + ("()" if rank == 2 else "_out()")
    x, s = input._data, samples._data
    kernel = _spread(name, "kernel_size", kernel_size, rank)
    sizes = _spread(name, "output_size", output_size, rank)
    if x.ndim not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"{shown}: Expected {rank + 1}D or {rank + 2}D tensor, but got: {list(x.shape)}"
        )
    for d in range(x.ndim - rank - 1, x.ndim):
        if x.shape[d] == 0:
            raise RuntimeError(
                f"{shown}: Expected input to have non-zero size for non-batch dimensions, but got"
                f"{list(x.shape)} with dimension {d} being empty."
            )
    if s.dtype != x.dtype:
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    if s.ndim != 3:
        raise RuntimeError(f"Expect _random_samples to have 3 dimensions, got {s.ndim}")
    if s.shape[2] != rank:
        raise RuntimeError(f"Expect _random_samples.size(2) equals to {rank}; got {s.shape[2]}.")
    if s.shape[1] != x.shape[x.ndim - rank - 1]:
        raise RuntimeError("Expect _random_samples.size(1) equals to input channel size.")
    if s.shape[0] < (x.shape[0] if x.ndim == rank + 2 else 1):
        raise RuntimeError("Expect _random_samples.size(0) no less then input batch size.")
    for side, n, out, width in zip(
        _SIDES[rank], x.shape[x.ndim - rank :], sizes, kernel, strict=True
    ):
        if out + width - 1 + (rank == 3) > n:
            raise RuntimeError(
                f"{shown}: pool {side} {width} too large relative to input {side} {n}"
            )
    row: Any = fractional_rows[rank]
    found: tuple[Tensor, Tensor] = row.call(input, samples, kernel, sizes)
    return found
