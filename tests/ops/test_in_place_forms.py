"""In-place forms that are no plain twin of a row: changes of shape, logic, the diagonal."""

import pytest

import rushlight as torch


def _pair():
    leaf = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    return leaf, leaf * 1


SHAPES = {
    "t_": ((), (3, 2), "TBackward1"),
    "transpose_": ((0, 1), (3, 2), "TransposeBackward1"),
    "swapaxes_": ((0, 1), (3, 2), "TransposeBackward1"),
    "unsqueeze_": ((1,), (2, 1, 3), "UnsqueezeBackward1"),
    "squeeze_": ((), (2, 3), "SqueezeBackward3"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_change_of_shape_moves_no_number(name):
    arguments, shape, node = SHAPES[name]
    leaf, x = _pair()
    address = x.data_ptr()
    assert getattr(x, name)(*arguments) is x
    assert tuple(x.shape) == shape
    assert x.data_ptr() == address
    assert x._version == 1
    assert x.grad_fn.name() == node
    expected = getattr(leaf.detach(), name.rstrip("_"))(*arguments)
    assert torch.equal(x, expected)
    weights = torch.arange(6.0).reshape(shape)
    (x * weights).sum().backward()
    probe = leaf.detach().clone().requires_grad_()
    (getattr(probe, name.rstrip("_"))(*arguments) * weights).sum().backward()
    assert torch.equal(leaf.grad, probe.grad)


def test_the_overloads_of_squeeze_have_their_own_nodes():
    for argument, number in ((0, 4), ((0, 1), 5)):
        _, x = _pair()
        assert x.squeeze_(argument).grad_fn.name() == f"SqueezeBackward{number}"


def test_a_leaf_may_not_change_its_shape():
    leaf, _ = _pair()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        leaf.t_()


def test_what_was_saved_before_a_change_of_shape_is_missed():
    leaf, x = _pair()
    y = x * x
    x.t_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_logic_writes_the_value_and_leaves_the_graph():
    leaf, x = _pair()
    node = x.grad_fn
    x.logical_not_()
    assert x.grad_fn is node
    assert x.tolist() == [[0.0] * 3] * 2
    x.sum().backward()
    assert leaf.grad.tolist() == [[1.0] * 3] * 2
    with pytest.raises(TypeError, match="argument 'other' .position 1. must be Tensor, not int"):
        x.logical_and_(2)


@pytest.mark.parametrize(("shape", "wrap", "ones"), [
    ((2, 3), False, [0, 4]),
    ((3, 2), True, [0, 3]),
    ((7, 2), False, [0, 3]),
    ((7, 2), True, [0, 3, 6, 9, 12]),
    ((2, 2, 2), False, [0, 7]),
])  # fmt: skip
def test_fill_diagonal(shape, wrap, ones):
    x = torch.zeros(shape).fill_diagonal_(1, wrap)
    assert x.flatten().nonzero().flatten().tolist() == ones


def test_fill_diagonal_cuts_the_gradient_there():
    leaf, x = _pair()
    x.fill_diagonal_(0.0)
    x.sum().backward()
    assert leaf.grad.tolist() == [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]]
    with pytest.raises(RuntimeError, match="dimensions must larger than 1"):
        torch.zeros(3).fill_diagonal_(0)


def test_nodes_of_overloads_are_told_apart_by_name():
    leaf, _ = _pair()
    assert torch.fmod(leaf, leaf).grad_fn.name() == "FmodBackward1"
    assert torch.fmod(leaf, 2).grad_fn.name() == "FmodBackward0"
    renamed = torch.fmod(leaf, leaf + 1)
    renamed.sum().backward()  # the renamed node still has its formulas
    assert leaf.grad.tolist() == [[1.0] * 3] * 2
