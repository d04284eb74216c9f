"""Functions that set the initial values of parameters, in place and unrecorded.

The draws, their order and the arithmetic of the bounds are PyTorch's: the same seed gives the
same weights.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .modules._modes import no_grad

if TYPE_CHECKING:
    from .._core import Tensor

__all__ = [
    "calculate_gain", "constant", "constant_", "dirac", "dirac_", "eye", "eye_",
    "kaiming_normal", "kaiming_normal_", "kaiming_uniform", "kaiming_uniform_", "normal",
    "normal_", "ones_", "orthogonal", "orthogonal_", "sparse", "sparse_", "trunc_normal_",
    "uniform", "uniform_", "xavier_normal", "xavier_normal_", "xavier_uniform",
    "xavier_uniform_", "zeros_",
]  # fmt: skip

_PLAIN_GAINS = frozenset(
    ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
     "conv_transpose3d", "sigmoid")
)  # fmt: skip


def _warn(text: str) -> None:
    import warnings

    warnings.warn(text, stacklevel=3)


def calculate_gain(nonlinearity: str, param: Any = None) -> float:
    """The factor by which a standard deviation grows to make up for a nonlinearity.

    Args:
        nonlinearity: name of the function, as in ``nn.functional``.
        param: the slope, for ``leaky_relu``; 0.01 by default.

    Raises:
        ValueError: the name is unknown, or the slope no number.

    Source: https://docs.pytorch.org/docs/stable/nn.init.html

    >>> round(calculate_gain("relu"), 4)
    1.4142
    """
    if nonlinearity in _PLAIN_GAINS:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "selu":
        return 3.0 / 4
    if nonlinearity != "leaky_relu":
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    if param is None:
        slope = 0.01
    elif isinstance(param, int | float) and not isinstance(param, bool):
        slope = param
    else:
        raise ValueError(f"negative_slope {param} not a valid number")
    return math.sqrt(2.0 / (1 + slope**2))


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Any:
    """Values from U(a, b).

    Source: https://docs.pytorch.org/docs/stable/nn.init.html

    >>> import rushlight as torch
    >>> w = torch.nn.init.uniform_(torch.empty(3, 5))
    """
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Any:
    """Values from N(mean, std^2)."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Any,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Any:
    """Values from N(mean, std^2) that lie in [a, b]; others are drawn anew.

    Source: https://docs.pytorch.org/docs/stable/nn.init.html; the cut-off tail of a normal
    distribution by rejection.

    Args:
        a: the least value.
        b: the greatest value.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        _warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of "
            "values may be incorrect."
        )

    def below(x: float) -> float:
        return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0

    share = below((b - mean) / std) - below((a - mean) / std)
    with no_grad():
        if share > 0.3:
            _redraw_normals(tensor, mean, std, a, b, generator)
        else:
            _reject_uniforms(tensor, mean, std, a, b, generator)
    return tensor


def _redraw_normals(
    tensor: Any, mean: float, std: float, a: float, b: float, generator: Any
) -> None:
    tensor.normal_(mean, std, generator=generator)
    data = tensor._data
    low, high = data.dtype.type(a), data.dtype.type(b)
    bad = (data < low) | (data > high)
    while bad.any():
        again = _core.wrap(np.empty_like(data))
        again.normal_(mean, std, generator=generator)
        data[bad] = again._data[bad]
        bad = (data < low) | (data > high)


def _reject_uniforms(
    tensor: Any, mean: float, std: float, a: float, b: float, generator: Any
) -> None:
    """Where normals would mostly be refused: uniform proposals, kept with the density's odds."""
    data = tensor._data
    kind = data.dtype.type
    mode = min(max(mean, a), b)
    highest = -0.5 * ((mode - mean) / std) ** 2

    def odds(x: Any) -> Any:
        z = (x - kind(mean)) / kind(std)
        return kind(-0.5) * (z * z) - kind(highest)

    def draw(low: float, high: float) -> Any:
        t: Any = _core.wrap(np.empty_like(data))
        t.uniform_(low, high, generator=generator)
        return t._data

    tensor.uniform_(a, b, generator=generator)
    with _core.quiet():
        pending = np.log(draw(0.0, 1.0)) > odds(data)
        while pending.any():
            proposal = draw(a, b)
            data[pending] = proposal[pending]
            pending &= np.log(draw(0.0, 1.0)) > odds(proposal)


def constant_(tensor: Any, val: float) -> Any:
    """The value `val` everywhere."""
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Any) -> Any:
    """Ones."""
    with no_grad():
        return tensor.fill_(1.0)


def zeros_(tensor: Any) -> Any:
    """Zeros."""
    with no_grad():
        return tensor.zero_()


