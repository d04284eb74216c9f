"""Optimizers go PyTorch's way: parameters, state and options after some steps."""

import json
import os

import optim_cases
import pytest

import rushlight as torch

with open(os.path.join(os.path.dirname(__file__), "goldens.json"), encoding="utf-8") as _file:
    GOLDENS = json.load(_file)


def close(found, expected, relative, absolute):
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for f, e in zip(found, expected, strict=True):
            close(f, e, relative, absolute)
    else:
        assert found == pytest.approx(expected, rel=relative, abs=absolute)


@pytest.mark.parametrize("name", optim_cases.names())
def test_trajectory(name):
    found = optim_cases.run(torch, name)
    expected = GOLDENS["trajectories"][name]
    # NAdam's product of momenta is rounded to float32 at every step in PyTorch.
    exact = 1e-7 if name.startswith("NAdam") else 1e-10
    close(found["parameters"], expected["parameters"], exact, exact / 10)
    assert found["groups"] == expected["groups"]
    assert list(found["state"]) == list(expected["state"])
    for number, state in expected["state"].items():
        assert list(found["state"][number]) == list(state)
        for key, value in state.items():
            # Counts are float32 in both.
            single = key in ("mu_product", "eta", "mu")
            close(found["state"][number][key], value, 1e-6 if single else exact, exact / 10)


# The sign of a product of tiny numbers decides in Rprop, so float32 may take another way.
@pytest.mark.parametrize("name", [n for n in optim_cases.names() if not n.startswith("Rprop")])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-5), ("bfloat16", 0.1)])
def test_other_dtypes_follow(name, dtype, tolerance):
    # bfloat16 keeps 8 bits: eight steps of rounding states and parameters.
    found = optim_cases.run(torch, name, dtype)["parameters"]
    close(found, GOLDENS["trajectories"][name]["parameters"], tolerance, tolerance)


@pytest.mark.parametrize("name", list(optim_cases.LBFGS))
def test_lbfgs(name):
    found = optim_cases.run_lbfgs(torch, optim_cases.LBFGS[name])
    expected = GOLDENS["lbfgs"][name]
    assert found["iterations"] == expected["iterations"]
    # An error in a direction grows along the valley of this function.
    close(found["losses"], expected["losses"], 1e-4, 1e-9)
    close(found["x"], expected["x"], 1e-4, 1e-9)


@pytest.mark.parametrize("name", list(optim_cases.schedules(torch)))
def test_schedule_to_the_last_bit(name):
    assert optim_cases.run_schedule(torch, name) == GOLDENS["schedules"][name]


@pytest.mark.parametrize("key", list(GOLDENS["plateau"]))
def test_plateau(key):
    mode, kind = key.split()
    assert optim_cases.run_plateau(torch, mode, kind) == GOLDENS["plateau"][key]
