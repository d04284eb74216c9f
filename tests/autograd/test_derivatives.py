"""gradcheck, gradgradcheck, and autograd.functional."""

from __future__ import annotations

import pytest

import rushlight as torch
from rushlight.autograd import functional, gradcheck, gradgradcheck
from rushlight.autograd.gradcheck import GradcheckError


def _wrong_by_half(values):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g * next(values)

    return Wrong.apply


@pytest.fixture
def x():
    return torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("fast", [False, True])
def test_right_derivatives_pass(x, fast):
    y = torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda a: a * a, x, fast_mode=fast)
    assert gradcheck(lambda a, b: (a * b, a.sum()), (x, y), fast_mode=fast)
    assert gradgradcheck(lambda a, b: (a * b * b).sum(), (x, y), fast_mode=fast)
    assert gradcheck(lambda a: (a * a, a > 0), x, fast_mode=fast)


def test_wrong_derivatives_fail(x):
    wrong = _wrong_by_half(iter([3.0] * 100))
    with pytest.raises(GradcheckError) as caught:
        gradcheck(wrong, x)
    assert str(caught.value) == (
        "Jacobian mismatch for output 0 with respect to input 0,\n"
        "numerical:tensor([[2.0000, 0.0000],\n        [0.0000, 2.0000]], dtype=torch.float64)\n"
        "analytical:tensor([[3., 0.],\n        [0., 3.]], dtype=torch.float64)\n"
    )
    assert gradcheck(wrong, x, raise_exception=False) is False
    with pytest.raises(GradcheckError, match="^Jacobian mismatch for output 0 with respect to"):
        gradcheck(wrong, x, fast_mode=True)


def test_wrong_second_derivatives_fail(x):
    class Constant(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * a

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0].detach()

    assert gradcheck(Constant.apply, x)
    with pytest.raises(GradcheckError, match="^Jacobian mismatch for output 0 with respect to"):
        gradgradcheck(Constant.apply, x)


def test_unrepeatable_derivatives_fail(x):
    values = iter([2 + i * 1e-5 for i in range(100)])
    with pytest.raises(GradcheckError, match="^Backward is not reentrant"):
        gradcheck(_wrong_by_half(values), x)
    assert gradcheck(_wrong_by_half(values), x, nondet_tol=1e-2, rtol=1e-2)


def test_gradcheck_refusals(x):
    with pytest.raises(ValueError, match="expects at least one input tensor to require gradient"):
        gradcheck(lambda a: a * a, x.detach())
    with pytest.raises(GradcheckError, match="Numerical gradient for function expected to be zero"):
        gradcheck(lambda a: a.detach() * 1, x)
    with pytest.warns(UserWarning, match="Input #0 requires gradient and is not a double"):
        gradcheck(lambda a: a * 1, torch.ones(2, requires_grad=True), atol=0.1)
    overlapping = torch.ones(1, dtype=torch.float64).expand(2).requires_grad_()
    with pytest.raises(RuntimeError, match="The 0th input has a dimension with stride 0"):
        gradcheck(lambda a: a * 1, overlapping)
    for options, text in (
        ({"check_backward_ad": False}, "at least one of check_forward_ad or check_backward_ad"),
        ({"check_batched_forward_grad": True}, "requires check_forward_ad to be True"),
    ):
        with pytest.raises(AssertionError, match=text):
            gradcheck(lambda a: a * 1, x, **options)


def test_the_input_is_restored(x):
    gradcheck(lambda a: a * a, x)
    assert x.tolist() == [1, 2] and x.grad is None


def test_the_function_hides_the_module():
    import rushlight.autograd.gradcheck  # noqa: F401 - must not replace the function

    assert callable(torch.autograd.gradcheck)


# ---- functional ---------------------------------------------------------------------------------

X, Y = [1.0, 2.0], [3.0, 4.0]


