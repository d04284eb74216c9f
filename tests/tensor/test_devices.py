"""Devices and the namespaces of accelerators that are not there, against PyTorch's record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from constructor_cases import describe

import rushlight as torch

GOLDENS = json.loads(
    Path(__file__).with_name("constructor_goldens.json").read_text(encoding="utf-8")
)["groups"]["devices"]


@pytest.mark.parametrize(("text", "expected"), GOLDENS.items(), ids=list(GOLDENS))
def test_same_as_pytorch(text: str, expected: str) -> None:
    assert describe(torch, torch.nn.functional, text) == expected


@pytest.fixture(autouse=True)
def _default_device() -> Any:
    yield
    torch.set_default_device(None)


def test_a_default_device_counts_where_none_is_named() -> None:
    assert torch.get_default_device() == torch.device("cpu")
    torch.set_default_device("cuda")
    assert torch.get_default_device() == torch.device("cuda")
    for make in (
        lambda: torch.zeros(1), lambda: torch.tensor(1), lambda: torch.randn(1),
        lambda: torch.arange(3), lambda: torch.randint(0, 3, (1,)),
    ):  # fmt: skip
        with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
            make()
    assert torch.zeros(1, device="cpu").shape == (1,)
    torch.set_default_device("cpu")
    assert torch.zeros(1).device.type == "cpu"


def test_a_device_is_a_context() -> None:
    with torch.device("cpu"):
        assert torch.zeros(1).shape == (1,)
        with torch.device("cuda"), pytest.raises(AssertionError):
            torch.zeros(1)
        assert torch.zeros(1).shape == (1,)
    with torch.device("cuda"):
        assert torch.zeros(1, device="cpu").shape == (1,)
    assert torch.get_default_device() == torch.device("cpu")


def test_meta_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match="meta"):
        torch.zeros(1, device="meta")


def test_the_usual_idiom_chooses_the_cpu() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if torch.backends.mps.is_available():
        device = "mps"
    x = torch.ones(2, device=device).to(device, non_blocking=True)
    assert x.device == torch.device("cpu")
    assert torch.accelerator.current_accelerator() is None


def test_switches_are_remembered() -> None:
    assert torch.backends.cudnn.benchmark is False
    try:
        torch.backends.cudnn.benchmark = True
        assert torch.backends.cudnn.benchmark is True
        with torch.backends.cudnn.flags(enabled=False, deterministic=True):
            assert not torch.backends.cudnn.enabled
            assert torch.backends.cudnn.deterministic
            assert not torch.backends.cudnn.benchmark
        assert torch.backends.cudnn.enabled
        assert torch.backends.cudnn.benchmark
    finally:
        torch.backends.cudnn.benchmark = False
    matmul = torch.backends.cuda.matmul
    assert not matmul.allow_tf32
    matmul.allow_tf32 = True
    assert torch.backends.cuda.matmul.allow_tf32
    matmul.allow_tf32 = False
    with pytest.raises(AttributeError, match="Unknown attribute foo"):
        _ = matmul.foo
    torch.backends.cuda.enable_flash_sdp(False)
    assert not torch.backends.cuda.flash_sdp_enabled()
    torch.backends.cuda.enable_flash_sdp(True)


def test_names_that_are_missing_say_so() -> None:
    for owner, name in ((torch.cuda, "CUDAGraph"), (torch.backends.cuda, "cufft_plan_cache")):
        assert not hasattr(owner, name)
        with pytest.raises(NotImplementedError, match=name):
            getattr(owner, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = torch.cuda.nonsense


def test_out_of_memory_can_be_caught() -> None:
    assert torch.cuda.OutOfMemoryError is torch.OutOfMemoryError
    assert issubclass(torch.OutOfMemoryError, RuntimeError)
