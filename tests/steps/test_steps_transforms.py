"""Custom functions, transforms, wrappers and optimizers inside and around steps."""

# Code as users write it.
# ruff: noqa: B905, E741

from __future__ import annotations

import copy

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.autograd import forward_ad as fwAD
from steps import Scenarios, attempt, each, ramp, shown

pytest.importorskip("llvmlite")
scenarios = Scenarios()
scenario = scenarios.add


@scenario("plan")
def custom_function():
    class Sq(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.k = 2
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * x * ctx.k

    w = torch.ones(3, requires_grad=True)

    def f(x):
        w.grad = None
        Sq.apply(x * w).sum().backward()
        return w.grad * 1

    return f, each


@scenario()
def custom_function_pair():
    class Sq(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * x * 2

    w = torch.ones(3, requires_grad=True)

    def f(x):
        return Sq.apply(x * w).sum()

    def drive(f):
        r = []
        for i in range(8):
            w.grad = None
            y = f(ramp(i))
            y.backward()
            r.append(shown((y, w.grad)))
        return r

    return f, drive


@scenario()
def custom_function_numpy():
    class Sq(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.from_numpy(np.square(x.detach().numpy()))

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return torch.from_numpy(g.numpy() * x.numpy() * 2)

    w = torch.ones(3, requires_grad=True)

    def f(x):
        w.grad = None
        Sq.apply(x * w).sum().backward()
        return w.grad * 1

    return f, each


@scenario()
def func_grad_around():
    def f(x):
        return (x**3).sum()

    def drive(f):
        r = [attempt(f, ramp(i)) for i in range(5)]
        return r + [attempt(torch.func.grad(f), ramp(i)) for i in range(5)]

    return f, drive


@scenario()
def func_vmap_around():
    def f(x):
        return (x**3).sum()

    def drive(f):
        r = [attempt(f, ramp(i)) for i in range(5)]
        b = torch.arange(6.0).reshape(2, 3)
        return r + [attempt(torch.func.vmap(f), b + i) for i in range(5)]

    return f, drive


@scenario()
def func_jvp_around():
    def f(x):
        return (x**3).sum()

    def drive(f):
        r = [attempt(f, ramp(i)) for i in range(5)]
        return r + [attempt(torch.func.jvp, f, (ramp(i),), (ramp(1),)) for i in range(5)]

    return f, drive


@scenario()
def forward_ad_around():
    def f(x):
        return (x**3).sum()

    def drive(f):
        r = [attempt(f, ramp(i)) for i in range(5)]
        for i in range(4):
            with fwAD.dual_level():
                d = fwAD.make_dual(ramp(i), ramp(1))
                y = f(d)
                p, t = fwAD.unpack_dual(y)
                r.append((shown(p), None if t is None else shown(t)))
        return r

    return f, drive


@scenario()
def func_inside():
    g = torch.func.grad(lambda x: (x**3).sum())

    def f(x):
        return g(x) + torch.func.vmap(lambda a: a * 2)(x)

    return f, each


@scenario()
def func_inside_hessian():
    def f(x):
        return torch.func.hessian(lambda v: (v**3).sum())(x)

    return f, each


@scenario()
def functional_call():
    m = nn.Linear(3, 2)
    ps = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}

    def f(ps, x):
        return torch.func.functional_call(m, ps, (x,))

    def drive(f):
        return [attempt(f, {k: v * i for k, v in ps.items()}, ramp(i)) for i in range(7)]

    return f, drive


@scenario()
def maml():
    m = nn.Linear(3, 1)
    o = torch.optim.SGD(m.parameters(), 0.01)

    def f(x):
        o.zero_grad()
        ps = dict(m.named_parameters())
        l = torch.func.functional_call(m, ps, (x,)).pow(2).sum()
        gs = torch.autograd.grad(l, list(ps.values()), create_graph=True)
        ps = {k: p - 0.1 * g for (k, p), g in zip(ps.items(), gs)}
        l2 = torch.func.functional_call(m, ps, (x,)).pow(2).sum()
        l2.backward()
        o.step()
        return l2

    def drive(f):
        with torch.no_grad():
            m.weight.fill_(0.5)
            m.bias.fill_(0.0)
        return each(f, mk=lambda i: ramp(i) / 10)

    return f, drive


@scenario()
def checkpoint_():
    m = nn.Linear(3, 3)
    with torch.no_grad():
        m.weight.fill_(0.3)
        m.bias.fill_(0.1)

    def f(x):
        m.zero_grad()
        y = torch.utils.checkpoint.checkpoint(m, x, use_reentrant=False).tanh().sum()
        y.backward()
        return m.weight.grad * 1

    return f, each


@scenario()
def weight_norm_parametrize():
    m = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    with torch.no_grad():
        for p in m.parameters():
            p.fill_(0.5)
    o = torch.optim.SGD(m.parameters(), 0.1)

    def f(x):
        o.zero_grad()
        l = m(x).sum()
        l.backward()
        o.step()
        return l

    def drive(f):
        with torch.no_grad():
            for p in m.parameters():
                p.fill_(0.5)
        return each(f, mk=lambda i: ramp(i) / 10)

    return f, drive


@scenario()
def spectral_norm():
    torch.manual_seed(0)
    m = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2))
    sd = copy.deepcopy(m.state_dict())
    o = torch.optim.SGD(m.parameters(), 0.1)

    def f(x):
        o.zero_grad()
        l = m(x).sum()
        l.backward()
        o.step()
        return l

    def drive(f):
        m.load_state_dict(sd)
        return each(f, mk=lambda i: ramp(i) / 10)

    return f, drive


