"""``torch.backends.mkldnn``: oneDNN, which rushlight does not use."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from .._missing import missing_attribute

if TYPE_CHECKING:
    from collections.abc import Iterator

enabled = True
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Whether oneDNN is in use: not here."""
    return False


@contextlib.contextmanager
def flags(
    enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True
) -> Iterator[None]:
    """A context with these switches."""
    given = {"enabled": enabled, "deterministic": deterministic, "allow_tf32": allow_tf32}
    names = globals()
    before = {name: names[name] for name in given}
    names.update(given)
    try:
        yield
    finally:
        names.update(before)


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