def eye_(tensor: Any) -> Any:
    """The identity matrix, or as much of it as there is room for.

    Raises:
        ValueError: the tensor is no matrix.
    """
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    _write(tensor, np.eye(*tensor._data.shape))
    return tensor


def dirac_(tensor: Any, groups: int = 1) -> Any:
    """A convolution weight that keeps the channels as they are, as many as possible.

    Raises:
        ValueError: the tensor is not of 3, 4 or 5 dims, or `groups` does not divide dim 0.
    """
    dims = tensor.ndimension()
    if dims not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    shape = tensor._data.shape
    if shape[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    values = np.zeros(shape)
    per_group = shape[0] // groups
    centre = tuple(n // 2 for n in shape[2:])
    for group in range(groups):
        for d in range(min(per_group, shape[1])):
            values[(group * per_group + d, d, *centre)] = 1
    _write(tensor, values)
    return tensor


def _write(tensor: Any, values: Any) -> None:
    tensor._data[...] = values
    _core.bump(tensor)


def _calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    shape = tensor._data.shape
    if len(shape) < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    modes = ["fan_in", "fan_out"]
    if mode not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode)]


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Values from U(-a, a) with a = gain sqrt(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
    networks (2010).

    Raises:
        ValueError: the tensor has fewer than 2 dims.
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Values from N(0, std^2) with std = gain sqrt(2 / (fan_in + fan_out)).

    Source: Glorot and Bengio (2010).

    Raises:
        ValueError: the tensor has fewer than 2 dims.
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    return normal_(tensor, 0.0, std, generator)


def _kaiming_std(tensor: Any, a: float, mode: str, nonlinearity: str) -> float | None:
    """gain / sqrt(fan), or None where there is nothing to set."""
    if 0 in tensor.shape:
        import warnings

        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Any,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Any:
    """Values from U(-b, b) with b = gain sqrt(3 / fan).

    Args:
        a: slope of the leaky relu that follows.
        mode: keep the variance of the forward pass ("fan_in") or of the backward pass ("fan_out").
        nonlinearity: the function that follows.

    Raises:
        ValueError: unknown mode or nonlinearity, or fewer than 2 dims.

    Source: He et al., Delving deep into rectifiers (2015).
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Any,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Any:
    """Values from N(0, std^2) with std = gain / sqrt(fan); arguments as in ``kaiming_uniform_``.

    Source: He et al. (2015).
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0.0, std, generator)


def orthogonal_(tensor: Any, gain: float = 1, generator: Any = None) -> Any:
    """A (semi-)orthogonal matrix, the dims after the first taken together.

    Source: Saxe et al., Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks (2013).

    Raises:
        ValueError: the tensor has fewer than 2 dims.
    """
    if tensor.ndimension() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    data = tensor._data
    if not data.size:
        return tensor
    rows = data.shape[0]
    flat: Any = _core.wrap(np.empty((rows, data.size // rows), data.dtype))
    normal_(flat, 0.0, 1.0, generator)
    matrix = flat._data if rows >= flat._data.shape[1] else flat._data.T
    q, r = np.linalg.qr(matrix)
    q = q * np.sign(np.diag(r))
    if rows < flat._data.shape[1]:
        q = q.T
    _write(tensor, (q * q.dtype.type(gain)).reshape(data.shape))
    return tensor


def sparse_(tensor: Any, sparsity: float, std: float = 0.01, generator: Any = None) -> Any:
    """Values from N(0, std^2), of which a share `sparsity` of each column is set to zero.

    Source: Martens, Deep learning via Hessian-free optimization (2010).

    Raises:
        ValueError: the tensor is no matrix.
    """
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    from importlib import import_module

    randperm = import_module("rushlight").randperm
    rows, columns = tensor._data.shape
    zeros = math.ceil(sparsity * rows)
    normal_(tensor, 0.0, std, generator)
    for column in range(columns):
        # The permutation comes from the default generator, whatever was given: as in PyTorch.
        tensor._data[randperm(rows)._data[:zeros], column] = 0
    _core.bump(tensor)
    return tensor


def _deprecated(current: Any) -> Any:
    """The old name of an initialiser, without the underscore."""
    name = current.__name__
    old = name[:-1]

    def call(*args: Any, **kwargs: Any) -> Any:
        import warnings

        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{name}`.",
            FutureWarning,
            stacklevel=2,
        )
        return current(*args, **kwargs)

    call.__name__ = call.__qualname__ = old
    call.__doc__ = f"The former name of ``{name}``.\n\n    Deprecated: use ``{name}``."
    return call


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
