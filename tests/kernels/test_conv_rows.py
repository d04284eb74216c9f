"""Convolution by staged rows against unfolding, in the shapes that it takes."""

import itertools

import numpy as np
import pytest

from rushlight._kernels import conv, conv_rows

SHAPES = [
    # images, channels, outputs, height, width, kernel, padding, dilation
    (3, 8, 8, 9, 7, (3, 3), (1, 1), (1, 1)),
    (1, 12, 8, 9, 11, (2, 3), (0, 0), (2, 1)),
    (2, 8, 16, 9, 7, (3, 1), (2, 0), (1, 2)),
    (2, 8, 8, 6, 7, (2, 3), (1, 2), (1, 2)),
    (9, 9, 8, 16, 16, (3, 3), (1, 1), (1, 1)),
]


def drawn(images, channels, outputs, height, width, kernel, padding, dilation, stride=1):
    random = np.random.default_rng(0)
    x = random.normal(size=(images, channels, height, width))
    w = random.normal(size=(outputs, channels, *kernel))
    out = conv.conv_output_shape((height, width), kernel, (1, stride), padding, dilation)
    return x, w, random.normal(size=(images, outputs, *out))


@pytest.mark.parametrize("stacked", [True, False])
@pytest.mark.parametrize(("shape", "stride"), list(itertools.product(SHAPES, (1, 2))))
def test_result(shape, stride, stacked, monkeypatch):
    monkeypatch.setattr(conv_rows, "stacks", lambda *_: stacked)
    x, w, g = drawn(*shape, stride)
    padding, dilation = shape[-2:]
    found, wanted = np.empty_like(g), np.empty_like(g)
    conv_rows.conv(x, w, found, stride, padding, dilation)
    conv._conv_channels_first(x, w, wanted, (1, stride), padding, dilation, 1)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("pieces", [1, 1 << 14, 1 << 24])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_the_adjoints(shape, pieces, monkeypatch):
    monkeypatch.setattr(conv_rows, "_PIECE_BYTES", pieces)
    x, w, g = drawn(*shape)
    padding, dilation = shape[-2:]
    turned, margin = conv._turned(w, padding, dilation, 1)
    assert min(margin) >= 0
    gx, gw = conv_rows.gradients(g, x, turned, margin, dilation)
    geometry = (1, 1), padding, dilation, 1
    wanted = conv._scatter_columns(g, w, x.shape, *geometry)
    np.testing.assert_allclose(gx, wanted, rtol=1e-12, atol=1e-12)
    wanted = conv._weight_channels_first(g, x, w.shape, *geometry)
    np.testing.assert_allclose(gw, wanted, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("need", [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("padding", [(1, 1), (3, 0)])
def test_both_gradients_are_those_of_each(need, padding):
    random = np.random.default_rng(0)
    x, w = random.normal(size=(2, 32, 32, 32)), random.normal(size=(32, 32, 3, 3))
    geometry = (1, 1), padding, (1, 1), 1
    g = random.normal(size=conv.conv(x, w, *geometry).shape)
    found = conv.conv_gradients(g, x, w, *geometry, need)
    wanted = conv.conv_input(g, w, x.shape, *geometry), conv.conv_weight(g, x, w.shape, *geometry)
    for a, b, wants in zip(found, wanted, need, strict=True):
        assert (a is not None) == wants
        if wants:
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-10)
            assert a.flags.c_contiguous
