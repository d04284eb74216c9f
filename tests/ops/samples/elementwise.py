"""Samples of `_ops/elementwise.py`."""

import math

import numpy as np

from .table import Sample, samples


def _shapes(make):
    """Of one variable: a matrix, 0-d, empty, sizes of one."""
    return [Sample(make(2, 3)), Sample(make()), Sample(make(0, 2)), Sample(make(1, 3, 1))]


def _pairs(first, second):
    """Of two variables: equal shapes and every way of broadcasting."""
    return [
        Sample(first(2, 3), second(2, 3)),
        Sample(first(), second()),
        Sample(first(2, 3), second(3)),
        Sample(first(3), second(2, 3)),
        Sample(first(2, 1), second(1, 3)),
        Sample(first(), second(2, 2)),
        Sample(first(2, 2), second()),
        Sample(first(0, 3), second(0, 3)),
        Sample(first(0, 3), second(1, 3)),
        Sample(first(1, 3), second(2, 1, 1)),
    ]


@samples("add", "sub", "rsub", "mul")
@samples("atan2")
def arithmetic(draw):
    return _pairs(draw.normal, draw.normal)


@samples("div")
def division(draw):
    return [
        *_pairs(draw.normal, draw.normal),
        Sample(np.array([1.0, -1.0, 0.0]), np.zeros(3), kink=True),
    ]


@samples("maximum", "minimum")
def extrema(draw):
    def pair(*shape):
        x = draw.apart(*shape)
        return Sample(x, x[::-1].copy() if shape[0] % 2 == 0 else x + 0.2)

    nan, inf = math.nan, math.inf
    return [
        pair(2, 3),
        Sample(np.array(1.0), np.array(2.0)),
        Sample(draw.apart(2, 3), np.array([0.05, 0.3, -0.2])),
        Sample(np.array([[0.0], [1.0]]), np.array([[0.5, -0.5]])),
        Sample(draw.normal(0, 3), draw.normal(1, 3)),
        Sample(np.array([1.0, nan, 2.0, inf]), np.array([1.0, 0.0, nan, inf]), kink=True),
    ]


def _unary(*names, make="normal", arguments=(), **options):
    @samples(*names, **options)
    def function(draw):
        return _shapes(lambda *shape: getattr(draw, make)(*arguments, *shape))


_unary(
    "neg", "exp", "expm1", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh", "sigmoid", "erf",
    "silu", "square",
)  # fmt: skip
_unary("log", "log2", "log10", "log1p", "sqrt", "rsqrt", make="positive")
_unary("asin", "acos", make="between", arguments=(-0.9, 0.9))
_unary("sign", "floor", "ceil", "trunc", "rint", make="apart")
_unary("log_sigmoid", torch="F.logsigmoid")


@samples("reciprocal")
def reciprocal(draw):
    return [*_shapes(draw.normal), Sample(np.array([0.0, -0.0]), kink=True)]


@samples("abs", "relu")
def at_zero(draw):
    return [*_shapes(draw.normal), Sample(np.array([0.0, -0.0, math.nan, 1.0]), kink=True)]


@samples(
    "threshold_backward",
    torch="lambda grad, result: torch.ops.aten.threshold_backward(grad, result, 0)",
)
def threshold_backward(draw):
    return [
        Sample(draw.normal(2, 3), draw.normal(2, 3)),
        Sample(draw.normal(), draw.normal()),
        Sample(draw.normal(0), draw.normal(0)),
        Sample(draw.normal(40, 40), draw.normal(40, 40)),
    ]


@samples("keep_where", torch="lambda mask, x: torch.where(mask, x, 0.0)")
def keep_where(draw):
    return [
        Sample(draw.mask(2, 3), draw.normal(2, 3)),
        Sample(draw.mask(), draw.normal()),
        Sample(draw.mask(0, 3), draw.normal(0, 3)),
        Sample(draw.mask(40, 40), draw.normal(40, 40)),
        Sample(draw.mask(2, 1), draw.normal(3)),
    ]


@samples("softplus")
def softplus(draw):
    return [
        *(Sample(*s.arguments, 1, 20) for s in _shapes(draw.normal)),
        Sample(draw.normal(5), 2.5, 3.0),
        Sample(np.array([-900.0, 19.9, 20.1, 900.0]), 1, 20),
    ]


@samples("leaky_relu")
def leaky_relu(draw):
    return [
        *(Sample(*s.arguments, 0.01) for s in _shapes(draw.normal)),
        Sample(draw.normal(5), 0.5),
        Sample(draw.normal(5), -0.5),
        Sample(np.array([0.0, -0.0, math.nan]), 0.1, kink=True),
    ]


@samples("elu")
def elu(draw):
    return [
        *(Sample(*s.arguments, 1, 1, 1) for s in _shapes(draw.normal)),
        Sample(draw.normal(5), 0.5, 1, 1),
        Sample(draw.normal(5), 1.67, 1.05, 1),
        Sample(draw.normal(5), 1.2, 1.1, 0.7),
        Sample(np.array([0.0, -0.0]), 1.5, 1, 1, kink=True),
    ]


@samples("gelu")
def gelu(draw):
    return [
        *(Sample(*s.arguments, "none") for s in _shapes(draw.normal)),
        Sample(draw.normal(4), "tanh"),
        Sample(np.array(0.0), "tanh"),
    ]


