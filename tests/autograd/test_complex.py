"""Gradients towards complex tensors: dL/dRe(z) + i dL/dIm(z), checked by differences."""

import pytest

import rushlight as torch


def numbers(*shape):
    return torch.randn(*shape, dtype=torch.complex128, requires_grad=True)


@pytest.mark.parametrize(
    "function",
    [
        lambda z, w: z * w,
        lambda z, w: z / w,
        lambda z, w: z.exp() + w.sin() * w.cos(),
        lambda z, w: (z * w.conj()).real,
        lambda z, w: (z - w).imag * 2,
        lambda z, w: torch.complex(z.real, w.imag) * z,
        lambda z, w: z.reshape(1, 3) @ w.reshape(3, 1),
        lambda z, w: torch.cat([z**3, w]).sum(),
        lambda z, w: z * w.real + 1,
        lambda z, w: (z.to(torch.complex64).to(torch.complex128) * 0 + z) * w,
    ],
)
def test_both_orders(function):
    torch.manual_seed(0)
    z, w = numbers(3), numbers(3)
    assert torch.autograd.gradcheck(function, (z, w))
    assert torch.autograd.gradgradcheck(function, (z, w))


def test_absolute_value():
    torch.manual_seed(0)
    inputs = numbers(3), numbers(3)
    assert torch.autograd.gradcheck(lambda z, w: (z * w).abs(), inputs)
    assert torch.autograd.gradgradcheck(lambda z, w: (z * w).abs(), inputs)


def test_real_input_gets_a_real_gradient():
    z = torch.tensor([1 + 2j, 3 - 1j])
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (z * x).abs().sum().backward()
    assert x.grad.dtype is torch.float32
    assert torch.allclose(x.grad, z.abs())
