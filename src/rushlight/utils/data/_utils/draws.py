"""The random numbers of data loading: the same draws from the same generators as PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...._ops.random import Generator, default_generator


def _engine(generator: Any) -> Any:
    return (default_generator if generator is None else generator).engine


def seed(generator: Any) -> int:
    """One draw of 63 bits, as ``torch.empty((), dtype=torch.int64).random_()``."""
    drawn = np.empty(1, np.int64)
    _engine(generator).random_full(drawn)
    return int(drawn[0])


def seeded(value: int) -> Generator:
    """A generator of its own that starts from a seed."""
    return Generator().manual_seed(value)


def permutation(generator: Any, n: int) -> Any:
    """``torch.randperm(n)`` as an array."""
    return _engine(generator).randperm(n)


def integers(generator: Any, high: int, size: int) -> Any:
    """``torch.randint(high, (size,))`` as an array."""
    return _engine(generator).randint(0, high, (size,))


def multinomial(generator: Any, weights: Any, n: int, replacement: bool) -> Any:
    """``torch.multinomial(weights, n, replacement)`` as an array."""
    return _engine(generator).multinomial(weights, n, replacement)
