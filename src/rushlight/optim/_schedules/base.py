"""The base of schedules: counts steps and writes learning rates into the parameter groups.

A recorder that is installed as ``ctx.handler`` is told of every step by
``handler.scheduler_step(scheduler, argument)``, if it has that method, before the step is done;
it replays it as an action of the host.
"""

from __future__ import annotations

import functools
import types
import warnings
import weakref
from typing import TYPE_CHECKING, Any

from ..._core import Tensor, ctx
from ...utils._pickling import reduce_ex
from ..optimizer import Optimizer

if TYPE_CHECKING:
    from collections.abc import Iterator

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler. During the deprecation, if "
    "epoch is different from None, the closed form is used instead of the new chainable form, "
    "where available. Please open an issue if you are unable to replicate your use case: "
    "https://github.com/pytorch/pytorch/issues/new/choose."
)
_HOW_TO = (
    "See more details at "
    "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
)


def copied(x: Any) -> Any:
    """`x`, or a copy of it where it is a Tensor."""
    return x.clone() if isinstance(x, Tensor) else x


def values(optimizer: Optimizer, key: str) -> list[Any]:
    """The values of an option, by group."""
    return [copied(group[key]) for group in optimizer.param_groups]


def set_value(group: dict[str, Any], key: str, value: Any) -> None:
    """Write an option; a Tensor keeps its place."""
    if isinstance(group[key], Tensor):
        group[key].fill_(value._data.item() if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def tell(scheduler: Any, argument: Any = None) -> None:
    """Tell a recorder that a scheduler steps."""
    handler = ctx.handler
    if handler is not None and hasattr(handler, "scheduler_step"):
        handler.scheduler_step(scheduler, argument)


class _During:
    """Sets a flag of the scheduler for a block."""

    def __init__(self, scheduler: Any, flag: str) -> None:
        self.scheduler = scheduler
        self.flag = flag

    def __enter__(self) -> None:
        setattr(self.scheduler, self.flag, True)

    def __exit__(self, *_: object) -> None:
        setattr(self.scheduler, self.flag, False)


def _note_steps(optimizer: Any) -> None:
    """Let the optimizer note that it was stepped, for the warning about the order."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    function = optimizer.step.__func__
    reference = weakref.ref(optimizer)

    @functools.wraps(function)
    def step(*args: Any, **kwargs: Any) -> Any:
        optimizer: Any = reference()
        optimizer._opt_called = True
        return function.__get__(optimizer, type(optimizer))(*args, **kwargs)

    step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = step


class LRScheduler:
    """Base class of schedules: subclasses define ``get_lr``, the rates for ``last_epoch``.

    Args:
        optimizer: whose groups' learning rates are set.
        last_epoch: where to go on from; -1: from the beginning.

    Raises:
        TypeError: not an optimizer.
        KeyError: going on, but the groups have no ``initial_lr``.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LRScheduler.html
    """

    optimizer: Optimizer
    base_lrs: list[Any]
    last_epoch: int
    _last_lr: list[Any]
    _get_lr_called_within_step = False
    _is_initial = False
    __reduce_ex__ = reduce_ex

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        if last_epoch == -1:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", copied(group["lr"]))
        else:
            for i, group in enumerate(optimizer.param_groups):
                if "initial_lr" not in group:
                    raise KeyError(
                        f"param 'initial_lr' is not specified in param_groups[{i}] when resuming "
                        "scheduler with last_epoch >= 0.\n"
                        "This typically happens when:\n"
                        "1. You're trying to resume training from a checkpoint but haven't "
                        "properly loaded the optimizer state\n"
                        "2. You're using last_epoch >= 0 for a fresh training run (not "
                        "recommended)"
                    )
        self.base_lrs = values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _note_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the rates of the first epoch."""
        self._step_count = 0
        with _During(self, "_is_initial"):
            self.step()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The rates as last set."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The rates for ``last_epoch``, from the present ones."""
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch and set its rates.

        Args:
            epoch: deprecated: the epoch to go to.
        """
        tell(self, epoch)
        if self._step_count == 1:
            if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
                warnings.warn(
                    "Seems like `optimizer.step()` has been overridden after learning rate "
                    "scheduler initialization. Please, make sure to call `optimizer.step()` "
                    "before `lr_scheduler.step()`. " + _HOW_TO,
                    UserWarning,
                    stacklevel=2,
                )
            elif not getattr(self.optimizer, "_opt_called", False):
                warnings.warn(
                    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch "
                    "1.1.0 and later, you should call them in the opposite order: "
                    "`optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will "
                    "result in PyTorch skipping the first value of the learning rate schedule. "
                    + _HOW_TO,
                    UserWarning,
                    stacklevel=2,
                )
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        with _During(self, "_get_lr_called_within_step"):
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                if hasattr(self, "_get_closed_form_lr"):
                    rates = self._get_closed_form_lr()
                else:
                    rates = self.get_lr()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=False):
            set_value(group, "lr", rate)
        self._last_lr = values(self.optimizer, "lr")


class _LRScheduler(LRScheduler):
    """The old name of :class:`LRScheduler`."""


def check_optimizer(optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def warn_get_lr(scheduler: LRScheduler) -> None:
    """Warn where `get_lr` is called from outside of a step."""
    if not scheduler._get_lr_called_within_step:
        warnings.warn(
            "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
            UserWarning,
            stacklevel=3,
        )


def for_each_group(optimizer: Optimizer, name: str, given: Any) -> list[Any]:
    """An option that may be given once or for each group."""
    groups = optimizer.param_groups
    if isinstance(given, list | tuple):
        if len(given) != len(groups):
            raise ValueError(
                f"{name} must have the same length as optimizer.param_groups. {name} has "
                f"{len(given)} values, param_groups has {len(groups)}."
            )
        return list(given)
    return [given] * len(groups)


def saved_callable(function: Any) -> Any:
    """What of a callable is saved: the attributes of an object, nothing of a function."""
    if function is None or isinstance(function, types.FunctionType):
        return None
    return function.__dict__.copy()


def present(scheduler: LRScheduler) -> Iterator[Any]:
    """The present rates."""
    return (group["lr"] for group in scheduler.optimizer.param_groups)
