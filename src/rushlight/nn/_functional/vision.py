"""Images in `torch.nn.functional`: interpolation, shuffles, unfold and fold."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..._core import Tensor
from ..._ops import image, pool

_ALIGNING = ("linear", "bilinear", "bicubic", "trilinear")
#: mode -> (spatial dimensions or None for any, the name PyTorch's node bears, taps of an axis)
_MODES: dict[str, tuple[int | None, str, str]] = {
    "nearest": (None, "Nearest", "nearest"),
    "nearest-exact": (None, "NearestExact", "nearest-exact"),
    "linear": (1, "Linear", "linear"),
    "bilinear": (2, "Bilinear", "linear"),
    "trilinear": (3, "Trilinear", "linear"),
    "bicubic": (2, "Bicubic", "cubic"),
}


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
            "trilinear" (5-D) or "area".
        align_corners: corner pixels keep their values and place.
        recompute_scale_factor: take the scale from the rounded output size.

    Raises:
        ValueError: size and scale that do not fit.
        NotImplementedError: a mode that does not suit the input; antialias.

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
    if rank not in (1, 2, 3) or (mode not in _MODES and mode != "area"):
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {x.ndim}D) for the "
            "modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area | "
            f"nearest-exact (got {mode})"
        )
    if antialias:
        raise NotImplementedError("torch.nn.functional.interpolate(antialias=True)")
    sizes, scales = _output(x, size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return pool.adaptive_avg_pool(rank, input, sizes)
    wanted, name, taps = _MODES[mode]
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
    return image.resample[name, rank].call(
        input, sizes, scales, taps, bool(align_corners)
    )


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


def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:  # fmt: skip
    """Not there yet.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("torch.nn.functional.grid_sample")


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """Not there yet.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("torch.nn.functional.affine_grid")
