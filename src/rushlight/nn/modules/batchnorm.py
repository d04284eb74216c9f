"""Batch normalisation: over the batch and the places, channel by channel."""

from __future__ import annotations

from typing import Any

from ... import _dtypes
from ..._core import Tensor, constant
from .. import functional as F
from .. import init
from ._making import empty_parameter, ones_tensor, zeros_tensor
from .module import Module

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"]


class _NormBase(Module):
    """What batch and instance norms share: scale, shift and running statistics."""

    _version = 2
    __constants__ = ["track_running_stats", "momentum", "eps", "num_features", "affine"]
    num_features: int
    eps: float
    momentum: float | None
    affine: bool
    track_running_stats: bool
    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = empty_parameter((num_features,), device, dtype)
        else:
            self.register_parameter("weight", None)
        if affine and bias:
            self.bias = empty_parameter((num_features,), device, dtype)
        else:
            self.register_parameter("bias", None)
        if track_running_stats:
            self.register_buffer("running_mean", zeros_tensor((num_features,), device, dtype))
            self.register_buffer("running_var", ones_tensor((num_features,), device, dtype))
            self.register_buffer("num_batches_tracked", zeros_tensor((), device, _dtypes.int64))
        else:
            self.register_buffer("running_mean", None)
            self.register_buffer("running_var", None)
            self.register_buffer("num_batches_tracked", None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the statistics: mean 0, variance 1."""
        if self.track_running_stats:
            self.running_mean.zero_()  # type: ignore[union-attr]
            self.running_var.fill_(1)  # type: ignore[union-attr]
            self.num_batches_tracked.zero_()  # type: ignore[union-attr]

    def reset_parameters(self) -> None:
        """Forget the statistics and set the scale to 1, the shift to 0."""
        self.reset_running_stats()
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        raise NotImplementedError

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any, **named: Any
    ) -> None:
        version = local_metadata.get("version", None)
        if (version is None or version < 2) and self.track_running_stats:
            # Files of PyTorch before 0.4.1 do not count the batches.
            key = prefix + "num_batches_tracked"
            if key not in state_dict:
                state_dict[key] = self.num_batches_tracked
                if state_dict[key] is None:
                    state_dict[key] = zeros_tensor((), None, _dtypes.int64)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest, **named)


class _BatchNorm(_NormBase):
    """What the batch norms share: which statistics are used, and when they are updated."""

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        momentum = self.momentum
        factor = 0.0 if momentum is None else momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(constant(1, _dtypes.INT64))
            if momentum is None:  # a cumulative average
                factor = 1.0 / float(self.num_batches_tracked)
        own = self.training or (self.running_mean is None and self.running_var is None)
        tracked = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if tracked else None,
            self.running_var if tracked else None,
            self.weight,
            self.bias,
            own,
            factor,
            self.eps,
        )


def _dim_error(input: Tensor, expected: str) -> ValueError:
    return ValueError(f"expected {expected} input (got {input.dim()}D input)")


class BatchNorm1d(_BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, per feature or channel.

    Args:
        num_features: number of features or channels.
        eps: added to the variance.
        momentum: share of the new value in the running statistics; None: their average.
        affine: whether scale and shift are learned.
        track_running_stats: whether running statistics are kept, for evaluation.
        bias: whether, with `affine`, the shift is learned.

    Shape: (N, C) or (N, C, L), and the same for the output.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html

    >>> import rushlight as torch
    >>> torch.nn.BatchNorm1d(3)(torch.zeros(4, 3)).shape
    torch.Size([4, 3])
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input._data.ndim not in (2, 3):
            raise _dim_error(input, "2D or 3D")


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (N, C, H, W); arguments as in ``BatchNorm1d``.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input._data.ndim != 4:
            raise _dim_error(input, "4D")


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes (N, C, D, H, W); arguments as in ``BatchNorm1d``.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm3d.html
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input._data.ndim != 5:
            raise _dim_error(input, "5D")


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation over the processes of a group.

    Without a process group it is an ordinary batch norm for inputs of at least 2 dims.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.SyncBatchNorm.html
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        if process_group is not None:
            raise NotImplementedError("SyncBatchNorm: rushlight has no process groups")
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input._data.ndim < 2:
            raise _dim_error(input, "at least 2D")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """`module` with its batch norms replaced by synchronised ones."""
        result = module
        if isinstance(module, _BatchNorm):
            synced = cls(
                module.num_features, module.eps, module.momentum, module.affine,
                module.track_running_stats, process_group,
                bias=not module.affine or module.bias is not None,
            )  # fmt: skip
            if module.affine:
                synced.weight = module.weight
                synced.bias = module.bias
            synced.running_mean = module.running_mean
            synced.running_var = module.running_var
            synced.num_batches_tracked = module.num_batches_tracked
            synced.training = module.training
            result = synced
        for name, child in module.named_children():
            result.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return result
