"""Which tensors share memory, before a step, in it and among its results."""

# Code as users write it.
# ruff: noqa: B007

from __future__ import annotations

import pytest

import rushlight as torch
from steps import Scenarios, attempt, each, ramp, shown

pytest.importorskip("llvmlite")
scenarios = Scenarios()
scenario = scenarios.add


@scenario()
def returns_input():
    def f(x):
        return x

    def drive(f):
        r = []
        for i in range(6):
            x = ramp(i)
            y = f(x)
            r.append((shown(y), y is x))
        return r

    return f, drive


@scenario()
def returns_view_of_input():
    def f(x):
        return x[1:]

    def drive(f):
        r = []
        for i in range(6):
            x = ramp(i)
            y = f(x)
            y.add_(5)
            r.append((shown(y), shown(x)))
        return r

    return f, drive


@scenario()
def returns_view_of_param():
    w = torch.ones(4)

    def f():
        return w[1:]

    def drive(f):
        w.fill_(1)
        r = []
        for i in range(6):
            y = f()
            y.add_(5)
            r.append((shown(y), shown(w)))
        return r

    return f, drive


@scenario()
def returns_two_views():
    def f(x):
        y = x * 2
        return y, y[0:1], y.view(3, 1)

    def drive(f):
        r = []
        for i in range(6):
            a, b, c = f(ramp(i))
            b.fill_(100.0)
            r.append(shown((a, b, c)))
        return r

    return f, drive


@scenario()
def returns_same_twice():
    def f(x):
        y = x * 2
        return y, y

    def drive(f):
        r = []
        for i in range(6):
            a, b = f(ramp(i))
            r.append((shown(a), a is b))
        return r

    return f, drive


@scenario()
def same_tensor_twice():
    def f(x, y):
        x.add_(1)
        return x * y

    def drive(f):
        r = []
        for i in range(14):
            x = ramp(i)
            y = x if i % 4 < 2 else ramp(i)
            r.append((attempt(f, x, y), shown(x), shown(y)))
        return r

    return f, drive


@scenario()
def aliasing_args():
    def f(x, y):
        x.add_(1)
        return x * y

    def drive(f):
        r = []
        for i in range(14):
            b = torch.arange(6.0) + i
            x, y = (b[:3], b[3:]) if i % 4 < 2 else (b[:3], b[1:4])
            r.append((attempt(f, x, y), shown(b)))
        return r

    return f, drive


@scenario()
def arg_is_param():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        w.grad = None
        (x * w).sum().backward()
        return w.grad * 1

    def drive(f):
        r = [attempt(f, ramp(i)) for i in range(5)]
        return r + [
            attempt(f, w),
            attempt(f, w),
            attempt(f, w),
            attempt(f, w),
            attempt(f, w.detach()),
        ]

    return f, drive


@scenario()
def arg_shares_param_memory():
    w = torch.ones(3)

    def f(x):
        w.add_(1)
        return w * x

    def drive(f):
        w.fill_(1)
        r = [attempt(f, ramp(i)) for i in range(5)]
        return (
            r
            + [attempt(f, w) for _ in range(4)]
            + [attempt(f, w[:]) for _ in range(4)]
            + [attempt(f, w.detach()) for _ in range(4)]
        )

    return f, drive


@scenario()
def named_shares_cell():
    w = torch.ones(3)

    class H:
        t = torch.ones(3)

    def f(x):
        w.add_(1)
        return w * x * H.t

    def drive(f):
        w.fill_(1)
        H.t = torch.ones(3)
        r = []
        for i in range(12):
            if i == 5:
                H.t = w
            if i == 7:
                H.t = w.detach()
            if i == 9:
                H.t = torch.ones(3)
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def swapped_named():
    class H:
        a = torch.ones(3)
        b = torch.full((3,), 2.0)

    def f(x):
        return x * H.a - H.b

    def drive(f):
        H.a, H.b = torch.ones(3), torch.full((3,), 2.0)
        r = []
        for i in range(12):
            if i > 4:
                H.a, H.b = H.b, H.a
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def named_written():
    class H:
        a = torch.ones(3)

    def f(x):
        H.a.mul_(0.5).add_(x)
        return H.a * 2

    def drive(f):
        H.a = torch.ones(3)
        r = []
        for i in range(12):
            if i == 6:
                H.a = torch.full((3,), 100.0)
            r.append((attempt(f, ramp(i)), shown(H.a)))
        return r

    return f, drive


@scenario()
def arg_noncontiguous():
    def f(x):
        return x * 2

    def drive(f):
        r = []
        for i in range(12):
            b = torch.arange(12.0).reshape(3, 4) + i
            r.append(attempt(f, [b, b.t(), b[:, ::2], b[1:]][i % 4]))
        r += [attempt(f, (torch.arange(12.0).reshape(3, 4) + i).t()) for i in range(4)]
        return r

    return f, drive


@scenario()
def empty_args():
    def f(x):
        return x * 2, x.sum()

    def drive(f):
        return [attempt(f, torch.zeros(0)) for i in range(6)]

    return f, drive


@scenario()
def expand_arg():
    def f(x):
        return x * 2

    def drive(f):
        return [attempt(f, torch.full((1,), float(i)).expand(3)) for i in range(6)]

    return f, drive


@scenario()
def inplace_on_input():
    def f(x):
        x.add_(1)
        return x * 2

    def drive(f):
        r = []
        for i in range(6):
            x = ramp(i)
            v = x._version
            y = f(x)
            r.append((shown(x), shown(y), x._version - v))
        return r

    return f, drive


@scenario()
def inplace_on_input_view():
    def f(x):
        x[0] = 9.0
        x[1:].mul_(2)
        return x.sum()

    def drive(f):
        r = []
        for i in range(6):
            x = ramp(i)
            y = f(x)
            r.append((shown(x), shown(y)))
        return r

    return f, drive


@scenario()
def detach_alias_write():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        w.data.add_(x)
        w.detach().mul_(2)
        return w * 1

    def drive(f):
        w.data.fill_(1)
        return each(f)

    return f, drive


@scenario()
def nothing_returned():
    w = torch.ones(3)

    def f(x):
        w.add_(x)

    def drive(f):
        w.fill_(1)
        return [(attempt(f, ramp(i)), shown(w)) for i in range(7)]

    return f, drive


@scenario("plan")
def returns_nontensors():
    def f(x):
        return {"y": x * 2, "n": x.shape[0], "s": "hi", "l": [1, None, x + 1]}

    return f, each


@scenario()
def matmul_shape_one():
    def f(x):
        return x.sum(0, keepdim=True) * x

    def drive(f):
        return [attempt(f, torch.ones(n, 2) * i) for n in (1, 2, 1, 3) for i in range(4)]

    return f, drive


@scenario()
def grad_kept_reference():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        (x * w).sum().backward()
        return w.grad

    def drive(f):
        w.grad = None
        r = []
        gs = []
        for i in range(10):
            g = f(ramp(i))
            gs.append(g)
            r.append((g is w.grad, g is gs[0]))
        return r, shown(gs)

    return f, drive


@scenario()
def grad_present_on_entry():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        (x * w).sum().backward()
        return w.grad * 1

    def drive(f):
        w.grad = None
        r = []
        for i in range(14):
            if i in (5, 9, 10):
                w.grad = None
            if i == 7:
                w.grad = torch.full((3,), 50.0)
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@pytest.mark.parametrize("name", scenarios)
def test_as_eager(name):
    scenarios.run(name)
