"""Conversions of tensors against what PyTorch recorded; copies, pickles, NumPy, settings."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from constructor_cases import describe

import rushlight as torch

GOLDENS = json.loads(
    Path(__file__).with_name("constructor_goldens.json").read_text(encoding="utf-8")
)["groups"]["conversions"]
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
ALL = (*FLOATS, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.bool,
       torch.complex64, torch.complex128)  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), GOLDENS.items(), ids=list(GOLDENS))
def test_same_as_pytorch(text: str, expected: str) -> None:
    assert describe(torch, torch.nn.functional, text) == expected


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_pickles_keep_everything(dtype: Any, protocol: int) -> None:
    x = torch.arange(6).to(dtype).reshape(2, 3).T
    y = pickle.loads(pickle.dumps(x, protocol))
    assert type(y) is torch.Tensor
    assert (y.dtype, y.shape, y.stride()) == (x.dtype, x.shape, x.stride())
    assert torch.equal(x, y)
    y.zero_()
    assert x[1, 1] != 0


def test_pickles_keep_requires_grad_and_attributes() -> None:
    x = torch.ones(2, requires_grad=True)
    x.note = "mine"
    y = pickle.loads(pickle.dumps(x))
    assert y.requires_grad
    assert y.is_leaf
    assert y.note == "mine"
    assert not pickle.loads(pickle.dumps(torch.ones(2))).requires_grad


def test_pickles_of_a_slice_leave_the_rest_behind() -> None:
    big = torch.zeros(100_000)
    assert len(pickle.dumps(big[:2])) < 1000


@pytest.mark.parametrize(
    "value", [torch.Size([2, 3]), torch.device("cuda", 1), torch.float16, torch.channels_last]
)
def test_descriptions_can_be_pickled(value: Any) -> None:
    found = pickle.loads(pickle.dumps(value))
    assert found == value
    assert type(found) is type(value)


_CHILD = """
import pickle, sys
from rushlight._alias import as_torch
if sys.argv[1] == "alias":
    as_torch()
    import torch
else:
    import rushlight as torch