def _lists(value):
    return tuple(_lists(v) for v in value) if isinstance(value, tuple) else value.tolist()


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda x, y: functional.jacobian(lambda a: a * a, x), [[2, 0], [0, 4]]),
        (lambda x, y: functional.jacobian(lambda a, b: (a * b, a.sum()), (x, y)),
         (([[3, 0], [0, 4]], [[1, 0], [0, 2]]), ([1, 1], [0, 0]))),
        (lambda x, y: functional.jacobian(lambda a: torch.ones(2), x), [[0, 0], [0, 0]]),
        (lambda x, y: functional.jacobian(lambda a: a[0], x), [1, 0]),
        (lambda x, y: functional.hessian(lambda a: (a**3).sum(), x), [[6, 0], [0, 12]]),
        (lambda x, y: functional.hessian(lambda a, b: (a * b * b).sum(), (x, y)),
         (([[0, 0], [0, 0]], [[6, 0], [0, 8]]), ([[6, 0], [0, 8]], [[2, 0], [0, 4]]))),
        (lambda x, y: functional.hessian(lambda a: a[0] * 3, x), [[0, 0], [0, 0]]),
        (lambda x, y: functional.vjp(lambda a: a * a, x, torch.ones(2)), ([1, 4], [2, 4])),
        (lambda x, y: functional.vjp(lambda a: (a**3).sum(), x), (9, [3, 12])),
        (lambda x, y: functional.jvp(lambda a, b: (a * b, a.sum()), (x, y), (x, y)),
         (([3, 8], 3), ([6, 16], 3))),
        (lambda x, y: functional.jvp(lambda a: torch.ones(2), x, x), ([1, 1], [0, 0])),
        (lambda x, y: functional.vhp(lambda a, b: (a * b * b).sum(), (x, y), (x, y)),
         (41, ([18, 32], [12, 32]))),
        (lambda x, y: functional.hvp(lambda a: (a**3).sum(), x, torch.ones(2)), (9, [6, 12])),
        (lambda x, y: functional.hvp(lambda a: a[0] * 3, x, x), (3, [0, 0])),
    ],
)  # fmt: skip
def test_functional(call, expected):
    result = call(torch.tensor(X), torch.tensor(Y))
    assert _lists(result) == expected
    with torch.no_grad():
        assert _lists(call(torch.tensor(X), torch.tensor(Y))) == expected


def test_functional_results_can_be_differentiated():
    x = torch.tensor(X, requires_grad=True)
    jacobian = functional.jacobian(lambda a: a**3, x, create_graph=True)
    assert torch.autograd.grad(jacobian.sum(), x)[0].tolist() == [6, 12]
    assert not functional.jacobian(lambda a: a**3, x).requires_grad
    _, product = functional.jvp(lambda a: a**3, x, torch.ones(2), create_graph=True)
    assert torch.autograd.grad(product.sum(), x)[0].tolist() == [6, 12]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: functional.jacobian(lambda a: 3, x), TypeError,
         "The outputs of the user-provided function given to jacobian must be either a Tensor or a "
         "tuple of Tensors but the given outputs of the user-provided function has type "
         "<class 'int'>."),
        (lambda x: functional.jacobian(lambda a: a, 3), TypeError,
         "The inputs given to jacobian must be either a Tensor or a tuple of Tensors but the given "
         "inputs has type <class 'int'>."),
        (lambda x: functional.hessian(lambda a: a * a, x), RuntimeError,
         "The Tensor returned by the function given to hessian should contain a single element"),
        (lambda x: functional.vjp(lambda a: a, x), RuntimeError,
         "The vector v can only be None if the user-provided function returns a single Tensor with "
         "a single element."),
        (lambda x: functional.jvp(lambda a: a, x), RuntimeError,
         "The vector v can only be None if the input to the user-provided function is a single "
         "Tensor with a single element."),
        (lambda x: functional.vjp(lambda a: a, x, torch.ones(3)), RuntimeError,
         "v has invalid size: should be torch.Size([2]) but got torch.Size([3])."),
        (lambda x: functional.jacobian(lambda a: torch.ones(2), x, strict=True), RuntimeError,
         "Output 0 of the user-provided function does not require gradients. The outputs must be "
         "computed in a differentiable manner from the input when running in strict mode."),
        (lambda x: functional.vhp(lambda a: (a.sum(), a.sum()), x, x), RuntimeError,
         "The function given to vhp should return a single Tensor"),
    ],
)  # fmt: skip
def test_functional_errors(call, kind, message):
    with pytest.raises(kind) as caught:
        call(torch.tensor(X))
    assert str(caught.value) == message
