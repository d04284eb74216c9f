"""``torch.cuda.nvtx``: marks for NVIDIA's profiler, which is not there."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def _refuse() -> RuntimeError:
    return RuntimeError("NVTX functions not installed. Are you sure you have a CUDA build?")


def range_push(msg: str) -> int:
    """Raises: there is no NVTX."""
    raise _refuse()


def range_pop() -> int:
    """Raises: there is no NVTX."""
    raise _refuse()


def mark(msg: str) -> None:
    """Raises: there is no NVTX."""
    raise _refuse()


@contextlib.contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """A context that raises: there is no NVTX."""
    range_push(msg)
    yield
