"""Pooling kernels against loops over windows, and against PyTorch's values."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

from rushlight._kernels.pool import (
    adaptive_avg_pool,
    adaptive_avg_pool_backward,
    adaptive_max_pool,
    avg_pool,
    avg_pool_backward,
    max_pool,
    max_pool_gather,
    max_pool_scatter,
    pool_output_size,
)

NAN = float("nan")


def sequence(*shape):
    return (np.arange(prod(shape)) * 5 % 7 - 3).astype(float).reshape(shape)


def max_loops(x, kernel, stride, padding, dilation, ceil_mode):
    spatial = x.shape[2:]
    out = tuple(pool_output_size(*a, ceil_mode) for a in
                zip(spatial, kernel, stride, padding, dilation, strict=True))
    values, indices = np.empty(x.shape[:2] + out, x.dtype), np.empty(x.shape[:2] + out, np.int64)
    for lead in np.ndindex(*x.shape[:2]):
        for place in np.ndindex(*out):
            best, where = None, None
            for tap in np.ndindex(*kernel):
                at = [p * s - q + t * d for p, s, q, t, d in
                      zip(place, stride, padding, tap, dilation, strict=True)]
                if not all(0 <= a < n for a, n in zip(at, spatial, strict=True)):
                    continue
                value = x[(*lead, *at)]
                if best is None or value > best or value != value:
                    best, where = value, np.ravel_multi_index(at, spatial)
            values[(*lead, *place)], indices[(*lead, *place)] = best, where
    return values, indices


MAX_CASES = [
    ((2, 3, 8), (2,), (2,), (0,), (1,), False),
    ((2, 3, 9), (3,), (2,), (1,), (2,), True),
    ((2, 2, 6, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 2, 7, 5), (2, 2), (2, 2), (0, 0), (1, 1), True),
    ((2, 2, 7, 6), (3, 3), (2, 2), (1, 1), (1, 1), False),
    ((1, 2, 7, 8), (3, 2), (1, 2), (1, 0), (2, 3), False),
    ((1, 1, 40, 20), (20, 15), (10, 5), (10, 7), (1, 1), False),
    ((1, 2, 4, 5, 4), (2, 3, 2), (2, 1, 2), (1, 1, 0), (1, 1, 1), True),
]


@pytest.mark.parametrize("case", MAX_CASES, ids=str)
@pytest.mark.parametrize("fill", ["normal", "ties", "nan", "lowest", "integer"])
def test_max_pool(case, fill):
    shape, *attrs = case
    draw = np.random.default_rng(0)
    x = draw.standard_normal(shape).astype(np.float32)
    if fill == "ties":
        x = np.round(x)
    elif fill == "nan":
        x[draw.random(shape) < 0.3] = NAN
    elif fill == "lowest":
        x[draw.random(shape) < 0.9] = -np.inf
    elif fill == "integer":
        x = draw.integers(-3, 3, shape)
    values, indices = max_pool(x, *attrs)
    expected, where = max_loops(x, *attrs)
    assert values.dtype == x.dtype and indices.dtype == np.int64
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(indices, where)
    np.testing.assert_array_equal(max_pool_gather(x, indices), expected)


def test_max_pool_of_int8_does_not_reach_into_the_padding():
    x = np.full((1, 1, 4), -128, np.int8)
    values, indices = max_pool(x, (3,), (1,), (1,), (1,), False)
    assert values.tolist() == [[[-128] * 4]]
    assert indices.tolist() == [[[0, 0, 1, 2]]]


@pytest.mark.parametrize("case", MAX_CASES, ids=str)
def test_scatter_is_the_adjoint_of_gather(case):
    shape, *attrs = case
    draw = np.random.default_rng(1)
    x = draw.standard_normal(shape)
    _, indices = max_pool(x, *attrs)
    g = draw.standard_normal(indices.shape)
    dx = max_pool_scatter(g, indices, shape[2:])
    assert dx.shape == shape
    np.testing.assert_allclose(np.vdot(dx, x), np.vdot(g, max_pool_gather(x, indices)))


def test_scatter_adds_up():
    dx = max_pool_scatter(np.ones((1, 1, 3)), np.array([[[1, 1, 0]]]), (4,))
    assert dx.tolist() == [[[1, 2, 0, 0]]]


def test_unbatched_planes():
    x = sequence(3, 4, 4)
    values, indices = max_pool(x, (2, 2), (2, 2), (0, 0), (1, 1), False)
    batched = max_pool(x[None], (2, 2), (2, 2), (0, 0), (1, 1), False)
    np.testing.assert_array_equal(values, batched[0][0])
    np.testing.assert_array_equal(indices, batched[1][0])
    np.testing.assert_array_equal(max_pool_gather(x, indices, 2), values)


def avg_loops(x, kernel, stride, padding, ceil_mode, include, override):
    spatial = x.shape[2:]
    out = tuple(pool_output_size(n, k, s, p, 1, ceil_mode) for n, k, s, p in
                zip(spatial, kernel, stride, padding, strict=True))
    y = np.empty(x.shape[:2] + out)
    for place in np.ndindex(*out):
        start = [i * s - p for i, s, p in zip(place, stride, padding, strict=True)]
        stop = [min(a + k, n + p) for a, k, n, p in
                zip(start, kernel, spatial, padding, strict=True)]
        size = prod(b - a for a, b in zip(start, stop, strict=True))
        part = tuple(slice(max(a, 0), min(b, n)) for a, b, n in
                     zip(start, stop, spatial, strict=True))
        window = x[(..., *part)].reshape(*x.shape[:2], -1)
        divisor = override or (size if include else window.shape[-1])
        y[(..., *place)] = window.sum(-1) / divisor
    return y


AVG_CASES = [
    ((2, 3, 8), (2,), (2,), (0,), False),
    ((2, 3, 9), (3,), (2,), (1,), True),
    ((2, 2, 6, 6), (2, 2), (2, 2), (0, 0), False),
    ((2, 2, 7, 5), (3, 2), (1, 3), (1, 1), False),
    ((2, 2, 7, 5), (3, 2), (2, 2), (1, 1), True),
    ((2, 1, 9, 9), (2, 2), (4, 3), (0, 0), True),
    ((1, 2, 4, 5, 4), (2, 3, 2), (2, 1, 2), (1, 1, 0), True),
]


@pytest.mark.parametrize("case", AVG_CASES, ids=str)
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("override", [None, 3])
def test_avg_pool_and_its_adjoint(case, include, override):
    shape, *attrs = case
    draw = np.random.default_rng(0)
    x = draw.standard_normal(shape)
    y = avg_pool(x, *attrs, include, override)
    np.testing.assert_allclose(y, avg_loops(x, *attrs, include, override), atol=1e-14)
    g = draw.standard_normal(y.shape)
    dx = avg_pool_backward(g, shape, *attrs, include, override)
    assert dx.shape == shape
    np.testing.assert_allclose(np.vdot(dx, x), np.vdot(g, y))


@pytest.mark.parametrize("shape, size", [
    ((2, 3, 7), (3,)), ((2, 3, 8), (4,)), ((2, 3, 5, 7), (1, 1)), ((2, 3, 5, 7), (3, 7)),
    ((2, 3, 2, 3), (5, 4)), ((1, 2, 4, 5, 6), (2, 3, 4)),
])
def test_adaptive_pools(shape, size):
    draw = np.random.default_rng(0)
    x = draw.standard_normal(shape)
    y = adaptive_avg_pool(x, size)
    values, indices = adaptive_max_pool(x, size)
    for place in np.ndindex(*size):
        part = tuple(slice(i * n // m, -(-(i + 1) * n // m)) for i, n, m in
                     zip(place, shape[2:], size, strict=True))
        window = x[(..., *part)].reshape(*shape[:2], -1)
        np.testing.assert_allclose(y[(..., *place)], window.mean(-1))
        np.testing.assert_array_equal(values[(..., *place)], window.max(-1))
    np.testing.assert_array_equal(max_pool_gather(x, indices), values)
    g = draw.standard_normal(y.shape)
    np.testing.assert_allclose(np.vdot(adaptive_avg_pool_backward(g, shape), x), np.vdot(g, y))


def test_empty_batch():
    x = np.empty((0, 2, 6, 6), np.float32)
    square = ((2, 2), (2, 2), (0, 0))
    values, indices = max_pool(x, *square, (1, 1), False)
    assert values.shape == indices.shape == (0, 2, 3, 3)
    assert max_pool_gather(x, indices).shape == values.shape
    assert max_pool_scatter(values, indices, (6, 6)).shape == x.shape
    assert avg_pool(x, *square, False, True, None).shape == values.shape
    assert avg_pool_backward(values, x.shape, *square, False, True, None).shape == x.shape
    assert adaptive_avg_pool(x, (2, 2)).shape == (0, 2, 2, 2)
    assert adaptive_max_pool(x, (2, 2))[0].shape == (0, 2, 2, 2)


def test_half_is_summed_in_float32():
    x = np.full((1, 1, 4096), 1 + 2**-10, np.float16)
    assert avg_pool(x, (4096,), (4096,), (0,), False, True, None).tolist() == [[[1 + 2**-10]]]
    assert adaptive_avg_pool(x, (1,)).tolist() == [[[1 + 2**-10]]]


def test_pytorch_values():
    """torch.nn.functional of PyTorch 2.13 on ``sequence``."""
    x = sequence(1, 2, 4, 5)
    values, indices = max_pool(x, (3, 2), (2, 1), (1, 0), (1, 2), True)
    assert values.ravel().tolist() == [1, 2, 3, 2, 3, 1, 2, 3, 1, 3, 1, 2, 3, 2, 3, 0, 2, 3]
    assert indices.ravel().tolist() == [
        5, 1, 4, 15, 11, 12, 15, 18, 19, 5, 6, 2, 5, 16, 12, 17, 16, 19]
    for include, override, expected in [
        (True, None, [-0.333333333, -0.333333333, 0.5, 0.166666667, -0.333333333, 0.333333333,
                      0.5, -0.5, 1.0, 0.333333333, -0.166666667, -0.5, 0.0, 0.5, 0.0, -0.75,
                      0.5, 0.25]),
        (False, None, [-1.0, -0.5, 0.75, 0.333333333, -0.333333333, 0.333333333, 2.0, -1.0, 2.0,
                       1.0, -0.25, -0.75, 0.0, 0.5, 0.0, -3.0, 1.0, 0.5]),
        (True, 4, [-0.5, -0.5, 0.75, 0.25, -0.5, 0.5, 0.5, -0.5, 1.0, 0.5, -0.25, -0.75, 0.0,
                   0.75, 0.0, -0.75, 0.5, 0.25]),
    ]:
        y = avg_pool(x, (3, 2), (2, 2), (1, 1), True, include, override)
        np.testing.assert_allclose(y.ravel(), expected, atol=1e-9)
    np.testing.assert_allclose(
        adaptive_avg_pool(x, (3, 2)).ravel(),
        [-0.666666667, 0.0, -0.166666667, -0.666666667, 0.333333333, -0.166666667, 0.166666667,
         -0.333333333, 0.666666667, 0.166666667, 0.0, 0.666666667], atol=1e-9)
    values, indices = adaptive_max_pool(x, (3, 2))
    assert values.ravel().tolist() == [2, 3, 3, 2, 3, 3, 3, 2, 3, 3, 3, 3]
    assert indices.ravel().tolist() == [1, 4, 11, 8, 11, 18, 5, 2, 5, 12, 12, 12]
    x = np.array([[[1, NAN, 3, NAN, 2], [NAN, 1, 2, 3, 4]]])
    assert max_pool(x, (3,), (1,), (0,), (1,), False)[1].tolist() == [[[1, 3, 3], [0, 3, 4]]]
