"""Layers with native kernels: values and gradients of a compiled step against eager.

Sizes are odd, so that vectors and tiles have tails.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as torch
from rushlight._ops import recurrent
from rushlight.compiler.rows import attention as attention_rows

nn = torch.nn
F = torch.nn.functional
#: Some roundings of sums that both sides add up in another order, relative to the largest element.
TOLERANCE = {torch.float32: 3e-5, torch.float64: 1e-12}


@pytest.fixture(autouse=True)
def uncached(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_CACHE", "0")
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def leaves(value):
    if isinstance(value, tuple | list):
        return [leaf for v in value for leaf in leaves(v)]
    return [value]


def weighed(outputs, dtype):
    """A number that depends on every element in its own way."""
    total = 0.0
    for y in leaves(outputs):
        if y.dtype == dtype:
            total = total + (y * torch.arange(1, y.numel() + 1, dtype=dtype).reshape(y.shape).sin()
                             ).sum()  # fmt: skip
    return total


def check(function, shapes, dtype, threads, host=(), module=None, values=None):
    """The compiled step that differentiates `function` does what the eager one does."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    inputs = [torch.randn(*s, dtype=dtype) for s in shapes] if values is None else values
    tensors = [*inputs, *([] if module is None else module.parameters())]
    for t in tensors:
        t.requires_grad_()

    def step():
        for t in tensors:
            t.grad = None
        outputs = function(*inputs)
        weighed(outputs, dtype).backward()
        return [y.detach().clone() for y in leaves(outputs)]

    wanted = [y.numpy() for y in step()] + [t.grad.numpy().copy() for t in tensors]
    compiled = torch.compile(step)
    for _ in range(3):
        found = compiled()
    plans = compiled.compiled.plans
    assert plans, compiled.compiled.eager
    hosts = {s.host.name for s in plans[0].segments if s.host}
    assert hosts == set(host)
    found = [y.numpy() for y in found] + [t.grad.numpy() for t in tensors]
    for f, w in zip(found, wanted, strict=True):
        assert f.shape == w.shape and f.dtype == w.dtype
        if f.dtype.kind == "i":
            assert np.array_equal(f, w)
            continue
        size = np.abs(w).max() if w.size else 0
        assert np.array_equal(np.isnan(f), np.isnan(w))
        assert np.allclose(f, w, rtol=0, atol=TOLERANCE[dtype] * max(size, 1e-30), equal_nan=True)


DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
THREADS = pytest.mark.parametrize("threads", [1, 2])

CONVOLUTIONS = {
    "plain": (F.conv2d, (3, 4, 9, 11), (5, 4, 3, 3), {}),
    "padded": (F.conv2d, (3, 4, 9, 11), (5, 4, 3, 3), {"padding": 1}),
    "strided": (F.conv2d, (2, 3, 11, 13), (4, 3, 3, 2), {"stride": (2, 3), "padding": (1, 0)}),
    "dilated": (F.conv2d, (2, 3, 12, 13), (4, 3, 3, 3), {"dilation": (2, 3), "padding": 2}),
    "groups": (F.conv2d, (2, 6, 7, 9), (9, 2, 3, 3), {"groups": 3, "padding": 1}),
    "depthwise": (F.conv2d, (2, 5, 7, 19), (5, 1, 3, 3), {"groups": 5, "padding": 1}),
    "pointwise": (F.conv2d, (2, 5, 7, 9), (3, 5, 1, 1), {}),
    "many": (F.conv2d, (9, 8, 20, 21), (17, 8, 3, 3), {"padding": 1}),
    "line": (F.conv1d, (3, 4, 19), (5, 4, 4), {"stride": 2, "padding": 3, "dilation": 2}),
    "transposed": (F.conv_transpose2d, (2, 4, 5, 6), (4, 3, 3, 3),
                   {"stride": 2, "padding": 1, "output_padding": 1}),
    "transposed groups": (F.conv_transpose2d, (2, 4, 5, 6), (4, 3, 2, 3),
                          {"groups": 2, "dilation": 2}),
    "transposed line": (F.conv_transpose1d, (2, 4, 7), (4, 3, 3), {"stride": 2}),
}  # fmt: skip


