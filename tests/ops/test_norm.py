"""Kernels of the norms: statistics and gradients, on the paths for small and large arrays."""

from __future__ import annotations

import numpy as np
import pytest

from rushlight._core import RAW, TEN, wrap
from rushlight._ops import norm


@pytest.mark.parametrize("shape, rank", [((6, 3), 1), ((4, 3, 7), 2), ((4, 3, 7), 3),
                                         ((500, 300), 1), ((0, 3), 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_layer_norm_and_its_statistics(shape, rank, dtype):
    x = (np.random.default_rng(0).standard_normal(shape) * 2 + 5).astype(dtype)
    axes = tuple(range(len(shape) - rank, len(shape)))
    out, center, rstd = norm._layer_norm(x, None, None, rank, 0.0)
    tolerance = 2e-6 if dtype is np.float32 else 1e-12
    assert center.shape == rstd.shape == shape[: len(shape) - rank] + (1,) * rank
    np.testing.assert_allclose(center, x.astype(float).mean(axes, keepdims=True), rtol=tolerance)
    expected = 1 / x.astype(float).std(axes, keepdims=True)
    np.testing.assert_allclose(rstd, expected, rtol=tolerance)
    expected = (x - x.astype(float).mean(axes, keepdims=True)) * expected
    np.testing.assert_allclose(out, expected, atol=5 * tolerance)


@pytest.mark.parametrize("shape", [(6, 5), (700, 100), (4, 3, 7), (40, 8, 15, 15), (3, 0, 2)])
def test_batch_norm_and_its_gradients(shape):
    draw = np.random.default_rng(0)
    x, g = draw.standard_normal(shape) * 2 + 5, draw.standard_normal(shape)
    w, b = draw.standard_normal((2, shape[1]))
    axes = (0, *range(2, len(shape)))
    out, mean, var, _, rstd = norm._batch_norm(x, w, b, 1e-5)
    np.testing.assert_allclose(mean, x.mean(axes), rtol=1e-12)
    np.testing.assert_allclose(var, x.var(axes), rtol=1e-12)
    column = (-1, *(1,) * (len(shape) - 2))
    expected = (x - x.mean(axes, keepdims=True)) * (rstd * w).reshape(column) + b.reshape(column)
    np.testing.assert_allclose(out, expected, atol=1e-12)
    composed = TEN.batch_norm_gradients(*map(wrap, (g, x, w, mean, rstd)), (True,) * 3)
    found = RAW.batch_norm_gradients(g, x, w, mean, rstd, (True,) * 3)
    for a, e in zip(found, composed, strict=True):
        np.testing.assert_allclose(a, e._data, atol=1e-10)


@pytest.mark.parametrize("shape, rank", [((6, 5), 1), ((2, 3, 4), 2), ((900, 100), 1)])
@pytest.mark.parametrize("affine", [True, False])
def test_gradients_of_layer_norm(shape, rank, affine):
    draw = np.random.default_rng(0)
    x, g = draw.standard_normal(shape) * 2 + 5, draw.standard_normal(shape)
    w = draw.standard_normal(shape[len(shape) - rank :]) if affine else None
    _, mean, rstd = norm._layer_norm(x, w, None, rank, 1e-5)
    need = (True, affine, True)
    given = (None if a is None else wrap(a) for a in (g, x, w, mean, rstd))
    composed = TEN.layer_norm_gradients(*given, rank, need)
    found = RAW.layer_norm_gradients(g, x, w, mean, rstd, rank, need)
    for a, e in zip(found, composed, strict=True):
        assert (a is None) == (e is None)
        if a is not None:
            np.testing.assert_allclose(a, e._data, atol=1e-10)
