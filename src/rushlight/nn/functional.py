"""The functions behind the modules: activations, convolutions, pooling, norms, losses.

Each has the signature of PyTorch's ``torch.nn.functional``. They live in `nn/_functional`, by
family; those that are rows or belong to other families come from the registry.
"""

# ruff: noqa: F401 - what is imported here is what users reach

from __future__ import annotations

import sys as _sys
from typing import Any as _Any

from .._define import calls as _calls
from .._ops.conv import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)  # fmt: skip
from .._ops.linalg import linear
from .._tensor import registry as _registry
from ._functional.activation import (
    celu,
    celu_,
    elu,
    elu_,
    gelu,
    glu,
    gumbel_softmax,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    leaky_relu,
    leaky_relu_,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    relu_,
    rrelu,
    rrelu_,
    selu,
    selu_,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
    threshold_,
)  # fmt: skip
from ._functional.attention import bilinear, scaled_dot_product_attention
from ._functional.convolution import conv_tbc
from ._functional.distance import cosine_similarity, pairwise_distance, pdist
from ._functional.linear_loss import linear_cross_entropy
from ._functional.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    ctc_loss,
    gaussian_nll_loss,
    kl_div,
    nll_loss,
    poisson_nll_loss,
)  # fmt: skip
from ._functional.margins import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    huber_loss,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    smooth_l1_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)  # fmt: skip
from ._functional.multihead import multi_head_attention_forward
from ._functional.normalization import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    normalize,
    rms_norm,
)  # fmt: skip
from ._functional.padding import pad
from ._functional.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool1d_with_indices,
    adaptive_max_pool2d,
    adaptive_max_pool2d_with_indices,
    adaptive_max_pool3d,
    adaptive_max_pool3d_with_indices,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    fractional_max_pool2d,
    fractional_max_pool2d_with_indices,
    fractional_max_pool3d,
    fractional_max_pool3d_with_indices,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool2d_with_indices,
    max_pool3d,
    max_pool3d_with_indices,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)  # fmt: skip
from ._functional.sparse import embedding_bag
from ._functional.vision import (
    affine_grid,
    channel_shuffle,
    fold,
    grid_sample,
    interpolate,
    native_channel_shuffle,
    pixel_shuffle,
    pixel_unshuffle,
    unfold,
    upsample,
    upsample_bilinear,
    upsample_nearest,
)  # fmt: skip

# Dropout, embedding and one_hot are rows of other families.
_registry.load_late(rare=False)
for _name, _target in _registry.NN_FUNCTIONS.items():
    if _name not in globals():
        _registry.put(_sys.modules[__name__], _name, _target)

#: Functions that PyTorch hands to its argument parser: parameter -> name and position there.
_PARSED: dict[str, tuple[str, dict[str, tuple[str, int]]]] = {
    "batch_norm": ("batch_norm", {"input": ("input", 1)}),
    "cosine_similarity": ("cosine_similarity", {"x1": ("x1", 1), "x2": ("x2", 2)}),
    "cross_entropy": ("cross_entropy_loss", {"input": ("input", 1), "target": ("target", 2)}),
    "dropout": ("dropout", {"input": ("input", 1)}),
    "embedding": ("embedding", {"weight": ("weight", 1), "input": ("indices", 2)}),
    "kl_div": ("kl_div", {"input": ("input", 1), "target": ("target", 2)}),
    "layer_norm": ("layer_norm", {"input": ("input", 1)}),
    "nll_loss": ("nll_loss_nd", {"input": ("input", 1), "target": ("target", 2)}),
    "pad": ("pad", {"input": ("input", 1)}),
    "scaled_dot_product_attention": (
        "scaled_dot_product_attention",
        {"query": ("query", 1), "key": ("key", 2), "value": ("value", 3)},
    ),
    "unfold": ("im2col", {"input": ("input", 1)}),
}
for _name, (_parsed_name, _wanted) in _PARSED.items():
    if hasattr(globals()[_name], "__code__"):
        globals()[_name] = _calls.tensors_first(globals()[_name], _parsed_name, **_wanted)

for _function in list(globals().values()):
    if str(getattr(_function, "__module__", "")).startswith("rushlight.nn._functional"):
        _function.__module__ = "torch.nn.functional"

__all__ = [_name for _name in globals() if not _name.startswith("_") and _name != "annotations"]


def __getattr__(name: str) -> _Any:
    from .._missing import missing_attribute

    raise missing_attribute("torch.nn.functional", name)
