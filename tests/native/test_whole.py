"""Native softmax, norms, convolutions and products against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch
from rushlight._kernels import native, products
from rushlight._native import shaped

pytest.importorskip("llvmlite")

F = torch.nn.functional


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    monkeypatch.setattr(shaped, "REPEATS", 1)
    monkeypatch.setattr(shaped, "SPENT", 0)
    monkeypatch.setattr(shaped, "_left", {})
    monkeypatch.setattr(shaped, "_kernels", {})
    yield
    native.reset()


def both(function, *tensors):
    """Results and gradients, by NumPy and by native kernels; the names of those that were made."""
    found = []
    for on in (False, True):
        native.turn(on)
        given = [t.detach().clone().requires_grad_() for t in tensors]
        torch.manual_seed(1)
        y = function(*given)
        y.backward(torch.randn(y.shape, dtype=y.dtype))
        found.append([y.detach(), *(t.grad for t in given)])
    new = {key[0] for key, kernel in shaped._kernels.items() if kernel}
    return found, new


def agree(found, rtol, atol=None):
    for a, b in zip(*found, strict=True):
        scale = float(a.abs().max()) if a.numel() else 1.0
        torch.testing.assert_close(b, a, rtol=rtol, atol=rtol * scale if atol is None else atol)


TYPES = [(torch.float32, 1e-5), (torch.float64, 1e-13)]


@pytest.mark.parametrize(("dtype", "rtol"), TYPES)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(("shape", "dim"), [((131, 17), 1), ((5, 37, 11), 1), ((3, 700), -1)])
def test_softmax(name, shape, dim, dtype, rtol):
    x = torch.randn(shape, dtype=dtype)
    found, new = both(lambda x: getattr(F, name)(x, dim=dim), x)
    agree(found, rtol)
    assert {name, name + "_backward"} <= new


def test_softmax_of_what_is_not_finite():
    x = torch.randn(40, 50)
    x[0, 3], x[1, :], x[2, 5] = float("inf"), -float("inf"), float("nan")
    x[3, :25] = -float("inf")
    for function in (F.softmax, F.log_softmax):
        native.turn(False)
        expected = function(x, dim=1)
        native.turn(True)
        torch.testing.assert_close(function(x, dim=1), expected, equal_nan=True)


@pytest.mark.parametrize(("dtype", "rtol"), TYPES)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("shape", "kept"), [((33, 67), (67,)), ((9, 7, 31), (7, 31))])
def test_layer_norm(shape, kept, affine, dtype, rtol):
    x = torch.randn(shape, dtype=dtype) + 3
    weights = [torch.randn(kept, dtype=dtype) for _ in range(2)] if affine else []
    found, new = both(lambda x, *w: F.layer_norm(x, kept, *w), x, *weights)
    agree(found, 4 * rtol)
    assert {"layer_norm", "layer_norm_gradients"} <= new


@pytest.mark.parametrize(("dtype", "rtol"), TYPES)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(67, 33), (5, 7, 9, 11), (6, 5, 41)])
def test_batch_norm(shape, affine, dtype, rtol):
    x = torch.randn(shape, dtype=dtype) + 3
    weights = [torch.randn(shape[1], dtype=dtype) for _ in range(2)] if affine else []
    running = []

    def normalised(x, *w):
        mean, var = torch.zeros(shape[1], dtype=dtype), torch.ones(shape[1], dtype=dtype)
        running.append((mean, var))
        return F.batch_norm(x, mean, var, *w, training=True)

    found, new = both(normalised, x, *weights)
    agree(found, 8 * rtol)
    for a, b in zip(*running, strict=True):
        torch.testing.assert_close(b, a, rtol=rtol, atol=rtol)
    assert {"batch_norm_train", "batch_norm_gradients"} <= new


CONVOLUTIONS = {
    "plain": ((5, 3, 17, 13), (7, 3, 3, 3), {"padding": 1}),
    "stride": ((4, 6, 18, 19), (8, 6, 3, 3), {"stride": 2, "padding": 1}),
    "uneven": ((4, 6, 18, 19), (8, 6, 5, 2), {"stride": (2, 1), "padding": (0, 1)}),
    "dilation": ((4, 6, 18, 19), (8, 6, 3, 3), {"dilation": 2, "padding": 2}),
    "groups": ((4, 6, 18, 19), (24, 2, 3, 3), {"groups": 3}),
    "depthwise": ((4, 6, 18, 19), (6, 1, 3, 3), {"groups": 6, "padding": 1}),
    "pointwise": ((4, 6, 18, 19), (9, 6, 1, 1), {}),
}


@pytest.mark.parametrize(("dtype", "rtol"), TYPES)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(name, dtype, rtol):
    shape, kernel, options = CONVOLUTIONS[name]
    x, w = torch.randn(shape, dtype=dtype), torch.randn(kernel, dtype=dtype)
    b = torch.randn(kernel[0], dtype=dtype)
    found, new = both(lambda x, w, b: F.conv2d(x, w, b, **options), x, w, b)
    agree(found, rtol)
    assert {"conv2d", "conv2d_input"} <= new


def test_a_convolution_of_other_layouts():
    x = torch.randn(17, 4, 13, 5).permute(1, 3, 0, 2)
    w = torch.randn(3, 3, 5, 7).permute(3, 2, 0, 1)
    native.turn(False)
    expected = F.conv2d(x, w)
    native.turn(True)
    torch.testing.assert_close(F.conv2d(x, w), expected, rtol=1e-4, atol=1e-4)


LAYOUTS = {
    "NN": lambda f, m, n, k: (f(m, k), f(k, n)),
    "NT": lambda f, m, n, k: (f(m, k), f(n, k).T),
    "TN": lambda f, m, n, k: (f(k, m).T, f(k, n)),
    "sliced": lambda f, m, n, k: (f(m, 2 * k)[:, ::2], f(k + 3, n + 5)[3:, 5:]),
    "stack": lambda f, m, n, k: (f(3, m, k), f(3, k, n)),
    "one for all": lambda f, m, n, k: (f(3, m, k), f(k, n)),
    "stack of stacks": lambda f, m, n, k: (f(2, 3, m, k), f(2, 3, n, k).swapaxes(-1, -2)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_products(layout, dtype):
    generator = np.random.default_rng(0)
    x, y = LAYOUTS[layout](
        lambda *shape: generator.standard_normal(shape).astype(dtype), 131, 67, 101
    )
    expected = np.matmul(x.astype(np.float64), y.astype(np.float64))
    native.turn(True)
    for out in (None, np.empty(expected.shape, dtype)):
        made = native.product(x, y, out)
        assert made is not None and (out is None or made is out)
        error = np.abs(made - expected).max() / np.abs(expected).max()
        assert error < 8 * np.finfo(dtype).eps


def test_products_that_are_left_to_numpy():
    native.turn(True)
    x = np.ones((80, 80), np.complex64)
    assert native.product(x, x) is None
    x = np.ones((80, 80), np.int64)
    assert native.product(x, x) is None
    x = np.ones((80, 80), np.float32)[::-1]
    assert native.product(x, x) is None
    np.testing.assert_array_equal(products.matmul(x, x), np.full((80, 80), 80, np.float32))


@pytest.mark.parametrize(("dtype", "rtol"), TYPES)
@pytest.mark.parametrize("shape", [(130, 70), (5, 26, 70)])
def test_linear(shape, dtype, rtol):
    x = torch.randn(shape, dtype=dtype)
    w, b = torch.randn(90, 70, dtype=dtype), torch.randn(90, dtype=dtype)
    found, new = both(F.linear, x, w, b)
    agree(found, rtol)
    assert {"linear", "matmul"} <= new


def test_a_signature_is_left_to_numpy_at_first(monkeypatch):
    monkeypatch.setattr(native, "eager", False)
    monkeypatch.setattr(shaped, "REPEATS", 3)
    native.turn(True)
    x = np.ones((211, 19), np.float32)
    given = [native.whole("softmax", x, 1) is not None for _ in range(4)]
    assert given == [False, False, True, True]
    monkeypatch.setattr(shaped, "SPENT", 100e-6)  # 12 us a time
    y = np.ones((173, 19), np.float32)
    given = [native.whole("softmax", y, 1) is not None for _ in range(10)]
    assert given.count(False) == 7 and all(given[7:])


@pytest.mark.parametrize(("dtype", "rtol"), TYPES)
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"num_layers": 2, "bidirectional": True}])
def test_lstm(options, dtype, rtol):
    torch.manual_seed(0)
    module = torch.nn.LSTM(20, 71, dtype=dtype, **options)
    weights = [p.detach() for p in module.parameters()]
    x = torch.randn(9, 17, 20, dtype=dtype)

    def run(x, *weights):
        names = [name for name, _ in module.named_parameters()]
        out, (h, c) = torch.func.functional_call(module, dict(zip(names, weights, strict=True)), x)
        return torch.cat([out.reshape(-1), h.reshape(-1), c.reshape(-1)])

    found, new = both(run, x, *weights)
    agree(found, 10 * rtol)
    assert {"lstm_cell", "lstm_cell_gradients", "lstm_slopes"} <= new


def test_lstm_of_a_packed_batch():
    torch.manual_seed(0)
    module = torch.nn.LSTM(20, 71)
    x = torch.randn(9, 40, 20)
    lengths = torch.tensor([9] * 20 + [7] * 10 + [3] * 10)

    def run(x):
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths)
        return module(packed)[0].data

    found, _ = both(run, x)
    agree(found, 1e-4)
