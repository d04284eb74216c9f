"""Gradients in one go over memory against the formulas they stand for."""

import numpy as np
import pytest

from rushlight._kernels import slopes, special

FORMULAS = {
    "tanh": (slopes.tanh, lambda g, x: g * (1 - x * x)),
    "sigmoid": (slopes.sigmoid, lambda g, x: g * ((1 - x) * x)),
    "silu": (slopes.silu, lambda g, x: g * special.silu_slope(x)),
    "gelu": (lambda g, x: slopes.gelu(g, x, "none"), lambda g, x: g * special.gelu_slope(x)),
    "gelu tanh": (
        lambda g, x: slopes.gelu(g, x, "tanh"), lambda g, x: g * special.gelu_slope(x, "tanh")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (0,), (3, 4), (3, slopes._PIECE), (2, slopes._PIECE + 7)])
def test_gradient(name, dtype, shape):
    kernel, formula = FORMULAS[name]
    random = np.random.default_rng(0)
    g, x = (np.asarray(random.uniform(-3, 3, shape), dtype) for _ in range(2))
    before = g.copy(), x.copy()
    found = kernel(g, x)
    assert found.shape == shape and found.dtype == dtype
    np.testing.assert_allclose(found, formula(g, x), rtol=1e-6)
    assert np.array_equal(g, before[0]) and np.array_equal(x, before[1])


@pytest.mark.parametrize("name", FORMULAS)
def test_other_layouts(name):
    """A gradient that was broadcast, and an input in column order."""
    kernel, formula = FORMULAS[name]
    x = np.asfortranarray(np.random.default_rng(0).uniform(-3, 3, (300, 301)))
    g = np.broadcast_to(np.array(0.5), x.shape)
    np.testing.assert_allclose(kernel(g, x), formula(g, x), rtol=1e-12)


def test_by_pieces():
    """Large arrays are cut, and the numbers beside them are not; small ones go whole."""
    seen = []

    def function(x, y, factor):
        seen.append(x.shape)
        return (x + y) * factor

    cut = slopes.by_pieces(function)
    random = np.random.default_rng(0)
    for shape in ((3, 4), (3, slopes._PIECE + 5)):
        x, y = random.normal(size=shape), random.normal(size=shape)
        assert np.array_equal(cut(x, y, 2.0), (x + y) * 2.0)
    assert seen[0] == (3, 4)
    assert len(seen) == 5 and all(len(s) == 1 and s[0] <= slopes._PIECE for s in seen[1:])
    # A broadcast operand, another layout: whole again.
    assert np.array_equal(cut(x, y[:1], 2.0), (x + y[:1]) * 2.0)
    assert np.array_equal(cut(x.T, y.T, 2.0), ((x + y) * 2.0).T)
    assert seen[-2:] == [x.shape, x.T.shape]


def test_by_pieces_of_comparisons():
    x = np.arange(3.0 * slopes._PIECE)
    found = slopes.by_pieces(lambda x: x > 5)(x)
    assert found.dtype == bool and np.array_equal(found, x > 5)
