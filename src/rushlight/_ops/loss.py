"""Rows of losses that PyTorch computes in one op.

`reduction` is None, "mean" or "sum" in the public functions and in the rows an int, as in
PyTorch's schemas: 0 none, 1 mean, 2 sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define.kinds import general, linear
from .._kernels import reduce, special
from .arguments import refuse

NONE, MEAN, SUM = 0, 1, 2


def _reduced(values: Any, reduction: int) -> Any:
    if reduction == NONE:
        return values
    return reduce.mean(values) if reduction == MEAN else reduce.sum(values)


def _per_element(k: Any, g: Any, shape: Any, reduction: int) -> Any:
    """The gradient that each element's loss receives."""
    if reduction == NONE:
        return g
    if reduction == MEAN:
        g = g / _numel(shape)
    return k.expand(g, tuple(shape))


def _numel(shape: Any) -> int:
    n = 1
    for size in shape:
        n *= int(size)
    return max(1, n)


# ---- differences: mean square, Huber ------------------------------------------------------------


def _mse(x: Any, y: Any, reduction: int) -> Any:
    difference = np.subtract(x, y)
    if reduction == NONE:
        return np.multiply(difference, difference)
    if difference.flags.c_contiguous and 0 < difference.size <= 1 << 14:
        flat = difference.reshape(-1)
        total = np.asarray(np.dot(flat, flat))
    else:
        total = reduce.sum(np.multiply(difference, difference))
    return total / np.asarray(difference.size, total.dtype) if reduction == MEAN else total


def _mse_slope(k: Any, g: Any, x: Any, y: Any, reduction: int) -> Any:
    factor = 2.0 / _numel(x.shape) if reduction == MEAN else 2.0
    return (x - y) * (g * factor)


mse_loss = general(
    "mse_loss", _mse, "mse_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor",
    x=_mse_slope, y=lambda k, g, x, y, reduction: _mse_slope(k, g, y, x, reduction),
    same_dtype=(0, 1), promotion="same", floats=True, check=refuse("mse_cpu", tensors=2),
    public=False,
)  # fmt: skip


def _smooth_l1(x: Any, y: Any, reduction: int, beta: float) -> Any:
    z = np.abs(np.subtract(x, y))
    half, edge = z.dtype.type(0.5), z.dtype.type(beta)
    return _reduced(np.where(z < edge, half * z * z / edge, z - half * edge), reduction)


def _smooth_l1_slope(k: Any, g: Any, x: Any, y: Any, reduction: int, beta: float) -> Any:
    z = x - y
    slope = k.where(k.abs(z) < beta, z / beta, k.sign(z))
    return slope * _per_element(k, g, z.shape, reduction)


smooth_l1_loss = general(
    "smooth_l1_loss", _smooth_l1,
    "smooth_l1_loss(Tensor self, Tensor target, int reduction=Mean, float beta=1.0) -> Tensor",
    x=_smooth_l1_slope,
    y=lambda k, g, x, y, reduction, beta: _smooth_l1_slope(k, g, y, x, reduction, beta),
    same_dtype=(0, 1), promotion="same", floats=True,
    check=refuse("smooth_l1_cpu", tensors=2), public=False, node="SmoothL1LossBackward0",
)  # fmt: skip


def _huber(x: Any, y: Any, reduction: int, delta: float) -> Any:
    z = np.abs(np.subtract(x, y))
    half, edge = z.dtype.type(0.5), z.dtype.type(delta)
    return _reduced(np.where(z < edge, half * z * z, edge * (z - half * edge)), reduction)


def _huber_slope(k: Any, g: Any, x: Any, y: Any, reduction: int, delta: float) -> Any:
    z = x - y
    slope = k.where(k.abs(z) < delta, z, k.sign(z) * delta)
    return slope * _per_element(k, g, z.shape, reduction)


huber_loss = general(
    "huber_loss", _huber,
    "huber_loss(Tensor self, Tensor target, int reduction=Mean, float delta=1.0) -> Tensor",
    x=_huber_slope,
    y=lambda k, g, x, y, reduction, delta: _huber_slope(k, g, y, x, reduction, delta),
    same_dtype=(0, 1), promotion="same", floats=True, check=refuse("huber_cpu", tensors=2),
    public=False,
)  # fmt: skip


