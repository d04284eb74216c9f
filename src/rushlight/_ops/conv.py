"""Rows of convolution and its two adjoints, and the public conv functions over them.

With ``y = conv(x, w)``, the inner product ``<g, conv(x, w)>`` equals ``<conv_input(g, w), x>`` and
``<conv_weight(g, x), w>``: each of the three is linear in each input, and their derivatives are
the other two. Transposed convolution is `conv_input` as a forward.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np

from .. import _dtypes
from .._core import Tensor, fused
from .._define.kinds import bilinear, joint
from .._kernels import conv as kernels
from .._tensor.registry import public
from .arguments import half_precision, require_tensors
from .casting import cast
from .movement import squeeze_one, unsqueeze
from .pad import constant_pad_nd

Ints = tuple[int, ...]


def _conv_weight(y: Any, x: Any, shape: Ints, stride: Ints, padding: Ints, dilation: Ints,
                 groups: int) -> Any:  # fmt: skip
    # `.grad` takes the parameter's layout, which is contiguous.
    return np.ascontiguousarray(
        kernels.conv_weight(y, x, shape, stride, padding, dilation, groups)
    )


_GEOMETRY = "int[] stride, int[] padding, int[] dilation, int groups) -> Tensor"

conv = bilinear(
    "conv", kernels.conv, f"_conv(Tensor input, Tensor weight, {_GEOMETRY}", inputs=("x", "w"),
    x=lambda k, g, w, x_shape, stride, padding, dilation, groups: k.conv_input(
        g, w, x_shape, stride, padding, dilation, groups),
    w=lambda k, g, x, w_shape, stride, padding, dilation, groups: k.conv_weight(
        g, x, w_shape, stride, padding, dilation, groups),
    node="ConvolutionBackwardBackward0", public=False,
)  # fmt: skip
conv_input = bilinear(
    "conv_input", kernels.conv_input,
    f"_conv_input(Tensor grad, Tensor weight, int[] shape, {_GEOMETRY}", inputs=("y", "w"),
    y=lambda k, g, w, stride, padding, dilation, groups: k.conv(
        g, w, stride, padding, dilation, groups),
    w=lambda k, g, y, w_shape, stride, padding, dilation, groups: k.conv_weight(
        y, g, w_shape, stride, padding, dilation, groups),
    node="ConvolutionBackwardBackward0", public=False,
)  # fmt: skip
conv_weight = bilinear(
    "conv_weight", _conv_weight,
    f"_conv_weight(Tensor grad, Tensor input, int[] shape, {_GEOMETRY}", inputs=("y", "x"),
    y=lambda k, g, x, stride, padding, dilation, groups: k.conv(
        x, g, stride, padding, dilation, groups),
    x=lambda k, g, y, x_shape, stride, padding, dilation, groups: k.conv_input(
        y, g, x_shape, stride, padding, dilation, groups),
    node="ConvolutionBackwardBackward0", public=False,
)  # fmt: skip


# ---- the public op ------------------------------------------------------------------------------


def _transposed_shape(x: Ints, w: Ints, stride: Ints, padding: Ints, dilation: Ints,
                      output_padding: Ints, groups: int) -> Ints:  # fmt: skip
    spatial = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
        for n, k, s, p, d, extra in zip(x[2:], w[2:], stride, padding, dilation,
                                        output_padding, strict=True)
    )  # fmt: skip
    return (x[0], w[1] * groups, *spatial)


def _convolution(x: Any, w: Any, b: Any, stride: Ints, padding: Ints, dilation: Ints,
                 transposed: bool, output_padding: Ints, groups: int) -> Any:  # fmt: skip
    if transposed:
        shape = _transposed_shape(
            x.shape, w.shape, stride, padding, dilation, output_padding, groups
        )
        y = kernels.conv_input(x, w, shape, stride, padding, dilation, groups)
    else:
        y = kernels.conv(x, w, stride, padding, dilation, groups)
    if b is not None:
        np.add(y, b.reshape((-1,) + (1,) * (y.ndim - 2)), out=y)
    return y


def _conv_gradients(
    k: Any, g: Any, x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: Any, need: Any
) -> Any:
    shape = tuple(x.shape)
    return (
        k.conv_input(g, w, shape, stride, padding, dilation, groups) if need[0] else None,
        k.conv_weight(g, x, tuple(w.shape), stride, padding, dilation, groups) if need[1] else None,
    )


fused("conv_gradients", kernels.conv_gradients, _conv_gradients)


def _convolution_gradients(
    k: Any, g: Any, x: Any, w: Any, b_shape: Any, stride: Any, padding: Any, dilation: Any,
    transposed: Any, groups: Any, need: Any,
) -> Any:  # fmt: skip
    gx = gw = gb = None
    if not transposed:
        gx, gw = k.conv_gradients(g, x, w, stride, padding, dilation, groups, need)
    else:
        if need[0]:
            gx = k.conv(g, w, stride, padding, dilation, groups)
        if need[1]:
            gw = k.conv_weight(x, g, tuple(w.shape), stride, padding, dilation, groups)
    if need[2]:
        gb = k.sum(g, (0, *range(2, g.ndim)), False)
    return gx, gw, gb


def _by(sizes: Any) -> str:
    return "(" + " x ".join(str(n) for n in sizes) + ")"


def _check(x: Any, w: Any, b: Any, *geometry: Any) -> tuple[Any, ...]:
    shapes = x.shape, w.shape, None if b is None else b.shape
    try:
        return _checked(*shapes, *geometry)
    except TypeError:  # a list is no key
        return _checked.__wrapped__(*shapes, *geometry)


@lru_cache(maxsize=256)
def _checked(
    x: Ints, w: Ints, b: Ints | None, stride: Any, padding: Any, dilation: Any, transposed: Any,
    output_padding: Any, groups: Any,
) -> tuple[Any, ...]:  # fmt: skip
    rank = len(w) - 2
    stride = spread(stride, rank, "stride")
    padding = spread(padding, rank, "padding")
    dilation = spread(dilation, rank, "dilation")
    output_padding = spread(output_padding, rank, "output_padding")
    if min(padding, default=0) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(stride, default=1) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(dilation, default=1) <= 0:
        raise RuntimeError("non-positive dilation is not supported")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if len(x) != len(w):
        raise RuntimeError(
            f"Expected {len(w)}-dimensional input for {len(w)}-dimensional weight "
            f"{list(w)}, but got {len(x)}-dimensional input of size {list(x)} instead"
        )
    if w[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but "
            f"got weight of size {list(w)} instead"
        )
    if w[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{list(w)}] instead"
        )
    channels = w[0] if transposed else w[1] * groups
    if x[1] != channels:
        how = f"transposed={int(transposed)}" if transposed else f"groups={groups}"
        raise RuntimeError(
            f"Given {how}, weight of size {list(w)}, expected input{list(x)} to have "
            f"{channels} channels, but got {x[1]} channels instead"
        )
    out = w[1] * groups if transposed else w[0]
    if b is not None and b != (out,):
        how = f"transposed={int(transposed)}, weight" if transposed else "weight"
        raise RuntimeError(
            f"Given {how} of size {list(w)}, expected bias to be 1-dimensional with {out} "
            f"elements, but got bias of size {list(b)} instead"
        )
    _check_sizes(x, w, stride, padding, dilation, transposed, output_padding, groups)
    return stride, padding, dilation, bool(transposed), output_padding, groups


def _check_sizes(x: Ints, w: Ints, stride: Ints, padding: Ints, dilation: Ints, transposed: bool,
                 output_padding: Ints, groups: int) -> None:  # fmt: skip
    if transposed:
        if any(extra >= s and extra >= d
               for extra, s, d in zip(output_padding, stride, dilation, strict=True)):  # fmt: skip
            names = ("depth", "height", "width")[-len(stride) :]
            listed = " ".join(
                f"{what}_{name}: {n}"
                for what, values in (("output_padding", output_padding), ("stride", stride),
                                     ("dilation", dilation))
                for name, n in zip(names, values, strict=True)
            )  # fmt: skip
            raise RuntimeError(
                f"output padding must be smaller than either stride or dilation, but got {listed}"
            )
        shape = _transposed_shape(x, w, stride, padding, dilation, output_padding, groups)[2:]
        if min(shape, default=1) < 1:
            raise RuntimeError(
                f"Given input size per channel: {_by(x[2:])}. Calculated output size per "
                f"channel: {_by(shape)}. Output size is too small"
            )
        return
    padded = tuple(n + 2 * p for n, p in zip(x[2:], padding, strict=True))
    kernel = tuple(d * (k - 1) + 1 for k, d in zip(w[2:], dilation, strict=True))
    if any(n < k for n, k in zip(padded, kernel, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: {_by(padded)}. Kernel size: {_by(kernel)}. "
            "Kernel size can't be greater than actual input size"
        )


def spread(value: Any, rank: int, what: str) -> Ints:
    """One int for each spatial dimension, from an int or a sequence.

    Raises:
        RuntimeError: a sequence of the wrong length.
    """
    if isinstance(value, int):
        return (value,) * rank
    found = tuple(int(v) for v in value)
    if len(found) == rank:
        return found
    if len(found) == 1:
        return found * rank
    raise RuntimeError(
        f"expected {what} to be a single integer value or a list of {rank} values to match the "
        f"convolution dimensions, but got {what}={list(found)}"
    )


def _mismatch(x: Any, other: Any) -> str:
    """The error for weights of another dtype than the input."""
    return f"expected scalar type {x.type_name} but found {other.type_name}"


convolution = joint(
    "convolution", _convolution,
    "convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, "
    "SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups) -> Tensor",
    _convolution_gradients, ("x", "w", "b"), inputs=("x", "w", "b"), optional=("b",),
    same_dtype=(0, 1, 2), promotion="equal", mismatch=_mismatch, check=_check,
)  # fmt: skip


def _run(
    name: str, rank: int, schemas: tuple[str, ...], input: Any, weight: Any, bias: Any,
    stride: Any, padding: Any, dilation: Any, groups: int, transposed: bool = False,
    output_padding: Any = 0,
) -> Tensor:  # fmt: skip
    """Any public convolution: adds the batch an unbatched input lacks, rounds half precision."""
    if not (isinstance(input, Tensor) and isinstance(weight, Tensor)
            and (bias is None or isinstance(bias, Tensor))):  # fmt: skip
        require_tensors(name, schemas, *((input, weight) if bias is None else
                                         (input, weight, bias)))  # fmt: skip
    x, w = input._data, weight._data
    if x.ndim not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got "
            f"input of size: {list(x.shape)}"
        )
    if transposed and x.dtype is not w.dtype:
        _refuse_dtypes(x, w, "weight", True)
    if bias is not None and x.dtype is not bias._data.dtype:
        _refuse_dtypes(x, bias._data, "bias", transposed)
    if x.dtype is not w.dtype:
        _refuse_dtypes(x, w, "weight")
    low = half_precision(input)
    if low:
        input, weight = cast.call(input, _dtypes.FLOAT32), cast.call(weight, _dtypes.FLOAT32)
        bias = None if bias is None else cast.call(bias, _dtypes.FLOAT32)
    unbatched = x.ndim == rank + 1
    if unbatched:
        input = unsqueeze.call(input, 0)
    if type(padding) is str:
        input, padding = _named_padding(input, w, padding, stride, dilation)
    out = convolution.call(
        input, weight, bias, stride, padding, dilation, transposed, output_padding, groups
    )
    if unbatched:
        out = squeeze_one.call(out, 0)
    return cast.call(out, x.dtype) if low else out


_CPP_NAMES = {"Float": "float", "Double": "double", "Long": "long int", "Half": "c10::Half",
              "BFloat16": "c10::BFloat16", "Int": "int"}  # fmt: skip


def _refuse_dtypes(x: Any, other: Any, what: str, transposed: bool = False) -> None:
    if x.dtype == other.dtype:
        return
    a, b = (_dtypes.from_numpy(array.dtype) for array in (x, other))
    fused = a is _dtypes.float32 or (transposed and x.dtype in _dtypes.LOW_PRECISION)
    if what == "bias" and not (transposed and fused):
        names = [_CPP_NAMES.get(d.type_name, d.type_name) for d in (a, b)]
        text = f"Input type ({names[0]}) and bias type ({names[1]}) should be the same"
    elif fused:
        text = (
            f"Input type (torch.{a.type_name}Tensor) and {what} type (torch.{b.type_name}Tensor) "
            f"should be the same or input should be a MKLDNN tensor and {what} is a dense tensor"
        )
    else:
        text = _mismatch(a, b)
    error = RuntimeError(text)
    error.add_note(f"rushlight: the input is {a}, the {what} is {b}; convert one of them.")
    raise error


def _named_padding(
    x: Tensor, w: Any, padding: str, stride: Any, dilation: Any
) -> tuple[Tensor, Any]:
    """``"same"`` and ``"valid"`` as numbers; an odd total pads one more at the end, beforehand."""
    rank = w.ndim - 2
    if padding == "valid":
        return x, (0,) * rank
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    if any(s != 1 for s in spread(stride, rank, "stride")):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for d, k in zip(spread(dilation, rank, "dilation"), w.shape[2:],
                                          strict=True)]  # fmt: skip
    if any(total % 2 for total in totals):
        warnings.warn(
            "Using padding='same' with even kernel lengths and odd dilation may require a "
            "zero-padded copy of the input be created",
            UserWarning,
            stacklevel=4,
        )
        extra = tuple(n for total in reversed(totals) for n in (0, total % 2))
        x = constant_pad_nd.call(x, extra, 0)
    return x, tuple(total // 2 for total in totals)


def _schemas(name: str, rank: int) -> tuple[str, ...]:
    if "transpose" in name:
        return (
            f"{name}(Tensor input, Tensor weight, Tensor? bias=None, SymInt[{rank}] stride=1, "
            f"SymInt[{rank}] padding=0, SymInt[{rank}] output_padding=0, SymInt groups=1, "
            f"SymInt[{rank}] dilation=1) -> Tensor",
        )
    start = f"{name}(Tensor input, Tensor weight, Tensor? bias=None, SymInt[{rank}] stride=1, "
    end = f"SymInt[{rank}] dilation=1, SymInt groups=1) -> Tensor"
    return (start + f"SymInt[{rank}] padding=0, " + end,
            start.replace("(", ".padding(", 1) + 'str padding="valid", ' + end)  # fmt: skip


_FORWARD = """{name}: {rank}-dimensional cross-correlation of `input` with `weight`.

