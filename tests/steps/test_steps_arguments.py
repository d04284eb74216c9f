"""What is passed to compiled steps."""

# Code as users write it.
# ruff: noqa: B007, E741

from __future__ import annotations

import collections
import math

import numpy as np
import pytest

import rushlight as torch
from steps import Scenarios, attempt, each, ramp, shown

pytest.importorskip("llvmlite")
F = torch.nn.functional
scenarios = Scenarios()
scenario = scenarios.add


@scenario()
def np_argument():
    def f(x, a):
        return x * float(a.sum())

    a = np.ones(3, np.float32)

    def drive(f):
        r = []
        for i in range(8):
            if i == 5:
                a[:] = 7
            r.append(attempt(f, ramp(i), a))
        return r

    return f, drive


@scenario()
def np_argument_fresh():
    def f(x, a):
        return x + torch.from_numpy(a)

    def drive(f):
        return [attempt(f, ramp(i), np.full(3, float(i), np.float32)) for i in range(8)]

    return f, drive


@scenario()
def python_list_arg():
    def f(x, l):
        return x * l[0]

    def drive(f):
        l = [1.0]
        r = []
        for i in range(8):
            if i == 5:
                l[0] = 7.0
            r.append(attempt(f, ramp(i), l))
        return r

    return f, drive


@scenario("plan")
def kwargs_():
    def f(x, *, scale, **rest):
        return x * scale + rest["b"]

    def drive(f):
        return (
            [attempt(f, ramp(i), scale=ramp(1), b=ramp(i)) for i in range(6)]
            + [attempt(f, x=ramp(i), scale=ramp(1), b=ramp(i)) for i in range(6)]
            + [attempt(f, ramp(0), b=ramp(3), scale=ramp(2))]
        )

    return f, drive


@scenario("plan")
def nested_containers():
    def f(d):
        return d["a"][0] * d["b"]["c"][1] + d["t"][0][0]

    def drive(f):
        return [
            attempt(f, {"a": [ramp(i)], "b": {"c": (1, ramp(i + 1))}, "t": ((ramp(2),),)})
            for i in range(7)
        ]

    return f, drive


@scenario("plan")
def namedtuple_arg():
    P = collections.namedtuple("P", "x y")

    def f(p):
        return P(p.x * 2, p.y)

    def drive(f):
        return [attempt(f, P(ramp(i), ramp(i + 1))) for i in range(7)]

    return f, drive


@scenario("plan")
def ordereddict_arg():
    def f(p):
        return p["x"] * 2

    def drive(f):
        return [attempt(f, collections.OrderedDict(x=ramp(i), y=ramp(i + 1))) for i in range(7)]

    return f, drive


@scenario()
def wrong_dtype():
    w = torch.ones(3, 3)

    def f(x):
        return x @ w

    def drive(f):
        return each(f) + [
            attempt(f, ramp(0).double()),
            attempt(f, ramp(0).long()),
            attempt(f, 3),
            attempt(f),
            attempt(f, ramp(0), ramp(1)),
            attempt(f, x=ramp(0)),
        ]

    return f, drive


@scenario()
def generator_argument():
    def f(x, g):
        return x + torch.rand(3, generator=g)

    def drive(f):
        g = torch.Generator().manual_seed(1)
        r = []
        for i in range(10):
            if i == 5:
                g = torch.Generator().manual_seed(7)
            r.append(attempt(f, ramp(i), g))
        return r

    return f, drive


@scenario()
def bool_of_argument_number():
    def f(x, flag):
        return x * 2 if flag else x * 3

    def drive(f):
        return [attempt(f, ramp(i), i % 3 == 0) for i in range(12)]

    return f, drive


@scenario()
def int_argument_many():
    def f(x, n):
        return x * n

    def drive(f):
        return [attempt(f, ramp(i), i) for i in range(30)]

    return f, drive


@scenario()
def float_argument_many():
    def f(x, s):
        return x * s + (1 - s) * 2

    def drive(f):
        return [attempt(f, ramp(i), i * 0.37) for i in range(30)]

    return f, drive


@scenario()
def float_argument_compare():
    def f(x, s):
        return x * s if s > 3 else x + s

    def drive(f):
        return [attempt(f, ramp(i), i * 0.37) for i in range(30)]

    return f, drive


@scenario()
def float_argument_int():
    def f(x, s):
        return x * int(s)

    def drive(f):
        return [attempt(f, ramp(i), i * 0.1) for i in range(30)]

    return f, drive


@scenario()
def float_argument_str():
    def f(x, s):
        return x * len(str(s)) + float(f"{s:.1f}")

    def drive(f):
        return [attempt(f, ramp(i), i * 0.1) for i in range(10)]

    return f, drive


@scenario()
def float_argument_math():
    def f(x, s):
        return x * math.exp(s) + round(s) + abs(s) + max(s, 1.0) + s**2

    def drive(f):
        return [attempt(f, ramp(i), i * 0.1) for i in range(10)]

    return f, drive


