"""Steps that read things by name: what is there on the next call counts."""

# Code as users write it.
# ruff: noqa: B006, B007, B008, B905, C416, C417

from __future__ import annotations

import contextlib

import numpy as np
import pytest

import rushlight as torch
from steps import Scenarios, attempt, each, ramp

pytest.importorskip("llvmlite")
scenarios = Scenarios()
scenario = scenarios.add

GLOBAL_LIST = [torch.ones(3), torch.full((3,), 2.0)]
CONFIG = {"scale": 2.0, "mode": "a", "nested": {"k": 3.0}}
GT = torch.ones(3)


def helper1(x):
    return x * 2


def helper2(x):
    return x * 5


helper = helper1


@scenario("plan")
def np_constants():
    def f(x):
        return x * float(np.sqrt(2.0)) + torch.from_numpy(np.arange(3, dtype=np.float32))

    return f, each


@scenario("plan")
def np_pi():
    def f(x):
        return x * np.pi

    return f, each


@scenario()
def np_outer_array():
    a = np.ones(3, np.float32)

    def f(x):
        return x + torch.from_numpy(a)

    def drive(f):
        r = []
        for i in range(8):
            if i == 5:
                a[:] = 7
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def np_outer_array_tensor():
    a = np.ones(3, np.float32)

    def f(x):
        return x + torch.tensor(a)

    def drive(f):
        r = []
        for i in range(8):
            if i == 5:
                a[:] = 7
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def np_outer_array_op():
    a = np.ones(3, np.float32)

    def f(x):
        return x * float(a.sum())

    def drive(f):
        r = []
        for i in range(8):
            if i == 5:
                a[:] = 7
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario("plan")
def global_list():
    def f(x):
        return x * GLOBAL_LIST[0] + GLOBAL_LIST[1]

    def drive(f):
        r = []
        GLOBAL_LIST[0] = torch.ones(3)
        for i in range(10):
            if i == 5:
                GLOBAL_LIST[0] = torch.full((3,), 5.0)
            if i == 7:
                GLOBAL_LIST[1].fill_(i)
            if i == 8:
                GLOBAL_LIST[0] = torch.full((1,), 5.0)
            r.append(attempt(f, ramp(i)))
        GLOBAL_LIST[1].fill_(2)
        return r

    return f, drive


@scenario("plan")
def global_list_loop():
    def f(x):
        for t in GLOBAL_LIST:
            x = x * t
        return x

    def drive(f):
        r = []
        GLOBAL_LIST[:] = [torch.ones(3), torch.full((3,), 2.0)]
        for i in range(12):
            if i == 5:
                GLOBAL_LIST.append(torch.full((3,), 5.0))
            if i == 8:
                GLOBAL_LIST.pop()
            r.append(attempt(f, ramp(i)))
        GLOBAL_LIST[:] = [torch.ones(3), torch.full((3,), 2.0)]
        return r

    return f, drive


@scenario("plan")
def dict_config():
    def f(x):
        return x * CONFIG["scale"] if CONFIG["mode"] == "a" else x + 1

    def drive(f):
        r = []
        CONFIG.update(scale=2.0, mode="a")
        for i in range(12):
            if i == 5:
                CONFIG["scale"] = 3.0
            if i == 9:
                CONFIG["mode"] = "b"
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario("plan")
def dict_config_nested():
    def f(x):
        return x * CONFIG["nested"]["k"]

    def drive(f):
        r = []
        CONFIG["nested"]["k"] = 3.0
        for i in range(12):
            if i == 5:
                CONFIG["nested"]["k"] = 9.0
            r.append(attempt(f, ramp(i)))
        CONFIG["nested"]["k"] = 3.0
        return r

    return f, drive


@scenario("plan")
def closure_rebound():
    n = 1.0

    def f(x):
        return x * n

    def drive(f):
        nonlocal n
        r = []
        for i in range(10):
            n = 1.0 if i < 5 else 4.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def helper_function_global():
    def f(x):
        return helper(x)

    def drive(f):
        global helper
        r = []
        for i in range(10):
            helper = helper1 if i < 5 else helper2
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario("plan")
def generator_fn():
    def gen(x):
        for i in range(3):
            yield x * i

    def f(x):
        return sum(gen(x))

    return f, each


@scenario("plan")
def comprehension():
    def f(x):
        return torch.stack([x * i for i in range(3)] + [y for y in (x, x)]) + sum(
            x.sum() for _ in range(2)
        )

    return f, each


