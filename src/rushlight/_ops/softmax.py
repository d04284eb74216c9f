"""Rows of softmax and its logarithm."""

from __future__ import annotations

from typing import Any

from .. import _dtypes
from .._core import Tensor, fused
from .._define.kinds import general
from .._kernels import softmax as kernels
from .._tensor.registry import public
from .casting import to_copy
from .checks import canonical_dim


def _refuse(name: str, x: Any, dim: int) -> None:
    d = _dtypes.from_numpy(x.dtype)
    if d.category < _dtypes.FLOATING:
        where = "lastdim_" if dim == max(0, x.ndim - 1) else ""
        raise NotImplementedError(
            f"\"{name}_{where}kernel_impl\" not implemented for '{d.type_name}'"
        )


def _dim_check(name: str) -> Any:
    def check(x: Any, dim: Any) -> tuple[int]:
        dim = canonical_dim(dim, x.ndim)
        if x.dtype.kind != "f":
            _refuse(name, x, dim)
        return (dim,)

    return check


def _over(x: Any, dim: int) -> tuple[int, ...]:
    """The dims a softmax sums over: none where there is only one number."""
    return (dim,) if x.ndim else ()


def _softmax_gradient(k: Any, g: Any, out: Any, dim: int) -> Any:
    return out * (g - k.sum(g * out, _over(out, dim), True))


def _log_softmax_gradient(k: Any, g: Any, out: Any, dim: int) -> Any:
    return g - k.exp(out) * k.sum(g, _over(out, dim), True)


fused("softmax_backward", kernels.softmax_backward, _softmax_gradient)
fused("log_softmax_backward", kernels.log_softmax_backward, _log_softmax_gradient)
softmax = general(
    "softmax", lambda x, dim: kernels.softmax(x, dim) if x.ndim else x * 0 + 1,
    "_softmax(Tensor self, int dim) -> Tensor", check=_dim_check("softmax"), floats=True,
    x=lambda k, g, out, dim: k.softmax_backward(g, out, dim), public=False,
)  # fmt: skip
log_softmax = general(
    "log_softmax", lambda x, dim: kernels.log_softmax(x, dim) if x.ndim else x * 0,
    "_log_softmax(Tensor self, int dim) -> Tensor", check=_dim_check("log_softmax"), floats=True,
    x=lambda k, g, out, dim: k.log_softmax_backward(g, out, dim), public=False,
)  # fmt: skip


def converted(x: Tensor, dtype: Any) -> Tensor:
    """`x` in `dtype`, recorded as PyTorch's ``to``; as it is where dtype is None."""
    if dtype is None or x._data.dtype == dtype.numpy:
        return x
    return to_copy.call(x, dtype.numpy)


def _public(row: Any, formula: str, example: str) -> Any:
    name = row.name
    schema = f"{name}.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor"

    def function(input: Tensor, dim: int, dtype: Any = None, *, out: Any = None) -> Tensor:
        if not isinstance(input, Tensor) or type(dim) is not int:
            from .._define.binding import bind

            bind(name, (schema,), (input, dim, dtype), {})
        if dtype is not None:
            input = converted(input, dtype)
        result = row.call(input, dim)
        if out is None:
            return result
        from ..autograd.inplace import write_out

        return write_out(row, result, out)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "torch"
    function.__doc__ = f"""``{formula}`` along `dim`, in `dtype` where one is given.

    >>> import rushlight as torch
    >>> torch.{name}(torch.tensor([0., 0.]), 0)
    {example}
    """
    public(name, function)
    return function


softmax_function = _public(softmax, "exp(x) / sum(exp(x))", "tensor([0.5000, 0.5000])")
log_softmax_function = _public(log_softmax, "x - log(sum(exp(x)))", "tensor([-0.6931, -0.6931])")
