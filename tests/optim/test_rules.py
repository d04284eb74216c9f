"""One formula, several ways to run it: planned, over arrays or Tensors, offered to a recorder."""

import itertools

import numpy as np
import pytest

import rushlight as torch
from rushlight import _core
from rushlight.optim import (
    adadelta,
    adagrad,
    adam,
    adamax,
    asgd,
    nadam,
    radam,
    rmsprop,
    rprop,
    sgd,
)  # fmt: skip
from rushlight.optim._eager import BLOCK, PACK, SMALL
from rushlight.optim._plan import plan

RULES = [
    adadelta.adadelta, adagrad.adagrad, adam.adam, adamax.adamax, asgd.asgd, nadam.nadam,
    radam.radam, rmsprop.rmsprop, rprop.rprop, sgd.sgd,
]  # fmt: skip


class Plain:
    """The formulas over NumPy as it is."""

    sqrt, abs, sign = np.sqrt, np.absolute, np.sign
    maximum, minimum, where = np.maximum, np.minimum, np.where


def _arguments(rule, dtype, rng):
    arrays = {name: rng.uniform(0.5, 2, 40).astype(dtype) for name in ("p", *rule.states)}
    arrays["g"] = rng.standard_normal(40).astype(dtype)
    if rule.name == "rprop":
        arrays["prev"] = rng.standard_normal(40).astype(dtype)
    if rule.name == "rmsprop":
        arrays["grad_avg"] *= 0.1  # an average gradient is no larger than the mean square's root
    counts = [7.0 + i for i in range(len(rule.counts))]
    scalars = {name: 0.1 + 0.17 * i for i, name in enumerate(rule.scalars)}
    return arrays, counts, scalars


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_plan_computes_the_formula(rule, dtype):
    rng = np.random.default_rng(0)
    for attributes in itertools.product((False, True), repeat=len(rule.attributes)):
        arrays, counts, scalars = _arguments(rule, dtype, rng)
        keywords = dict(zip(rule.attributes, attributes, strict=True))
        if rule.name == "radam":
            scalars["beta2"] = 0.9
        expected = rule(
            Plain, arrays["p"], arrays["g"], *(arrays[n] for n in rule.states), *counts,
            **{n: np.asarray(v)[()] for n, v in scalars.items()}, **keywords,
        )  # fmt: skip
        planned = plan(rule, attributes, rule.states, np.dtype(dtype))
        written = {name: a.copy() for name, a in arrays.items()}
        found_counts = planned.scalars(*counts, *scalars.values())
        planned.body(
            written["p"], written["g"], *(written[n] for n in rule.states), *planned.scratch(40)
        )
        np.testing.assert_array_equal(written["g"], arrays["g"])
        tolerance = 2e-5 if dtype == "float32" else 1e-13
        for name, value in zip(("p", *rule.states), expected, strict=False):
            np.testing.assert_allclose(written[name], value, tolerance, tolerance)
        np.testing.assert_allclose(found_counts, expected[1 + len(rule.states) :])


def test_plan_writes_in_place_where_it_can():
    planned = plan(adam.adam, (False, False, False, False), ("exp_avg", "exp_avg_sq"),
                   np.dtype("float32"))  # fmt: skip
    assert len(planned.scratch(10)) == 2


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "NAdam", "RAdam", "Adamax"])
def test_sizes_do_not_matter(name):
    """Packed, in blocks or alone: every element goes the same way."""
    sizes = [1, 5, SMALL, SMALL - 1, PACK, SMALL + 1, BLOCK + 3, 2 * BLOCK, 0]
    ramp = np.linspace(-1, 1, 2 * BLOCK, dtype=np.float32)
    together = [torch.from_numpy(ramp[:n].copy()).requires_grad_() for n in sizes]
    alone = torch.from_numpy(ramp.copy()).requires_grad_()
    kwargs = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    first = getattr(torch.optim, name)(together, lr=0.1, **kwargs)
    second = getattr(torch.optim, name)([alone], lr=0.1, **kwargs)
    for step in range(4):
        gradient = np.cos(ramp * 9 + step)
        for p in together:
            p.grad = torch.from_numpy(gradient[: p.numel()].copy())
        alone.grad = torch.from_numpy(gradient)
        first.step()
        second.step()
    for p in together:
        np.testing.assert_allclose(
            p.detach().numpy(), alone.detach().numpy()[: p.numel()], rtol=1e-6
        )


def test_gaps_and_layouts():
    """Slices with gaps, transposed memory, gradients in another layout."""
    base = np.arange(48, dtype=np.float32).reshape(6, 8)
    scattered = torch.from_numpy(base[::2, ::2]).requires_grad_()
    transposed = torch.from_numpy(base.T.copy().T).requires_grad_()
    expected = [p.detach().numpy().copy() - 0.5 for p in (scattered, transposed)]
    optimizer = torch.optim.Adam([scattered, transposed], lr=0.5)
    for p in (scattered, transposed):
        p.grad = torch.ones(*p.shape)
    optimizer.step()
    for p, value in zip((scattered, transposed), expected, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), value, rtol=1e-6)
    assert base[0, 0] == -0.5
    assert base[1, 1] == 9  # what lies between is not touched