@scenario()
def float_argument_ops():
    def f(x, s):
        return (
            F.dropout(x, s * 0, True)
            + torch.full((3,), s)
            + torch.clamp(x, max=s)
            + torch.add(x, x, alpha=s)
            + torch.tensor(s)
            + torch.tensor([s, 1.0]).sum()
            + F.leaky_relu(-x, s)
        )

    def drive(f):
        return [attempt(f, ramp(i), i * 0.1) for i in range(14)]

    return f, drive


@scenario()
def float_argument_param():
    w = torch.ones(3, requires_grad=True)

    def f(x, lr):
        w.grad = None
        loss = (x * w).sum() * lr
        loss.backward()
        with torch.no_grad():
            w.sub_(lr * w.grad)
            w.add_(w.grad, alpha=-lr)
        return loss

    def drive(f):
        with torch.no_grad():
            w.fill_(1)
        return [(attempt(f, ramp(i), i * 0.01), shown(w)) for i in range(14)]

    return f, drive


@scenario()
def float_stored():
    class H:
        last = None

    def f(x, s):
        d = {"s": s}
        l = [s]
        return x * d["s"] + l[0], s

    def drive(f):
        return [attempt(f, ramp(i), i * 0.1) for i in range(14)]

    return f, drive


@scenario()
def float_nan():
    def f(x, s):
        return x * s

    def drive(f):
        return [str(attempt(f, ramp(i), float("nan") if i % 2 else i * 1.0)) for i in range(14)]

    return f, drive


@scenario()
def float_lr_set():
    w = torch.ones(3, requires_grad=True)
    o = torch.optim.SGD([w], 0.1)

    def f(x, lr):
        for g in o.param_groups:
            g["lr"] = lr
        o.zero_grad()
        (x * w).sum().backward()
        o.step()
        return w * 1

    def drive(f):
        with torch.no_grad():
            w.fill_(1)
        r = [attempt(f, ramp(i), i * 0.01) for i in range(14)]
        return r + [o.param_groups[0]["lr"]]

    return f, drive


@scenario()
def subclass_argument():
    class Sub(torch.Tensor):
        pass

    def f(x):
        return x * 2

    def drive(f):
        r = each(f)
        return r

    return f, drive


@scenario()
def isinstance_branch():
    def f(x):
        return x[0] * 2 if isinstance(x, (list, tuple)) else x * 3

    def drive(f):
        return [attempt(f, [ramp(i)] if i % 3 else ramp(i)) for i in range(14)]

    return f, drive


@scenario()
def dict_iteration_order():
    def f(d):
        r = 0
        for i, (k, v) in enumerate(d.items()):
            r = r * 2 + v
        return r

    def drive(f):
        return [
            attempt(f, {"a": ramp(i), "b": ramp(1)} if i % 4 < 2 else {"b": ramp(1), "a": ramp(i)})
            for i in range(14)
        ]

    return f, drive


@scenario()
def kwargs_order():
    def f(**d):
        r = 0
        for k, v in d.items():
            r = r * 2 + v
        return r

    def drive(f):
        return [
            attempt(
                f, **({"a": ramp(i), "b": ramp(1)} if i % 4 < 2 else {"b": ramp(1), "a": ramp(i)})
            )
            for i in range(14)
        ]

    return f, drive


@scenario()
def minus_zero():
    def f(x, s):
        return x / s

    def drive(f):
        return [str(attempt(f, ramp(1), 0.0 if i % 4 < 2 else -0.0)) for i in range(12)]

    return f, drive


@scenario()
def true_vs_one():
    def f(x, s):
        return x * s, s

    def drive(f):
        return [
            str(attempt(f, torch.tensor([True, False]), (True, 1, 1.0)[i % 3])) for i in range(18)
        ]

    return f, drive


@scenario()
def star_args():
    def f(*xs):
        return sum(xs)

    def drive(f):
        return [attempt(f, *[ramp(i)] * (1 + i % 3)) for i in range(20)]

    return f, drive


@scenario()
def shape_attr_user():
    def f(x):
        return x.view(-1, x.numel() // 3) * x.size(0)

    def drive(f):
        return [attempt(f, ramp(i, n)) for n in (3, 6) for i in range(5)]

    return f, drive


@scenario()
def assert_in_step():
    def f(x):
        assert x.dim() == 1
        return x * 2

    def drive(f):
        return each(f) + [attempt(f, torch.ones(2, 2))]

    return f, drive


@scenario("plan")
def early_return():
    def f(x):
        if x.shape[0] > 3:
            return x * 2
        if len(x) == 2:
            return x * 5
        return x + 1

    def drive(f):
        return [attempt(f, ramp(i, n)) for n in (2, 3, 4) for i in range(5)]

    return f, drive


@pytest.mark.parametrize("name", scenarios)
def test_as_eager(name):
    scenarios.run(name)
