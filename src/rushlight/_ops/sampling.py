"""Rows of spatial transformers: the grid of an affine map, and an image read at a grid's points.

Source: Jaderberg et al. 2015, Spatial Transformer Networks, arXiv:1506.02025.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _dtypes
from .._core import Tensor
from .._define.kinds import joint, linear
from .._kernels import grid as kernels
from .._tensor.registry import overloaded

Ints = tuple[int, ...]

# ---- reading at points --------------------------------------------------------------------------


def _several(*outputs: Any) -> Any:
    return outputs


def _third(k: Any, g0: Any, g1: Any, g2: Any, need: Any) -> Any:
    raise RuntimeError("derivative for aten::grid_sampler_backward_backward is not implemented")


def _second(
    k: Any, g0: Any, g1: Any, y: Any, x: Any, grid: Any, mode: Any, padding: Any, align: Any,
    need: Any,
) -> Any:  # fmt: skip
    return k.grid_sampler_second(g0, g1, y, x, grid, mode, padding, align)


def _first(
    k: Any, g: Any, x: Any, grid: Any, mode: Any, padding: Any, align: Any, need: Any
) -> Any:
    return k.grid_sampler_backward(g, x, grid, mode, padding, align, (bool(need[0]), bool(need[1])))


_HOW = "int interpolation_mode, int padding_mode, bool align_corners"
_ATTRS = ("mode", "padding", "align")
grid_sampler_second = joint(
    "grid_sampler_second", kernels.second_gradients,
    f"_grid_sampler_second(Tensor? gx, Tensor? gg, Tensor grad, Tensor input, Tensor grid, {_HOW})"
    " -> (Tensor, Tensor, Tensor)", _third, ("gx", "gg", "y", "x", "grid"),
    inputs=("gx", "gg", "y", "x", "grid"), optional=("gx", "gg"), attrs=_ATTRS, outputs=3,
    floats=True, floats_of=2,
    returns=_several, public=False,
)  # fmt: skip
grid_sampler_backward = joint(
    "grid_sampler_backward", kernels.gradients,
    f"_grid_sampler_backward(Tensor grad, Tensor input, Tensor grid, {_HOW}, bool[] mask)"
    " -> (Tensor, Tensor)", _second, ("y", "x", "grid"), inputs=("y", "x", "grid"),
    attrs=(*_ATTRS, "mask"), outputs=2, returns=_several, public=False, floats=True,
    node="GridSampler2DBackwardBackward0",
)  # fmt: skip


def _check(x: Any, grid: Any, mode: int, padding: int, align: Any) -> tuple[Any, ...]:
    shapes = f"input with sizes {list(x.shape)} and grid with sizes {list(grid.shape)}"
    if not x.ndim or not grid.ndim or x.shape[0] != grid.shape[0]:
        raise RuntimeError(
            f"grid_sampler(): expected grid and input to have same batch size, but got {shapes}"
        )
    if grid.shape[-1] != x.ndim - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {x.ndim - 2} in last dimension, but got "
            f"grid with sizes {list(grid.shape)}"
        )
    for d in range(2, x.ndim):
        if x.shape[d] <= 0:
            raise RuntimeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input "
                f"has sizes {list(x.shape)} with dimension {d} being empty"
            )
    if x.ndim not in (4, 5) or x.ndim != grid.ndim:
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but "
            f"got {shapes}"
        )
    if x.ndim == 5 and mode == kernels.BICUBIC:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if x.dtype.kind in "iubc":
        name = _dtypes.from_numpy(x.dtype).type_name
        kernel = f"grid_sampler_{x.ndim - 2}d_cpu{'_kernel_impl' if x.ndim == 4 else ''}"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{name}'")
    return mode, padding, bool(align)


def _row(rank: int) -> Any:
    return joint(
        f"grid_sampler_{rank}d", kernels.sample,
        f"grid_sampler_{rank}d(Tensor input, Tensor grid, {_HOW}) -> Tensor",
        _first, ("x", "grid"), inputs=("x", "grid"), attrs=_ATTRS, floats=True,
        same_dtype=(0, 1), promotion="equal", check=_check, node=f"GridSampler{rank}DBackward0",
        mismatch=lambda x, other: (
            f"expected scalar type {x.type_name} but found {other.type_name}"),
    )  # fmt: skip


grid_sampler_rows = {rank: _row(rank) for rank in (2, 3)}


def grid_sampler(x: Tensor, grid: Tensor, mode: int, padding: int, align: bool) -> Any:
    """The row for the image's rank."""
    row = grid_sampler_rows[3 if x._data.ndim == 5 else 2]
    return row.call(x, grid, mode, padding, align)


overloaded(
    "grid_sampler", (f"grid_sampler(Tensor input, Tensor grid, {_HOW}) -> Tensor", grid_sampler),
    method=False,
)  # fmt: skip

# ---- the grid of an affine map ------------------------------------------------------------------


def _affine(theta: Any, size: Ints, align: bool) -> Any:
    base = kernels.base_points(size[2:], align, theta.dtype)
    points = base.reshape(-1, base.shape[-1]) @ np.swapaxes(theta, 1, 2)
    return points.reshape(size[0], *size[2:], len(size) - 2)


def _affine_adjoint(y: Any, size: Ints, align: bool) -> Any:
    base = kernels.base_points(size[2:], align, y.dtype)
    return np.swapaxes(y.reshape(size[0], -1, y.shape[-1]), 1, 2) @ base.reshape(
        -1, base.shape[-1])  # fmt: skip


def _affine_check(theta: Any, size: Any, align: Any) -> tuple[Any, ...]:
    sizes = tuple(int(n) for n in size)
    if len(sizes) not in (4, 5):
        raise RuntimeError(
            "AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs."
        )
    if theta.ndim == 3 and theta.shape[0] != sizes[0]:
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{sizes[0]}, {len(sizes) - 1}] but got: [{theta.shape[0]}, {theta.shape[2]}]."
        )
    return sizes, bool(align)


affine_grid_adjoint = linear(
    "affine_grid_adjoint", _affine_adjoint,
    "_affine_grid_adjoint(Tensor grad, SymInt[] size, bool align_corners) -> Tensor",
    inputs=("y",), attrs=("size", "align"), floats=True,
    y=lambda k, g, size, align: k.affine_grid_generator(g, size, align), public=False,
)  # fmt: skip
affine_grid_generator = linear(
    "affine_grid_generator", _affine,
    "affine_grid_generator(Tensor theta, SymInt[] size, bool align_corners) -> Tensor",
    inputs=("theta",), attrs=("size", "align"), floats=True, check=_affine_check,
    theta=lambda k, g, size, align: k.affine_grid_adjoint(g, size, align),
)  # fmt: skip
