"""The state of autocast that libraries ask for: always off, since rushlight has no autocast.

What turns it on raises; the dtypes are remembered.
"""

from __future__ import annotations

from typing import Any

from .. import _dtypes
from .device import device
from .registry import public

_chosen: dict[str, Any] = {"cpu": _dtypes.bfloat16, "xla": _dtypes.bfloat16}


class _Cache:
    on = True
    depth = 0


def get_autocast_dtype(device_type: str) -> Any:
    """The dtype that autocast would use on a device.

    >>> import rushlight as torch
    >>> torch.get_autocast_dtype("cpu")
    torch.bfloat16
    """
    kind = device(device_type).type
    return _chosen.get(kind, _dtypes.float16)


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Remember the dtype that autocast would use on a device."""
    _chosen[device(device_type).type] = dtype


def set_autocast_enabled(*arguments: Any) -> None:
    """Turn autocast off, which it is.

    Raises:
        NotImplementedError: it is to be turned on.
    """
    if arguments and arguments[-1]:
        raise NotImplementedError("torch.set_autocast_enabled(True): rushlight has no autocast")


def is_autocast_cache_enabled() -> bool:
    """What `set_autocast_cache_enabled` was last given."""
    return _Cache.on


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Remembered, without effect."""
    _Cache.on = bool(enabled)


def clear_autocast_cache() -> None:
    """There is no cache."""


def autocast_increment_nesting() -> int:
    """Count one more autocast context."""
    _Cache.depth += 1
    return _Cache.depth


def autocast_decrement_nesting() -> int:
    """Count one autocast context less."""
    _Cache.depth -= 1
    return _Cache.depth


def _of_device(kind: str) -> tuple[Any, Any]:
    def get() -> Any:
        return get_autocast_dtype(kind)

    def put(dtype: Any) -> None:
        set_autocast_dtype(kind, dtype)

    return get, put


for _name, _kind in (("cpu", "cpu"), ("gpu", "cuda"), ("ipu", "ipu"), ("xla", "xla")):
    _get, _put = _of_device(_kind)
    for _function, _public in (
        (_get, f"get_autocast_{_name}_dtype"), (_put, f"set_autocast_{_name}_dtype"),
    ):  # fmt: skip
        _function.__name__ = _function.__qualname__ = _public
        setattr(_function, "guarded", True)  # noqa: B010 - as they are
        public(_public, _function, method=False)
for _name in ("cpu", "ipu", "xla"):
    public(f"is_autocast_{_name}_enabled", lambda: False, method=False)
    public(f"set_autocast_{_name}_enabled", set_autocast_enabled, method=False)
for _function in (
    get_autocast_dtype, set_autocast_dtype, set_autocast_enabled, is_autocast_cache_enabled,
    set_autocast_cache_enabled, clear_autocast_cache, autocast_increment_nesting,
    autocast_decrement_nesting,
):  # fmt: skip
    _function.__module__ = "torch"
    setattr(_function, "guarded", True)  # noqa: B010 - as they are
    public(_function.__name__, _function, method=False)
