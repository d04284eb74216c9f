"""What a worker process knows about itself."""

from __future__ import annotations

from typing import Any


class WorkerInfo:
    """What ``get_worker_info()`` gives in a worker: ``id``, ``num_workers``, ``seed``,
    ``dataset``; not to be changed."""

    __initialized = False

    def __init__(self, **kwargs: Any) -> None:
        self.__keys = tuple(kwargs)
        for name, value in kwargs.items():
            setattr(self, name, value)
        self.__initialized = True

    def __setattr__(self, key: str, val: Any) -> None:
        if self.__initialized:
            raise RuntimeError(
                f"Cannot assign attributes to {self.__class__.__name__} objects"
            )
        super().__setattr__(key, val)

    def __repr__(self) -> str:
        items = ", ".join(f"{key}={getattr(self, key)!r}" for key in self.__keys)
        return f"{self.__class__.__name__}({items})"


class _Here:
    info: WorkerInfo | None = None


here = _Here()


def get_worker_info() -> WorkerInfo | None:
    """The :class:`WorkerInfo` of this worker process; None in the main process.

    >>> import rushlight as torch
    >>> print(torch.utils.data.get_worker_info())
    None
    """
    return here.info

