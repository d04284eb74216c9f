"""Pointwise rows: arithmetic, transcendental functions, comparisons, selection."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import OPS, Tensor, fused
from .._define.kinds import Row, elementwise, linear
from .._kernels import select, slopes, special

_TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


def fused_formula(name: str, formula: Any) -> None:
    """Give formulas ``k.name``: `formula` itself, which under RAW goes piece by piece."""

    def on_arrays(*arguments: Any) -> Any:
        return formula(_core.RAW, *arguments)

    fused(name, slopes.by_pieces(on_arrays, formula), formula)



def _binary(name: str) -> str:
    return f"{name}.Tensor(Tensor self, Tensor other) -> Tensor"


def _unary(name: str) -> str:
    return f"{name}(Tensor self) -> Tensor"


def _alpha(x: Any, y: Any, alpha: Any) -> tuple[Any, Any]:
    """``alpha`` multiplies the second operand; a row without it is the ordinary case."""
    if type(alpha) is float and _is_integral(x) and _is_integral(y):
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )
    if alpha == 1:
        return x, y
    if not isinstance(y, Tensor):
        return x, y * alpha
    if isinstance(x, Tensor) and y._data.dtype in _dtypes.LOW_PRECISION:
        wide = x._data.dtype
        if wide in (np.float32, np.float64) and x._data.ndim >= min(y._data.ndim, 1):
            y = OPS["cast"].call(y, wide)  # the product is not rounded on the way
    return x, mul.call(y, alpha)


def _is_integral(x: Any) -> bool:
    return x._data.dtype.kind in "iub" if isinstance(x, Tensor) else isinstance(x, int)


def _with_alpha(name: str) -> str:
    return f"{name}.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor"


def _no_booleans(text: str) -> Any:
    """NumPy's refusal of boolean operands in PyTorch's words."""

    def explain(error: Exception, *operands: Any) -> Exception | None:
        return RuntimeError(text) if "numpy boolean" in str(error).lower() else None

    return explain


_no_boolean_subtraction = _no_booleans(
    "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
    "`logical_xor()` operator instead."
)


def _is_boolean(x: Any) -> bool:
    return x._data.dtype.kind == "b" if isinstance(x, Tensor) else isinstance(x, bool)


def _no_mask_difference(x: Any, y: Any) -> Exception | None:
    """A mask and a number promote without complaint in NumPy; PyTorch refuses."""
    if _is_boolean(x) != _is_boolean(y):
        return RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying "
            "to invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return None


add = elementwise(
    "add", np.add, _with_alpha("add"), x=lambda g: g, y=lambda g: g,
    scalars=True, extra=("alpha",), adapt=_alpha,
)  # fmt: skip
sub = elementwise(
    "sub", np.subtract, _with_alpha("sub"), x=lambda g: g, y=lambda g: -g,
    scalars=True, extra=("alpha",), adapt=_alpha, explain=_no_boolean_subtraction,
    refuse=_no_mask_difference,
)  # fmt: skip
rsub = elementwise(
    "rsub", lambda x, y: np.subtract(y, x), _binary("rsub"), x=lambda g: -g, y=lambda g: g,
    scalars=True, node="RsubBackward1", public=False,
    explain=_no_boolean_subtraction, refuse=_no_mask_difference,
)  # fmt: skip


def rsub_with_alpha(x: Any, y: Any, alpha: Any) -> Any:
    """``y - alpha x``."""
    if type(alpha) is float and _is_integral(x) and _is_integral(y):
        _alpha(x, y, alpha)
    return rsub.call(x if alpha == 1 else mul.call(x, alpha), y)


mul = elementwise(
    "mul", np.multiply, _binary("mul"), x=lambda g, y: g * y, y=lambda g, x: g * x, scalars=True
)
div = elementwise(
    "div", np.divide, _binary("div"), x=lambda g, y: g / y,
    y=lambda g, x, y: -g * ((x / y) / y), scalars=True, floats=True,
)  # fmt: skip
neg = elementwise(
    "neg", np.negative, _unary("neg"), x=lambda g: -g,
    explain=_no_booleans(
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
        "invert a mask, use the `~` or `logical_not()` operator instead."),
)  # fmt: skip
reciprocal = elementwise(
    "reciprocal", np.reciprocal, _unary("reciprocal"), x=lambda g, out: -g * (out * out),
    floats=True,
)  # fmt: skip


def tensors_only(name: str) -> Any:
    """Refuses Python numbers where PyTorch has no overload for them."""

    def refuse(x: Any, y: Any) -> Exception | None:
        for position, (label, value) in enumerate((("input", x), ("other", y))):
            if not isinstance(value, Tensor):
                return TypeError(
                    f"{name}(): argument '{label}' (position {position + 1}) must be Tensor, not "
                    f"{type(value).__name__}"
                )
        return None

    return refuse


def _unless_beaten(k: Any, g: Any, beaten: Any, x: Any, y: Any) -> Any:
    """An extremum's gradient: nothing where the other is beyond, half where they are equal; a NaN
    beats nobody and is beaten by none, so it lets the gradient through to both."""
    return k.keep_where(k.logical_not(beaten), k.where(k.eq(x, y), g * 0.5, g))


maximum = elementwise(
    "maximum", np.maximum, "maximum(Tensor self, Tensor other) -> Tensor", node="MaximumBackward0",
    x=lambda k, g, x, y: _unless_beaten(k, g, k.lt(x, y), x, y),
    y=lambda k, g, x, y: _unless_beaten(k, g, k.lt(y, x), x, y),
)  # fmt: skip
minimum = elementwise(
    "minimum", np.minimum, "minimum(Tensor self, Tensor other) -> Tensor", node="MinimumBackward0",
    x=lambda k, g, x, y: _unless_beaten(k, g, k.lt(y, x), x, y),
    y=lambda k, g, x, y: _unless_beaten(k, g, k.lt(x, y), x, y),
)  # fmt: skip
atan2 = elementwise(
    "atan2", np.arctan2, "atan2(Tensor self, Tensor other) -> Tensor", floats=True,
    refuse=tensors_only("atan2"),
    x=lambda g, x, y: g * (y / (x * x + y * y)), y=lambda g, x, y: g * (-x / (x * x + y * y)),
)  # fmt: skip

# ---- functions of one variable --------------------------------------------------------------

exp = elementwise("exp", np.exp, _unary("exp"), x=lambda g, out: g * out, floats=True)
expm1 = elementwise("expm1", np.expm1, _unary("expm1"), x=lambda g, out: g * (out + 1), floats=True)
log = elementwise("log", np.log, _unary("log"), x=lambda g, x: g / x, floats=True)
log2 = elementwise(
    "log2", np.log2, _unary("log2"), x=lambda g, x: g / (x * 0.6931471805599453), floats=True
)


def exactly(ufunc: Any) -> Any:
    """`ufunc`, in float64 for float32: NumPy's own loop misses some whole results by a bit."""

    def forward(x: Any) -> Any:
        if x.dtype != np.float32:
            return ufunc(x)
        return np.asarray(ufunc(x, dtype=np.float64), np.float32)

    return forward


