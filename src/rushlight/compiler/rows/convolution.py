"""Convolutions of one and two dimensions, their adjoints and transposed ones."""

from __future__ import annotations

from typing import Any

from ..ir import View
from ..trace import KERNELS, NotLowered, Tracer, lowering
from .copying import _only

KERNELS.update(("conv2d", "conv2d_input", "conv2d_weight"))


def _flat(views: list[View], geometry: tuple[Any, ...]) -> tuple[list[View], dict[str, Any]]:
    """Views and attributes in two dimensions.

    Raises:
        NotLowered: three dimensions, or half precision.
    """
    stride, padding, dilation, groups = geometry
    rank = len(stride)
    for v in views:
        if v.dtype.kind != "f" or v.dtype.itemsize < 4:
            raise NotLowered(f"convolutions of {v.dtype}")
        if not v.size:
            raise NotLowered("convolutions of nothing")
    if rank == 1:
        views = [v.unsqueeze(2) for v in views]
        stride, padding, dilation = (1, *stride), (0, *padding), (1, *dilation)
    elif rank != 2:
        raise NotLowered("convolutions of three dimensions")
    attributes = {
        "stride": tuple(stride), "padding": tuple(padding), "dilation": tuple(dilation),
        "groups": groups,
    }  # fmt: skip
    return views, attributes


@lowering("convolution")
def convolution(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, w, b, stride, padding, dilation, transposed, _, groups = arguments
    out = _only(outputs)
    geometry = stride, padding, dilation, groups
    if transposed:
        (x, w, y), attributes = _flat([x, w, out], geometry)
        t.kernel("conv2d_input", [x, w], [y], **attributes)
        if b is not None:
            wide = b
            for _ in range(out.ndim - 2):
                wide = wide.unsqueeze(-1)
            t.map(out, [out, wide], lambda v, c: v + c)
        return
    (x, w, y), attributes = _flat([x, w, out], geometry)
    t.kernel("conv2d", [x, w] if b is None else [x, w, b], [y], **attributes)


@lowering("conv")
def conv(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    x, w, *geometry = arguments
    (x, w, y), attributes = _flat([x, w, _only(outputs)], tuple(geometry))
    t.kernel("conv2d", [x, w], [y], **attributes)


@lowering("conv_input")
def conv_input(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g, w, _, *geometry = arguments
    (g, w, dx), attributes = _flat([g, w, _only(outputs)], tuple(geometry))
    t.kernel("conv2d_input", [g, w], [dx], **attributes)


@lowering("conv_weight")
def conv_weight(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    g, x, _, *geometry = arguments
    (g, x, dw), attributes = _flat([g, x, _only(outputs)], tuple(geometry))
    t.kernel("conv2d_weight", [g, x], [dw], **attributes)
