"""Samples of `_ops/pointwise.py` and `_ops/activation.py`."""

import math

import numpy as np

from .elementwise import _pairs, _shapes, _unary
from .table import Sample, samples

_unary("asinh", "exp2", "erfc", "mish")
_unary("acosh", make="between", arguments=(1.2, 3.0))
_unary("atanh", "erfinv", make="between", arguments=(-0.9, 0.9))
# PyTorch's digamma and trigamma are series cut off at nine digits.
_unary("lgamma", "digamma", make="positive", rtol=1e-8)
_unary("sgn", make="apart")
_unary("frac", make="apart")


@samples("hypot", "logaddexp")
def pairs(draw):
    return _pairs(draw.normal, draw.normal)


@samples("fmax", "fmin")
def extrema(draw):
    x = draw.apart(2, 3)
    nan = math.nan
    return [
        Sample(x, x[::-1].copy()),
        Sample(np.array(1.0), np.array(2.0)),
        Sample(draw.apart(2, 3), np.array([0.05, 0.3, -0.2])),
        Sample(draw.normal(0, 3), draw.normal(1, 3)),
        Sample(np.array([1.0, nan, 2.0, nan, 1.0]), np.array([1.0, 0.0, nan, nan, 2.0]), kink=True),
    ]


@samples("xlogy")
def xlogy(draw):
    return [
        *_pairs(draw.positive, draw.positive),
        Sample(np.array([0.0, 0.0, 1.0]), np.array([0.0, math.nan, 0.0]), kink=True),
    ]


@samples("logit")
def logit(draw):
    return [
        *(Sample(draw.between(0.1, 0.9, *s), None) for s in ((2, 3), (), (0, 2))),
        Sample(np.array([0.05, 0.5, 0.97]), 0.1),
        Sample(np.array([-1.0, 0.0, 1.0, 2.0]), None, kink=True),
        Sample(np.array([0.1, 0.9]), 0.1, kink=True),
    ]


@samples("polygamma", rtol=1e-8)
def polygamma(draw):
    return [
        *(Sample(1, s.arguments[0]) for s in _shapes(draw.positive)),
        Sample(2, draw.positive(3)),
        Sample(0, draw.positive(3)),
    ]


@samples("lerp_scalar")
def lerp_scalar(draw):
    return [Sample(*s.arguments, w) for s in _pairs(draw.normal, draw.normal) for w in (0.3, 0.8)]


@samples("lerp_tensor")
def lerp_tensor(draw):
    return [
        *(Sample(*s.arguments, draw.between(0.1, 0.9)) for s in _pairs(draw.normal, draw.normal)),
        Sample(draw.normal(3), draw.normal(3), draw.between(0.1, 0.9, 2, 1)),
    ]


@samples("addcmul", "addcdiv")
def addc(draw):
    return [
        *(Sample(*s.arguments, draw.normal(), 1) for s in _pairs(draw.normal, draw.normal)),
        Sample(draw.normal(2, 3), draw.normal(3), draw.normal(2, 1), 0.5),
        Sample(draw.normal(3), draw.normal(2, 1), draw.normal(1), -2),
    ]


@samples("nan_to_num")
def nan_to_num(draw):
    special = np.array([math.nan, math.inf, -math.inf, 1.0])
    return [
        *(Sample(*s.arguments, None, None, None) for s in _shapes(draw.normal)),
        Sample(special, None, None, None, kink=True),
        Sample(special, 1.0, 2.0, -3.0, kink=True),
    ]


@samples("hardtanh")
def hardtanh(draw):
    return [
        *(Sample(*s.arguments, -1, 1) for s in _shapes(draw.apart)),
        Sample(draw.apart(6), -0.3, 0.4),
        Sample(np.array([-1.0, 1.0, 0.0]), -1, 1, kink=True),
    ]


@samples("hardsigmoid", "hardswish")
def hard(draw):
    return [
        *_shapes(draw.normal),
        Sample(np.array([-4.0, -2.0, 2.0, 4.0])),
        Sample(np.array([-3.0, 3.0, 0.0]), kink=True),
    ]


@samples("softshrink", "hardshrink")
def shrink(draw):
    return [
        *(Sample(*s.arguments, 0.5) for s in _shapes(lambda *s: draw.apart(*s) + 0.05)),
        Sample(draw.apart(6) + 0.05, 0.2),
        Sample(np.array([-0.5, 0.5, 0.0]), 0.5, kink=True),
    ]


@samples("threshold")
def threshold(draw):
    return [
        *(Sample(*s.arguments, 0.0, 7.0) for s in _shapes(draw.normal)),
        Sample(draw.apart(6), 0.05, -1.0),
        Sample(np.array([0.5, 0.0]), 0.5, 2.0, kink=True),
    ]


@samples("celu", rtol=1e-7)  # PyTorch's gradient takes 1 / alpha in float32
def celu(draw):
    return [
        *(Sample(*s.arguments, 1.0) for s in _shapes(draw.normal)),
        Sample(draw.normal(5), 0.6),
        Sample(np.array([0.0]), 1.5, kink=True),
    ]


@samples("maximum_scalar", torch="lambda x, bound: x.clamp(min=bound)")
def bounded(draw):
    return [Sample(*s.arguments, 0.05) for s in _shapes(draw.apart)]


@samples("prelu_kernel")
def prelu(draw):
    return [
        Sample(draw.normal(2, 3), draw.normal(2, 3)),
        Sample(draw.normal(2, 3), draw.normal(1, 3)),
        Sample(draw.normal(2, 3), draw.normal(1, 1)),
        Sample(draw.normal(), draw.normal()),
        Sample(draw.normal(0, 3), draw.normal(1, 3)),
    ]


@samples(
    "rrelu_with_noise",
    without=("broadcast",),
    torch="lambda x, slope: torch.where(x > 0, x, x * slope)",
)
def rrelu(draw):
    return [Sample(*s.arguments, draw.positive(*np.shape(s.arguments[0])))
            for s in _shapes(draw.normal)]  # fmt: skip


@samples("rrelu_mean", torch="lambda x, slope: F.leaky_relu(x, slope)")
def rrelu_mean(draw):
    return [Sample(*s.arguments, 0.2) for s in _shapes(draw.normal)]


@samples("glu", without=("0-d",))
def glu(draw):
    return [
        Sample(draw.normal(2, 4), -1),
        Sample(draw.normal(2, 3), 0),
        Sample(draw.normal(2, 4, 1), 1),
        Sample(draw.normal(0, 2), 1),
    ]


@samples("softmax", torch="lambda x, dim: torch.softmax(x, dim)")
@samples("log_softmax", torch="lambda x, dim: torch.log_softmax(x, dim)")
def softmax(draw):
    return [
        Sample(draw.normal(2, 3), 1),
        Sample(draw.normal(2, 3), 0),
        Sample(draw.normal(2, 3, 2), -2),
        Sample(draw.normal(), 0),
        Sample(draw.normal(0, 3), 1),
        Sample(draw.normal(3, 0), 1),
        Sample(draw.normal(2, 1), 1),
        Sample(np.array([[900.0, 0.0], [-900.0, -901.0]]), 1),
        Sample(np.array([[-math.inf, 0.0, 1.0]]), 1, kink=True),
    ]