data = pickle.load(sys.stdin.buffer)
assert type(data["x"]) is torch.Tensor, type(data["x"])
sys.stdout.buffer.write(pickle.dumps({"sum": data["x"].sum(), "b": data["b"]}))
"""


@pytest.mark.parametrize("how", ["alias", "plain"])
def test_pickles_travel_between_processes(how: str) -> None:
    data = {"x": torch.arange(3.0), "b": torch.ones(2, dtype=torch.bfloat16)}
    source = str(Path(torch.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, how], input=pickle.dumps(data), capture_output=True,
        check=False, env={**os.environ, "PYTHONPATH": source},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    answer = pickle.loads(done.stdout)
    assert answer["sum"].item() == 3
    assert answer["b"].dtype == torch.bfloat16


def test_copy_shares_and_deepcopy_does_not() -> None:
    x = torch.zeros(3)
    shallow, deep = copy.copy(x), copy.deepcopy(x)
    x[0] = 1
    assert shallow[0] == 1
    assert deep[0] == 0


def test_deepcopy_keeps_views_of_one_memory_together() -> None:
    x = torch.arange(6.0).reshape(2, 3)
    whole, row, turned = copy.deepcopy([x, x[1], x.T])
    whole[1, 0] = 50
    assert row[0] == 50
    assert turned[0, 1] == 50
    assert x[1, 0] == 3


def test_deepcopy_of_gradients() -> None:
    x = torch.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    y = copy.deepcopy(x)
    assert y.grad.tolist() == [3, 3]
    assert y.grad is not x.grad
    twice = copy.deepcopy([x, x])
    assert twice[0] is twice[1]


@pytest.mark.parametrize("source", ALL, ids=str)
@pytest.mark.parametrize("target", ALL, ids=str)
@pytest.mark.filterwarnings("ignore:Casting complex values to real")
def test_to_and_back(source: Any, target: Any) -> None:
    x = torch.tensor([0, 1, 1, 0]).to(source)
    y = x.to(target)
    assert y.dtype == target
    assert y.to(torch.float64).tolist() == [0, 1, 1, 0]
    assert (y is x) == (source == target)
    assert x.type_as(y).dtype == target


def test_to_is_recorded() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x.to(torch.float64)
    (y * y).sum().backward()
    assert x.grad.dtype == torch.float32
    assert x.grad.tolist() == [2, 2]
    assert not x.to(torch.int64).requires_grad
    assert type(x.half().grad_fn).__name__ == "ToCopyBackward0"


def test_clone_in_a_memory_format_is_recorded() -> None:
    x = torch.ones(2, 3, 4, 5, requires_grad=True)
    y = x.clone(memory_format=torch.channels_last)
    assert y.stride() == (60, 1, 15, 3)
    assert type(y.grad_fn).__name__ == "CloneBackward0"
    (y * 2).sum().backward()
    assert x.grad.sum().item() == 240


def test_numpy_gives_a_fresh_view() -> None:
    x = torch.zeros(4)
    array = x.numpy()
    array[0] = 3
    assert x[0] == 3
    assert array is not x.numpy()
    assert np.shares_memory(array, x.numpy())


def test_array_protocol_follows_numpys_copy_rules() -> None:
    x = torch.zeros(2)
    assert np.shares_memory(np.asarray(x), x.numpy())
    assert not np.shares_memory(np.array(x), x.numpy())
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        np.asarray(x, dtype=np.float64, copy=False)
    with pytest.raises(RuntimeError, match=r"Can't call numpy\(\) on Tensor that requires grad"):
        np.asarray(torch.ones(1, requires_grad=True))
    with pytest.raises(TypeError, match="Got unsupported ScalarType BFloat16"):
        np.asarray(torch.ones(1, dtype=torch.bfloat16))


def test_ufuncs_of_numpy_give_tensors() -> None:
    assert isinstance(np.sin(torch.zeros(2)), torch.Tensor)
    assert np.greater(torch.zeros(2), 1).dtype == torch.uint8
    assert (torch.ones(2) + np.ones(2)).dtype == torch.float64


def test_dlpack_shares_memory_both_ways() -> None:
    x = torch.zeros(3)
    array = np.from_dlpack(x)
    assert np.shares_memory(array, x.numpy())
    source = np.zeros(3)
    y = torch.from_dlpack(source)
    source[1] = 4
    assert y[1] == 4
    assert torch.from_dlpack(x.__dlpack__()).data_ptr() == x.data_ptr()
    with pytest.raises(BufferError, match="Can't export tensors that require gradient"):
        np.from_dlpack(torch.ones(1, requires_grad=True))


def test_storages_show_sharing() -> None:
    x = torch.arange(6.0)
    assert x.untyped_storage().data_ptr() == x[2:].untyped_storage().data_ptr() == x.data_ptr()
    assert x[2:].untyped_storage().nbytes() == 24
    assert x.untyped_storage().data_ptr() != x.clone().untyped_storage().data_ptr()
    with pytest.warns(UserWarning, match="TypedStorage is deprecated"):
        assert x.storage().size() == 6


def test_resize_keeps_what_fits() -> None:
    x = torch.arange(6.0)
    pointer = x.data_ptr()
    assert x.resize_(2, 2) is x
    assert x.tolist() == [[0, 1], [2, 3]]
    assert x.data_ptr() == pointer
    x.resize_(8)
    assert x[:6].tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(RuntimeError, match="cannot resize variables that require grad"):
        torch.ones(2, requires_grad=True).resize_(3)


def test_set_looks_into_other_memory() -> None:
    x, y = torch.zeros(2), torch.arange(6.0)
    assert x.set_(y) is x
    assert x.data_ptr() == y.data_ptr()
    assert x.is_set_to(y)
    x.set_(y, 1, (2, 2), (3, 1))
    assert x.tolist() == [[1, 2], [4, 5]]
    x.set_(y.untyped_storage())
    assert x.tolist() == y.tolist()
    assert torch.zeros(3).set_().shape == (0,)


def test_printoptions_reach_the_text() -> None:
    try:
        torch.set_printoptions(precision=2)
        assert repr(torch.tensor(3.14159)) == "tensor(3.14)"
    finally:
        torch.set_printoptions(profile="default")


@pytest.fixture
def _settings() -> Any:
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision("highest")


@pytest.mark.usefixtures("_settings")
def test_settings_are_remembered() -> None:
    assert torch.get_float32_matmul_precision() == "highest"
    torch.set_float32_matmul_precision("high")
    assert torch.get_float32_matmul_precision() == "high"
    with pytest.warns(UserWarning, match="is not one of 'highest'"):
        torch.set_float32_matmul_precision("foo")
    assert torch.get_float32_matmul_precision() == "high"
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert torch.get_deterministic_debug_mode() == 1
    torch.set_deterministic_debug_mode("error")
    assert torch.get_deterministic_debug_mode() == 2
    with pytest.raises(RuntimeError, match="invalid value of debug_mode"):
        torch.set_deterministic_debug_mode("foo")


def test_threads_are_set_and_checked() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    with pytest.raises(RuntimeError, match="set_num_threads expects a positive integer"):
        torch.set_num_threads(0)
    with pytest.raises(RuntimeError, match="set_num_threads expects an int, but got float"):
        torch.set_num_threads(1.5)
    assert torch.get_num_interop_threads() >= 1


def test_old_types() -> None:
    assert isinstance(torch.zeros(1), torch.FloatTensor)
    assert not isinstance(torch.zeros(1), torch.LongTensor)
    assert torch.typename(torch.zeros(1)) == "torch.FloatTensor"
    assert type(torch.FloatTensor([1])) is torch.Tensor
    try:
        with pytest.warns(UserWarning, match="set_default_tensor_type"):
            torch.set_default_tensor_type(torch.DoubleTensor)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_subclasses_can_be_made_and_copied() -> None:
    class Mine(torch.Tensor):
        pass

    x = Mine([1.0, 2.0])
    assert type(x) is Mine
    assert x.tolist() == [1, 2]
    assert type(copy.deepcopy(x)) is Mine
