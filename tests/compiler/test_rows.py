"""Every op row, compiled: values and gradients against eager over its samples.

All samples of a row are one compiled step. It is recorded on other numbers than those it is
compared with, so that a number that was baked in shows.
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2]))
from row_runs import Plan

from rushlight import _dtypes
from rushlight._core import LEAF, OPS, wrap
from rushlight.compiler.trace import LOWERINGS
from tests.ops.checks import Call, directions, leaf_arrays
from tests.ops.samples import TABLE, samples_of

HOST_FILE = Path(__file__).with_name("host_rows.txt")
TOLERANCE = {"float32": 2e-5, "float64": 1e-11, "bfloat16": 2e-2, "float16": 3e-3}


def host_rows():
    """Row -> (whether some of its calls are native, why the others are not)."""
    found = {}
    for line in HOST_FILE.read_text().splitlines():
        if line and not line.startswith("#"):
            name, how, why = line.split(maxsplit=2)
            found[name] = how == "partly", why
    return found


HOST = host_rows()


@pytest.fixture(autouse=True)
def uncached(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_CACHE", "0")


class Calls:
    """All samples of a row as one step."""

    def __init__(self, row, dtype):
        self.row, self.dtype = row, dtype
        self.samples = []
        for sample in samples_of(row.name):
            call = Call(row, sample, row.name, dtype=dtype)
            try:
                call.run()
            except (RuntimeError, TypeError, ValueError, NotImplementedError, IndexError):
                continue  # this dtype is none of the row's: eager says so
            self.samples.append(sample)

    def made(self, change=None):
        """Fresh calls; `change` makes other leaf arrays of those of a sample."""
        calls = []
        for sample in self.samples:
            arrays = None
            if change is not None:
                arrays = change(leaf_arrays(self.row, sample), sample)
            calls.append(Call(self.row, sample, self.row.name, arrays=arrays, dtype=self.dtype))
        return calls


def step(calls):
    """Outputs and gradients of all calls."""

    def run(_inputs=None):
        results = []
        for call in calls:
            found = [*call.run(), *(g for g in call.gradients() if g is not None)]
            for t in found:
                # A view of an argument is no result of its own.
                shared = any(np.may_share_memory(t._data, x._data) for x in call.inputs)
                results.append(t.detach().clone() if shared else wrap(t._data))
        return results

    return run


def inputs(calls):
    return [t for call in calls for t in call.inputs]


def elsewhere(arrays, sample):
    """Other numbers nearby, unless the row has a kink here."""
    if sample.kink:
        return arrays
    return [x + 1e-3 * u for x, u in zip(arrays, directions(arrays, "recorded"), strict=True)]


def sprinkled(arrays, sample):
    """The same with infinities, NaNs and zeros among the elements."""
    odd = [np.inf, -np.inf, np.nan, 0.0, -0.0, 1e30, 1e-30]
    found = []
    for number, x in enumerate(arrays):
        x = np.array(x)
        flat = x.reshape(-1)
        random = np.random.RandomState(zlib.crc32(repr((x.shape, number)).encode()))
        for i in range(flat.size):
            if random.uniform() < 0.3:
                flat[i] = odd[random.randint(len(odd))]
        found.append(flat.reshape(x.shape))
    return found


def compare(found, wanted, rtol, what):
    assert found.shape == wanted.shape, f"{what}: {found.shape}, eager {wanted.shape}"
    assert found.dtype == wanted.dtype, f"{what}: {found.dtype}, eager {wanted.dtype}"
    kind = found.dtype.kind
    if kind in "iub":
        assert np.array_equal(found, wanted), f"{what}: {found}, eager {wanted}"
        return
    wide = np.complex128 if kind == "c" else np.float64
    a, b = found.astype(wide), wanted.astype(wide)
    finite = np.abs(b[np.isfinite(b)])
    size = float(finite.max()) if finite.size else 0.0
    good = np.isclose(a, b, rtol=rtol, atol=rtol * min(size, 1.0), equal_nan=True)
    assert good.all(), f"{what}: {a[~good][:5]}, eager {b[~good][:5]}"


def changes(name):
    """Odd values tell something about native code only."""
    return [None, sprinkled] if name in LOWERINGS else [None]


def compared(row, dtype, changes):
    """Compile a row and compare it under each change of its inputs; the plan."""
    calls = Calls(row, dtype)
    if not calls.samples:
        return None
    recorded = calls.made(elsewhere)
    plan = Plan(step(recorded), inputs(recorded))
    for change in changes:
        eager = calls.made(change)
        with np.errstate(all="ignore"):
            wanted = step(eager)()
        again = calls.made(change)
        found = plan(inputs(again))
        assert found is not None, f"{row.name}: a guard missed"
        for i, (f, w) in enumerate(zip(found, wanted, strict=True)):
            compare(f._data, w._data, TOLERANCE[dtype], f"{row.name} {dtype} result {i}")
    return plan


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(TABLE))
def test_row(name, dtype):
    plan = compared(OPS[name], dtype, changes(name))
    if plan is None:
        return
    for row, why in plan.host.items():
        assert row in HOST, f"{row} ran as a host call: {why}"
        assert HOST[row][0] or row not in plan.native, f"{row} is native, at least partly"


__all__ = ["LEAF", "_dtypes"]
