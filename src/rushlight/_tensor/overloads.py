"""The public names of the pointwise, reducing, shaping and product families."""

from __future__ import annotations

from typing import Any

from .._core import OPS, Tensor
from .._ops import (
    clamping,
    division,
    linalg,
    movement,
    pointwise,
    powers,
    reduce,
    shaping,
    splitting,
    statistics,
)
from .._ops import einsum as einsum_family
from .._ops import elementwise as e
from .._ops.checks import canonical_dim
from ..autograd import in_place_forms as forms
from ..autograd import inplace
from ..autograd.naming import renamed
from .registry import METHODS, aliases, overloaded, public


def _reduction(name: str, everything: Any, over_dims: Any) -> None:
    overloaded(
        name,
        (everything.schemas[0],
         lambda x, dtype: everything.call(reduce.with_dtype(x, dtype))),
        (over_dims.schemas[0],
         lambda x, dims, keepdim, dtype: over_dims.call(
             reduce.with_dtype(x, dtype), dims, keepdim)),
    )  # fmt: skip


def _extremum(name: str, everything: Any, over_dim: Any, binary: Any) -> None:
    overloaded(
        name,
        (f"{name}(Tensor self) -> Tensor", lambda x: everything.call(x)),
        (f"{name}.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
         lambda x, dim, keepdim: over_dim.call(x, dim, keepdim)),
        (f"{name}.other(Tensor self, Tensor other) -> Tensor", lambda x, y: binary.call(x, y)),
    )  # fmt: skip


def _truth(name: str, row: Any) -> None:
    overloaded(
        name,
        (f"{name}(Tensor self) -> Tensor", lambda x: row.call(x, None, False)),
        (f"{name}.dim(Tensor self, int dim, bool keepdim=False) -> Tensor",
         lambda x, dim, keepdim: row.call(x, (dim,), keepdim)),
        (f"{name}.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor",
         lambda x, dim, keepdim: row.call(x, dim, keepdim)),
    )  # fmt: skip


def _variance(name: str, forms: tuple[Any, Any, Any], result: str) -> None:
    plain, dims, correction = forms
    overloaded(
        name,
        (f"{name}(Tensor self, bool unbiased=True) -> {result}", plain),
        (f"{name}.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False)"
         f" -> {result}", dims),
        (f"{name}.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, "
         f"bool keepdim=False) -> {result}", correction),
    )  # fmt: skip


def _register_reductions() -> None:
    _reduction("sum", reduce.sum_all, reduce.sum_row)
    _reduction("mean", reduce.mean_all, reduce.mean_row)
    overloaded(
        "prod",
        (reduce.prod_all.schemas[0],
         lambda x, dtype: reduce.prod_all.call(reduce.with_dtype(x, dtype))),
        (statistics.prod_dim.schemas[0],
         lambda x, dim, keepdim, dtype: statistics.prod_dim.call(
             reduce.with_dtype(x, dtype), dim, keepdim)),
    )  # fmt: skip
    _extremum("max", reduce.max_all, reduce.max_dim, e.maximum)
    _extremum("min", reduce.min_all, reduce.min_dim, e.minimum)
    _truth("all", reduce.all_row)
    _truth("any", reduce.any_row)
    pair = "(Tensor, Tensor)"
    _variance("var", (statistics.var_plain, statistics.var_dims, statistics.var_correction),
              "Tensor")  # fmt: skip
    _variance("std", (statistics.std_plain, statistics.std_dims, statistics.std_correction),
              "Tensor")  # fmt: skip
    _variance("var_mean", statistics.var_mean_forms, pair)
    _variance("std_mean", statistics.std_mean_forms, pair)
    for name in ("norm", "count_nonzero", "diff"):
        public(name, getattr(statistics, name))


