"""torch.utils.checkpoint: what is computed again, when, with which random numbers."""

import gc
import weakref

import pytest

import rushlight as torch
from rushlight.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    set_checkpoint_early_stop,
)

both = pytest.mark.parametrize("reentrant", [True, False])


def leaf(*values):
    return torch.tensor([float(v) for v in values], requires_grad=True)


@both
def test_gradients_are_those_without(reentrant):
    x, y = leaf(1, 2, 3), leaf(1, 2, 3)
    checkpoint(lambda a: (a * a).sin(), x, use_reentrant=reentrant).sum().backward()
    (y * y).sin().sum().backward()
    assert torch.equal(x.grad, y.grad)


@both
def test_draws_are_repeated_and_the_stream_goes_on(reentrant):
    x = leaf(*range(1, 9))
    torch.manual_seed(0)
    out = checkpoint(lambda a: torch.dropout(a, 0.5, True), x, use_reentrant=reentrant)
    following = torch.rand(1)
    out.sum().backward()
    assert torch.equal(x.grad, (out != 0) * 2.0)
    torch.manual_seed(0)
    torch.dropout(x, 0.5, True)
    assert torch.equal(torch.rand(1), following)


@both
def test_intermediate_tensors_are_not_kept(reentrant):
    x = leaf(1, 2)
    inside = []

    def function(a):
        b = a.exp()
        inside.append(weakref.ref(b._data))
        return b * b

    out = checkpoint(function, x, use_reentrant=reentrant)
    gc.collect()
    assert inside[0]() is None
    out.sum().backward()
    assert len(inside) == 2
    assert torch.allclose(x.grad, 2 * (2 * x).exp())


def test_early_stop_ends_the_second_call():
    x, steps = leaf(1), []

    def function(a):
        b = a.sin()
        steps.append(1)
        return b * 2

    for early in (True, False):
        with set_checkpoint_early_stop(early):
            out = checkpoint(function, x, use_reentrant=False)
        del steps[:]
        out.backward()
        assert len(steps) == (0 if early else 1)


def test_changed_functions_are_refused():
    x, calls = leaf(1, 2), []

    def function(a):
        calls.append(1)
        return a.sin().exp() if len(calls) == 1 else a.sin()

    with pytest.raises(CheckpointError, match="A different number of tensors was saved"):
        checkpoint(function, x, use_reentrant=False).sum().backward()


def test_changed_inputs_are_noticed():
    x = leaf(1, 2)
    a = x * 1
    out = checkpoint(lambda b: b.sin(), a, use_reentrant=False)
    a.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_reentrant_refuses_grad():
    x = leaf(1)
    out = checkpoint(lambda a: a.sin(), x, use_reentrant=True)
    with pytest.raises(RuntimeError, match=r"incompatible with \.grad\(\)"):
        torch.autograd.grad(out, x)


@both
@pytest.mark.parametrize("segments", [1, 2, 4])
def test_sequential(reentrant, segments):
    torch.manual_seed(0)
    layers = torch.nn.Sequential(*(torch.nn.Linear(3, 3) for _ in range(5)))
    x = torch.ones(2, 3, requires_grad=True)
    checkpoint_sequential(layers, segments, x, use_reentrant=reentrant).sum().backward()
    found = [p.grad.clone() for p in layers.parameters()]
    layers.zero_grad()
    layers(x).sum().backward()
    assert all(torch.equal(p.grad, g) for p, g in zip(layers.parameters(), found, strict=True))


def test_selection_is_not_there():
    with pytest.raises(NotImplementedError, match="create_selective_checkpoint_contexts"):
        torch.utils.checkpoint.create_selective_checkpoint_contexts([])


def test_swapped_tensors():
    a, b = torch.ones(2), leaf(3)
    c = b * 2
    torch.utils.swap_tensors(a, b)
    assert a.requires_grad
    assert b.tolist() == [1, 1]
    reference = weakref.ref(a)
    with pytest.raises(RuntimeError, match="Cannot swap t1 because it has weakref"):
        torch.utils.swap_tensors(a, c)
    assert reference() is a
