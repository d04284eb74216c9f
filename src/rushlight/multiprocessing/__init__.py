"""``torch.multiprocessing``: Python's ``multiprocessing``, through which tensors go as copies.

Memory is not shared between processes: ``Tensor.share_memory_`` says so.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import *  # noqa: F403
from typing import Any

from .._missing import missing_attribute
from .spawn import (
    ProcessContext,
    ProcessException,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [
    *multiprocessing.__all__, "ProcessContext", "ProcessException", "ProcessExitedException",
    "ProcessRaisedException", "SpawnContext", "get_all_sharing_strategies",
    "get_sharing_strategy", "set_sharing_strategy", "spawn", "start_processes",
]  # fmt: skip

_STRATEGIES = ("file_descriptor", "file_system")
_strategy = "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """Set how memory would be shared; copies need no strategy."""
    global _strategy
    if new_strategy not in _STRATEGIES:
        raise AssertionError
    _strategy = new_strategy


def get_sharing_strategy() -> str:
    """What ``set_sharing_strategy`` set."""
    return _strategy


def get_all_sharing_strategies() -> set[str]:
    """The strategies there are."""
    return set(_STRATEGIES)


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
