"""The capture contract, rule by rule: what may differ between calls, and what must not be baked."""

from __future__ import annotations

import copy
import gc
import os
import threading
import warnings

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn

pytest.importorskip("llvmlite")
F = nn.functional


@pytest.fixture(autouse=True)
def checked(monkeypatch):
    """Every replay here is compared with the eager step."""
    from rushlight.compiler import check

    monkeypatch.setattr(check, "enabled", True)


def plans(compiled):
    return len(compiled.compiled.plans)


def model_and_step(seed=0, optimizer=None, **options):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.25), nn.Linear(8, 3))
    optimizer = (optimizer or torch.optim.SGD)(model.parameters(), lr=0.1, **options)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


def batch(seed, size=5):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(size, 4, generator=g), torch.randint(0, 3, (size,), generator=g)


def test_three_calls_run_before_the_plan():
    _, _, step = model_and_step()
    compiled = torch.compile(step, fullgraph=True)
    for number in range(5):
        compiled(*batch(number))
        assert plans(compiled) == (number >= 2)


def test_learning_rate_and_schedule_are_read_anew():
    """Rules 7 and 9: rates set by hand, by a scheduler inside the step, by one outside."""
    runs = []
    for compile_it in (False, True):
        model, optimizer, inner = model_and_step(optimizer=torch.optim.Adam)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.7)

        def step(x, y, inner=inner, schedule=schedule):
            loss = inner(x, y)
            schedule.step()
            return loss

        f = torch.compile(step, fullgraph=True) if compile_it else step
        losses = []
        for number in range(9):
            torch.manual_seed(number)
            if number == 6:
                optimizer.param_groups[0]["lr"] = 0.3
            losses.append(f(*batch(number)).item())
        runs.append((losses, schedule.get_last_lr(), optimizer.param_groups[0]["lr"]))
        assert schedule.last_epoch == 9
    assert np.allclose(runs[0][0], runs[1][0], rtol=1e-5)
    assert runs[0][1:] == runs[1][1:]


def test_switching_options_of_a_group_makes_another_plan():
    _, optimizer, step = model_and_step()
    compiled = torch.compile(step, fullgraph=True)
    for number in range(4):
        compiled(*batch(number))
    optimizer.param_groups[0]["weight_decay"] = 0.5
    for number in range(4):
        compiled(*batch(number))
    assert plans(compiled) == 2


def test_batches_by_rebinding_a_name():
    """Rule 5: a tensor that user code reads by name may be another one on every call."""
    scale = torch.ones(3)
    w = torch.zeros(3, requires_grad=True)

    def step():
        return (scale * 2 + w).sum().detach()

    compiled = torch.compile(step, fullgraph=True)
    for number in range(6):
        scale = torch.full((3,), float(number))
        assert compiled().item() == 6.0 * number
    assert plans(compiled) == 1
    scale = torch.ones(2, 3)  # of another shape: record again
    for _ in range(4):
        assert compiled().item() == 12.0
    assert plans(compiled) == 2


def test_numbers_by_name_are_guarded():
    """Rule 8."""
    factor = 2.0

    def step(x):
        return x * factor

    compiled = torch.compile(step, fullgraph=True)
    for _ in range(4):
        assert compiled(torch.ones(2)).tolist() == [2.0, 2.0]
    factor = 3.0
    for _ in range(4):
        assert compiled(torch.ones(2)).tolist() == [3.0, 3.0]
    factor = 2.0
    assert compiled(torch.ones(2)).tolist() == [2.0, 2.0]
    assert plans(compiled) == 2


def test_numbers_as_arguments():
    compiled = torch.compile(lambda x, n: x * n + (1 if n > 2 else 0), fullgraph=True)
    for n in (1, 3, 1, 3, 1, 3, 1, 3):
        assert compiled(torch.ones(1), n).item() == n + (n > 2)


def test_attributes_of_modules_are_guarded():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = 2.0
            self.linear = nn.Linear(3, 3)

        def forward(self, x):
            return self.linear(x) * self.factor

    m = Scaled()
    compiled = torch.compile(m, fullgraph=True)
    with torch.no_grad():
        x = torch.randn(2, 3)
        for _ in range(4):
            y = compiled(x)
        m.factor = 5.0
        for _ in range(4):
            assert torch.allclose(compiled(x), y * 2.5)
        m.linear.weight = nn.Parameter(torch.zeros(3, 3))  # replaced after compilation
        assert torch.allclose(compiled(x), m.linear.bias * 5)
        m.linear.weight.data = torch.ones(3, 3)
        assert torch.allclose(compiled(x), (x.sum(1, keepdim=True) + m.linear.bias) * 5, atol=1e-5)


def test_train_and_eval_have_plans_of_their_own():
    m = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
    compiled = torch.compile(m, fullgraph=True)
    for mode in (True, False) * 2:
        m.train(mode)
        for number in range(4):
            torch.manual_seed(number)
            y = compiled(batch(number)[0])
            if not mode:
                assert torch.equal(y == 0, torch.zeros_like(y) == 1)
    assert plans(compiled._compiled) == 2


