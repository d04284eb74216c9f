"""Every function of `torch.nn.functional` gives what PyTorch gave, twice differentiated.

`make_functional_goldens.py` recorded the answers. In float64, so that a wrong formula cannot hide
behind rounding.
"""

from __future__ import annotations

import importlib.util
import json
import warnings
from pathlib import Path

import pytest

import rushlight as torch
import rushlight.nn.functional as F

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("functional_runner", HERE / "functional_runner.py")
assert _spec is not None and _spec.loader is not None
runner = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(runner)

GOLDENS = (HERE / "functional_goldens.jsonl").read_text()
CASES = [json.loads(line) for line in GOLDENS.splitlines()]
#: Nodes with another name here: in-place variants, and ops that are one in PyTorch, composed here.
OTHER_NODES = (
    "SqueezeBackward1", "EluBackward1", "CeluBackward1", "LeakyReluBackward1",
    "RreluWithNoiseBackward1", "ThresholdBackward1", "NormBackward1", "PdistBackward0",
    "ScaledDotProductFlashAttentionForCpuBackward0", "EmbeddingBagBackward0",
    "ConvTbcBackward0",
)  # fmt: skip


def agree(found, expected, what, tolerance):
    if found is None or expected is None:
        value = found if expected is None else expected
        assert value is None or value[2] == 0, f"{what}: {found} instead of {expected}"
        return
    assert found[:2] == expected[:2], what
    assert found[2] == pytest.approx(expected[2], rel=tolerance, abs=tolerance, nan_ok=True), what


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["call"])
def test_agrees_with_pytorch(case):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = runner.run(torch, F, case["call"], case["inputs"])
    if "error" in case:
        assert (found.get("error"), found.get("text")) == (case["error"], case["text"])
        return
    assert "error" not in found, found
    if case["node"] not in OTHER_NODES:
        assert found["node"] == case["node"]
    # Results in single precision come from inputs that were rounded to it.
    single = any(r and r[1] == "float32" for r in case["results"]) or "float" in case["call"]
    tolerance = 2e-6 if single else 1e-9
    for i, (ours, theirs) in enumerate(zip(found["results"], case["results"], strict=True)):
        agree(ours, theirs, f"result {i}", tolerance)
    for order in ("first", "second"):
        if case.get(order) is not None:
            for i, (ours, theirs) in enumerate(zip(found[order], case[order], strict=True)):
                agree(ours, theirs, f"{order} gradient {i}", tolerance)
