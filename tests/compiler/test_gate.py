"""The quick way into a plan: it is taken, it gives way, and what it leaves is what eager leaves."""

from __future__ import annotations

import gc
import sys
import threading

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.compiler import check
from rushlight.compiler.runtime import gate
from rushlight.nn import functional as F


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """Without the eager step beside it, which holds on to gradients."""
    monkeypatch.setattr(check, "enabled", False)


def made(optimizer=torch.optim.Adam, **options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    o = optimizer(model.parameters(), **options)
    x, y = torch.randn(5, 6), torch.randint(0, 3, (5,))
    return model, o, x, y


def stepper(model, o, x, y):
    def step():
        o.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        o.step()
        return loss

    return step


def quick(compiled):
    """How many calls the gate of the only plan did: those that adopted nothing."""
    (plan,) = compiled.compiled.plans
    return plan.gate


def test_offsets_are_found_here():
    if sys.implementation.name != "cpython":
        pytest.skip("another interpreter")
    assert gate.offsets() is not None
    assert set(gate.context_slots()) == {"handler", "structure", "modes"}


def test_losses_and_parameters_follow_eager():
    eager, compiled = made(), made()
    step, fast = stepper(*eager), torch.compile(stepper(*compiled))
    for _ in range(12):
        assert fast().item() == pytest.approx(step().item(), rel=1e-5)
    for p, q in zip(compiled[0].parameters(), eager[0].parameters(), strict=True):
        assert np.allclose(p.numpy(force=True), q.numpy(force=True), atol=1e-6)
        assert np.allclose(p.grad.numpy(), q.grad.numpy(), atol=1e-6)
        assert p._version == q._version


def test_the_long_way_is_left_after_the_first_replays():
    fast = torch.compile(stepper(*made()))
    for _ in range(4):
        fast()
    tries = quick(fast)._tries
    for _ in range(10):
        fast()
    assert quick(fast)._tries == tries


def test_gradients_that_are_held_are_left_alone():
    model, *rest = made(torch.optim.SGD, lr=0.1)
    fast = torch.compile(stepper(model, *rest))
    for _ in range(5):
        fast()
    held = [p.grad for p in model.parameters()]
    kept = [g.clone() for g in held]
    fast()
    for g, k, p in zip(held, kept, model.parameters(), strict=True):
        assert torch.equal(g, k)
        assert p.grad is not g
        assert not torch.equal(p.grad, k)


def test_arrays_of_gradients_that_are_held_are_left_alone():
    model, *rest = made(torch.optim.SGD, lr=0.1)
    fast = torch.compile(stepper(model, *rest))
    for _ in range(5):
        fast()
    held = [p.grad.numpy() for p in model.parameters()]
    views = [p.grad[0] for p in model.parameters()]
    kept, seen = [h.copy() for h in held], [v.clone() for v in views]
    fast()
    assert all(np.array_equal(h, k) for h, k in zip(held, kept, strict=True))
    assert all(torch.equal(v, k) for v, k in zip(views, seen, strict=True))


def test_every_loss_that_is_kept_keeps_its_value():
    fast, step = torch.compile(stepper(*made())), stepper(*made())
    losses, wanted = [fast() for _ in range(10)], [step().item() for _ in range(10)]
    assert [x.item() for x in losses] == pytest.approx(wanted, rel=1e-5)
    assert len({id(x) for x in losses}) == 10


def test_a_loss_that_was_changed_in_place_is_not_written_to_again():
    fast = torch.compile(stepper(*made()))
    last = [fast() for _ in range(6)][-1]
    for _ in range(4):
        loss = fast()
        value = loss.item()
        loss += 1
        assert loss.item() == pytest.approx(value + 1)
        assert value < last.item()
        last = fast()


def test_a_new_learning_rate_counts():
    eager, compiled = made(), made()
    step, fast = stepper(*eager), torch.compile(stepper(*compiled))
    for i in range(12):
        for _, o, *_ in (eager, compiled):
            o.param_groups[0]["lr"] = 0.01 / (1 + i)
        assert fast().item() == pytest.approx(step().item(), rel=1e-4)


def test_gradients_cleared_outside_come_back():
    model, o, *rest = made()
    fast = torch.compile(stepper(model, o, *rest))
    for _ in range(6):
        fast()
    o.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    fast()
    assert all(p.grad is not None for p in model.parameters())


def test_rebound_batches_are_read():
    model, o, x, y = made(torch.optim.SGD, lr=0.0)
    data = {"x": x}

    def step(y):
        o.zero_grad()
        loss = F.cross_entropy(model(data["x"]), y)
        loss.backward()
        o.step()
        return loss

    fast = torch.compile(step)
    for i in range(8):
        data["x"] = torch.randn(5, 6)
        target = torch.randint(0, 3, (5,))
        assert fast(target).item() == pytest.approx(step(target).item(), rel=1e-5), i


def test_another_shape_or_dtype_goes_elsewhere():
    model, o, x, y = made()

    def step(x):
        return model(x).sum()

    fast = torch.compile(step)
    with torch.no_grad():
        for n in (5, 5, 5, 5, 3, 5, 3, 3, 3):
            z = torch.randn(n, 6)
            assert fast(z).item() == pytest.approx(step(z).item(), rel=1e-5, abs=1e-5)


def test_a_replaced_parameter_counts():
    model, o, x, y = made(torch.optim.SGD, lr=0.0)
    fast = torch.compile(stepper(model, o, x, y))
    for _ in range(6):
        fast()
    model[0].weight.data = torch.zeros(8, 6)
    assert fast().item() == pytest.approx(F.cross_entropy(model(x), y).item(), rel=1e-5)


def test_several_results():
    model, o, x, y = made(torch.optim.SGD, lr=0.1)

    def step():
        o.zero_grad()
        out = model(x)
        loss = F.cross_entropy(out, y)
        loss.backward()
        o.step()
        return loss, out.detach().argmax(1)

    fast = torch.compile(step)
    pairs = [fast() for _ in range(8)]
    assert len({id(p) for p in pairs}) == 8
    assert pairs[-1][0].item() < pairs[0][0].item()


def test_indices_out_of_range_raise_and_change_nothing():
    model, o, x, y = made(torch.optim.SGD, lr=0.1)
    fast = torch.compile(stepper(model, o, x, y))
    for _ in range(6):
        fast()
    before = [p.clone() for p in model.parameters()]
    y[0] = 7
    with pytest.raises(IndexError):
        fast()
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    y[0] = 1
    fast()


def test_counts_of_references_stay():
    model, o, x, y = made()
    fast = torch.compile(stepper(model, o, x, y))
    for _ in range(8):
        fast()
    watched = [x, x._data, y._data, *model.parameters(), None, False]
    watched += [p._data for p in model.parameters()]
    gc.collect()
    before = [sys.getrefcount(w) for w in watched]
    for _ in range(1000):
        fast()
    assert quick(fast)._tries < 8
    after = [sys.getrefcount(w) for w in watched]
    assert all(abs(a - b) < 20 for a, b in zip(before, after, strict=True))


def test_two_threads_call_one_plan():
    model, o, x, y = made(torch.optim.SGD, lr=0.01)
    fast = torch.compile(stepper(model, o, x, y))
    for _ in range(6):
        fast()
    failures = []

    def many():
        try:
            for _ in range(200):
                assert np.isfinite(fast().item())
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=many) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
