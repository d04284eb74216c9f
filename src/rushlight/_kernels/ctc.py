"""Connectionist temporal classification: the sum over all alignments, forward and backward.

The labels of an example are spread out with blanks between and around them; `alpha` is the
logarithm of the probability of all ways to be at a state after a step, `beta` that of all ways to
go on from it. Every step works on all examples at once.

Source: Graves et al. 2006, Connectionist Temporal Classification, section 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_NEVER = -np.inf


def _log_sum(*terms: Any) -> Any:
    """``log(sum(exp(terms)))``, where all may be impossible."""
    highest = terms[0]
    for term in terms[1:]:
        highest = np.maximum(highest, term)
    shift = np.where(highest == _NEVER, 0, highest)
    total = np.exp(terms[0] - shift)
    for term in terms[1:]:
        total = total + np.exp(term - shift)
    return np.log(total) + shift


def _moved(a: Any, by: int) -> Any:
    """`a` shifted along the states by `by`; what comes in is impossible."""
    out = np.full_like(a, _NEVER)
    if by > 0:
        out[:, by:] = a[:, :-by]
    else:
        out[:, :by] = a[:, -by:]
    return out


def padded_targets(targets: Any, lengths: Any) -> Any:
    """The labels, one row for each example, whether they came as rows or one after the other."""
    longest = int(lengths.max(initial=0))
    if targets.ndim == 2:
        return targets[:, :longest]
    rows = np.zeros((len(lengths), longest), targets.dtype)
    ends = np.cumsum(lengths)
    for i, (end, n) in enumerate(zip(ends, lengths, strict=True)):
        rows[i, :n] = targets[end - n : end]
    return rows


class _States:
    """The states of all examples: labels with blanks between them.

    Attributes:
        labels: (N, 2 S + 1), the class at each state.
        real: which states an example has.
        skips: which states may be reached from two states before.
        last: the number of each example's last state.
    """

    def __init__(self, targets: Any, lengths: Any, blank: int) -> None:
        rows = padded_targets(targets, lengths)
        count = 2 * rows.shape[1] + 1
        self.labels = np.full((len(lengths), count), blank, np.int64)
        self.labels[:, 1::2] = rows
        self.last = 2 * lengths
        states = np.arange(count)
        self.real = states <= self.last[:, None]
        self.labels[~self.real] = blank
        self.skips = np.zeros(self.labels.shape, bool)
        self.skips[:, 2:] = self.labels[:, 2:] != self.labels[:, :-2]
        self.skips &= (states % 2 == 1) & self.real

    def of(self, step: Any) -> Any:
        """A step's logarithms (N, C) for each state."""
        return np.where(self.real, np.take_along_axis(step, self.labels, 1), _NEVER)


def losses(
    x: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int, zero: bool
) -> tuple[Any, Any]:
    """The negative logarithm of each example's probability, and all alphas (N, T, states)."""
    states = _States(targets, target_lengths, blank)
    steps, examples = x.shape[:2]
    count = states.labels.shape[1]
    alphas = np.full((examples, steps, count), _NEVER, x.dtype)
    alpha = states.of(x[0]) if steps else np.full((examples, count), _NEVER, x.dtype)
    alpha[:, 2:] = _NEVER
    for t in range(steps):
        if t:
            skipping = np.where(states.skips, _moved(alpha, 2), _NEVER)
            alpha = _log_sum(alpha, _moved(alpha, 1), skipping) + states.of(x[t])
        alphas[:, t] = alpha
    rows = np.arange(examples)
    ends = alphas[rows, np.maximum(input_lengths - 1, 0)] if steps else alpha
    final = ends[rows, states.last]
    before = np.where(states.last > 0, ends[rows, np.maximum(states.last - 1, 0)], _NEVER)
    total = _log_sum(final, before)
    nothing = np.where(target_lengths == 0, 0.0, _NEVER)
    return -np.where(input_lengths == 0, nothing, total).astype(x.dtype), alphas


def gradient(
    y: Any, x: Any, targets: Any, input_lengths: Any, target_lengths: Any, loss: Any, alphas: Any,
    blank: int, zero: bool,
) -> Any:  # fmt: skip
    """The gradient in the logarithms `x`, as if they came out of a log_softmax.

    That is PyTorch's: ``exp(x)`` less the probability of being at a label in a step.
    """
    states = _States(targets, target_lengths, blank)
    steps, examples = x.shape[:2]
    out = np.zeros_like(x)
    rows = np.arange(examples)[:, None]
    beta = np.full(states.labels.shape, _NEVER, x.dtype)
    numbers = np.arange(states.labels.shape[1])
    ending = (numbers <= states.last[:, None]) & (numbers >= states.last[:, None] - 1)
    # A state is left for a state two ahead where that one may be skipped to.
    leaps = np.zeros_like(states.skips)
    leaps[:, :-2] = states.skips[:, 2:]
    for t in range(steps - 1, -1, -1):
        here = states.of(x[t])
        leaping = np.where(leaps, _moved(beta, -2), _NEVER)
        beta = _log_sum(beta, _moved(beta, -1), leaping) + here
        first = (input_lengths == t + 1)[:, None]
        beta = np.where(first, np.where(ending, here, _NEVER), beta)
        both = np.where(states.real, alphas[:, t] + beta, _NEVER)
        highest = both.max(1, keepdims=True, initial=_NEVER)
        shift = np.where(highest == _NEVER, 0, highest)
        summed = np.zeros(x.shape[1:], x.dtype)
        np.add.at(summed, (rows, states.labels), np.exp(both - shift))
        occupied = np.log(summed) + shift + loss[:, None] - x[t]
        slope = (np.exp(x[t]) - np.exp(occupied)) * y[:, None]
        keep = (input_lengths > t)[:, None]
        if zero:
            keep = keep & ~np.isposinf(loss)[:, None]
        out[t] = np.where(keep, slope, 0)
    return out
