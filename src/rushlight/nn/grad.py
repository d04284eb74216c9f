"""Gradients of convolutions as functions of their own."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from .._ops import conv as rows

__all__ = [
    "conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input",
    "conv3d_weight",
]  # fmt: skip


def _functions(rank: int) -> tuple[Any, Any]:
    def conv_input(
        input_size: Any, weight: Tensor, grad_output: Tensor, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1,
    ) -> Tensor:  # fmt: skip
        geometry = [rows.spread(v, rank, n) for v, n in
                    ((stride, "stride"), (padding, "padding"), (dilation, "dilation"))]  # fmt: skip
        return rows.conv_input.call(grad_output, weight, tuple(input_size), *geometry, groups)

    def conv_weight(
        input: Tensor, weight_size: Any, grad_output: Tensor, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1,
    ) -> Tensor:  # fmt: skip
        geometry = [rows.spread(v, rank, n) for v, n in
                    ((stride, "stride"), (padding, "padding"), (dilation, "dilation"))]  # fmt: skip
        return rows.conv_weight.call(grad_output, input, tuple(weight_size), *geometry, groups)

    for made, of in ((conv_input, "input"), (conv_weight, "weight")):
        made.__name__ = made.__qualname__ = f"conv{rank}d_{of}"
        made.__module__ = "torch.nn.grad"
        made.__doc__ = f"""The gradient of `conv{rank}d` in its {of}.

        Source: torch.nn.grad.conv{rank}d_{of}.
        """
    return conv_input, conv_weight


conv1d_input, conv1d_weight = _functions(1)
conv2d_input, conv2d_weight = _functions(2)
conv3d_input, conv3d_weight = _functions(3)
