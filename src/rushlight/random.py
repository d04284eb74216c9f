"""``torch.random``: the default generator's seed and state."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from ._ops.random import default_generator
from ._tensor.randoms import get_rng_state, initial_seed, manual_seed, seed, set_rng_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed",
    "set_rng_state",
]  # fmt: skip


@contextlib.contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str = "cuda",
) -> Iterator[None]:
    """A context whose draws leave the default generator as it was.

    Args:
        devices: further devices whose generators to restore: there are none.
        enabled: whether to do anything.

    >>> import rushlight as torch
    >>> g = torch.manual_seed(0)
    >>> with torch.random.fork_rng():
    ...     _ = torch.rand(3)
    >>> torch.rand(1)
    tensor([0.4963])
    """
    if not enabled:
        yield
        return
    if devices:
        raise AssertionError("Torch not compiled with CUDA enabled")
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
