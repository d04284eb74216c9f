"""Rows of the orthogonal polynomials of `torch.special`: no gradient flows, as in PyTorch."""

from __future__ import annotations

from typing import Any

from .._define.kinds import elementwise
from .._kernels import polynomials as kernels
from .special import binary, no_half, of_reals

_KERNELS = {
    "chebyshev_polynomial_t": kernels.chebyshev_t,
    "chebyshev_polynomial_u": kernels.chebyshev_u,
    "chebyshev_polynomial_v": kernels.chebyshev_v,
    "chebyshev_polynomial_w": kernels.chebyshev_w,
    "hermite_polynomial_h": kernels.hermite_h,
    "hermite_polynomial_he": kernels.hermite_he,
    "laguerre_polynomial_l": kernels.laguerre_l,
    "legendre_polynomial_p": kernels.legendre_p,
    "shifted_chebyshev_polynomial_t": kernels.shifted_chebyshev_t,
    "shifted_chebyshev_polynomial_u": kernels.shifted_chebyshev_u,
    "shifted_chebyshev_polynomial_v": kernels.shifted_chebyshev_v,
    "shifted_chebyshev_polynomial_w": kernels.shifted_chebyshev_w,
}


def _row(name: str, kernel: Any) -> Any:
    return elementwise(
        "special_" + name, of_reals(f"{name}_cpu", kernel),
        f"special_{name}(Tensor x, Tensor n) -> Tensor", inputs=("x", "n"), floats=True,
        public=False, refuse=no_half(f"{name}_cpu"),
    )  # fmt: skip


#: The functions by their names in `torch.special`.
POLYNOMIALS = {name: binary(name, _row(name, f), "x", "n") for name, f in _KERNELS.items()}
