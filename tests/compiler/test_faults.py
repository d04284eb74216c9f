"""Faults: interrupts, errors while recording, memory that runs out, and memory that must go."""

from __future__ import annotations

import gc
import os
import pathlib
import subprocess
import sys
import warnings
import weakref

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn

pytest.importorskip("llvmlite")
F = nn.functional


@pytest.fixture(autouse=True)
def unchecked(monkeypatch):
    """The debug mode keeps more alive, and calls more, than a user sees."""
    from rushlight.compiler import check

    monkeypatch.setattr(check, "enabled", False)


def ordinary(seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(32, 48), nn.ReLU(), nn.Linear(48, 8))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, step


def batch(size=16):
    return torch.randn(size, 32), torch.randint(0, 8, (size,))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs signals")
@pytest.mark.parametrize("kind", ["native", "hosts"])
def test_interrupts_at_random_moments(kind):
    program = pathlib.Path(__file__).with_name("interrupted.py")
    done = subprocess.run(
        [sys.executable, str(program), kind, "300"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and done.stdout.strip() == "whole", done.stdout + done.stderr


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_errors_while_recording_install_nothing(error, at):
    model, step = ordinary()

    def faulty(x, y, raises):
        if raises:
            h = model(x)
            raise error(f"in the middle of {h.shape}")
        return step(x, y)

    compiled = torch.compile(faulty, fullgraph=True)
    for number in range(8):
        before = sys.getprofile()
        plans = len(compiled.compiled.plans)
        if number == at:
            with pytest.raises(error, match="in the middle"):
                compiled(*batch(), True)
            assert len(compiled.compiled.plans) == plans
        else:
            compiled(*batch(), False)
        assert sys.getprofile() is before
        assert torch._core.ctx.handler is None
    assert len(compiled.compiled.plans) == 1


def test_memory_that_does_not_suffice(monkeypatch):
    """The error names the size; eager goes on."""
    from rushlight.compiler import executable

    class Poor:
        def __getattr__(self, name):
            return getattr(np, name)

        def empty(self, size, dtype):
            raise MemoryError(f"{size} bytes")

    monkeypatch.setattr(executable, "np", Poor())
    _, step = ordinary()
    compiled = torch.compile(step)
    with pytest.warns(UserWarning, match=r"need [\d,]+ bytes at once"):
        for _ in range(4):
            loss = compiled(*batch())
    assert loss.item() > 0
    strict = torch.compile(ordinary()[1], fullgraph=True)
    with pytest.raises(MemoryError, match=r"need [\d,]+ bytes at once"):
        for _ in range(4):
            strict(*batch())


def test_a_failing_compiler_leaves_eager(monkeypatch):
    from rushlight.compiler import executable

    monkeypatch.setattr(executable, "compile_segments", lambda *_: 1 // 0)
    _, step = ordinary()
    compiled = torch.compile(step)
    with pytest.warns(UserWarning, match="the compiler failed: ZeroDivisionError"):
        for _ in range(4):
            assert compiled(*batch()).item() > 0


def test_arguments_that_differ_on_every_call():
    """A bound, and a warning that says which argument."""
    compiled = torch.compile(lambda x, n: x * n)
    with pytest.warns(UserWarning, match="argument 1 is"):
        for number in range(60):
            assert compiled(torch.ones(2), number).tolist() == [number] * 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(torch.ones(2), 100)


def test_a_tensor_argument_that_nothing_reads():
    """Its address must not be taken for the arena's."""
    model, _ = ordinary()
    compiled = torch.compile(lambda x, unused: model(x), fullgraph=True)
    with torch.no_grad():
        x, unused = batch()
        kept = unused.clone()
        for _ in range(40):
            y = compiled(x, unused)
        assert torch.allclose(y, model(x), atol=1e-6)
    assert torch.equal(unused, kept)


# ---- what stays alive ----------------------------------------------------------------------------


def uses():
    model, step = ordinary()

    def inference(x, y):
        with torch.no_grad():
            return model(x)

    inner = torch.compile(ordinary()[0], fullgraph=True)

    def pair(x, y):
        loss = F.cross_entropy(inner(x), y)
        loss.backward()
        inner.zero_grad()
        return loss

    class Held:
        x = y = None

    def by_name():
        return step(Held.x, Held.y)

    compiled = torch.compile(by_name, fullgraph=True)

    def named(x, y):
        Held.x, Held.y = x, y
        loss = compiled()
        Held.x = Held.y = None
        return loss

    return {
        "step": torch.compile(step, fullgraph=True),
        "inference": torch.compile(inference, fullgraph=True), "pair": pair, "named": named,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["step", "inference", "pair", "named"])
def test_the_recorded_batch_goes(name):
    f = uses()[name]
    batches, results = [], []
    for _ in range(8):
        x, y = batch()
        result = f(x, y)
        batches += [weakref.ref(t) for t in (x, y, x._data, y._data)]
        results += [weakref.ref(result), weakref.ref(result._data)]
    del x, y, result
    gc.collect()
    assert not [r() for r in batches if r() is not None]
    # A plan keeps its last results, to write to them again when nobody has them.
    assert len({id(r()) for r in results if r() is not None}) <= 6
    assert not [r() for r in results[:6] if r() is not None]


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("name", ["step", "inference", "pair", "named"])
def test_ten_thousand_calls_leak_nothing(name):
    f = uses()[name]
    x, y = batch(2)
    for _ in range(1500):
        f(x, y)
    gc.collect()
    objects, bytes_ = len(gc.get_objects()), resident()
    for _ in range(10_000):
        f(x, y)
    gc.collect()
    assert len(gc.get_objects()) - objects < 100
    assert resident() - bytes_ < 2_000_000
