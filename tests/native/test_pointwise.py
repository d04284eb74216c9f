"""Native pointwise kernels against NumPy's: forward and gradient, special values, layouts."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch
from rushlight._kernels import native
from rushlight._native import pointwise as kernels

pytest.importorskip("llvmlite")

F = torch.nn.functional
INF = float("inf")
FUNCTIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu of tanh": lambda x: F.gelu(x, approximate="tanh"),
    "softplus": F.softplus,
    "softplus with numbers": lambda x: F.softplus(x, 2.0, 3.0),
    "mish": F.mish,
    "logsigmoid": F.logsigmoid,
    "elu": F.elu,
    "selu": F.selu,
    "celu": lambda x: F.celu(x, 0.7),
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "hardtanh": F.hardtanh,
    "leaky relu": lambda x: F.leaky_relu(x, 0.1),
    "relu": F.relu,
    "erf": torch.erf,
    "erfc": torch.erfc,
}
SIZE = 5003  # no multiple of anything


@pytest.fixture(autouse=True)
def restored():
    yield
    native.reset()


def values(dtype, size=SIZE):
    torch.manual_seed(0)
    x = torch.randn(size, dtype=dtype) * 3
    x[:10] = torch.tensor([0.0, -0.0, INF, -INF, float("nan"), 1e-30, -1e4, 1e4, 20.5, -20.5])
    return x


def both(function, x, g):
    found = []
    for on in (False, True):
        native.turn(on)
        given = x.clone().requires_grad_()
        y = function(given)
        y.backward(g)
        found.append((y.detach().numpy(), given.grad.numpy()))
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_and_its_gradient(name, dtype):
    x = values(dtype, 20_011)
    g = torch.randn(x.shape, dtype=dtype)
    (y, gx), (y2, gx2) = both(FUNCTIONS[name], x, g)
    # Differences of near-equal numbers leave an absolute error.
    exact = np.finfo(y.dtype).eps
    np.testing.assert_allclose(y2, y, rtol=16 * exact, atol=16 * exact)
    np.testing.assert_allclose(gx2, gx, rtol=64 * exact, atol=64 * exact)


def test_they_are_used():
    native.turn(True)
    before = len(kernels._kernels)
    x = values(torch.float32).reshape(-1)[:5001].reshape(3, 1667)
    F.softplus(x, 1.25, 7.0)
    assert len(kernels._kernels) == before + 1
    assert list(kernels._kernels.values())[-1] is not None


def test_layouts():
    x = torch.randn(60, 80)
    for shown in (x.t(), x[:, ::2], x.expand(3, 60, 80), x.flip(0)):
        for function in (F.silu, F.gelu):
            native.turn(False)
            expected = function(shown)
            native.turn(True)
            found = function(shown)
            assert found.stride() == expected.stride()
            torch.testing.assert_close(found, expected)


def test_the_gradient_of_a_sum():
    """The gradient that comes in is one number, expanded."""
    x = torch.randn(40, 500)
    native.turn(False)
    a = x.clone().requires_grad_()
    torch.tanh(a).sum().backward()
    native.turn(True)
    b = x.clone().requires_grad_()
    torch.tanh(b).sum().backward()
    torch.testing.assert_close(b.grad, a.grad)


def test_lengths():
    for size in (1024, 1025, 1087, 4096, 33333, 65537):
        x = torch.randn(size)
        native.turn(False)
        expected = F.silu(x)
        native.turn(True)
        torch.testing.assert_close(F.silu(x), expected)


def test_half_precision_stays_right():
    x = torch.randn(5000)
    for dtype in (torch.bfloat16, torch.float16):
        native.turn(False)
        expected = F.gelu(x.to(dtype))
        native.turn(True)
        torch.testing.assert_close(F.gelu(x.to(dtype)), expected)


def test_gradients_of_gradients():
    x = torch.randn(3000, dtype=torch.float64, requires_grad=True)
    found = []
    for on in (False, True):
        native.turn(on)
        (g,) = torch.autograd.grad(F.silu(x).sum(), x, create_graph=True)
        found.append(torch.autograd.grad(g.sum(), x)[0])
    torch.testing.assert_close(found[1], found[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_whose_kernel_is_a_ufunc(dtype):
    size = 20_011
    functions = {
        "mul": lambda x, y: x * y,
        "a number": lambda x, y: 2 * x * y,
        "div": lambda x, y: x / y,
        "exp": lambda x, y: torch.exp(x) * torch.expm1(y),
        "log": lambda x, y: torch.log(y) * torch.log1p(x.abs()),
        "sin": lambda x, y: torch.sin(x) + torch.cos(y),
        "square": lambda x, y: x.square() + y.rsqrt() + y.reciprocal(),
        "sqrt": lambda x, y: x.tanh() - y.sqrt(),
        "broadcast": lambda x, y: x * y[:1] + x[:1] / y,
        "one wanted": lambda x, y: x * y.detach() / y.detach(),
    }
    exact = np.finfo(np.float32 if dtype is torch.float32 else np.float64).eps
    for name, function in functions.items():
        found = []
        for on in (False, True):
            native.turn(on)
            torch.manual_seed(0)
            x = torch.randn(size, dtype=dtype).requires_grad_()
            y = (torch.rand(size, dtype=dtype) + 0.1).requires_grad_()
            z = function(x, y)
            z.backward(torch.randn(size, dtype=dtype), retain_graph=True)
            z.sum().backward()
            found.append([z.detach(), x.grad] + ([] if y.grad is None else [y.grad]))
        for a, b in zip(*found, strict=True):
            torch.testing.assert_close(b, a, rtol=32 * exact, atol=32 * exact, msg=name)


def test_a_save_that_was_written_to_is_found():
    native.turn(True)
    x = torch.randn(20_000, requires_grad=True)
    y = torch.randn(20_000)
    z = x * y
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_a_freed_graph_says_so():
    native.turn(True)
    x = torch.randn(20_000, requires_grad=True)
    z = (x * x).sum()
    z.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        z.backward()
