"""Samplers: the order in which a data loader asks for samples."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from ..._core import Tensor
from .._pickling import reduce_ex
from ._utils import draws

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence, Sized

__all__ = [
    "BatchSampler", "RandomSampler", "Sampler", "SequentialSampler", "SubsetRandomSampler",
    "WeightedRandomSampler",
]  # fmt: skip

_T_co = TypeVar("_T_co", covariant=True)


class Sampler(Generic[_T_co]):
    """Base class of samplers: subclasses define ``__iter__`` and mostly ``__len__``.

    Source: https://pytorch.org/docs/stable/data.html#torch.utils.data.Sampler
    """

    __reduce_ex__ = reduce_ex

    def __iter__(self) -> Iterator[_T_co]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ..."""

    data_source: Sized

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


_DRAWN_TOGETHER = 32
"""How many indices PyTorch draws at a time with replacement."""


class RandomSampler(Sampler[int]):
    """A random order, or random draws.

    Args:
        data_source: what the indices are for; only its length counts.
        replacement: whether an index may come again before all others have.
        num_samples: how many indices; as many as samples by default.
        generator: where the numbers come from; by default, one that is seeded from the default
            generator at every iteration.
    """

    data_source: Sized
    replacement: bool

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(self.replacement, bool):
            raise TypeError(
                f"replacement should be a boolean value, but got replacement={self.replacement}"
            )
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(
                "num_samples should be a positive integer value, but got "
                f"num_samples={self.num_samples}"
            )

    @property
    def num_samples(self) -> int:
        """How many indices one iteration gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def _chunks(self) -> Iterator[Any]:
        """The indices as arrays, each drawn when it is needed."""
        n = len(self.data_source)
        generator = self.generator
        if generator is None:
            generator = draws.seeded(draws.seed(None))
        if self.replacement:
            for _ in range(self.num_samples // _DRAWN_TOGETHER):
                yield draws.integers(generator, n, _DRAWN_TOGETHER)
            yield draws.integers(generator, n, self.num_samples % _DRAWN_TOGETHER)
        else:
            for _ in range(self.num_samples // n):
                yield draws.permutation(generator, n)
            # PyTorch draws this one even if nothing of it is used.
            yield draws.permutation(generator, n)[: self.num_samples % n]

    def __iter__(self) -> Iterator[int]:
        for chunk in self._chunks():
            yield from chunk.tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given indices in a random order."""

    indices: Sequence[int]

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in draws.permutation(self.generator, len(self.indices)).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with given weights.

    Args:
        weights: need not sum to one.
        num_samples: how many to draw.
        replacement: whether an index may come again.
    """

    weights: Tensor
    num_samples: int
    replacement: bool

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Any = None,
    ) -> None:
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(
                f"num_samples should be a positive integer value, but got num_samples={num_samples}"
            )
        if not isinstance(replacement, bool):
            raise ValueError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        from ... import _dtypes
        from ..._tensor.borrowed import as_tensor

        found = as_tensor(weights, dtype=_dtypes.float64)
        if found._data.ndim != 1:
            raise ValueError(
                "weights should be a 1d sequence but given weights have shape "
                f"{tuple(found._data.shape)}"
            )
        self.weights = found
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        chosen = draws.multinomial(
            self.generator, self.weights._data, self.num_samples, self.replacement
        )
        yield from chosen.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Groups the indices of another sampler.

    Args:
        sampler: any iterable.
        batch_size: indices in each list.
        drop_last: leave out an incomplete list at the end.

    >>> import rushlight as torch
    >>> list(torch.utils.data.BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(
                f"batch_size should be a positive integer value, but got batch_size={batch_size}"
            )
        if not isinstance(drop_last, bool):
            raise ValueError(
                f"drop_last should be a boolean value, but got drop_last={drop_last}"
            )
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def index_batches(batches: BatchSampler) -> Iterator[Any] | None:
    """What iterating `batches` gives, as slices and arrays of indices, or None where it is not
    known to be the same: for subclasses and samplers of the user."""
    if type(batches) is not BatchSampler:
        return None
    sampler = batches.sampler
    if type(sampler) is SequentialSampler:
        return _sequential_batches(len(sampler), batches.batch_size, batches.drop_last)
    if type(sampler) is RandomSampler:
        return _random_batches(sampler, batches.batch_size, batches.drop_last)
    return None


def _sequential_batches(n: int, size: int, drop_last: bool) -> Iterator[slice]:
    stop = n // size * size if drop_last else n
    for start in range(0, stop, size):
        yield slice(start, min(start + size, n))


def _random_batches(sampler: RandomSampler, size: int, drop_last: bool) -> Iterator[Any]:
    parts: list[Any] = []
    have = 0
    for chunk in sampler._chunks():
        start = 0
        while have + len(chunk) - start >= size:
            stop = start + size - have
            batch = chunk[start:stop]
            yield np.concatenate((*parts, batch)) if parts else batch
            parts, have, start = [], 0, stop
        if start < len(chunk):
            parts.append(chunk[start:])
            have += len(chunk) - start
    if parts and not drop_last:
        yield np.concatenate(parts)


for _class in (
    Sampler, SequentialSampler, RandomSampler, SubsetRandomSampler, WeightedRandomSampler,
    BatchSampler,
):  # fmt: skip
    _class.__module__ = "torch.utils.data.sampler"
