"""A line search for the strong Wolfe conditions.

Source: J. Nocedal and S. Wright, Numerical Optimization, algorithms 3.5 and 3.6; the cubic
interpolation and its safeguards are those of M. Schmidt's minFunc.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

Point = tuple[float, float, Any, float]
"""Step, loss, gradient, slope."""


def _cubic_minimum(
    a: tuple[float, float, float],
    b: tuple[float, float, float],
    bounds: tuple[float, float] | None = None,
) -> float:
    """Where the cubic through two points (step, value, slope) is smallest, within bounds."""
    (x1, f1, g1), (x2, f2, g2) = a, b
    low, high = bounds if bounds is not None else (min(x1, x2), max(x1, x2))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if not square >= 0:
        return (low + high) / 2.0
    d2 = math.sqrt(square)
    if x1 <= x2:
        best = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        best = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(best, low), high)


def strong_wolfe(
    evaluate: Callable[[float], tuple[float, Any]],
    t: float,
    direction: Any,
    loss: float,
    gradient: Any,
    slope: float,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
    max_steps: int = 25,
) -> tuple[float, Any, float, int]:
    """A step along `direction` after which the loss is enough lower and flatter.

    Args:
        evaluate: function from a step to (loss, flat gradient) there.
        t: the first step to try.
        loss, gradient, slope: at the start.
        c1, c2: how much lower, and how much flatter.

    Returns:
        Loss, gradient, step, number of evaluations.
    """
    widest = _largest(direction)

    def at(t: float) -> Point:
        value, found = evaluate(t)
        return t, value, found, float(found @ direction)

    before: Point = (0.0, loss, gradient, slope)
    now = at(t)
    count = 1
    steps = 0
    bracket: list[Point] = []
    found = False
    while steps < max_steps:
        t, value, _, rise = now
        if value > loss + c1 * t * slope or (steps > 1 and value >= before[1]):
            bracket = [before, now]
            break
        if abs(rise) <= -c2 * slope:
            bracket = [now]
            found = True
            break
        if rise >= 0:
            bracket = [before, now]
            break
        bounds = (t + 0.01 * (t - before[0]), t * 10)
        next_t = _cubic_minimum(_short(before), _short(now), bounds)
        before = now
        now = at(next_t)
        count += 1
        steps += 1
    if steps == max_steps:
        bracket = [(0.0, loss, gradient, slope), now]

    stuck = False
    low, high = (0, 1) if bracket[0][1] <= bracket[-1][1] else (1, 0)
    while not found and steps < max_steps:
        if abs(bracket[1][0] - bracket[0][0]) * widest < tolerance_change:
            break
        t = _cubic_minimum(_short(bracket[0]), _short(bracket[1]))
        ends = bracket[0][0], bracket[1][0]
        least, most = min(ends), max(ends)
        margin = 0.1 * (most - least)
        if min(most - t, t - least) < margin:
            # Too close to an end: once is an accident, twice is no progress.
            if stuck or t >= most or t <= least:
                t = most - margin if abs(t - most) < abs(t - least) else least + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        now = at(t)
        count += 1
        steps += 1
        _, value, _, rise = now
        if value > loss + c1 * t * slope or value >= bracket[low][1]:
            bracket[high] = now
            low, high = (0, 1) if bracket[0][1] <= bracket[1][1] else (1, 0)
        else:
            if abs(rise) <= -c2 * slope:
                found = True
            elif rise * (bracket[high][0] - bracket[low][0]) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = now
    best = bracket[low if len(bracket) > 1 else 0]
    return best[1], best[2], best[0], count


def _short(point: Point) -> tuple[float, float, float]:
    return point[0], point[1], point[3]


def _largest(x: Any) -> float:
    return float(np.abs(x).max(initial=0.0))
