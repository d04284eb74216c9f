"""Rows that pad: with a constant, by reflection, by the edge, around the circle."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define.kinds import general, linear


def _margins(pad: Any, ndim: int) -> list[tuple[int, int]]:
    """(before, after) of each dimension; `pad` counts from the last dimension."""
    pairs = [(int(pad[i]), int(pad[i + 1])) for i in range(0, len(pad), 2)]
    return [(0, 0)] * (ndim - len(pairs)) + pairs[::-1]


def _constant_check(x: Any, pad: Any, value: Any) -> tuple[tuple[int, ...], Any]:
    pad = tuple(int(p) for p in pad)
    if len(pad) % 2:
        raise RuntimeError(f"Length of pad must be even but instead it equals {len(pad)}")
    if len(pad) > 2 * x.ndim:
        raise RuntimeError(
            f"Length of pad should be no more than twice the number of dimensions of the input. "
            f"Pad length is {len(pad)} while the input has {x.ndim} dimensions."
        )
    for axis, (before, after) in enumerate(_margins(pad, x.ndim)):
        if x.shape[axis] + before + after < 0:
            raise RuntimeError(
                f"The input size {x.shape[axis]}, plus negative padding {before} and {after} "
                f"resulted in a negative output size, which is invalid. Check dimension {axis} "
                "of your input."
            )
    return pad, value


def _constant_pad(x: Any, pad: tuple[int, ...], value: Any) -> Any:
    margins = _margins(pad, x.ndim)
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, margins, strict=True))
    if value == 0:
        out = np.zeros(shape, x.dtype)
    else:
        out = np.empty(shape, x.dtype)
        out.fill(value)
    source = tuple(slice(max(0, -a), n - max(0, -b))
                   for n, (a, b) in zip(x.shape, margins, strict=True))  # fmt: skip
    target = tuple(slice(max(0, a), n - max(0, b))
                   for n, (a, b) in zip(shape, margins, strict=True))  # fmt: skip
    out[target] = x[source]
    return out


constant_pad_nd = general(
    "constant_pad_nd", _constant_pad,
    "constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor", check=_constant_check,
    x=lambda k, g, pad: k.constant_pad_nd(g, tuple(-p for p in pad), 0),
)  # fmt: skip


# ---- paddings that repeat the input: every output element is a copy of one input element --------


def _sources(n: int, before: int, after: int, mode: str) -> Any:
    """For each output position along one axis, the input position it copies."""
    at = np.arange(-before, n + after)
    if mode == "replicate":
        return np.clip(at, 0, n - 1)
    if mode == "circular":  # what a negative size cuts away does not come round again
        first, last = max(0, -before), n - max(0, -after)
        return (at - first) % max(1, last - first) + first
    period = max(1, 2 * (n - 1))
    at = np.abs(at) % period
    return np.where(at >= n, period - at, at)


def _copy_pad(x: Any, pad: tuple[int, ...], mode: str) -> Any:
    for axis, (before, after) in enumerate(_margins(pad, x.ndim)):
        if before or after:
            x = x.take(_sources(x.shape[axis], before, after, mode), axis)
    return np.ascontiguousarray(x)


def _copy_pad_adjoint(g: Any, shape: tuple[int, ...], pad: tuple[int, ...], mode: str) -> Any:
    margins = _margins(pad, g.ndim)
    for axis in range(g.ndim - 1, -1, -1):
        before, after = margins[axis]
        if not (before or after):
            continue
        n = shape[axis]
        rows = np.moveaxis(g, axis, 0)
        total = np.zeros((n, *rows.shape[1:]), g.dtype)
        np.add.at(total, _sources(n, before, after, mode), rows)
        g = np.moveaxis(total, 0, axis)
    return np.ascontiguousarray(g)


_FAMILIES = {"reflect": "Reflection", "replicate": "Replication", "circular": "Circular"}


def _copying(mode: str, rank: int) -> Any:
    """PyTorch has one op for each mode and rank, which shows in the name of the node."""
    family = _FAMILIES[mode]
    return linear(
        f"{family.lower()}_pad{rank}d", _copy_pad,
        f"_{family.lower()}_pad{rank}d(Tensor self, SymInt[] pad, str mode) -> Tensor",
        x=lambda k, g, x_shape, pad, mode: k.copy_pad_adjoint(g, x_shape, pad, mode),
        node=f"{family}Pad{rank}DBackward0" if mode != "circular" else "CopySlices", public=False,
    )  # fmt: skip


copy_pad = {(mode, rank): _copying(mode, rank) for mode in _FAMILIES for rank in (1, 2, 3)}
copy_pad_forward = linear(
    "copy_pad", _copy_pad, "_copy_pad(Tensor self, SymInt[] pad, str mode) -> Tensor",
    x=lambda k, g, x_shape, pad, mode: k.copy_pad_adjoint(g, x_shape, pad, mode), public=False,
)  # fmt: skip
copy_pad_adjoint = linear(
    "copy_pad_adjoint", _copy_pad_adjoint,
    "_copy_pad_adjoint(Tensor grad, SymInt[] shape, SymInt[] pad, str mode) -> Tensor",
    x=lambda k, g, pad, mode: k.copy_pad(g, pad, mode), public=False,
)  # fmt: skip
