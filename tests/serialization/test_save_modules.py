"""Checkpoints of real training: modules, optimizers, and a run that goes on where it stopped."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import pytest

import rushlight as torch


def network() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 2)
    )


def train(model: Any, optimizer: Any, steps: int) -> list[float]:
    losses = []
    for step in range(steps):
        x = torch.arange(12, dtype=torch.float32).reshape(3, 4) / (10 + step)
        loss = (model(x) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def again(value: Any, **options: Any) -> Any:
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, **options)


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW"])
def test_training_goes_on_where_it_stopped(kind: str) -> None:
    def make() -> Any:
        model = network()
        return model, getattr(torch.optim, kind)(model.parameters(), lr=0.05)

    model, optimizer = make()
    train(model, optimizer, 3)
    checkpoint = again({"model": model.state_dict(), "optimizer": optimizer.state_dict()})
    expected = train(model, optimizer, 3)

    model, optimizer = make()
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    assert train(model, optimizer, 3) == expected


def test_a_whole_module() -> None:
    model = network()
    train(model, torch.optim.SGD(model.parameters(), lr=0.1), 2)
    with pytest.raises(pickle.UnpicklingError, match=r"GLOBAL torch\.nn\.modules\.container\.Seq"):
        again(model)
    loaded = again(model, weights_only=False)
    assert str(loaded) == str(model)
    for key, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value)
    x = torch.ones(2, 4)
    assert torch.equal(loaded.eval()(x), model.eval()(x))


def test_saved_parameters_are_leaves() -> None:
    loaded = again(dict(network().named_parameters()))
    assert all(value.is_leaf and value.requires_grad for value in loaded.values())
    middle = again(torch.ones(2, requires_grad=True) * 2)
    assert middle.requires_grad
    assert middle.is_leaf


TORCH = os.environ.get("RUSHLIGHT_TORCH_PYTHON")
PROGRAM = """
import sys, torch
ours = torch.load(sys.argv[1])
model = torch.nn.Sequential(
    torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
model.load_state_dict(ours["model"])
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
optimizer.load_state_dict(ours["optimizer"])
losses = []
for step in range(3):
    x = torch.arange(12, dtype=torch.float32).reshape(3, 4) / (10 + step)
    loss = (model(x) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "losses": losses},
           sys.argv[2])
"""


@pytest.mark.skipif(not TORCH, reason="no real PyTorch: RUSHLIGHT_TORCH_PYTHON is not set")
def test_training_goes_on_in_pytorch_and_back(tmp_path: Path) -> None:
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    train(model, optimizer, 3)
    ours, theirs = tmp_path / "ours.pt", tmp_path / "theirs.pt"
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, ours)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    arguments = [str(TORCH), "-c", PROGRAM, str(ours), str(theirs)]
    subprocess.run(arguments, env=environment, check=True)
    expected = train(model, optimizer, 3)
    loaded = torch.load(theirs)
    # float32 sums in another order: the last bits may differ
    assert loaded["losses"] == pytest.approx(expected, rel=1e-5)
    fresh = network()
    fresh.load_state_dict(loaded["model"])
    resumed = torch.optim.Adam(fresh.parameters(), lr=0.05)
    resumed.load_state_dict(loaded["optimizer"])
    assert train(fresh, resumed, 2) == pytest.approx(train(model, optimizer, 2), rel=1e-4)
