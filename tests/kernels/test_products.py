"""Matrix products: the shapes that are taken apart give what NumPy gives."""

import sys

import numpy as np
import pytest

from rushlight._kernels import native, products
from rushlight._kernels.memory import aligned


@pytest.mark.parametrize("length", [255, 1024, 1025, 70000])
@pytest.mark.parametrize("sizes", [(1, 40), (32, 32), (10, 256), (50, 50)])
def test_small_results_of_long_sums(length, sizes):
    random = np.random.default_rng(0)
    g, x = (random.normal(size=(length, n)) for n in sizes)
    np.testing.assert_allclose(products.matmul(g.T, x), g.T @ x, rtol=1e-11, atol=1e-10)


def test_the_long_sum_is_split(monkeypatch):
    monkeypatch.setattr(native, "products", sys.maxsize)
    split = []
    real = products._deep
    monkeypatch.setattr(products, "_deep", lambda x, y: split.append(x.shape) or real(x, y))
    g, x = np.ones((4096, 32), np.float32), np.ones((4096, 32), np.float32)
    assert (products.matmul(g.T, x) == 4096).all()
    assert split == [(32, 4096)]


def test_outer_products():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(3000, 1)), random.normal(size=(1, 40))
    assert np.array_equal(products.matmul(x, y), x @ y)
    out = np.empty((3000, 40))
    assert products.matmul(x, y, out=out) is out
    stack = random.normal(size=(5, 300, 1))
    assert np.array_equal(products.matmul(stack, y), stack @ y)


def test_aligned_memory():
    for shape in ((3, 5), (7,), (), (0, 4)):
        array = aligned(shape, np.float32)
        array[...] = 1
        assert array.shape == shape and array.flags.writeable and array.flags.c_contiguous
        assert array.ctypes.data % 64 == 0
