"""Images in `torch.nn.functional`: interpolation, shuffles, unfold and fold."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ... import _dtypes
from ..._core import Tensor, wrap
from ..._ops import image, pool, sampling
from ..._ops.by_example import by_example

_ALIGNING = ("linear", "bilinear", "bicubic", "trilinear", "lanczos")
#: mode -> (spatial dimensions or None for any, the name PyTorch's node bears, taps of an axis)
_MODES: dict[str, tuple[int | None, str, str]] = {
    "nearest": (None, "Nearest", "nearest"),
    "nearest-exact": (None, "NearestExact", "nearest-exact"),
    "linear": (1, "Linear", "linear"),
    "bilinear": (2, "Bilinear", "linear"),
    "trilinear": (3, "Trilinear", "linear"),
    "bicubic": (2, "Bicubic", "cubic"),
}
#: The same with `antialias`: mode -> (node's name, filter).
_SMOOTH = {"bilinear": ("BilinearAa", "linear-smooth"), "bicubic": ("BicubicAa", "cubic-smooth"),
           "lanczos": ("LanczosAa", "lanczos-smooth")}  # fmt: skip


def _output(
    x: Any, size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The spatial size of the result, and the scale of each dimension where it counts."""
    rank = x.ndim - 2
    spatial = list(x.shape[2:])
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    for given, what, whole, letter in (
        (size, "output", "output size", "o"), (scale_factor, "scale_factor", "scale_factor", "s"),
    ):  # fmt: skip
        if isinstance(given, list | tuple) and len(given) != rank:
            shown = f"output size of {given}" if what == "output" else (
                f"scale_factor of shape {given}")  # fmt: skip
            raise ValueError(
                f"Input and {what} must have the same number of spatial dimensions, but got input "
                f"with spatial dimensions of {spatial} and {shown}. Please provide input tensor "
                f"in (N, C, d1, d2, ...,dK) format and {whole} in ({letter}1, {letter}2, ..."
                f",{letter}K) format."
            )
    if size is not None:
        if recompute:
            raise ValueError(
                "recompute_scale_factor is not meaningful with an explicit size."
            )
        sizes = (size,) * rank if isinstance(size, int) else tuple(int(n) for n in size)
        return sizes, (None,) * rank
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    scales = (
        tuple(float(s) for s in scale_factor) if isinstance(scale_factor, list | tuple)
        else (float(scale_factor),) * rank
    )  # fmt: skip
    sizes = tuple(math.floor(n * s) for n, s in zip(spatial, scales, strict=True))
    return sizes, (None,) * rank if recompute else scales


