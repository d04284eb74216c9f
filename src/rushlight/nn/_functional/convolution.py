"""Convolutions of `torch.nn.functional` that are made of others."""

from __future__ import annotations

from typing import Any

from ..._core import Tensor
from ..._ops.conv import conv1d
from ...autograd.naming import renamed


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """A convolution over sequences with time first and channels last.

    Shape: input (T, B, C_in), weight (K, C_in, C_out), bias (C_out); output (T', B, C_out).
    Source: torch.nn.functional.conv_tbc.

    >>> import rushlight as torch
    >>> x = torch.ones(3, 1, 2)
    >>> torch.nn.functional.conv_tbc(x, torch.ones(2, 2, 1), torch.zeros(1)).flatten()
    tensor([4., 4.])
    """
    x: Any = input
    w: Any = weight
    b: Any = bias
    if x.ndim != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if w.ndim != 3:
        raise RuntimeError(
            "Weight tensor must have 3 dims: kernel_width, in_channels, out_channels."
        )
    if b.ndim != 1:
        raise RuntimeError("Bias must be 1-D")
    if x.shape[2] != w.shape[1]:
        raise RuntimeError("Input dim 2 (input channels) is not == dim 1 in the weight tensor")
    if w.shape[2] != b.shape[0]:
        raise RuntimeError("Bias size must equal dim 2 in the weight tensor (output channels).")
    out: Any = conv1d(x.permute(1, 2, 0), w.permute(2, 1, 0), b, padding=pad)
    found: Tensor = renamed(out.permute(2, 0, 1).contiguous(), "ConvTbcBackward0")
    return found
