"""Functions of the torch namespace that are those of `torch.nn.functional`, found when used.

`import rushlight` does not import `nn`; a name listed here imports its family at the first call.
"""

from __future__ import annotations

from typing import Any

from .._tensor.registry import public

_SAME = {
    "attention": ("bilinear",),
    "distance": ("cosine_similarity", "pairwise_distance", "pdist"),
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


for _where, _names in _SAME.items():
    for _name in _names:
        public(_name, _same(_where, _name), method=False)
public("batch_norm", batch_norm, method=False)
public("instance_norm", instance_norm, method=False)
