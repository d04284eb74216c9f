"""Functions of the torch namespace that are those of `torch.nn.functional`, found when used.

`import rushlight` does not import `nn`; a name listed here imports its family at the first call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import wrap
from .._tensor.registry import overloaded, public
from . import bags
from .by_example import by_example

_SAME = {
    "attention": ("bilinear",),
    "distance": ("cosine_similarity", "pairwise_distance", "pdist"),
    "convolution": ("conv_tbc",),
    "vision": ("native_channel_shuffle",),
    "normalization": ("group_norm", "layer_norm", "rms_norm"),
    "pooling": ("max_pool1d", "max_pool2d", "max_pool3d", "max_pool1d_with_indices"),
    "activation": ("selu", "selu_", "rrelu", "rrelu_"),
}


def _family(name: str) -> Any:
    from importlib import import_module

    return import_module(f"{__package__.rpartition('.')[0]}.nn._functional.{name}")


def _same(family: str, name: str) -> Any:
    def function(*args: Any, **kwargs: Any) -> Any:
        return getattr(_family(family), name)(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "torch"
    function.__doc__ = f"See torch.nn.functional.{name}."
    return function


def batch_norm(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool,
    momentum: float, eps: float, cudnn_enabled: bool,
) -> Any:  # fmt: skip
    """``torch.nn.functional.batch_norm`` with the order of arguments of PyTorch's ``torch``."""
    return _family("normalization")._batch_norm(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )


def instance_norm(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any,
    use_input_stats: bool, momentum: float, eps: float, cudnn_enabled: bool,
) -> Any:  # fmt: skip
    """``torch.nn.functional.instance_norm`` with the order of arguments of PyTorch's ``torch``."""
    return _family("normalization").instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


def adaptive_max_pool1d(input: Any, output_size: Any) -> Any:
    """``torch.nn.functional.adaptive_max_pool1d`` with its indices."""
    if len(output_size) != 1:
        raise RuntimeError(
            "adaptive_max_pool1d() argument 'output_size' should contain one int (got "
            f"{len(output_size)})"
        )
    return _family("pooling").adaptive_max_pool1d_with_indices(input, output_size)


@by_example
def embedding_bag(
    weight: Any, indices: Any, offsets: Any, scale_grad_by_freq: bool, mode: int, sparse: bool,
    per_sample_weights: Any, include_last_offset: bool, padding_idx: int | None = None,
) -> Any:  # fmt: skip
    """The bags, the bag of each index, how many count in each bag, and where maxima come from."""
    family = _family("sparse")
    output = family.embedding_bag(
        indices, weight, offsets, None, 2.0, scale_grad_by_freq, ("sum", "mean", "max")[mode],
        sparse, per_sample_weights, include_last_offset, padding_idx,
    )  # fmt: skip
    if include_last_offset and mode != _SUM:
        raise NotImplementedError(
            "torch.embedding_bag with include_last_offset and a mean or maximum: the bags of its "
            "second result are PyTorch's own; torch.nn.functional.embedding_bag has the first"
        )
    kind = indices._data.dtype
    numbers, owners, count = family._bags(indices, offsets, include_last_offset)
    none = np.zeros(count, kind)
    if mode == _SUM:
        if weight._data.dtype == np.float32 and padding_idx is None:
            owners = none[:0]  # PyTorch's fast loop does without
        return output, wrap(owners.astype(kind)), wrap(none), wrap(none.copy())
    kept = np.ones(len(numbers), bool)
    if padding_idx is not None:
        kept = numbers != padding_idx % weight._data.shape[0]
    sizes = wrap(np.bincount(owners[kept], minlength=count).astype(kind))
    owners = wrap(owners.astype(kind))
    if mode == _MEAN:
        return output, owners, sizes, sizes.clone()
    rows = bags.embedding_bag_max.forward(
        weight._data, numbers[kept], owners._data[kept], count
    )[1]
    return output, owners, sizes, wrap(np.maximum(rows, 0).astype(kind))


_SUM, _MEAN = 0, 1
_BAGS = "(Tensor, Tensor, Tensor, Tensor)"
overloaded(
    "embedding_bag",
    ("embedding_bag(Tensor weight, Tensor indices, Tensor offsets, "
     "bool scale_grad_by_freq=False, int mode=0, bool sparse=False, "
     f"Tensor? per_sample_weights=None, bool include_last_offset=False) -> {_BAGS}",
     embedding_bag),
    ("embedding_bag.padding_idx(Tensor weight, Tensor indices, Tensor offsets, "
     "bool scale_grad_by_freq, int mode, bool sparse, Tensor? per_sample_weights, "
     f"bool include_last_offset, int? padding_idx) -> {_BAGS}", embedding_bag),
    method=False,
)  # fmt: skip
overloaded(
    "adaptive_max_pool1d",
    ("adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)",
     adaptive_max_pool1d),
    method=False,
)  # fmt: skip
for _where, _names in _SAME.items():
    for _name in _names:
        public(_name, _same(_where, _name), method=False)
public("batch_norm", batch_norm, method=False)
public("instance_norm", instance_norm, method=False)
