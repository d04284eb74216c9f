"""Softmax over many classes, the rare ones in clusters of lower dimension."""

from __future__ import annotations

from collections import namedtuple
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .. import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..._core import Tensor

__all__ = ["AdaptiveLogSoftmaxWithLoss"]

_ASMoutput = namedtuple("_ASMoutput", ("output", "loss"))


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log probabilities of the targets among `n_classes`, and their mean, negated.

    Args:
        in_features: size of each input sample.
        n_classes: number of classes, the frequent ones first.
        cutoffs: where the clusters begin.
        div_value: by how much the size of each cluster's projection shrinks.
        head_bias: whether the frequent classes have a bias.

    Raises:
        ValueError: the cutoffs do not fit.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveLogSoftmaxWithLoss.html;
    Grave et al., Efficient softmax approximation for GPUs (2017).
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        limits = list(cutoffs)
        if len(limits) == 0:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if (
            limits != sorted(limits)
            or min(limits) <= 0
            or max(limits) > n_classes - 1
            or len(set(limits)) != len(limits)
            or any(int(c) != c for c in limits)
        ):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing "
                "order, where each value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*limits, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            inner = int(in_features // (div_value ** (i + 1)))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, inner, False, device, dtype),
                    Linear(inner, size, False, device, dtype),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        self.head.reset_parameters()
        for projection, classes in self.tail:
            projection.reset_parameters()
            classes.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> Any:
        torch = import_module("rushlight")
        x: Any = input_
        y: Any = target_
        if y.dim() == 1:
            if x.size(0) != y.size(0):
                raise RuntimeError(
                    "Input and target should have the same size in the batch dimension."
                )
            if x.dim() != 2:
                raise RuntimeError("1D target tensor expects 2D input tensors, but found inputs "
                                   f"with size {x.size()}")  # fmt: skip
        elif y.dim() == 0:
            if x.dim() != 1:
                raise RuntimeError("0D target tensor expects 1D input tensors, but found inputs "
                                   f"with size {x.size()}")  # fmt: skip
        else:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        batched = y.dim() > 0
        if not batched:
            x, y = x.unsqueeze(0), y.unsqueeze(0)
        if y.numel() and (int(y.min()) < 0 or int(y.max()) >= self.n_classes):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{y.min().item()}, {y.max().item()}] were found. "
            )
        output = self._of_targets(torch, x, y)
        loss = (-output).mean()
        if not batched:
            output = output.squeeze(0)
        return _ASMoutput(output, loss)

    def _of_targets(self, torch: Any, x: Any, y: Any) -> Any:
        """The targets' log probabilities; clusters without a target are not computed."""
        places, inside, column = [], [], torch.zeros_like(y)
        for i, (low, high) in enumerate(zip([0, *self.cutoffs], self.cutoffs, strict=False)):
            rows = ((y >= low) & (y < high)).nonzero().squeeze(1)
            if not rows.numel():
                continue
            places.append(rows)
            if i == 0:
                column[rows] = y[rows]
                inside.append(torch.zeros_like(rows, dtype=x.dtype))
            else:
                column[rows] = self.shortlist_size + i - 1
                of_cluster: Any = F.log_softmax(self.tail[i - 1](x[rows]), dim=1)
                inside.append(of_cluster.gather(1, (y[rows] - low).unsqueeze(1)).squeeze(1))
        head: Any = F.log_softmax(self.head(x), dim=1)
        order = torch.cat(places).argsort()
        return head.gather(1, column.unsqueeze(1)).squeeze(1) + torch.cat(inside)[order]

    def _get_full_log_prob(self, x: Any, head_output: Any) -> Any:
        torch = import_module("rushlight")
        head: Any = F.log_softmax(head_output, dim=1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            inside: Any = F.log_softmax(cluster(x), dim=1)
            parts.append(inside + head[:, self.shortlist_size + i].unsqueeze(1))
        return torch.cat(parts, dim=1)

    def log_prob(self, input: Tensor) -> Tensor:
        """Log probabilities of all classes, (N, n_classes)."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each sample."""
        return self.log_prob(input).argmax(dim=1)
