"""Samples of every row: arguments in the order of its schema, drawn from a seeded generator."""

from . import (
    attention,
    casting,
    convolution,
    elementwise,
    extended,
    functions,
    image,
    index,
    linalg,
    linear_algebra,
    loss,
    movement,
    pointwise,
    recurrent,
    reduce,
    sampling,
    sorting,
    special,
    view_copies,
    writing,
)  # fmt: skip
from .table import TABLE, Entry, Sample, samples_of

__all__ = [
    "TABLE", "Entry", "Sample", "attention", "casting", "convolution", "elementwise", "extended",
    "functions", "image", "index", "linalg", "linear_algebra", "loss", "movement", "pointwise",
    "recurrent", "reduce",
    "samples_of", "sampling", "sorting", "special", "view_copies", "writing",
]  # fmt: skip