def _register_pointwise() -> None:
    public("pow", powers.pow)
    public("isclose", pointwise.isclose)
    public("positive", pointwise.positive)
    public("fill_diagonal_", pointwise.fill_diagonal_, torch=False)
    overloaded(
        "copysign",
        ("copysign.Tensor(Tensor self, Tensor other) -> Tensor", pointwise.copysign.call),
        ("copysign.Scalar(Tensor self, Scalar other) -> Tensor",
         lambda x, y: renamed(pointwise.copysign.call(x, y), "CopysignBackward1")),
    )  # fmt: skip
    overloaded(
        "rsub",
        ("rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
         lambda x, y, alpha: renamed(e.rsub_with_alpha(x, y, alpha), "RsubBackward0")),
        ("rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", e.rsub_with_alpha),
    )  # fmt: skip
    overloaded(
        "clamp",
        ("clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor",
         pointwise.clamp_scalars),
        ("clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor",
         pointwise.clamp_tensors),
    )  # fmt: skip
    overloaded(
        "clamp_min",
        ("clamp_min(Tensor self, Scalar min) -> Tensor",
         pointwise.clamp_min_scalar),
        ("clamp_min.Tensor(Tensor self, Tensor min) -> Tensor", _caller(clamping.clamp_min_tensor)),
    )  # fmt: skip
    overloaded(
        "clamp_max",
        ("clamp_max(Tensor self, Scalar max) -> Tensor",
         pointwise.clamp_max_scalar),
        ("clamp_max.Tensor(Tensor self, Tensor max) -> Tensor", _caller(clamping.clamp_max_tensor)),
    )  # fmt: skip
    overloaded(
        "round",
        ("round(Tensor self) -> Tensor", lambda x: e.rint.call(x)),
        ("round.decimals(Tensor self, *, int decimals) -> Tensor",
         lambda x, decimals: pointwise.round_decimals.call(x, decimals=decimals)),
    )  # fmt: skip
    overloaded(
        "div",
        ("div.Tensor(Tensor self, Tensor other) -> Tensor", lambda x, y: e.div.call(x, y)),
        ("div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor",
         pointwise.div_rounded),
        ("div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor",
         pointwise.div_rounded),
    )  # fmt: skip
    overloaded(
        "lerp",
        ("lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor",
         lambda x, y, w: pointwise.lerp_scalar.call(x, y, w)),
        ("lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor",
         lambda x, y, w: pointwise.lerp_tensor.call(x, y, w)),
    )  # fmt: skip
    remainder = division.remainder
    overloaded(
        "remainder",
        ("remainder.Tensor(Tensor self, Tensor other) -> Tensor",
         lambda x, y: renamed(remainder.call(x, y), "RemainderBackward1")),
        ("remainder.Scalar(Tensor self, Scalar other) -> Tensor", _caller(remainder)),
        ("remainder.Scalar_Tensor(Scalar self, Tensor other) -> Tensor",
         lambda x, y: remainder.call(pointwise.as_tensor(x, y), y)),
    )  # fmt: skip
    overloaded(
        "fmod",
        ("fmod.Tensor(Tensor self, Tensor other) -> Tensor",
         lambda x, y: renamed(division.fmod.call(x, y), "FmodBackward1")),
        ("fmod.Scalar(Tensor self, Scalar other) -> Tensor", _caller(division.fmod)),
    )  # fmt: skip
    for name in ("eq", "ne", "lt", "le", "gt", "ge", "bitwise_and", "bitwise_or", "bitwise_xor"):
        row = OPS[name]
        overloaded(
            name,
            (f"{name}.Tensor(Tensor self, Tensor other) -> Tensor", _caller(row)),
            (f"{name}.Scalar(Tensor self, Scalar other) -> Tensor", _caller(row)),
        )
    for row in (pointwise.bitwise_left_shift, pointwise.bitwise_right_shift):
        overloaded(
            row.name,
            (f"{row.name}.Tensor(Tensor self, Tensor other) -> Tensor", _shifted(row)),
            (f"{row.name}.Tensor_Scalar(Tensor self, Scalar other) -> Tensor", _shifted(row)),
            (f"{row.name}.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", _shifted(row)),
        )
    aliases(
        multiply="mul", subtract="sub", divide="div", true_divide="div", negative="neg",
        absolute="abs", clip="clamp", greater="gt", greater_equal="ge", less="lt",
        less_equal="le", not_equal="ne", arcsin="asin", arccos="acos", arctan="atan",
        arcsinh="asinh", arccosh="acosh", arctanh="atanh", arctan2="atan2", fix="trunc",
    )  # fmt: skip


def _shifted(row: Any) -> Any:
    return lambda x, y: row.call(
        x if isinstance(x, Tensor) else pointwise.as_tensor(x, y), y
    )


def _caller(row: Any) -> Any:
    return lambda x, y: row.call(x, y)


def _register_shapes() -> None:
    s = shaping
    public("reshape", lambda input, shape: movement.reshape(input, s.shape_of((shape,))),
           method=False)  # fmt: skip
    public("permute", lambda input, dims: movement.permute.call(input, tuple(dims)), method=False)
    public("broadcast_to", lambda input, size: movement.expand.call(input, tuple(size)))
    for name, function in {
        "view": s.view, "reshape": s.reshape_method, "permute": s.permute_method,
        "expand": s.expand_method, "repeat": s.repeat_method, "unfold": s.unfold,
        "split": splitting.split_method,
        "view_as": lambda self, other: s.view(self, *other._data.shape),
        "reshape_as": lambda self, other: movement.reshape(self, other._data.shape),
        "expand_as": lambda self, other: movement.expand.call(self, other._data.shape),
    }.items():  # fmt: skip
        METHODS[name] = function
    for name in ("tile", "flatten", "unflatten", "narrow", "movedim", "diag", "diag_embed",
                 "repeat_interleave"):  # fmt: skip
        public(name, getattr(s, name))
    for name in ("column_stack", "broadcast_tensors", "tensordot"):
        public(name, getattr(s, name), method=False)
    public("split", splitting.split, method=False)
    public("chunk", splitting.chunk)
    public("tensor_split", splitting.tensor_split)
    overloaded("unbind", ("unbind.int(Tensor self, int dim=0) -> Tensor[]", _unbind))
    public("ravel", lambda input: movement.reshape(input, (-1,)))
    public("hstack", s.as_list_stack("hstack", 1, 1), method=False)
    public("vstack", s.as_list_stack("vstack", 2, 0), method=False)
    public("dstack", s.as_list_stack("dstack", 3, 2), method=False)
    for n in (1, 2, 3):
        public(f"atleast_{n}d", _at_least(n), method=False)
    overloaded(
        "squeeze",
        ("squeeze(Tensor(a) self) -> Tensor(a)", s.squeeze_all),
        ("squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)", s.squeeze_dim),
        ("squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)", s.squeeze_dims),
    )
    public("fliplr", lambda input: movement.flip.call(input, (1,)))
    public("flipud", lambda input: movement.flip.call(input, (0,)))
    METHODS["flip"] = lambda self, *dims: movement.flip.call(self, s.shape_of(dims))
    METHODS["__reversed__"] = lambda self: movement.flip.call(
        self, (0,) if self._data.ndim else ()
    )
    aliases(
        swapaxes="transpose", swapdims="transpose", concat="cat", concatenate="cat",
        moveaxis="movedim", row_stack="vstack",
    )  # fmt: skip
    METHODS["sum_to_size"] = lambda self, *size: _sum_to_size(self, s.shape_of(size))


