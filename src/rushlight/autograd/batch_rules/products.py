"""Rules of matrix products: what is the same for all examples stays one matrix."""

from __future__ import annotations

import math
from typing import Any

from ..._core import OPS, TEN
from .common import folded, front, padded, rule, shape_of, unfolded


def _mm(x: Any, y: Any, bx: bool, by: bool) -> Any:
    if bx and by:
        return TEN.bmm(x, y)
    if bx:
        size, rows, _ = x._data.shape
        return unfolded(TEN.mm(folded(x), y), size, rows)
    # x (n, k), y (B, k, m): one product with all columns side by side
    size, inner, columns = y._data.shape
    wide = TEN.reshape(TEN.permute(y, (1, 0, 2)), (inner, size * columns))
    product = TEN.reshape(TEN.mm(x, wide), (x._data.shape[0], size, columns))
    return TEN.permute(product, (1, 0, 2))


@rule("mm")
def _matrices(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    return _mm(*args, *batched)


@rule("bmm")
def _batches(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    return TEN.matmul(*args)


def _mv(x: Any, y: Any, bx: bool, by: bool) -> Any:
    if bx and by:
        product = TEN.bmm(x, TEN.unsqueeze(y, 2))
        return TEN.reshape(product, product._data.shape[:2])
    if by:
        return TEN.mm(y, TEN.t(x))
    size, rows, _ = x._data.shape
    return TEN.reshape(TEN.mv(folded(x), y), (size, rows))


@rule("mv")
def _matrix_vector(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    return _mv(*args, *batched)


@rule("dot")
def _dot(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, y = args
    if not (batched[0] and batched[1]):
        return TEN.mv(x, y) if batched[0] else TEN.mv(y, x)
    product = TEN.bmm(TEN.unsqueeze(x, 1), TEN.unsqueeze(y, 2))
    return TEN.reshape(product, (size,))


@rule("outer")
def _outer(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, y = args
    return TEN.mul(
        TEN.unsqueeze(x, x._data.ndim), TEN.unsqueeze(y, y._data.ndim - 1)
    )


def _scaled(x: Any, factor: Any) -> Any:
    return x if factor == 1 else TEN.mul(x, factor)


def _added(product: Any, bias: Any, batched: bool, beta: Any, alpha: Any) -> Any:
    product = _scaled(product, alpha)
    if beta == 0:
        return product
    if batched:
        bias = padded(bias, product._data.ndim - 1)
    return TEN.add(product, _scaled(bias, beta))


@rule("addmm", "addmv", "baddbmm")
def _added_product(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    bias, x, y, beta, alpha = args
    b, bx, by = batched[:3]
    if not (bx or by):
        x, bx = front(x, False, size), True
    if op.name == "addmm":
        product = _mm(x, y, bx, by)
    elif op.name == "addmv":
        product = _mv(x, y, bx, by)
    else:
        product = TEN.matmul(x, y)
    return _added(product, bias, b, beta, alpha)


@rule("linear", "linear_batched", "linear_plain", "linear_plain_batched")
def _linear(op: Any, args: list[Any], batched: list[Any], size: int) -> Any:
    x, w, b = args
    bx, bw, bb = batched
    lead = shape_of(x, bx)[:-1]
    if not bw:
        if bx and not bb:
            row = OPS["linear_plain_batched" if b is None else "linear_batched"]
            return row.call(x, w, b)
        x = front(x, bx, size)
        return TEN.add(OPS["linear_plain_batched"].call(x, w, None), padded(b, len(lead) + 1))
    inputs, outputs = w._data.shape[2], w._data.shape[1]
    rows = math.prod(lead)
    if bx:
        flat = TEN.reshape(x, (size, rows, inputs))
        out = TEN.bmm(flat, TEN.mT(w))
    else:
        flat = TEN.reshape(x, (rows, inputs))
        out = TEN.reshape(TEN.mm(flat, TEN.t(folded(w))), (rows, size, outputs))
        out = TEN.permute(out, (1, 0, 2))
    if b is not None:
        out = TEN.add(out, TEN.unsqueeze(b, 1) if bb else b)
    return TEN.reshape(out, (size, *lead, outputs))