@scenario("plan")
def comprehension_closure():
    ws = [1.0, 2.0]

    def f(x):
        return torch.stack([x * w for w in ws])

    def drive(f):
        r = []
        for i in range(10):
            ws[1] = 2.0 if i < 5 else 4.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario("plan")
def fstrings():
    def f(x):
        d = {f"k{i}": x * i for i in range(2)}
        return d[f"k{1}"] + d["k0"]

    return f, each


@scenario()
def str_shape():
    def f(x):
        s = f"{x.shape}"
        return x * len(s)

    return f, each


@scenario("plan")
def try_except():
    def f(x):
        try:
            return x @ torch.ones(7, 7)
        except RuntimeError:
            return x + 1

    return f, each


@scenario("plan")
def try_finally():
    def f(x):
        try:
            y = x * 2
        finally:
            y = y + 1
        return y

    return f, each


@scenario()
def context_managers():
    class CM:
        def __enter__(self):
            return 2.0

        def __exit__(self, *a):
            return False

    cm = CM()

    def f(x):
        with cm as s, torch.no_grad():
            return x * s

    return f, each


@scenario()
def contextlib_cm():
    @contextlib.contextmanager
    def cm():
        yield 3.0

    def f(x):
        with cm() as s:
            return x * s

    return f, each


@scenario("plan")
def enumerate_zip():
    ws = [torch.ones(3), torch.full((3,), 2.0)]

    def f(x):
        for i, (w, k) in enumerate(zip(ws, (1.0, 2.0))):
            x = x * w + i * k
        return x

    return f, each


@scenario("plan")
def recursion():
    def g(x, n):
        return x if n == 0 else g(x * 1.5, n - 1)

    def f(x):
        return g(x, 4)

    return f, each


@scenario("plan")
def mutable_default_read():
    def f(x, d=[2.0]):
        return x * d[0]

    def drive(ff):
        d = f.__defaults__[0]
        r = []
        for i in range(10):
            d[0] = 2.0 if i < 5 else 4.0
            r.append(attempt(ff, ramp(i)))
        d[0] = 2.0
        return r

    return f, drive


@scenario("plan")
def default_tensor():
    def f(x, w=torch.ones(3)):
        return x * w

    def drive(ff):
        w = f.__defaults__[0]
        r = []
        for i in range(10):
            w.fill_(2.0 if i < 5 else 4.0)
            r.append(attempt(ff, ramp(i)))
        return r

    return f, drive


@scenario()
def global_dict_order():
    class H:
        d = {}

    def f(x):
        for k, v in H.d.items():
            x = x * 2 + v
        return x

    def drive(f):
        r = []
        for i in range(14):
            H.d = {"a": 1.0, "b": 2.0} if i % 4 < 2 else {"b": 2.0, "a": 1.0}
            r.append(attempt(f, ramp(i)))
        d = H.d = {"a": 1.0, "b": 2.0}
        for i in range(14):
            if i == 6:
                d.pop("a")
                d["a"] = 1.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def minus_zero_named():
    class H:
        s = 0.0

    def f(x):
        return x / H.s

    def drive(f):
        r = []
        for i in range(12):
            H.s = 0.0 if i % 4 < 2 else -0.0
            r.append(str(attempt(f, ramp(1))))
        return r

    return f, drive


@scenario()
def no_args_global():
    def f():
        return GT * 2

    def drive(f):
        global GT
        r = []
        for i in range(9):
            GT = torch.full((3,), float(i))
            r.append(attempt(f))
        return r

    return f, drive


@scenario()
def walrus_lambda_map():
    def f(x):
        return sum(map(lambda a: a * 2, [x, x])) + (y := x * 3) + y

    return f, each


@scenario()
def sorted_key():
    ws = {"b": 1.0, "a": 2.0}

    def f(x):
        for k in sorted(ws, key=lambda k: ws[k]):
            x = x * 2 + ws[k]
        return x

    def drive(f):
        ws.update(b=1.0, a=2.0)
        r = []
        for i in range(9):
            if i == 5:
                ws["b"] = 5.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def loop_over_loader_inside():
    data = torch.arange(24.0).reshape(8, 3)
    dl = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(data), batch_size=4)

    def f(x):
        for (b,) in dl:
            x = x + b.sum(0)
        return x

    def drive(f):
        data.copy_(torch.arange(24.0).reshape(8, 3))
        r = []
        for i in range(8):
            if i == 6:
                data.fill_(1.0)
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@pytest.mark.parametrize("name", scenarios)
def test_as_eager(name):
    scenarios.run(name)
