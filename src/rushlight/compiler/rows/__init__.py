"""Native forms of op rows: one small function for each, by family.

A row without one runs as a NumPy call inside the compiled step.
"""

from . import (
    attention,
    composed,
    convolution,
    copying,
    counting,
    cumulative,
    indexing,
    losses,
    norms,
    pointwise,
    pointwise_special,
    pooling,
    products,
    random,
    rearranging,
    recurrent,
    reductions,
    resampling,
    scattering,
    softmax,
)

__all__ = [
    "attention", "composed", "convolution", "copying", "counting", "cumulative", "indexing",
    "losses", "norms", "pointwise", "pointwise_special", "pooling", "products", "random",
    "rearranging", "recurrent", "reductions", "resampling", "scattering", "softmax",
]  # fmt: skip