def _soft_margin(x: Any, y: Any, reduction: int) -> Any:
    return _reduced(special.softplus(-y * x), reduction)


soft_margin_loss = general(
    "soft_margin_loss", _soft_margin,
    "soft_margin_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor",
    x=lambda k, g, x, y, reduction: (
        -y * k.sigmoid(-y * x) * _per_element(k, g, x.shape, reduction)),
    inputs=("x", "y"), same_dtype=(0, 1), promotion="same", floats=True, public=False,
)  # fmt: skip

# ---- binary cross entropy -----------------------------------------------------------------------

_LEAST_LOG = -100.0  # PyTorch's: log(0) counts as this


def _bce(x: Any, y: Any, weight: Any, reduction: int) -> Any:
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        raise RuntimeError("all elements of input should be between 0 and 1")
    least = x.dtype.type(_LEAST_LOG)
    low = np.maximum(np.log1p(-x), least)
    high = np.maximum(np.log(x), least)
    loss = (y - 1) * low - y * high
    if weight is not None:
        loss = loss * weight
    return _reduced(loss, reduction)


def _bce_gradient(k: Any, g: Any, x: Any, y: Any, weight: Any, reduction: int) -> Any:
    g = _per_element(k, g, x.shape, reduction)
    if weight is not None:
        g = g * weight
    return g * (x - y) / k.maximum_scalar(x * (1 - x), 1e-12)


def _bce_target_gradient(k: Any, g: Any, x: Any, weight: Any, reduction: int) -> Any:
    g = _per_element(k, g, x.shape, reduction)
    if weight is not None:
        g = g * weight
    return g * (k.log1p(-x) - k.log(x))


# `clamp(min=...)` with a gradient that stops at the bound.
maximum_scalar = general(
    "maximum_scalar", lambda x, bound: np.maximum(x, x.dtype.type(bound)),
    "_maximum_scalar(Tensor self, float bound) -> Tensor",
    x=lambda k, g, x, bound: k.keep_where(x >= bound, g), node="ClampMinBackward0", public=False,
)  # fmt: skip
binary_cross_entropy = general(
    "binary_cross_entropy", _bce,
    "binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean)"
    " -> Tensor",
    x=_bce_gradient, y=_bce_target_gradient, inputs=("x", "y", "weight"), optional=("weight",),
    floats=True, same_dtype=(0, 1, 2), promotion="equal", public=False,
    mismatch=lambda x, other: f"Found dtype {other.type_name} but expected {x.type_name}",
)  # fmt: skip


def _bce_logits(x: Any, y: Any, weight: Any, pos_weight: Any, reduction: int) -> Any:
    low = special.log_sigmoid(x)
    if pos_weight is None:
        loss = (1 - y) * x - low
    else:
        loss = (1 - y) * x - ((pos_weight - 1) * y + 1) * low
    if weight is not None:
        loss = loss * weight
    return _reduced(loss, reduction)


def _bce_logits_gradient(
    k: Any, g: Any, x: Any, y: Any, weight: Any, pos_weight: Any, reduction: int
) -> Any:
    if pos_weight is None:
        slope = k.sigmoid(x) - y
    else:
        t = pos_weight * y
        slope = (t + 1 - y) * k.sigmoid(x) - t
    g = _per_element(k, g, x.shape, reduction)
    if weight is not None:
        g = g * weight
    return slope * g


def _bce_logits_target_gradient(
    k: Any, g: Any, x: Any, weight: Any, pos_weight: Any, reduction: int
) -> Any:
    g = _per_element(k, g, x.shape, reduction)
    if weight is not None:
        g = g * weight
    if pos_weight is None:
        return -x * g
    return g * (k.log_sigmoid(-x) - pos_weight * k.log_sigmoid(x))


binary_cross_entropy_with_logits = general(
    "binary_cross_entropy_with_logits", _bce_logits,
    "binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, "
    "Tensor? pos_weight=None, int reduction=0) -> Tensor",
    x=_bce_logits_gradient, y=_bce_logits_target_gradient,
    inputs=("x", "y", "weight", "pos_weight"), optional=("weight", "pos_weight"), floats=True,
    same_dtype=(0, 1, 2, 3), promotion="same",
)  # fmt: skip

