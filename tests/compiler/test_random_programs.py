"""Random programs, compiled against eager: views, writes in place, reductions, products, casts.

A program is a list of numbers; what they mean is decided while it runs, from the shapes that are
there, so that every list is a program and shrinks well.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")
sys.path.insert(0, str(Path(__file__).parent))
from row_runs import Guarded, Plan

import rushlight as torch
from rushlight._core import LEAF, wrap
from rushlight.compiler import check, plan

SHAPES = ((3, 4), (4, 3), (5,), (2, 3, 4), (1, 4), ())
LARGEST = 600


@pytest.fixture(autouse=True)
def careful(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_CACHE", "0")
    monkeypatch.setattr(check, "enabled", True)
    monkeypatch.setattr(plan, "GUARD", 192)


class Pool:
    """The tensors of a program, and how numbers choose among them."""

    def __init__(self, inputs):
        self.tensors = [x * 1 for x in inputs]

    def floats(self, test=lambda x: True):
        return [x for x in self.tensors if x.is_floating_point() and test(x)]

    def one(self, number, test=lambda x: True):
        found = self.floats(test)
        return found[number % len(found)] if found else None

    def add(self, x):
        if x.numel() <= LARGEST:
            self.tensors.append(x)


def axis_of(x, number):
    return number % x.ndim


def unary(p, a, b, n):
    f = (
        torch.tanh, torch.sin, torch.sigmoid, torch.neg, lambda x: x * 0.5 + 1, torch.abs,
        torch.relu, lambda x: torch.exp(x.clamp(max=1)), lambda x: torch.sqrt(x * x + 1),
        torch.nn.functional.gelu, lambda x: x / 3, lambda x: torch.atan(x), torch.cos,
    )[n % 13]  # fmt: skip
    p.add(f(p.one(a)))


def broadcast(x, y):
    return all(m == k or 1 in (m, k) for m, k in zip(x.shape[::-1], y.shape[::-1], strict=False))


def binary(p, a, b, n):
    x = p.one(a)
    y = p.one(b, lambda t: broadcast(x, t) and t.dtype == x.dtype)
    f = (
        torch.add, torch.sub, torch.mul, torch.maximum, torch.minimum, torch.atan2,
        lambda x, y: torch.where(x > y, x, y * 2), lambda x, y: x / (y * y + 1),
        lambda x, y: torch.lerp(x, y, 0.3) if x.shape == y.shape else x + y,
    )[n % 9]  # fmt: skip
    p.add(f(x, y))


def view(p, a, b, n):
    x = p.one(a, lambda t: t.ndim > 0 and t.numel() > 0)
    if x is None:
        return
    d = axis_of(x, b)
    size = x.shape[d]
    views = (
        lambda: x.transpose(d, n % x.ndim), lambda: x.flip(d), lambda: x.unsqueeze(d),
        lambda: x.select(d, n % size), lambda: x.narrow(d, n % size, size - n % size),
        lambda: x.reshape(-1), lambda: x[..., ::2], lambda: x.expand(2, *x.shape),
        lambda: x.movedim(d, 0), lambda: x.unfold(d, min(2, size), 1),
        lambda: x.diagonal() if x.ndim > 1 else x[:1], lambda: x.roll(n, d),
        lambda: x.squeeze(), lambda: x.chunk(2, d)[0], lambda: x.T if x.ndim == 2 else x.flatten(),
    )  # fmt: skip
    p.add(views[n % len(views)]())


def reduction(p, a, b, n):
    x = p.one(a, lambda t: t.ndim > 0 and t.numel() > 0)
    if x is None:
        return
    d, keep = axis_of(x, b), bool(n % 2)
    f = (
        lambda: x.sum(d, keep), lambda: x.mean(d, keep), lambda: x.amax(d, keep),
        lambda: x.sum(), lambda: x.logsumexp(d, keep), lambda: torch.softmax(x, d),
        lambda: x.cumsum(d) / x.shape[d], lambda: x.mean(),
        lambda: x.max(d, keep).values, lambda: x.norm(dim=d, keepdim=keep),
        lambda: torch.log_softmax(x, d), lambda: x.min(),
    )  # fmt: skip
    p.add(f[n % len(f)]())


def product(p, a, b, n):
    x = p.one(a, lambda t: t.ndim > 0)
    if x is None:
        return
    y = p.one(b, lambda t: t.ndim > 0 and t.dtype == x.dtype and t.ndim <= 2 and (
        t.shape[-2] if t.ndim > 1 else t.shape[0]) == x.shape[-1])  # fmt: skip
    if y is not None:
        p.add((x @ y) / max(1, x.shape[-1]))


def once(x):
    """Whether every element has memory of its own: of others the order of writes would decide."""
    steps = sorted((s, n) for s, n in zip(x.stride(), x.shape, strict=True) if n > 1)
    reach = 1
    for step, size in steps:
        if step < reach:
            return False
        reach = step * (size - 1) + reach
    return True


def write(p, a, b, n):
    """In place, on a part of something that the program made."""
    x = p.one(a, lambda t: not t.is_leaf and once(t))
    if x is None:
        return
    x = x.clone() if n % 3 == 0 else x
    target = x
    if x.ndim and n % 2:
        d = axis_of(x, b)
        target = x.narrow(d, 0, (x.shape[d] + 1) // 2)
    y = p.one(b, lambda t: t.dtype == x.dtype and t.ndim <= target.ndim and (
        torch.broadcast_shapes(t.shape, target.shape) == target.shape
        if broadcast(t, target) else False))  # fmt: skip
    how = n % 6
    if how == 0 or y is None:
        target.mul_(0.5)
    elif how == 1:
        target.add_(y)
    elif how == 2:
        target.copy_(y)
    elif how == 3:
        target.fill_(0.25)
    elif how == 4:
        target.sub_(y, alpha=2)
    else:
        target.tanh_()
    if n % 3 == 0:
        p.add(x)


def cast(p, a, b, n):
    x = p.one(a)
    if n % 3 == 0:
        p.add(x.float().double() if x.dtype == torch.float64 else x.double())
    elif n % 3 == 1:
        p.add((x.detach() * 3).to(torch.int64).to(x.dtype))
    else:
        p.add((x > 0).to(x.dtype) + x)


def join(p, a, b, n):
    x = p.one(a, lambda t: t.ndim > 0)
    if x is None:
        return
    y = p.one(b, lambda t: t.shape == x.shape and t.dtype == x.dtype)
    p.add(torch.stack([x, y], n % (x.ndim + 1)) if n % 2 else torch.cat([x, y, x], axis_of(x, n)))


def indexed(p, a, b, n):
    x = p.one(a, lambda t: t.ndim > 0 and t.numel() > 0)
    if x is None:
        return
    d = axis_of(x, b)
    how = n % 4
    if how == 0:
        p.add(x.index_select(d, torch.tensor([n % x.shape[d], 0])))
    elif how == 1:
        p.add(x.gather(d, x.argmax(d, True)))
    elif how == 2:
        p.add(x[torch.tensor([0, n % x.shape[0], -1])])
    else:
        p.add(torch.zeros_like(x).index_add(d, torch.tensor([0] * x.shape[d]), x))


STEPS = (unary, binary, binary, view, view, reduction, product, write, write, cast, join, indexed)


def run(program, inputs):
    """What the program leaves, and the gradients of its inputs."""
    p = Pool(inputs)
    for kind, a, b, n in program:
        STEPS[kind % len(STEPS)](p, a, b, n)
    left = p.tensors[-6:]
    loss = sum((x.double() * (i + 1)).tanh().sum() for i, x in enumerate(left))
    grads = torch.autograd.grad(loss, inputs, allow_unused=True)
    return [x.detach() * 1 for x in left] + [g for g in grads if g is not None]


def leaves(seed, dtype, guard=None):
    random = np.random.default_rng(seed)
    found = []
    for shape in SHAPES:
        x = np.asarray(random.standard_normal(shape)).astype(dtype)
        found.append(wrap(x if guard is None else guard.array(x), LEAF))
    return found


numbers = st.integers(0, 10_000)


@settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(
    st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=5, max_size=40),
    st.sampled_from(["float64", "float64", "float32"]), st.integers(0, 100),
)  # fmt: skip
def test_random_program(program, dtype, seed):
    try:
        with np.errstate(all="ignore"):
            wanted = run(program, leaves(seed, dtype))
    except RuntimeError as error:
        # Autograd refuses some writes; eager says so.
        assert "modified by an inplace operation" in str(error) or "in-place" in str(error) or (
            "single memory location" in str(error) or "view" in str(error)), error
        return
    made = Plan(lambda inputs: run(program, inputs), leaves(seed + 1, dtype))
    guard = Guarded()
    found = made(leaves(seed, dtype, guard))
    assert guard.intact()
    assert found is not None
    rtol = 1e-9 if dtype == "float64" else 1e-3
    for i, (f, w) in enumerate(zip(found, wanted, strict=True)):
        x, y = f._data, w._data
        assert x.shape == y.shape and x.dtype == y.dtype
        if x.dtype == np.float32 and dtype == "float64":
            x, y = x.astype(np.float64), y.astype(np.float64)
        size = max(1.0, float(np.abs(y).max())) if y.size else 1.0
        tolerance = rtol if w.dtype == torch.float64 and dtype == "float64" else 1e-3
        assert np.allclose(x, y, rtol=tolerance, atol=tolerance * size, equal_nan=True), (
            f"result {i}: {x} instead of {y}"
        )
