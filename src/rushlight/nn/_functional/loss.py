"""Losses of `torch.nn.functional` for classes and probabilities."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ... import _dtypes
from ..._core import Tensor, thread
from ..._ops import elementwise, softmax
from ..._ops import loss as rows
from ..._ops.casting import cast
from ..._ops.movement import reshape
from ..._tensor.registry import FUNCTIONS, resolve
from .._reduction import get_enum, legacy_get_string

_MEAN = rows.MEAN


def _reduction(size_average: Any, reduce: Any, reduction: str) -> str:
    if size_average is not None or reduce is not None:
        return legacy_get_string(size_average, reduce)
    return reduction


def _warn_about_sizes(input: Tensor, target: Tensor) -> None:
    if target.size() != input.size():
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )


def _reduced(loss: Any, reduction: str) -> Tensor:
    number = get_enum(reduction)
    if number == rows.NONE:
        return loss
    return loss.mean() if number == _MEAN else loss.sum()


# ---- classes ------------------------------------------------------------------------------------


def _check_labels(target: Any) -> None:
    if target._data.dtype not in (_dtypes.INT64, np.uint8):
        found = _dtypes.from_numpy(target._data.dtype).type_name
        error = RuntimeError(f"expected target dtype to be Long or Byte, but got {found}")
        error.add_note(
            "rushlight: class indices are integers (target.long()); probabilities need the shape "
            "of the input."
        )
        raise error


def not_differentiable(function: str, **tensors: Tensor | None) -> None:
    """Refuse gradients that PyTorch does not have either, rather than dropping them.

    Raises:
        RuntimeError: one of the tensors requires grad.
    """
    for name, t in tensors.items():
        if t is not None and t._edge is not None and thread.grad:
            raise RuntimeError(
                f"The function '{function}' is not differentiable with respect to argument "
                f"'{name}'. This input cannot have requires_grad True."
            )


def _nll(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: int, ignore_index: int
) -> Tensor:
    x, t = input._data, target._data
    if not x.ndim:
        raise ValueError(f"Expected 1 or more dimensions (got {x.ndim})")
    if x.ndim != 1:
        batch = t.shape[0] if t.ndim else 0
        if x.shape[0] != batch:
            raise ValueError(
                f"Expected input batch_size ({x.shape[0]}) to match target batch_size ({batch})."
            )
    if weight is not None and weight._data.dtype != x.dtype:
        a, b = (_dtypes.from_numpy(array.dtype).type_name for array in (x, weight._data))
        raise RuntimeError(f"expected scalar type {a} but found {b}")
    if weight is not None:
        name = "nll_loss_forward" if x.ndim <= 2 else "nll_loss2d_forward"
        not_differentiable(name, weight=weight)
    if x.ndim <= 2:
        return _nll_rows(input, target, weight, reduction, ignore_index)
    _check_labels(target)
    if x.ndim == 4:
        if t.ndim != 3:
            raise RuntimeError(
                "only batches of spatial targets supported (3D tensors) but got targets of "
                f"dimension: {t.ndim}"
            )
        if t.shape != (x.shape[0], *x.shape[2:]):
            raise RuntimeError(
                f"size mismatch (got input: {list(x.shape)} , target: {list(t.shape)}"
            )
        _check_class_weights(weight, x.shape[1], True)
        return rows.nll_loss2d.call(
            input, target, weight, reduction, ignore_index
        )
    wanted = (x.shape[0], *x.shape[2:])
    if t.shape != wanted:
        raise RuntimeError(f"Expected target size {list(wanted)}, got {list(t.shape)}")
    _check_class_weights(weight, x.shape[1], True)
    # As an image of one row, as PyTorch does it.
    out = rows.nll_loss2d.call(
        reshape(input, (x.shape[0], x.shape[1], 1, -1)) if x.size else input,
        reshape(target, (x.shape[0], 1, -1)) if x.size else target,
        weight, reduction, ignore_index,
    )  # fmt: skip
    return reshape(out, wanted) if reduction == rows.NONE else out


def _nll_rows(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: int, ignore_index: int
) -> Tensor:
    x, t = input._data, target._data
    if t.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    classes = x.shape[-1]
    _check_class_weights(weight, classes, False)
    _check_labels(target)
    if x.ndim == 2:
        return rows.nll_loss.call(
            input, target, weight, reduction, ignore_index
        )
    return rows.nll_loss_single.call(
        input, target, weight, reduction, ignore_index
    )


def _check_class_weights(weight: Tensor | None, classes: int, spatial: bool) -> None:
    if weight is not None and weight._data.shape != (classes,):
        if spatial:
            raise RuntimeError("weight tensor should be defined either for all or no classes")
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but "
            f"got weight tensor of shape: {list(weight._data.shape)}"
        )


def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """``-weight[t] * input[n, t]`` of each target class; the mean divides by the weights.

    Shape: input (N, C), (C) or (N, C, d1, ...), target (N), () or (N, d1, ...), weight (C).

    Raises:
        IndexError: a target that is not a class.
        ValueError, RuntimeError: shapes that do not fit together.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.nll_loss.html

    >>> import rushlight as torch
    >>> torch.nn.functional.nll_loss(torch.tensor([[-1., -2.]]), torch.tensor([1]))
    tensor(2.)
    """
    reduction = _reduction(size_average, reduce, reduction)
    return _nll(input, target, weight, get_enum(reduction), ignore_index)


def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """``-log softmax(input)[target]``: class indices, or probabilities in the input's shape.

    Shape: input (N, C), (C) or (N, C, d1, ...); target (N), () or (N, d1, ...) of indices, or
    the input's shape of probabilities; weight (C).

    Args:
        ignore_index: targets of this value count nothing.
        label_smoothing: this much of each target is spread evenly over all classes.

    Raises:
        IndexError: a target that is not a class.
        ValueError, RuntimeError: shapes that do not fit together.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html

    >>> import rushlight as torch
    >>> torch.nn.functional.cross_entropy(torch.tensor([[0., 0.]]), torch.tensor([1]))
    tensor(0.6931)
    """
    reduction = _reduction(size_average, reduce, reduction)
    number = get_enum(reduction)
    x = input._data
    axis = 0 if x.ndim == 1 else 1
    if x.shape == target._data.shape and target._data.dtype.kind in "fV":
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _soft_targets(input, target, weight, number, label_smoothing, axis)
    if label_smoothing > 0.0:
        if not label_smoothing <= 1.0:
            raise RuntimeError(
                f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}"
            )
        return _smoothed(input, target, weight, number, ignore_index, label_smoothing, axis)
    return _nll(softmax.log_softmax.call(input, axis), target, weight, number, ignore_index)


def _soft_targets(
    input: Tensor, target: Any, weight: Any, reduction: int, smoothing: float, axis: int
) -> Tensor:
    classes = input._data.shape[axis]
    batch = max(1, input._data.size // max(1, classes))
    if smoothing > 0.0:
        if not smoothing <= 1.0:
            raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {smoothing:g}")
        target = target * (1 - smoothing) + smoothing / classes
    logs: Any = softmax.log_softmax.call(input, axis)
    if weight is not None:
        shape = [1] * input._data.ndim
        shape[axis] = classes
        logs = logs * reshape(weight, tuple(shape))
    terms = logs * target
    if reduction == rows.NONE:
        return -terms.sum(axis)
    if reduction == rows.SUM:
        return -terms.sum()
    return rows.div_number.call(-terms.sum(), float(batch))


def _smoothed(
    input: Tensor, target: Any, weight: Any, reduction: int, ignore_index: int, smoothing: float,
    axis: int,
) -> Tensor:  # fmt: skip
    """``(1 - s) * nll + s / C * sum over classes``."""
    logs: Any = softmax.log_softmax.call(input, axis)
    hard: Any = _nll(logs, target, weight, reduction, ignore_index)
    classes = input._data.shape[axis]
    if weight is not None:
        shape = [1] * input._data.ndim
        shape[axis] = classes
        smooth: Any = -(logs * reshape(weight, tuple(shape))).sum(axis)
    else:
        smooth = -logs.sum(axis)
    ignored = target == ignore_index
    smooth = elementwise.keep_where.call(target != ignore_index, smooth)
    if reduction == rows.SUM:
        smooth = smooth.sum()
    elif reduction == _MEAN:
        if weight is None:
            smooth = smooth.sum() / (target != ignore_index).sum()
        else:
            found = target.masked_fill(ignored, 0)
            chosen = weight.index_select(0, found.flatten()).masked_fill(ignored.flatten(), 0.0)
            smooth = smooth.sum() / chosen.sum()
    return (
        rows.mul_number.call(hard, 1 - smoothing)
        + rows.mul_number.call(smooth, smoothing / classes)
    )


# ---- probabilities ------------------------------------------------------------------------------




def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """``-weight * (y log x + (1 - y) log(1 - x))``, each logarithm at least -100.

    Raises:
        RuntimeError: inputs outside [0, 1].
        ValueError: sizes differ.

    Source: torch.nn.functional.binary_cross_entropy.

    >>> import rushlight as torch
    >>> torch.nn.functional.binary_cross_entropy(torch.tensor([0.5]), torch.tensor([1.]))
    tensor(0.6931)
    """
    number = get_enum(_reduction(size_average, reduce, reduction))
    if target._data.shape != input._data.shape:
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}) is deprecated. Please ensure they have the same size."
        )
    if weight is not None:
        not_differentiable("binary_cross_entropy", weight=weight)
        weight = weight.expand(input._data.shape)
    return rows.binary_cross_entropy.call(
        input, target, weight, number
    )


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean", pos_weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Binary cross entropy of ``sigmoid(input)``, without losing precision where it saturates.

    Args:
        pos_weight: a weight of the positive targets, broadcast.

    Raises:
        ValueError: sizes differ.

    Source: torch.nn.functional.binary_cross_entropy_with_logits.

    >>> import rushlight as torch
    >>> F = torch.nn.functional
    >>> F.binary_cross_entropy_with_logits(torch.tensor([0.]), torch.tensor([1.]))
    tensor(0.6931)
    """
    number = get_enum(_reduction(size_average, reduce, reduction))
    if target._data.shape != input._data.shape:
        raise ValueError(
            f"Target size ({target.size()}) must be the same as input size ({input.size()})"
        )
    if target._data.dtype.kind in "iu":
        a, b = (_dtypes.from_numpy(t._data.dtype).type_name for t in (input, target))
        raise RuntimeError(f"result type {a} can't be cast to the desired output type {b}")
    not_differentiable(
        "binary_cross_entropy_with_logits", weight=weight, pos_weight=pos_weight
    )
    out = rows.binary_cross_entropy_with_logits.call(input, target, weight, pos_weight, number)
    if out._data.dtype != target._data.dtype:
        # PyTorch computes in the memory of ``1 - target``.
        out = cast.call(out, target._data.dtype)
    return out


