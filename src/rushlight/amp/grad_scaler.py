"""``GradScaler``: losses scaled up so that small gradients survive in float16."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

from .._core import Tensor
from .._tensor.device import device

__all__ = ["GradScaler"]


class GradScaler:
    """Scales losses, takes the scale out of the gradients, and steps if they are finite.

    After a step that found a gradient that is not finite the scale becomes smaller, after
    `growth_interval` good steps it becomes larger.

    Args:
        device: the kind of device; for "cuda", which is not there, it warns and does nothing.
        init_scale: the first scale.
        growth_factor: by which the scale grows.
        backoff_factor: by which the scale shrinks.
        growth_interval: how many good steps go before growth.
        enabled: whether anything is done.

    Source: https://docs.pytorch.org/docs/stable/amp.html#torch.amp.GradScaler

    >>> import rushlight as torch
    >>> scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    >>> scaler.scale(torch.tensor(0.5))
    tensor(2.)
    """

    def __init__(
        self, device: str = "cuda", init_scale: float = 2.0**16, growth_factor: float = 2.0,
        backoff_factor: float = 0.5, growth_interval: int = 2000, enabled: bool = True,
    ) -> None:  # fmt: skip
        self._device = device
        if enabled and _kind(device) == "cuda":
            import warnings

            warnings.warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        if enabled:
            if not growth_factor > 1.0:
                raise AssertionError("The growth factor must be > 1.0.")
            if not backoff_factor < 1.0:
                raise AssertionError("The backoff factor must be < 1.0.")
            self._scale = float(init_scale)
            self._growth_factor = growth_factor
            self._backoff_factor = backoff_factor
            self._growth_interval = growth_interval
            self._growth_tracker = 0
            # For each optimizer: what was done since the last update, and whether all was finite.
            self._stages: dict[int, str] = {}
            self._finite: dict[int, bool] = {}

    def scale(self, outputs: Any) -> Any:
        """`outputs` (a tensor, or tensors in lists and tuples) times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * import_module("rushlight").tensor(self._scale)
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(part) for part in outputs)
        try:
            return map(self.scale, iter(outputs))
        except TypeError:
            raise ValueError("outputs must be a Tensor or an iterable of Tensors") from None

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of `optimizer`'s parameters by the scale."""
        if not self._enabled:
            return
        stage = self._stages.get(id(optimizer))
        if stage == "unscaled":
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if stage == "stepped":
            raise RuntimeError("unscale_() is being called after step().")
        torch = import_module("rushlight")
        inverse = torch.tensor(1.0 / self._scale)
        finite = True
        with torch.no_grad():
            for group in optimizer.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        finite = finite and bool(torch.isfinite(p.grad).all())
                        p.grad.mul_(inverse)
        self._finite[id(optimizer)] = finite
        self._stages[id(optimizer)] = "unscaled"

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Step with the unscaled gradients, unless one of them is not finite."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        stage = self._stages.get(id(optimizer))
        if stage == "stepped":
            raise RuntimeError("step() has already been called since the last update().")
        if stage is None:
            self.unscale_(optimizer)
        self._stages[id(optimizer)] = "stepped"
        return optimizer.step(*args, **kwargs) if self._finite[id(optimizer)] else None

    def update(self, new_scale: Any = None) -> None:
        """Set the scale for the next step, from what was found or to `new_scale`."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        else:
            if not self._finite:
                raise AssertionError("No inf checks were recorded prior to update.")
            self._adapt(all(self._finite.values()))
        self._stages.clear()
        self._finite.clear()

    def _adapt(self, finite: bool) -> None:
        if not finite:
            self._scale *= self._backoff_factor
            self._growth_tracker = 0
            return
        self._growth_tracker += 1
        if self._growth_tracker == self._growth_interval:
            grown = self._scale * self._growth_factor
            self._scale = grown if math.isfinite(grown) else self._scale
            self._growth_tracker = 0

    def get_scale(self) -> float:
        """The scale, 1.0 when disabled."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """By which the scale grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set by which the scale grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """By which the scale shrinks."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set by which the scale shrinks."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """How many good steps go before growth."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set how many good steps go before growth."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether anything is done."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The scale and what governs it, empty when disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._scale = state_dict["scale"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]


GradScaler.__module__ = "torch.amp.grad_scaler"


def _kind(name: str) -> str:
    return device(name).type
