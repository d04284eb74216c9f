"""``torch.return_types``: the named tuples of ops with several outputs."""

from __future__ import annotations

from typing import Any

from ._define.results import all_return_types
from ._missing import missing_attribute


def __getattr__(name: str) -> Any:
    made = all_return_types().get(name)
    if made is None:
        raise missing_attribute(__name__, name)
    return made