def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:  # fmt: skip
    """Resizes the spatial dimensions to `size`, or by `scale_factor`.

    Shape: input (N, C, L), (N, C, H, W) or (N, C, D, H, W).

    Args:
        mode: "nearest", "nearest-exact", "linear" (3-D input), "bilinear", "bicubic" (4-D),
            "trilinear" (5-D), "area" or "lanczos" (4-D, with `antialias` only).
        align_corners: corner pixels keep their values and place.
        recompute_scale_factor: take the scale from the rounded output size.
        antialias: a smaller image is made from all pixels, by a wider filter ("bilinear",
            "bicubic" and "lanczos").

    Raises:
        ValueError: size and scale that do not fit; antialias of another mode.
        NotImplementedError: a mode that does not suit the input.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html

    >>> import rushlight as torch
    >>> torch.nn.functional.interpolate(torch.tensor([[[1., 2.]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    if mode in _ALIGNING:
        if align_corners is None:
            align_corners = False
    elif align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear "
            "| bicubic | trilinear"
        )
    x = input._data
    rank = x.ndim - 2
    if rank not in (1, 2, 3) or (mode not in _MODES and mode not in ("area", "lanczos")):
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {x.ndim}D) for the "
            "modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area | "
            f"nearest-exact (got {mode})"
        )
    if antialias and not (mode in _SMOOTH and x.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires "
            "a 4-D tensor as input"
        )
    if mode == "lanczos":
        if not antialias:
            raise ValueError("Lanczos mode requires antialias=True")
        if align_corners:
            raise ValueError("Lanczos mode does not support align_corners=True")
    sizes, scales = _output(x, size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return pool.adaptive_avg_pool(rank, input, sizes)
    wanted, name, taps = (2, *_SMOOTH[mode]) if antialias else _MODES[mode]
    if wanted is not None and wanted != rank:
        raise NotImplementedError(f"Got {x.ndim}D input, but {mode} mode needs {wanted + 2}D input")
    if min(*sizes, *x.shape[2:]) <= 0:
        letters = ("D", "H", "W")[3 - rank :] if rank > 1 else ("W",)

        def shown(values: Any) -> str:
            return ", ".join(f"{a}: {n}" for a, n in zip(letters, values, strict=True))

        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({shown(x.shape[2:])})"
            f" output ({shown(sizes)})"
        )
    kind = x.dtype.kind
    if kind in "iub":
        if x.dtype == np.uint8 and mode[:7] == "nearest":
            return _nearest_bytes(input, sizes, scales, taps)
        _refuse(x.dtype, mode, rank, antialias)
    return image.resample[name, rank].call(
        input, sizes, scales, taps, bool(align_corners)
    )


@by_example
def _nearest_bytes(input: Tensor, sizes: Any, scales: Any, taps: str) -> Tensor:
    return wrap(image._resample(input._data, sizes, scales, taps, False))


def _refuse(dtype: Any, mode: str, rank: int, antialias: bool) -> None:
    """The error for a dtype that PyTorch, or rushlight, does not interpolate."""
    if dtype == np.uint8 and rank == 2:
        raise NotImplementedError(f"torch.nn.functional.interpolate(mode={mode!r}) of torch.uint8")
    plain = "nearest" if mode[:7] == "nearest" else "linear"
    if antialias:
        kernel = "compute_index_ranges_weights"
    elif mode == "bicubic":
        kernel = "compute_indices_weights_cubic"
    elif rank == 2:
        kernel = f"upsample_{'nearest' if plain == 'nearest' else mode}2d_channels_last"
    else:
        kernel = f"compute_indices_weights_{plain}"
    name = _dtypes.from_numpy(dtype).type_name
    raise NotImplementedError(f"\"{kernel}\" not implemented for '{name}'")


def _deprecated(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=3,
    )


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:  # fmt: skip
    """Deprecated: :func:`interpolate`."""
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Deprecated: :func:`interpolate`."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Deprecated: :func:`interpolate` with ``align_corners=True``."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C r^2, H, W) as (*, C, H r, W r). Source: torch.nn.functional.pixel_shuffle.

    >>> import rushlight as torch
    >>> torch.nn.functional.pixel_shuffle(torch.arange(4.).reshape(1, 4, 1, 1), 2)
    tensor([[[[0., 1.],
              [2., 3.]]]])
    """
    return image.pixel_shuffle.call(input, upscale_factor)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of :func:`pixel_shuffle`. Source: torch.nn.functional.pixel_unshuffle.

    >>> import rushlight as torch
    >>> torch.nn.functional.pixel_unshuffle(torch.ones(1, 1, 4, 4), 2).shape
    torch.Size([1, 4, 2, 2])
    """
    return image.pixel_unshuffle.call(input, downscale_factor)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Interleaves `groups` groups of channels. Source: torch.nn.functional.channel_shuffle.

    >>> import rushlight as torch
    >>> x = torch.arange(4.).reshape(1, 4, 1)
    >>> torch.nn.functional.channel_shuffle(x, 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    return image.channel_shuffle.call(input, groups)


native_channel_shuffle = channel_shuffle


def _pair(value: Any, name: str) -> tuple[int, int]:
    if isinstance(value, int):
        return (value, value)
    found = tuple(int(v) for v in value)
    if len(found) != 2:
        raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(found)}")
    return found


def _windows(kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> tuple[Any, ...]:
    kernel, dilations = _pair(kernel_size, "kernel_size"), _pair(dilation, "dilation")
    pads, strides = _pair(padding, "padding"), _pair(stride, "stride")
    for values, what, letter in ((kernel, "kernel size", "kernel"), (strides, "stride", "stride"),
                                 (dilations, "dilation", "dilation")):  # fmt: skip
        if min(values) <= 0:
            raise RuntimeError(
                f"{what} should be greater than zero, but got {letter}_height: {values[0]} "
                f"{letter}_width: {values[1]}"
            )
    if min(pads) < 0:
        raise RuntimeError(
            f"padding should be non-negative, but got pad_height: {pads[0]} pad_width: {pads[1]}"
        )
    return kernel, dilations, pads, strides


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The windows of an image as columns.

    Shape: input (N, C, H, W) or (C, H, W); output (N, C * kernel, windows).
    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.unfold.html

    >>> import rushlight as torch
    >>> torch.nn.functional.unfold(torch.ones(1, 3, 4, 4), 2).shape
    torch.Size([1, 12, 9])
    """
    kernel, dilations, pads, strides = _windows(kernel_size, dilation, padding, stride)
    x = input._data
    if x.ndim not in (3, 4) or 0 in x.shape[x.ndim - 3 :]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(x.shape)}"
        )
    spatial = x.shape[x.ndim - 2 :]
    blocks = image._blocks(spatial, kernel, dilations, pads, strides)
    if min(blocks) < 1:
        raise RuntimeError(
            f"Given input with spatial size {_shown(spatial)}, kernel_size={_shown(kernel)}, "
            f"dilation={_shown(dilations)}, padding={_shown(pads)}, calculated shape of the array "
            f"of sliding blocks as {_shown(max(b, 0) for b in blocks)}, but its components must be "
            "at least one."
        )
    return image.im2col.call(
        input, kernel, dilations, pads, strides
    )


