"""Pooling of `torch.nn.functional`."""

from __future__ import annotations

import math
from typing import Any

from ..._core import Tensor
from ..._ops import fractional, pool
from ..._ops.elementwise import relu, sign
from ..._tensor.registry import FUNCTIONS, resolve

avg_pool1d = pool.avg_pool1d
avg_pool2d = pool.avg_pool2d
avg_pool3d = pool.avg_pool3d
adaptive_avg_pool1d = pool.adaptive_avg_pool1d

_MAX = """The largest value of every window{of}.

Shape: input (N, C, {sizes}) or (C, {sizes}).

Args:
    return_indices: also return where each value lies in its flattened input plane.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool{rank}d.html

>>> import rushlight as torch
>>> torch.nn.functional.max_pool{rank}d(torch.arange({n}.).reshape({shape}), 2).flatten()
tensor([{last}.])
"""


def _max_pools(rank: int) -> tuple[Any, Any]:
    name = f"max_pool{rank}d"

    def with_indices(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        return pool.max_pool(
            name, rank, input, kernel_size, stride, padding, dilation, ceil_mode
        )

    def function(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
        found = pool.max_pool(
            name, rank, input, kernel_size, stride, padding, dilation, ceil_mode
        )
        return found if return_indices else found[0]

    sizes = "D, H, W"[3 * (3 - rank) :] if rank > 1 else "L"
    documentation = _MAX.format(
        of="", rank=rank, sizes=sizes, n=2**rank, shape=", ".join(("1",) + ("2",) * rank),
        last=2**rank - 1,
    )  # fmt: skip
    for made, title in ((function, name), (with_indices, f"{name}_with_indices")):
        made.__name__ = made.__qualname__ = title
        made.__doc__ = documentation
        made.__module__ = "torch.nn.functional"
    return function, with_indices


max_pool1d, max_pool1d_with_indices = _max_pools(1)
max_pool2d, max_pool2d_with_indices = _max_pools(2)
max_pool3d, max_pool3d_with_indices = _max_pools(3)


def _sized(input: Tensor, output_size: Any, rank: int) -> Any:
    """`output_size` with its Nones filled in from the input."""
    if isinstance(output_size, int):
        return output_size
    shape = input._data.shape
    if len(shape) <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    last = shape[len(shape) - len(output_size) :]
    return tuple(n if given is None else given for given, n in zip(output_size, last, strict=True))


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of `output_size` windows that cover the last two dimensions evenly.

    Shape: input (N, C, H, W) or (C, H, W); None in `output_size` keeps that size.
    Source:
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool2d.html

    >>> import rushlight as torch
    >>> torch.nn.functional.adaptive_avg_pool2d(torch.tensor([[[1., 3.], [5., 7.]]]), 1)
    tensor([[[4.]]])
    """
    return pool.adaptive_avg_pool(2, input, _sized(input, output_size, 2))


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of `output_size` windows that cover the last three dimensions evenly.

    Shape: input (N, C, D, H, W) or (C, D, H, W); None in `output_size` keeps that size.
    Source:
    https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool3d.html

    >>> import rushlight as torch
    >>> torch.nn.functional.adaptive_avg_pool3d(torch.ones(1, 2, 4, 4, 4), 1).shape
    torch.Size([1, 2, 1, 1, 1])
    """
    return pool.adaptive_avg_pool(3, input, _sized(input, output_size, 3))


def _adaptive_max_pools(rank: int) -> tuple[Any, Any]:
    name = f"adaptive_max_pool{rank}d"

    def with_indices(
        input: Tensor, output_size: Any, return_indices: bool = False
    ) -> tuple[Tensor, Tensor]:
        return pool.adaptive_max_pool(rank, input, _sized(input, output_size, rank))

    def function(
        input: Tensor, output_size: Any, return_indices: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        found = pool.adaptive_max_pool(rank, input, _sized(input, output_size, rank))
        return found if return_indices else found[0]

    for made, title in ((function, name), (with_indices, f"{name}_with_indices")):
        made.__name__ = made.__qualname__ = title
        made.__module__ = "torch.nn.functional"
        made.__doc__ = f"""The largest value of `output_size` windows that cover the input evenly.

        Source:
        https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.{name}.html
        """
    return function, with_indices


adaptive_max_pool1d, adaptive_max_pool1d_with_indices = _adaptive_max_pools(1)
adaptive_max_pool2d, adaptive_max_pool2d_with_indices = _adaptive_max_pools(2)
adaptive_max_pool3d, adaptive_max_pool3d_with_indices = _adaptive_max_pools(3)


def _lp_pool(
    rank: int, input: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Tensor:
    if math.isinf(norm_type) and norm_type > 0:
        return pool.max_pool(
            f"max_pool{rank}d", rank, input.abs(), kernel_size, stride, 0, 1, ceil_mode
        )[0]
    power = input.pow(norm_type)
    sizes = (kernel_size,) * rank if isinstance(kernel_size, int) else tuple(kernel_size)
    count = 1
    for n in sizes:
        count *= n
    out = pool.avg_pool(
        f"avg_pool{rank}d", rank, power, kernel_size, stride, 0, ceil_mode, True, None
    )
    # The sum of the window; a negative one (odd powers) keeps its sign but has no root.
    positive = sign.call(out) * relu.call(abs(out))
    return (positive * count).pow(1.0 / norm_type)


def lp_pool1d(
    input: Tensor, norm_type: int | float, kernel_size: int, stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:  # fmt: skip
    """``(sum x^p)^(1/p)`` over every window. Source: torch.nn.functional.lp_pool1d.

    >>> import rushlight as torch
    >>> torch.nn.functional.lp_pool1d(torch.tensor([[3., 4.]]), 2, 2)
    tensor([[5.]])
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: int | float, kernel_size: Any, stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:  # fmt: skip
    """``(sum x^p)^(1/p)`` over every window. Source: torch.nn.functional.lp_pool2d.

    >>> import rushlight as torch
    >>> torch.nn.functional.lp_pool2d(torch.ones(1, 2, 2), 2, 2)
    tensor([[[2.]]])
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: int | float, kernel_size: Any, stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:  # fmt: skip
    """``(sum x^p)^(1/p)`` over every window. Source: torch.nn.functional.lp_pool3d.

    >>> import rushlight as torch
    >>> torch.nn.functional.lp_pool3d(torch.ones(1, 2, 2, 2), 1, 2)
    tensor([[[[8.]]]])
    """
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


def _per_dim(value: Any, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _unpooled_size(
    input: Tensor, rank: int, kernel: Any, stride: Any, padding: Any, output_size: Any
) -> tuple[int, ...]:
    spatial = input._data.shape[input._data.ndim - rank :]
    default = tuple(
        (n - 1) * s + k - 2 * p
        for n, k, s, p in zip(spatial, kernel, stride, padding, strict=True)
    )
    if output_size is None:
        return default
    sizes = output_size[2:] if len(output_size) == rank + 2 else output_size
    if len(sizes) != rank:
        raise ValueError(
            f"output_size should be a sequence containing {rank} or {rank + 2} elements, but it "
            f"has a length of '{len(sizes)}'"
        )
    for d, (n, s) in enumerate(zip(sizes, stride, strict=True)):
        low, high = default[d] - s, default[d] + s
        if not low < n < high:
            raise ValueError(
                f'invalid output_size "{sizes}" (dim {d} must be between {low} and {high})'
            )
    return tuple(sizes)


def _unpool(
    rank: int, input: Tensor, indices: Tensor, kernel_size: Any, stride: Any, padding: Any,
    output_size: Any,
) -> Tensor:  # fmt: skip
    kernel = _per_dim(kernel_size, rank)
    strides = kernel if stride is None else _per_dim(stride, rank)
    size = _unpooled_size(input, rank, kernel, strides, _per_dim(padding, rank), output_size)
    return pool.unpool(rank, input, indices, size)


def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    output_size: Any = None,
) -> Tensor:  # fmt: skip
    """Puts pooled values back where they came from, zeros elsewhere.

    Source: torch.nn.functional.max_unpool1d.

    >>> import rushlight as torch
    >>> torch.nn.functional.max_unpool1d(torch.tensor([[5.]]), torch.tensor([[1]]), 2)
    tensor([[0., 5.]])
    """
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    output_size: Any = None,
) -> Tensor:  # fmt: skip
    """Puts pooled values back where they came from, zeros elsewhere.

    Source: torch.nn.functional.max_unpool2d.

    >>> import rushlight as torch
    >>> torch.nn.functional.max_unpool2d(torch.tensor([[[5.]]]), torch.tensor([[[2]]]), 2)
    tensor([[[0., 0.],
             [5., 0.]]])
    """
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    output_size: Any = None,
) -> Tensor:  # fmt: skip
    """Puts pooled values back where they came from, zeros elsewhere.

    Source: torch.nn.functional.max_unpool3d.
    """
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)


def _fractional_pools(rank: int) -> tuple[Any, Any]:
    name = f"fractional_max_pool{rank}d"

    def with_indices(
        input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False, _random_samples: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
        if output_size is None:
            one = isinstance(output_ratio, int | float) and (rank == 3 or type(output_ratio) is int)
            ratios = (output_ratio,) * rank if one else output_ratio
            count = max(rank, len(ratios))
            output_size = [int(input.size(i - rank) * ratios[i]) for i in range(count)]
        if _random_samples is None:
            batch = 1 if input.dim() == rank + 1 else input.size(0)
            _random_samples = resolve(FUNCTIONS["rand"])(
                batch, input.size(-rank - 1), rank, dtype=input.dtype
            )
        assert _random_samples is not None
        return fractional.fractional_max_pool(
            input, kernel_size, output_size, _random_samples, rank
        )

    def function(
        input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False, _random_samples: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
        found = with_indices(
            input, kernel_size, output_size, output_ratio, return_indices, _random_samples
        )
        return found if return_indices else found[0]

    for made, title in ((function, name), (with_indices, f"{name}_with_indices")):
        made.__name__ = made.__qualname__ = title
        made.__module__ = "torch.nn.functional"
        made.__doc__ = f"""The largest value of windows at random places.

        Args:
            output_size, output_ratio: the size of the result, or its share of the input's.
            return_indices: also return where each value lies in its flattened input plane.

        Raises:
            ValueError: neither a size nor a ratio.
            RuntimeError: windows that do not fit.

        Source: torch.nn.functional.{name}; Graham 2014, arXiv:1412.6071.
        """
    return function, with_indices


fractional_max_pool2d, fractional_max_pool2d_with_indices = _fractional_pools(2)
fractional_max_pool3d, fractional_max_pool3d_with_indices = _fractional_pools(3)
