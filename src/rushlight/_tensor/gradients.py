"""Public names of automatic differentiation in ``torch`` and on Tensor."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from ..autograd import differentiate, grad_mode, hooks
from .registry import public


def _lazily(name: str) -> Any:
    def function(*args: Any, **kwargs: Any) -> Any:
        from ..autograd import anomaly_mode

        return getattr(anomaly_mode, name)(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "torch"
    return function


for _mode in (
    grad_mode.no_grad, grad_mode.enable_grad, grad_mode.set_grad_enabled,
    grad_mode.inference_mode, grad_mode.is_grad_enabled, grad_mode.is_inference_mode_enabled,
):  # fmt: skip
    public(_mode.__name__, _mode, method=False)
for _name in ("is_anomaly_enabled", "is_anomaly_check_nan_enabled", "set_anomaly_enabled"):
    public(_name, _lazily(_name), method=False)
public("register_hook", hooks.register_hook, torch=False)
public("register_post_accumulate_grad_hook", hooks.register_post_accumulate_grad_hook, torch=False)
public("retain_grad", hooks.retain_grad, torch=False)
Tensor._backward_hooks = property(hooks.get_backward_hooks)  # type: ignore[attr-defined]
__all__ = ["differentiate"]
