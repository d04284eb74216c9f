"""Steps that look at values, draw numbers or ask the time: a replay would not."""

# Code as users write it.
# ruff: noqa: B028, E741, F841, F811

from __future__ import annotations

import datetime
import os
import random
import time
import warnings
from time import perf_counter

import numpy as np
import pytest

import rushlight as torch
from steps import Scenarios, attempt, each, ramp, shown

pytest.importorskip("llvmlite")
scenarios = Scenarios()
scenario = scenarios.add


@scenario()
def item_in_step():
    def f(x):
        return x * x.sum().item()

    return f, each


@scenario()
def tolist_in_step():
    def f(x):
        return x * sum(x.tolist())

    return f, each


@scenario()
def float_of_tensor():
    def f(x):
        return x * float(x.sum())

    return f, each


@scenario()
def if_tensor():
    def f(x):
        return x * 2 if x.sum() > 6 else x

    return f, each


@scenario()
def while_tensor():
    def f(x):
        while x.sum() < 50:
            x = x * 2 + 1
        return x

    return f, each


@scenario()
def index_bool_mask():
    def f(x):
        return x[x > 2].sum()

    return f, each


@scenario()
def nonzero_():
    def f(x):
        return torch.nonzero(x > 2).sum() + x.sum()

    return f, each


@scenario()
def unique_():
    def f(x):
        return torch.unique(x).sum()

    return f, each


@scenario()
def index_tensor_scalar():
    def f(x, i):
        return x[i]

    def drive(f):
        return [attempt(f, ramp(i), torch.tensor(i % 3)) for i in range(8)]

    return f, drive


@scenario()
def int_index():
    def f(x, i):
        return x[int(i)]

    def drive(f):
        return [attempt(f, ramp(i), torch.tensor(i % 3)) for i in range(8)]

    return f, drive


@scenario()
def numpy_in_step():
    def f(x):
        return torch.from_numpy(np.sin(x.numpy()))

    return f, each


@scenario()
def np_of_tensor():
    def f(x):
        return torch.as_tensor(np.sin(x))

    return f, each


@scenario()
def fstring_tensor():
    def f(x):
        s = f"{x}"
        return x * len(s)

    def drive(f):
        return [attempt(f, torch.tensor(*[1.0 * 10**i])) for i in range(8)]

    return f, drive


@scenario()
def assert_allclose():
    def f(x):
        assert torch.isfinite(x).all()
        return x * 2

    def drive(f):
        return each(f) + [attempt(f, torch.tensor([1.0, float("inf"), 2.0]))]

    return f, drive


@scenario()
def clip_error_if_nonfinite():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        w.grad = None
        (x * w).sum().backward()
        torch.nn.utils.clip_grad_norm_([w], 1.0, error_if_nonfinite=True)
        return w.grad * 1

    def drive(f):
        return each(f) + [attempt(f, torch.tensor([1.0, float("inf"), 2.0]))]

    return f, drive


@scenario()
def reduce_on_plateau():
    w = torch.ones(3, requires_grad=True)
    o = torch.optim.SGD([w], 0.1)
    sch = torch.optim.lr_scheduler.ReduceLROnPlateau(o, patience=1)

    def f(x):
        o.zero_grad()
        l = (x * w).sum()
        l.backward()
        o.step()
        sch.step(l)
        return l

    def drive(f):
        w.data.fill_(1)
        return [(attempt(f, ramp(i)), o.param_groups[0]["lr"]) for i in range(9)]

    return f, drive


@scenario()
def lbfgs():
    w = torch.ones(3, requires_grad=True)
    o = torch.optim.LBFGS([w], 0.1)

    def f(x):
        def closure():
            o.zero_grad()
            l = ((x * w) ** 2).sum()
            l.backward()
            return l

        return o.step(closure)

    def drive(f):
        w.data.fill_(1)
        return [(attempt(f, ramp(i)), shown(w)) for i in range(6)]

    return f, drive


@scenario()
def grad_scaler():
    w = torch.ones(3, requires_grad=True)
    o = torch.optim.SGD([w], 0.1)
    sc = torch.amp.GradScaler("cpu")

    def f(x):
        o.zero_grad()
        l = ((x * w) ** 2).sum()
        sc.scale(l).backward()
        sc.step(o)
        sc.update()
        return l

    def drive(f):
        w.data.fill_(1)
        return [(attempt(f, ramp(i) / 10), shown(w)) for i in range(6)]

    return f, drive


@scenario()
def manual_seed_inside():
    def f(x):
        torch.manual_seed(4)
        return x + torch.rand(3)

    def drive(f):
        torch.manual_seed(0)
        r = each(f)
        return r + [torch.rand(1).item()]

    return f, drive


@scenario()
def fork_rng_inside():
    def f(x):
        with torch.random.fork_rng():
            return x + torch.rand(3)

    def drive(f):
        torch.manual_seed(0)
        r = each(f)
        return r + [torch.rand(1).item()]

    return f, drive


@scenario()
def get_rng_inside():
    def f(x):
        s = torch.get_rng_state()
        y = torch.rand(3)
        torch.set_rng_state(s)
        return x + torch.rand(3) + y

    def drive(f):
        torch.manual_seed(0)
        r = each(f)
        return r + [torch.rand(1).item()]

    return f, drive


@scenario()
def raising_user():
    flag = {"go": False}

    def f(x):
        if flag["go"]:
            raise ValueError("user")
        return x * 2

    def drive(f):
        r = []
        for i in range(14):
            flag["go"] = i in (1, 2, 5, 9, 10)
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario("eager")
def py_random():
    def f(x):
        return x * random.random()

    def drive(f):
        random.seed(0)
        return each(f)

    return f, drive


@scenario("eager")
def py_time():
    t = [0]

    def f(x):
        return x * (0 if time.time() < 0 else 1)

    return f, each


@scenario("eager")
def py_perf():
    def f(x):
        return x * (0 if perf_counter() < 0 else 1)

    return f, each


@scenario("eager")
def py_datetime():
    def f(x):
        return x * (0 if datetime.datetime.now().year < 0 else 1)

    return f, each


@scenario("eager")
def np_random():
    def f(x):
        return x * float(np.random.rand())

    def drive(f):
        np.random.seed(0)
        return each(f)

    return f, drive


@scenario("eager")
def np_random_gen():
    def f(x):
        return x * float(f.g.random())

    g = np.random.default_rng(0)

    def f(x):
        return x * float(g.random())

    def drive(ff):
        g.bit_generator.state = np.random.default_rng(0).bit_generator.state
        return each(ff)

    return f, drive


@scenario()
def environ_read():
    def f(x):
        return x * float(os.environ.get("F_SCALE", "1"))

    def drive(f):
        r = []
        for i in range(9):
            os.environ["F_SCALE"] = "1" if i < 5 else "4"
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def warn_in_step():
    def f(x):
        warnings.warn("user warning")
        return x * 2

    def drive(f):
        r = []
        for i in range(6):
            with warnings.catch_warnings(record=True) as w:
                warnings.simplefilter("always")
                r.append((attempt(f, ramp(i)), sum("user" in str(m.message) for m in w)))
        return r

    return f, drive


@pytest.mark.parametrize("name", scenarios)
def test_as_eager(name):
    scenarios.run(name)