def _unbind(x: Tensor, dim: int) -> Any:
    if not x._data.ndim:
        canonical_dim(dim, 0)
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return splitting.unbind.call(x, dim)


def _sum_to_size(self: Tensor, size: Any) -> Tensor:
    from .._ops import casting

    return casting.sum_to.call(self, tuple(size))


def _at_least(n: int) -> Any:
    def function(*tensors: Any) -> Any:
        if len(tensors) == 1 and isinstance(tensors[0], Tensor):
            return shaping.at_least_nd(tensors[0], n)
        listed = tensors[0] if len(tensors) == 1 else tensors
        for i, t in enumerate(listed):
            if not isinstance(t, Tensor):
                raise TypeError(
                    f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}"
                )
        return tuple(shaping.at_least_nd(t, n) for t in listed)

    function.__name__ = function.__qualname__ = f"atleast_{n}d"
    return function


def _register_products() -> None:
    public("matmul", linalg.matmul)
    public("einsum", einsum_family.einsum, method=False)
    public("ger", lambda input, vec2: linalg.outer.call(input, vec2))
    public("inner", lambda input, other: linalg.inner(input, other))
    public("kron", linalg.kron)
    public("baddbmm", linalg.baddbmm)
    public("addmv", linalg.addmv)


def _dispatched(overloads: Any) -> Any:
    return lambda *args, **kwargs: overloads.make(True)(*args, **kwargs)


# In-place twins: the row or function, and the name without its underscore.
_TWINS = (
    "add sub mul neg reciprocal exp expm1 exp2 log log2 log10 log1p sqrt rsqrt sin cos tan asin "
    "acos atan sinh cosh tanh sigmoid erf erfc erfinv square abs sign floor ceil trunc frac relu "
    "asinh acosh atanh lgamma digamma deg2rad rad2deg sinc floor_divide atan2 addcmul addcdiv "
    "nan_to_num hypot "
    "logit sgn bitwise_not tril triu addmm cumsum cumprod baddbmm"
).split()


_OVERLOADED_TWINS = (
    "clamp clamp_min clamp_max round div lerp bitwise_and bitwise_or bitwise_xor remainder fmod "
    "copysign"
).split()


#: Changes of shape that have an in-place form, and the node it records.
_RESHAPED = {
    "t": "TBackward1", "transpose": "TransposeBackward1", "unsqueeze": "UnsqueezeBackward1",
}  # fmt: skip


def _in_shape(name: str) -> Any:
    target: Any = METHODS.get(name) or OPS[name]
    if hasattr(target, "make"):
        return _dispatched(target)
    return lambda *args, **kwargs: getattr(target, "call", target)(*args, **kwargs)


def _register_twins() -> None:
    for name in _TWINS:
        METHODS[name + "_"] = inplace.twin(OPS[name], name + "_")
    for name in _OVERLOADED_TWINS:
        METHODS[name + "_"] = inplace.from_function(_dispatched(METHODS[name]), name + "_")
    for name, tracked in e.recorded_comparisons.items():
        METHODS[name + "_"] = forms.comparing(OPS[name], tracked, name + "_")
    for name in ("logical_and", "logical_or", "logical_xor", "logical_not"):
        METHODS[name + "_"] = forms.outside_the_graph(OPS[name], name + "_")
    for name, node in _RESHAPED.items():
        METHODS[name + "_"] = forms.in_shape(_in_shape(name), name + "_", node)
    METHODS["squeeze_"] = forms.squeezing(_in_shape("squeeze"))
    for name in ("pow",):
        METHODS[name + "_"] = inplace.from_function(METHODS[name], name + "_")
    for alias, name in {
        "multiply_": "mul_", "subtract_": "sub_", "divide_": "div_", "true_divide_": "div_",
        "negative_": "neg_", "absolute_": "abs_", "clip_": "clamp_", "fix_": "trunc_",
        "swapaxes_": "transpose_", "swapdims_": "transpose_",
    }.items():  # fmt: skip
        METHODS[alias] = METHODS[name]


_register_pointwise()
_register_reductions()
_register_shapes()
_register_products()
_register_twins()