log10 = elementwise(
    "log10", exactly(np.log10), _unary("log10"), x=lambda g, x: g / (x * 2.302585092994046),
    floats=True,
)  # fmt: skip
log1p = elementwise(
    "log1p", np.log1p, _unary("log1p"), x=lambda g, x: g / (x + 1), floats=True,
    node="Log1PBackward0",
)  # fmt: skip
sqrt = elementwise("sqrt", np.sqrt, _unary("sqrt"), x=lambda g, out: g / (out * 2), floats=True)
rsqrt = elementwise(
    "rsqrt", lambda x: np.reciprocal(np.sqrt(x)), _unary("rsqrt"), floats=True,
    x=lambda g, out: g * -0.5 * (out * out * out),
)  # fmt: skip
sin = elementwise("sin", np.sin, _unary("sin"), x=lambda k, g, x: g * k.cos(x), floats=True)
cos = elementwise("cos", np.cos, _unary("cos"), x=lambda k, g, x: g * -k.sin(x), floats=True)
tan = elementwise("tan", np.tan, _unary("tan"), x=lambda g, out: g * (1 + out * out), floats=True)
asin = elementwise(
    "asin", np.arcsin, _unary("asin"), x=lambda k, g, x: g * k.rsqrt(1 - x * x), floats=True
)
acos = elementwise(
    "acos", np.arccos, _unary("acos"), x=lambda k, g, x: g * -k.rsqrt(1 - x * x), floats=True
)
atan = elementwise("atan", np.arctan, _unary("atan"), x=lambda g, x: g / (x * x + 1), floats=True)
sinh = elementwise("sinh", np.sinh, _unary("sinh"), x=lambda k, g, x: g * k.cosh(x), floats=True)
cosh = elementwise("cosh", np.cosh, _unary("cosh"), x=lambda k, g, x: g * k.sinh(x), floats=True)
fused("tanh_gradient", slopes.tanh, lambda k, g, out: g * (1 - out * out))
tanh = elementwise(
    "tanh", np.tanh, _unary("tanh"), x=lambda k, g, out: k.tanh_gradient(g, out), floats=True
)
fused("sigmoid_gradient", slopes.sigmoid, lambda k, g, out: g * ((1 - out) * out))
sigmoid = elementwise(
    "sigmoid", special.sigmoid, _unary("sigmoid"), floats=True,
    x=lambda k, g, out: k.sigmoid_gradient(g, out),
)  # fmt: skip
erf = elementwise(
    "erf", special.erf, _unary("erf"), floats=True,
    x=lambda k, g, x: g * (_TWO_OVER_SQRT_PI * k.exp(-(x * x))),
)  # fmt: skip


