"""``torch.nn.utils``: clipping, parameters as a vector, parametrizations, norms, pruning."""

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

# Bound at once: their modules have the same names, and importing these would hide the functions.
from .spectral_norm import remove_spectral_norm, spectral_norm
from .weight_norm import remove_weight_norm, weight_norm

#: Functions that are loaded with their module when first used.
_HOMES = {
    "convert_conv2d_weight_memory_format": "memory_format",
    "convert_conv3d_weight_memory_format": "memory_format",
    "fuse_conv_bn_eval": "fusion",
    "fuse_conv_bn_weights": "fusion",
    "fuse_linear_bn_eval": "fusion",
    "fuse_linear_bn_weights": "fusion",
    "skip_init": "init",
}
_SUBMODULES = frozenset(
    (
        "clip_grad", "convert_parameters", "fusion", "init", "memory_format", "parametrizations",
        "parametrize", "prune", "rnn", "stateless",
    )
)  # fmt: skip

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "remove_spectral_norm",
    "remove_weight_norm",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]
__all__ += sorted(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is not None:
        found = globals()[name] = getattr(import_module("." + home, __name__), name)
        return found
    if name in _SUBMODULES:
        try:
            return import_module("." + name, __name__)
        except ModuleNotFoundError:
            raise missing_attribute(__name__, name) from None
    raise missing_attribute(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_SUBMODULES})