# ---- negative log likelihood --------------------------------------------------------------------


def _labels(x: Any, target: Any, ignore_index: int) -> tuple[Any, Any]:
    """Class indices as integers that index, and where they count (None: everywhere).

    Raises:
        IndexError: a target that is not a class.
    """
    classes = x.shape[1]
    labels = target if target.dtype.kind == "i" else target.astype(np.int64)
    if not labels.size:
        return labels, None
    # Read as unsigned, a negative number is a huge one: one reduction checks both ends.
    high = np.maximum.reduce(labels.view(f"u{labels.itemsize}"), axis=None)
    if high < classes and not 0 <= ignore_index <= high:
        return labels, None
    valid = labels != ignore_index
    wrong = labels[valid & ((labels < 0) | (labels >= classes))]
    if wrong.size:
        error = IndexError(f"Target {int(wrong.flat[0])} is out of bounds.")
        error.add_note(
            f"rushlight: the input has {classes} classes, so targets run from 0 to {classes - 1}; "
            f"ignore_index is {ignore_index}."
        )
        raise error
    return np.where(valid, labels, 0), valid


def _positions(labels: Any, classes: int) -> Any:
    """Where the class of each target lies in the flattened (N, C, ...) input."""
    plane = 1
    for n in labels.shape[1:]:
        plane *= n
    flat = labels.reshape(labels.shape[0], plane)
    if plane == 1:
        return flat[:, 0] + np.arange(0, labels.shape[0] * classes, classes)
    rows = np.arange(0, labels.shape[0] * classes * plane, classes * plane)
    return (flat * plane + rows[:, None] + np.arange(plane)).reshape(-1)


def _class_weights(labels: Any, valid: Any, weight: Any, dtype: Any) -> Any:
    """The weight of each target; None where all are 1."""
    if weight is None:
        return None if valid is None else valid.reshape(-1).astype(dtype)
    found = weight.take(labels.reshape(-1))
    return found if valid is None else np.where(valid.reshape(-1), found, found.dtype.type(0))


def _total(weights: Any, count: int, dtype: Any) -> Any:
    return np.asarray(count, dtype) if weights is None else reduce.sum(weights)


def _nll(x: Any, target: Any, weight: Any, reduction: int, ignore_index: int) -> Any:
    labels, valid = _labels(x, target, ignore_index)
    flat = np.ascontiguousarray(x).reshape(-1)
    losses = np.negative(flat.take(_positions(labels, x.shape[1])))
    weights = _class_weights(labels, valid, weight, x.dtype)
    if weights is not None:
        losses = np.where(weights == 0, x.dtype.type(0), losses * weights)
    if reduction == NONE:
        return losses.reshape(labels.shape)
    total = reduce.sum(losses)
    if reduction == MEAN:
        total = total / _total(weights, losses.size, x.dtype)
    return np.asarray(total)


def _nll_backward(
    g: Any, target: Any, weight: Any, shape: Any, reduction: int, ignore_index: int
) -> Any:
    out = np.zeros(shape, g.dtype)
    labels, valid = _labels(out, target, ignore_index)
    weights = _class_weights(labels, valid, weight, g.dtype)
    share = np.negative(g).reshape(-1)
    if reduction == MEAN:
        share = share / _total(weights, labels.size, g.dtype)
    if weights is not None:
        share = np.where(weights == 0, g.dtype.type(0), share * weights)
    out.reshape(-1)[_positions(labels, shape[1])] = share
    return out


def _nll_of_one(x: Any, target: Any, weight: Any, reduction: int, ignore_index: int) -> Any:
    """The input is the classes of one example, without a batch."""
    loss = _nll(x[None], target.reshape(-1), weight, reduction, ignore_index)
    return loss.reshape(()) if reduction == NONE else loss


