"""`DataParallel`: without accelerators it calls the module it wraps."""

from __future__ import annotations

from typing import Any

from ..modules.module import Module

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """The module, spread over devices where there are any: here, the module.

    Args:
        module: what is called; it stands in ``.module``.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.DataParallel.html

    >>> import rushlight as torch
    >>> torch.nn.DataParallel(torch.nn.ReLU())(torch.tensor([-1.0]))
    tensor([0.])
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        # Without accelerators PyTorch ignores device_ids as well.
        self.module = module
        self.device_ids: list[int] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """``DataParallel`` as a function."""
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*arguments, **(module_kwargs or {}))
