"""The dropout family: one draw of noise, one multiplication.

The noise is 0 with probability p and 1/(1-p) otherwise (Srivastava et al., 2014), so that the
expected value is kept. It enters the graph as a constant: the node is multiplication's.
"""

from __future__ import annotations

import math
from typing import Any

from .. import _core
from .._core import Tensor
from .._tensor.registry import overloaded, public
from ..autograd import inplace
from . import elementwise, movement
from .random import draw

_ALPHA = 1.7580993408473766  # of the SELU: -(scale * alpha)


def _check_probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")


def _noise(x: Tensor, p: float) -> Tensor:
    """Noise of the shape of `x`, drawn in its order of memory."""
    data = x._data
    if data.flags.c_contiguous or (0 in data.strides and data.size > 1):
        return draw(None, "dropout_noise", data.shape, data.dtype, p)
    strides = data.strides
    order = sorted(range(data.ndim), key=lambda i: -abs(strides[i]))
    shape = tuple(data.shape[i] for i in order)
    back = [0] * len(order)
    for place, dim in enumerate(order):
        back[dim] = place
    noise = draw(None, "dropout_noise", shape, data.dtype, p)
    return movement.permute.call(noise, tuple(back))


def _feature_noise(x: Tensor, p: float) -> Tensor:
    """Noise for each channel of each sample: the other dims have size 1."""
    data = x._data
    if data.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    shape = data.shape[:2] + (1,) * (data.ndim - 2)
    return draw(None, "dropout_noise", shape, data.dtype, p)


def _dropped(x: Tensor, p: float, train: bool, noise_of: Any) -> Tensor:
    _check_probability(p)
    if p == 0.0 or not train or not x._data.size:
        return x
    if p == 1.0:
        return elementwise.mul.call(x, _zero(x))
    return elementwise.mul.call(x, noise_of(x, p))


def _zero(x: Tensor) -> Tensor:
    return _core.constant(0.0, x._data.dtype)


def _alpha_dropped(x: Tensor, p: float, train: bool, noise_of: Any) -> Tensor:
    """Dropout that keeps mean and variance of SELU's output: dropped elements become its lowest
    value, and the result is shifted and scaled."""
    _check_probability(p)
    if p == 0.0 or not train or not x._data.size:
        return x
    if p == 1.0:
        return elementwise.mul.call(x, _zero(x))
    keep: Any = noise_of(x, p)
    # The draw is scaled by 1/(1-p): bring it back to 0 and 1, exactly.
    keep = elementwise.ne.call(keep, _zero(x)).to(x.dtype)
    a = 1.0 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    b = keep.add(-1).mul(_ALPHA * a).add(_ALPHA * a * p)
    return elementwise.add.call(elementwise.mul.call(x, keep.mul(a)), b)


def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """``input`` with elements set to zero with probability `p`, the others scaled by 1/(1-p)."""
    return _dropped(input, p, train, _noise)


def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Dropout of whole channels."""
    return _dropped(input, p, train, _feature_noise)


def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Dropout that keeps SELU's mean and variance (Klambauer et al., 2017)."""
    return _alpha_dropped(input, p, train, _noise)


def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Alpha dropout of whole channels."""
    return _alpha_dropped(input, p, train, _feature_noise)


def _register_functions() -> None:
    for name, function in (
        ("dropout", dropout), ("feature_dropout", feature_dropout),
        ("alpha_dropout", alpha_dropout), ("feature_alpha_dropout", feature_alpha_dropout),
    ):  # fmt: skip
        overloaded(
            name, (f"{name}(Tensor input, float p, bool train) -> Tensor", function), method=False
        )
        overloaded(
            f"{name}_",
            (f"{name}_(Tensor(a!) self, float p, bool train) -> Tensor(a!)", _in_place(function)),
            method=False,
        )


def _in_place(function: Any) -> Any:
    def method(x: Tensor, p: float, train: bool) -> Tensor:
        inplace.check_writable(x)
        copied = _core.thread.grad and x._edge is not None
        shadow = inplace.shadow_of(x, copied)
        result = function(shadow, p, train)
        return x if result is shadow else inplace.write(x, result)

    return method


# ---------------------------------------------------------------------------------------------
# torch.nn.functional


def _functional(name: str, function: Any, p: float, training: bool, dims: Any = None) -> Any:
    """``torch.nn.functional.name``."""
    in_place = _in_place(function)

    def functional(
        input: Any,
        p: float = p,
        training: bool = training,
        inplace: bool = False,
    ) -> Any:
        if p < 0.0 or p > 1.0:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        apply = in_place if inplace else function
        if dims is None:
            return apply(input, p, training)
        if dims(name, input.dim()):
            return apply(input.unsqueeze(0), p, training).squeeze(0)
        return apply(input, p, training)

    functional.__name__ = functional.__qualname__ = name
    functional.__module__ = "torch.nn.functional"
    functional.__doc__ = _FUNCTIONAL_DOCS[name]
    return functional


_SPATIAL = {"dropout1d": 1, "dropout2d": 2, "dropout3d": 3}
_FUNCTIONAL_DOCS = {
    "dropout": "Set elements to zero with probability `p`; scale the others by 1/(1-p).",
    "alpha_dropout": "Dropout that keeps the mean and variance of SELU's output.",
    "feature_alpha_dropout": "Alpha dropout of whole channels.",
    "dropout1d": "Dropout of whole channels of (N, C, L) or (C, L).",
    "dropout2d": "Dropout of whole channels of (N, C, H, W).",
    "dropout3d": "Dropout of whole channels of (N, C, D, H, W) or (C, D, H, W).",
}


def _check_dims(name: str, ndim: int) -> bool:
    """Whether the batch dim is missing.

    Raises:
        RuntimeError: dropout1d of another number of dims (the others warn).
    """
    import warnings

    spatial = _SPATIAL[name]
    if ndim not in (spatial + 1, spatial + 2):
        if spatial == 1:
            raise RuntimeError(
                f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that "
                "dropout1d exists to provide channel-wise dropout on inputs with 1 spatial "
                "dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D "
                "inputs)."
            )
        warnings.warn(
            f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in "
            "an error in a future release. To retain the behavior and silence this warning, please "
            f"use dropout instead. Note that {name} exists to provide channel-wise dropout on "
            f"inputs with {spatial} spatial dimensions, a channel dimension, and an optional batch "
            f"dimension (i.e. {spatial + 1}D or {spatial + 2}D inputs).",
            stacklevel=4,
        )
    if spatial == 2:
        if ndim == 3:
            warnings.warn(
                "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D "
                "dropout behavior is desired - input is interpreted as shape (N, C, L), where C is "
                "the channel dim. This behavior will change in a future release to interpret the "
                "input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D "
                "channel-wise dropout behavior, please switch to using dropout1d instead.",
                stacklevel=4,
            )
        return False
    return ndim != spatial + 2


_register_functions()
for _name, _function, _p, _training in (
    ("dropout", dropout, 0.5, True),
    ("alpha_dropout", alpha_dropout, 0.5, False),
    ("feature_alpha_dropout", feature_alpha_dropout, 0.5, False),
    ("dropout1d", feature_dropout, 0.5, True),
    ("dropout2d", feature_dropout, 0.5, True),
    ("dropout3d", feature_dropout, 0.5, True),
):
    public(
        _name,
        _functional(_name, _function, _p, _training, _check_dims if _name in _SPATIAL else None),
        torch=False, method=False, nn=True,
    )  # fmt: skip

