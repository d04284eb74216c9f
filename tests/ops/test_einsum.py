"""einsum: values against NumPy's, gradients against finite differences, second gradients too."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as torch

EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk->ki", (2, 3), (3, 4)),
    ("ij->ji", (2, 3)),
    ("ij->ij", (2, 3)),
    ("ij->j", (2, 3)),
    ("ij->", (2, 3)),
    ("i,j->ij", (2,), (3,)),
    ("i,j->ji", (2,), (3,)),
    ("bij,bjk", (2, 2, 3), (2, 3, 2)),
    ("...ij,...jk->...ik", (2, 1, 3), (3, 2)),
    ("...ij,...jk->...ik", (2, 1, 2, 3), (4, 3, 2)),
    ("ij,ij,j->", (2, 3), (2, 3), (3,)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("ij,jk->ik", (0, 3), (3, 2)),
    (",i->i", (), (3,)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("iij,jk->ik", (3, 3, 2), (2, 2)),
    ("ijij->ji", (2, 3, 2, 3)),
    ("ij,k->i", (2, 3), (4,)),
    ("ab,cb,ca->bc", (2, 3), (4, 3), (4, 2)),
    ("bij,cik->bcjk", (2, 3, 2), (2, 3, 2)),
]


def made(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    random = np.random.RandomState(3)
    return [torch.from_numpy(np.asarray(random.randn(*s))) for s in shapes]


@pytest.mark.parametrize(("equation", "shapes"), [(e, s) for e, *s in EQUATIONS])
def test_values_and_gradients(equation: str, shapes: list[tuple[int, ...]]) -> None:
    operands = made(*shapes)
    arrays = [x.numpy() for x in operands]
    expected = np.einsum(equation, *arrays)
    found = torch.einsum(equation, *operands)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-14)
    leaves = tuple(x.clone().requires_grad_() for x in operands)
    if expected.size:
        function = lambda *xs: torch.einsum(equation, *xs)  # noqa: E731
        assert torch.autograd.gradcheck(function, leaves)
        assert torch.autograd.gradgradcheck(function, leaves)


def test_a_size_of_one_broadcasts() -> None:
    x, y = made((2, 1), (3, 4))
    found = torch.einsum("ij,jk->ik", x.requires_grad_(), y)
    np.testing.assert_allclose(
        found.detach().numpy(), x.detach().numpy() @ y.numpy().sum(0, keepdims=True), rtol=1e-12
    )
    found.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), np.full((2, 1), y.numpy().sum()), rtol=1e-12)


def test_one_operand_gives_a_view() -> None:
    (x,) = made((3, 3))
    diagonal = torch.einsum("ii->i", x)
    assert diagonal.stride() == (4,)
    diagonal.zero_()
    assert x.trace().item() == 0
    assert torch.einsum("ij->ij", x) is not x


def test_subscripts_as_lists() -> None:
    x, y = made((2, 3), (3, 4))
    found = torch.einsum(x, [0, 1], y, [1, 2], [2, 0])
    np.testing.assert_allclose(found.numpy(), (x.numpy() @ y.numpy()).T, rtol=1e-12)


@pytest.mark.parametrize(
    ("equation", "shapes", "message"),
    [
        ("ij,jk", [(3, 4)], "fewer operands were provided than specified in the equation"),
        ("ij", [(3, 4), (3, 4)], "more operands were provided than specified in the equation"),
        ("i...j", [(4,)], r"\(2\) is more than the number of dimensions \(1\) for operand 0"),
        ("ij->ii", [(3, 4)], "output subscript i appears more than once in the output"),
        ("i$", [(3, 4)], "invalid subscript given at index 1"),
        ("i.j", [(3, 4)], "found '.' for operand 0 that is not part of any ellipsis"),
        ("ii", [(3, 4)], "repeated for operand 0 but the sizes don't match, 4 != 3"),
        ("ij,jk->ik", [(3, 4), (3, 4)], "subscript j has size 3 for operand 1"),
    ],
)
def test_errors(equation: str, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        torch.einsum(equation, *made(*shapes))
