"""Reductions against NumPy in float64, with PyTorch's dtypes, accuracy and treatment of NaN."""

from __future__ import annotations

from itertools import combinations

import ml_dtypes
import numpy as np
import pytest

from rushlight._kernels import reduce

NAN = float("nan")
BRAIN = np.dtype(ml_dtypes.bfloat16)
HALF = np.dtype(np.float16)


@pytest.fixture(autouse=True)
def quiet():
    """The engine silences NumPy's floating-point warnings for a whole pass; so do these tests."""
    with np.errstate(all="ignore"):
        yield


SHAPES = [(5,), (4, 3), (2, 3, 4), (2, 3, 2, 5), (0, 3), (3, 0), (5000, 3), (3, 5000)]
AXES = [(shape, axes) for shape in SHAPES for count in range(1, len(shape) + 1)
        for axes in combinations(range(len(shape)), count)]


@pytest.mark.parametrize("shape, axes", AXES, ids=str)
@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sum_mean_and_variance(shape, axes, keepdim, dtype):
    x = (np.random.default_rng(0).standard_normal(shape) + 3).astype(dtype)
    wide = x.astype(np.float64)
    tolerance = {"rtol": 1e-6, "atol": 1e-5} if dtype is np.float32 else {"rtol": 1e-12}
    total = reduce.sum(x, axes, keepdim)
    assert total.dtype == dtype
    np.testing.assert_allclose(total, wide.sum(axes, keepdims=keepdim), **tolerance)
    count = np.prod([shape[axis] for axis in axes])
    average = reduce.mean(x, axes, keepdim)
    assert average.dtype == dtype
    np.testing.assert_allclose(average, wide.sum(axes, keepdims=keepdim) / count, **tolerance)
    for correction in (0, 1, 2):
        variance, center = reduce.var_mean(x, axes, correction, keepdim)
        exact = wide.sum(axes, keepdims=True) / count
        spread = (np.square(wide - exact)).sum(axes, keepdims=keepdim)
        np.testing.assert_allclose(variance, spread / max(0, count - correction), **tolerance)
        np.testing.assert_allclose(center, exact.reshape(variance.shape), **tolerance)


def test_axes_may_be_none_negative_or_a_number():
    x = np.arange(6.0).reshape(2, 3)
    assert reduce.sum(x).tolist() == 15 and reduce.sum(x).shape == ()
    assert reduce.sum(x, -1).tolist() == [3, 12]
    assert reduce.sum(x, (-1, 0), True).tolist() == [[15]]
    assert reduce.mean(x, 0).tolist() == [1.5, 2.5, 3.5]
    np.testing.assert_array_equal(reduce.sum(x, ()), x)


def test_strided_sum():
    x = np.random.default_rng(0).standard_normal((4, 6, 5))
    for view in (x.T, x[:, ::2], x[::-1, :, 1:], np.broadcast_to(x[:1], x.shape)):
        np.testing.assert_allclose(reduce.sum(view, 1), view.sum(1), rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(reduce.sum(view, (0, 2)), view.sum((0, 2)), atol=1e-13)


@pytest.mark.parametrize("axis", [0, 1])
def test_float32_sums_do_not_drift(axis):
    """PyTorch's cascade sum of a million numbers is good to about 1e-7; NumPy's to 1e-4."""
    x = np.random.default_rng(0).random((1_000_000, 3), np.float32)
    x = x if axis == 0 else np.ascontiguousarray(x.T)
    exact = x.astype(np.float64).sum(axis)
    np.testing.assert_allclose(reduce.sum(x, axis), exact, rtol=5e-7)


def test_variance_far_from_zero():
    x = (10_000 + np.random.default_rng(0).standard_normal((4, 1000))).astype(np.float32)
    variance, _ = reduce.var_mean(x, 1)
    np.testing.assert_allclose(variance, x.astype(float).var(1, ddof=1), rtol=1e-5)
    _, spread = reduce.batch_norm_stats(x.reshape(10, 4, 100))
    np.testing.assert_allclose(
        spread, x.reshape(10, 4, 100).astype(float).var((0, 2)), rtol=1e-5)


def test_degenerate_variance():
    """torch.var_mean of one number is NaN; too large a correction divides by zero."""
    variance, center = reduce.var_mean(np.ones((1, 2)), 0)
    assert np.isnan(variance).all() and center.tolist() == [1, 1]
    variance, _ = reduce.var_mean(np.array([1.0, 2.0]), 0, 5)
    assert variance == np.inf
    variance, center = reduce.var_mean(np.empty((0, 2)), 0)
    assert np.isnan(variance).all() and np.isnan(center).all()


def test_complex_variance_is_real():
    x = np.array([1 + 1j, -1 + 2j, 3j])
    variance, center = reduce.var_mean(x, 0)
    assert variance.dtype == np.float64 and center.dtype == np.complex128
    np.testing.assert_allclose(variance, np.var(x, ddof=1))
    np.testing.assert_allclose(center, x.mean())


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int32, np.int64])
def test_integers_add_up_in_int64(dtype):
    x = np.ones((300, 2), dtype)
    for function in (reduce.sum, reduce.prod):
        assert function(x, 0).dtype == np.int64
    assert reduce.sum(x, 0).tolist() == [300, 300]
    assert reduce.cumsum(x, 0).dtype == np.int64
    assert reduce.cumsum(x, 0)[-1].tolist() == [300, 300]
    assert reduce.sum(x, 0, dtype=np.float32).dtype == np.float32
    assert reduce.mean(x, 0, dtype=np.float32).tolist() == [1, 1]