def _shown(values: Any) -> str:
    return "(" + ", ".join(str(v) for v in values) + ")"


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
    stride: Any = 1,
) -> Tensor:  # fmt: skip
    """Adds windows up to an image: the adjoint of :func:`unfold`.

    Shape: input (N, C * kernel, windows) or (C * kernel, windows); output (N, C, *output_size).
    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.fold.html

    >>> import rushlight as torch
    >>> torch.nn.functional.fold(torch.ones(1, 4, 4), (3, 3), 2)
    tensor([[[[1., 2., 1.],
              [2., 4., 2.],
              [1., 2., 1.]]]])
    """
    kernel, dilations, pads, strides = _windows(kernel_size, dilation, padding, stride)
    size = _pair(output_size, "output_size")
    x = input._data
    if x.ndim not in (2, 3) or 0 in x.shape[x.ndim - 2 :]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(x.shape)}"
        )
    taps = kernel[0] * kernel[1]
    if x.shape[-2] % taps:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={x.shape[-2]} and kernel_size={_shown(kernel)}."
        )
    blocks = image._blocks(size, kernel, dilations, pads, strides)
    if blocks[0] * blocks[1] != x.shape[-1]:
        raise RuntimeError(
            f"Given output_size={_shown(size)}, kernel_size={_shown(kernel)}, "
            f"dilation={_shown(dilations)}, padding={_shown(pads)}, stride={_shown(strides)}, "
            "expected size of input's dimension 2 to match the calculated number of sliding blocks "
            f"{blocks[0]} * {blocks[1]} = {blocks[0] * blocks[1]}, but got "
            f"input.size(2)={x.shape[-1]}."
        )
    return image.col2im.call(
        input, size, kernel, dilations, pads, strides
    )


_SAMPLING = {"bilinear": 0, "nearest": 1, "bicubic": 2}
_PADDING = {"zeros": 0, "border": 1, "reflection": 2}
_CHANGED = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
    "Please specify align_corners=True if the old behavior is desired. See the documentation of "
    "grid_sample for details."
)


def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:  # fmt: skip
    """Reads an image at the points of a grid.

    Shape: input (N, C, H, W) with grid (N, H', W', 2), or (N, C, D, H, W) with (N, D', H', W', 3);
    output (N, C, H', W') or (N, C, D', H', W').

    Args:
        grid: coordinates of each point, the last axis' first, -1 and 1 being the image's ends.
        mode: "bilinear", "nearest" or "bicubic" (4-D input only).
        padding_mode: what lies beyond the image: "zeros", "border" or its "reflection".
        align_corners: -1 and 1 are the centres of the corner pixels, not their outer edges.

    Raises:
        ValueError: an unknown mode.
        RuntimeError: an image and a grid that do not fit.

    Source: torch.nn.functional.grid_sample; Jaderberg et al. 2015, arXiv:1506.02025.

    >>> import rushlight as torch
    >>> image = torch.tensor([[[[1., 3.]]]])
    >>> torch.nn.functional.grid_sample(image, torch.zeros(1, 1, 1, 2), align_corners=False)
    tensor([[[[2.]]]])
    """
    if mode not in _SAMPLING:
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in _PADDING:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn(_CHANGED, stacklevel=2)
        align_corners = False
    return sampling.grid_sampler(
        input, grid, _SAMPLING[mode], _PADDING[padding_mode], align_corners
    )


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The grid for :func:`grid_sample` that affine maps give.

    Shape: theta (N, 2, 3) with size (N, C, H, W): output (N, H, W, 2); theta (N, 3, 4) with size
    (N, C, D, H, W): output (N, D, H, W, 3).

    Args:
        align_corners: as in :func:`grid_sample`.

    Raises:
        ValueError: maps that do not fit the size.
        NotImplementedError: a size that is neither 4-D nor 5-D.

    Source: torch.nn.functional.affine_grid; Jaderberg et al. 2015, arXiv:1506.02025.

    >>> import rushlight as torch
    >>> theta = torch.tensor([[[1., 0., 0.], [0., 1., 0.]]])
    >>> torch.nn.functional.affine_grid(theta, (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    if align_corners is None:
        warnings.warn(_CHANGED, stacklevel=2)
        align_corners = False
    kind = theta._data.dtype.kind
    if kind in "iub":
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    rank = len(size) - 2
    if rank not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    if theta._data.ndim != 3 or theta._data.shape[1:] != (rank, rank + 1):
        raise ValueError(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size "
            f"{size}. Got {theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    if align_corners and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when "
            "align_corners=True. This is not an intended use case of affine_grid. See the "
            "documentation of affine_grid for details.",
            stacklevel=2,
        )
    return sampling.affine_grid_generator.call(theta, tuple(size), align_corners)