def not_of_booleans(kernel: str, function: Any) -> Any:
    """`function`, refusing booleans under the name of PyTorch's kernel."""

    def forward(*operands: Any) -> Any:
        if operands[0].dtype.char == "?":
            raise NotImplementedError(f"\"{kernel}\" not implemented for 'Bool'")
        return function(*operands)

    return forward


def _square(x: Any) -> Any:
    return np.square(x.astype(np.int64) if x.dtype.char == "?" else x)


square = elementwise(
    "square", _square, _unary("square"), x=lambda g, x: g * (x * 2), node="PowBackward0"
)
abs_ = elementwise(
    "abs", not_of_booleans("abs_cpu", np.absolute), _unary("abs"),
    x=lambda k, g, x: g * k.sgn(x),
)  # fmt: skip


def _sign(x: Any) -> Any:
    """NumPy's sign of NaN is NaN, PyTorch's is 0."""
    if x.dtype.kind == "b":
        return x.copy()
    out = np.sign(x)
    return np.where(x == x, out, x.dtype.type(0)) if x.dtype.kind == "f" else out


def _sgn_gradient(k: Any, g: Any, x: Any, x_dtype: Any) -> Any:
    """Zero for real x; z / |z| turns with the angle of a complex z and ignores its length."""
    if x_dtype.kind != "c":
        return k.zeros_like_(g)
    size, direction = k.abs(x), k.sgn(x)
    turning = g - k.real(g * k.conj(direction)) * direction
    return k.where(size == 0, 0.0, turning / size)


sign = elementwise("sign", _sign, _unary("sign"), x=lambda k, g: k.zeros_like_(g))
sgn = elementwise("sgn", _sign, _unary("sgn"), x=_sgn_gradient, own_complex=True)
floor = elementwise(
    "floor", not_of_booleans("floor_vml_cpu", np.floor), _unary("floor"),
    x=lambda k, g: k.zeros_like_(g),
)
ceil = elementwise(
    "ceil", not_of_booleans("ceil_vml_cpu", np.ceil), _unary("ceil"),
    x=lambda k, g: k.zeros_like_(g),
)
trunc = elementwise(
    "trunc", not_of_booleans("trunc_vml_cpu", np.trunc), _unary("trunc"),
    x=lambda k, g: k.zeros_like_(g),
)
rint = elementwise(
    "rint", not_of_booleans(
        "round_vml_cpu", lambda x: x.copy() if x.dtype.kind in "iu" else np.rint(x)),
    "round(Tensor self) -> Tensor", node="RoundBackward0", x=lambda k, g: k.zeros_like_(g),
    public=False,
)  # fmt: skip

# ---- activations ------------------------------------------------------------------------------

_ZEROS = {d.numpy: np.zeros((), d.numpy) for d in _dtypes.ALL if d is not _dtypes.bool}


def _no_boolean_relu(error: Exception, x: Any) -> Exception | None:
    if isinstance(error, KeyError):
        return RuntimeError("Boolean inputs not supported for relu")
    return None


def _relu(x: Any) -> Any:
    return np.maximum(x, _ZEROS[x.dtype])


def _threshold_backward(g: Any, out: Any) -> Any:
    return select.threshold_backward(g, out, _ZEROS[out.dtype])


