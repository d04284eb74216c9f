"""``torch.cuda.amp``: the old names of ``torch.amp`` for CUDA, made when first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..._missing import missing_attribute


def _scaler() -> Any:
    amp = import_module("rushlight.amp")

    class GradScaler(amp.GradScaler):  # type: ignore[name-defined]
        """``torch.amp.GradScaler("cuda", ...)`` under its old name."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            _warn("GradScaler")
            super().__init__("cuda", *args, **kwargs)

    GradScaler.__module__ = "torch.cuda.amp.grad_scaler"
    GradScaler.__qualname__ = "GradScaler"
    return GradScaler


def _autocast() -> Any:
    amp = import_module("rushlight.amp")

    class autocast(amp.autocast):  # type: ignore[name-defined]
        """``torch.amp.autocast("cuda", ...)`` under its old name."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            _warn("autocast")
            if args:  # enabled, dtype, cache_enabled
                kwargs.update(zip(("enabled", "dtype", "cache_enabled"), args, strict=False))
            super().__init__("cuda", **kwargs)

    autocast.__module__ = "torch.cuda.amp.autocast_mode"
    autocast.__qualname__ = "autocast"
    return autocast


def _warn(name: str) -> None:
    import warnings

    warnings.warn(
        f"`torch.cuda.amp.{name}(args...)` is deprecated. Please use "
        f"`torch.amp.{name}('cuda', args...)` instead.",
        FutureWarning,
        stacklevel=3,
    )


_MAKERS = {"GradScaler": _scaler, "autocast": _autocast}


def __getattr__(name: str) -> Any:
    if name in _MAKERS:
        made = globals()[name] = _MAKERS[name]()
        return made
    if name in ("custom_fwd", "custom_bwd"):
        return getattr(import_module("rushlight.amp"), name)
    raise missing_attribute(__name__, name)