def test_complex_parameters_are_pairs():
    p = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    q = torch.tensor([[1.0, 2.0], [3.0, -1.0]], requires_grad=True)
    for t, gradient in ((p, [1 + 1j, 2j]), (q, [[1.0, 1.0], [0.0, 2.0]])):
        t.grad = torch.tensor(gradient)
        torch.optim.Adam([t], lr=0.25).step()
    found = p.detach().numpy()
    np.testing.assert_allclose(np.stack([found.real, found.imag], 1), q.detach().numpy())


def test_versions_are_bumped():
    small, large = torch.zeros(3, requires_grad=True), torch.zeros(BLOCK + 1, requires_grad=True)
    saved = (small * small).sum() + (large * large).sum()
    for p in (small, large):
        p.grad = torch.ones(*p.shape)
    torch.optim.SGD([small, large], lr=1.0).step()
    assert (small._version, large._version) == (1, 1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        saved.backward()


def test_nan_and_zero_division_are_silent():
    p = torch.zeros(3, requires_grad=True)
    p.grad = torch.tensor([0.0, float("inf"), float("nan")])
    torch.optim.Adam([p], eps=0.0).step()  # 0 / 0; a warning would be an error here
    assert p.isnan().tolist() == [True, True, True]


class Recorder:
    """A handler that carries out what it is offered, with the formula over arrays."""

    def __init__(self):
        self.offered = []
        self.cleared = []
        self.stepped = []

    def __call__(self, op, args, kwargs):
        return NotImplemented

    def optimizer_step(self, optimizer, group, rule, param, state, scalars, attributes):
        self.offered.append((rule.name, tuple(state), tuple(scalars), dict(attributes)))
        arrays = [state[n]._data if n in state else None for n in rule.states]
        counts = [float(state[n]._data) for n in rule.counts]
        assert optimizer._choices(group, attributes.get("first", False), counts) == tuple(
            attributes.values()
        )
        results = rule(
            Plain, param._data, param.grad._data, *arrays, *counts,
            **{n: read() for n, read in scalars.items()}, **attributes,
        )  # fmt: skip
        param._data[...] = results[0]
        for name, value in zip(rule.states + rule.counts, results[1:], strict=True):
            if name in state:
                state[name]._data[...] = value
        _core.bump(param)

    def zero_grad(self, optimizer, set_to_none):
        self.cleared.append(set_to_none)

    def scheduler_step(self, scheduler, argument):
        self.stepped.append(type(scheduler).__name__)


@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam", "RAdam", "ASGD", "RMSprop", "Rprop"])
def test_a_recorder_is_offered_each_update(name):
    results = []
    for handler in (None, Recorder()):
        ps = [torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True),
              torch.tensor([[3.0]], dtype=torch.float64, requires_grad=True)]  # fmt: skip
        kwargs = {"momentum": 0.9} if name == "SGD" else {}
        optimizer = getattr(torch.optim, name)(ps, lr=0.1, **kwargs)
        _core.ctx.handler = handler
        try:
            for step in range(8):
                for i, p in enumerate(ps):
                    p.grad = torch.from_numpy(np.cos(p.detach().numpy() + step + i))
                optimizer.step()
                optimizer.zero_grad()
        finally:
            _core.ctx.handler = None
        results.append([p.detach().numpy() for p in ps])
        assert all(p.grad is None for p in ps)
    for eager, recorded in zip(*results, strict=True):
        # Counts go through float32 tensors in both; NAdam's product more often here.
        np.testing.assert_allclose(eager, recorded, rtol=1e-6)
    assert len(handler.offered) == 16
    assert handler.cleared == [True] * 8
    if name == "SGD":
        firsts = [attributes["first"] for *_, attributes in handler.offered]
        assert firsts == [True, True] + [False] * 14
    if name == "RAdam":
        assert [a["rectified"] for *_, a in handler.offered][::2] == [False] * 5 + [True] * 3


def test_a_recorder_is_told_of_schedules():
    handler = Recorder()
    p = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    optimizer.step()
    _core.ctx.handler = handler
    try:
        scheduler.step()
        plateau.step(1.0)
    finally:
        _core.ctx.handler = None
    assert handler.stepped == ["StepLR", "ReduceLROnPlateau"]


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [("SGD", {"momentum": 0.9}), ("Adam", {"weight_decay": 0.1}), ("AdamW", {"amsgrad": True}),
     ("RMSprop", {"centered": True}), ("Adagrad", {}), ("Adadelta", {}), ("Adamax", {}),
     ("NAdam", {}), ("RAdam", {}), ("ASGD", {}), ("Rprop", {})],
)  # fmt: skip
def test_differentiable_steps_are_recorded(name, kwargs):
    """The gradient through two steps is that of the same steps shifted by a little."""

    def after(start):
        p = start * 1.0
        optimizer = getattr(torch.optim, name)(
            [p], lr=0.1, differentiable=True, **kwargs
        )
        for step in range(2):
            p.grad = torch.cos(start + step)
            optimizer.step()
        return p

    start = torch.tensor([0.3, 0.5, 1.2], dtype=torch.float64, requires_grad=True)
    after(start).sum().backward()
    h = 1e-6
    with torch.no_grad():
        shift = torch.tensor([h, h, h], dtype=torch.float64)
        numeric = (after(start + shift) - after(start - shift)).numpy() / (2 * h)
    np.testing.assert_allclose(start.grad.numpy(), numeric, rtol=1e-4, atol=1e-6)
