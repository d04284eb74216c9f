"""Native forms of op rows: one small function for each, by family.

A row without one runs as a NumPy call inside the compiled step.
"""

from . import (
    composed,
    convolution,
    copying,
    cumulative,
    indexing,
    losses,
    norms,
    pointwise,
    pointwise_special,
    pooling,
    products,
    rearranging,
    recurrent,
    reductions,
    resampling,
    scattering,
    softmax,
)

__all__ = [
    "composed", "convolution", "copying", "cumulative", "indexing", "losses", "norms", "pointwise",
    "pointwise_special", "pooling", "products", "rearranging", "recurrent", "reductions",
    "resampling", "scattering", "softmax",
]  # fmt: skip
