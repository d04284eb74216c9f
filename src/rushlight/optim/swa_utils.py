"""``torch.optim.swa_utils``: averages of a model's weights over training."""

from __future__ import annotations

import copy
import math
from itertools import chain
from typing import Any

from .. import _core, _dtypes
from .._core import Tensor, constant
from ..autograd.grad_mode import no_grad
from ..nn.modules.batchnorm import _BatchNorm
from ..nn.modules.module import Module
from ._schedules.base import LRScheduler

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def get_ema_avg_fn(decay: float = 0.999) -> Any:
    """A function for ``avg_fn``: ``decay * average + (1 - decay) * parameter``."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Any:
    """A function for ``multi_avg_fn``: ``get_ema_avg_fn`` for lists."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param_list: Any, current_param_list: Any, _: Any) -> None:
        for average, current in zip(ema_param_list, current_param_list, strict=True):
            if average.is_floating_point() or average.is_complex():
                average.lerp_(current, 1 - decay)
            else:
                average.copy_(average * decay + current * (1 - decay))

    return ema_update


def get_swa_avg_fn() -> Any:
    """A function for ``avg_fn``: the mean of all parameters so far."""

    @no_grad()
    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_swa_multi_avg_fn() -> Any:
    """A function for ``multi_avg_fn``: ``get_swa_avg_fn`` for lists."""

    @no_grad()
    def swa_update(averaged_param_list: Any, current_param_list: Any, num_averaged: Any) -> None:
        weight = 1 / (float(num_averaged) + 1)
        for average, current in zip(averaged_param_list, current_param_list, strict=True):
            average.lerp_(current, weight)

    return swa_update


class AveragedModel(Module):
    """A copy of `model` that holds averages of its parameters.

    Args:
        model: the model that is trained.
        device: where the copy is.
        avg_fn: ``avg_fn(average, parameter, n)`` gives the next average of one parameter.
        multi_avg_fn: ``multi_avg_fn(averages, parameters, n)`` changes all averages in place.
            With neither of them the average is the mean.
        use_buffers: whether buffers are averaged; else they are copied.

    Raises:
        AssertionError: both functions are given.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.swa_utils.AveragedModel.html;
    Izmailov et al. (2018), arXiv:1803.05407.
    """

    n_averaged: Tensor

    def __init__(
        self, model: Module, device: Any = None, avg_fn: Any = None, multi_avg_fn: Any = None,
        use_buffers: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        count = constant(0, _dtypes.INT64)
        self.register_buffer("n_averaged", _core.wrap(count._data.copy()))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model gives."""
        return self.module(*args, **kwargs)

    def _averaged(self, model: Module) -> list[Tensor]:
        buffers = model.buffers() if self.use_buffers else ()
        return [t.detach() for t in chain(model.parameters(), buffers)]

    def update_parameters(self, model: Module) -> None:
        """Take the parameters of `model` into the averages."""
        averages, currents = self._averaged(self.module), self._averaged(model)
        pairs = list(zip(averages, currents, strict=False))
        if self.n_averaged == 0:
            for average, current in pairs:
                average.copy_(current)
        elif self.avg_fn is not None:
            for average, current in pairs:
                average.copy_(self.avg_fn(average, current, self.n_averaged))
        else:
            (self.multi_avg_fn or get_swa_multi_avg_fn())(averages, currents, self.n_averaged)
        if not self.use_buffers:
            for own, other in zip(self.module.buffers(), model.buffers(), strict=False):
                own.detach().copy_(other.detach())
        self.n_averaged += 1


@no_grad()
def update_bn(loader: Any, model: Module, device: Any = None) -> None:
    """Compute the statistics of `model`'s batch norms anew over the batches of `loader`.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.swa_utils.update_bn.html
    """
    momenta = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    if not momenta:
        return
    training = model.training
    model.train()
    for norm in momenta:
        norm.reset_running_stats()
        norm.momentum = None
    for batch in loader:
        if isinstance(batch, (list, tuple)):
            batch = batch[0]
        model(batch if device is None else batch.to(device))
    for norm, momentum in momenta.items():
        norm.momentum = momentum
    model.train(training)


class SWALR(LRScheduler):
    """Goes from the learning rate it finds to `swa_lr`, and stays there.

    Args:
        optimizer: the optimizer whose learning rates are set.
        swa_lr: the last learning rate, one for all groups or one for each.
        anneal_epochs: how many steps the way takes.
        anneal_strategy: "cos" or "linear".
        last_epoch: the step to resume after.

    Raises:
        ValueError: an argument that does not fit.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.swa_utils.SWALR.html
    """

    def __init__(
        self, optimizer: Any, swa_lr: Any, anneal_epochs: int = 10, anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        groups = optimizer.param_groups
        if not isinstance(swa_lr, (list, tuple)):
            swa_lr = [swa_lr] * len(groups)
        elif len(swa_lr) != len(groups):
            raise ValueError(
                "swa_lr must have the same length as optimizer.param_groups. swa_lr has "
                f"{len(swa_lr)} values, param_groups has {len(groups)}."
            )
        for rate, group in zip(swa_lr, groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(
                f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}"
            )
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How much of the way is done after `step` steps."""
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[Any]:
        """The learning rates of this step, from those of the step before."""
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            last = group["swa_lr"]
            start = last if before == 1 else (group["lr"] - before * last) / (1 - before)
            rates.append(last * now + start * (1 - now))
        return rates


for _public in (AveragedModel, SWALR):
    _public.__module__ = "torch.optim.swa_utils"