def test_short_floats_round_once():
    """PyTorch: torch.ones(100000, dtype=bfloat16).sum() is 99840."""
    ones = np.ones(100_000, BRAIN)
    total = reduce.sum(ones)
    assert total.dtype == BRAIN and float(total) == 99840
    assert float(reduce.mean(ones)) == 1
    assert float(reduce.cumsum(np.ones(5000, HALF), 0)[-1]) == 5000
    assert float(reduce.sum_to(ones.reshape(-1, 1), (1,))[0]) == 99840
    variance, center = reduce.var_mean(np.arange(6).astype(BRAIN), 0)
    assert variance.dtype == center.dtype == BRAIN
    assert float(variance) == 3.5 and float(center) == 2.5


def test_extremes_and_nan():
    """torch.tensor([1, nan, 3, nan]): the first NaN is both the largest and the smallest."""
    x = np.array([[1, NAN, 3, NAN], [2, 5, 5, 0]])
    for function in (reduce.amax, reduce.amin):
        assert np.isnan(function(x, 1)[0]) and np.isnan(function(x))
    assert reduce.amax(x, 1)[1] == 5 and reduce.amin(x, 1, True).shape == (2, 1)
    for dtype in (np.float64, np.float32, HALF, BRAIN):
        assert reduce.argmax(x.astype(dtype), 1).tolist() == [1, 1]
        assert reduce.argmin(x.astype(dtype), 1).tolist() == [1, 3]
        assert np.isnan(reduce.amax(x.astype(dtype), 1)[0].astype(float))
    assert reduce.argmax(x).tolist() == 1 and reduce.argmax(x).dtype == np.int64
    assert reduce.argmax(x, 1, True).shape == (2, 1)
    assert reduce.amax(np.array([True, False])).tolist() is True


def test_prod():
    x = np.random.default_rng(0).standard_normal((3, 4))
    np.testing.assert_allclose(reduce.prod(x, 1), x.prod(1))
    assert reduce.prod(x, (0, 1), True).shape == (1, 1)
    assert reduce.prod(np.empty((0, 2)), 0).tolist() == [1, 1]


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_running_sums_and_products(axis):
    x = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    wide = x.astype(float)
    for function, exact in ((reduce.cumsum, np.cumsum), (reduce.cumprod, np.cumprod)):
        result = function(x, axis)
        assert result.dtype == np.float32
        np.testing.assert_array_equal(result, exact(wide, axis).astype(np.float32))
    assert reduce.cumsum(np.array(2.0), 0).shape == ()
    assert reduce.cumsum(np.empty((0, 2)), 0).shape == (0, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, HALF, BRAIN, np.complex128], ids=str)
@pytest.mark.parametrize("shape, target", [
    ((4, 3), (3,)), ((4, 3), (4, 1)), ((4, 3), (1, 1)), ((4, 3), ()), ((4, 3), (4, 3)),
    ((2, 4, 3), (4, 1)), ((2, 4, 3), (2, 1, 3)), ((2, 4, 3, 5), (1, 4, 1, 1)),
    ((0, 3), (3,)), ((0, 3), (1, 1)), ((5000, 3), (3,)),
])
def test_sum_to(dtype, shape, target):
    g = np.random.default_rng(0).integers(-3, 4, shape).astype(dtype)
    result = reduce.sum_to(g, target)
    assert result.dtype == dtype and result.shape == target
    weights = np.random.default_rng(1).integers(-2, 3, target).astype(np.complex128)
    # The adjoint of broadcasting, on integers small enough to be exact in every dtype's sums.
    wide = g.astype(np.complex128)
    left, right = (result.astype(np.complex128) * weights).sum(), (wide * weights).sum()
    np.testing.assert_allclose(left, right, rtol=2**-7 if dtype in (HALF, BRAIN) else 1e-6)


@pytest.mark.parametrize("shape", [(6, 3), (64, 5, 1), (4, 3, 7), (5, 2, 3, 4), (2, 3, 200, 200),
                                   (2, 1, 2, 3, 4)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_batch_norm_stats(shape, dtype):
    x = (np.random.default_rng(0).standard_normal(shape) * 2 + 5).astype(dtype)
    axes = (0, *range(2, len(shape)))
    center, variance = reduce.batch_norm_stats(x)
    tolerance = 2e-6 if dtype is np.float32 else 1e-12
    assert center.dtype == variance.dtype == dtype
    np.testing.assert_allclose(center, x.astype(float).mean(axes), rtol=tolerance)
    np.testing.assert_allclose(variance, x.astype(float).var(axes), rtol=tolerance)
    moved = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    np.testing.assert_array_equal(reduce.batch_norm_stats(moved)[1], variance)


def test_norm_statistics_of_half_are_float32():
    x = np.arange(12).reshape(2, 3, 2).astype(HALF)
    center, variance = reduce.batch_norm_stats(x)
    assert center.dtype == variance.dtype == np.float32


def test_empty_batch_statistics():
    center, variance = reduce.batch_norm_stats(np.empty((0, 3, 4), np.float32))
    assert center.shape == variance.shape == (3,) and np.isnan(center).all()
