"""torch.special and the special functions of torch: values, dtypes, derivatives, refusals."""
# ruff: noqa: E501 - a case is one line, however long.

from __future__ import annotations

from cases import Case, lines

EVERYWHERE = """entr erfcx i0 i0e i1 i1e log_ndtr ndtr""".split()
PLAIN = """airy_ai bessel_j0 bessel_j1 modified_bessel_i0 modified_bessel_i1 spherical_bessel_j0""".split()
ABOVE_ZERO = """bessel_y0 bessel_y1 modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0
scaled_modified_bessel_k1""".split()
POLYNOMIALS = """chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v
chebyshev_polynomial_w hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l
legendre_polynomial_p shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u
shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w""".split()
TENSORS = "a d zero_d64 empty flipped i m".split()

CASES: list[Case] = []
for name in EVERYWHERE:
    CASES += [Case(f"torch.special.{name}({x})", "coarse") for x in TENSORS]
    CASES += [Case(f"torch.special.{name}({x})", "coarse", False) for x in ("h", "special")]
for name in PLAIN:  # PyTorch's are good to ten digits only, beyond 2
    CASES += [Case(f"torch.special.{name}({x})", "coarse")
              for x in ("p", "empty", "i", "m", "h")]
for name in ABOVE_ZERO:
    CASES += [Case(f"torch.special.{name}({x})", "coarse") for x in ("p", "d", "empty", "i2", "h")]
for name in POLYNOMIALS:
    CASES += [Case(f"torch.special.{name}({x})", "coarse")
              for x in ("a, 3", "a, i2", "p, i_row", "2.0, i2", "i, 2", "d, 4", "empty, 2", "a, -1", "2, 3", "h, h")]

CASES += lines(
    """
torch.special.ndtri(p)
torch.special.ndtri(torch.tensor([0.0, 1.0, -1.0, 2.0, 1e-20]))
torch.special.expit(a)
torch.special.psi(g)
torch.special.gammaln(g)
torch.special.round(a, decimals=1)
torch.special.softmax(a, 1)
torch.special.log_softmax(a, 0)
torch.special.logsumexp(a, (0, 1))
torch.special.xlog1py(a, p)
torch.special.xlog1py(a, 2)
torch.special.xlog1py(2, p)
torch.special.xlog1py(torch.zeros(3), torch.tensor([-1.0, float("nan"), 1.0]))
torch.special.xlogy(p, g)
torch.special.zeta(g, p)
torch.special.zeta(2, p)
torch.special.zeta(g, 2)
torch.special.zeta(torch.tensor([2.0, 1.0, 0.5, 3.0]), torch.tensor([-1.0, 2.0, 1.0, 0.5]))
torch.special.gammainc(p.detach(), g)
torch.special.gammaincc(p.detach(), g)
torch.special.gammainc(p.detach(), g.detach() * 30)
torch.igamma(torch.tensor([0.0, 1.0, -1.0, 2.0]), torch.tensor([1.0, 0.0, 1.0, float("inf")]))
torch.igamma(i2, i2)
torch.igamma(h.abs(), h.abs())
torch.igamma(p, 2)
torch.igammac(p.detach(), g)
torch.igamma(p, g)
torch.mvlgamma(g * 3, 2)
torch.mvlgamma(g, 1)
torch.mvlgamma(i2 + 3, 3)
torch.mvlgamma(g, 0)
torch.special.multigammaln(g, 1)
torch.polygamma(2, g)
g.polygamma(2)
torch.polygamma(-1, g)
a.i0()
p.detach().clone().i0_()
p.detach().clone().igamma_(g.detach())
p.detach().clone().igammac_(g.detach())
g.detach().clone().mvlgamma_(1)
g.detach().clone().polygamma_(2)
torch.special.entr([1.0])
torch.special.ndtr(1)
torch.special.i0(torch.tensor([1j]))
""",
    "coarse",
)
