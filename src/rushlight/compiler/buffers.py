"""Memory as the compiler sees it: buffers, and typed strided windows of them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


class Buffer:
    """A stretch of memory that equations read and write.

    Attributes:
        number: its name in printed programs.
        size: in elements of `dtype`.
        source: None for a buffer in the arena; else what stands for it in the table of pointers
            (the runtime's business; the compiler only compares).
        slot: its entry in the table of pointers (entry 0 is the arena), set by the memory plan.
        offset: its place in the arena in bytes, set by the memory plan.
        constant: an array whose contents never change, or None.
    """

    __slots__ = ("constant", "dtype", "number", "offset", "size", "slot", "source")

    def __init__(self, number: int, size: int, dtype: Any, source: Any = None) -> None:
        self.number = number
        self.size = size
        self.dtype = np.dtype(dtype)
        self.source = source
        self.slot = 0
        self.offset = 0
        self.constant: np.ndarray[Any, Any] | None = None

    def __repr__(self) -> str:
        return f"{'%' if self.source is None else '@'}{self.number}"


class View:
    """A typed, strided window of a buffer. A stride of 0 broadcasts."""

    __slots__ = ("buffer", "offset", "shape", "strides")

    def __init__(
        self, buffer: Buffer, offset: int, shape: Sequence[int], strides: Sequence[int]
    ) -> None:
        self.buffer = buffer
        self.offset = offset
        self.shape = tuple(shape)
        self.strides = tuple(strides)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.buffer.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def contiguous(self) -> bool:
        return self.strides == contiguous_strides(self.shape) or self.size <= 1

    def span(self) -> tuple[int, int]:
        """The first and one past the last element of the buffer that the view can touch."""
        if not self.size:
            return self.offset, self.offset
        low = high = self.offset
        for n, s in zip(self.shape, self.strides, strict=True):
            if s < 0:
                low += (n - 1) * s
            else:
                high += (n - 1) * s
        return low, high + 1

    def overlaps(self, other: View) -> bool:
        """Whether both may touch the same memory."""
        if self.buffer is not other.buffer:
            return False
        a, b = self.span(), other.span()
        return a[0] < b[1] and b[0] < a[1]

    def same(self, other: View) -> bool:
        """Whether both are the same window."""
        return self is other or (
            self.buffer is other.buffer
            and self.offset == other.offset
            and self.shape == other.shape
            and self.strides == other.strides
        )

    # Windows of windows. Each returns another view of the same memory.

    def expand(self, shape: Sequence[int]) -> View:
        """Broadcast to `shape`, NumPy's way."""
        missing = len(shape) - len(self.shape)
        strides = [0] * missing
        for have, want, stride in zip(self.shape, shape[missing:], self.strides, strict=True):
            if have == want:
                strides.append(0 if have == 1 else stride)
            elif have == 1:
                strides.append(0)
            else:
                raise ValueError(f"{self.shape} does not broadcast to {tuple(shape)}")
        return View(self.buffer, self.offset, shape, strides)

    def permute(self, axes: Sequence[int]) -> View:
        return View(
            self.buffer, self.offset,
            [self.shape[a] for a in axes], [self.strides[a] for a in axes],
        )  # fmt: skip

    def transpose(self, a: int = -1, b: int = -2) -> View:
        axes = list(range(self.ndim))
        axes[a], axes[b] = axes[b], axes[a]
        return self.permute(axes)

    def unsqueeze(self, axis: int) -> View:
        axis %= self.ndim + 1
        shape, strides = list(self.shape), list(self.strides)
        shape.insert(axis, 1)
        strides.insert(axis, 0)
        return View(self.buffer, self.offset, shape, strides)

    def drop(self, axis: int, index: int = 0) -> View:
        """The window at one index of an axis."""
        axis %= self.ndim
        shape, strides = list(self.shape), list(self.strides)
        offset = self.offset + index * strides[axis]
        del shape[axis], strides[axis]
        return View(self.buffer, offset, shape, strides)

    def slice(self, axis: int, start: int, length: int, step: int = 1) -> View:
        axis %= self.ndim
        shape, strides = list(self.shape), list(self.strides)
        offset = self.offset + start * strides[axis]
        shape[axis] = length
        strides[axis] *= step
        return View(self.buffer, offset, shape, strides)

    def reshape(self, shape: Sequence[int]) -> View | None:
        """The same elements in another shape, or None if no strides express it."""
        if prod(shape) != self.size:
            raise ValueError(f"{self.shape} has not as many elements as {tuple(shape)}")
        if self.size == 0 or self.contiguous:
            return View(self.buffer, self.offset, shape, contiguous_strides(shape))
        kept = [(n, s) for n, s in zip(self.shape, self.strides, strict=True) if n != 1]
        strides: list[int] = []
        i = 0
        wanted = [n for n in shape if n != 1]
        j = 0
        while i < len(kept):
            have, i2 = kept[i][0], i + 1
            want, j2 = wanted[j], j + 1
            while have != want:
                if have < want:
                    have *= kept[i2][0]
                    i2 += 1
                else:
                    want *= wanted[j2]
                    j2 += 1
            for a in range(i, i2 - 1):
                if kept[a][1] != kept[a + 1][1] * kept[a + 1][0]:
                    return None
            stride = kept[i2 - 1][1]
            part: list[int] = []
            for n in reversed(wanted[j:j2]):
                part.append(stride)
                stride *= n
            strides.extend(reversed(part))
            i, j = i2, j2
        found = iter(strides)
        full = [0 if n == 1 else next(found) for n in shape]
        return View(self.buffer, self.offset, shape, full)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.shape)) or "()"
        layout = "" if self.contiguous else f" strides {','.join(map(str, self.strides))}"
        offset = f"+{self.offset}" if self.offset else ""
        return f"{self.buffer!r}{offset}:{self.dtype}[{shape}{layout}]"


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides of a C-contiguous array, in elements."""
    strides: list[int] = []
    step = 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))
