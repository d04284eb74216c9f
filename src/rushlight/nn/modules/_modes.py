"""``no_grad`` for the modules' own use: no import of the autograd package at start."""

from __future__ import annotations

from ..._core import set_modes, thread


class no_grad:
    """A block in which nothing is recorded."""

    __slots__ = ("before",)

    def __enter__(self) -> None:
        self.before = set_modes(False, thread.inference)

    def __exit__(self, *_: object) -> None:
        set_modes(*self.before)
