"""What a failed call says, and what the parser makes good: other names of arguments, ``out=``."""

from __future__ import annotations

import re

import pytest

import rushlight as torch
from rushlight._define import calls
from rushlight._define.binding import parser
from rushlight._define.schema import parse

# A case is one line, however long.
# ruff: noqa: E501
CASES = [
    (lambda a: torch.flatten(), 'flatten() missing 1 required positional arguments: "input"'),
    (lambda a: torch.flatten("x"), "flatten(): argument 'input' (position 1) must be Tensor, not str"),
    (lambda a: a.flatten(1, 2, 3), "flatten() takes from 0 to 2 positional arguments but 3 were given"),
    (lambda a: a.transpose("x", 1), "transpose(): argument 'dim0' (position 1) must be int, not str"),
    (lambda a: a.transpose(0, 1, 2), "transpose() takes 2 positional arguments but 3 were given"),
    (lambda a: a.permute(nosuch=1), 'permute() missing 1 required positional arguments: "dims"'),
    (lambda a: a.reshape("x"), "reshape(): argument 'shape' (position 1) must be tuple of ints, not str"),
    (lambda a: a.item(3), "TensorBase.item() takes no arguments (1 given)"),
    (lambda a: a.item(x=3), "TensorBase.item() takes no keyword arguments"),
    (lambda a: a.add("x"), "add(): argument 'other' (position 1) must be Tensor, not str"),
    (lambda a: torch.add(a, "x"), "add(): argument 'other' (position 2) must be Tensor, not str"),
    (lambda a: torch.cat([a], "x"), "cat(): argument 'dim' (position 2) must be int, not str"),
    (lambda a: a.unsqueeze("x"), "unsqueeze(): argument 'dim' (position 1) must be int, not str"),
    (lambda a: a.split(nosuch=1), "Tensor.split() got an unexpected keyword argument 'nosuch'"),
    (lambda a: torch.matmul(a, nosuch=1), 'matmul() missing 1 required positional arguments: "other"'),
    (lambda a: torch.nn.functional.linear("x", a), "linear(): argument 'input' (position 1) must be Tensor, not str"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), CASES, ids=[m for _, m in CASES])
def test_the_error_is_the_parsers(call, message):
    with pytest.raises(TypeError, match="^" + re.escape(message)):
        call(torch.ones(3, 4))


def test_the_first_call_and_later_ones_say_the_same():
    texts = []
    for _ in range(3):
        with pytest.raises(TypeError) as caught:
            torch.ones(2).sinh("x")
        texts.append(str(caught.value))
    assert texts == ["TensorBase.sinh() takes no arguments (1 given)"] * 3


def test_other_errors_pass_through():
    with pytest.raises(RuntimeError, match="shape '\\[5\\]' is invalid for input of size 12"):
        torch.ones(3, 4).reshape(5)
    with pytest.raises(IndexError, match="Dimension out of range"):
        torch.ones(3, 4).flatten(7)


def test_other_names_of_arguments():
    a = torch.arange(6.0).reshape(2, 3)
    assert torch.flatten(x=a).shape == (6,)
    assert torch.equal(torch.softmax(a, axis=1), torch.softmax(a, 1))
    assert a.permute(dims=(1, 0)).shape == (3, 2)
    assert a.reshape(shape=(3, 2)).shape == (3, 2)
    assert a.expand(size=(4, 2, 3)).shape == (4, 2, 3)
    assert a.view(dtype=torch.int32).dtype is torch.int32


def test_out_of_a_composed_function():
    a, b = torch.ones(2, 3), torch.ones(3, 2)
    out = torch.empty(2, 2)
    assert torch.matmul(a, b, out=out) is out
    assert out.tolist() == [[3.0, 3.0], [3.0, 3.0]]


def test_every_schema_makes_a_signature():
    for letter, names in calls._table().items():
        for name, schemas in names.items():
            assert all(parse(schema).name == name for schema in schemas)
            assert parser(name, tuple(schemas), letter == "m").signatures


def test_parameters_may_bear_any_name_while_calls_are_overridden():
    """The guard's own names once stood in the way of a parameter called `r`."""

    class Overriding(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            return super().__torch_function__(function, types, args, kwargs or {})

    alive = torch.ones(2).as_subclass(Overriding)
    assert torch.combinations(torch.tensor([1, 2, 3])).tolist() == [[1, 2], [1, 3], [2, 3]]
    assert torch.combinations(torch.tensor([1, 2]), r=1).tolist() == [[1], [2]]
    assert (alive + 1).tolist() == [2.0, 2.0]