``out[n, o] = bias[o] + sum_c weight[o, c] * input[n, c]`` over every window of the input.

Shape: input (N, C, {sizes}) or (C, {sizes}), weight (O, C / groups, {kernel}), bias (O);
output (N, O, {out}) with ``out = (n + 2 padding - dilation (kernel - 1) - 1) // stride + 1``.

Args:
    padding: zeros on both sides, or ``"valid"`` (none) or ``"same"`` (the output has the
        input's size; stride 1 only).
    groups: the channels fall into this many groups that do not mix.

Raises:
    RuntimeError: shapes or dtypes that do not fit together.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.{name}.html

>>> import rushlight as torch
>>> torch.nn.functional.{name}(torch.ones(1, 1{threes}), torch.ones(1, 1{twos})).shape
torch.Size([1, 1{twos}])
"""
_TRANSPOSED = """{name}: the adjoint of {rank}-dimensional convolution in its input.

Shape: input (N, C, {sizes}) or (C, {sizes}), weight (C, O / groups, {kernel}), bias (O);
output (N, O, {out}) with
``out = (n - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1``.

Args:
    output_padding: added to one side of the output's size, where a stride makes it ambiguous.

Raises:
    RuntimeError: shapes or dtypes that do not fit together.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.{name}.html

>>> import rushlight as torch
>>> torch.nn.functional.{name}(torch.ones(1, 1{twos}), torch.ones(1, 1{twos})).shape
torch.Size([1, 1{threes}])
"""


def _public(rank: int, transposed: bool) -> Any:
    name = f"conv{'_transpose' if transposed else ''}{rank}d"
    schemas = _schemas(name, rank)
    if transposed:

        def function(
            input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
            padding: Any = 0, output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
        ) -> Tensor:  # fmt: skip
            return _run(name, rank, schemas, input, weight, bias, stride, padding, dilation,
                        groups, True, output_padding)  # fmt: skip
    else:

        def function(  # type: ignore[misc]
            input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
            padding: Any = 0, dilation: Any = 1, groups: int = 1,
        ) -> Tensor:  # fmt: skip
            return _run(name, rank, schemas, input, weight, bias, stride, padding, dilation, groups)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "torch"
    axes = ("D", "H", "W")[3 - rank :] if rank > 1 else ("L",)
    function.__doc__ = (_TRANSPOSED if transposed else _FORWARD).format(
        name=name, rank=rank, sizes=", ".join(axes), kernel=", ".join(f"k{a}" for a in axes),
        out=", ".join(f"{a}'" for a in axes), threes=", 3" * rank, twos=", 2" * rank,
    )  # fmt: skip
    public(name, function, method=False, nn=True)
    return function


conv1d, conv2d, conv3d = (_public(rank, False) for rank in (1, 2, 3))
conv_transpose1d, conv_transpose2d, conv_transpose3d = (_public(rank, True) for rank in (1, 2, 3))
