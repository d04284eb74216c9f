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
from tests.ops.checks import Call, directions, leaf_arrays
from tests.ops.samples import TABLE, samples_of

from rushlight._core import OPS, wrap
from rushlight.compiler import check, plan
from rushlight.compiler.trace import LOWERINGS, NotReplayable

HOST_FILE = Path(__file__).with_name("host_rows.txt")
TOLERANCE = {
    "float32": 2e-5, "float64": 1e-11, "bfloat16": 2e-2, "float16": 3e-3, "complex64": 2e-5,
    "complex128": 1e-11,
}  # fmt: skip


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
def careful(monkeypatch):
    """No disk cache; passes verified; guard zones in the arena, which holds NaNs to begin with."""
    monkeypatch.setenv("RUSHLIGHT_CACHE", "0")
    monkeypatch.setattr(check, "enabled", True)
    monkeypatch.setattr(plan, "GUARD", 192)


class Calls:
    """All samples of a row as one step."""

    def __init__(self, row, dtype, grad=True, part=slice(None)):
        self.row, self.dtype, self.grad = row, dtype, grad
        self.samples = []
        for sample in samples_of(row.name)[part]:
            call = Call(row, sample, row.name, dtype=dtype, grad=grad)
            try:
                with np.errstate(all="ignore"):
                    call.run()
            except (RuntimeError, TypeError, ValueError, LookupError, OverflowError):
                continue  # this dtype is none of the row's: eager says so
            self.samples.append(sample)

    def made(self, change=None):
        """Fresh calls; `change` makes other leaf arrays of those of a sample."""
        calls = []
        for sample in self.samples:
            arrays = None
            if change is not None:
                arrays = change(leaf_arrays(self.row, sample), sample)
            calls.append(Call(self.row, sample, self.row.name, arrays=arrays, dtype=self.dtype,
                              grad=self.grad))  # fmt: skip
        return calls

    def plan(self):
        """All samples compiled, but for those whose results are as large as values say."""
        try:
            return self._plan()
        except NotReplayable:
            assert self.row.name in COUNTING
        kept = []
        for sample in self.samples:
            self.samples = [sample]
            try:
                self._plan()
            except NotReplayable:
                continue
            kept.append(sample)
        self.samples = kept
        return self._plan() if kept else None

    def _plan(self):
        recorded = self.made(elsewhere if self.grad else None)
        return Plan(step(recorded), inputs(recorded))


def step(calls):
    """Outputs and gradients of all calls."""

    def run(_inputs=None):
        results = []
        for call in calls:
            found = [*call.run(), *(g for g in call.gradients() if g is not None)]
            for t in found:
                # Memory of an argument, or of another result, is no result of its own.
                others = [*call.inputs, *results]
                shared = any(np.may_share_memory(t._data, x._data) for x in others)
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


def compare(found, wanted, what):
    assert found.shape == wanted.shape, f"{what}: {found.shape}, eager {wanted.shape}"
    assert found.dtype == wanted.dtype, f"{what}: {found.dtype}, eager {wanted.dtype}"
    kind = found.dtype.kind
    if kind in "iub":
        assert np.array_equal(found, wanted), f"{what}: {found}, eager {wanted}"
        return
    rtol = TOLERANCE[found.dtype.name]
    wide = np.complex128 if kind == "c" else np.float64
    a, b = found.astype(wide), wanted.astype(wide)
    good = np.isclose(a, b, rtol=rtol, atol=rtol, equal_nan=True)
    assert good.all(), f"{what}: {a[~good][:5]}, eager {b[~good][:5]}"


#: Rows that give tensors as large as values say: steps with them stay eager.
COUNTING = frozenset((
    "masked_select", "nonzero", "unique", "unique_consecutive", "unique_dim", "bincount", "index1",
    "index2", "index_backward1", "index_put1", "masked_select_backward", "pack_padded_sequence",
))  # fmt: skip

#: Rows where infinities and NaNs are left out of the comparison, and why.
FINITE = {
    "batch_norm_train": "the mean of infinities is infinite or NaN, as in PyTorch by order",
    "var_mean": "as batch_norm_train", "std_mean": "as batch_norm_train",
    "binary_cross_entropy": "eager refuses them",
    "cdist": "eager computes squares by a product",
    "rnn_layer": "the slope of relu at NaN",
    "conv": "zeros of a border times infinities",
    "conv_input": "as conv", "conv_weight": "as conv", "convolution": "as conv",
}  # fmt: skip


def changes(name):
    """Odd values tell something about native code only."""
    return [None, sprinkled] if name in LOWERINGS and name not in FINITE else [None]


def compared(calls, changes):
    """Compile a row and compare it under each change of its inputs; the plan."""
    if not calls.samples:
        return None
    row, dtype = calls.row, calls.dtype
    made = calls.plan()
    for change in changes if made is not None else ():
        with np.errstate(all="ignore"):
            wanted = step(calls.made(change))()
        found = made(inputs(calls.made(change)))
        assert found is not None, f"{row.name}: a guard missed"
        for i, (f, w) in enumerate(zip(found, wanted, strict=True)):
            compare(f._data, w._data, f"{row.name} {dtype} result {i}")
    return made


@pytest.mark.parametrize("name", sorted(TABLE))
def test_row(name):
    made = compared(Calls(OPS[name], "float32"), changes(name))
    if made is None:
        return
    for row, why in made.host.items():
        assert row in HOST, f"{row} ran as a host call: {why}"
        assert HOST[row][0] or row not in made.native, f"{row} is native, at least partly"
    if name in HOST and not HOST[name][0]:
        assert name in made.host, f"{name} has no host call any more"


@pytest.mark.parametrize("name", sorted(set(TABLE) & set(LOWERINGS)))
def test_other_dtypes(name):
    """float64 with a share of the samples, and two others of which every row gets two."""
    compared(Calls(OPS[name], "float64", part=slice(0, None, 3)), [None])
    if name == "div_number":
        return  # of floats only
    number = zlib.crc32(name.encode())
    for dtypes in (("bfloat16", "float16"), ("int64", "int32", "uint8", "bool")):
        dtype = dtypes[number % len(dtypes)]
        compared(Calls(OPS[name], dtype, grad=False, part=slice(3)), [None])


def test_host_file_names_rows():
    assert [name for name in HOST if name not in OPS and name not in LOWERINGS] == []