@samples("pow_scalar")
def pow_scalar(draw):
    exponents = (2, 3, 0.5, 1, -1, -0.5, -2, 2.5, 0, -1.5)
    return [
        *(Sample(draw.positive(3), e) for e in exponents),
        Sample(draw.normal(3), 3),
        Sample(draw.positive(), 2.5),
        Sample(draw.positive(0, 2), 2.5),
        Sample(draw.positive(2, 1), 4),
        Sample(np.array([0.0, -0.0]), 2),
        Sample(np.array([0.0]), 1),
        Sample(np.array([0.0]), 0.5, kink=True),
    ]


@samples("pow_base")
def pow_base(draw):
    return [
        *(Sample(2.5, *s.arguments) for s in _shapes(draw.normal)),
        Sample(1, draw.normal(3)),
    ]


@samples("pow_tensor")
def pow_tensor(draw):
    return [
        *_pairs(draw.positive, draw.normal),
        Sample(np.array([0.0, 0.0, 0.0, 2.0]), np.array([0.0, 1.0, 2.0, 0.0]), kink=True),
    ]


@samples("eq", "ne", "lt", "le", "gt", "ge")
def comparisons(draw):
    special = np.array([0.0, math.nan, math.inf, 1.0])
    return [
        *_pairs(lambda *s: draw.integers(0, 2, *s) * 1.0, lambda *s: draw.integers(0, 2, *s) * 1.0),
        Sample(special, special[::-1].copy()),
        Sample(special, special),
        Sample(draw.integers(0, 3, 4), draw.integers(0, 3, 4)),
    ]


@samples("logical_and", "logical_or", "logical_xor")
def logic(draw):
    return [
        *_pairs(draw.mask, draw.mask),
        Sample(draw.integers(0, 2, 4) * 1.5, draw.integers(0, 2, 4) * 2.5),
        Sample(draw.integers(0, 3, 4), draw.integers(0, 3, 4)),
    ]


@samples("logical_not")
def logical_not(draw):
    return [*_shapes(draw.mask), Sample(np.array([0.0, 0.5, math.nan]))]


@samples("isnan", "isinf", "isfinite")
def finiteness(draw):
    special = np.array([0.0, math.nan, math.inf, -math.inf, 1.0])
    return [*_shapes(draw.normal), Sample(special), Sample(draw.integers(0, 3, 4))]


@samples("bitwise_and", "bitwise_or", "bitwise_xor")
def bitwise(draw):
    def integers(*shape):
        return draw.integers(-9, 9, *shape)

    return [*_pairs(integers, integers), *_pairs(draw.mask, draw.mask)]


@samples("bitwise_left_shift", "bitwise_right_shift")
def shifts(draw):
    return _pairs(lambda *s: draw.integers(-9, 9, *s), lambda *s: draw.integers(0, 4, *s))


@samples("bitwise_not")
def bitwise_not(draw):
    return [*_shapes(lambda *s: draw.integers(-9, 9, *s)), *_shapes(draw.mask)]


def _quotients(draw):
    """Pairs whose quotient is not near an integer."""

    def numerator(*shape):
        return draw.integers(-3, 3, *shape) + draw.between(0.2, 0.8, *shape)

    def denominator(*shape):
        return np.where(draw.mask(*shape), 1.0, -1.0)

    return _pairs(numerator, denominator)


@samples("remainder", "fmod")
def remainders(draw):
    return [
        *_quotients(draw),
        Sample(np.array([7.0, -7.0, 7.0, -7.0]), np.array([2.5, 2.5, -2.5, -2.5])),
        Sample(np.array([7, -7, 7, -7]), np.array([3, 3, -3, -3])),
        Sample(np.array([1.0, 4.0, -4.0]), np.array([0.0, 2.0, 2.0]), kink=True),
    ]


@samples("floor_divide", refuses=True)
def floor_divide(draw):
    return [
        *_quotients(draw),
        Sample(np.array([7, -7, 7, -7]), np.array([3, 3, -3, -3])),
        Sample(np.array([1.0, -1.0, 0.0, 6.0]), np.array([0.0, 0.0, 0.0, 0.1])),
    ]


@samples("where")
def where(draw):
    return [
        Sample(draw.mask(2, 3), draw.normal(2, 3), draw.normal(2, 3)),
        Sample(draw.mask(), draw.normal(), draw.normal()),
        Sample(draw.mask(2, 1), draw.normal(3), draw.normal()),
        Sample(draw.mask(3), draw.normal(2, 1), draw.normal(2, 3)),
        Sample(draw.mask(0, 3), draw.normal(0, 3), draw.normal(1)),
        Sample(draw.mask(40, 40), draw.normal(40, 40), draw.normal(40, 40)),
        Sample(draw.mask(5), draw.integers(0, 9, 5), draw.integers(0, 9, 5)),
    ]


@samples("clamp_scalar")
def clamp_scalar(draw):
    return [
        *(Sample(*s.arguments, -0.55, 0.45) for s in _shapes(draw.apart)),
        Sample(draw.apart(5), None, 0.05),
        Sample(draw.apart(5), 0.05, None),
        Sample(np.array([-1.0, 0.0, 1.0, math.nan]), -1.0, 1.0, kink=True),
        Sample(draw.apart(5), 1.0, -1.0, kink=True),
    ]


@samples("mul_number", torch="lambda x, value: x * value")
@samples("div_number", torch="lambda x, value: x / value")
def by_number(draw):
    return [Sample(*s.arguments, 2.5) for s in _shapes(draw.normal)]
