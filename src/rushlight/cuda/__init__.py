"""``torch.cuda`` as a build of PyTorch without CUDA has it: no devices, and errors that say so."""

from __future__ import annotations

from typing import Any

from .._missing import missing_attribute
from .._tensor.device import device as _device_type
from .._tensor.legacy import cuda_types as _cuda_types
from . import nvtx, random
from .memory import (
    OutOfMemoryError,
    empty_cache,
    max_memory_allocated,
    max_memory_cached,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_cached,
    memory_reserved,
    memory_stats,
    memory_summary,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_memory_stats,
    set_per_process_memory_fraction,
)  # fmt: skip
from .random import (
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)  # fmt: skip
from .refusal import not_compiled, refusing
from .streams import Event, ExternalStream, Stream, StreamContext, stream

default_generators: tuple[Any, ...] = ()
has_half = True
has_magma = False


def is_available() -> bool:
    """Whether there is a CUDA device: never here.

    >>> is_available()
    False
    """
    return False


def device_count() -> int:
    """The number of CUDA devices: 0."""
    return 0


def is_initialized() -> bool:
    """Whether CUDA is in use: never here."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether a device supports bfloat16: there is no device."""
    return False


def is_tf32_supported() -> bool:
    """Whether a device supports TF32: there is no device."""
    return False


def get_arch_list() -> list[str]:
    """The architectures of the build: none."""
    return []


def get_gencode_flags() -> str:
    """The compiler flags of the build: none."""
    return ""


def is_current_stream_capturing() -> bool:
    """Raises: there are no streams."""
    raise RuntimeError("Tried to instantiate dummy base class _cuda_isCurrentStreamCapturing")


def list_gpu_processes(device: Any = None) -> str:
    """What NVIDIA's library would say; it is not used."""
    return "pynvml module not found, please install nvidia-ml-py"


def set_device(device: Any) -> None:
    """Raises: there is no device to choose."""
    if not isinstance(device, int):
        found = device if isinstance(device, _device_type) else _device_type(device)
        if found.type != "cuda":
            raise ValueError(f"Expected a cuda device, but got: {found}")
        if found.index is None:
            return
        device = found.index
    if device >= 0:
        error = AttributeError("module 'torch._C' has no attribute '_cuda_setDevice'")
        error.add_note("rushlight: there is no CUDA device; tensors live on the CPU.")
        raise error


class device:
    """A context that chooses a device; entering it raises, since there is none."""

    def __init__(self, device: Any) -> None:
        self.idx = device
        self.prev_idx = -1

    def __enter__(self) -> None:
        raise RuntimeError("PyTorch was compiled without CUDA support")

    def __exit__(self, *_: object) -> None:
        return None


class device_of(device):
    """The same for the device of a tensor; on the CPU it does nothing."""

    def __enter__(self) -> None:
        return None


init = refusing("init", "Start CUDA.")
current_device = refusing("current_device", "The number of the chosen device.")
get_device_name = refusing("get_device_name", "The name of a device.")
get_device_capability = refusing("get_device_capability", "The capability of a device.")
get_device_properties = refusing("get_device_properties", "The properties of a device.")
synchronize = refusing("synchronize", "Wait for a device.")
current_stream = refusing("current_stream", "The stream in use.")
default_stream = refusing("default_stream", "The default stream.")
set_stream = refusing("set_stream", "Choose a stream.")
ipc_collect = refusing("ipc_collect", "Free memory shared between processes.")
can_device_access_peer = refusing("can_device_access_peer", "Whether devices reach each other.")
current_blas_handle = refusing("current_blas_handle", "The handle of cuBLAS.")
get_sync_debug_mode = refusing("get_sync_debug_mode", "How synchronisation is reported.")
set_sync_debug_mode = refusing("set_sync_debug_mode", "Choose how it is reported.")


def __getattr__(name: str) -> Any:
    types = _cuda_types()
    if name in types:
        globals().update(types)
        return types[name]
    if name == "amp":
        from importlib import import_module

        return import_module(".amp", __name__)
    raise missing_attribute(__name__, name)


__all__ = [
    "Event", "ExternalStream", "OutOfMemoryError", "Stream", "StreamContext",
    "can_device_access_peer", "current_blas_handle", "current_device", "current_stream",
    "default_generators", "default_stream", "device", "device_count", "device_of", "empty_cache",
    "get_arch_list", "get_device_capability", "get_device_name", "get_device_properties",
    "get_gencode_flags", "get_rng_state", "get_rng_state_all", "get_sync_debug_mode", "has_half",
    "has_magma", "init", "initial_seed", "ipc_collect", "is_available", "is_bf16_supported",
    "is_current_stream_capturing", "is_initialized", "is_tf32_supported", "list_gpu_processes",
    "manual_seed", "manual_seed_all", "max_memory_allocated", "max_memory_cached",
    "max_memory_reserved", "mem_get_info", "memory_allocated", "memory_cached", "memory_reserved",
    "memory_stats", "memory_summary", "not_compiled", "nvtx", "random",
    "reset_max_memory_allocated", "reset_max_memory_cached", "reset_peak_memory_stats", "seed",
    "seed_all", "set_device", "set_per_process_memory_fraction", "set_rng_state",
    "set_rng_state_all", "set_stream", "set_sync_debug_mode", "stream", "synchronize",
]  # fmt: skip
