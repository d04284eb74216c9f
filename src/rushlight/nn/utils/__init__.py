"""``torch.nn.utils``: clipping of gradients, parameters as a vector."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..._missing import missing_attribute
from .clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)  # fmt: skip
from .convert_parameters import parameters_to_vector, vector_to_parameters

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "skip_init",
    "vector_to_parameters",
]

_SUBMODULES = frozenset(("clip_grad", "convert_parameters", "init", "rnn"))


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """A module whose parameters are not drawn.

    Raises:
        NotImplementedError: always; parameters without values need meta tensors.
    """
    raise NotImplementedError("torch.nn.utils.skip_init: rushlight has no meta tensors")


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        try:
            return import_module("." + name, __name__)
        except ModuleNotFoundError:
            raise missing_attribute(__name__, name) from None
    raise missing_attribute(__name__, name)
