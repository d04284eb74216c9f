"""What the containers of modules and those of parameters share: positions and pairs."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def position(index: Any, length: int) -> int:
    """`index` counted from the front.

    Raises:
        IndexError: it is out of range.
    """
    index = operator.index(index)
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range")
    return index % length


def pairs(given: Any, kind: str) -> Iterator[tuple[Any, Any]]:
    """Key and value of each element; the errors of ``dict.update``."""
    for j, pair in enumerate(given):
        if not isinstance(pair, Iterable):
            raise TypeError(
                f"{kind} update sequence element #{j} should be Iterable; is{type(pair).__name__}"
            )
        elements = list(pair)
        if len(elements) != 2:
            raise ValueError(
                f"{kind} update sequence element #{j} has length {len(elements)}; 2 is required"
            )
        yield elements[0], elements[1]
