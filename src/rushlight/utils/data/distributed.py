"""The sampler of data-parallel training: each process gets its share of the indices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ._utils import draws
from .sampler import Sampler

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """Every ``num_replicas``-th index, beginning with ``rank``.

    Args:
        dataset: what the indices are for.
        num_replicas: how many processes there are. rank: the number of this one.
        shuffle: a random order that depends on `seed` and the epoch.
        drop_last: leave out what does not divide evenly, instead of repeating indices.

    Raises:
        ValueError: a rank outside the processes.

    >>> import rushlight as torch
    >>> sampler = torch.utils.data.DistributedSampler(range(5), 2, 1, shuffle=False)
    >>> list(sampler)
    [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            found = _process_group()
            num_replicas = found[0] if num_replicas is None else num_replicas
            rank = found[1] if rank is None else rank
        if rank >= num_replicas or rank < 0:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        n = len(dataset)
        if drop_last and n % num_replicas != 0:
            self.num_samples = math.ceil((n - num_replicas) / num_replicas)
        else:
            self.num_samples = math.ceil(n / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        if self.shuffle:
            generator = draws.seeded(self.seed + self.epoch)
            indices = draws.permutation(generator, n).tolist()
        else:
            indices = list(range(n))
        if self.drop_last:
            indices = indices[: self.total_size]
        else:
            missing = self.total_size - n
            indices += (indices * math.ceil(missing / n))[:missing] if n else []
        assert len(indices) == self.total_size
        chosen = indices[self.rank : self.total_size : self.num_replicas]
        assert len(chosen) == self.num_samples
        return iter(chosen)

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Shuffle differently from now on; to be called before every epoch."""
        self.epoch = epoch


def _process_group() -> tuple[int, int]:
    """Number of processes and rank, from the process group."""
    distributed: Any = None
    try:
        from ... import distributed  # type: ignore[attr-defined,no-redef]
    except ImportError:
        pass
    ready = getattr(distributed, "is_initialized", None)
    if ready is None or not ready():
        raise ValueError(
            "Default process group has not been initialized, please make sure to call "
            "init_process_group."
        )
    return distributed.get_world_size(), distributed.get_rank()


DistributedSampler.__module__ = "torch.utils.data.distributed"
