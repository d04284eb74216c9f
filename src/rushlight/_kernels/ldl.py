"""LDL factorisation of symmetric and Hermitian matrices with the pivots of Bunch and Kaufman
(1977), in the packed form of LAPACK's sytrf and hetrf for the lower triangle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_ALPHA = (1 + math.sqrt(17)) / 8


def _sizes(x: Any) -> Any:
    return abs(x.real) + abs(x.imag) if x.dtype.kind == "c" else abs(x)


def factor(a: Any, hermitian: bool) -> tuple[Any, Any, Any]:
    """L and D in one matrix, the pivots (from 1; negative pairs for blocks of two), and the first
    zero on the diagonal of D (from 1; 0 without one)."""
    work = np.tril(a).reshape(math.prod(a.shape[:-2]), *a.shape[-2:])
    pivots = np.zeros(work.shape[:-1], np.int32)
    info = np.zeros(len(work), np.int32)
    for i in range(len(work)):
        info[i] = _factor(work[i], pivots[i], hermitian and a.dtype.kind == "c")
    return work.reshape(a.shape), pivots.reshape(a.shape[:-1]), info.reshape(a.shape[:-2])


def _pivot(a: Any, k: int, hermitian: bool) -> tuple[int, int]:
    """The row to exchange and the size of the block; 0 for a column of zeros."""
    n = len(a)
    own = abs(a[k, k].real) if hermitian else float(_sizes(a[k : k + 1, k])[0])
    below = _sizes(a[k + 1 :, k])
    most = float(below.max(initial=0))
    if max(own, most) == 0 or math.isnan(own):
        return k, 0
    if own >= _ALPHA * most:
        return k, 1
    row = k + 1 + int(below.argmax())
    largest = float(_sizes(a[row, k:row]).max())
    if row + 1 < n:
        largest = max(largest, float(_sizes(a[row + 1 :, row]).max()))
    if own >= _ALPHA * most * (most / largest):
        return k, 1
    diagonal = abs(a[row, row].real) if hermitian else float(_sizes(a[row : row + 1, row])[0])
    return row, 1 if diagonal >= _ALPHA * largest else 2


def _exchange(a: Any, k: int, first: int, other: int, hermitian: bool) -> None:
    a[other + 1 :, [first, other]] = a[other + 1 :, [other, first]]
    column, row = a[first + 1 : other, first].copy(), a[other, first + 1 : other].copy()
    a[first + 1 : other, first] = row.conj() if hermitian else row
    a[other, first + 1 : other] = column.conj() if hermitian else column
    if hermitian:
        a[other, first] = a[other, first].conj()
    a[first, first], a[other, other] = a[other, other], a[first, first]
    if first > k:
        a[first, k], a[other, k] = a[other, k], a[first, k]


def _factor(a: Any, pivots: Any, hermitian: bool) -> int:
    n, k, info = len(a), 0, 0
    while k < n:
        other, size = _pivot(a, k, hermitian)
        if not size:
            info = info or k + 1
            pivots[k] = k + 1
            k += 1
            continue
        if other != k + size - 1:
            _exchange(a, k, k + size - 1, other, hermitian)
        rest = slice(k + size, None)
        block = a[k : k + size, k : k + size]
        whole = np.tril(block) + (np.tril(block, -1).conj() if hermitian else np.tril(block, -1)).T
        if hermitian:
            whole[np.arange(size), np.arange(size)] = whole.diagonal().real
            block[np.arange(size), np.arange(size)] = whole.diagonal()
        x = a[rest, k : k + size].copy()
        w = x @ np.linalg.inv(whole)
        a[rest, rest] -= np.tril(w @ (x.conj() if hermitian else x).T)
        a[rest, k : k + size] = w
        pivots[k : k + size] = other + 1 if size == 1 else -(other + 1)
        k += size
    return info


def solve(factors: Any, pivots: Any, b: Any, hermitian: bool) -> Any:
    """X of ``A X = B`` for what `factor` gives."""
    out = b.reshape(math.prod(b.shape[:-2]), *b.shape[-2:]).copy()
    flat = factors.reshape(len(out), *factors.shape[-2:])
    each = pivots.reshape(len(out), factors.shape[-1])
    for i in range(len(out)):
        _solve(flat[i], each[i], out[i], hermitian and factors.dtype.kind == "c")
    return out.reshape(b.shape)


def _swap(b: Any, i: int, j: int) -> None:
    if i != j:
        b[[i, j]] = b[[j, i]]


def _solve(a: Any, pivots: Any, b: Any, hermitian: bool) -> None:
    n = len(a)
    blocks = []
    k = 0
    while k < n:
        size = 1 if pivots[k] > 0 else 2
        blocks.append((k, size))
        last = k + size - 1
        _swap(b, last, abs(int(pivots[k])) - 1)
        b[k + size :] -= a[k + size :, k : k + size] @ b[k : k + size]
        block = np.tril(a[k : k + size, k : k + size])
        upper = np.tril(block, -1).T
        block = block + (upper.conj() if hermitian else upper)
        b[k : k + size] = np.linalg.solve(block, b[k : k + size])
        k += size
    for k, size in reversed(blocks):
        lower = a[k + size :, k : k + size].T
        b[k : k + size] -= (lower.conj() if hermitian else lower) @ b[k + size :]
        _swap(b, k + size - 1, abs(int(pivots[k])) - 1)
