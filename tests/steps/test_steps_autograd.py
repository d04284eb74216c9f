"""What happens to the graph between the calls of a step."""

# Code as users write it.
# ruff: noqa: B007, B023

from __future__ import annotations

import pytest

import rushlight as torch
from rushlight import nn
from steps import Scenarios, attempt, ramp, shown

pytest.importorskip("llvmlite")
scenarios = Scenarios()
scenario = scenarios.add


@scenario()
def inplace_on_requires_grad_input():
    def f(x):
        y = x * 1
        y.mul_(2)
        return y.sum()

    def drive(f):
        r = []
        for i in range(6):
            x = ramp(i).requires_grad_()
            y = f(x)
            y.backward()
            r.append((shown(x), shown(y), shown(x.grad)))
        return r

    return f, drive


@scenario()
def inplace_on_result_before_backward():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        return torch.exp(x * w)

    def drive(f):
        r = []
        for i in range(7):
            w.grad = None
            y = f(ramp(i) / 10)

            def go():
                y.add_(1)
                y.sum().backward()
                return w.grad

            r.append(attempt(go) if i % 2 else attempt(lambda: (y.sum().backward(), w.grad)[1]))
        return r

    return f, drive


@scenario()
def inplace_on_result_fine():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        return x * w

    def drive(f):
        r = []
        for i in range(7):
            w.grad = None
            y = f(ramp(i) / 10)
            y.add_(1)
            y.sum().backward()
            r.append(shown((y, w.grad)))
        return r

    return f, drive


@scenario()
def param_changed_before_backward():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        return (x * w * w).sum()

    def drive(f):
        r = []
        for i in range(7):
            w.grad = None
            y = f(ramp(i) / 10)

            def go():
                with torch.no_grad():
                    w.add_(1)
                y.backward()
                return w.grad

            r.append(attempt(go))
        return r

    return f, drive


@scenario()
def two_forwards_two_backwards():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        return (torch.exp(x * w)).sum()

    def drive(f):
        r = []
        for i in range(7):
            w.grad = None
            a, b = f(ramp(i) / 10), f(ramp(i + 1) / 10)
            a.backward()
            g = w.grad.clone()
            b.backward()
            r.append(shown((a, b, g, w.grad)))
        return r

    return f, drive


@scenario()
def backward_twice_error():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        return (torch.exp(x * w)).sum()

    def drive(f):
        r = []
        for i in range(7):
            w.grad = None
            a = f(ramp(i) / 10)
            a.backward()
            r.append(attempt(a.backward))
        return r

    return f, drive


@scenario()
def retain_graph_outside():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        return (torch.exp(x * w)).sum()

    def drive(f):
        r = []
        for i in range(7):
            w.grad = None
            a = f(ramp(i) / 10)
            a.backward(retain_graph=True)
            a.backward()
            r.append(shown(w.grad))
        return r

    return f, drive


@scenario()
def retain_graph_inside():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        w.grad = None
        a = torch.exp(x * w).sum()
        a.backward(retain_graph=True)
        a.backward()
        return a

    def drive(f):
        r = []
        for i in range(7):
            a = f(ramp(i) / 10)
            r.append((shown(a), shown(w.grad), attempt(a.backward)))
        return r

    return f, drive


@scenario()
def retain_graph_inside_kept():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        w.grad = None
        a = torch.exp(x * w).sum()
        a.backward(retain_graph=True)
        return a

    def drive(f):
        r = []
        for i in range(7):
            a = f(ramp(i) / 10)
            r.append((shown(a), shown(w.grad), attempt(a.backward), shown(w.grad)))
        return r

    return f, drive


@scenario()
def freed_tensor():
    w = torch.ones(3, requires_grad=True)

    def f(x, y):
        (g,) = torch.autograd.grad(y, w, retain_graph=False)
        return g * x

    def drive(f):
        r = []
        for i in range(7):
            y = torch.exp(w * i).sum()
            if i in (5,):
                y.backward()
            r.append(attempt(f, ramp(i), y))
        return r

    return f, drive


@scenario()
def grad_of_arg_accumulates():
    def f(x):
        y = (x * x).sum()
        y.backward()
        return y

    def drive(f):
        r = []
        x = ramp(1).requires_grad_()
        for i in range(8):
            f(x)
            r.append(shown(x.grad))
        for i in range(6):
            x = ramp(i).requires_grad_()
            f(x)
            r.append(shown(x.grad))
        return r

    return f, drive


@scenario()
def arg_with_history():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        return (x * w).sum()

    def drive(f):
        r = []
        for i in range(8):
            w.grad = None
            h = w * ramp(i)
            y = f(h)
            y.backward()
            r.append(shown((y, w.grad)))
        return r

    return f, drive


@scenario()
def parameter_as_argument():
    def f(x):
        return (x * 2).sum()

    def drive(f):
        r = []
        for i in range(8):
            p = nn.Parameter(ramp(i))
            y = f(p)
            y.backward()
            r.append(shown((y, p.grad)))
        return r

    return f, drive


@scenario()
def double_backward_through_pair():
    m = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    with torch.no_grad():
        for j, p in enumerate(m.parameters()):
            p.copy_(torch.linspace(-1, 1, p.numel()).reshape(p.shape))

    def f(x):
        return m(x)

    def drive(f):
        r = []
        for i in range(7):
            m.zero_grad()
            x = (ramp(i) / 10).requires_grad_()
            y = f(x)
            (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
            (g**2).sum().backward()
            r.append(
                shown(
                    [
                        torch.round(p.grad, decimals=4) + 0 if p.grad is not None else None
                        for p in m.parameters()
                    ]
                    + [x.grad.round(decimals=4)]
                )
            )
        return r

    return f, drive


@scenario()
def multi_output_partial_backward():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        y = x * w
        return y.sum(), (y * y).sum(), y.detach()

    def drive(f):
        r = []
        for i in range(8):
            w.grad = None
            a, b, c = f(ramp(i))
            (a if i % 2 else b).backward()
            r.append(shown((a, b, c, w.grad)))
        return r

    return f, drive


@pytest.mark.parametrize("name", scenarios)
def test_as_eager(name):
    scenarios.run(name)
