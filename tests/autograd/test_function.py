"""``autograd.Function``: user-defined operations."""

from __future__ import annotations

import gc
import weakref

import pytest

import rushlight as torch
from rushlight.autograd import Function
from rushlight.autograd.function import once_differentiable


@pytest.fixture
def x():
    return torch.ones(2, requires_grad=True)


class Square(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        assert not torch.is_grad_enabled()
        return a * a

    @staticmethod
    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return 2 * a * g


class Exp(Function):
    """Saves its output."""

    @staticmethod
    def forward(ctx, a):
        out = a.exp()
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx, g):
        (out,) = ctx.saved_tensors
        return out * g


def test_first_and_second_derivative():
    x = torch.tensor([3.0], requires_grad=True)
    (g,) = torch.autograd.grad(Square.apply(x) * x, x, create_graph=True)
    assert g.tolist() == [27]
    assert torch.autograd.grad(g, x)[0].tolist() == [18]


def test_second_derivative_through_a_saved_output():
    x = torch.zeros(1, requires_grad=True)
    (g,) = torch.autograd.grad(Exp.apply(x), x, create_graph=True)
    (h,) = torch.autograd.grad(g, x, create_graph=True)
    (i,) = torch.autograd.grad(h, x)
    assert (g.item(), h.item(), i.item()) == (1, 1, 1)


def test_the_node_is_the_context(x):
    class Keeps(Function):
        @staticmethod
        def forward(ctx, a):
            ctx.note = "kept"
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    y = Keeps.apply(x)
    assert type(y.grad_fn).__name__ == "KeepsBackward" == y.grad_fn.name()
    assert y.grad_fn.note == "kept"
    assert y.grad_fn.next_functions[0][0].variable is x
    assert repr(y) == "tensor([2., 2.], grad_fn=<KeepsBackward>)"


def test_saved_tensors_are_the_inputs_themselves_and_are_freed(x):
    y = Square.apply(x)
    assert y.grad_fn.saved_tensors[0] is x
    y.sum().backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        _ = y.grad_fn.saved_tensors


def test_changed_saves_are_noticed(x):
    y = Exp.apply(x)
    y += 1
    with pytest.raises(RuntimeError, match=r"which is output 0 of Exp, is at version 1; expected"):
        y.sum().backward()
    h = x * 1
    y = Square.apply(h)
    h += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_nothing_keeps_the_graph_alive(x):
    gc.disable()
    try:
        y = Exp.apply(x)
        references = weakref.ref(y), weakref.ref(y.grad_fn)
        del y
        assert [r() for r in references] == [None, None]
    finally:
        gc.enable()


def test_arguments_of_all_kinds(x):
    class Scale(Function):
        @staticmethod
        def forward(ctx, a, factor, text=None, b=None):
            ctx.factor = factor
            seen.append(ctx.needs_input_grad)
            return a * factor

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor, None, None, None

    seen = []
    (Scale.apply(x, 3.0, text="t", b=torch.ones(2)) + Scale.apply(x, 2.0)).sum().backward()
    assert x.grad.tolist() == [5, 5]
    assert seen[0] == (True, False, False, False)


def test_setup_context(x):
    seen = []

    class New(Function):
        @staticmethod
        def forward(a, factor=3.0):
            return a * factor, a

        @staticmethod
        def setup_context(ctx, inputs, output):
            seen.append((inputs[1], type(output)))
            ctx.factor = inputs[1]

        @staticmethod
        def backward(ctx, g, h):
            return g * ctx.factor + h, None

    out, same = New.apply(x)
    (out + same).sum().backward()
    assert x.grad.tolist() == [4, 4] and seen == [(3.0, tuple)]


def test_several_outputs_and_materialized_gradients(x):
    seen = []

    class Several(Function):
        @staticmethod
        def forward(ctx, a, materialize):
            ctx.set_materialize_grads(materialize)
            index = torch.tensor([1, 2])
            ctx.mark_non_differentiable(index)
            return a * 2, index, "text", a * 3

        @staticmethod
        def backward(ctx, *grads):
            seen.append([None if g is None else g.tolist() for g in grads])
            return grads[0], None

    for materialize in (True, False):
        out, index, text, unused = Several.apply(x, materialize)
        assert text == "text" and not index.requires_grad
        assert unused.grad_fn is out.grad_fn and unused.output_nr == 3
        out.sum().backward()
    assert seen == [[[1, 1], [0, 0], None, [0, 0]], [[1, 1], None, None, None]]


def test_an_input_returned_as_it_is(x):
    class Same(Function):
        @staticmethod
        def forward(ctx, a):
            return a

        @staticmethod
        def backward(ctx, g):
            return g * 3

    y = Same.apply(x)
    assert y is not x and y._base is x and x.is_leaf
    with pytest.raises(RuntimeError, match="Output 0 of Same is a view and is being modified"):
        y.add_(1)
    (g,) = torch.autograd.grad(y.sum(), x)
    assert g.tolist() == [3, 3]
    with torch.no_grad():
        assert not Same.apply(x).requires_grad


