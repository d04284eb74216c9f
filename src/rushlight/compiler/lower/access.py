"""Addresses of views: where a buffer lies in the table of pointers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..ir import View
    from .writer import Writer


def address(w: Writer, view: View, table: str = "%p") -> str:
    """The address of a view's first element."""
    buffer = view.buffer
    base = w.load("ptr", w.at(table, 8 * buffer.slot) if buffer.slot else table)
    offset = view.offset * buffer.dtype.itemsize + (0 if buffer.slot else buffer.offset)
    return w.at(base, offset) if offset else base
