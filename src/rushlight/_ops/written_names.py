"""Further names of in-place operations: aliases as methods, and in-place methods as functions of
`torch` (``torch.abs_(x)``)."""

from __future__ import annotations

from .._core import OPS, Tensor
from .._tensor.registry import FUNCTIONS, METHODS, public
from ..autograd.in_place_forms import in_shape

_ALIASES = {
    "arccos_": "acos_", "arccosh_": "acosh_", "arcsin_": "asin_", "arcsinh_": "asinh_",
    "arctan_": "atan_", "arctanh_": "atanh_", "arctan2_": "atan2_", "greater_": "gt_",
    "greater_equal_": "ge_", "less_": "lt_", "less_equal_": "le_", "not_equal_": "ne_",
}  # fmt: skip
_FUNCTIONS = """
    abs_ acos_ acosh_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ as_strided_ asin_ asinh_
    atan_ atanh_ ceil_ clamp_ clamp_max_ clamp_min_ clip_ cos_ cosh_ deg2rad_ detach_ erf_ erfc_
    exp2_ exp_ expm1_ fix_ floor_ frac_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ neg_ negative_
    rad2deg_ reciprocal_ relu_ round_ rsqrt_ sigmoid_ sin_ sinc_ sinh_ sqrt_ square_ tan_ tanh_
    trunc_ xlogy_
""".split()

for _alias, _name in _ALIASES.items():
    public(_alias, METHODS[_name], torch=False)
public("as_strided_", in_shape(OPS["as_strided"].call, "as_strided_", "AsStridedBackward0"),
       torch=False)  # fmt: skip
for _name in _FUNCTIONS:
    FUNCTIONS[_name] = METHODS[_name] if _name in METHODS else getattr(Tensor, _name)
