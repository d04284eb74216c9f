"""Hooks, modes and settings that come and go between the calls of a step."""

# Code as users write it.
# ruff: noqa: B023

from __future__ import annotations

import warnings

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn.modules.module import register_module_forward_hook
from steps import Scenarios, attempt, ramp, shown

pytest.importorskip("llvmlite")
F = torch.nn.functional
scenarios = Scenarios()
scenario = scenarios.add


@scenario()
def anomaly():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        w.grad = None
        y = torch.sqrt(x * w).sum()
        y.backward()
        return w.grad.clone()

    def drive(f):
        r = []
        for i in range(12):
            x = torch.full((3,), -1.0 if i > 5 else 1.0)
            if i % 2:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    with torch.autograd.detect_anomaly():
                        r.append(attempt(f, x))
            else:
                r.append(attempt(f, x))
        return r

    return f, drive


@scenario()
def anomaly_pair():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        return torch.sqrt(x * w).sum()

    def drive(f):
        r = []
        for i in range(12):
            w.grad = None
            x = torch.full((3,), -1.0 if i > 5 else 1.0)
            if i % 2:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    with torch.autograd.detect_anomaly():
                        r.append(attempt(lambda: f(x).backward()))
            else:
                r.append(attempt(lambda: f(x).backward()))
            r.append(shown(w.grad))
        return r

    return f, drive


@scenario()
def tensor_hooks():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        w.grad = None
        (x * w).sum().backward()
        return w.grad * 1

    def drive(f):
        r = []
        h = None
        for i in range(16):
            if i == 5:
                h = w.register_hook(lambda g: g * 3)
            if i == 10:
                h.remove()
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def accumulate_hooks():
    w = torch.ones(3, requires_grad=True)
    log = []

    def f(x):
        w.grad = None
        (x * w).sum().backward()
        return w.grad * 1

    def drive(f):
        r = []
        h = None
        log.clear()
        for i in range(16):
            if i == 5:
                h = w.register_post_accumulate_grad_hook(lambda p: log.append(p.grad.sum().item()))
            if i == 10:
                h.remove()
            r.append(attempt(f, ramp(i)))
        return r, list(log)

    return f, drive


@scenario()
def module_hooks():
    m = nn.Linear(3, 2)
    with torch.no_grad():
        m.weight.fill_(1.0)
        m.bias.fill_(0.0)

    def f(x):
        return m(x)

    def drive(f):
        r = []
        h = None
        for i in range(16):
            if i == 5:
                h = m.register_forward_hook(lambda m, a, o: o * 3)
            if i == 10:
                h.remove()
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def module_hooks_log():
    m = nn.Linear(3, 2)
    with torch.no_grad():
        m.weight.fill_(1.0)
        m.bias.fill_(0.0)
    log = []

    def f(x):
        return m(x)

    def drive(f):
        r = []
        h = None
        for i in range(16):
            if i == 5:
                h = m.register_forward_hook(lambda m, a, o: log.append(o.sum().item()))
            if i == 10:
                h.remove()
            r.append(attempt(f, ramp(i)))
        return r, list(log)

    return f, drive


@scenario()
def global_module_hooks():
    m = nn.Linear(3, 2)
    with torch.no_grad():
        m.weight.fill_(1.0)
        m.bias.fill_(0.0)

    def f(x):
        return m(x)

    def drive(f):
        r = []
        h = None
        for i in range(16):
            if i == 5:
                h = register_module_forward_hook(lambda m, a, o: o * 3)
            if i == 10:
                h.remove()
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def backward_hooks_module():
    m = nn.Linear(3, 2)
    with torch.no_grad():
        m.weight.fill_(1.0)
        m.bias.fill_(0.0)

    def f(x):
        m.zero_grad()
        m(x).sum().backward()
        return m.weight.grad * 1

    def drive(f):
        r = []
        h = None
        for i in range(16):
            if i == 5:
                h = m.register_full_backward_pre_hook(lambda m, g: (g[0] * 3,))
            if i == 10:
                h.remove()
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def optimizer_hooks():
    w = torch.ones(3, requires_grad=True)
    o = torch.optim.SGD([w], 0.1)
    log = []

    def f(x):
        o.zero_grad()
        (x * w).sum().backward()
        o.step()
        return w * 1

    def drive(f):
        with torch.no_grad():
            w.fill_(1)
        r = []
        h = None
        for i in range(16):
            if i == 5:
                h = o.register_step_post_hook(lambda *a: log.append(1))
            if i == 10:
                h.remove()
            r.append(attempt(f, ramp(i)))
        return r, len(log)

    return f, drive