@DTYPES
@THREADS
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(name, bias, threads, dtype):
    function, x, w, options = CONVOLUTIONS[name]
    groups = options.get("groups", 1)
    outputs = w[1] * groups if "transpose" in function.__name__ else w[0]
    shapes = [x, w, (outputs,)] if bias else [x, w]
    check(lambda *a: function(*a, **options), shapes, dtype, threads)


def test_convolution_without_images():
    host = ("convolution", "conv_input", "conv_weight")
    check(F.conv2d, [(0, 3, 5, 5), (2, 3, 3, 3), (2,)], torch.float32, 1, host=host)


POOLS = {
    "max": lambda x: F.max_pool2d(x, 2),
    "max with indices": lambda x: F.max_pool2d(x, 2, return_indices=True),
    "max overlapping": lambda x: F.max_pool2d(x, 3, 2, 1),
    "max three": lambda x: F.max_pool2d(x, 3, 3, ceil_mode=True),
    "max dilated": lambda x: F.max_pool2d(x, (3, 2), (1, 2), 1, (2, 3)),
    "max dense": lambda x: F.max_pool2d(x, 3, 1, 1),
    "max ceil": lambda x: F.max_pool2d(x, 2, 2, 1, ceil_mode=True),
    "max turned": lambda x: F.max_pool2d(x.transpose(2, 3), 2, return_indices=True),
    "avg": lambda x: F.avg_pool2d(x, 2),
    "avg padded": lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
    "avg inside": lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "avg divisor": lambda x: F.avg_pool2d(x, (2, 3), 1, divisor_override=5),
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, (3, 5)),
    "adaptive larger": lambda x: F.adaptive_avg_pool2d(x, (17, 40)),
    "adaptive one": lambda x: F.adaptive_avg_pool2d(x, 1),
    "line": lambda x: F.max_pool1d(x[0], 3, 2, 1),
    "line avg": lambda x: F.avg_pool1d(x[0], 3, 2, 1),
    "unpool": lambda x: F.max_unpool2d(
        *F.max_pool2d(x, 2, return_indices=True), 2, output_size=x.shape),
}


@DTYPES
@THREADS
@pytest.mark.parametrize("shape", [(2, 3, 13, 37), (3, 50, 14, 14)], ids=str)
@pytest.mark.parametrize("name", POOLS)
def test_pooling(name, shape, threads, dtype):
    check(POOLS[name], [shape], dtype, threads)


@DTYPES
@pytest.mark.parametrize("name", [n for n in POOLS if n.startswith("max")])
def test_ties_and_odd_values(name, dtype):
    """The first of equal values wins; the last NaN of a window over all numbers."""
    random = np.random.RandomState(3)
    x = random.randint(-2, 3, (2, 3, 11, 23)).astype(str(dtype).removeprefix("torch."))
    for value in (np.nan, np.inf, -np.inf):
        x[random.uniform(size=x.shape) < 0.15] = value
    x[0, 0] = -np.inf
    found = torch.compile(lambda t: F.max_pool2d(t, 3, 2, 1, return_indices=True))
    t = torch.from_numpy(x)
    with torch.no_grad():
        wanted = F.max_pool2d(t, 3, 2, 1, return_indices=True)
        for _ in range(3):
            values, indices = found(t)
    assert np.array_equal(values.numpy(), wanted[0].numpy(), equal_nan=True)
    assert np.array_equal(indices.numpy(), wanted[1].numpy())


def test_gradients_meet_in_one_pixel():
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 2, 2] = 1
    check(lambda t: F.max_pool2d(t, 3, 1), [], torch.float32, 1, values=[x])


def test_convolution_network():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 7, 3, padding=1, bias=False), nn.BatchNorm2d(7), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(7, 5, 3, stride=2), nn.GELU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(20, 4),
    )  # fmt: skip
    check(model, [(5, 3, 17, 15)], torch.float32, 2, module=model)


