"""Steps that do more than compute: what they do must happen on every call."""

# Code as users write it.
# ruff: noqa: B006, B007, E741, F841

from __future__ import annotations

import collections
import itertools
import logging
import sys

import pytest

import rushlight as torch
from rushlight import nn
from steps import Scenarios, attempt, each, shown

pytest.importorskip("llvmlite")
scenarios = Scenarios()
scenario = scenarios.add

COUNTER = 0


@scenario("eager")
def global_counter():
    def f(x):
        global COUNTER
        COUNTER += 1
        return x * COUNTER

    def drive(f):
        global COUNTER
        COUNTER = 0
        return each(f)

    return f, drive


@scenario("eager")
def nonlocal_counter():
    n = 0

    def f(x):
        nonlocal n
        n += 1
        return x * n

    return f, each


@scenario()
def iterator_next():
    it = [None]

    class H:
        it = None

    def f(x):
        return x * next(H.it)

    def drive(f):
        H.it = iter(range(100))
        return each(f)

    return f, drive


@scenario()
def itertools_count():
    class H:
        it = None

    def f(x):
        for v in H.it:
            break
        return x * v

    def drive(f):
        H.it = itertools.count()
        return each(f)

    return f, drive


@scenario()
def generator_outer():
    class H:
        it = None

    def f(x):
        return x * next(H.it)

    def g():
        i = 0
        while True:
            yield i
            i += 1

    def drive(f):
        H.it = g()
        return each(f)

    return f, drive


@scenario()
def append_outer():
    l = []

    def f(x):
        y = x * 2
        l.append(y)
        return y

    def drive(f):
        l.clear()
        r = each(f)
        return r, shown(l)

    return f, drive


@scenario()
def append_attr_list():
    class C:
        def __init__(self):
            self.l = []

    c = C()

    def f(x):
        y = x * 2
        c.l.append(y)
        return y

    def drive(f):
        c.l.clear()
        r = each(f)
        return r, shown(c.l)

    return f, drive


@scenario()
def append_nested_list():
    c = {"a": {"l": []}}

    def f(x):
        y = x * 2
        c["a"]["l"].append(y)
        return y

    def drive(f):
        c["a"]["l"].clear()
        r = each(f)
        return r, shown(c)

    return f, drive


@scenario()
def append_via_local():
    c = [[]]

    def f(x):
        y = x * 2
        l = c[0]
        l.append(y)
        return y

    def drive(f):
        c[0].clear()
        r = each(f)
        return r, shown(c)

    return f, drive


@scenario()
def append_via_function():
    c = [[]]

    def get():
        return c[0]

    def f(x):
        y = x * 2
        get().append(y)
        return y

    def drive(f):
        c[0].clear()
        r = each(f)
        return r, shown(c)

    return f, drive


@scenario()
def iadd_outer_list():
    c = []

    def f(x):
        l = c
        l += [1]
        return x * len(l)

    def drive(f):
        c.clear()
        r = each(f)
        return r, shown(c)

    return f, drive


@scenario()
def dict_setitem_via_local():
    c = {"a": {}}

    def f(x):
        d = c["a"]
        d["n"] = d.get("n", 0) + 1
        return x * d["n"]

    def drive(f):
        c["a"].clear()
        r = each(f)
        return r, shown(c)

    return f, drive


@scenario()
def setattr_builtin():
    class C:
        n = 0

    c = C()

    def f(x):
        c.n = c.n + 1
        return x * c.n

    def drive(f):
        c.n = 0
        return each(f)

    return f, drive


@scenario()
def deque_outer():
    d = collections.deque(maxlen=3)

    def f(x):
        d.append(1)
        return x * len(d)

    def drive(f):
        d.clear()
        return each(f)

    return f, drive


@scenario()
def module_counter():
    class M(nn.Module):
        def __init__(self):
            super().__init__()
            self.n = 0

        def forward(self, x):
            self.n += 1
            return x * self.n

    m = M()

    def f(x):
        return m(x)

    def drive(f):
        m.n = 0
        return each(f)

    return f, drive


@scenario()
def module_buffer_counter():
    class M(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("n", torch.zeros(()))

        def forward(self, x):
            self.n += 1
            return x * self.n

    m = M()

    def f(x):
        return m(x)

    def drive(f):
        m.n.zero_()
        return each(f)

    return f, drive


@scenario()
def module_buffer_replaced():
    class M(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("n", torch.zeros(()))

        def forward(self, x):
            self.n = self.n + 1
            return x * self.n

    m = M()

    def f(x):
        return m(x)

    def drive(f):
        m.n.zero_()
        return each(f)

    return f, drive


@scenario()
def hidden_state():
    class H:
        h = torch.zeros(3)

    def f(x):
        H.h = H.h * 0.5 + x
        return H.h * 2

    def drive(f):
        H.h = torch.zeros(3)
        return each(f)

    return f, drive


@scenario("eager")
def mutable_default_append():
    def f(x, d=[]):
        d.append(1)
        return x * len(d)

    def drive(ff):
        f.__defaults__[0].clear()
        return each(ff)

    return f, drive


@scenario()
def print_in_step():
    def f(x):
        sys.stderr.write("")
        return x

    return f, each


@scenario()
def logging_in_step():
    log = logging.getLogger("f")

    def f(x):
        log.debug("hi")
        return x * 2

    return f, each


@scenario()
def stop_iteration_dataloader():
    class H:
        it = None

    data = torch.arange(24.0).reshape(8, 3)

    def f():
        (x,) = next(H.it)
        return x * 2

    def drive(f):
        H.it = iter(torch.utils.data.DataLoader(torch.utils.data.TensorDataset(data), batch_size=1))
        return [attempt(f) for i in range(9)]

    return f, drive


@pytest.mark.parametrize("name", scenarios)
def test_as_eager(name):
    scenarios.run(name)