@scenario()
def saved_tensors_hooks():
    w = torch.ones(3, requires_grad=True)
    log = []

    def f(x):
        w.grad = None
        torch.exp(x * w).sum().backward()
        return w.grad * 1

    def drive(f):
        r = []
        for i in range(10):
            if i > 6:
                with torch.autograd.graph.saved_tensors_hooks(
                    lambda t: (log.append(1), t)[1], lambda t: t
                ):
                    r.append(attempt(f, ramp(i) / 10))
            else:
                r.append(attempt(f, ramp(i) / 10))
        return r, len(log)

    return f, drive


@scenario()
def no_grad_toggles():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        return x * w

    def drive(f):
        r = []
        for i in range(14):
            with torch.set_grad_enabled(i % 4 < 2):
                r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def inference_mode():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        return x * w

    def drive(f):
        r = []
        for i in range(14):
            if i % 4 < 2:
                with torch.inference_mode():
                    y = f(ramp(i))
                    r.append((shown(y), y.is_inference()))
            else:
                y = f(ramp(i))
                r.append((shown(y), y.is_inference()))
        return r

    return f, drive


@scenario()
def inference_tensor_argument():
    w = torch.ones(3, requires_grad=True)
    with torch.inference_mode():
        z = torch.ones(3)

    def f(x):
        return (x * w).sum()

    def drive(f):
        r = [attempt(f, ramp(i)) for i in range(5)]
        return r + [attempt(f, z)]

    return f, drive


@scenario()
def autocast_disabled():
    w = torch.ones(3, 3)

    def f(x):
        return x @ w

    def drive(f):
        r = []
        for i in range(8):
            if i % 3 == 2:
                try:
                    with torch.autocast("cpu", dtype=torch.bfloat16):
                        r.append(attempt(f, ramp(i)))
                except Exception as e:
                    r.append(str(e)[:50])
            else:
                r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def requires_grad_toggle():
    m = nn.Linear(3, 2)
    with torch.no_grad():
        m.weight.fill_(1.0)
        m.bias.fill_(0.0)

    def f(x):
        m.zero_grad()
        m(x).sum().backward()
        return None if m.weight.grad is None else m.weight.grad * 1

    def drive(f):
        r = []
        for i in range(16):
            if i == 5:
                m.weight.requires_grad_(False)
            if i == 10:
                m.weight.requires_grad_(True)
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def default_dtype():
    def f(x):
        return x + torch.ones(3) + torch.zeros(3)

    def drive(f):
        r = []
        for i in range(14):
            torch.set_default_dtype(torch.float32 if i % 4 < 2 else torch.float64)
            try:
                r.append(attempt(f, torch.ones(3, dtype=torch.float32)))
            finally:
                torch.set_default_dtype(torch.float32)
        return r

    return f, drive


@scenario()
def manual_seed_between():
    def f(x):
        return x + torch.rand(3) + F.dropout(torch.ones(3), 0.5)

    def drive(f):
        torch.manual_seed(0)
        r = []
        for i in range(12):
            if i == 5:
                torch.manual_seed(5)
            if i == 6:
                s = torch.get_rng_state()
            if i == 8:
                torch.set_rng_state(s)
            if i == 10:
                torch.default_generator.manual_seed(3)
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def generator_replaced():
    g = torch.Generator().manual_seed(1)

    class H:
        gen = g

    def f(x):
        return x + torch.rand(3, generator=H.gen)

    def drive(f):
        H.gen = torch.Generator().manual_seed(1)
        r = []
        for i in range(10):
            if i == 5:
                H.gen = torch.Generator().manual_seed(7)
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@pytest.mark.parametrize("name", scenarios)
def test_as_eager(name):
    scenarios.run(name)
