"""Rows that keep values between bounds: numbers or tensors.

As in PyTorch, a NaN among value and bounds gives NaN, and the upper bound beats the lower one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define.kinds import elementwise


def _clamp(x: Any, low: Any, high: Any) -> Any:
    if low is not None:
        x = np.maximum(x, x.dtype.type(low))
    return x if high is None else np.minimum(x, x.dtype.type(high))


def _clamp_gradient(k: Any, g: Any, x: Any, low: Any, high: Any) -> Any:
    if low is not None and high is not None:
        return k.keep_where(k.logical_and(x >= low, x <= high), g)
    return k.keep_where(x >= low if low is not None else x <= high, g)


clamp_scalar = elementwise(
    "clamp_scalar", _clamp,
    "clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", attrs=("low", "high"),
    x=_clamp_gradient, node="ClampBackward1", public=False,
)  # fmt: skip
clamp_min_scalar = elementwise(
    "clamp_min_scalar", lambda x, low: _clamp(x, low, None),
    "clamp_min(Tensor self, Scalar min) -> Tensor", attrs=("low",),
    x=lambda k, g, x, low: k.keep_where(x >= low, g), node="ClampMinBackward0", public=False,
)  # fmt: skip
clamp_max_scalar = elementwise(
    "clamp_max_scalar", lambda x, high: _clamp(x, None, high),
    "clamp_max(Tensor self, Scalar max) -> Tensor", attrs=("high",),
    x=lambda k, g, x, high: k.keep_where(x <= high, g), node="ClampMaxBackward0", public=False,
)  # fmt: skip
clamp_min_tensor = elementwise(
    "clamp_min_tensor", np.maximum, "clamp_min.Tensor(Tensor self, Tensor min) -> Tensor",
    x=lambda k, g, x, low: k.keep_where(x >= low, g),
    low=lambda k, g, x, low: k.keep_where(x < low, g), node="ClampMinBackward1", public=False,
)  # fmt: skip
clamp_max_tensor = elementwise(
    "clamp_max_tensor", np.minimum, "clamp_max.Tensor(Tensor self, Tensor max) -> Tensor",
    x=lambda k, g, x, high: k.keep_where(x <= high, g),
    high=lambda k, g, x, high: k.keep_where(x > high, g), node="ClampMaxBackward1", public=False,
)  # fmt: skip
# The three forms of clamp with tensors: each bound may be missing.
clamp_below = elementwise(
    "clamp_below", np.maximum, "clamp.Tensor(Tensor self, Tensor min) -> Tensor",
    x=lambda k, g, x, low: k.keep_where(x >= low, g),
    low=lambda k, g, x, low: k.keep_where(x < low, g), node="ClampBackward0", public=False,
)  # fmt: skip
clamp_above = elementwise(
    "clamp_above", np.minimum, "clamp.Tensor(Tensor self, Tensor max) -> Tensor",
    x=lambda k, g, x, high: k.keep_where(x <= high, g),
    high=lambda k, g, x, high: k.keep_where(x > high, g), node="ClampBackward0", public=False,
)  # fmt: skip
clamp_between = elementwise(
    "clamp_between", lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "clamp.Tensor(Tensor self, Tensor min, Tensor max) -> Tensor",
    x=lambda k, g, x, low, high: k.keep_where(k.logical_and(x >= low, x <= high), g),
    low=lambda k, g, x, low, high: k.keep_where(k.logical_and(low < high, x < low), g),
    high=lambda k, g, x, low, high: k.keep_where(k.logical_or(x > high, high < low), g),
    node="ClampBackward0", public=False,
)  # fmt: skip