RECURRENT = {
    "lstm": (lambda: nn.LSTM(7, 9), (5, 3, 7)),
    "lstm many": (lambda: nn.LSTM(20, 37), (9, 33, 20)),
    "lstm both ways": (lambda: nn.LSTM(7, 20, 2, bidirectional=True), (5, 4, 7)),
    "lstm no bias": (lambda: nn.LSTM(7, 9, bias=False, batch_first=True), (3, 5, 7)),
    "lstm one step": (lambda: nn.LSTM(3, 16), (1, 1, 3)),
    "gru": (lambda: nn.GRU(7, 9), (5, 3, 7)),
    "gru many": (lambda: nn.GRU(20, 37), (9, 33, 20)),
    "gru both ways": (lambda: nn.GRU(7, 33, bias=False, bidirectional=True), (4, 5, 7)),
    "rnn": (lambda: nn.RNN(5, 18), (6, 2, 5)),
    "rnn relu": (lambda: nn.RNN(5, 18, nonlinearity="relu", batch_first=True), (2, 6, 5)),
}  # fmt: skip


@DTYPES
@THREADS
@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent(name, threads, dtype):
    make, shape = RECURRENT[name]
    torch.manual_seed(0)
    module = make().to(dtype)
    check(module, [shape], dtype, threads, module=module)


@DTYPES
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_sequences_of_several_lengths(kind, backwards, dtype):
    """Rows of a packed sequence: four at first, one in the end."""
    counts = (4, 4, 3, 3, 1)
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[kind]
    weights = [(gates * 10, 6), (gates * 10, 10), (gates * 10,), (gates * 10,)]

    def function(x, *others):
        if kind == "lstm":
            return recurrent.lstm_layer.call(x, *others[:4], None, *others[4:], counts, backwards)
        if kind == "gru":
            return recurrent.gru_layer.call(x, *others, counts, backwards)
        return recurrent.rnn_layer.call(x, *others, False, counts, backwards)

    states = [(4, 10)] * (2 if kind == "lstm" else 1)
    check(function, [(15, 6), *weights, *states], dtype, 2)


@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU, nn.RNN])
def test_initial_states(make):
    torch.manual_seed(0)
    module = make(6, 10)

    def function(x, h, c):
        return module(x, (h, c) if make is nn.LSTM else h * c)

    check(function, [(7, 4, 6), (1, 4, 10), (1, 4, 10)], torch.float32, 2, module=module)


def test_projected_states_run_as_numpy_calls():
    torch.manual_seed(0)
    module = nn.LSTM(3, 16, proj_size=5)
    check(module, [(4, 2, 3)], torch.float32, 1, host=("lstm_layer", "lstm_gradients"),
          module=module)  # fmt: skip


MASK = torch.ones(19, 19, dtype=torch.bool).tril()
BLIND = MASK.clone()
BLIND[3] = False


class Attention(nn.Module):
    """Heads as views of one projection, as in a transformer."""

    def __init__(self, heads, size, mask=None, **options):
        super().__init__()
        self.heads, self.size, self.options = heads, size, options
        self.register_buffer("mask", mask)

    def forward(self, x):
        n, t, _ = x.shape
        q, k, v = (
            z.view(n, t, self.heads, self.size).transpose(1, 2)
            for z in x.split(self.heads * self.size, dim=2)
        )
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask, **self.options)
        return y.transpose(1, 2).reshape(n, t, -1)


ATTENTION = {
    "plain": (2, 5, 19, None, {}),
    "causal": (2, 5, 19, None, {"is_causal": True}),
    "masked": (2, 7, 19, MASK, {"scale": 0.7}),
    "blind": (2, 5, 19, BLIND, {}),
    "whole vectors": (3, 32, 64, None, {"is_causal": True}),
    "blocks": (1, 5, 333, None, {"is_causal": True}),
    "one": (1, 5, 1, None, {}),
}


