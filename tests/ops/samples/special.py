"""Samples of `_ops/special.py` and `_ops/polynomials.py`."""

import numpy as np

from .elementwise import _pairs, _shapes, _unary
from .table import Sample, samples

_unary("special_i0e", "special_i1", "special_i1e", "special_erfcx", "special_log_ndtr",
       "special_ndtr", "i0")  # fmt: skip
_unary("special_entr", make="positive")
_unary("special_ndtri", make="between", arguments=(0.05, 0.95))
_unary("special_modified_bessel_i0", "special_modified_bessel_i1", "special_spherical_bessel_j0")
# PyTorch's are good to ten digits.
_unary("special_bessel_j0", "special_bessel_j1", rtol=1e-9)
_unary("special_airy_ai", make="positive")
_unary("special_bessel_y0", "special_bessel_y1", make="positive", rtol=1e-9)
_unary("special_modified_bessel_k0", "special_modified_bessel_k1",
       "special_scaled_modified_bessel_k0", "special_scaled_modified_bessel_k1",
       make="positive")  # fmt: skip


@samples("special_xlog1py")
def xlog1py(draw):
    return [
        *_pairs(draw.positive, draw.positive),
        Sample(np.array([0.0, 0.0, 1.0]), np.array([-1.0, np.nan, -1.0]), kink=True),
    ]


@samples("igamma", "igammac", refuses=True)
def incomplete(draw):
    return _pairs(draw.positive, draw.positive)


@samples("special_zeta", refuses=True)
def zeta(draw):
    return _pairs(lambda *shape: draw.positive(*shape) + 1.0, draw.positive)


@samples("mvlgamma", rtol=1e-8)
def mvlgamma(draw):
    found = _shapes(lambda *shape: draw.positive(*shape) + 1.0)
    return [*(Sample(*s.arguments, 2) for s in found), Sample(draw.positive(3), 1)]


@samples(
    *(f"special_{prefix}chebyshev_polynomial_{kind}" for prefix in ("", "shifted_")
      for kind in "tuvw"),
    "special_hermite_polynomial_h", "special_hermite_polynomial_he",
    "special_laguerre_polynomial_l", "special_legendre_polynomial_p",
)  # fmt: skip
def polynomial(draw):
    degrees = [lambda *shape: draw.integers(-1, 9, *shape).astype(np.float64)]
    return [
        *_pairs(lambda *shape: draw.between(-1, 1, *shape), degrees[0]),
        Sample(draw.normal(4), np.array([0.0, 1.0, 2.7, 12.0])),
    ]
