"""Where arrays live: which memory a recorded array is a window of.

During a recording every array that appears is kept alive, so an address means one thing. A
`Storage` is a stretch of memory: what an op made (the whole allocation), or what came from outside
(the window that was handed in, since its surroundings differ from call to call). A `Place` is a
strided window of a storage, in elements: whatever the chain of views that led to an array, this is
all that the compiler needs to know of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class Unplaceable(Exception):
    """Memory that no window of elements describes, such as arguments that overlap in part."""


class Storage:
    """Memory that windows look into.

    Attributes:
        number: counts storages in the order of their appearance.
        kind: "made" by an op, "argument", "cell", "constant" or "grad".
        low, high: first and one past the last byte.
        dtype: of its elements.
        owner: the tensor it belongs to, for cells and gradients; the argument's number.
        array: the flat contents of a constant, else None.
    """

    __slots__ = ("array", "dtype", "high", "kind", "low", "number", "owner")

    def __init__(
        self, number: int, kind: str, low: int, high: int, dtype: Any, owner: Any = None
    ) -> None:
        self.number = number
        self.kind = kind
        self.low = low
        self.high = high
        self.dtype = dtype
        self.owner = owner
        self.array: np.ndarray[Any, Any] | None = None

    @property
    def size(self) -> int:
        return (self.high - self.low) // self.dtype.itemsize

    def __repr__(self) -> str:
        return f"{self.kind} {self.number}"


class Place:
    """A strided window of a storage, in elements."""

    __slots__ = ("offset", "shape", "storage", "strides")

    def __init__(
        self, storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> None:
        self.storage = storage
        self.offset = offset
        self.shape = shape
        self.strides = strides

    def key(self) -> tuple[Any, ...]:
        """What two recordings of the same step agree about."""
        return self.storage.number, self.offset, self.shape, self.strides

    def __repr__(self) -> str:
        return f"{self.storage!r}+{self.offset}{list(self.shape)}"


def root_of(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array that owns the memory, as far as NumPy knows."""
    base = array.base
    while base is not None:
        if isinstance(base, np.ndarray):
            array = base
        # as_strided puts an object of its own in between, which has a base as well.
        base = getattr(base, "base", None)
    return array


def bounds(array: np.ndarray[Any, Any]) -> tuple[int, int]:
    """First and one past the last byte that `array` can touch."""
    low = high = array.__array_interface__["data"][0]
    if array.size:
        for n, s in zip(array.shape, array.strides, strict=True):
            if s < 0:
                low += (n - 1) * s
            else:
                high += (n - 1) * s
        high += array.itemsize
    return low, high


class Memory:
    """The storages of one recording."""

    def __init__(self) -> None:
        self.storages: list[Storage] = []
        self._of_root: dict[int, list[Storage]] = {}
        self._roots: list[Any] = []  # kept alive: their ids are keys

    def outside(self, array: np.ndarray[Any, Any], kind: str, owner: Any = None) -> Place:
        """The place of an array that was not made by the step; a new storage if need be.

        Raises:
            Unplaceable: it overlaps known memory in part.
        """
        root = root_of(array)
        known = self._find(root, array)
        if known is not None:
            return known
        return self._new(root, array, kind, owner)

    def place(self, array: np.ndarray[Any, Any]) -> Place:
        """The place of an array that an op returned: known memory, or a new allocation."""
        root = root_of(array)
        known = self._find(root, array)
        if known is not None:
            return known
        if not root.size or root.dtype != array.dtype:
            return self._new(root, array, "made", None)
        storage = self._new(root, root, "made", None).storage
        return _window(storage, array)

    def find(self, array: np.ndarray[Any, Any]) -> Place | None:
        """The place of an array in known memory, or None."""
        return self._find(root_of(array), array)

    def _new(self, root: Any, array: Any, kind: str, owner: Any) -> Place:
        low, high = bounds(array)
        storage = Storage(len(self.storages), kind, low, high, array.dtype, owner)
        self.storages.append(storage)
        self._of_root.setdefault(id(root), []).append(storage)
        self._roots.append(root)
        return _window(storage, array)

    def _find(self, root: Any, array: Any) -> Place | None:
        candidates = self._of_root.get(id(root))
        if candidates is None:
            return None
        low, high = bounds(array)
        if low == high:
            return None
        for storage in candidates:
            if storage.low <= low and high <= storage.high:
                if storage.dtype != array.dtype or (low - storage.low) % array.itemsize:
                    raise Unplaceable("memory seen as two dtypes")
                return _window(storage, array)
            if low < storage.high and storage.low < high:
                raise Unplaceable("tensors from outside the step that overlap in part")
        return None


def _window(storage: Storage, array: np.ndarray[Any, Any]) -> Place:
    size = array.itemsize
    if any(s % size for s in array.strides):
        raise Unplaceable("strides that are no multiples of the element")
    address = array.__array_interface__["data"][0]
    offset = (address - storage.low) // size if array.size else 0
    return Place(storage, offset, array.shape, tuple(s // size for s in array.strides))


def flattened(array: np.ndarray[Any, Any], storage: Storage) -> np.ndarray[Any, Any]:
    """The contents of a storage that `array` is the whole window of."""
    flat = np.zeros(storage.size, storage.dtype)
    if array.size:
        start = array.__array_interface__["data"][0] - storage.low
        window = np.ndarray(array.shape, array.dtype, flat, start, array.strides)
        window[...] = array
    return flat