@DTYPES
@THREADS
@pytest.mark.parametrize("kept", [1 << 23, 0], ids=["kept", "again"])
@pytest.mark.parametrize("name", ATTENTION)
def test_attention(name, kept, threads, dtype, monkeypatch):
    """`kept` at most so many bytes of weights; others are computed again on the way back."""
    monkeypatch.setattr(attention_rows, "KEPT", kept)
    heads, size, length, mask, options = ATTENTION[name]
    module = Attention(heads, size, mask, **options)
    check(module, [(2, length, 3 * heads * size)], dtype, threads)


@DTYPES
def test_attention_to_other_lengths(dtype):
    check(F.scaled_dot_product_attention, [(2, 3, 5, 9), (2, 3, 21, 9), (2, 3, 21, 4)], dtype, 2)


@DTYPES
@THREADS
@pytest.mark.parametrize("padding", [None, 2])
def test_embedding(padding, threads, dtype):
    random = np.random.RandomState(0)
    numbers = torch.from_numpy(random.randint(0, 11, (70, 13)))
    check(lambda w: F.embedding(numbers, w, padding_idx=padding), [(11, 37)], dtype, threads)


@THREADS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", [(5,), (3, 100), (1000,), (37, 411)], ids=str)
def test_random_numbers_are_those_of_eager(shape, threads, dtype):
    """Bit for bit, and the generator is left in the same state."""
    torch.set_num_threads(threads)
    x = torch.ones(*shape, dtype=dtype)
    plain = torch.float32 if dtype == torch.bfloat16 else dtype

    def step():
        return (
            F.dropout(x, 0.3), torch.rand(shape, dtype=plain), torch.randint(3, 77, shape),
            torch.empty(shape).bernoulli_(0.4), torch.empty(shape, dtype=plain).uniform_(),
            torch.rand(3),
        )  # fmt: skip

    torch.manual_seed(7)
    wanted = [step() for _ in range(7)]
    after = torch.get_rng_state()
    compiled = torch.compile(step)
    torch.manual_seed(7)
    found = [compiled() for _ in range(7)]
    assert not [s.host for s in compiled.compiled.plans[0].segments if s.host]
    assert torch.equal(torch.get_rng_state(), after)
    for f, w in zip(found, wanted, strict=True):
        for a, b in zip(f, w, strict=True):
            assert a.dtype == b.dtype and torch.equal(a, b)


def test_a_generator_of_its_own():
    generator = torch.Generator()

    @torch.compile
    def step():
        return torch.rand(700, generator=generator)

    def draws(function):
        generator.manual_seed(3)
        found = [function() for _ in range(4)]
        state = generator.get_state()
        found.append(function())
        generator.set_state(state)
        return [*found, function()]

    for a, b in zip(
        draws(step), draws(lambda: torch.rand(700, generator=generator)), strict=True
    ):
        assert torch.equal(a, b)
    assert step.compiled.plans


@pytest.mark.parametrize("kept", [1 << 23, 0], ids=["kept", "again"])
@pytest.mark.parametrize(
    "make, shape",
    [
        (lambda: nn.LSTM(7, 9), (5, 3, 7)),
        (lambda: Attention(2, 5, is_causal=True), (2, 19, 30)),
        (lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2)), (4, 3, 9, 11)),
    ],
    ids=["lstm", "attention", "convolution"],
)
def test_a_module_alone(make, shape, kept, monkeypatch):
    """Forward and backward are two plans: what one keeps, the other reads."""
    monkeypatch.setattr(attention_rows, "KEPT", kept)
    torch.manual_seed(0)
    module = make()
    compiled = torch.compile(module)
    for _ in range(4):
        data = torch.randn(*shape)
        found = []
        for function in (compiled, module):
            x = data.clone().requires_grad_()
            module.zero_grad()
            y = leaves(function(x))[0]
            (y * y.sin()).sum().backward()
            found.append([y.detach(), x.grad, *(p.grad for p in module.parameters())])
        for f, w in zip(*found, strict=True):
            assert torch.allclose(f, w, rtol=0, atol=3e-5 * float(w.abs().max()))
