"""What stands in for mixed precision: switched off it runs, switched on it is refused."""

from __future__ import annotations

import pytest

import rushlight as torch


def test_region_that_is_off_changes_nothing() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=False):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32
    assert not torch.is_autocast_enabled()


def test_region_on_the_cpu_is_refused() -> None:
    with pytest.raises(NotImplementedError, match=r"torch\.autocast\('cpu'\)"):
        torch.autocast("cpu", dtype=torch.bfloat16)


def test_region_for_cuda_warns_and_does_nothing() -> None:
    with pytest.warns(UserWarning, match="CUDA is not available"), torch.autocast("cuda"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32


def test_scale_shrinks_after_an_infinite_gradient_and_the_step_is_left_out() -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=1)
    weight = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.5)
    scaler.scale((weight * float("inf")).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert (weight.item(), scaler.get_scale()) == (1.0, 2.0)
    optimizer.zero_grad()
    scaler.scale((weight * 1.0).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert (weight.item(), scaler.get_scale()) == (0.5, 4.0)
