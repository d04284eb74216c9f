"""``torch.cpu``: the processor under the interface of a device."""

from __future__ import annotations

import contextlib
from typing import Any

from ._missing import missing_attribute


def is_available() -> bool:
    """Whether there is a processor: always."""
    return True


def device_count() -> int:
    """The number of CPU devices: 1, whatever its cores."""
    return 1


def current_device() -> str:
    """The name of the device."""
    return "cpu"


def is_initialized() -> bool:
    """Whether the device is ready: always."""
    return True


def set_device(device: Any) -> None:
    """Choose the device: there is one."""


def synchronize(device: Any = None) -> None:
    """Wait for the device: every operation is finished when it returns."""


class Stream:
    """The only stream of the processor."""


def current_stream(device: Any = None) -> Stream:
    """The only stream."""
    return Stream()


def stream(stream: Any) -> Any:
    """A context that does nothing: there is one stream."""
    return contextlib.nullcontext()


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
