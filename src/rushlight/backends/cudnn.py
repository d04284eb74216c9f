"""``torch.backends.cudnn``: cuDNN is not there; its switches are remembered."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from .._missing import missing_attribute

if TYPE_CHECKING:
    from collections.abc import Iterator

enabled = True
benchmark = False
benchmark_limit: int | None = None
deterministic = False
allow_tf32 = True
fp32_precision = "none"


def is_available() -> bool:
    """Whether cuDNN is there: never here."""
    return False


def version() -> int | None:
    """cuDNN's version: None."""
    return None


def is_acceptable(tensor: Any) -> bool:
    """Whether cuDNN would take a tensor: never here."""
    return False


@contextlib.contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
) -> Iterator[None]:
    """A context with these switches."""
    given = {
        "enabled": enabled, "benchmark": benchmark, "benchmark_limit": benchmark_limit,
        "deterministic": deterministic, "allow_tf32": allow_tf32, "fp32_precision": fp32_precision,
    }  # fmt: skip
    names = globals()
    before = {name: names[name] for name in given}
    names.update(given)
    try:
        yield
    finally:
        names.update(before)


def set_flags(
    _enabled: bool | None = None,
    _benchmark: bool | None = None,
    _benchmark_limit: int | None = None,
    _deterministic: bool | None = None,
    _allow_tf32: bool | None = None,
) -> tuple[Any, ...]:
    """Set the switches that are not None; returns what all of them were."""
    names = globals()
    order = ("enabled", "benchmark", "benchmark_limit", "deterministic", "allow_tf32")
    before = tuple(names[name] for name in order)
    for name, value in zip(
        order, (_enabled, _benchmark, _benchmark_limit, _deterministic, _allow_tf32), strict=True
    ):
        if value is not None:
            names[name] = value
    return before


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