@scenario()
def nested_compile():
    inner = torch.compile(lambda x: torch.tanh(x))

    def f(x):
        return inner(x) + 1

    return f, each


@scenario()
def deepcopy_module():
    m = nn.Linear(3, 2)
    with torch.no_grad():
        m.weight.fill_(1.0)
        m.bias.fill_(0.0)

    def f(x):
        return m(x)

    def drive(f):
        r = each(f)
        g = copy.deepcopy(f)
        return r + each(g)

    return f, drive


@scenario()
def sgd_closure():
    w = torch.ones(3, requires_grad=True)
    o = torch.optim.SGD([w], 0.1)

    def f(x):
        def closure():
            o.zero_grad()
            l = ((x * w) ** 2).sum()
            l.backward()
            return l

        return o.step(closure)

    def drive(f):
        w.data.fill_(1)
        return [(attempt(f, ramp(i) / 10), shown(w)) for i in range(6)]

    return f, drive


@scenario()
def scheduler_inside():
    w = torch.ones(3, requires_grad=True)
    o = torch.optim.SGD([w], 0.1)
    sch = torch.optim.lr_scheduler.LambdaLR(o, lambda e: 0.9**e)

    def f(x):
        o.zero_grad()
        (x * w).sum().backward()
        o.step()
        sch.step()
        return w * 1

    def drive(f):
        w.data.fill_(1)
        return [(attempt(f, ramp(i) / 10), o.param_groups[0]["lr"]) for i in range(9)]

    return f, drive


@scenario()
def add_param_group():
    w = torch.ones(3, requires_grad=True)
    v = torch.ones(3, requires_grad=True)
    o = torch.optim.SGD([w], 0.1)

    def f(x):
        o.zero_grad()
        (x * w * v).sum().backward()
        o.step()
        return w * 1, v * 1

    def drive(f):
        r = []
        for i in range(12):
            if i == 6:
                o.add_param_group({"params": [v], "lr": 1.0})
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def param_set_data_opt():
    w = torch.ones(3, requires_grad=True)
    o = torch.optim.Adam([w], 0.1)

    def f(x):
        o.zero_grad()
        (x * w).sum().backward()
        o.step()
        return w * 1

    def drive(f):
        r = []
        for i in range(12):
            if i == 6:
                w.data = torch.full((3,), 4.0)
            if i == 8:
                o.param_groups[0]["lr"] = 1.0
            if i == 9:
                o.load_state_dict(copy.deepcopy(o.state_dict()))
            if i == 10:
                o.state.clear()
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def param_replaced():
    m = nn.Linear(3, 2)
    with torch.no_grad():
        m.weight.fill_(1.0)
        m.bias.fill_(0.0)

    def f(x):
        return m(x)

    def drive(f):
        r = []
        for i in range(16):
            if i == 5:
                m.weight = nn.Parameter(torch.full((2, 3), 5.0))
            if i == 8:
                m.weight.data = torch.full((2, 3), 6.0)
            if i == 11:
                m.bias = None
            if i == 13:
                m.weight = nn.Parameter(torch.full((4, 3), 5.0))
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def parameter_sharing():
    a, b = nn.Linear(3, 3), nn.Linear(3, 3)
    b.weight = a.weight
    o = torch.optim.SGD([*a.parameters(), b.bias], 0.01)

    def f(x):
        o.zero_grad()
        y = b(a(x)).sum()
        y.backward()
        o.step()
        return y

    def drive(f):
        with torch.no_grad():
            for p in (a.weight, a.bias, b.bias):
                p.fill_(0.5)
        return each(f)

    return f, drive


@pytest.mark.parametrize("name", scenarios)
def test_as_eager(name):
    scenarios.run(name)
