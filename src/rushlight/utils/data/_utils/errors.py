"""Exceptions that happened in a worker, to be raised again where the batch was asked for."""

from __future__ import annotations

import sys
import traceback
from typing import Any


class KeyErrorMessage(str):
    """A message that KeyError prints with its line breaks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """An exception as its type and the text of its traceback.

    Args:
        exc_info: of ``sys.exc_info()``; the current one by default.
        where: "in DataLoader worker process 0".
    """

    def __init__(self, exc_info: Any = None, where: str = "in background") -> None:
        if exc_info is None:
            exc_info = sys.exc_info()
        self.exc_type = exc_info[0]
        self.exc_msg = "".join(traceback.format_exception(*exc_info))
        self.where = where

    def reraise(self) -> None:
        """Raise an exception of the same type, whose message holds the traceback."""
        message: str = (
            f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        )
        if self.exc_type is KeyError:
            message = KeyErrorMessage(message)
        elif getattr(self.exc_type, "message", None):
            raise self.exc_type(message=message)
        try:
            exception = self.exc_type(message)
        except Exception:
            # Its constructor wants something else than a message.
            raise RuntimeError(message) from None
        raise exception
