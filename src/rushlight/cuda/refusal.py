"""The error of everything that needs a CUDA device."""

from __future__ import annotations

from typing import Any


def not_compiled() -> AssertionError:
    """The error that PyTorch raises where it was built without CUDA."""
    error = AssertionError("Torch not compiled with CUDA enabled")
    error.add_note(
        "rushlight: tensors live on the CPU; write "
        "device = 'cuda' if torch.cuda.is_available() else 'cpu'."
    )
    return error


def refusing(name: str, meaning: str) -> Any:
    """A function of ``torch.cuda`` that needs a device."""

    def function(*args: Any, **kwargs: Any) -> Any:
        raise not_compiled()

    function.__name__ = function.__qualname__ = name
    function.__module__ = "torch.cuda"
    function.__doc__ = f"{meaning}\n\nRaises:\n    AssertionError: there is no CUDA device."
    return function
