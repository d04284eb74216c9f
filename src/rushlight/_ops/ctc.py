"""Rows and the public function of connectionist temporal classification (CTC)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _dtypes
from .._core import Tensor, wrap
from .._define.kinds import general
from .._kernels import ctc as kernels
from .._tensor.registry import overloaded
from . import elementwise, loss
from .by_example import by_example

_WHERE = "(while checking arguments for ctc_loss_allocate_outputs)"


def _pair(*outputs: Any) -> Any:
    return outputs


def _not_twice(k: Any, g: Any) -> Any:
    raise RuntimeError("derivative for aten::_ctc_loss_backward is not implemented")


def _floats_only(*arguments: Any) -> tuple[Any, ...]:
    """A row's `check`, which the public function asks first of all as well."""
    dtype = arguments[0].dtype
    if not (dtype.kind == "f" and dtype.itemsize > 2):
        name = _dtypes.from_numpy(dtype).type_name
        raise NotImplementedError(f"\"ctc_loss_cpu\" not implemented for '{name}'")
    return arguments[-2:]


_ARGUMENTS = "Tensor targets, Tensor input_lengths, Tensor target_lengths"
_NAMES = ("targets", "input_lengths", "target_lengths")
ctc_loss_backward = general(
    "ctc_loss_backward", kernels.gradient,
    f"_ctc_loss_backward(Tensor grad, Tensor log_probs, {_ARGUMENTS}, Tensor neg_log_likelihood, "
    "Tensor log_alpha, int blank, bool zero_infinity) -> Tensor",
    inputs=("y", "x", *_NAMES, "losses", "alphas"), y=_not_twice, x=_not_twice,
    check=_floats_only, public=False,
)  # fmt: skip
ctc_loss_row = general(
    "ctc_loss", kernels.losses,
    f"_ctc_loss(Tensor log_probs, {_ARGUMENTS}, int blank, bool zero_infinity)"
    " -> (Tensor, Tensor)", inputs=("x", *_NAMES), outputs=2, returns=_pair,
    differentiable_outputs=(True, False), node="CtcLossBackward0", public=False,
    check=_floats_only,
    x=lambda k, g, x, targets, input_lengths, target_lengths, out0, out1, blank, zero_infinity:
        k.ctc_loss_backward(g, x, targets, input_lengths, target_lengths, out0, out1, blank,
                            zero_infinity),
)  # fmt: skip


def _as_lengths(given: Any, name: str) -> Any:
    if not isinstance(given, Tensor):
        return np.asarray(given, np.int64).reshape(-1)
    if given._data.dtype.kind not in "iu":
        raise RuntimeError(f"{name} must be integral")
    return given._data.astype(np.int64).reshape(-1)


def _check(x: Any, targets: Any, inputs: Any, lengths: Any, blank: int) -> None:
    if x.size == 0:
        raise RuntimeError("log_probs tensor must not be empty")
    _floats_only(x)
    if x.ndim != 3:
        raise RuntimeError(
            f"Expected 3-dimensional tensor, but got {x.ndim}-dimensional tensor for argument #1 "
            f"'log_probs' {_WHERE}"
        )
    if targets.ndim not in (1, 2):
        raise RuntimeError(
            f"Expected 1 to 2 dimensions, but got {targets.ndim}-dimensional tensor for argument "
            f"#2 'targets' {_WHERE}"
        )
    steps, examples, classes = x.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    for given, name in ((inputs, "input_lengths"), (lengths, "target_lengths")):
        if len(given) != examples:
            raise RuntimeError(f"{name} must be of size batch_size")
    for given, name in ((lengths, "target_lengths"), (inputs, "input_lengths")):
        if given.min() < 0:
            low = given[given < 0][0]
            raise RuntimeError(
                f"Expected {name} to have value at least 0, but got value {low} {_WHERE}"
            )
    if targets.ndim == 2:
        _check_size(targets, 0, examples, "size")
        _check_size(targets, 1, int(lengths.max()), "size at least")
    else:
        _check_size(targets, 0, int(lengths.sum()), "size")
    if inputs.max() > steps:
        high = inputs[inputs > steps][0]
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value {high} {_WHERE}"
        )


def _check_size(targets: Any, dim: int, wanted: int, how: str) -> None:
    found = targets.shape[dim]
    if found != wanted and not (how == "size at least" and found > wanted):
        raise RuntimeError(
            f"Expected tensor to have {how} {wanted} at dimension {dim}, but got size {found} for "
            f"argument #2 'targets' {_WHERE}"
        )


@by_example
def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int,
    reduction: int, zero_infinity: bool,
) -> Tensor:  # fmt: skip
    """The CTC loss of a batch (T, N, C), or of one example (T, C)."""
    batched = log_probs._data.ndim == 3
    x: Any = log_probs if batched else log_probs.unsqueeze(1)
    if not batched and targets._data.ndim == 1:
        targets = targets.unsqueeze(0)
    inputs = _as_lengths(input_lengths, "input_lengths")
    lengths = _as_lengths(target_lengths, "target_lengths")
    _check(x._data, targets._data, inputs, lengths, blank)
    found: Any = ctc_loss_row.call(
        x, wrap(targets._data.astype(np.int64)), wrap(inputs), wrap(lengths), blank,
        bool(zero_infinity),
    )[0]  # fmt: skip
    if zero_infinity:
        infinite = wrap(np.isposinf(found._data))
        none = wrap(np.zeros((), found._data.dtype))
        found = elementwise.where_row.call(infinite, none, found)
    if reduction == loss.MEAN:
        counts = wrap(np.maximum(lengths, 1).astype(found._data.dtype))
        return (found / counts).mean()
    if reduction == loss.SUM:
        return found.sum()
    return found if batched else found.squeeze(0)


_OPTIONS = "int blank=0, int reduction=0, bool zero_infinity=False) -> Tensor"
overloaded(
    "ctc_loss",
    ("ctc_loss.IntList(Tensor log_probs, Tensor targets, int[] input_lengths, "
     f"int[] target_lengths, {_OPTIONS}", ctc_loss),
    (f"ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, "
     f"Tensor target_lengths, {_OPTIONS}", ctc_loss),
    method=False,
)  # fmt: skip
