"""Steps that read attributes of objects: what is there on the next call counts."""

# Code as users write it.
# ruff: noqa: E741

from __future__ import annotations

import dataclasses
import enum
import functools
import threading

import pytest

import rushlight as torch
from rushlight import nn
from steps import Scenarios, attempt, each, ramp, shown

pytest.importorskip("llvmlite")
scenarios = Scenarios()
scenario = scenarios.add


@scenario("plan")
def class_attribute():
    class C:
        scale = 2.0

    def f(x):
        return x * C.scale

    def drive(f):
        r = []
        for i in range(10):
            C.scale = 2.0 if i < 5 else 4.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario("plan")
def class_attribute_tensor():
    class C:
        scale = torch.ones(3)

    def f(x):
        return x * C.scale

    def drive(f):
        r = []
        for i in range(10):
            C.scale = torch.full((3,), 2.0 if i < 5 else 4.0)
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario("plan")
def instance_attribute():
    class C:
        pass

    c = C()
    c.scale = 2.0
    c.inner = C()
    c.inner.t = torch.ones(3)

    def f(x):
        return x * c.scale + c.inner.t

    def drive(f):
        r = []
        for i in range(10):
            c.scale = 2.0 if i < 5 else 4.0
            if i == 7:
                c.inner.t = torch.full((3,), 9.0)
            if i == 8:
                c.inner = C()
                c.inner.t = torch.full((3,), 19.0)
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def property_attr():
    class C:
        _s = 2.0

        @property
        def scale(self):
            return self._s * 2

    c = C()

    def f(x):
        return x * c.scale

    def drive(f):
        r = []
        for i in range(10):
            c._s = 2.0 if i < 5 else 4.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def getattr_dynamic():
    class C:
        pass

    c = C()
    c.s = 2.0

    def f(x):
        return x * c.s

    def drive(f):
        r = []
        for i in range(10):
            c.s = 2.0 if i < 5 else 4.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def dunder_getattr():
    class C:
        def __init__(self):
            self.d = {"s": 2.0}

        def __getattr__(self, k):
            return self.__dict__["d"][k]

    c = C()

    def f(x):
        return x * c.s

    def drive(f):
        r = []
        for i in range(10):
            c.d["s"] = 2.0 if i < 5 else 4.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def dunder_getitem():
    class C:
        def __init__(self):
            self.d = {"s": 2.0}

        def __getitem__(self, k):
            return self.d[k]

    c = C()

    def f(x):
        return x * c["s"]

    def drive(f):
        r = []
        for i in range(10):
            c.d["s"] = 2.0 if i < 5 else 4.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def dunder_call():
    class C:
        def __init__(self):
            self.s = 2.0

        def __call__(self, x):
            return x * self.s

    c = C()

    def f(x):
        return c(x)

    def drive(f):
        r = []
        for i in range(10):
            c.s = 2.0 if i < 5 else 4.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def deep_object_graph():
    class A:
        pass

    a = A()
    a.l = [A()]
    a.l[0].v = 2.0

    def f(x):
        return x * a.l[0].v

    def drive(f):
        a.l[0].v = 2.0
        r = []
        for i in range(9):
            if i == 5:
                a.l[0].v = 3.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def deep_object_local():
    class A:
        pass

    a = A()
    a.b = A()
    a.b.v = 2.0

    def f(x):
        b = a.b
        c = b
        return x * c.v

    def drive(f):
        a.b.v = 2.0
        r = []
        for i in range(9):
            if i == 5:
                a.b.v = 3.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def object_in_loop():
    class A:
        pass

    l = [A(), A()]
    for k in l:
        k.v = 2.0

    def f(x):
        for k in l:
            x = x * k.v
        return x

    def drive(f):
        l[1].v = 2.0
        r = []
        for i in range(9):
            if i == 5:
                l[1].v = 3.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def enum_():
    class E(enum.Enum):
        A = 1
        B = 2

    class H:
        e = E.A

    def f(x):
        return x * 2 if H.e is E.A else x * H.e.value

    def drive(f):
        H.e = E.A
        r = []
        for i in range(9):
            if i == 5:
                H.e = E.B
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def slots_object():
    class A:
        __slots__ = ("v",)

    a = A()
    a.v = 2.0

    def f(x):
        return x * a.v

    def drive(f):
        a.v = 2.0
        r = []
        for i in range(9):
            if i == 5:
                a.v = 3.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def frozen_dataclass_cfg():
    @dataclasses.dataclass
    class Cfg:
        s: float = 2.0
        layers: tuple = (1, 2)

    cfg = Cfg()

    def f(x):
        for l in cfg.layers:
            x = x * l * cfg.s
        return x

    def drive(f):
        cfg.s = 2.0
        r = []
        for i in range(9):
            if i == 5:
                cfg.s = 3.0
            if i == 7:
                cfg.layers = (1,)
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def module_attr_method():
    class M(nn.Module):
        def __init__(self):
            super().__init__()
            self.cfg = {"s": 2.0}
            self.l = [1.0]

        def forward(self, x):
            return x * self.cfg["s"] * self.l[0]

    m = M()

    def f(x):
        return m(x)

    def drive(f):
        m.cfg["s"] = 2.0
        m.l[0] = 1.0
        r = []
        for i in range(12):
            if i == 5:
                m.cfg["s"] = 3.0
            if i == 8:
                m.l[0] = 3.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def thread_local_state():
    tl = threading.local()
    tl.v = 2.0

    def f(x):
        return x * tl.v

    def drive(f):
        tl.v = 2.0
        r = []
        for i in range(9):
            if i == 5:
                tl.v = 3.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def set_outer():
    s = {1}

    def f(x):
        return x * len(s)

    def drive(f):
        s.clear()
        r = []
        for i in range(9):
            if i == 5:
                s.add(3)
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def tuple_nested_list():
    s = ([2.0],)

    def f(x):
        return x * s[0][0]

    def drive(f):
        s[0][0] = 2.0
        r = []
        for i in range(9):
            if i == 5:
                s[0][0] = 3.0
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def counter_len():
    l = [1]

    def f(x):
        return x * len(l)

    def drive(f):
        l[:] = [1]
        r = []
        for i in range(9):
            if i == 5:
                l.append(2)
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def dataclass_arg():
    @dataclasses.dataclass
    class B:
        x: object
        k: float

    def f(b):
        return b.x * b.k

    def drive(f):
        return [attempt(f, B(ramp(i), float(i // 4))) for i in range(10)]

    return f, drive


@scenario()
def dataclass_arg_same():
    @dataclasses.dataclass
    class B:
        x: object
        k: float

    b = B(ramp(0), 1.0)

    def f(b):
        return b.x * b.k

    def drive(f):
        r = []
        for i in range(12):
            b.x = ramp(i)
            b.k = 1.0 if i < 6 else 3.0
            r.append(attempt(f, b))
        return r

    return f, drive


@scenario("plan")
def self_training():
    class M(nn.Module):
        def forward(self, x):
            return x * 2 if self.training else x * 3

    m = M()

    def f(x):
        return m(x)

    def drive(f):
        r = []
        for i in range(12):
            m.train(i % 4 < 2)
            r.append(attempt(f, ramp(i)))
        return r

    return f, drive


@scenario()
def local_dict_set():
    def f(x):
        d = {}
        d["n"] = x * 2
        d["m"] = d["n"] + 1
        return d["m"]

    return f, each


@scenario()
def local_object_set():
    class C:
        pass

    def f(x):
        c = C()
        c.y = x * 2
        return c.y + 1

    return f, each


@scenario()
def returns_object():
    @dataclasses.dataclass
    class R:
        y: object

    def f(x):
        return R(x * 2)

    def drive(f):
        return [shown(f(ramp(i)).y) for i in range(6)]

    return f, drive


@scenario()
def lru_cached():
    class H:
        s = 2.0

    @functools.lru_cache
    def k():
        return H.s

    def f(x):
        return x * k()

    return f, each


@scenario()
def partial_():
    def g(x, s):
        return x * s

    def f(x):
        return functools.partial(g, s=2.0)(x)

    return f, each


@pytest.mark.parametrize("name", scenarios)
def test_as_eager(name):
    scenarios.run(name)
