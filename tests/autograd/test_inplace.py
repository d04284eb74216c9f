"""In-place operations in the graph: versions, views, refusals."""

from __future__ import annotations

import pytest

import rushlight as torch


@pytest.fixture
def x():
    return torch.ones(2, requires_grad=True)


def _modified(made_by: str, found: int, expected: int) -> str:
    which = f", which is output 0 of {made_by}," if made_by else ""
    return (
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [torch.FloatTensor [2]]{which} is at version {found}; expected version "
        f"{expected} instead. Hint: enable anomaly detection to find the operation that failed to "
        "compute its gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False)."
    )


def test_saved_output_changed(x):
    y = x.exp()
    y += 1
    with pytest.raises(RuntimeError) as caught:
        y.sum().backward()
    assert str(caught.value) == _modified("Exp", 1, 0)


def test_saved_input_changed(x):
    h = x * 3
    y = h * h
    h += 1
    with pytest.raises(RuntimeError) as caught:
        y.sum().backward()
    assert str(caught.value) == _modified("Add", 1, 0)  # PyTorch names what overwrote it
    h = x * 3
    y = h * h
    h[:1].mul_(2)
    with pytest.raises(RuntimeError) as caught:
        y.sum().backward()
    assert str(caught.value) == _modified("torch::autograd::CopySlices", 1, 0)


def test_saved_leaf_changed_under_no_grad(x):
    y = x * x
    with torch.no_grad():
        x.add_(1)
    with pytest.raises(RuntimeError) as caught:
        y.sum().backward()
    assert str(caught.value) == _modified("", 1, 0)


def test_what_nobody_needs_may_change(x):
    h = x * 3
    y = h * torch.tensor([1.0, 0.0])  # saves only the constant
    h.add_(1)
    assert torch.autograd.grad(y.sum(), x)[0].tolist() == [3, 0]


def test_detach_shares_the_version_and_data_does_not(x):
    a = x * 1
    y = a * a
    a.data.add_(1)
    y.sum().backward(retain_graph=True)
    a.detach().add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        y.sum().backward()


def test_leaf_refusals(x):
    message = "a leaf Variable that requires grad is being used in an in-place operation."
    with pytest.raises(RuntimeError) as caught:
        x.add_(1)
    assert str(caught.value) == message
    with pytest.raises(RuntimeError) as caught:
        x += 1
    assert str(caught.value) == message
    with pytest.raises(RuntimeError) as caught:
        x.view(2).add_(1)
    assert str(caught.value) == (
        "a view of a leaf Variable that requires grad is being used in an in-place operation."
    )
    with torch.no_grad():
        x += 1
        x.view(2).add_(1)
    assert x.tolist() == [3, 3] and x.is_leaf and x.requires_grad


def test_chain_of_in_place_operations(x):
    y = x * 2
    same = y
    first = y.grad_fn
    y += 1
    assert same is y and y.grad_fn.next_functions[0][0] is first
    y.mul_(3)
    y.sub_(x)
    assert torch.autograd.grad(y.sum(), x)[0].tolist() == [5, 5]


def test_in_place_saving_its_output(x):
    y = (x * 0).sigmoid_()
    assert torch.autograd.grad(y.sum(), x)[0].tolist() == [0, 0]
    z = (x * 1).exp_()
    assert torch.autograd.grad(z.sum(), x)[0].tolist() == pytest.approx([2.7182817] * 2)


def test_writing_a_view_changes_its_base(x):
    base = x * 1
    view = base[:1]
    view.mul_(3)
    assert type(base.grad_fn).__name__ == "CopySlices"
    assert type(view.grad_fn).__name__ == "AsStridedBackward0"
    assert torch.autograd.grad(base.sum(), x, retain_graph=True)[0].tolist() == [3, 1]
    assert torch.autograd.grad(view.sum(), x)[0].tolist() == [3, 0]


def test_writing_the_base_changes_its_views(x):
    base = x * 1
    view = base[:1]
    base.mul_(3)
    assert view.tolist() == [3]
    assert torch.autograd.grad(view.sum(), x)[0].tolist() == [3, 0]


def test_view_of_a_view(x):
    base = torch.arange(6.0).view(2, 3) + x[0]
    column = base.t()[1:][:, 0]
    column.mul_(5)
    assert base.tolist() == [[1, 10, 15], [4, 5, 6]]
    assert torch.autograd.grad((base * base).sum(), x)[0].tolist() == [282, 0]


