"""Gets the samples of a batch from a dataset and collates them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...._core import Tensor, ctx, thread, wrap
from ..dataset import Subset, TensorDataset
from .collate import default_collate

if TYPE_CHECKING:
    from collections.abc import Callable


class MapFetcher:
    """Fetches from a dataset with ``__getitem__``."""

    def __init__(
        self, dataset: Any, auto_collation: bool, collate_fn: Callable[[Any], Any], drop_last: bool
    ) -> None:
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.rows = rows_of(dataset, collate_fn) if auto_collation else None

    def fetch(self, index: Any) -> Any:
        """The batch for a list of indices (the sample for one, without batches)."""
        dataset = self.dataset
        if self.rows is not None and type(index) is list and {*map(type, index)} == {int}:
            try:
                batch = self.rows(index)
            except IndexError:
                batch = None  # let the dataset say so
            if batch is not None:
                return batch
        if self.auto_collation:
            if hasattr(dataset, "__getitems__") and dataset.__getitems__:
                data = dataset.__getitems__(index)
            else:
                data = [dataset[i] for i in index]
        else:
            data = dataset[index]
        return self.collate_fn(data)


class IterableFetcher(MapFetcher):
    """Fetches from a dataset with ``__iter__``."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.iterator = iter(self.dataset)
        self.ended = False

    def fetch(self, index: Any) -> Any:
        """The next batch, of as many samples as `index` has items."""
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.iterator))
        data = []
        for _ in index:
            try:
                data.append(next(self.iterator))
            except StopIteration:
                self.ended = True
                break
        if not data or (self.drop_last and len(data) < len(index)):
            raise StopIteration
        return self.collate_fn(data)


def rows_of(dataset: Any, collate_fn: Any) -> Any:
    """A function from a slice or array of indices to the batch that fetching sample by sample
    would collate, by one indexing for each tensor; None where only the long way is known to be
    right: for subclasses, other collate functions, tensors that record."""
    if collate_fn is not default_collate:
        return None
    indices = None
    if type(dataset) is Subset:
        indices = dataset.indices
        dataset = dataset.dataset
        if type(indices) is not list:
            return None
    if type(dataset) is not TensorDataset or not dataset.tensors:
        return None
    for t in dataset.tensors:
        if type(t) is not Tensor or t._edge is not None:
            return None
    tensors = dataset.tensors

    def rows(index: Any) -> Any:
        if ctx.handler is not None or thread.inference:
            return None
        if indices is not None:
            if type(index) is slice:
                index = np.array(indices[index], np.intp)
            else:
                index = np.array([indices[i] for i in index], np.intp)
        batch = []
        for t in tensors:
            data = t._data
            if type(index) is slice:
                batch.append(wrap(np.array(data[index], order="C")))
            elif data.flags.c_contiguous:
                batch.append(wrap(data.take(index, 0)))
            else:
                batch.append(wrap(np.ascontiguousarray(data[index])))
        return batch

    return rows
