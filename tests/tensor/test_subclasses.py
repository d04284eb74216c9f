"""Subclasses of Tensor and ``__torch_function__``, as PyTorch has them."""

import pytest

import rushlight as torch
import rushlight.nn.functional as F


class Mine(torch.Tensor):
    """A subclass that changes nothing."""


class Logging(torch.Tensor):
    """A subclass that notes what is called with it."""

    calls = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.calls.append((func, types, len(args), sorted(kwargs or {})))
        return super().__torch_function__(func, types, args, kwargs or {})


class Declining(torch.Tensor):
    """A subclass that has no answer."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return NotImplemented


class Duck:
    """No tensor at all."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func.__name__, types, len(args)


@pytest.fixture
def logged():
    Logging.calls.clear()
    return torch.ones(2, 3).as_subclass(Logging)


def names():
    return [getattr(func, "__name__", func) for func, _, _, _ in Logging.calls]


EXPRESSIONS = """
torch.add(x, 1)
x + 1
1 + x
-x
x == x
x @ x.t()
x.add(1)
x.exp()
torch.exp(x)
torch.sum(x)
x.mean(0)
torch.cat([x, torch.ones(2, 3)])
torch.stack([x, x])
F.relu(x)
F.linear(x, torch.ones(4, 3))
F.softmax(x, dim=1)
torch.norm(x)
x[0]
x.T
x.data
x.detach()
x.clone()
x.reshape(3, 2)
x.view(-1)
x.double()
x.to(torch.float64)
torch.zeros_like(x)
x.new_zeros(2)
torch.where(x > 0, x, x)
x.cummax(1).values
x.quantile(0.5)
x.add_(1)
x.requires_grad_()
""".strip().splitlines()


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("kind", [Mine, Logging])
def test_results_are_of_the_subclass(kind, expression):
    x = torch.ones(2, 3).as_subclass(kind)
    result = eval(expression, {"torch": torch, "F": F, "x": x})
    assert type(result) is kind


def test_tuples_of_results(logged):
    assert [type(t) for t in logged.split(1)] == [Logging, Logging]
    assert all(type(t) is Logging for t in torch.max(logged, 0))


def test_what_an_implementation_sees(logged):
    torch.add(logged, logged)
    assert Logging.calls == [(torch.add, (Logging,), 2, [])]
    Logging.calls.clear()
    logged.add(1)
    assert Logging.calls[0][0] is torch.Tensor.add
    Logging.calls.clear()
    logged.sum()
    torch.sum(logged, dim=0)
    assert [c[0] for c in Logging.calls] == [torch.Tensor.sum, torch.sum]
    assert Logging.calls[1][3] == ["dim"]


def test_every_way_in_is_seen(logged):
    _ = logged + 1, 1 + logged, logged[0], len(logged), logged.shape, logged.T, torch.norm(logged)
    assert names() == ["add", "add", "__getitem__", "__len__", "__get__", "__get__", "norm"]


def test_one_call_is_one_question(logged):
    """The default implementation works with overriding switched off."""
    torch.nn.functional.layer_norm(logged, (3,))
    assert len(Logging.calls) == 1


def test_an_error_of_an_implementation_comes_out_once(logged):
    with pytest.raises(RuntimeError, match="must be a matrix|shapes cannot be multiplied"):
        torch.mm(logged, mat2=logged)
    assert len(Logging.calls) == 1


def test_gradients_flow_through():
    x = torch.ones(3, requires_grad=True)
    y = (x.as_subclass(Mine) * 2).sum()
    assert type(y) is Mine
    assert y.grad_fn.name() == "AliasBackward0"
    y.backward()
    assert torch.equal(x.grad, torch.full((3,), 2.0))
    leaf = Mine([1.0, 2.0]).requires_grad_()
    (leaf * leaf).sum().backward()
    assert type(leaf.grad) is torch.Tensor
    assert leaf.grad.tolist() == [2.0, 4.0]


def test_printing():
    assert repr(Mine([1.0])) == "Mine([1.])"
    assert str(Mine([1.0]) * 2) == "Mine([2.])"


def test_a_parameter_of_a_subclass():
    p = torch.nn.Parameter(Mine([1.0]))
    assert type(p) is Mine
    assert isinstance(p, torch.nn.Parameter)


def test_parameters_do_not_override():
    p = torch.nn.Parameter(torch.ones(2))
    assert type(p * 2) is torch.Tensor
    assert not torch.overrides.has_torch_function((p,))
    assert torch.overrides.has_torch_function((Mine([1.0]), p))


def test_subclasses_are_asked_first():
    class Child(Logging):
        pass

    Logging.calls.clear()
    result = torch.add(torch.ones(2).as_subclass(Logging), torch.ones(2).as_subclass(Child))
    assert type(result) is Child
    assert Logging.calls[0][1] == (Child, Logging)


def test_declined_calls():
    x = torch.ones(2).as_subclass(Declining)
    for call in (lambda: torch.add(x, 1), lambda: torch.sum(x), lambda: torch.cat([x])):
        with pytest.raises(TypeError, match="Multiple dispatch failed for 'torch"):
            call()
    with pytest.raises(TypeError, match="unsupported operand"):
        x + 1
    with torch.DisableTorchFunctionSubclass():
        assert torch.sum(x).item() == 2


def test_other_classes_override_too():
    duck = Duck()
    assert torch.add(duck, 1) == ("add", (Duck,), 2)
    assert torch.add(torch.ones(2), duck) == ("add", (Duck,), 2)
    assert torch.sum(duck) == ("sum", (Duck,), 1)
    assert torch.cat([duck]) == ("cat", (Duck,), 1)
    assert torch.ones(2) + duck == ("add", (Duck,), 2)
    assert torch.overrides.is_tensor_like(duck)
    assert not torch.overrides.is_tensor_like(3)


def test_functions_of_the_user():
    @torch.overrides.wrap_torch_function(lambda a: (a,))
    def twice(a):
        return a * 2

    assert twice(torch.ones(1)).item() == 2
    assert twice(Duck()) == ("twice", (Duck,), 1)

    def thrice(a):
        if torch.overrides.has_torch_function_unary(a):
            return torch.overrides.handle_torch_function(thrice, (a,), a)
        return a * 3

    assert thrice(Duck()) == ("thrice", (Duck,), 1)
    assert thrice(torch.ones(1)).item() == 3


def test_as_subclass_refuses_other_classes():
    with pytest.raises(TypeError):
        torch.ones(1).as_subclass(int)


def test_attributes_and_methods_of_the_subclass_win():
    class Own(torch.Tensor):
        def add(self, other):
            return "own"

        @property
        def shape(self):
            return "own shape"

    x = torch.ones(2).as_subclass(Own)
    assert x.add(1) == "own"
    assert x.shape == "own shape"
    assert type(x + 1) is Own


def test_make_subclass():
    data = torch.ones(2)
    x = torch.Tensor._make_subclass(Mine, data, True)
    assert type(x) is Mine
    assert x.requires_grad and x.is_leaf
    assert x.data_ptr() == data.data_ptr()
