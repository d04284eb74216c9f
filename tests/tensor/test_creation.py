"""Constructors of tensors against what PyTorch recorded, and what they promise of memory."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from constructor_cases import describe

import rushlight as torch

GOLDENS = json.loads(
    Path(__file__).with_name("constructor_goldens.json").read_text(encoding="utf-8")
)["groups"]
EXPRESSIONS = [
    *GOLDENS["tensor"].items(), *GOLDENS["factories"].items(),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _defaults() -> Any:
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS, ids=[t for t, _ in EXPRESSIONS])
def test_same_as_pytorch(text: str, expected: str) -> None:
    assert describe(torch, torch.nn.functional, text) == expected


def test_default_dtype_is_what_floats_become() -> None:
    torch.set_default_dtype(torch.float64)
    made = [
        torch.tensor([1.0]), torch.zeros(1), torch.ones(1), torch.empty(1), torch.full((1,), 1.0),
        torch.arange(1.0), torch.linspace(0, 1, 2), torch.eye(1), torch.rand(1), torch.randn(1),
        torch.Tensor([1]), torch.normal(0.0, 1.0, (1,)),
    ]  # fmt: skip
    assert {t.dtype for t in made} == {torch.float64}
    assert torch.tensor(1j).dtype == torch.complex128
    assert torch.tensor([1]).dtype == torch.int64


@pytest.mark.parametrize("wrong", [torch.int32, 1, "float32"])
def test_default_dtype_must_be_floating(wrong: Any) -> None:
    with pytest.raises(TypeError, match="only floating-point types are supported"):
        torch.set_default_dtype(wrong)
    assert torch.get_default_dtype() == torch.float32


def test_tensor_copies_and_from_numpy_shares() -> None:
    array = np.zeros(3)
    copied, shared = torch.tensor(array), torch.from_numpy(array)
    array[0] = 5
    assert copied[0] == 0
    assert shared[0] == 5
    shared[1] = 7
    assert array[1] == 7


def test_reshaping_the_array_leaves_the_tensor_alone() -> None:
    array = np.zeros(6)
    t = torch.from_numpy(array)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer NumPy deprecates this
        array.shape = (2, 3)
    assert t.shape == (6,)


def test_tensor_of_a_tensor_warns_and_cuts_the_graph() -> None:
    x = torch.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="To copy construct from a tensor"):
        y = torch.tensor(x * 2)
    assert y.is_leaf
    assert not y.requires_grad
    with pytest.warns(UserWarning, match="To copy construct from a tensor"):
        z = torch.tensor(x, requires_grad=True)
    assert z.is_leaf
    assert z.requires_grad
    assert z.data_ptr() != x.data_ptr()


def test_read_only_arrays_are_named() -> None:
    array = np.zeros(2)
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="The given NumPy array is not writable"):
        torch.from_numpy(array)


def test_large_integers_keep_their_bits() -> None:
    assert torch.tensor([2**63 - 1, -(2**63)]).tolist() == [2**63 - 1, -(2**63)]
    assert torch.arange(2**62, 2**62 + 3).tolist() == [2**62, 2**62 + 1, 2**62 + 2]


@pytest.mark.parametrize("name", ["zeros", "ones", "rand", "randn"])
def test_out_is_filled_in_place(name: str) -> None:
    out = torch.empty(2, 3)
    pointer = out.data_ptr()
    assert getattr(torch, name)(2, 3, out=out) is out
    assert out.data_ptr() == pointer
    assert out._version == 1


def test_out_that_requires_grad_is_refused() -> None:
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        torch.zeros(2, out=torch.ones(2, requires_grad=True))


def test_inference_mode_makes_inference_tensors() -> None:
    with torch.inference_mode():
        made = [torch.zeros(1), torch.tensor(1.0), torch.rand(1), torch.arange(2)]
    assert all(t.is_inference() for t in made)
    assert not torch.zeros(1).is_inference()


def test_constructors_tell_a_recorder() -> None:
    class Recorder:
        def __init__(self) -> None:
            self.made_tensors: list[Any] = []

        def __call__(self, op: Any, args: Any, kwargs: Any = None) -> Any:
            return NotImplemented

        def made(self, t: Any) -> None:
            self.made_tensors.append(t)

    from rushlight._core import ctx

    recorder = Recorder()
    ctx.handler = recorder
    try:
        first, second = torch.zeros(2), torch.tensor([1.0])
    finally:
        ctx.handler = None
    assert recorder.made_tensors[0] is first
    assert recorder.made_tensors[1] is second


def test_meshgrid_is_differentiable() -> None:
    x = torch.arange(3.0, requires_grad=True)
    y = torch.arange(2.0, requires_grad=True)
    u, v = torch.meshgrid(x, y, indexing="ij")
    (u * v).sum().backward()
    assert x.grad.tolist() == [1, 1, 1]
    assert y.grad.tolist() == [3, 3]


def test_complex_is_differentiable() -> None:
    a = torch.ones(2, requires_grad=True)
    b = torch.ones(2, requires_grad=True)
    z = torch.complex(a, b)
    assert type(z.grad_fn).__name__ == "ComplexBackward0"
    (3 * z.real + 2 * z.imag).sum().backward()
    assert a.grad.tolist() == [3, 3]
    assert b.grad.tolist() == [2, 2]
