"""Jacobians and Hessians: a product with the Jacobian, mapped over a basis."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core import TEN, Tensor, wrap
from ..utils._pytree import tree_flatten, tree_map, tree_unflatten
from ._gradients import (
    check_outputs,
    jvp,
    positions,
    pull_back_of,
    put_back,
)
from ._vmap import vmap

if TYPE_CHECKING:
    from collections.abc import Callable


def _basis(tensors: list[Tensor], start: int, end: int) -> list[Tensor]:
    """Rows `start` to `end` of the identity over all elements of `tensors`, in their shapes."""
    found = []
    first = 0
    for t in tensors:
        count = math.prod(t._data.shape)
        rows = np.zeros((end - start, count), t._data.dtype)
        low, high = max(start, first), min(end, first + count)
        if low < high:
            rows[np.arange(low - start, high - start), np.arange(low - first, high - first)] = 1
        found.append(wrap(rows.reshape(end - start, *t._data.shape)))
        first += count
    return found


def _real(where: str, what: str, tensors: list[Any]) -> None:
    for i, t in enumerate(tensors):
        if isinstance(t, Tensor) and t._data.dtype.kind == "c":
            raise RuntimeError(
                f"{where}: Expected all {what} to be real but received complex tensor at "
                f"flattened input idx: {i}"
            )


def _joined(pieces: list[list[Tensor]]) -> list[Tensor]:
    if len(pieces) == 1:
        return pieces[0]
    return [TEN.cat(list(column), 0) for column in zip(*pieces, strict=True)]


def _parts(rows: Tensor, tensors: list[Tensor]) -> list[Tensor]:
    """The rows that belong to each of `tensors`."""
    if len(tensors) == 1:
        return [rows]
    sizes = tuple(math.prod(t._data.shape) for t in tensors)
    return list(TEN.split_with_sizes(rows, sizes, 0))


def jacrev(
    func: Callable[..., Any],
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """The function that computes the Jacobian of `func` in reverse mode, one row of it at a time,
    all rows in one pass.

    Shape: for an output of shape (o) and an argument of shape (i), (o, i); trees of outputs and
    arguments give trees of these.

    Args:
        argnums: which arguments to differentiate by; an int or a tuple of them.
        has_aux: `func` returns ``(output, more)``, and the result is ``(jacobian, more)``.
        chunk_size: compute so many rows at a time; None for all.

    Raises:
        ValueError: `chunk_size` is not positive.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.jacrev.html

    >>> import rushlight as torch
    >>> torch.func.jacrev(torch.square)(torch.tensor([1., 2.]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        places = positions(argnums, len(args))

        def function(*chosen: Any) -> Any:
            return func(*put_back(tuple(places), args, chosen), **kwargs)

        primals = tuple(args[p] for p in places)
        output, pull, aux = pull_back_of(function, primals, has_aux)
        outputs, out_spec = tree_flatten(output)
        inputs, in_spec = tree_flatten(primals)
        _real("jacrev", "inputs", inputs)
        _real("jacrev", "outputs", outputs)
        total = sum(math.prod(t._data.shape) for t in outputs)
        step = total if chunk_size is None else chunk_size
        pieces = []
        for start in range(0, max(total, 1), max(step, 1)):
            basis = _basis(outputs, start, min(total, start + step))
            pieces.append(_pulled(pull, basis, out_spec))
        rows = _joined(pieces)
        # rows[j]: (all outputs' elements, *inputs[j])
        table = []
        split = [_parts(r, outputs) for r in rows]
        for i, out in enumerate(outputs):
            blocks = [
                TEN.reshape(split[j][i], (*out._data.shape, *x._data.shape))
                for j, x in enumerate(inputs)
            ]
            found = tree_unflatten(blocks, in_spec)
            table.append(found[0] if isinstance(argnums, int) else found)
        jacobian = tree_unflatten(table, out_spec)
        return (jacobian, aux) if has_aux else jacobian

    return wrapped


def _pulled(pull: Callable[..., Any], basis: list[Tensor], out_spec: Any) -> list[Tensor]:
    if not basis[0]._data.shape[0]:
        found = tree_flatten(pull(tree_unflatten(
            [wrap(np.zeros(b._data.shape[1:], b._data.dtype)) for b in basis], out_spec)))[0]
        return [TEN.slice(TEN.unsqueeze(g, 0), 0, 0, 0, 1) for g in found]  # fmt: skip

    def one(*row: Tensor) -> list[Tensor]:
        return tree_flatten(pull(tree_unflatten(row, out_spec)))[0]

    found_rows: list[Tensor] = vmap(one)(*basis)
    return found_rows


def jacfwd(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """The function that computes the Jacobian of `func` in forward mode, one column of it at a
    time, all columns in one pass. Cheaper than `jacrev` where there are more outputs than inputs.

    Shape: for an output of shape (o) and an argument of shape (i), (o, i); trees of outputs and
    arguments give trees of these.

    Args:
        argnums: which arguments to differentiate by; an int or a tuple of them.
        has_aux: `func` returns ``(output, more)``, and the result is ``(jacobian, more)``.
        randomness: as in :func:`vmap`.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.jacfwd.html

    >>> import rushlight as torch
    >>> torch.func.jacfwd(torch.square)(torch.tensor([1., 2.]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        places = positions(argnums, len(args))
        primals = tuple(args[p] for p in places)
        inputs, in_spec = tree_flatten(primals)
        _real("jacfwd", "inputs", inputs)
        total = sum(math.prod(t._data.shape) for t in inputs)
        basis = _basis(inputs, 0, total)
        kept: list[Any] = []

        def function(*chosen: Any) -> Any:
            return func(*put_back(tuple(places), args, chosen), **kwargs)

        def column(*row: Tensor) -> list[Tensor]:
            found = jvp(function, primals, tree_unflatten(row, in_spec), has_aux=has_aux)
            outputs, spec = check_outputs("jvp(f, primals, tangents)", found[1])
            aux, aux_spec = tree_flatten(found[2]) if has_aux else ([], None)
            kept[:] = [spec, len(outputs), aux_spec]
            return [*outputs, *aux]

        if total:
            columns = vmap(column, randomness=randomness)(*basis)
        else:
            columns = [
                TEN.slice(TEN.unsqueeze(t, 0), 0, 0, 0, 1)
                for t in column(*(wrap(np.zeros_like(x._data)) for x in inputs))
            ]
        out_spec, count, aux_spec = kept
        outputs, aux = columns[:count], columns[count:]
        _real("jacfwd", "outputs", outputs)
        table = []
        for out in outputs:
            blocks = []
            for part, x in zip(_parts(out, inputs), inputs, strict=True):
                # (elements of x, *out) to (*out, *x)
                ndim = part._data.ndim
                turned = TEN.permute(part, (*range(1, ndim), 0))
                blocks.append(TEN.reshape(turned, (*part._data.shape[1:], *x._data.shape)))
            found = tree_unflatten(blocks, in_spec)
            table.append(found[0] if isinstance(argnums, int) else found)
        jacobian = tree_unflatten(table, out_spec)
        if not has_aux:
            return jacobian
        return jacobian, tree_map(lambda t: TEN.select(t, 0, 0), tree_unflatten(aux, aux_spec))

    return wrapped


def hessian(func: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    """The function that computes the Hessian of `func`: forward mode over reverse mode.

    Shape: for an output of shape (o) and an argument of shape (i), (o, i, i).

    Args:
        argnums: which arguments to differentiate by; an int or a tuple of them.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.hessian.html

    >>> import rushlight as torch
    >>> torch.func.hessian(lambda x: (x ** 3).sum())(torch.tensor([1., 2.]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
