"""torch.testing: what is close, what is said about what is not, and how inputs are made."""

import pytest

import rushlight as torch
from rushlight.testing import assert_allclose, assert_close, make_tensor


@pytest.mark.parametrize(
    ("actual", "expected", "text"),
    [
        (
            torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]),
            "Tensor-likes are not close!\n\nMismatched elements: 1 / 2 (50.0%)\nGreatest absolute "
            "difference: 1.0 at index (1,) (up to 1e-05 allowed)\nGreatest relative difference: "
            "0.3333333432674408 at index (1,) (up to 1.3e-06 allowed)",
        ),
        (
            {"a": [1, 2]}, {"a": [1, 3]},
            "Scalars are not equal!\n\nExpected 3 but got 2.\nAbsolute difference: 1\n"
            "Relative difference: 0.3333333333333333\n\nThe failure occurred for item ['a'][1]",
        ),
        (torch.ones(2), torch.ones(3), "The values for attribute 'shape' do not match: "
                                       "torch.Size([2]) != torch.Size([3])."),
        (1, 1.0, "The (d)types do not match: <class 'int'> != <class 'float'>."),
        ([1], [1, 2], "The length of the sequences mismatch: 1 != 2"),
        (None, 1, "None mismatch: None is not 1"),
    ],
)  # fmt: skip
def test_differences_are_named(actual, expected, text):
    with pytest.raises(AssertionError) as found:
        assert_close(actual, expected)
    assert str(found.value) == text


@pytest.mark.parametrize(
    ("dtype", "near", "far"),
    [(torch.float16, 1e-3, 5e-3), (torch.bfloat16, 1e-2, 5e-2), (torch.float32, 1e-6, 1e-4),
     (torch.float64, 1e-8, 1e-6)],
)  # fmt: skip
def test_tolerances_follow_the_dtype(dtype, near, far):
    one = torch.ones(2, dtype=torch.float64)
    assert_close((one + near).to(dtype), one.to(dtype))
    with pytest.raises(AssertionError):
        assert_close((one + far).to(dtype), one.to(dtype))


def test_nan_is_close_when_asked():
    nan = torch.tensor([float("nan")])
    with pytest.raises(AssertionError):
        assert_close(nan, nan)
    assert_close(nan, nan, equal_nan=True)


def test_one_tolerance_alone_is_refused():
    with pytest.raises(ValueError, match="must be either specified or omitted"):
        assert_close(1.0, 1.0, rtol=0.1)


def test_messages_may_be_changed():
    with pytest.raises(AssertionError, match="^Look: Scalars are not equal"):
        assert_close(1, 2, msg=lambda text: "Look: " + text)


def test_allclose_warns():
    with pytest.warns(FutureWarning, match="is deprecated since 1.12"):
        assert_allclose(torch.ones(1), [1.0])


def test_made_tensors():
    t = make_tensor(4, 5, dtype=torch.int64, device="cpu", low=-2, high=3, exclude_zero=True)
    assert t.shape == (4, 5)
    assert int(t.min()) >= -2
    assert int(t.max()) < 3
    assert bool((t != 0).all())
    spread = make_tensor(2, 3, dtype=torch.float32, device="cpu", noncontiguous=True)
    assert spread.stride() == (6, 2)
    with pytest.raises(ValueError, match="`low` must be less than `high`"):
        make_tensor(2, dtype=torch.float32, device="cpu", low=3, high=2)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda: torch.jit.script(len), "torch.jit.script"),
        (lambda: torch.jit.trace(len, ()), "torch.jit.trace"),
        (lambda: torch.hub.load("a", "b"), "torch.hub.load"),
        (lambda: torch.onnx.export(None), "torch.onnx.export"),
        (lambda: torch.jit.ScriptModule(), "torch.jit.ScriptModule"),
    ],
)
def test_absent_modules_say_so(function, name):
    with pytest.raises(NotImplementedError, match=name):
        function()


def test_marks_of_scripting_do_nothing():
    assert not torch.jit.is_scripting()
    assert torch.jit.ignore(len) is len
    assert torch.jit.unused(len) is len
    assert not isinstance(torch.nn.Linear(1, 1), torch.jit.ScriptModule)
    assert not torch.onnx.is_in_onnx_export()


def test_the_hub_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "_folder", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert torch.hub.get_dir() == str(tmp_path / "hub")
    torch.hub.set_dir(str(tmp_path))
    assert torch.hub.get_dir() == str(tmp_path)
