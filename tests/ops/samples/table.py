"""The table of samples, and what families draw them with.

A family registers a function that takes a `Draw` and gives samples:

    @samples("exp", "expm1")
    def unary(draw):
        return [Sample(draw.normal(2, 3)), Sample(draw.normal()), Sample(draw.normal(0, 2))]

The arguments stand in the order of the row's schema (`row.order`): float64 arrays for what may be
differentiated, integer and boolean arrays for indices and masks, attributes as a caller writes
them.
"""

import zlib

import numpy as np


class Sample:
    """One call of a row.

    Args:
        arguments: in the order of `row.order`.
        kink: the row has no derivative here; only PyTorch says what the gradient is.
        once: the second derivative does not exist or is not PyTorch's here.
        strided: whether the same call with strided inputs is legal.
    """

    def __init__(self, *arguments, kink=False, once=False, strided=True):
        # Arithmetic on 0-d arrays gives NumPy scalars.
        self.arguments = tuple(
            np.asarray(a) if isinstance(a, np.generic)
            else [np.asarray(x) for x in a] if isinstance(a, list) else a
            for a in arguments
        )  # fmt: skip
        self.kink = kink
        self.once = once
        self.strided = strided

    def __repr__(self):
        return "Sample(" + ", ".join(map(_short, self.arguments)) + ")"


def _short(value):
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_short, value)) + "]"
    return repr(value)


class Draw:
    """Arrays away from the places where derivatives do not exist.

    `RandomState`, because its stream is frozen (NEP 19): committed goldens stay valid.
    """

    def __init__(self, seed):
        self._random = np.random.RandomState(seed)

    def between(self, low, high, *shape):
        """Uniform in [low, high)."""
        return np.asarray(self._random.uniform(low, high, shape))

    def normal(self, *shape):
        """About a standard normal, at least 0.1 away from 0."""
        x = self.between(-2, 2, *shape)
        return x + np.where(x < 0, -0.1, 0.1)

    def positive(self, *shape):
        return self.between(0.5, 2.5, *shape)

    def apart(self, *shape):
        """All elements at least 0.1 from one another and from the halves between integers."""
        n = int(np.prod(shape, dtype=int))
        return (self._random.permutation(n) * 0.25 - n / 8 + 0.11).reshape(shape)

    def mask(self, *shape):
        return np.asarray(self._random.uniform(size=shape) < 0.6)

    def integers(self, low, high, *shape):
        """Uniform integers in [low, high)."""
        return np.asarray(self._random.randint(low, high, shape, dtype=np.int64))

    def permutation(self, n):
        return self._random.permutation(n)


class Entry:
    """How one row is sampled.

    Attributes:
        function: Draw -> samples.
        torch: the text of a function that computes the row with PyTorch, given `torch` and `F`;
            None for the operator that the row's schema names.
        without: which of "0-d", "empty" and "broadcast" inputs the row cannot take, as it is
            defined, so that no sample shows them.
        refuses: the derivative raises, as PyTorch's does.
        rtol: how far PyTorch is from the true value where it is less exact than float64.
        warns: how the warning starts that every call gives.
    """

    def __init__(self, function, torch, without, refuses, warns, rtol):
        self.rtol = rtol
        self.warns = warns
        self.refuses = refuses
        self.function = function
        self.torch = torch
        self.without = without


TABLE = {}


def samples(*names, torch=None, without=(), refuses=False, warns="", rtol=0.0):
    """Register the function below as the samples of these rows."""

    def register(function):
        for name in names:
            if name in TABLE:
                raise ValueError(f"row {name} is sampled twice")
            TABLE[name] = Entry(function, torch, without, refuses, warns, rtol)
        return function

    return register


def samples_of(name):
    """The samples of a row, the same ones on every call; arrays are fresh."""
    return TABLE[name].function(Draw(zlib.crc32(name.encode())))
