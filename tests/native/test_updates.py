"""Native updates of optimizers against NumPy's: every rule, over 20 steps."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch
from rushlight._kernels import native
from rushlight.optim import _eager

pytest.importorskip("llvmlite")

SHAPES = [(130, 65), (65,), (), (3, 5, 7), (1, 1), (0,), (257,)]
RULES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.2, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "weight_decay": 0.1}),
    ("AdamW", {"maximize": True}),
    ("NAdam", {}),
    ("RAdam", {}),
    ("Adamax", {}),
    ("Adadelta", {}),
    ("Adagrad", {"lr_decay": 0.1}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("ASGD", {}),
    ("Rprop", {}),
]


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(_eager, "REPEATS", 3)
    monkeypatch.setattr(_eager, "WORTH", 1)
    yield
    native.reset()


def train(rule, options, dtype, on, transposed=False):
    native.turn(on)
    torch.manual_seed(0)
    parameters = [torch.nn.Parameter(torch.randn(s, dtype=dtype)) for s in SHAPES]
    if transposed:
        parameters.append(torch.nn.Parameter(torch.randn(9, 70, dtype=dtype).t()))
    optimizer = getattr(torch.optim, rule)(parameters, **options)
    for _ in range(20):
        for p in parameters:
            p.grad = torch.randn(p.shape, dtype=dtype)
        optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] *= 0.98
    found = [p.detach().numpy() for p in parameters]
    found += [
        optimizer.state[p][name].numpy() for p in parameters for name in optimizer.state[p]
        if isinstance(optimizer.state[p][name], torch.Tensor)
    ]  # fmt: skip
    (runner,) = optimizer._runners
    return found, runner.cohort is not None and runner.cohort.native is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("rule", "options"), RULES)
def test_a_native_update_is_numpys(rule, options, dtype):
    expected, without = train(rule, options, dtype, False)
    found, used = train(rule, options, dtype, True)
    assert used and not without
    ulps = 64 * np.finfo(expected[0].dtype).eps  # 20 steps, each of a few roundings
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(b, a, rtol=ulps, atol=ulps)


def test_parameters_that_are_not_contiguous():
    expected, _ = train("Adam", {}, torch.float32, False, transposed=True)
    found, used = train("Adam", {}, torch.float32, True, transposed=True)
    assert used
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


def test_parameters_in_the_same_memory_stay_with_numpy():
    native.turn(True)
    memory = torch.randn(40)
    parameters = [torch.nn.Parameter(memory[:30]), torch.nn.Parameter(memory[20:])]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    for _ in range(8):
        for p in parameters:
            p.grad = torch.ones_like(p)
        optimizer.step()
    assert optimizer._runners[0].cohort.native is None


def test_a_replaced_parameter_is_updated():
    native.turn(True)
    p = torch.nn.Parameter(torch.zeros(64))
    optimizer = torch.optim.SGD([p], lr=1.0)
    for step in range(20):
        if step == 10:
            old = p.data
            p.data = torch.full((64,), 5.0)
        p.grad = torch.ones(64)
        optimizer.step()
    assert bool((old == -10).all()) and bool((p == -5).all())


def test_state_loaded_in_between_is_used():
    native.turn(True)
    ends = []
    for load in (False, True):
        torch.manual_seed(0)
        p = torch.nn.Parameter(torch.randn(64))
        optimizer = torch.optim.Adam([p])
        for step in range(20):
            if load and step == 10:
                optimizer.load_state_dict(optimizer.state_dict())
            p.grad = torch.randn(64)
            optimizer.step()
        ends.append(p.detach().numpy())
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-6, atol=1e-7)


def test_one_and_two_threads_agree(monkeypatch):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one, _ = train("AdamW", {}, torch.float32, True)
        torch.set_num_threads(2)
        two, _ = train("AdamW", {}, torch.float32, True)
    finally:
        torch.set_num_threads(before)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
