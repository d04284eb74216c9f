"""``torch.testing``: comparing results, and making inputs."""

from __future__ import annotations

from typing import Any

from .._missing import missing_attribute
from ._comparison import assert_allclose, assert_close
from ._creation import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
