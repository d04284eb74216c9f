"""Softmax and its relatives on arrays: values, gradients, extremes, empty arrays."""

from __future__ import annotations

import numpy as np
import pytest

from rushlight._kernels import softmax as kernels

NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def quiet():
    """The engine silences NumPy's floating-point warnings for a whole pass; so do these tests."""
    with np.errstate(all="ignore"):
        yield


def long_softmax(x, dim):
    shifted = x - x.max(dim, keepdims=True)
    e = np.exp(shifted)
    return e / e.sum(dim, keepdims=True)


@pytest.mark.parametrize("shape, dim", [((4, 5), 1), ((4, 5), 0), ((3, 4, 5), 1), ((7,), -1),
                                        ((300, 400), 1), ((2, 3, 1), 2)])
def test_softmax_family(shape, dim):
    x = np.random.default_rng(0).standard_normal(shape) * 20
    expected = long_softmax(x, dim)
    np.testing.assert_allclose(kernels.softmax(x, dim), expected, rtol=1e-13)
    np.testing.assert_allclose(kernels.log_softmax(x, dim), np.log(expected), atol=1e-12)
    total = kernels.logsumexp(x, dim, True)
    np.testing.assert_allclose(x - total, np.log(expected), atol=1e-12)
    np.testing.assert_array_equal(kernels.logsumexp(x, (dim,)), total.squeeze(dim))
    single = kernels.softmax(x.astype(np.float32), dim)
    assert single.dtype == np.float32
    # The logits lose 2e-6 to float32.
    np.testing.assert_allclose(single, long_softmax(x.astype(np.float32).astype(float), dim),
                               rtol=2e-6, atol=1e-12)


def test_logsumexp_over_several_dims():
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    np.testing.assert_allclose(kernels.logsumexp(x, (0, -1)), np.log(np.exp(x).sum((0, 2))))


def test_softmax_of_the_infinite():
    rows = np.array([[-INF, -INF], [INF, 1], [-INF, 1], [NAN, 1]])
    np.testing.assert_array_equal(kernels.softmax(rows, 1),
                                  [[NAN, NAN], [NAN, NAN], [0, 1], [NAN, NAN]])
    np.testing.assert_array_equal(kernels.log_softmax(rows, 1),
                                  [[NAN, NAN], [NAN, NAN], [-INF, 0], [NAN, NAN]])
    np.testing.assert_array_equal(kernels.logsumexp(rows, 1), [-INF, INF, 1, NAN])


def test_softmax_of_nothing():
    assert kernels.softmax(np.empty((2, 0)), 1).shape == (2, 0)
    assert kernels.log_softmax(np.empty((0, 3)), 1).shape == (0, 3)
    assert kernels.softmax(np.array(3.0), 0).tolist() == 1
    assert kernels.log_softmax(np.array(3.0), 0).tolist() == 0
    assert kernels.logsumexp(np.empty((2, 0)), 1).tolist() == [-INF, -INF]
    assert kernels.logsumexp(np.array(3.0), 0).tolist() == 3


@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 70)])
def test_gradients_are_those_of_the_definitions(shape):
    draw = np.random.default_rng(0)
    x, g = draw.standard_normal(shape), draw.standard_normal(shape)
    for dim in range(-1, x.ndim):
        out = kernels.softmax(x, dim)
        expected = out * (g - (g * out).sum(dim, keepdims=True))
        np.testing.assert_allclose(kernels.softmax_backward(g, out, dim), expected, atol=1e-14)
        log = kernels.log_softmax(x, dim)
        expected = g - out * g.sum(dim, keepdims=True)
        np.testing.assert_allclose(kernels.log_softmax_backward(g, log, dim), expected, atol=1e-13)


@pytest.mark.parametrize("width", [5, 63, 64, 200])
def test_rows_of_any_length_show_their_nan_and_their_maximum(width):
    x = np.zeros((3, width), np.float32)
    x[0, width // 2], x[1, -1] = np.nan, 100
    out = kernels.softmax(x, 1)
    assert np.isnan(out[0]).all()
    assert out[1, -1] == 1 and (out[1, :-1] < 1e-40).all()
    np.testing.assert_allclose(out[2], 1 / width, rtol=1e-6)