class Triple(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.mark_dirty(a)
        return a.mul_(3)

    @staticmethod
    def backward(ctx, g):
        return g * 3


def test_mark_dirty(x):
    h = x * 1
    version = h._version
    out = Triple.apply(h)
    assert out is h and type(h.grad_fn).__name__ == "TripleBackward" and h._version > version
    assert torch.autograd.grad(h.sum(), x)[0].tolist() == [3, 3]


def test_mark_dirty_of_a_view(x):
    h = x * 1
    Triple.apply(h[:1])
    assert h.tolist() == [3, 1]
    assert torch.autograd.grad(h.sum(), x)[0].tolist() == [3, 1]


def test_mark_dirty_errors(x):
    with pytest.raises(RuntimeError) as caught:
        with torch.no_grad():
            leaf = x.clone()
        Triple.apply(leaf.requires_grad_())
    assert "a leaf Variable that requires grad" in str(caught.value)

    class Lost(Function):
        @staticmethod
        def forward(ctx, a):
            ctx.mark_dirty(a)
            return a * 2

    with pytest.raises(RuntimeError, match="Some elements marked as dirty during the forward"):
        Lost.apply(x * 1)


def test_once_differentiable(x):
    class Once(Function):
        @staticmethod
        def forward(ctx, a):
            return a * a

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            assert not torch.is_grad_enabled()
            return g * 2

    (g,) = torch.autograd.grad((Once.apply(x) * x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="marked with @once_differentiable"):
        g.sum().backward()


def test_gradients_are_fitted():
    class Broadcast(Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * b

        @staticmethod
        def backward(ctx, g):
            return g.double() * 2, g * 1

    a = torch.ones(2, 1, requires_grad=True)
    b = torch.ones(3, requires_grad=True)
    Broadcast.apply(a, b).sum().backward()
    assert a.grad.tolist() == [[6], [6]] and a.grad.dtype == torch.float32
    assert b.grad.tolist() == [2, 2, 2]


def test_backward_inside_backward(x):
    class Inner(Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * a

        @staticmethod
        def backward(ctx, g):
            (a,) = ctx.saved_tensors
            with torch.enable_grad():
                b = a.detach().requires_grad_()
                (b * b * g).sum().backward()
            assert not torch.is_grad_enabled()
            return b.grad

    Inner.apply(Inner.apply(x)).sum().backward()
    assert x.grad.tolist() == [4, 4]
    assert torch.is_grad_enabled()


def _returning(value):
    class F(Function):
        @staticmethod
        def forward(ctx, a, b=None):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return value

    return F


@pytest.mark.parametrize(
    ("value", "second", "message"),
    [
        (lambda: torch.ones(2), "x",
         "function FBackward returned an incorrect number of gradients (expected 2, got 1)"),
        (lambda: (torch.ones(2), None, torch.ones(2)), "x",
         "function FBackward returned an incorrect number of gradients (expected 2, got 3)"),
        (lambda: (torch.ones(2), torch.ones(2)), 3,
         "function FBackward returned a gradient different than None at position 2, but the "
         "corresponding forward input was not a Variable"),
        (lambda: (torch.ones(3), None), 3,
         "Function FBackward returned an invalid gradient at index 0 - got [3] but expected shape "
         "compatible with [2]"),
        (lambda: (1.0, None), 3, "expected Variable or None (got float)"),
    ],
)  # fmt: skip
def test_what_backward_may_not_return(value, second, message, x):
    y = _returning(value()).apply(x, x if second == "x" else second)
    with pytest.raises(RuntimeError) as caught:
        y.sum().backward()
    assert str(caught.value) == message


def test_superfluous_nones_are_ignored(x):
    _returning((torch.ones(2), None, None)).apply(x, x).sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_what_is_missing_says_so(x):
    class Empty(Function):
        pass

    class ForwardOnly(Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

    with pytest.raises(NotImplementedError, match="You must implement the forward function"):
        Empty.apply(x)
    with pytest.raises(NotImplementedError, match="You must implement either the backward or vjp"):
        ForwardOnly.apply(x).sum().backward()
    with pytest.raises(NotImplementedError, match="override the vmap staticmethod"):
        ForwardOnly.vmap(None, ())
    with pytest.raises(NotImplementedError, match="You must implement the jvp function"):
        ForwardOnly.jvp(None)
    with pytest.raises(TypeError, match="can only save variables, but argument 0 is of type int"):

        class Saves(Function):
            @staticmethod
            def forward(ctx, a):
                ctx.save_for_backward(3)
                return a * 2

        Saves.apply(x)


def test_instances_are_refused(x):
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        f = Square()
    with pytest.raises(RuntimeError, match="Legacy autograd function with non-static forward"):
        f(x)