def test_other_shapes_compile_once_more():
    _, _, step = model_and_step()
    compiled = torch.compile(step, fullgraph=True)
    for _epoch in range(5):
        for number in range(3):
            compiled(*batch(number, size=5 if number < 2 else 2))
    assert plans(compiled) == 2


def test_too_many_plans_stay_eager_with_one_warning():
    compiled = torch.compile(lambda x: x + 1)
    with pytest.warns(UserWarning, match="more than 8 plans"):
        for size in range(1, 12):
            for _ in range(4):
                assert compiled(torch.zeros(size)).sum().item() == size
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(torch.zeros(20))


@pytest.mark.parametrize("what", ["item", "print", "append", "store", "attribute", "numpy", "if"])
def test_what_cannot_be_replayed(what, capsys):
    """Rule 10: eager with one warning that names the line; an error with ``fullgraph``."""
    log, table = [], {}

    class Holder:
        last = None

    def step(x):
        y = (x * 2).sum()
        if what == "item":
            return y * y.item()
        if what == "print":
            print("here")
        if what == "append":
            log.append(1)
        if what == "store":
            table["last"] = y
        if what == "attribute":
            Holder.last = y
        if what == "numpy":
            return torch.from_numpy(y.detach().reshape(1).numpy() + 1)
        if what == "if" and y > 0:
            return y + 1
        return y

    compiled = torch.compile(step)
    with pytest.warns(UserWarning, match=r"cannot be replayed.*test_capture\.py"):
        for number in range(5):
            x = torch.full((2,), float(number))
            assert compiled(x).item() == step(x).item()
    assert not plans(compiled)
    with pytest.raises(RuntimeError, match="cannot be compiled"):
        strict = torch.compile(step, fullgraph=True)
        for _ in range(3):
            strict(torch.ones(2))


def test_local_lists_are_fine():
    def step(x):
        parts = []
        for i in range(3):
            parts.append(x * i)
        return torch.stack(parts)

    compiled = torch.compile(step, fullgraph=True)
    for number in range(5):
        x = torch.full((2,), float(number))
        assert torch.equal(compiled(x), step(x))
    assert plans(compiled) == 1


def test_random_numbers_go_on_as_in_eager():
    """Rule 11: bit for bit the numbers that eager would have drawn, whoever draws them."""
    g = torch.Generator().manual_seed(3)

    def step(x):
        return F.dropout(x, 0.5) + torch.rand(4) + torch.randn(4, generator=g) + torch.bernoulli(
            torch.full((4,), 0.5)) + torch.randint(0, 5, (4,)) + torch.randperm(4)  # fmt: skip

    compiled = torch.compile(step, fullgraph=True)
    torch.manual_seed(1)
    wanted = [step(torch.ones(4)) for _ in range(6)]
    g.manual_seed(3)
    torch.manual_seed(1)
    from rushlight.compiler import check

    check.enabled = False  # it would restore only the default generator
    got = [compiled(torch.ones(4)) for _ in range(6)]
    for a, b in zip(wanted, got, strict=True):
        assert torch.equal(a, b)
    assert plans(compiled) == 1


def test_results_and_gradients_are_fresh():
    """Rule 13: what a call left behind does not change with the next."""
    model, _, step = model_and_step()
    compiled = torch.compile(step, fullgraph=True)
    for number in range(4):
        compiled(*batch(number))
    loss = compiled(*batch(5))
    kept = loss.item(), model[0].weight.grad, model[0].weight.grad.clone()
    compiled(*batch(6))
    assert loss.item() == kept[0]
    assert torch.equal(kept[1], kept[2])
    assert model[0].weight.grad is not kept[1]
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()
    assert loss.grad_fn.name() == "NllLossBackward0"


def test_versions_count():
    model, _, step = model_and_step()
    compiled = torch.compile(step, fullgraph=True)
    for number in range(4):
        compiled(*batch(number))
    y = (model[0].weight ** 2).sum()
    compiled(*batch(9))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_gradients_accumulate_over_calls():
    torch.manual_seed(0)
    model = nn.Linear(3, 1)

    def step(x):
        loss = model(x).sum()
        loss.backward()
        return loss

    compiled = torch.compile(step, fullgraph=True)
    x = torch.ones(2, 3)
    for number in range(6):
        compiled(x)
        assert torch.allclose(model.weight.grad, torch.full((1, 3), 2.0 * (number + 1)))
    model.weight.grad = None  # `.grad is None` on entry is a guard
    compiled(x)
    assert torch.allclose(model.weight.grad, torch.full((1, 3), 2.0))


def test_wrong_input_raises_eagers_error_and_changes_nothing():
    model, _, step = model_and_step()
    compiled = torch.compile(step, fullgraph=True)
    for number in range(4):
        compiled(*batch(number))
    before = copy.deepcopy(model.state_dict())
    x, y = batch(0)
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        compiled(torch.randn(5, 3), y)
    with pytest.raises(IndexError, match="Target 7 is out of bounds"):
        compiled(x, torch.full((5,), 7))
    with pytest.raises(IndexError, match="Target -1 is out of bounds"):
        compiled(x, torch.full((5,), -1))
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    compiled(x, y)


