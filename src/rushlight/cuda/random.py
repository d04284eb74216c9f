"""``torch.cuda.random``: seeds for devices that are not there are accepted and do nothing."""

from __future__ import annotations

from typing import Any

from .refusal import refusing


def manual_seed(seed: int) -> None:
    """Seed the chosen device's generator: nothing to do."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Seed every device's generator: nothing to do."""
    int(seed)


def seed() -> None:
    """Seed the chosen device's generator from the system: nothing to do."""


def seed_all() -> None:
    """Seed every device's generator from the system: nothing to do."""


def get_rng_state_all() -> list[Any]:
    """The states of all devices' generators: none."""
    return []


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Set a device's generator: nothing to do."""


def set_rng_state_all(new_states: Any) -> None:
    """Set all devices' generators: nothing to do."""


get_rng_state = refusing("get_rng_state", "The state of a device's generator.")
initial_seed = refusing("initial_seed", "The seed of the chosen device's generator.")