def _batched(k: Any, g: Any, target: Any, weight: Any, x_shape: Any, reduction: int,
             ignore_index: int) -> Any:  # fmt: skip
    target = k.reshape(target, (-1,))
    if reduction == NONE:
        g = k.reshape(g, (1,))
    wide = k.nll_loss_backward(g, target, weight, (1, *x_shape), reduction, ignore_index)
    return k.reshape(wide, x_shape)


def _nll_named(name: str, node: str, forward: Any, formula: Any) -> Any:
    """Images have an op of their own in PyTorch, which shows in the name of the node."""
    return linear(
        name, forward,
        f"_{name}(Tensor self, Tensor target, Tensor? weight, int reduction, "
        "SymInt ignore_index) -> Tensor",
        inputs=("x", "target", "weight"), optional=("weight",), floats=True, promotion="none",
        x=formula, node=node, public=False,
    )  # fmt: skip


def _nll_slope(k: Any, g: Any, target: Any, weight: Any, x_shape: Any, reduction: int,
               ignore_index: int) -> Any:  # fmt: skip
    return k.nll_loss_backward(g, target, weight, x_shape, reduction, ignore_index)


nll_loss = _nll_named("nll_loss", "NllLossBackward0", _nll, _nll_slope)
nll_loss2d = _nll_named("nll_loss2d", "NllLoss2DBackward0", _nll, _nll_slope)
nll_loss_single = _nll_named("nll_loss_single", "NllLossBackward0", _nll_of_one, _batched)
nll_loss_backward = linear(
    "nll_loss_backward", _nll_backward,
    "_nll_loss_backward(Tensor grad, Tensor target, Tensor? weight, SymInt[] shape, "
    "int reduction, SymInt ignore_index) -> Tensor",
    inputs=("y", "target", "weight"), optional=("weight",),
    y=lambda k, g, target, weight, reduction, ignore_index: k.nll_loss(
        g, target, weight, reduction, ignore_index),
    node="NllLossBackwardBackward0", public=False,
)  # fmt: skip

# PyTorch's division and multiplication by a C++ number, which show in the names of the nodes.
div_number = linear(
    "div_number", lambda x, value: x / x.dtype.type(value),
    "_div_number(Tensor self, float value) -> Tensor", x=lambda g, value: g / value,
    node="DivBackward1", public=False,
)  # fmt: skip
mul_number = linear(
    "mul_number", lambda x, value: x * x.dtype.type(value),
    "_mul_number(Tensor self, float value) -> Tensor", x=lambda g, value: g * value,
    node="MulBackward1", public=False,
)  # fmt: skip

# ---- margins ------------------------------------------------------------------------------------


def _first_only(name: str) -> Any:
    """A formula for derivatives that PyTorch does not have either."""

    def formula(k: Any, g: Any) -> Any:
        raise RuntimeError(f"derivative for aten::{name} is not implemented")

    return formula


def _rows(x: Any, target: Any) -> tuple[Any, Any]:
    """With a batch, where there was none."""
    return (x, target) if x.ndim == 2 else (x.reshape(1, -1), target.reshape(1, *target.shape))


def _multi_margin(
    x: Any, target: Any, weight: Any, p: int, margin: float, reduction: int
) -> Any:
    slack, _, factor = _slack(*_rows(x, target), weight, margin)
    losses = reduce.sum((slack if p == 1 else slack * slack) * factor, 1)
    return _reduced(losses, reduction) if x.ndim == 2 else losses[0]


def _slack(x: Any, target: Any, weight: Any, margin: float) -> tuple[Any, Any, Any]:
    rows = np.arange(x.shape[0])
    target = target.reshape(-1)
    if target.size and (target.min() < 0 or target.max() >= x.shape[1]):
        raise RuntimeError("target out of range")
    slack = np.maximum(x - x[rows, target][:, None] + x.dtype.type(margin), x.dtype.type(0))
    slack[rows, target] = 0
    factor = np.full((x.shape[0], 1), 1 / x.shape[1], x.dtype)
    if weight is not None:
        factor = factor * weight[target][:, None]
    return slack, rows, factor