relu = elementwise(
    "relu", _relu, _unary("relu"), x=lambda k, g, out: k.threshold_backward(g, out),
    explain=_no_boolean_relu,
)
# Linear in the gradient; the threshold itself moves nothing.
threshold_backward = linear(
    "threshold_backward", _threshold_backward,
    "_threshold_backward(Tensor grad, Tensor result) -> Tensor", inputs=("x", "result"),
    public=False, node="ThresholdBackwardBackward0",
    x=lambda k, g, result: k.threshold_backward(g, result),
)  # fmt: skip
keep_where = linear(
    "keep_where", select.keep_where, "_keep_where(Tensor condition, Tensor self) -> Tensor",
    inputs=("mask", "x"), x=lambda k, g, mask: k.keep_where(mask, g), public=False,
    broadcasts=(0, 1),
)  # fmt: skip


def _silu_slope(k: Any, x: Any) -> Any:
    """d silu / dx."""
    s = k.sigmoid(x)
    return s * (1 + x * (1 - s))


fused("silu_slope", special.silu_slope, _silu_slope)
fused("silu_gradient", slopes.silu, lambda k, g, x: g * k.silu_slope(x))
silu = elementwise(
    "silu", special.silu, _unary("silu"), floats=True, kernel="silu_cpu",
    x=lambda k, g, x: k.silu_gradient(g, x),
)  # fmt: skip
fused_formula("log_sigmoid_gradient", lambda k, g, x: g * k.sigmoid(-x))
log_sigmoid = elementwise(
    "log_sigmoid", special.log_sigmoid, "log_sigmoid(Tensor self) -> Tensor", floats=True,
    kernel="log_sigmoid_cpu",
    x=lambda k, g, x: k.log_sigmoid_gradient(g, x), public=False,
)  # fmt: skip
fused_formula(
    "softplus_gradient",
    lambda k, g, x, beta, threshold: k.where(x * beta > threshold, g, g * k.sigmoid(x * beta)),
)
softplus = elementwise(
    "softplus", special.softplus,
    "softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor", floats=True,
    kernel="softplus_cpu",
    x=lambda k, g, x, beta, threshold: k.softplus_gradient(g, x, beta, threshold),
)  # fmt: skip


def _leaky_relu(x: Any, negative_slope: float) -> Any:
    if 0 < negative_slope <= 1:
        return np.maximum(x, x * x.dtype.type(negative_slope))
    return select.where(x > _ZEROS[x.dtype], x, x * x.dtype.type(negative_slope))


fused_formula(
    "leaky_relu_gradient",
    lambda k, g, x, negative_slope: k.where(x > 0, g, g * negative_slope),
)
leaky_relu = elementwise(
    "leaky_relu", slopes.by_pieces(_leaky_relu),
    "leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor", floats=True,
    kernel="leaky_relu_cpu",
    x=lambda k, g, x, negative_slope: k.leaky_relu_gradient(g, x, negative_slope),
)  # fmt: skip


def _elu(x: Any, alpha: float, scale: float, input_scale: float) -> Any:
    negative = np.expm1(np.minimum(x, 0) * x.dtype.type(input_scale))
    negative *= x.dtype.type(alpha * scale)
    return select.where(x > _ZEROS[x.dtype], x * x.dtype.type(scale), negative)


def _elu_gradient(
    k: Any, g: Any, x: Any, alpha: float, scale: float, input_scale: float
) -> Any:
    # Of the negative elements only: exp of the others may be infinite.
    slope = k.exp(k.keep_where(x < 0, x) * input_scale)
    return k.where(x <= 0, g * (alpha * scale * input_scale) * slope, g * scale)


fused_formula("elu_gradient", _elu_gradient)
elu = elementwise(
    "elu", slopes.by_pieces(_elu),
    "elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor", floats=True,
    kernel="elu_cpu",
    x=lambda k, g, x, alpha, scale, input_scale: k.elu_gradient(g, x, alpha, scale, input_scale),
)  # fmt: skip


_SQRT_HALF = math.sqrt(0.5)
_INV_SQRT_2PI = 1 / math.sqrt(2 * math.pi)
_SQRT_2_OVER_PI = math.sqrt(2 / math.pi)


def _gelu_slope(k: Any, x: Any, approximate: str) -> Any:
    """d gelu / dx."""
    if approximate == "tanh":
        t = k.tanh((x + x * x * x * 0.044715) * _SQRT_2_OVER_PI)
        inner = (1 + x * x * (3 * 0.044715)) * _SQRT_2_OVER_PI
        return (1 + t) * 0.5 + x * 0.5 * (1 - t * t) * inner
    cdf = (1 + k.erf(x * _SQRT_HALF)) * 0.5
    return cdf + x * k.exp(x * x * -0.5) * _INV_SQRT_2PI


