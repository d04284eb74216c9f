"""``torch.accelerator``: there is no accelerator, and everything that needs one says so."""

from __future__ import annotations

from typing import Any

from ._missing import missing_attribute


def is_available() -> bool:
    """Whether there is an accelerator: never here."""
    return False


def device_count() -> int:
    """The number of accelerators: 0."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """The kind of accelerator: None."""
    return None


def _refuse() -> RuntimeError:
    error = RuntimeError("Cannot access accelerator device when none is available.")
    error.add_note(
        "rushlight: tensors live on the CPU; ask torch.accelerator.is_available() first."
    )
    return error


def _refusing(name: str, instead: str = "") -> Any:
    def function(*args: Any, **kwargs: Any) -> Any:
        if instead:
            import warnings

            warnings.warn(f"Use `{instead}` instead.", FutureWarning, stacklevel=2)
        raise _refuse()

    function.__name__ = function.__qualname__ = name
    function.__module__ = "torch.accelerator"
    function.__doc__ = "Raises: there is no accelerator."
    return function


synchronize = _refusing("synchronize")
current_device_index = _refusing("current_device_index")
current_device_idx = _refusing("current_device_idx", "current_device_index")
set_device_index = _refusing("set_device_index")
set_device_idx = _refusing("set_device_idx", "set_device_index")
current_stream = _refusing("current_stream")
set_stream = _refusing("set_stream")
empty_cache = _refusing("empty_cache")
memory_stats = _refusing("memory_stats")
memory_allocated = _refusing("memory_allocated")
max_memory_allocated = _refusing("max_memory_allocated")
memory_reserved = _refusing("memory_reserved")
max_memory_reserved = _refusing("max_memory_reserved")
get_memory_info = _refusing("get_memory_info")
reset_peak_memory_stats = _refusing("reset_peak_memory_stats")
reset_accumulated_memory_stats = _refusing("reset_accumulated_memory_stats")


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
