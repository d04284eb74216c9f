"""Convolution kernels against nested loops, against each other, and against PyTorch's values."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from math import prod

import numpy as np
import pytest

from rushlight._kernels import conv as module
from rushlight._kernels.conv import conv, conv_input, conv_output_shape, conv_weight


def loops(x, w, stride, padding, dilation, groups):
    out = conv_output_shape(x.shape[2:], w.shape[2:], stride, padding, dilation)
    y = np.zeros((x.shape[0], w.shape[0], *out), x.dtype)
    per_in, per_out = w.shape[1], w.shape[0] // groups
    for n, o, c in product(range(x.shape[0]), range(w.shape[0]), range(per_in)):
        for place in np.ndindex(*out):
            for tap in np.ndindex(*w.shape[2:]):
                at = [p * s - q + t * d for p, s, q, t, d in
                      zip(place, stride, padding, tap, dilation, strict=True)]
                if all(0 <= a < m for a, m in zip(at, x.shape[2:], strict=True)):
                    y[(n, o, *place)] += (
                        x[(n, (o // per_out) * per_in + c, *at)] * w[(o, c, *tap)]
                    )
    return y


# x, w, stride, padding, dilation, groups
CASES = [
    ((2, 3, 9), (4, 3, 3), (1,), (1,), (1,), 1),
    ((2, 9, 8), (2, 9, 3), (2,), (2,), (2,), 1),
    ((2, 4, 7), (6, 2, 2), (3,), (0,), (1,), 2),
    ((2, 1, 6, 6), (3, 1, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 9, 6, 5), (4, 9, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 9, 6, 5), (4, 9, 3, 2), (2, 1), (0, 1), (1, 2), 1),
    ((2, 12, 9, 9), (5, 12, 3, 2), (1, 2), (1, 0), (2, 1), 1),
    ((3, 8, 12, 2), (3, 8, 3, 5), (1, 1), (1, 3), (1, 1), 1),
    ((1, 24, 4, 4), (2, 24, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((3, 5, 4, 4), (2, 5, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((1, 5, 4, 4), (2, 5, 1, 1), (2, 2), (1, 0), (1, 1), 1),
    ((2, 4, 5, 5), (4, 1, 3, 3), (1, 1), (1, 1), (1, 1), 4),
    ((2, 3, 5, 5), (6, 1, 3, 3), (2, 2), (1, 1), (1, 1), 3),
    ((2, 2, 5, 4), (12, 2, 2, 2), (1, 1), (0, 0), (1, 1), 1),
    ((2, 2, 4, 4), (3, 2, 1, 2), (1, 1), (2, 3), (1, 1), 1),
    ((1, 3, 4, 3, 5), (2, 3, 2, 2, 2), (1, 2, 1), (1, 0, 1), (1, 1, 2), 1),
    ((1, 9, 3, 3, 3), (2, 9, 3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 1),
]


@pytest.fixture(params=[None, 600], ids=["whole", "pieces"])
def piece_bytes(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(module, "_PIECE_BYTES", request.param)


@pytest.mark.usefixtures("piece_bytes")
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_and_adjoints(case, dtype):
    x_shape, w_shape, *attrs = case
    draw = np.random.default_rng(0)
    x = draw.standard_normal(x_shape).astype(dtype)
    w = draw.standard_normal(w_shape).astype(dtype)
    # float32 sums up to 243 products of unit normals here.
    tolerance = 1e-4 if dtype is np.float32 else 1e-12
    y = conv(x, w, *attrs)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, loops(x, w, *attrs), rtol=tolerance, atol=tolerance)
    g = draw.standard_normal(y.shape).astype(dtype)
    dx = conv_input(g, w, x_shape, *attrs)
    dw = conv_weight(g, x, w_shape, *attrs)
    assert dx.shape == x_shape and dx.dtype == dtype and dx.flags.c_contiguous
    assert dw.shape == w_shape and dw.dtype == dtype and dw.flags.c_contiguous
    # Both are linear: testing them on a whole basis is testing one inner product with a
    # random direction for each argument.
    direction = draw.standard_normal(x_shape).astype(dtype)
    scale = np.sqrt(g.size * w.size)
    np.testing.assert_allclose(
        np.vdot(dx, direction), np.vdot(g, loops(direction, w, *attrs)), atol=tolerance * scale
    )
    direction = draw.standard_normal(w_shape).astype(dtype)
    np.testing.assert_allclose(
        np.vdot(dw, direction), np.vdot(g, loops(x, direction, *attrs)), atol=tolerance * scale
    )


def test_arguments_may_be_strided():
    draw = np.random.default_rng(1)
    x = draw.standard_normal((6, 5, 3, 4)).transpose(3, 2, 1, 0)
    w = draw.standard_normal((3, 3, 3, 8)).transpose(3, 0, 2, 1)[:, :, ::-1]
    attrs = ((1, 1), (1, 1), (1, 1), 1)
    y = conv(x, w, *attrs)
    np.testing.assert_allclose(y, loops(x, w, *attrs), atol=1e-12)
    g = draw.standard_normal(y.shape[::-1]).T
    plain = np.ascontiguousarray
    np.testing.assert_allclose(
        conv_input(g, w, x.shape, *attrs), conv_input(plain(g), plain(w), x.shape, *attrs),
        atol=1e-12,
    )
    np.testing.assert_allclose(
        conv_weight(g, x, w.shape, *attrs), conv_weight(plain(g), plain(x), w.shape, *attrs),
        atol=1e-12,
    )


@pytest.mark.parametrize("groups", [1, 2])
def test_empty_batch(groups):
    x, w = np.empty((0, 4, 5, 5)), np.ones((2, 4 // groups, 3, 3))
    attrs = ((1, 1), (0, 0), (1, 1), groups)
    y = conv(x, w, *attrs)
    assert y.shape == (0, 2, 3, 3)
    assert conv_input(y, w, x.shape, *attrs).shape == x.shape
    assert not conv_weight(y, x, w.shape, *attrs).any()


def test_no_input_channels():
    y = conv(np.empty((2, 0, 4)), np.empty((3, 0, 2)), (1,), (0,), (1,), 1)
    assert y.shape == (2, 3, 3) and not y.any()


def test_buffers_are_not_shared_between_results():
    x, w = np.ones((2, 9, 5, 5)), np.ones((2, 9, 3, 3))
    attrs = ((1, 1), (1, 1), (1, 1), 1)
    first = conv(x, w, *attrs)
    kept = first.copy()
    conv(2 * x, w, *attrs)
    np.testing.assert_array_equal(first, kept)


def sequence(*shape):
    return (np.arange(prod(shape)) * 5 % 7 - 3).astype(float).reshape(shape)


def test_pytorch_values():
    """aten::convolution and its backward of PyTorch 2.13, on small integers: exact."""
    x, w = sequence(1, 4, 4, 5), sequence(4, 2, 2, 3)
    attrs = ((2, 1), (1, 1), (1, 2), 2)
    y = conv(x, w, *attrs)
    assert y.shape == (1, 4, 3, 3)
    assert y.ravel().tolist() == [
        10, -1, -10, 4, -10, 4, -10, -1, 10, -2, -5, 13, -3, 18, 11, -5, -11, 1, 15, 6, -1, 25,
        -11, -16, -1, 12, 2, -3, -7, -12, -1, 20, 7, -2, -7, 1]
    g = sequence(*y.shape)
    assert conv_input(g, w, x.shape, *attrs).ravel().tolist() == [
        -8, -3, 6, -3, 6, -10, -11, 7, 2, 3, -8, -14, 9, -1, 5, 9, -12, -6, 0, 0, 6, -3, -8, -3,
        6, -6, -3, -10, -11, 7, 3, 15, -8, -14, 9, 3, -3, 9, -12, -6, -10, -3, -6, 12, 5, -8, -3,
        6, -3, 6, -8, 18, -8, -3, 6, -8, -14, 9, -1, 5, 7, -11, -10, -3, -6, 6, -3, -8, -3, 6, 6,
        -3, -8, 18, -8, 3, 15, -8, -14, 9]
    assert conv_weight(g, x, w.shape, *attrs).ravel().tolist() == [
        -4, 7, -10, -9, -10, 5, 23, -14, 5, -4, 27, -9, 2, -10, 8, 5, -1, -4, -10, 19, -9, -1,
        -12, 6, -10, 5, -9, 6, -12, -1, 2, 7, -9, -4, -1, 5, 23, -10, 8, -9, 27, -4, -4, -7, 4, 5,
        -10, -9]


def test_threads_do_not_share_buffers():
    draw = np.random.default_rng(2)
    w = draw.standard_normal((4, 9, 3, 3))
    attrs = ((1, 1), (1, 1), (1, 1), 1)
    inputs = [draw.standard_normal((4, 9, 8, 8)) for _ in range(8)]
    expected = [conv(x, w, *attrs) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda x: conv(x, w, *attrs), inputs * 5))
    for result, wanted in zip(results, expected * 5, strict=True):
        np.testing.assert_array_equal(result, wanted)