def test_second_derivative_through_a_written_view():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    base = x * x
    base[:1].mul_(x[:1])
    (g,) = torch.autograd.grad(base.sum(), x, create_graph=True)
    assert g.tolist() == [3, 4]
    assert torch.autograd.grad(g.sum(), x)[0].tolist() == [6, 2]


def test_a_constant_becomes_part_of_the_graph(x):
    base = torch.zeros(3)
    other = base[1:]
    base[:2].copy_(x)
    assert base.requires_grad and other.requires_grad
    assert torch.autograd.grad((other * 2).sum(), x)[0].tolist() == [0, 2]
    base = torch.zeros(3)
    base[1] = x[0] * 2
    assert torch.autograd.grad(base.sum(), x)[0].tolist() == [2, 0]


NO_GRAD_VIEW = (
    "A view was created in no_grad mode and is being modified inplace with grad mode enabled. "
    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your "
    "code by moving both the view and the inplace either both inside the no_grad block (if you "
    "don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
)


def test_views_made_under_no_grad(x):
    h = x * 1
    constant = torch.ones(2)
    with torch.no_grad():
        of_leaf, of_result, of_constant = x.view(2), h.view(2), constant.view(2)
    assert of_leaf.requires_grad and of_leaf.is_leaf and of_leaf.grad_fn is None
    for view in (of_leaf, of_result):
        with pytest.raises(RuntimeError) as caught:
            view.add_(1)
        assert str(caught.value) == NO_GRAD_VIEW
    of_constant.add_(1)
    with pytest.raises(RuntimeError) as caught:
        of_constant.add_(x)
    assert str(caught.value) == NO_GRAD_VIEW


def test_one_of_several_views(x):
    message = (
        " is a view and is being modified inplace. This view is the output of a function that "
        "returns multiple views. Such functions do not allow the output views to be modified "
        "inplace. You should replace the inplace operation by an out-of-place one."
    )
    for views, name in (((x * 1).unbind(0), "Unbind"), ((x * 1).split(1), "Split")):
        with pytest.raises(RuntimeError) as caught:
            views[0].add_(1)
        assert str(caught.value) == f"Output 0 of {name}" + message
    with torch.no_grad():
        first, _ = (x * 1).split(1)
    first.add_(1)
    assert first.tolist() == [2]


def test_views_of_inference_mode(x):
    with torch.inference_mode():
        view = x.view(2)
    with pytest.raises(RuntimeError, match="A view was created in inference mode and is being"):
        view.add_(1)


def test_expanded_tensors_are_not_written_to():
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        torch.ones(1).expand(3).add_(1)


def test_versions_are_counted():
    q = torch.zeros(3)
    q[0] = 1
    q.add_(1)
    q[1:].mul_(2)
    q.fill_(3)
    q.zero_()
    q.copy_(torch.ones(3))
    assert (q._version, q[1:]._version, q.detach()._version, q.data._version) == (6, 6, 6, 0)


def test_windows_that_overlap_add_up_after_a_write_to_their_base():
    a = torch.ones(3, 4, dtype=torch.float64, requires_grad=True)
    y = a.clone()
    windows = y.unfold(0, 2, 1)
    y.narrow(0, 0, 2).mul_(3)
    (g,) = torch.autograd.grad((windows * 6).sum(), a)
    assert g[:, 0].tolist() == [18.0, 36.0, 6.0]


_VIEWS = {
    "rows": lambda t: t[:2],
    "column": lambda t: t[:, 1],
    "element": lambda t: t[2, 3],
    "diagonal": lambda t: t.diagonal(),
}


@pytest.mark.parametrize("view", _VIEWS.values(), ids=_VIEWS)
@pytest.mark.parametrize("strided", [False, True])
def test_a_gradient_in_column_major_order_is_cut_out_under_the_view(view, strided):
    a = torch.ones(3, 4, requires_grad=True)
    y = a.t().clone().t() * 1 if strided else a.clone()
    factor = torch.ones(3, 4)
    view(y).mul_(3)
    view(factor).mul_(3)
    w = torch.arange(1.0, 13).reshape(4, 3)
    (y.t() * w).sum().backward()
    assert a.grad.tolist() == (w.t() * factor).tolist()
