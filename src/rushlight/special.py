"""torch.special: the special functions under SciPy's names.

Source: https://docs.pytorch.org/docs/stable/special.html

>>> import rushlight as torch
>>> torch.special.entr(torch.tensor([0.5]))
tensor([0.3466])
"""

from __future__ import annotations

from typing import Any

from ._missing import missing_attribute
from ._ops import polynomials as _polynomials
from ._ops import special as _rows
from ._tensor import registry

#: Names of `torch.special` that are functions of `torch`.
_SAME = {
    "digamma": "digamma", "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "exp2": "exp2",
    "expit": "sigmoid", "expm1": "expm1", "gammainc": "igamma", "gammaincc": "igammac",
    "gammaln": "lgamma", "i0": "i0", "log1p": "log1p", "log_softmax": "log_softmax",
    "logit": "logit", "logsumexp": "logsumexp", "multigammaln": "mvlgamma",
    "polygamma": "polygamma", "psi": "digamma", "round": "round", "sinc": "sinc",
    "softmax": "softmax", "xlogy": "xlogy",
}  # fmt: skip
_ROWS = (
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "entr", "erfcx", "i0e", "i1",
    "i1e", "log_ndtr", "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0",
    "modified_bessel_k1", "ndtr", "ndtri", "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1", "spherical_bessel_j0",
)  # fmt: skip
_PAIRS = ("xlog1py", "zeta")
_POLYNOMIALS = (
    "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v",
    "chebyshev_polynomial_w", "hermite_polynomial_h", "hermite_polynomial_he",
    "laguerre_polynomial_l", "legendre_polynomial_p", "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
)  # fmt: skip
__all__ = sorted([*_SAME, *_ROWS, *_PAIRS, *_POLYNOMIALS])


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise missing_attribute(__name__, name)
    if name in _SAME:
        target: Any = registry.function(_SAME[name])
        found = registry.resolve(target, _SAME[name])
    elif name in _POLYNOMIALS:
        found = registry.resolve(_polynomials.POLYNOMIALS[name])
    else:
        found = registry.resolve(getattr(_rows, name))
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
