"""First and second derivatives of the indexing and sorting families, against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as torch
from rushlight._core import TEN

RNG = np.random.default_rng(0)
X, S = RNG.standard_normal((3, 4)), RNG.standard_normal((3, 4))
MASK = torch.tensor(RNG.random((3, 4)) < 0.5)
ROW = torch.tensor(np.array([True, False, True, True]))
TABLE = torch.tensor(np.array([[0, 2, 1, 0], [1, 1, 2, 0]]))
SEVERAL = torch.tensor(np.array([0, 2, 0]))
DISTINCT = torch.tensor(np.array([0, 2]))
OTHER = torch.tensor(np.array([0, 1, 1]))


def _assign(key: Any) -> Any:
    def run(a: Any, b: Any) -> Any:
        y = a * 1
        y[key] = b * 2
        return y

    return run


CASES: dict[str, tuple[Any, ...]] = {
    "gather": (lambda a: a.gather(0, TABLE), X),
    "gather_part": (lambda a: a.gather(1, TABLE[:, :2]), X),
    "scatter": (lambda a, b: a.scatter(0, TABLE[:1], b[:1]), X, S),
    "scatter_value": (lambda a: a.scatter(0, TABLE, 2.0), X),
    "scatter_add": (lambda a, b: a.scatter_add(0, TABLE, b[:2]), X, S),
    **{
        f"scatter_reduce_{how}_{own}": (
            lambda a, b, how=how, own=own: a.scatter_reduce(0, TABLE, b[:2], how, include_self=own),
            X, S)
        for how in ("sum", "mean", "prod", "amax", "amin") for own in (True, False)
    },
    "index_select": (lambda a: a.index_select(1, SEVERAL), X),
    "index_add": (lambda a, b: a.index_add(0, SEVERAL, b, alpha=2.0), X, S),
    "index_copy": (lambda a, b: a.index_copy(0, DISTINCT, b[:2]), X, S),
    "index_fill": (lambda a: a.index_fill(1, DISTINCT, 2.0), X),
    "index_fill_tensor": (lambda a, b: a.index_fill(1, DISTINCT, b), X, np.array(1.5)),
    "take": (lambda a: a.take(torch.tensor([0, 5, 5, -1])), X),
    "put": (lambda a, b: a.put(torch.tensor([0, 5, 7, 2]), b[0]), X, S),
    "put_accumulate": (lambda a, b: a.put(torch.tensor([0, 5, 5, 2]), b[0], True), X, S),
    "take_along_dim": (
        lambda a: torch.take_along_dim(a, torch.tensor([[0], [2], [1]]), 1), X),
    "masked_fill": (lambda a: a.masked_fill(MASK, 2.0), X),
    "masked_fill_wider": (lambda a: a[0].masked_fill(MASK, 2.0), X),
    "masked_fill_tensor": (lambda a, b: a.masked_fill(MASK, b), X, np.array(0.5)),
    "masked_select": (lambda a: a.masked_select(MASK), X),
    "masked_select_row": (lambda a: a.masked_select(ROW), X),
    "masked_select_wider": (lambda a: a[0].masked_select(MASK), X),
    "masked_scatter": (lambda a, b: a.masked_scatter(MASK, b), X, S),
    "where": (lambda a, b: torch.where(MASK, a[0], b), X, S),
    "where_number": (lambda a: torch.where(MASK, a, 2.0), X),
    "index": (lambda a: a[SEVERAL], X),
    "index_two": (lambda a: a[SEVERAL, DISTINCT[:1]], X),
    "index_mask": (lambda a: a[MASK], X),
    "index_apart": (lambda a: a.reshape(3, 2, 2)[SEVERAL, :, OTHER], X),
    "index_three": (lambda a: a.reshape(3, 2, 2)[SEVERAL, OTHER, OTHER], X),
    "index_put": (lambda a, b: a.index_put((DISTINCT,), b[:1]), X, S),
    "index_put_accumulate": (lambda a, b: a.index_put((SEVERAL,), b, accumulate=True), X, S),
    "embedding": (lambda a: torch.embedding(a, OTHER), X),
    "sort": (lambda a: a.sort(0)[0], X),
    "sort_descending": (lambda a: a.sort(1, descending=True)[0], X),
    "topk": (lambda a: a.topk(2)[0], X),
    "kthvalue": (lambda a: a.kthvalue(2, 0)[0], X),
    "median": (lambda a: a.median(), X),
    "median_dim": (lambda a: a.median(1, keepdim=True)[0], X),
    "mode": (lambda a: a.mode()[0], X),
    "max": (lambda a: a.max(1)[0], X),
    "copy_": (lambda a, b: (a * 1).copy_(b[0]), X, S),
    "fill_": (lambda a, b: (a * 1).fill_(b), X, np.array(1.0)),
    "zero_": (lambda a: (a * 1).zero_(), X),
    "set_row": (_assign(0), X, S[0]),
    "set_column": (_assign((slice(None), 1)), X, S[:, 0]),
    "set_tensor": (_assign(DISTINCT), X, S[:2]),
    "set_mask": (_assign((slice(None), ROW)), X, S[:, :3]),
    "set_element": (_assign((0, 1)), X, np.array(2.0)),
    "set_mixed": (_assign((slice(1, 3), DISTINCT)), X, S[:2, :2]),
}  # fmt: skip


def _gradients(function: Any, arrays: list[Any], record: bool) -> tuple[list[Any], list[Any]]:
    inputs = [torch.tensor(a, requires_grad=True) for a in arrays]
    out = function(*inputs)
    weights = torch.tensor(np.random.default_rng(1).standard_normal(out.shape))
    found = torch.autograd.grad(
        (out * out * weights).sum(), inputs, create_graph=record, allow_unused=True
    )
    return inputs, list(found)


def _loss(function: Any, arrays: list[Any]) -> float:
    out = function(*(torch.tensor(a) for a in arrays))
    weights = np.random.default_rng(1).standard_normal(out.shape)
    return float((out.numpy() ** 2 * weights).sum())


def _differences(function: Any, arrays: list[Any]) -> list[Any]:
    found, step = [], 1e-5
    for k, array in enumerate(arrays):
        slopes = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            ends = []
            for sign in (1, -1):
                moved = [a.copy() for a in arrays]
                moved[k][place] += sign * step
                ends.append(function(moved))
            slopes[place] = (ends[0] - ends[1]) / (2 * step)
        found.append(slopes)
    return found


def _assert_close(found: list[Any], wanted: list[Any]) -> None:
    for g, w in zip(found, wanted, strict=True):
        actual = np.zeros_like(w) if g is None else g.detach().numpy()
        np.testing.assert_allclose(actual, w, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name: str) -> None:
    function, *arrays = CASES[name]
    inputs, first = _gradients(function, arrays, True)
    _assert_close(first, _differences(lambda a: _loss(function, a), arrays))
    along = [np.random.default_rng(2).standard_normal(a.shape) for a in arrays]
    total = sum(
        (g * torch.tensor(d)).sum() for g, d in zip(first, along, strict=True) if g is not None
    )

    def directional(moved: list[Any]) -> float:
        _, plain = _gradients(function, moved, False)
        return float(sum(
            (g.numpy() * d).sum() for g, d in zip(plain, along, strict=True) if g is not None
        ))  # fmt: skip

    second = torch.autograd.grad(total, inputs, allow_unused=True)
    _assert_close(list(second), _differences(directional, arrays))


def test_embedding_padding_and_frequency() -> None:
    table = np.arange(12.0).reshape(3, 4)
    weight = torch.tensor(table, requires_grad=True)
    out = torch.embedding(weight, torch.tensor([0, 1, 0, 2]), 1, True)
    (first,) = torch.autograd.grad((out * out * out).sum(), weight, create_graph=True)
    (second,) = torch.autograd.grad((first * first).sum(), weight)
    # Row 1 pads; row 0 is used twice, so each use counts half. Compared with PyTorch 2.13.
    uses = np.array([[1.0], [0.0], [1.0]])
    np.testing.assert_allclose(first.detach().numpy(), 3 * table**2 * uses)
    np.testing.assert_allclose(second.numpy(), 36 * table**3 * uses)


@pytest.mark.parametrize("how", ["sum", "prod", "mean", "amax", "amin"])
def test_scatter_reduce_over_both_namespaces(how: str) -> None:
    index = torch.tensor(np.array([[0, 2, 1, 0]]))
    x, src = torch.tensor(X), torch.tensor(S)
    lifted = TEN.scatter_reduce(x, 0, index, src, how)
    np.testing.assert_array_equal(
        lifted.numpy(), torch.scatter_reduce(x, 0, index, src, how).numpy()
    )
