"""Activations and softmaxes of `torch.nn.functional`."""

from __future__ import annotations

import warnings
from typing import Any, cast

from ..._core import Tensor
from ..._ops import activation, elementwise
from ..._ops import softmax as rows
from ..._ops.by_example import by_example
from ...autograd import inplace as surgery

_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946

relu_ = surgery.twin(elementwise.relu, "relu_")
elu_ = surgery.twin(elementwise.elu, "elu_")
leaky_relu_ = surgery.twin(elementwise.leaky_relu, "leaky_relu_")
silu_ = surgery.twin(elementwise.silu, "silu_")
hardtanh_ = surgery.twin(activation.hardtanh, "hardtanh_")
hardsigmoid_ = surgery.twin(activation.hardsigmoid, "hardsigmoid_")
hardswish_ = surgery.twin(activation.hardswish, "hardswish_")
mish_ = surgery.twin(activation.mish, "mish_")
celu_ = surgery.twin(activation.celu, "celu_")
threshold_ = surgery.twin(activation.threshold, "threshold_")


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """``max(0, x)``; NaN stays NaN. Source: torch.nn.functional.relu.

    >>> import rushlight as torch
    >>> torch.nn.functional.relu(torch.tensor([-1., 2.]))
    tensor([0., 2.])
    """
    if inplace:
        return relu_(input)
    return elementwise.relu.call(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """``min(max(0, x), 6)``. Source: torch.nn.functional.relu6.

    >>> import rushlight as torch
    >>> torch.nn.functional.relu6(torch.tensor([-1., 2., 9.]))
    tensor([0., 2., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """``x`` cut off at `min_val` and `max_val`. Source: torch.nn.functional.hardtanh.

    Raises:
        ValueError: ``min_val > max_val``.

    >>> import rushlight as torch
    >>> torch.nn.functional.hardtanh(torch.tensor([-2., 0.5, 2.]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if inplace:
        return hardtanh_(input, min_val, max_val)
    return activation.hardtanh.call(input, min_val, max_val)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """``min(max(0, x + 3), 6) / 6``. Source: torch.nn.functional.hardsigmoid.

    >>> import rushlight as torch
    >>> torch.nn.functional.hardsigmoid(torch.tensor([-4., 0., 4.]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    if inplace:
        return hardsigmoid_(input)
    return activation.hardsigmoid.call(input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """``x * hardsigmoid(x)``. Source: torch.nn.functional.hardswish.

    >>> import rushlight as torch
    >>> torch.nn.functional.hardswish(torch.tensor([-4., 0., 4.]))
    tensor([-0., 0., 4.])
    """
    if inplace:
        return hardswish_(input)
    return activation.hardswish.call(input)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``x if x > 0 else alpha * (exp(x) - 1)``. Source: torch.nn.functional.elu.

    >>> import rushlight as torch
    >>> torch.nn.functional.elu(torch.tensor([-1., 2.]))
    tensor([-0.6321,  2.0000])
    """
    if inplace:
        return elu_(input, alpha, 1, 1)
    return elementwise.elu.call(input, alpha, 1, 1)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """``scale * elu(x, alpha)`` with the constants that keep mean 0 and variance 1.

    Source: torch.nn.functional.selu; Klambauer et al. 2017, arXiv:1706.02515.

    >>> import rushlight as torch
    >>> torch.nn.functional.selu(torch.tensor([-1., 2.]))
    tensor([-1.1113,  2.1014])
    """
    if inplace:
        return elu_(input, _SELU_ALPHA, _SELU_SCALE, 1)
    return elementwise.elu.call(
        input, _SELU_ALPHA, _SELU_SCALE, 1
    )


def selu_(input: Tensor) -> Tensor:
    """In-place :func:`selu`."""
    return selu(input, inplace=True)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``max(0, x) + min(0, alpha * (exp(x / alpha) - 1))``. Source: torch.nn.functional.celu.

    >>> import rushlight as torch
    >>> torch.nn.functional.celu(torch.tensor([-1., 2.]), 2.)
    tensor([-0.7869,  2.0000])
    """
    if inplace:
        return celu_(input, alpha)
    return activation.celu.call(input, alpha)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """``x if x > 0 else negative_slope * x``. Source: torch.nn.functional.leaky_relu.

    >>> import rushlight as torch
    >>> torch.nn.functional.leaky_relu(torch.tensor([-100., 2.]))
    tensor([-1.,  2.])
    """
    if inplace:
        return leaky_relu_(input, negative_slope)
    return elementwise.leaky_relu.call(input, negative_slope)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """``x * sigmoid(x)``, also known as swish. Source: torch.nn.functional.silu.

    >>> import rushlight as torch
    >>> torch.nn.functional.silu(torch.tensor([0., 2.]))
    tensor([0.0000, 1.7616])
    """
    if inplace:
        return silu_(input)
    return elementwise.silu.call(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """``x * tanh(softplus(x))``. Source: torch.nn.functional.mish.

    >>> import rushlight as torch
    >>> torch.nn.functional.mish(torch.tensor([0., 2.]))
    tensor([0.0000, 1.9440])
    """
    if inplace:
        return mish_(input)
    return activation.mish.call(input)


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """``x * Phi(x)`` with the normal distribution function, or its tanh approximation.

    Source: torch.nn.functional.gelu; Hendrycks and Gimpel 2016, arXiv:1606.08415.

    >>> import rushlight as torch
    >>> torch.nn.functional.gelu(torch.tensor([0., 2.]))
    tensor([0.0000, 1.9545])
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return elementwise.gelu.call(input, approximate=approximate)


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """``log(1 + exp(beta * x)) / beta``; linear beyond `threshold`.

    Source: torch.nn.functional.softplus.

    >>> import rushlight as torch
    >>> torch.nn.functional.softplus(torch.tensor([0., 30.]))
    tensor([ 0.6931, 30.0000])
    """
    return elementwise.softplus.call(input, beta, threshold)


def logsigmoid(input: Tensor) -> Tensor:
    """``log(sigmoid(x))``. Source: torch.nn.functional.logsigmoid.

    >>> import rushlight as torch
    >>> torch.nn.functional.logsigmoid(torch.tensor([0.]))
    tensor([-0.6931])
    """
    return elementwise.log_sigmoid.call(input)


def sigmoid(input: Tensor) -> Tensor:
    """``1 / (1 + exp(-x))``. Source: torch.nn.functional.sigmoid.

    >>> import rushlight as torch
    >>> torch.nn.functional.sigmoid(torch.tensor([0.]))
    tensor([0.5000])
    """
    return elementwise.sigmoid.call(input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent. Source: torch.nn.functional.tanh.

    >>> import rushlight as torch
    >>> torch.nn.functional.tanh(torch.tensor([0., 1.]))
    tensor([0.0000, 0.7616])
    """
    return elementwise.tanh.call(input)


def softsign(input: Tensor) -> Tensor:
    """``x / (1 + |x|)``. Source: torch.nn.functional.softsign.

    >>> import rushlight as torch
    >>> torch.nn.functional.softsign(torch.tensor([-1., 1.]))
    tensor([-0.5000,  0.5000])
    """
    denominator = elementwise.abs_.call(input) + 1
    return elementwise.div.call(input, denominator)


def tanhshrink(input: Tensor) -> Tensor:
    """``x - tanh(x)``. Source: torch.nn.functional.tanhshrink.

    >>> import rushlight as torch
    >>> torch.nn.functional.tanhshrink(torch.tensor([0., 1.]))
    tensor([0.0000, 0.2384])
    """
    return elementwise.sub.call(
        input, elementwise.tanh.call(input)
    )


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """``x`` drawn towards zero by `lambd`, zero within it.

    Source: torch.nn.functional.softshrink.

    Raises:
        RuntimeError: `lambd` is negative.

    >>> import rushlight as torch
    >>> torch.nn.functional.softshrink(torch.tensor([-1., 0.2, 2.]))
    tensor([-0.5000,  0.0000,  1.5000])
    """
    if not lambd >= 0:
        raise RuntimeError(
            "lambda must be in range [0, 3.40282e+38] for input dtype Float, but found "
            f"{lambd:g}"
        )
    return activation.softshrink.call(input, lambd)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """``x`` where ``|x| > lambd``, else 0. Source: torch.nn.functional.hardshrink.

    >>> import rushlight as torch
    >>> torch.nn.functional.hardshrink(torch.tensor([-1., 0.2, 2.]))
    tensor([-1.,  0.,  2.])
    """
    return activation.hardshrink.call(input, lambd)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """``x if x > threshold else value``. Source: torch.nn.functional.threshold.

    >>> import rushlight as torch
    >>> torch.nn.functional.threshold(torch.tensor([0., 2.]), 1., 20.)
    tensor([20.,  2.])
    """
    if inplace:
        return threshold_(input, threshold, value)
    return activation.threshold.call(input, threshold, value)


prelu = activation.prelu


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False,
    inplace: bool = False,
) -> Tensor:  # fmt: skip
    """``x if x > 0 else a * x``; `a` is drawn from (lower, upper) in training, else their mean.

    Source: torch.nn.functional.rrelu; Xu et al. 2015, arXiv:1505.00853.

    Raises:
        RuntimeError: ``lower > upper``.

    >>> import rushlight as torch
    >>> torch.nn.functional.rrelu(torch.tensor([-2., 3.]), 0.25, 0.75)
    tensor([-1.,  3.])
    """
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if inplace:
        surgery.check_writable(input)
        return surgery.write(
            input, _randomly_leaky(surgery.shadow_of(input, True), lower, upper, training)
        )
    return _randomly_leaky(input, lower, upper, training)


def _randomly_leaky(input: Any, lower: float, upper: float, training: bool) -> Tensor:
    if not training:
        mean = (lower + upper) / 2
        return activation.rrelu_mean.call(input, mean)
    return activation.rrelu_with_noise.call(input, _slopes(input, lower, upper))


@by_example
def _slopes(input: Tensor, lower: float, upper: float) -> Tensor:
    """A slope for every element; only those that leak draw, in double precision whatever the
    dtype."""
    import rushlight

    slope = rushlight.ones_like(cast("Any", input)).detach()
    kind = input._data.dtype.type
    lower, upper = float(kind(lower)), float(kind(upper))
    leaking = slope.new_empty(int((input._data <= 0).sum()), dtype=rushlight.float64)
    slope._data[input._data <= 0] = leaking.uniform_(lower, upper)._data
    return slope


def rrelu_(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False
) -> Tensor:
    """In-place :func:`rrelu`."""
    return rrelu(input, lower, upper, training, inplace=True)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """``a * sigmoid(b)`` of the two halves of `input` along `dim`. Source: torch.nn.functional.glu.

    >>> import rushlight as torch
    >>> torch.nn.functional.glu(torch.tensor([4., 0.]))
    tensor([2.])
    """
    if not input._data.ndim:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    return activation.glu.call(input, dim)


# ---- softmax ------------------------------------------------------------------------------------


def _implicit_dim(name: str, ndim: int, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """``exp(x) / sum(exp(x))`` along `dim`. Source: torch.nn.functional.softmax.

    Args:
        dtype: convert the input to this dtype first.

    >>> import rushlight as torch
    >>> torch.nn.functional.softmax(torch.tensor([0., 0.]), dim=0)
    tensor([0.5000, 0.5000])
    """
    if dim is None:
        dim = _implicit_dim("softmax", input.dim(), _stacklevel)
    if dtype is not None:
        input = rows.converted(input, dtype)
    return rows.softmax.call(input, dim)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """``softmax(-x)`` along `dim`. Source: torch.nn.functional.softmin.

    >>> import rushlight as torch
    >>> torch.nn.functional.softmin(torch.tensor([0., 0.]), dim=0)
    tensor([0.5000, 0.5000])
    """
    if dim is None:
        dim = _implicit_dim("softmin", input.dim(), _stacklevel)
    negative = elementwise.neg.call(input)
    if dtype is not None:
        negative = rows.converted(negative, dtype)
    return rows.softmax.call(negative, dim)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """``x - log(sum(exp(x)))`` along `dim`. Source: torch.nn.functional.log_softmax.

    Args:
        dtype: convert the input to this dtype first.

    >>> import rushlight as torch
    >>> torch.nn.functional.log_softmax(torch.tensor([0., 0.]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    if dim is None:
        dim = _implicit_dim("log_softmax", input.dim(), _stacklevel)
    if dtype is not None:
        input = rows.converted(input, dtype)
    return rows.log_softmax.call(input, dim)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A sample of the Gumbel-softmax distribution; with `hard`, one-hot with a soft gradient.

    Source: torch.nn.functional.gumbel_softmax; Jang et al. 2017, arXiv:1611.01144.

    >>> import rushlight as torch
    >>> torch.nn.functional.gumbel_softmax(torch.zeros(3), hard=True).sum()
    tensor(1.)
    """
    import rushlight as torch

    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    x: Any = logits
    gumbels = -torch.empty_like(x).detach().exponential_().log()
    gumbels = (x + gumbels) / tau
    soft = rows.softmax.call(gumbels, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one_hot = torch.zeros_like(x).detach().scatter_(dim, index, 1.0)
    return one_hot - soft.detach() + soft
