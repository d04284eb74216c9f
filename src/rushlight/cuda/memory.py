"""``torch.cuda.memory``: no device has no memory in use."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .refusal import refusing


class OutOfMemoryError(RuntimeError):
    """A device has no memory left. Programs catch it; nothing here raises it."""


OutOfMemoryError.__module__ = "torch"


def empty_cache() -> None:
    """Give unused memory back: there is none."""


def _none(name: str) -> Any:
    def function(device: Any = None) -> int:
        return 0

    function.__name__ = function.__qualname__ = name
    function.__module__ = "torch.cuda.memory"
    function.__doc__ = "Bytes of memory on a device: 0, there is none."
    return function


memory_allocated = _none("memory_allocated")
max_memory_allocated = _none("max_memory_allocated")
memory_reserved = _none("memory_reserved")
max_memory_reserved = _none("max_memory_reserved")
memory_cached = _none("memory_cached")
max_memory_cached = _none("max_memory_cached")


def memory_stats(device: Any = None) -> dict[str, Any]:
    """Statistics of memory: none."""
    return OrderedDict()


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """Raises: there are no statistics."""
    raise KeyError("allocated_bytes.all.current")


def reset_peak_memory_stats(device: Any = None) -> None:
    """Raises: there are no statistics to reset."""
    raise AttributeError("module 'torch._C' has no attribute '_cuda_resetPeakMemoryStats'")


def _reset(name: str) -> Any:
    def function(device: Any = None) -> None:
        import warnings

        warnings.warn(
            f"torch.cuda.{name} now calls torch.cuda.reset_peak_memory_stats, which resets /all/ "
            "peak memory stats.",
            FutureWarning,
            stacklevel=2,
        )
        reset_peak_memory_stats(device)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = "The old name of reset_peak_memory_stats."
    return function


reset_max_memory_allocated = _reset("reset_max_memory_allocated")
reset_max_memory_cached = _reset("reset_max_memory_cached")
mem_get_info = refusing("mem_get_info", "Free and total memory of a device.")
set_per_process_memory_fraction = refusing(
    "set_per_process_memory_fraction", "Limit the memory of a device."
)
