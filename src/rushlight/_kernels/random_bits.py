"""The Mersenne Twister as PyTorch seeds, draws from and stores it."""

from __future__ import annotations

import operator
import os
import struct
from _thread import RLock

import numpy as np

DEFAULT_SEED = 67280421310721
"""The seed of a new ``torch.Generator``."""
STATE_BYTES = 5056
_LEGACY_WORDS = 624
_FEW = 640
"""Up to this many words ``random_raw`` is faster than ``Generator.integers``."""
_U32 = np.dtype(np.uint32)
_32 = np.array(32, np.uint64)
_WORDS = slice(24, 24 + 8 * _LEGACY_WORDS)


def seed_to_unsigned(seed: int) -> int:
    """Return ``seed`` as PyTorch stores it, in 0 .. 2**64 - 1.

    Raises:
        RuntimeError: not an integer.
        ValueError: outside -2**63 .. 2**64 - 1.
    """
    try:
        if type(seed) is bool:
            raise TypeError
        value = operator.index(seed)
    except TypeError:
        kind = type(seed).__name__
        raise RuntimeError(f"manual_seed expected a long, but got {kind}") from None
    if not -(1 << 63) <= value < 1 << 64:
        raise ValueError("Overflow when unpacking long long")
    return value & 0xFFFFFFFFFFFFFFFF


class MersenneTwister:
    """MT19937 with PyTorch's seeding, 64-bit draws, cached normal and state bytes.

    NumPy's bit generator does the work: its key and position are PyTorch's at all times.

    Args:
        seed: -2**63 .. 2**64 - 1; None takes one from the operating system.
    """

    def __init__(self, seed: int | None = DEFAULT_SEED) -> None:
        from numpy.random import MT19937, Generator  # not at import: it costs milliseconds

        self._lock = RLock()
        self._bits = MT19937(0)
        self._raw = self._bits.random_raw
        self._integers = Generator(self._bits).integers
        self._initial_seed = 0
        self._cached_normal: float | None = None
        if seed is None:
            self.seed()
        else:
            self.manual_seed(seed)

    def manual_seed(self, seed: int) -> None:
        """Start the sequence of ``seed``; only its low 32 bits choose the sequence."""
        value = seed_to_unsigned(seed)
        with self._lock:
            self._initial_seed = value
            self._cached_normal = None
            self._bits._legacy_seeding(value & 0xFFFFFFFF)

    def initial_seed(self) -> int:
        """Return the seed that the current sequence started from, in 0 .. 2**64 - 1."""
        return self._initial_seed

    def seed(self) -> int:
        """Seed from the operating system and return the seed."""
        value = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(value)
        return value

    def get_state(self) -> np.ndarray:
        """Return the state as uint8[5056], byte for byte that of ``torch.get_rng_state``."""
        with self._lock:
            state = self._bits.state["state"]
            key, position = state["key"], state["pos"]
            cached = self._cached_normal
            seed = self._initial_seed
        first = seed & 0xFFFFFFFF
        second = (1812433253 * (first ^ (first >> 30)) + 1) & 0xFFFFFFFF
        fresh = position == _LEGACY_WORDS and int(key[0]) == first and int(key[1]) == second
        left = _LEGACY_WORDS + 1 - position
        data = np.zeros(STATE_BYTES, np.uint8)
        buffer = data.data
        struct.pack_into("<QiiQ", buffer, 0, seed, left, 1, 0 if fresh else position)
        data[_WORDS] = key.astype("<u8").view(np.uint8)
        struct.pack_into("<d", buffer, 5024, cached if cached is not None else 0.0)
        struct.pack_into("<i", buffer, 5040, cached is not None)
        return data

    def set_state(self, state: np.ndarray) -> None:
        """Continue from bytes that :meth:`get_state` or PyTorch returned.

        Raises:
            TypeError: not an array of uint8.
            RuntimeError: wrong length, or no valid state of the generator.
        """
        if not isinstance(state, np.ndarray) or state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if state.size != STATE_BYTES:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {STATE_BYTES} "
                f"but found the input RNG state size to be {state.size}"
            )
        data = np.ascontiguousarray(state).reshape(-1)
        buffer = data.data
        seed, left, seeded, position = struct.unpack_from("<QiiQ", buffer, 0)
        if not (seeded and 0 < left <= _LEGACY_WORDS and position <= _LEGACY_WORDS):
            raise RuntimeError("Invalid mt19937 state")
        (cached,) = struct.unpack_from("<d", buffer, 5024)
        (has_cached,) = struct.unpack_from("<i", buffer, 5040)
        key = np.frombuffer(data[_WORDS].tobytes(), "<u8").astype(np.uint32)
        position = _LEGACY_WORDS if left == 1 else position
        with self._lock:
            self._bits.state = {
                "bit_generator": "MT19937",
                "state": {"key": key, "pos": position},
            }
            self._initial_seed = seed
            self._cached_normal = cached if has_cached else None

    def clone_state(self) -> MersenneTwister:
        """Return a generator of the same kind that continues from the same state."""
        other = type(self)(0)
        other.set_state(self.get_state())
        return other

    def words(self, count: int) -> np.ndarray:
        """Return the next ``count`` words as uint32; the array is the caller's."""
        if count < _FEW:
            return self._raw(count).astype(_U32)
        return self._integers(0, 1 << 32, size=count, dtype=np.uint32)

    def draws(self, count: int) -> np.ndarray:
        """Return ``count`` 64-bit draws as uint64; the first of two words is the high half."""
        if count < _FEW:
            pairs = self._raw(2 * count)
            high = np.left_shift(pairs[0::2], _32)
            high |= pairs[1::2]
            return high
        return self._integers(0, 1 << 64, size=count, dtype=np.uint64)

    def random64(self) -> int:
        """Return one 64-bit draw as an integer in 0 .. 2**64 - 1."""
        with self._lock:
            return self._raw() << 32 | self._raw()

    def unit(self) -> float:
        """Return one float64 in [0, 1): the low 53 bits of a 64-bit draw."""
        raw = self._raw
        return ((raw() & 0x1FFFFF) << 32 | raw()) * 2.0**-53