def kl_div(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", log_target: bool = False,
) -> Tensor:  # fmt: skip
    """``target * (log(target) - input)``, with `input` a log-probability.

    Args:
        reduction: "batchmean" is the mathematical definition; "mean" also divides by the classes.
        log_target: `target` is a log-probability too.

    Source: torch.nn.functional.kl_div.

    >>> import rushlight as torch
    >>> F = torch.nn.functional
    >>> F.kl_div(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0., 1.]]), reduction="sum")
    tensor(0.6931)
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_get_string(size_average, reduce)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next major "
            "release.",
            stacklevel=2,
        )
    x: Any = input
    y: Any = target
    if log_target:
        loss = y.exp() * (y - x)
    else:
        loss = y.xlogy(y) - y * x
    if reduction == "batchmean":
        total = loss.sum()
        return total / x.size()[0] if x.dim() else total
    return _reduced(loss, reduction)


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False,
    size_average: bool | None = None, eps: float = 1e-8, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """``exp(x) - y x`` (or ``x - y log(x + eps)``); `full` adds Stirling's term.

    Source: torch.nn.functional.poisson_nll_loss.

    >>> import rushlight as torch
    >>> torch.nn.functional.poisson_nll_loss(torch.tensor([0.]), torch.tensor([3.]))
    tensor(1.)
    """
    reduction = _reduction(size_average, reduce, reduction)
    x: Any = input
    y: Any = target
    loss = x.exp() - y * x if log_input else x - y * (x + eps).log()
    if full:
        stirling = y * y.log() - y + (y * (2 * math.pi)).log() * 0.5
        loss = loss + stirling.masked_fill(y <= 1, 0)
    return _reduced(loss, reduction)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """``0.5 * (log(var) + (x - y)^2 / var)`` with `var` at least `eps`.

    Args:
        full: add ``0.5 * log(2 pi)``.

    Raises:
        ValueError: a negative variance, or one of a shape that does not fit.

    Source: torch.nn.functional.gaussian_nll_loss.

    >>> import rushlight as torch
    >>> F = torch.nn.functional
    >>> F.gaussian_nll_loss(torch.tensor([0.]), torch.tensor([2.]), torch.tensor([1.]))
    tensor(2.)
    """
    x: Any = input
    y: Any = target
    v: Any = var
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        v = (x * 0).detach() + var
    elif bool((v._data < 0).any()):
        raise ValueError("var has negative entry/entries")
    shape, found = x._data.shape, v._data.shape
    if found != shape:
        if shape[:-1] == found:
            v = v.unsqueeze(-1)
        elif not (
            len(shape) == len(found)
            and sum(a != b for a, b in zip(shape, found, strict=True)) == 1
            and any(a != b and b == 1 for a, b in zip(shape, found, strict=True))
        ):
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    v = _at_least(v, eps)
    loss = (v.log() + (x - y) ** 2 / v) * 0.5
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduced(loss, reduction)


def _at_least(v: Any, bound: float) -> Any:
    """`v` cut off below, with a gradient that does not notice."""
    below = elementwise.keep_where.call(v < bound, bound - v.detach())
    return v + below


def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """Minus the logarithm of the probability of all alignments of `targets` with the input.

    Shape: log_probs (T, N, C) or (T, C); targets (N, S), or all labels one after the other;
    lengths (N).

    Args:
        log_probs: logarithms of probabilities, as `log_softmax` gives them: the gradient takes
            them to be such.
        input_lengths, target_lengths: a tensor or a tuple of ints, both of the same kind.
        blank: the number of the blank label.
        reduction: "none", "mean" (each loss is divided by its target's length first) or "sum".
        zero_infinity: losses of targets that do not fit their input are 0, not infinite.

    Raises:
        RuntimeError: sizes or lengths that do not fit.

    Source: torch.nn.functional.ctc_loss; Graves et al. 2006, Connectionist Temporal
    Classification.

    >>> import rushlight as torch
    >>> even = torch.full((2, 1, 2), 0.5).log()
    >>> torch.nn.functional.ctc_loss(even, torch.tensor([[1]]), (2,), (1,)).exp()
    tensor(1.3333)
    """
    return resolve(FUNCTIONS["ctc_loss"])(
        log_probs, targets, input_lengths, target_lengths, blank, get_enum(reduction),
        zero_infinity,
    )  # fmt: skip