def test_hooks_are_recorded():
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    model.register_forward_hook(lambda m, args, out: out * 2)
    model.weight.register_hook(lambda g: g * 3)

    def step(x):
        model.zero_grad()
        model(x).sum().backward()
        return model.weight.grad.sum()

    compiled = torch.compile(step, fullgraph=True)
    x = torch.ones(2, 3)
    for _ in range(5):
        assert compiled(x).item() == pytest.approx(2 * 2 * 3 * 2 * 3)
    model.weight.register_hook(lambda g: g * 0)
    assert compiled(x).item() == 0.0


def test_custom_function_is_recorded_through():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * x * 2

    w = torch.ones(3, requires_grad=True)

    def step(x):
        w.grad = None
        Double.apply(w * x).sum().backward()
        return w.grad.clone()

    compiled = torch.compile(step, fullgraph=True)
    for number in range(5):
        x = torch.full((3,), float(number))
        assert torch.allclose(compiled(x), 2 * x * x)
    assert plans(compiled) == 1


def test_nested_and_no_grad():
    inner = torch.compile(lambda x: torch.tanh(x) * 2, fullgraph=True)
    outer = torch.compile(lambda x: inner(x) + 1, fullgraph=True)
    for number in range(5):
        x = torch.full((2,), number / 4)
        assert torch.allclose(outer(x), torch.tanh(x) * 2 + 1)
    with torch.no_grad():
        assert not outer(x.requires_grad_()).requires_grad
    assert outer(x).requires_grad


def test_methods_and_decorators():
    class Trainer:
        def __init__(self, factor):
            self.factor = torch.tensor(factor)

        @torch.compile(fullgraph=True)
        def step(self, x):
            """Scale."""
            return x * self.factor

    a, b = Trainer(2.0), Trainer(3.0)
    for _ in range(4):
        assert a.step(torch.ones(1)).item() == 2.0
        assert b.step(torch.ones(1)).item() == 3.0
    assert a.step.__doc__ == "Scale." and Trainer.step.__name__ == "step"


def test_module_compile_keeps_the_module():
    m = nn.Linear(3, 2)
    m.compile()
    x = torch.randn(4, 3)
    for _ in range(5):
        y = m(x)
    assert torch.allclose(y, F.linear(x, m.weight, m.bias))
    assert list(m.state_dict()) == ["weight", "bias"]
    optimized = torch.compile(m)
    assert list(optimized.state_dict()) == ["_orig_mod.weight", "_orig_mod.bias"]
    assert optimized._orig_mod is m
    assert type(copy.deepcopy(optimized)) is type(optimized)


def test_threads_call_two_compiled_functions():
    results = {}

    def work(name, factor):
        compiled = torch.compile(lambda x: (x * factor).cumsum(0).sum(), fullgraph=True)
        found = [compiled(torch.ones(50)) for _ in range(30)]
        results[name] = [t.item() for t in found]

    from rushlight.compiler import check

    check.enabled = False
    first = [torch.compile(lambda x: x)]  # loads the compiler ahead of the threads
    assert first
    workers = [threading.Thread(target=work, args=(i, float(i))) for i in range(3)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    for i in range(3):
        assert results[i] == [1275.0 * i] * 30


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_goes_on():
    compiled = torch.compile(lambda x: torch.exp(x).sum(), fullgraph=True)
    x = torch.zeros(100_000)
    for _ in range(4):
        compiled(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        os._exit(0 if compiled(x).item() == 100_000 else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_plans_go_with_their_function():
    model, _, step = model_and_step()
    compiled = torch.compile(step, fullgraph=True)
    for number in range(4):
        compiled(*batch(number))
    import weakref

    gone = weakref.ref(model)
    del model, step, compiled
    gc.collect()
    assert gone() is None


def test_options_of_pytorch():
    f = lambda x: x  # noqa: E731
    assert torch.compile(f, backend="eager") is f
    assert torch.compile(f, disable=True) is f
    with pytest.raises(RuntimeError, match="Invalid backend"):
        torch.compile(f, backend="nope")
    with pytest.raises(RuntimeError, match="Either mode or options"):
        torch.compile(f, mode="default", options={})
    with pytest.raises(RuntimeError, match="Unrecognized mode"):
        torch.compile(f, mode="nope")


def test_leaves_made_inside_and_leaves_passed_in():
    points = torch.randn(6, 2)
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))

    def inside():
        x = points.detach().requires_grad_()
        loss = model(x).sum()
        loss.backward()
        return x.grad * 1

    def passed(x):
        model(x).sum().backward()

    for compiled in (torch.compile(inside, fullgraph=True),):
        for _ in range(6):
            assert torch.allclose(compiled(), inside())
        assert plans(compiled) == 1
    compiled = torch.compile(passed, fullgraph=True)
    for _ in range(6):
        x = torch.randn(6, 2, requires_grad=True)
        y = x.detach().clone().requires_grad_()
        compiled(x)
        passed(y)
        assert torch.allclose(x.grad, y.grad)
    assert plans(compiled) == 1
