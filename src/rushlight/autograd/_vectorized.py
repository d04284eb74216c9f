"""Jacobians whose passes run all at once: vmap over the basis, of reverse or of forward mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._core import TEN, Tensor, wrap
from .forward_ad import check_floating
from .forward_level import jvp_level, make_dual_at, tangent_at
from .functional import _products, _recording, _tensors, _zeros
from .vmap import mapped

if TYPE_CHECKING:
    from collections.abc import Callable

_ops: Any = TEN


def _basis(tensors: tuple[Tensor, ...]) -> tuple[int, list[Tensor]]:
    """How many elements there are, and for each tensor one direction for each of them all."""
    total = sum(t._data.size for t in tensors)
    blocks, start = [], 0
    for t in tensors:
        n = t._data.size
        block = np.zeros((total, n), t._data.dtype)
        block[start : start + n] = np.eye(n, dtype=t._data.dtype)
        blocks.append(wrap(block.reshape(total, *t._data.shape)))
        start += n
    return total, blocks


def _parts(whole: Tensor, tensors: tuple[Tensor, ...]) -> list[Tensor]:
    """The rows of `whole` that belong to each tensor."""
    found, start = [], 0
    for t in tensors:
        end = start + t._data.size
        found.append(_ops.slice(whole, 0, start, end, 1))
        start = end
    return found


def all_rows(
    outputs: tuple[Tensor, ...], inputs: tuple[Tensor, ...], create_graph: bool
) -> tuple[tuple[Tensor, ...], ...]:
    """The derivatives of all outputs by each input, by one backward pass for all elements."""
    total, blocks = _basis(outputs)
    pulled = mapped(
        lambda *vs: _products(outputs, inputs, vs, create_graph, keep=True), total, blocks
    )
    columns = []
    for x, found in zip(inputs, pulled, strict=True):
        if found is None:
            found = wrap(np.zeros((total, *x._data.shape), x._data.dtype))
        columns.append([
            part.reshape(*out._data.shape, *x._data.shape)
            for out, part in zip(outputs, _parts(found, outputs), strict=True)
        ])  # fmt: skip
    return tuple(zip(*columns, strict=True))


def forward_jacobian(
    func: Callable[..., Any], inputs: Any, create_graph: bool, strict: bool, vectorize: bool
) -> Any:
    """One pass in the direction of each element of the inputs. PyTorch's gives lists."""
    of = "torch.autograd.functional.jacobian"
    if strict:
        raise RuntimeError(
            f'{of}: `strict=True` and `strategy="forward-mode"` are not supported together (yet). '
            'Please either set `strict=False` or `strategy="reverse-mode"`.'
        )
    several_in, given = _tensors(inputs, "inputs", "jacobian")
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly "
            "implemented for `vectorize=True`."
        )
    if create_graph:
        raise NotImplementedError(
            f'{of}: `create_graph=True` and `strategy="forward-mode"` are not supported together '
            '(yet). Please either set `create_graph=False` or `strategy="reverse-mode"`.'
        )
    for x in given:
        check_floating(x, x)
    total, blocks = _basis(given)
    seen: list[Any] = []

    def along(*directions: Tensor) -> list[Tensor]:
        with jvp_level() as level:
            duals = [make_dual_at(level, x, t) for x, t in zip(given, directions, strict=True)]
            several_out, outputs = _tensors(func(*duals), "outputs", "None")
            seen.append((several_out, [o._data.shape for o in outputs]))
            found = [tangent_at(level, o) for o in outputs]
            return [_zeros(o) if t is None else t for o, t in zip(outputs, found, strict=True)]

    with _recording():
        columns: list[Any] = mapped(along, total, blocks)
    several_out, shapes = seen[0]
    rows = []
    for shape, whole in zip(shapes, columns, strict=True):
        order = (*range(1, len(shape) + 1), 0)
        rows.append(_unwrapped_list([
            _ops.permute(part, order).reshape(*shape, *x._data.shape)
            for x, part in zip(given, _parts(whole, given), strict=True)
        ], several_in))  # fmt: skip
    return _unwrapped_list(rows, several_out)


def _unwrapped_list(values: list[Any], several: bool) -> Any:
    return values if several else values[0]
