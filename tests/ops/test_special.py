"""What the table of samples does not show of the special functions: derivatives by one argument
where the other has none, and what refuses."""

import numpy as np
import pytest

import rushlight as torch


@pytest.mark.parametrize("name", ["igamma", "igammac"])
def test_incomplete_gamma_moves_with_its_end(name):
    function = getattr(torch, name)
    a = torch.tensor([0.5, 2.0, 7.0], dtype=torch.float64)
    x = torch.tensor([0.3, 2.5, 6.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: function(a, t), (x,))
    assert torch.autograd.gradgradcheck(lambda t: function(a, t), (x,))


def test_zeta_moves_with_its_second_argument():
    s = torch.tensor([2.0, 3.5], dtype=torch.float64)
    q = torch.tensor([0.7, 4.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: torch.special.zeta(s, t), (q,))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: torch.igamma(x, x.detach()), "igamma: input"),
        (lambda x: torch.igammac(x, x.detach()), "igammac: input"),
        (lambda x: torch.special.zeta(x + 1, x.detach()), "zeta"),
    ],
)
def test_no_derivative(call, name):
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(NotImplementedError, match=f"the derivative for '{name}' is not impl"):
        call(x).sum().backward()


def test_names_of_torch_special():
    assert all(callable(getattr(torch.special, name)) for name in torch.special.__all__)
    assert torch.special.expit is torch.sigmoid
    with pytest.raises(AttributeError):
        torch.special.no_such_function  # noqa: B018


def test_slopes_at_zero_are_finite():
    x = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    for function, slope in ((torch.special.i1, 0.5), (torch.special.i1e, 0.5), (torch.i0, 0.0)):
        (g,) = torch.autograd.grad(function(x).sum(), x)
        assert np.array_equal(g.numpy(), np.full(3, slope))
