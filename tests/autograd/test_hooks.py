"""Hooks on tensors, nodes and leaves; retained gradients."""

from __future__ import annotations

import gc
import weakref

import pytest

import rushlight as torch
from rushlight._core import ctx
from rushlight.autograd.graph import register_multi_grad_hook


@pytest.fixture
def x():
    return torch.ones(2, requires_grad=True)


@pytest.mark.parametrize(
    ("order", "at_y", "beside_x", "at_x", "retained"),
    [
        ("", 3, 3, 6, None),
        ("h", 30, 3, 60, None),
        ("rh", 30, 3, 60, 30),
        ("hr", 30, 3, 60, 30),
        ("p", 3, 3, 600, None),
        ("hp", 30, 3, 6000, None),
    ],
)
def test_what_hooks_change(order, at_y, beside_x, at_x, retained, x):
    """Recorded from PyTorch 2.13: a captured gradient has passed the tensor's hooks only if the
    walk ends there."""

    def make():
        y = x * 2
        z = (y * 3).sum()
        for letter in order:
            if letter == "h":
                y.register_hook(lambda g: g * 10)
            elif letter == "r":
                y.retain_grad()
            else:
                y.grad_fn.register_prehook(lambda g: (g[0] * 100,))
        return y, z

    y, z = make()
    assert torch.autograd.grad(z, y)[0].tolist() == [at_y] * 2
    y, z = make()
    found = torch.autograd.grad(z, [y, x])
    assert [g.tolist() for g in found] == [[beside_x] * 2, [at_x] * 2]
    if retained is not None:
        assert y.grad.tolist() == [retained] * 2
    y, z = make()
    assert torch.autograd.grad(z, x)[0].tolist() == [at_x] * 2


def test_leaf_hooks_in_order(x):
    seen = []
    x.register_hook(lambda g: g * 10)
    accumulator = (x * 1).grad_fn.next_functions[0][0]
    accumulator.register_prehook(lambda g: (g[0] * 100,))
    accumulator.register_hook(lambda gi, go: seen.append(("post", gi, go[0].tolist())))
    x.register_post_accumulate_grad_hook(lambda p: seen.append(("added", p.grad.tolist())))
    assert torch.autograd.grad((x * 3).sum(), x)[0].tolist() == [30, 30]
    assert seen == []
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3000, 3000]
    assert seen == [("added", [3000, 3000]), ("post", (), [3000, 3000])]


def test_leaf_hook_sees_the_whole_gradient_once(x):
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 2 + x * 3).sum().backward()
    assert seen == [[5, 5]]


def test_leaves_are_filled_as_soon_as_possible():
    order = []
    p, q = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    p.register_post_accumulate_grad_hook(lambda t: order.append("p"))
    q.register_post_accumulate_grad_hook(lambda t: order.append("q"))
    h = p * 2
    h.register_hook(lambda g: order.append("h"))
    k = h * q
    k.register_hook(lambda g: order.append("k"))
    k.sum().backward()
    assert order == ["k", "q", "h", "p"]


def test_post_accumulate_hook_may_free_the_gradient(x):
    kept = []

    def step(p):
        kept.append(p.grad.tolist())
        p.grad = None

    x.register_post_accumulate_grad_hook(step)
    (x * 3).sum().backward()
    assert kept == [[3, 3]] and x.grad is None


def test_node_hooks(x):
    one = torch.ones(1, requires_grad=True)
    z = x + one
    seen = []

    def hook(grad_inputs, grad_outputs):
        seen.append(([g.tolist() for g in grad_inputs], [g.tolist() for g in grad_outputs]))
        return tuple(g * 10 for g in grad_inputs)

    z.grad_fn.register_hook(hook)
    z.sum().backward()
    assert seen == [([[1, 1], [2]], [[1, 1]])]
    assert x.grad.tolist() == [10, 10] and one.grad.tolist() == [20]


def test_handles_remove(x):
    handle = x.register_hook(lambda g: g * 10)
    with x.register_hook(lambda g: g * 100):
        (x * 1).sum().backward()
    assert x.grad.tolist() == [1000, 1000]
    handle.remove()
    handle.remove()
    x.grad = None
    (x * 1).sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_hooks_are_forgotten_with_their_tensors():
    gc.collect()
    before = set(ctx.hooks)
    x = torch.ones(2, requires_grad=True)
    x.register_hook(lambda g: g)
    y = x * 2
    y.register_hook(lambda g: g)
    y.retain_grad()
    y.grad_fn.register_hook(lambda a, b: None)
    assert len(ctx.hooks - before) == 4
    del x, y
    gc.collect()
    assert not ctx.hooks - before


