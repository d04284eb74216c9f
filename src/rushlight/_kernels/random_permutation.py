"""Random permutations: the exchanges of Fisher and Yates, done one by one or all at once."""

from __future__ import annotations

from typing import Any

import numpy as np

ONE_BY_ONE = 500
"""Up to this length a loop over Python lists is faster than array operations."""
_CHUNK = 1 << 16


def exchange(words: np.ndarray, n: int) -> np.ndarray:
    """Return ``0 .. n-1`` after exchanging places ``i`` and ``i + words[i] % (n - i)`` in turn.

    Args:
        words: ``n - 1`` unsigned integers below 2**32.

    Returns:
        int64 array of length ``n``.
    """
    if n < ONE_BY_ONE:
        return _by_loop(words, n)
    return _by_arrays(words, n)


def _targets(words: np.ndarray, n: int, kind: Any) -> np.ndarray:
    """Return ``i + words[i] % (n - i)`` for ``i < n - 1``."""
    steps = np.arange(n, 1, -1, dtype=np.float64)
    wide = words.astype(np.float64)
    # Words and quotients are so far from 2**53 that the truncated quotient is exact.
    quotients = (wide / steps).astype(np.uint32)
    steps *= quotients
    wide -= steps
    targets = wide.astype(kind)
    targets += np.arange(n - 1, dtype=kind)
    return targets


def _by_loop(words: np.ndarray, n: int) -> np.ndarray:
    places = list(range(n))
    result: list[int] = []
    append = result.append
    # zip reads places[i] at step i, after all earlier exchanges; place i is never read again.
    for value, target in zip(places, _targets(words, n, np.int64).tolist(), strict=False):
        append(places[target])
        places[target] = value
    append(places[-1])
    return np.array(result, np.int64)


def _by_arrays(words: np.ndarray, n: int) -> np.ndarray:
    """All exchanges at once.

    Step ``i`` outputs what lies at place ``t = target[i]`` and puts there what lies at place
    ``i``. What lies at a place is what its last visitor left, or its own number: with
    ``held(i)`` the value at place ``i`` when step ``i`` begins,

        result[i] = held(last j < i with target[j] == t), or t without such a j
        held(i)   = held(last j < i with target[j] == i), or i without such a j

    The second line is a forest, resolved by pointer doubling. Sorting the steps by target, then
    by time puts each beside the one it takes its value from.
    """
    order = np.empty(n, np.int64)
    order[:-1] = _targets(words, n, np.int64)
    order[-1] = n - 1
    order <<= 32
    order |= np.arange(n)
    order.sort()
    place = (order >> 32).astype(np.int32)
    order &= 0xFFFFFFFF
    step = order.astype(np.int32)

    held = np.arange(n, dtype=np.int32)
    held[place] = step  # the last assignment to a place stays
    own = np.flatnonzero(place == step)
    before = np.maximum(own - 1, 0)
    visited = (place[before] == place[own]) & (before < own)
    held[place[own]] = np.where(visited, step[before], place[own])
    while True:
        further = held.take(held)
        if np.array_equal(further, held):
            break
        held = further

    result = np.empty(n, np.int64)
    values = place.copy()
    np.copyto(values[1:], held.take(step[:-1]), where=place[1:] == place[:-1])
    result[order] = values
    return result


def insert(draw: Any, n: int) -> np.ndarray:
    """Return the permutation PyTorch builds for very large ``n``: step ``i`` moves the value of
    place ``k = D % (i + 1)`` to place ``i`` and writes ``i`` to place ``k``.

    Args:
        draw: function from a count to an array of that many 64-bit draws ``D``.
    """
    result = np.empty(n, np.int64)
    places = result.data
    for start in range(0, n, _CHUNK):
        stop = min(start + _CHUNK, n)
        draws = draw(stop - start)
        draws %= np.arange(start + 1, stop + 1, dtype=np.uint64)
        for i, k in enumerate(draws.tolist(), start):
            places[i] = places[k]
            places[k] = i
    return result
