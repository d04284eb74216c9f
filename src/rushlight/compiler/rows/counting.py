"""Rows whose results are as large as values say: a plan has no room that grows."""

from __future__ import annotations

from typing import Any

from ..ir import View, views_in
from ..trace import LOWERINGS, NotLowered, NotReplayable, Tracer
from .indexing import read_places


def refuse(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    """Stay eager, unless everything that is looked at is the same on every call.

    Raises:
        NotReplayable: it is not.
        NotLowered: it is.
    """
    if all(v.buffer.constant is not None for v in views_in(arguments)):
        raise NotLowered("a size that values decide")
    raise NotReplayable(f"{t.origin} gives a tensor whose size depends on values")


def _read(t: Tracer, arguments: list[Any], outputs: list[View | None]) -> None:
    """Reading under a mask gives as many elements as it has Trues."""
    indices = [v for v in arguments[1:] if isinstance(v, View)]
    masks = [v for v in indices if v.dtype.kind == "b" or v.dtype == "uint8"]
    if masks:
        refuse(t, masks, outputs)
    read_places(t, arguments, outputs)


for _name in (
    "masked_select", "nonzero", "unique", "unique_consecutive", "unique_dim", "bincount",
    "pack_padded_sequence",
):  # fmt: skip
    LOWERINGS[_name] = refuse
for _count in range(1, 7):
    LOWERINGS[f"index{_count}"] = _read
