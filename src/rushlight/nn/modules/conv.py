"""Convolutions and transposed convolutions in one, two and three dimensions."""

from __future__ import annotations

import math
from types import FunctionType
from typing import Any

from ..._core import Tensor
from .. import functional as F
from .. import init
from ._making import empty_parameter
from .module import Module
from .utils import _pair, _reverse_repeat_tuple, _single, _triple

__all__ = [
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
]  # fmt: skip

_PADDING_MODES = {"zeros", "reflect", "replicate", "circular"}


class _ConvNd(Module):
    """What all convolutions share: weight, bias and the checks of the arguments."""

    __constants__ = [
        "stride", "padding", "dilation", "groups", "padding_mode", "output_padding",
        "in_channels", "out_channels", "kernel_size",
    ]  # fmt: skip
    weight: Tensor
    bias: Tensor | None
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: str | tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: Any,
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        strings = {"same", "valid"}
        if isinstance(padding, str):
            if padding not in strings:
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {strings}")
            if padding == "same" and any(s != 1 for s in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {_PADDING_MODES}, but got padding_mode="
                f"'{padding_mode}'"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        # What `F.pad` gets where the padding is not zeros.
        self._reversed_padding_repeated_twice: Any
        if isinstance(padding, str):
            both = [0, 0] * len(kernel_size)
            if padding == "same":
                for i in range(len(kernel_size)):
                    total = dilation[-1 - i] * (kernel_size[-1 - i] - 1)
                    both[2 * i] = total // 2
                    both[2 * i + 1] = total - total // 2
            self._reversed_padding_repeated_twice = both
        else:
            self._reversed_padding_repeated_twice = _reverse_repeat_tuple(padding, 2)
        if transposed:
            shape = (in_channels, out_channels // groups, *kernel_size)
        else:
            shape = (out_channels, in_channels // groups, *kernel_size)
        self.weight = empty_parameter(shape, device, dtype)
        if bias:
            self.bias = empty_parameter((out_channels,), device, dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, from U(-k, k) with k = 1/sqrt(fan_in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0,) * len(self.padding):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.dilation):
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not hasattr(self, "padding_mode"):
            self.padding_mode = "zeros"


class _Convolution(_ConvNd):
    """The constructor of the three convolutions; they differ in the number of dims."""

    _tuple: Any
    _function: str

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        several = self._tuple
        super().__init__(
            in_channels, out_channels, several(kernel_size), several(stride),
            padding if isinstance(padding, str) else several(padding), several(dilation), False,
            several(0), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        convolve = getattr(F, self._function)
        if self.padding_mode == "zeros":
            return convolve(
                input, weight, bias, self.stride, self.padding, self.dilation, self.groups
            )
        padded = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
        none = (0,) * len(self.kernel_size)
        return convolve(padded, weight, bias, self.stride, none, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Convolution):
    """Cross-correlation of a sequence with learned kernels.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: size of the kernels.
        stride: step of the kernels.
        padding: amount on both sides, or "valid" or "same".
        dilation: distance between the elements of a kernel.
        groups: blocks of channels that do not mix.
        bias: whether a number per output channel is added.
        padding_mode: "zeros", "reflect", "replicate" or "circular".

    Shape: (N, C_in, L) or (C_in, L) to (N, C_out, L_out) or (C_out, L_out).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv1d.html

    >>> import rushlight as torch
    >>> torch.nn.Conv1d(16, 33, 3, stride=2)(torch.zeros(20, 16, 50)).shape
    torch.Size([20, 33, 24])
    """

    _tuple = staticmethod(_single)
    _function = "conv1d"


class Conv2d(_Convolution):
    """Cross-correlation of an image with learned kernels; arguments as in ``Conv1d``.

    Shape: (N, C_in, H, W) or (C_in, H, W) to (N, C_out, H_out, W_out) or (C_out, H_out, W_out).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html

    >>> import rushlight as torch
    >>> torch.nn.Conv2d(3, 8, 3, padding=1)(torch.zeros(2, 3, 5, 5)).shape
    torch.Size([2, 8, 5, 5])
    """

    _tuple = staticmethod(_pair)
    _function = "conv2d"


class Conv3d(_Convolution):
    """Cross-correlation of a volume with learned kernels; arguments as in ``Conv1d``.

    Shape: (N, C_in, D, H, W) or (C_in, D, H, W) to the same with C_out channels.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv3d.html
    """

    _tuple = staticmethod(_triple)
    _function = "conv3d"


class _ConvTransposeNd(_ConvNd):
    """What the transposed convolutions share."""

    _tuple: Any
    _function: str
    _dims: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        several = self._tuple
        sizes = several(kernel_size), several(stride), several(padding), several(dilation)
        if padding_mode != "zeros":
            raise ValueError(
                f'Only "zeros" padding mode is supported for {self.__class__.__name__}'
            )
        super().__init__(
            in_channels, out_channels, *sizes, True, several(output_padding), groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def _output_padding(
        self,
        input: Any,
        output_size: Any,
        stride: Any,
        padding: Any,
        kernel_size: Any,
        num_spatial_dims: int,
        dilation: Any = None,
    ) -> Any:
        """The output padding that leads to `output_size`."""
        if output_size is None:
            return _single(self.output_padding)
        has_batch = input.dim() == num_spatial_dims + 2
        others = 2 if has_batch else 1
        if len(output_size) == others + num_spatial_dims:
            output_size = output_size[others:]
        if len(output_size) != num_spatial_dims:
            raise ValueError(
                f"ConvTranspose{num_spatial_dims}D: for {input.dim()}D input, output_size must "
                f"have {num_spatial_dims} or {others + num_spatial_dims} elements (got "
                f"{len(output_size)})"
            )
        least, most = [], []
        for d in range(num_spatial_dims):
            step = dilation[d] if dilation is not None else 1
            size = (
                (input.size(d + others) - 1) * stride[d] - 2 * padding[d]
                + step * (kernel_size[d] - 1) + 1
            )  # fmt: skip
            least.append(size)
            most.append(size + stride[d] - 1)
        for size, low, high in zip(output_size, least, most, strict=True):
            if size < low or size > high:
                raise ValueError(
                    f"requested an output size of {output_size}, but valid sizes range from "
                    f"{least} to {most} (for an input of {input.size()[2:]})"
                )
        return [output_size[d] - least[d] for d in range(num_spatial_dims)]

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        if self.padding_mode != "zeros":
            raise ValueError(
                f"Only `zeros` padding mode is supported for {self.__class__.__name__}"
            )
        extra = self._output_padding(
            input, output_size, self.stride, self.padding, self.kernel_size, self._dims,
            self.dilation,
        )  # fmt: skip
        return getattr(F, self._function)(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip


class ConvTranspose1d(_ConvTransposeNd):
    """The gradient of ``Conv1d`` with respect to its input, as a layer.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: size of the kernels.
        stride: step of the convolution.
        padding: what is cut off at both sides.
        output_padding: what is added at one side.
        groups: blocks of channels that do not mix.
        bias: whether a number per output channel is added.
        dilation: distance between the elements of a kernel.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose1d.html
    """

    _tuple = staticmethod(_single)
    _function = "conv_transpose1d"
    _dims = 1


class ConvTranspose2d(_ConvTransposeNd):
    """The gradient of ``Conv2d`` as a layer; arguments as in ``ConvTranspose1d``.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html

    >>> import rushlight as torch
    >>> torch.nn.ConvTranspose2d(4, 3, 2, stride=2)(torch.zeros(1, 4, 5, 5)).shape
    torch.Size([1, 3, 10, 10])
    """

    _tuple = staticmethod(_pair)
    _function = "conv_transpose2d"
    _dims = 2


class ConvTranspose3d(_ConvTransposeNd):
    """The gradient of ``Conv3d`` as a layer; arguments as in ``ConvTranspose1d``.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose3d.html
    """

    _tuple = staticmethod(_triple)
    _function = "conv_transpose3d"
    _dims = 3


for _class in (Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d):
    if "__init__" not in vars(_class):  # TypeErrors show the name of the class
        _shared = _class.__init__
        _own = FunctionType(
            _shared.__code__, _shared.__globals__, "__init__", _shared.__defaults__,
            _shared.__closure__,
        )  # fmt: skip
        _own.__kwdefaults__ = _shared.__kwdefaults__
        _own.__annotations__ = _shared.__annotations__
        _own.__qualname__ = f"{_class.__name__}.__init__"
        _class.__init__ = _own  # type: ignore[method-assign]