def _multi_margin_slope(
    x: Any, target: Any, weight: Any, g: Any, p: int, margin: float
) -> Any:
    """The gradient in x where each row's loss receives `g`."""
    shape = x.shape
    x, target = _rows(x, target)
    slack, rows, factor = _slack(x, target, weight, margin)
    slope = ((slack > 0).astype(x.dtype) if p == 1 else 2 * slack) * factor * g.reshape(-1, 1)
    slope[rows, target.reshape(-1)] = -slope.sum(1)
    return slope.reshape(shape)


def _one_each(k: Any, g: Any, shape: Any, reduction: int) -> Any:
    """What each row's loss receives; a lone row is its own batch."""
    return _per_element(k, g, shape[:1], reduction) if len(shape) == 2 else g


multi_margin_slope = general(
    "multi_margin_slope", _multi_margin_slope,
    "_multi_margin_slope(Tensor self, Tensor target, Tensor? weight, Tensor grad, int p, "
    "float margin) -> Tensor", inputs=("x", "target", "weight", "y"), optional=("weight",),
    x=_first_only("multi_margin_loss_backward"), y=_first_only("multi_margin_loss_backward"),
    public=False, check=refuse("multi_margin_loss_cpu_kernel", half=False, tensors=4),
)  # fmt: skip
multi_margin_loss = general(
    "multi_margin_loss", _multi_margin,
    "_multi_margin_loss(Tensor self, Tensor target, Tensor? weight, int p, float margin, "
    "int reduction) -> Tensor", inputs=("x", "target", "weight"), optional=("weight",),
    x=lambda k, g, x, target, weight, p, margin, reduction: k.multi_margin_slope(
        x, target, weight, _one_each(k, g, tuple(x.shape), reduction), p, margin),
    check=refuse("multi_margin_loss_cpu_kernel", half=False, tensors=3), public=False,
)  # fmt: skip


def _multilabel(x: Any, target: Any) -> tuple[Any, Any]:
    """The loss of each row and its gradient: labels come first, -1 ends them."""
    shape = x.shape
    x, target = x.reshape(-1, shape[-1]), target.reshape(-1, shape[-1])
    listed = np.cumprod(target >= 0, axis=1).astype(bool)
    if target.size and target.max() >= x.shape[1]:
        raise RuntimeError("argument #3 'target' is out of range")
    is_label = np.zeros(x.shape, bool)
    rows = np.broadcast_to(np.arange(x.shape[0])[:, None], target.shape)
    is_label[rows[listed], target[listed]] = True
    chosen = np.take_along_axis(x, np.where(listed, target, 0), 1)
    slack = 1 - chosen[:, :, None] + x[:, None, :]
    active = (slack > 0) & listed[:, :, None] & ~is_label[:, None, :]
    losses = np.where(active, slack, 0).sum((1, 2)) / x.shape[1]
    slope = active.sum(1).astype(x.dtype)
    np.add.at(slope, (rows[listed], target[listed]), -active.sum(2).astype(x.dtype)[listed])
    losses = losses.astype(x.dtype)
    return losses if len(shape) == 2 else losses[0], (slope / x.shape[1]).reshape(shape)


multilabel_slope = general(
    "multilabel_slope", lambda x, target, y: _multilabel(x, target)[1] * (
        y.reshape(-1, 1) if x.ndim == 2 else y),
    "_multilabel_slope(Tensor self, Tensor target, Tensor grad) -> Tensor",
    inputs=("x", "target", "y"), x=_first_only("multilabel_margin_loss_backward"),
    y=_first_only("multilabel_margin_loss_backward"), public=False,
    check=refuse("multilabel_margin_loss_forward_out_frame", half=False, tensors=3),
)  # fmt: skip
multilabel_margin_loss = general(
    "multilabel_margin_loss", lambda x, target, reduction: (
        _reduced(_multilabel(x, target)[0], reduction) if x.ndim == 2
        else _multilabel(x, target)[0]),
    "_multilabel_margin_loss(Tensor self, Tensor target, int reduction) -> Tensor",
    inputs=("x", "target"),
    check=refuse("multilabel_margin_loss_forward_out_frame", half=False, tensors=2),
    x=lambda k, g, x, target, reduction: k.multilabel_slope(
        x, target, _one_each(k, g, tuple(x.shape), reduction)),
    public=False,
)  # fmt: skip
