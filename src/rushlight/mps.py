"""``torch.mps`` as a build of PyTorch without Apple's GPUs has it."""

from __future__ import annotations

from typing import Any

from ._missing import missing_attribute


def is_available() -> bool:
    """Whether there is an MPS device: never here."""
    return False


def device_count() -> int:
    """The number of MPS devices: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed the device's generator: nothing to do."""
    int(seed)


def seed() -> None:
    """Seed the device's generator from the system: nothing to do."""


def _refusing(name: str, native: str) -> Any:
    def function(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"Cannot execute {native}() without MPS backend.")

    function.__name__ = function.__qualname__ = name
    function.__module__ = "torch.mps"
    function.__doc__ = "Raises: there is no MPS device."
    return function


empty_cache = _refusing("empty_cache", "emptyCache")
synchronize = _refusing("synchronize", "deviceSynchronize")
current_allocated_memory = _refusing("current_allocated_memory", "getCurrentAllocatedMemory")
driver_allocated_memory = _refusing("driver_allocated_memory", "getDriverAllocatedMemory")
recommended_max_memory = _refusing("recommended_max_memory", "getRecommendedMaxMemory")
set_per_process_memory_fraction = _refusing(
    "set_per_process_memory_fraction", "setMemoryFraction"
)
get_rng_state = _refusing("get_rng_state", "getDefaultGenerator")
set_rng_state = _refusing("set_rng_state", "getDefaultGenerator")


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
