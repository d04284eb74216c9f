"""Anomaly mode: errors and NaNs of a backward pass name the forward line they come from."""

from __future__ import annotations

from typing import Any

from .._core import changed_structure
from .observer import observer

__all__ = ["detect_anomaly", "set_detect_anomaly"]


def _set(enabled: bool, check_nan: bool) -> None:
    observer.anomaly = enabled
    observer.check_nan = check_nan
    observer.update()
    changed_structure()


class set_detect_anomaly:
    """Switch anomaly mode on or off, at once; as a context manager until its end.

    Args:
        mode: whether nodes remember where they were made.
        check_nan: whether a NaN in a gradient is an error.

    Source: https://pytorch.org/docs/stable/autograd.html#anomaly-detection

    >>> import rushlight as torch
    >>> with torch.autograd.set_detect_anomaly(True):
    ...     torch.is_anomaly_enabled()
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.prev = observer.anomaly, observer.check_nan
        _set(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        _set(*self.prev)


class detect_anomaly:
    """A context in which errors and NaNs of backward name the forward line they come from.

    Backward must run inside as well as forward. Slow: for debugging only.

    Source: https://pytorch.org/docs/stable/autograd.html#anomaly-detection
    """

    def __init__(self, check_nan: bool = True) -> None:
        import warnings

        self.check_nan = check_nan
        self.prev: Any = (False, True)
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self.prev = observer.anomaly, observer.check_nan
        _set(True, self.check_nan)

    def __exit__(self, *_: object) -> None:
        _set(*self.prev)


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on."""
    return observer.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode looks for NaN."""
    return observer.check_nan


def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Switch anomaly mode on or off.

    >>> import rushlight as torch
    >>> torch.set_anomaly_enabled(False)
    """
    _set(enabled, check_nan)


set_detect_anomaly.__module__ = detect_anomaly.__module__ = "torch.autograd.anomaly_mode"
