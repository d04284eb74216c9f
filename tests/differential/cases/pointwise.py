"""Functions of one tensor, element by element: values, dtypes, strides, two derivatives."""
# ruff: noqa: E501 - a case is one line, however long.

from __future__ import annotations

from cases import Case, lines

#: Functions defined for every real number, then those with a domain.
EVERYWHERE = """abs absolute atan arctan ceil cos cosh deg2rad erf erfc exp exp2 expm1 fix floor
frac neg negative positive rad2deg relu round sgn sigmoid sign sin sinc sinh square tan tanh trunc
asinh arcsinh logical_not signbit isnan isinf isfinite isposinf isneginf isreal nan_to_num""".split()
INSIDE = """acos arccos asin arcsin atanh arctanh log log10 log1p log2 rsqrt sqrt reciprocal erfinv
lgamma digamma logit""".split()
ABOVE_ONE = ["acosh", "arccosh", "log", "lgamma", "digamma"]
ACTIVATIONS = """relu relu6 elu selu celu leaky_relu gelu silu mish softplus hardtanh hardswish
hardsigmoid logsigmoid softsign tanhshrink softshrink hardshrink sigmoid tanh""".split()
TENSORS = "a zero_d one empty flipped stepped expanded d h q i i32 u8 m special".split()
INTEGERS = "i i32 i16 i8 u8 m zero_i zero_m".split()

#: Functions that subtract nearly equal numbers, or pass a root away from zero: their error is
#: small beside the largest value, not beside each. And those whose float64 is coarse in PyTorch.
KINDS = {
    **dict.fromkeys("gelu tanhshrink logit mish silu softsign".split(), "sum"),
    **dict.fromkeys("lgamma digamma hardsigmoid".split(), "coarse"),
}


def kind(name: str) -> str:
    return KINDS.get(name, "pointwise")


CASES: list[Case] = []
for name in EVERYWHERE:
    CASES += [Case(f"torch.{name}({x})", kind(name)) for x in TENSORS]
    CASES += [Case(f"{x}.{name}()", kind(name)) for x in ("a", "zero_i")]
    CASES.append(Case(f"torch.{name}(input=cube)", kind(name)))
for name in INSIDE:
    domain = ["p", "d", "zero_d", "flipped", "empty", "h", "q", "i2", "u8", "m", "special"]
    CASES += [Case(f"torch.{name}({x})", kind(name)) for x in domain]
    CASES += [Case(f"p.{name}()", kind(name))]
CASES += [Case(f"torch.{name}(g)", kind(name)) for name in ABOVE_ONE]
for name in ACTIVATIONS:
    CASES += [Case(f"F.{name}({x})", kind(name))
              for x in ("a", "zero_d", "empty", "flipped", "d", "h", "q", "special", "i", "m")]
for name in ("bitwise_not", "logical_not", "neg", "abs", "sign", "square", "relu"):
    CASES += [Case(f"torch.{name}({x})", "exact", False) for x in (*INTEGERS, "a", "h")]

CASES += lines(
    """
torch.clamp(a, -0.5, 0.5)
torch.clamp(a, min=-0.5)
torch.clamp(a, max=0.5)
a.clamp(min=0)
a.clamp(0)
a.clamp_min(0.1)
a.clamp_max(0.1)
torch.clamp(a, b, b + 1)
torch.clamp(a, row)
torch.clamp(a, max=col)
torch.clip(a, -1, 1)
torch.clamp(i, -2, 2)
torch.clamp(i, -2.5, 2.5)
torch.clamp(u8, 10, 100)
torch.clamp(i, min=1.5)
torch.clamp(special, -1, 1)
torch.clamp(a, 1, -1)
torch.clamp(a)
torch.clamp(m, 0, 1)
torch.clamp(a, zero_d)
torch.round(a, decimals=2)
torch.round(a * 100, decimals=-1)
torch.nan_to_num(special, 1.0, 2.0, 3.0)
torch.nan_to_num(special, nan=5.0)
torch.logit(a, eps=0.1)
torch.logit(p, 1e-3)
F.elu(a, 0.5)
F.elu(a, alpha=2.0)
F.celu(a, 0.5)
F.leaky_relu(a, 0.2)
F.leaky_relu(a, negative_slope=-0.2)
F.gelu(a, approximate="tanh")
F.gelu(d, approximate="none")
F.gelu(a, approximate="wrong")
F.softplus(a, beta=2.0, threshold=1.0)
F.hardtanh(a, -0.5, 0.3)
F.threshold(a, 0.1, 20.0)
F.softshrink(a, 0.2)
F.hardshrink(a, 0.2)
F.rrelu(a)
F.prelu(a, one)
F.prelu(a, row)
F.prelu(image, vector4)
F.glu(a)
F.glu(a, 1)
F.glu(image, dim=1)
F.glu(col, 0)
F.normalize(a)
F.normalize(a, p=1.0, dim=0)
F.sigmoid(a)
F.relu(a, inplace=True)
F.silu(a.clone(), inplace=True)
F.relu(a.clone(), True)
F.leaky_relu(a.clone(), 0.1, inplace=True)
F.elu(a.clone(), inplace=True)
torch.sigmoid(a) * torch.tanh(b) + torch.exp(-a * a)
torch.square(a).sqrt()
torch.sqrt(a.abs() + 1).log().exp().reciprocal().rsqrt()
torch.special.expit(a)
torch.special.xlogy(p, g)
torch.xlogy(p, g)
torch.xlogy(torch.zeros(3), torch.tensor([0.0, 1.0, float("nan")]))
torch.polygamma(1, g)
torch.frexp(g)
torch.ldexp(a, i32)
torch.conj(a)
torch.real(a)
a.conj()
torch.is_nonzero(zero_d)
torch.absolute(i)
-a
+a
~m
~i
abs(a)
-m
+m
-u8
torch.neg(m)
""",
    "pointwise",
)
# Complex numbers: values, and gradients of real inputs through them.
CASES += lines(
    """
torch.complex(a, b)
torch.complex(a, b).real * 2
torch.complex(a, b).imag * 2
torch.complex(a, b).abs()
torch.conj_physical(torch.complex(a, b)).imag
(torch.complex(a, b) * torch.complex(b, a)).abs()
(torch.complex(a, b) / torch.complex(p, g)).imag
torch.complex(a, b).exp().real
(torch.complex(a, b) ** 2).imag
(torch.complex(a, b) * a).real
(torch.complex(a, b) @ torch.complex(b, a).t()).abs()
torch.complex(a, b).sgn()
torch.conj_physical(a)
torch.imag(a)
""",
    "sum",
)
