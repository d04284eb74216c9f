"""Samples of every row: arguments in the order of its schema, drawn from a seeded generator."""

from . import (
    casting,
    convolution,
    elementwise,
    extended,
    image,
    index,
    linalg,
    loss,
    movement,
    pointwise,
    reduce,
    sorting,
    writing,
)  # fmt: skip
from .table import TABLE, Entry, Sample, samples_of

__all__ = [
    "TABLE", "Entry", "Sample", "casting", "convolution", "elementwise", "extended", "image",
    "index", "linalg", "loss", "movement", "pointwise", "reduce", "samples_of", "sorting",
    "writing",
]  # fmt: skip
