"""Nodes as users see them, hooks on saved tensors, anomaly mode."""

from __future__ import annotations

import pytest

import rushlight as torch
from rushlight._core import ctx
from rushlight.autograd import graph


@pytest.fixture
def x():
    return torch.tensor([1.0, 2.0], requires_grad=True)


def test_next_functions(x):
    y = torch.ones(2)
    z = (x * y).exp()
    ((node, number),) = z.grad_fn.next_functions
    assert (node.name(), number) == ("MulBackward0", 0) and isinstance(node, graph.Node)
    (leaf, _), (nothing, _) = node.next_functions
    assert nothing is None and leaf.name() == "torch::autograd::AccumulateGrad"
    assert leaf.variable is x and leaf.next_functions == ()
    assert (x * 1).grad_fn.next_functions[0][0] is leaf


def test_relays_are_not_seen(x):
    wide = torch.ones(3, 2, dtype=torch.float64)
    z = x * wide  # a cast and a broadcast between the leaf and the product
    assert z.grad_fn.next_functions[0][0].variable is x
    values, _ = x.view(1, 2).max(1)
    assert values.grad_fn.name() == "MaxBackward0"
    assert (values * 2).grad_fn.next_functions[0] == (values.grad_fn, 0)


def test_metadata_and_order(x):
    y = x * 2
    y.grad_fn.metadata["note"] = 1
    assert y.grad_fn.metadata == {"note": 1}
    assert (y * 2).grad_fn._sequence_nr() > y.grad_fn._sequence_nr()


def test_saved_values(x):
    product = (x * x).grad_fn
    assert product._saved_self is x
    assert x.exp().grad_fn._saved_result.grad_fn.name() == "ExpBackward0"
    h = x * 1
    product = (h * h).grad_fn
    assert product._saved_other.grad_fn is h.grad_fn
    h.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        _ = product._saved_other
    with pytest.raises(AttributeError, match="no attribute '_saved_nothing'"):
        _ = product._saved_nothing


def test_calling_a_node(x):
    g = torch.ones(2)
    assert [t.tolist() for t in (x * x).grad_fn(g)] == [[1, 2], [1, 2]]


def test_saved_tensors_hooks(x):
    packed = []

    def pack(t):
        packed.append(t.tolist())
        return t.tolist()

    with graph.saved_tensors_hooks(pack, torch.tensor):
        y = (x * x).exp()
        z = torch.cat([y, x * y]).sum()
    assert packed[:2] == [[1, 2], [1, 2]]
    z.backward(retain_graph=True)
    first = x.grad.clone()
    (2 * z).backward()
    assert x.grad.tolist() == pytest.approx((3 * first).tolist())
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        z.backward()
    assert ctx.anomaly is None
    (g,) = torch.autograd.grad(_plain(x), x)
    assert first.tolist() == pytest.approx(g.tolist())


def _plain(x):
    y = (x * x).exp()
    return torch.cat([y, x * y]).sum()


def test_saved_tensors_hooks_and_second_derivatives(x):
    with graph.saved_tensors_hooks(lambda t: t * 1, lambda t: t):
        y = (x * x * x).sum()
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    assert torch.autograd.grad(g.sum(), x)[0].tolist() == [6, 12]


def test_hooks_on_the_saves_of_a_function(x):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * a

        @staticmethod
        def backward(ctx, g):
            return 2 * ctx.saved_tensors[0] * g

    with graph.saved_tensors_hooks(lambda t: t.tolist(), torch.tensor):
        y = Square.apply(x)
    y.sum().backward()
    assert x.grad.tolist() == [2, 4]


def test_save_on_cpu_and_disabling(x):
    with graph.save_on_cpu():
        y = (x * x).sum()
    y.backward()
    assert x.grad.tolist() == [2, 4]
    with graph.disable_saved_tensors_hooks("not now"):
        with pytest.raises(RuntimeError, match="not now"):
            graph.saved_tensors_hooks(print, print).__enter__()


def test_bad_hooks_on_saved_tensors(x):
    with graph.saved_tensors_hooks(lambda t: t, lambda t: 3):
        y = (x * x).sum()
    with pytest.raises(TypeError, match="unpack_hook expected to be a Tensor but got result of"):
        y.backward()
    h = x.detach().clone()
    with graph.saved_tensors_hooks(lambda t: t.add_(1), lambda t: t):
        with pytest.raises(RuntimeError, match="A saved tensor pack hook is modifying its input"):
            x * h


def test_raw_saved_values(x):
    y = x * x
    y.grad_fn._raw_saved_self.register_hooks(lambda t: "packed", lambda s: torch.ones(2) * 10)
    assert torch.autograd.grad(y.sum(), x)[0].tolist() == [11, 12]


def test_mutation_of_saved_tensors():
    with graph.allow_mutation_on_saved_tensors():
        a = torch.ones(2, requires_grad=True)
        b = a * 3
        c = b * b
        b.add_(1)
        c.sum().backward()
    assert a.grad.tolist() == [18.0, 18.0]


# ---- anomaly mode -------------------------------------------------------------------------------


def test_nan_is_an_error_that_names_the_line():
    with pytest.warns(UserWarning) as warned, torch.autograd.detect_anomaly():
        a = torch.zeros(2, requires_grad=True)
        b = (a * 0) / a
        with pytest.raises(RuntimeError) as caught:
            b.sum().backward()
    assert str(caught.value) == "Function 'DivBackward0' returned nan values in its 1th output."
    texts = [str(w.message) for w in warned]
    assert texts[0].startswith("Anomaly Detection has been enabled.")
    assert texts[1].startswith(
        "Error detected in DivBackward0. Traceback of forward call that caused the error:\n"
    )
    assert "b = (a * 0) / a" in texts[1]
    assert "b = (a * 0) / a" in caught.value.__notes__[0]
    assert ctx.anomaly is None


def test_nan_may_be_ignored():
    with torch.autograd.set_detect_anomaly(True, check_nan=False):
        assert torch.is_anomaly_enabled() and not torch.is_anomaly_check_nan_enabled()
        a = torch.zeros(2, requires_grad=True)
        ((a * 0) / a).sum().backward()
    assert a.grad.isnan().all() and not torch.is_anomaly_enabled()


def test_errors_of_backward_are_explained(x):
    with torch.autograd.set_detect_anomaly(True):
        y = x.exp()
        y.add_(1)
        with pytest.warns(UserWarning, match="Error detected in ExpBackward0"):
            with pytest.raises(RuntimeError, match="the backtrace further above shows"):
                y.sum().backward()


def test_nodes_made_before(x):
    y = x.exp()
    y.add_(1)
    with torch.autograd.set_detect_anomaly(True):
        with pytest.warns(UserWarning, match="No forward pass information available"):
            with pytest.raises(RuntimeError):
                y.sum().backward()
