"""``torch.onnx``: exporting models, which rushlight does not do."""

from __future__ import annotations

from typing import Any

from ._missing import missing_attribute

__all__ = ["export", "is_in_onnx_export"]


def is_in_onnx_export() -> bool:
    """Whether a model is being exported: never."""
    return False


def export(model: Any, args: Any = (), f: Any = None, **kwargs: Any) -> Any:
    """Not there.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("torch.onnx.export: rushlight does not export to ONNX")


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
