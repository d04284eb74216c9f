"""Samples of every row: arguments in the order of its schema, drawn from a seeded generator."""

from . import casting, elementwise, linalg, movement, reduce
from .table import TABLE, Entry, Sample, samples_of

__all__ = [
    "TABLE", "Entry", "Sample", "casting", "elementwise", "linalg", "movement", "reduce",
    "samples_of",
]  # fmt: skip