fused("gelu_slope", special.gelu_slope, _gelu_slope)
fused(
    "gelu_gradient", slopes.gelu, lambda k, g, x, approximate: g * k.gelu_slope(x, approximate)
)
gelu = elementwise(
    "gelu", special.gelu, "gelu(Tensor self, *, str approximate='none') -> Tensor", floats=True,
    kernel="GeluKernelImpl",
    x=lambda k, g, x, approximate: k.gelu_gradient(g, x, approximate),
)  # fmt: skip

# ---- comparisons and logic ----------------------------------------------------------------------


def _comparison(name: str, ufunc: Any) -> Row:
    return elementwise(name, ufunc, _binary(name), inputs=("x", "y"), scalars=True,
                       promotion="compare", output_dtype="bool")  # fmt: skip


eq = _comparison("eq", np.equal)
ne = _comparison("ne", np.not_equal)
lt = _comparison("lt", np.less)
le = _comparison("le", np.less_equal)
gt = _comparison("gt", np.greater)
ge = _comparison("ge", np.greater_equal)


def _recorded_comparison(row: Row) -> Row:
    """What ``x.eq_(y)`` records: a result that moves with neither, yet is part of the graph."""
    return elementwise(
        row.name + "_recorded", row.forward, _binary(row.name), promotion="compare",
        output_dtype="bool", scalars=True, public=False, node=row.name.capitalize() + "Backward0",
        x=lambda k, g, x_dtype: k.cast(k.zeros_like_(g), x_dtype),
        y=lambda k, g, y_dtype: k.cast(k.zeros_like_(g), y_dtype),
    )  # fmt: skip


recorded_comparisons = {row.name: _recorded_comparison(row) for row in (eq, ne, lt, le, gt, ge)}


def _logical(name: str, ufunc: Any) -> Row:
    schema = f"{name}(Tensor self, Tensor other) -> Tensor"
    return elementwise(name, ufunc, schema, inputs=("x", "y"), promotion="compare",
                       output_dtype="bool", refuse=tensors_only(name))  # fmt: skip


logical_and = _logical("logical_and", np.logical_and)
logical_or = _logical("logical_or", np.logical_or)
logical_xor = _logical("logical_xor", np.logical_xor)
logical_not = elementwise("logical_not", np.logical_not, _unary("logical_not"), inputs=("x",),
                          promotion="none", output_dtype="bool")  # fmt: skip
isnan = elementwise("isnan", np.isnan, _unary("isnan"), inputs=("x",), promotion="none",
                    output_dtype="bool")  # fmt: skip
isinf = elementwise("isinf", np.isinf, _unary("isinf"), inputs=("x",), promotion="none",
                    output_dtype="bool")  # fmt: skip
isfinite = elementwise("isfinite", np.isfinite, _unary("isfinite"), inputs=("x",),
                       promotion="none", output_dtype="bool")  # fmt: skip


def integers_only(kernel: str) -> Any:
    """Refuses floating-point operands under the name of PyTorch's kernel."""

    def refuse(*values: Any) -> Exception | None:
        operands = tuple(
            (_core.dtype_of(v), 2 if v._data.ndim else 1) if isinstance(v, Tensor)
            else (_dtypes.number_dtype(v), 0) for v in values
        )  # fmt: skip
        dtype = _dtypes.result_type(operands)
        if dtype.category < _dtypes.FLOATING:
            return None
        return NotImplementedError(f"\"{kernel}\" not implemented for '{dtype.type_name}'")

    return refuse


def _bitwise(name: str, ufunc: Any) -> Row:
    return elementwise(name, ufunc, _binary(name), inputs=("x", "y"),
                       refuse=integers_only(name + "_cpu"))  # fmt: skip


bitwise_and = _bitwise("bitwise_and", np.bitwise_and)
bitwise_or = _bitwise("bitwise_or", np.bitwise_or)
bitwise_xor = _bitwise("bitwise_xor", np.bitwise_xor)
bitwise_not = elementwise("bitwise_not", np.invert, _unary("bitwise_not"), inputs=("x",))


# ---- selection ----------------------------------------------------------------------------------

where_row = elementwise(
    "where", select.where, "where.self(Tensor condition, Tensor self, Tensor other) -> Tensor",
    inputs=("condition", "x", "y"), same_dtype=(1, 2), node="WhereBackward0",
    x=lambda k, g, condition: k.keep_where(condition, g),
    y=lambda k, g, condition: k.keep_where(k.logical_not(condition), g), public=False,
)  # fmt: skip
