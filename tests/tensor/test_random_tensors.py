"""Random tensors against what PyTorch recorded: values, words consumed, nodes, errors."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from constructor_cases import describe

import rushlight as torch
from rushlight._core import ctx
from rushlight._ops import random

GOLDENS = json.loads(
    Path(__file__).with_name("constructor_goldens.json").read_text(encoding="utf-8")
)["groups"]["random"]


@pytest.mark.parametrize(("text", "expected"), GOLDENS.items(), ids=list(GOLDENS))
def test_same_as_pytorch(text: str, expected: str) -> None:
    assert describe(torch, torch.nn.functional, text) == expected


def test_goldens_of_seed_1337() -> None:
    g = torch.manual_seed(1337)
    assert g is torch.default_generator
    assert torch.rand(5).tolist() == pytest.approx(
        [0.078317106, 0.49561673, 0.62309813, 0.42243814, 0.20038837], rel=1e-7
    )
    torch.manual_seed(1337)
    assert torch.randint(0, 10, (5,)).tolist() == [5, 7, 2, 0, 5]
    torch.manual_seed(1337)
    assert torch.randperm(10).tolist() == [5, 0, 6, 1, 9, 8, 4, 2, 3, 7]


def test_cached_normal_survives_other_draws() -> None:
    torch.manual_seed(0)
    torch.randn(3)
    assert torch.rand(2).tolist() == pytest.approx([0.45562798, 0.6323063], rel=1e-7)
    assert torch.randn(2).tolist() == pytest.approx([0.56843126, 0.16038126], rel=1e-7)


def test_states_continue_the_sequence() -> None:
    torch.manual_seed(3)
    torch.rand(7)
    state = torch.get_rng_state()
    first = torch.randn(40)
    torch.set_rng_state(state)
    assert torch.equal(torch.randn(40), first)
    g = torch.Generator().set_state(state)
    assert torch.equal(torch.randn(40, generator=g), first)
    assert torch.equal(torch.randn(40, generator=torch.Generator().set_state(state)), first)


@pytest.mark.parametrize(
    "copied",
    [
        lambda g: g.clone_state(), copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g)),
    ],
    ids=["clone_state", "deepcopy", "pickle"],
)  # fmt: skip
def test_generators_can_be_copied(copied: Any) -> None:
    g = torch.Generator().manual_seed(11)
    torch.rand(3, generator=g)
    other = copied(g)
    assert other.initial_seed() == 11
    assert torch.equal(torch.rand(4, generator=other), torch.rand(4, generator=g))


def test_a_fresh_generator_has_pytorchs_seed() -> None:
    assert torch.Generator().initial_seed() == 67280421310721
    assert torch.Generator().get_state().shape == (5056,)


def test_seed_returns_what_it_seeds() -> None:
    assert torch.seed() == torch.initial_seed() == torch.default_generator.initial_seed()


def test_fork_rng_restores() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    with torch.random.fork_rng():
        torch.rand(100)
        torch.manual_seed(5)
    assert torch.equal(torch.rand(1), expected)
    with torch.random.fork_rng(enabled=False):
        torch.rand(1)
    torch.manual_seed(0)
    with pytest.raises(ValueError, match="inside"), torch.random.fork_rng():
        torch.rand(2)
        raise ValueError("inside")
    assert torch.equal(torch.rand(1), expected)


def test_strided_tensors_are_filled_in_memory_order() -> None:
    torch.manual_seed(0)
    memory = torch.empty(4, 3)
    memory.T.uniform_()
    torch.manual_seed(0)
    assert torch.equal(memory, torch.rand(4, 3))


def test_in_place_draws_bump_the_version_and_have_zero_gradient() -> None:
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    y[1:].normal_()
    assert type(y.grad_fn).__name__ == "CopySlices"
    y.sum().backward()
    assert x.grad.tolist() == [2, 0, 0]
    z = torch.zeros(2)
    z.uniform_()
    assert z._version == 1


def test_saved_values_notice_in_place_draws() -> None:
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    y.normal_()
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 0]
    y = x.exp()
    z = (y * y).sum()
    with torch.no_grad():
        y.normal_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_leaves_that_require_grad_are_protected() -> None:
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.uniform_()
    with torch.no_grad():
        assert x.uniform_() is x
    assert x.is_leaf


class Recorder:
    """What a recorder of draws looks like: it is offered every draw, and carries it out."""

    def __init__(self) -> None:
        self.draws: list[tuple[Any, ...]] = []

    def __call__(self, op: Any, args: Any, kwargs: Any = None) -> Any:
        return NotImplemented

    def draw(self, generator: Any, kind: str, shape: Any, dtype: Any, parameters: Any) -> Any:
        self.draws.append((kind, shape, parameters))
        assert isinstance(generator, torch.Generator)
        return torch.Tensor(random.draw_array(generator, kind, shape, dtype, parameters))

    def draw_into(self, t: Any, generator: Any, kind: str, parameters: Any) -> Any:
        self.draws.append((kind, tuple(t.shape), parameters))
        return NotImplemented


def test_every_draw_is_offered_to_the_handler() -> None:
    def draw_everything() -> list[Any]:
        torch.manual_seed(0)
        weights = torch.tensor([0.1, 0.2, 0.7])
        made = [
            torch.rand(2), torch.randn(2, 3), torch.randint(0, 5, (4,)), torch.randperm(5),
            torch.empty(3).uniform_(), torch.empty(3).normal_(1, 2), torch.bernoulli(weights),
            torch.multinomial(weights, 2), torch.poisson(weights), torch.normal(weights, 1.0),
            torch.nn.functional.dropout(torch.ones(5), 0.5), torch.rand_like(weights),
        ]  # fmt: skip
        return [t.tolist() for t in made]

    expected = draw_everything()
    recorder = Recorder()
    ctx.handler = recorder
    try:
        found = draw_everything()
    finally:
        ctx.handler = None
    assert found == expected
    assert [kind for kind, _, _ in recorder.draws] == [
        "rand", "randn", "randint", "randperm", "uniform", "normal", "bernoulli_tensor",
        "multinomial", "poisson", "normal", "dropout_noise", "uniform",
    ]  # fmt: skip


def test_dropout_in_a_replay_draws_what_eager_draws() -> None:
    x = torch.ones(8, requires_grad=True)
    torch.manual_seed(4)
    first = [torch.nn.functional.dropout(x, 0.3) for _ in range(3)]
    torch.manual_seed(4)
    noise = [random.draw(None, "dropout_noise", (8,), x._data.dtype, 0.3) for _ in range(3)]
    for a, b in zip(first, noise, strict=True):
        assert torch.equal(a, b)
        assert type(a.grad_fn).__name__ == "MulBackward0"


def test_dropout_gradient_is_its_noise() -> None:
    x = torch.ones(1000, requires_grad=True)
    torch.manual_seed(1)
    y = torch.nn.functional.dropout(x, 0.25)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())
    kept = y.detach() != 0
    assert (y.detach()[kept] == torch.tensor(1.0) / torch.tensor(0.75)).all()
