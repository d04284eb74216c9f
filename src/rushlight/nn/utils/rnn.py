"""``torch.nn.utils.rnn``: sequences of different lengths, padded or packed.

A packed sequence holds the elements of all sequences without padding, step after step: first
the first elements of all sequences, the longest sequence first, then the second ones, and so on.
"""

from __future__ import annotations

from collections import namedtuple
from importlib import import_module
from typing import Any

import numpy as np

from ..._core import Tensor, wrap
from ..._ops import packing

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

PackedSequence_ = namedtuple(
    "PackedSequence_", ("data", "batch_sizes", "sorted_indices", "unsorted_indices")
)
PackedSequence_.__module__ = "torch.nn.utils.rnn"
_DTYPES = {
    "double": "float64", "float": "float32", "half": "float16", "long": "int64", "int": "int32",
    "short": "int16", "char": "int8", "byte": "uint8",
}  # fmt: skip


class PackedSequence(PackedSequence_):
    """A batch of sequences without padding; what the ``pack_*`` functions make.

    Args:
        data: the elements, step after step.
        batch_sizes: how many sequences have an element at each step.
        sorted_indices: which sequence of the original batch is which of the packed one.
        unsorted_indices: the inverse of that permutation.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.PackedSequence.html
    """

    __slots__ = ()

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None,
        unsorted_indices: Any = None,
    ) -> PackedSequence:  # fmt: skip
        if batch_sizes is None:
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with ``data.to(...)``; itself where that changes nothing."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else type(self)(data, *self[1:])

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same in the memory of the CPU."""
        return self.to(*args, device="cpu", **kwargs)

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same in the memory of a GPU."""
        return type(self)(self.data.cuda(*args, **kwargs), *self[1:])

    def pin_memory(self) -> PackedSequence:
        """The same in page-locked memory."""
        return type(self)(self.data.pin_memory(), *self[1:])

    @property
    def is_cuda(self) -> bool:
        """Whether the data is in the memory of a GPU."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the data is in page-locked memory."""
        return self.data.is_pinned()


PackedSequence.__module__ = "torch.nn.utils.rnn"


def _casting(dtype: str) -> Any:
    def cast(self: PackedSequence) -> PackedSequence:
        return self.to(dtype=getattr(import_module("rushlight"), dtype))

    return cast


for _name, _dtype in _DTYPES.items():
    setattr(PackedSequence, _name, _casting(_dtype))


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes `permutation`."""
    if permutation is None:
        return None
    inverse = np.empty_like(permutation._data)
    inverse[permutation._data] = np.arange(permutation._data.size)
    return wrap(inverse)


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs padded sequences.

    Shape: input (L, N, *), or (N, L, *) with `batch_first`; data (sum of lengths, *).

    Args:
        input: the padded batch.
        lengths: the length of each sequence.
        batch_first: whether the batch is the first dimension.
        enforce_sorted: whether the lengths are known to decrease; else they are sorted here.

    Raises:
        RuntimeError: lengths that do not fit, are not positive, or are not sorted.

    Source:
    https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html

    >>> import rushlight as torch
    >>> rnn = torch.nn.utils.rnn
    >>> rnn.pack_padded_sequence(torch.tensor([[1, 2], [3, 0]]), [2, 1]).data
    tensor([1, 2, 3])
    """
    torch = import_module("rushlight")
    if not isinstance(lengths, Tensor):
        lengths = torch.as_tensor(lengths, dtype=torch.int64, device="cpu")
    order = None
    if not enforce_sorted:
        lengths, order = torch.sort(lengths, descending=True)
        input = input.index_select(0 if batch_first else 1, order)
    if batch_first:
        input = input.transpose(0, 1)
    sizes = _batch_sizes(input, lengths._data)
    # At each step the first sequences, as many as are long enough.
    total = input._data.shape[1]
    index = [np.arange(size) + step * total for step, size in enumerate(sizes)]
    data = packing.pack_padded_sequence.call(input, wrap(np.concatenate(index)))
    return PackedSequence(data, wrap(sizes), order, None)


