"""Recorded training steps replay as eager steps: new batches, other rates, fresh dropout masks.

Two copies of a model train side by side, one eagerly, one by replaying the program of its third
step. They stay equal only if nothing that changes from step to step was baked into the program.
"""

from __future__ import annotations

import copy

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.compiler.record import record

# In float64, so that only rounding separates the two: REC composes batch norm's gradient from rows
# where eager has a kernel, and the optimizer's eager form works in blocks. No bias before batch
# norm: its gradient is zero but for rounding, which Adam would blow up to a full step.
CLOSE = {"rtol": 1e-7, "atol": 1e-9}


def mlp():
    return nn.Sequential(
        nn.Linear(6, 16, bias=False),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Dropout(0.4),
        nn.Linear(16, 3),
    )


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Dropout(0.25), nn.Flatten(), nn.Linear(4 * 9, 3),
    )  # fmt: skip


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.01)


def momentum(parameters):
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=1e-3)


def batch(number, shape):
    generator = np.random.default_rng(number)
    x = torch.from_numpy(generator.standard_normal((8, *shape)))
    return x, torch.from_numpy(generator.integers(0, 3, 8))


def make_step(model, optimizer):
    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def state_of(model, optimizer):
    arrays = {n: t.detach().numpy().copy() for n, t in model.state_dict().items()}
    for i, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor):
                arrays[f"{i}.{name}"] = value.numpy().copy()
    return arrays


@pytest.mark.parametrize("make_optimizer", [adam, momentum])
@pytest.mark.parametrize(("make_model", "shape"), [(mlp, (6,)), (cnn, (1, 6, 6))])
def test_replay_trains_as_eager(make_model, shape, make_optimizer):
    torch.manual_seed(0)
    model = make_model().double()
    twin = copy.deepcopy(model)
    optimizer, twin_optimizer = (make_optimizer(m.parameters()) for m in (model, twin))
    step, twin_step = make_step(model, optimizer), make_step(twin, twin_optimizer)
    for number in range(2):  # state is made by the first call
        for run in (step, twin_step):
            torch.manual_seed(number)
            run(*batch(number, shape))
    torch.manual_seed(2)
    twin_step(*batch(2, shape))
    torch.manual_seed(2)
    _, program = record(step, *batch(2, shape))
    compare(model, optimizer, twin, twin_optimizer)
    before = state_of(model, optimizer)
    for number in range(3, 9):
        for group in (*optimizer.param_groups, *twin_optimizer.param_groups):
            group["lr"] *= 0.7
        torch.manual_seed(number)
        expected = twin_step(*batch(number, shape))
        torch.manual_seed(number)
        loss = program.replay(*batch(number, shape))
        np.testing.assert_allclose(loss.item(), expected.item(), **CLOSE)
        compare(model, optimizer, twin, twin_optimizer)
    after = state_of(model, optimizer)
    assert all(not np.array_equal(before[n], after[n]) for n in before), "everything trains"


def compare(model, optimizer, twin, twin_optimizer):
    ours, theirs = state_of(model, optimizer), state_of(twin, twin_optimizer)
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], err_msg=name, **CLOSE)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), **CLOSE)


def test_draws_are_not_baked():
    dropout = nn.Dropout(0.5)
    x = torch.ones(1000)
    torch.manual_seed(0)
    first, program = record(dropout, x)
    second = program.replay(x)
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(program.replay(x), first)


def test_schedules_move_on_at_every_replay():
    w = torch.tensor([1.0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)

    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        scheduler.step()

    _, program = record(step, torch.ones(1))
    assert (w.item(), scheduler.get_last_lr()) == (0.0, [0.5])
    for expected, rate in ((-0.5, 0.25), (-0.75, 0.125), (-0.875, 0.0625)):
        program.replay(torch.ones(1))
        assert (w.item(), scheduler.get_last_lr()) == (expected, [rate])


def test_gradients_accumulate_on_replay():
    w = torch.tensor([1.0, 2.0], requires_grad=True)

    def step(x):
        (w * x).sum().backward()

    _, program = record(step, torch.ones(2))
    program.replay(torch.tensor([2.0, 3.0]))
    assert w.grad.tolist() == [3.0, 4.0]
    w.grad = None
    program.replay(torch.tensor([5.0, 6.0]))
    assert w.grad.tolist() == [5.0, 6.0]


def test_second_derivatives_are_recorded():
    x = torch.tensor([1.0, 2.0], requires_grad=True)

    def step(scale):
        (first,) = torch.autograd.grad((x**3 * scale).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), x)
        return second

    _, program = record(step, torch.tensor(1.0))
    assert program.replay(torch.tensor(2.0)).tolist() == [12.0, 24.0]


def test_views_and_in_place_writes():
    buffer = torch.zeros(2, 3)

    def step(x):
        buffer[1].mul_(0.5)
        buffer[1] += x
        return buffer.sum()

    step(torch.ones(3))
    _, program = record(step, torch.ones(3))
    assert buffer.tolist() == [[0, 0, 0], [1.5, 1.5, 1.5]]
    total = program.replay(torch.tensor([2.0, 2.0, 2.0]))
    assert buffer.tolist() == [[0, 0, 0], [2.75, 2.75, 2.75]]
    assert total.item() == 8.25


def test_looking_at_a_value_is_refused():
    with pytest.raises(RuntimeError, match="inside a recorded step"):
        record(lambda x: x * 2 if x.sum() > 0 else x, torch.ones(2))
    with pytest.raises(RuntimeError, match="inside a recorded step"):
        record(lambda x: x.sum().item(), torch.ones(2))


def test_other_tensors_than_recorded_are_refused():
    _, program = record(lambda x: x * 2, torch.ones(2))
    with pytest.raises(TypeError, match="recorded with 1 tensors"):
        program.replay(torch.ones(2), torch.ones(2))
