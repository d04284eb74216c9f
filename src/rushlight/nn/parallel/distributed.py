"""`DistributedDataParallel`: needs a process group, as in PyTorch."""

from __future__ import annotations

from typing import Any

from ..modules.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """A module whose gradients are averaged over processes.

    Raises:
        ValueError: there is no process group.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html
    """

    def __init__(self, module: Module, device_ids: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        error = ValueError(
            "Default process group has not been initialized, please make sure to call "
            "init_process_group."
        )
        error.add_note("rushlight: on one process, train the module itself.")
        raise error