def _batch_sizes(input: Tensor, lengths: Any) -> Any:
    if not input._data.size:
        raise RuntimeError("Cannot pack empty tensors.")
    batch = input._data.shape[1]
    if lengths.size != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {lengths.size} "
            f"(batch_size={batch})"
        )
    if np.any(lengths <= 0):
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if np.any(lengths[1:] > lengths[:-1]):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
            "You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if lengths[0] > input._data.shape[0]:
        raise RuntimeError(
            f"'lengths' has {int(lengths[0])}, but the padded sequences have only "
            f"{input._data.shape[0]} elements"
        )
    steps = np.arange(int(lengths[0]))
    return np.count_nonzero(lengths[None, :] > steps[:, None], axis=1)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The padded batch and the lengths: what ``pack_padded_sequence`` was given.

    Shape: (L, N, *), or (N, L, *) with `batch_first`; lengths (N).

    Raises:
        ValueError: a `total_length` below the longest sequence's.

    Source:
    https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pad_packed_sequence.html

    >>> import rushlight as torch
    >>> rnn = torch.nn.utils.rnn
    >>> rnn.pad_packed_sequence(rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]))
    (tensor([[1, 3],
            [2, 0]]), tensor([2, 1]))
    """
    sizes, order = sequence.batch_sizes._data, sequence.unsorted_indices
    steps = sizes.size
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in "
                f"input, but got total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    data = sequence.data
    padded = data.new_full((steps, int(sizes[0]), *data.shape[1:]), padding_value)
    start = step = 0
    while step < sizes.size:
        # All steps with the same number of sequences are copied at once.
        size = int(sizes[step])
        count = int(np.count_nonzero(sizes == size))
        part = data[start : start + count * size].view(count, size, *data.shape[1:])
        padded[step : step + count, :size] = part
        start, step = start + count * size, step + count
    lengths = wrap(np.count_nonzero(sizes[None, :] > np.arange(int(sizes[0]))[:, None], axis=1))
    if batch_first:
        padded = padded.transpose(0, 1)
    if order is not None:
        return padded.index_select(0 if batch_first else 1, order), lengths[order]
    return padded, lengths


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:  # fmt: skip
    """Sequences of different lengths in one tensor, filled up with `padding_value`.

    Shape: each (L_i, *); output (L, N, *), or (N, L, *) with `batch_first`.

    Raises:
        RuntimeError: no sequences, or sequences that differ in more than their length.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pad_sequence.html

    >>> import rushlight as torch
    >>> torch.nn.utils.rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if isinstance(sequences, Tensor):
        sequences = sequences.unbind(0)
    try:
        sequences = tuple(sequences)
    except TypeError:
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        ) from None
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    for i, sequence in enumerate(sequences):
        if not isinstance(sequence, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(sequence).__name__}"
            )
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    first = sequences[0]
    longest = max(s.size(0) for s in sequences)
    shape = (len(sequences), longest) if batch_first else (longest, len(sequences))
    padded = first.new_full((*shape, *first.shape[1:]), padding_value)
    for i, sequence in enumerate(sequences):
        length = sequence.size(0)
        kept = slice(0, length) if padding_side == "right" else slice(longest - length, longest)
        padded[(i, kept) if batch_first else (kept, i)].copy_(sequence)
    return padded


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Packs sequences of different lengths, each (L_i, *).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_sequence.html

    >>> import rushlight as torch
    >>> torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]).data
    tensor([1, 3, 2])
    """
    lengths = wrap(np.array([s.size(0) for s in sequences], np.int64))
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded batch, a list.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.unpad_sequence.html
    """
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    pairs = zip(padded_sequences, lengths.tolist(), strict=True)
    return [sequence[:length] for sequence, length in pairs]


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a packed batch, a list.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.unpack_sequence.html
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
