"""``autocast``: computing in lower precision, of which rushlight has only the switch.

Regions that are disabled, by the caller or because there is no CUDA, run as PyTorch's do. One
that PyTorch would really run in lower precision is refused.
"""

from __future__ import annotations

import functools
from typing import Any

from .._tensor.device import device

__all__ = ["autocast", "is_autocast_available"]

_AVAILABLE = ("cpu", "cuda", "xpu", "mps", "mtia", "hpu", "ipu", "xla", "maia")


class autocast:
    """A region, or a decorated function, in which some functions compute in lower precision.

    Args:
        device_type: "cpu" or "cuda"; without CUDA the latter warns and does nothing.
        dtype: the lower precision.
        enabled: whether anything is done.
        cache_enabled: whether cast weights are kept, which changes no number.

    Raises:
        NotImplementedError: a region on the CPU that is not disabled.

    Source: https://docs.pytorch.org/docs/stable/amp.html#torch.autocast

    >>> import rushlight as torch
    >>> with torch.autocast("cpu", enabled=False):
    ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    torch.float32
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(
                f"Expected `device_type` of type `str`, got: `{type(device_type)}`"
            )
        self.device = device(device_type).type
        if enabled and self.device == "cuda":
            import warnings

            warnings.warn(
                "CUDA is not available or torch_xla is imported. Disabling autocast.",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        if enabled:
            raise NotImplementedError(
                f"torch.autocast({device_type!r}): rushlight does not compute in mixed precision; "
                "use enabled=False"
            )
        self.fast_dtype = dtype

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exception: Any) -> None:
        return None

    def __call__(self, function: Any) -> Any:
        @functools.wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return decorated


autocast.__module__ = "torch.amp.autocast_mode"


def is_autocast_available(device_type: str) -> bool:
    """Whether PyTorch has autocast for this kind of device."""
    return device(device_type).type in _AVAILABLE


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether functions compute in lower precision now: never."""
    if device_type is not None:
        device(device_type)
    return False
