"""Gather, scatter and embedding kernels against loops, with PyTorch's error texts."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from rushlight._kernels import scatter as kernels

A = np.arange(12.0).reshape(3, 4)


def index(*values):
    return np.array(values, np.int64)


CASES = [
    ((3, 4), 0, (3, 4)), ((3, 4), 1, (3, 4)), ((3, 4), 0, (5, 2)), ((3, 4), 1, (2, 6)),
    ((5,), 0, (9,)), ((2, 3, 4), 1, (2, 5, 3)), ((2, 3, 4), 2, (1, 2, 7)), ((3, 4), 0, (0, 4)),
]


@pytest.mark.parametrize("shape, dim, index_shape", CASES)
def test_along_a_dimension(shape, dim, index_shape):
    draw = np.random.default_rng(0)
    a = draw.standard_normal(shape)
    src = draw.standard_normal([n + 1 for n in index_shape])
    where = draw.integers(0, shape[dim], index_shape)
    read, written, added = np.empty(index_shape), a.copy(), np.zeros(shape)
    for place in np.ndindex(*index_shape):
        target = (*place[:dim], where[place], *place[dim + 1 :])
        read[place] = a[target]
        written[target] = src[place]
        added[target] += src[place]
    kept = a.copy()
    np.testing.assert_array_equal(kernels.gather(a, dim, where), read)
    np.testing.assert_array_equal(kernels.scatter(a, dim, where, src), written)
    np.testing.assert_allclose(kernels.scatter_add(shape, a.dtype, dim, where, src), added)
    np.testing.assert_array_equal(a, kept)


def test_strided_operands():
    where = np.array([[0, 2], [1, 1], [2, 0]]).T
    np.testing.assert_array_equal(
        kernels.gather(A.T, 0, np.ascontiguousarray(where)), kernels.gather(A.T.copy(), 0, where)
    )
    np.testing.assert_array_equal(
        kernels.scatter(A.T, 0, where, 1.0), kernels.scatter(A.T.copy(), 0, where.copy(), 1.0)
    )


def test_zero_dimensions():
    scalar = np.array(3.0)
    assert kernels.gather(scalar, 0, np.array(0)).shape == ()
    assert kernels.gather(scalar, 0, index(0, 0)).tolist() == [3, 3]
    assert kernels.scatter(scalar, 0, np.array(0), 2.0).tolist() == 2
    assert kernels.scatter_add((), float, 0, index(0, 0), np.ones(2)).tolist() == 2
    assert kernels.index_select(scalar, 0, index(0)).shape == ()


@pytest.mark.parametrize("bad", [5, -1])
def test_gather_and_scatter_check_bounds(bad):
    text = rf"^index {bad} is out of bounds for dimension 0 with size 3$"
    where = index([bad])
    with pytest.raises(RuntimeError, match=text):
        kernels.gather(A, 0, where)
    with pytest.raises(RuntimeError, match=text):
        kernels.scatter(A, 0, where, 1.0)
    with pytest.raises(RuntimeError, match=text):
        kernels.scatter_add(A.shape, A.dtype, 0, where, A)
    with pytest.raises(RuntimeError, match=text):
        kernels.index_add(A, 0, where[0], A[:1])


@pytest.mark.parametrize("bad", [7, -1])
def test_selections_check_bounds(bad):
    with pytest.raises(IndexError, match="^index out of range in self$"):
        kernels.index_select(A, 0, index(bad))
    with pytest.raises(
        RuntimeError, match=rf"^INDICES element is out of DATA bounds, id={bad} axis_dim=4$"
    ):
        kernels.index_select(A, 1, index(bad))
    with pytest.raises(IndexError, match="^index out of range in self$"):
        kernels.embedding(A, index(bad))
    with pytest.raises(IndexError, match="^index out of range in self$"):
        kernels.index_add(A[0], 0, index(bad), np.ones(1))


def test_index_put_checks_bounds():
    with pytest.raises(IndexError, match="^index 5 is out of bounds for dimension 0 with size 3$"):
        kernels.index_put_accumulate(A, (index(5),), 1.0)
    with pytest.raises(IndexError, match="^index -5 is out of bounds for dimension 1 with size 4$"):
        kernels.index_put_accumulate(A, (index(0), index(-5)), 1.0)


def test_index_select():
    for dim in (0, 1):
        where = index(2, 0, 2)
        np.testing.assert_array_equal(kernels.index_select(A, dim, where), A.take(where, dim))
        assert kernels.index_select(A, dim, index()).size == 0


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_index_add(dim):
    draw = np.random.default_rng(0)
    a = draw.standard_normal((3, 4, 5))
    where = index(1, 2, 1, 0)
    shape = list(a.shape)
    shape[dim] = 4
    src = draw.standard_normal(shape)
    expected = a.copy()
    for i, target in enumerate(where):
        part = [slice(None)] * 3
        part[dim] = target
        expected[tuple(part)] += src.take(i, dim)
    np.testing.assert_allclose(kernels.index_add(a, dim, where, src), expected)


@pytest.mark.parametrize("shape", [(), (0,), (6,), (4, 5)])
def test_embedding_and_its_gradient(shape):
    draw = np.random.default_rng(0)
    weight = draw.standard_normal((7, 3))
    where = draw.integers(0, 7, shape)
    out = kernels.embedding(weight, np.asarray(where))
    np.testing.assert_array_equal(out, weight[where])
    g = draw.standard_normal(out.shape)
    expected = np.zeros((7, 3))
    for place in np.ndindex(*shape):
        expected[where[place]] += g[place]
    result = kernels.embedding_backward(g, np.asarray(where), 7, None)
    np.testing.assert_allclose(result, expected)
    expected[2] = 0
    np.testing.assert_allclose(kernels.embedding_backward(g, np.asarray(where), 7, 2), expected)


PUTS = [
    (index(0, 2, 0),), (index(0, -1, 0), index(1, 3, 1)), (None, index(1, 1)),
    (index([0], [2]), index(1, 3)), (np.array([True, False, True]),), (A % 2 == 0,),
    (slice(0, 2), index(3, 3)), (index(),),
]


@pytest.mark.parametrize("where", PUTS, ids=str)
def test_index_put_accumulate(where):
    plain = tuple(slice(None) if part is None else part for part in where)
    values = np.random.default_rng(0).standard_normal(A[plain].shape)
    expected, kept = A.copy(), A.copy()
    np.add.at(expected, plain, values)
    np.testing.assert_allclose(kernels.index_put_accumulate(A, where, values), expected)
    np.testing.assert_array_equal(A, kept)
    np.testing.assert_allclose(
        kernels.index_backward(values, where, A.shape), expected - A, atol=1e-14
    )
    np.testing.assert_array_equal(
        kernels.index_put_accumulate(A, where, 0.5) - A,
        kernels.index_backward(np.full(A[plain].shape, 0.5), where, A.shape),
    )


def test_bfloat16_sums_as_pytorch():
    """scatter_add and index_add of rows add in float32; embedding rounds at each addition."""
    brain = ml_dtypes.bfloat16
    zeros = np.zeros((1000, 2), np.int64)
    ones = np.ones((1000, 2), brain)
    total = kernels.scatter_add((3, 2), brain, 0, zeros, ones)
    assert total.dtype == brain and total.astype(float).tolist() == [[1000, 1000], [0, 0], [0, 0]]
    total = kernels.index_add(np.zeros((3, 2), brain), 0, zeros[:, 0], ones)
    assert total.astype(float).tolist() == [[1000, 1000], [0, 0], [0, 0]]
    total = kernels.embedding_backward(ones, zeros[:, 0], 3, None)
    assert total.dtype == brain and total.astype(float).tolist() == [[256, 256], [0, 0], [0, 0]]


def test_integers_wrap_and_booleans_saturate():
    zeros = np.zeros(300, np.int64)
    assert kernels.scatter_add((1,), np.uint8, 0, zeros, np.ones(300, np.uint8)).tolist() == [44]
    assert kernels.scatter_add((1,), bool, 0, zeros, np.ones(300, bool)).tolist() == [True]