def test_retain_grad(x):
    y = x * 2
    assert not y.retains_grad
    y.retain_grad()
    y.retain_grad()
    assert y.retains_grad
    (y * 3).sum().backward()
    assert y.grad.tolist() == [3, 3]
    x.retain_grad()
    assert not x.retains_grad


def test_retained_gradient_is_nobody_elses_memory(x):
    y = x * 1
    y.retain_grad()
    given = torch.ones(2)
    y.backward(given)
    y.grad.add_(1)
    assert given.tolist() == [1, 1] and x.grad.tolist() == [1, 1]


def test_retain_grad_moves_with_an_in_place_operation_and_hooks_stay(x):
    seen = []
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: seen.append(("old", g.tolist())))
    y.mul_(3)
    y.register_hook(lambda g: seen.append(("new", g.tolist())))
    (y * 5).sum().backward()
    assert y.grad.tolist() == [5, 5]
    assert seen == [("new", [5, 5]), ("old", [15, 15])]


def test_grad_mode_inside_hooks(x):
    seen = []
    x.register_hook(lambda g: seen.append((torch.is_grad_enabled(), g.requires_grad)))
    y = (x * x).sum()
    y.backward(retain_graph=True)
    torch.autograd.grad(y, x, create_graph=True)
    assert seen == [(False, False), (True, True)]


def test_exception_in_a_hook_leaves_everything_usable(x):
    def bad(g):
        raise ValueError("bad")

    y = x * x
    handle = y.register_hook(bad)
    with pytest.raises(ValueError, match="bad"):
        y.sum().backward()
    assert torch.is_grad_enabled() and x.grad is None
    handle.remove()
    y.sum().backward()
    assert x.grad.tolist() == [2, 2]


@pytest.mark.parametrize(
    ("result", "kind", "message"),
    [
        (lambda: torch.ones(5), RuntimeError, "hook 'h' has changed the size of value"),
        (lambda: torch.ones(2, dtype=torch.float64), RuntimeError,
         "hook 'h' has changed the type of value (was torch.FloatTensor got torch.DoubleTensor)"),
        (lambda: 3, TypeError, "expected Variable, but hook returned 'int'"),
    ],
)  # fmt: skip
def test_what_hooks_may_return(result, kind, message, x):
    def h(g):
        return result()

    y = x * 2
    y.register_hook(h)
    with pytest.raises(kind) as caught:
        y.sum().backward()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: torch.ones(2).register_hook(print),
         "cannot register a hook on a tensor that doesn't require gradient"),
        (lambda x: torch.ones(2).register_post_accumulate_grad_hook(print),
         "cannot register a hook on a tensor that doesn't require gradient"),
        (lambda x: (x * 2).register_post_accumulate_grad_hook(print),
         "post accumulate grad hooks cannot be registered on non-leaf tensors"),
        (lambda x: torch.ones(2).retain_grad(),
         "can't retain_grad on Tensor that has requires_grad=False"),
    ],
)  # fmt: skip
def test_where_hooks_are_refused(call, message, x):
    with pytest.raises(RuntimeError) as caught:
        call(x)
    assert str(caught.value) == message


@pytest.mark.parametrize("mode", ["all", "any"])
def test_multi_grad_hook(mode, x):
    y = torch.ones(2, requires_grad=True)
    unused = torch.ones(2, requires_grad=True)
    seen = []
    handle = register_multi_grad_hook([x, y, unused], seen.append, mode=mode)
    for _ in range(2):
        (x * 2 + y * 3).sum().backward()
    assert len(seen) == 2
    if mode == "all":
        assert [None if g is None else g.tolist() for g in seen[1]] == [[2, 2], [3, 3], None]
    handle.remove()
    (x * 2).sum().backward()
    assert len(seen) == 2


def test_hook_may_run_backward(x):
    y = torch.ones(2, requires_grad=True)
    loss = (y * 3).sum()
    x.register_hook(lambda g: loss.backward())
    (x * 2).sum().backward()
    assert y.grad.tolist() == [3, 3] and x.grad.tolist() == [2, 2]


def test_hooks_do_not_keep_their_tensor(x):
    gc.disable()
    try:
        y = x * 2
        y.register_hook(lambda g: None)
        y.retain_grad()
        tensor, node = weakref.ref(y), weakref.ref(y.grad_fn)
        del y
        assert tensor() is None and node() is None
    finally:
        gc.enable()
