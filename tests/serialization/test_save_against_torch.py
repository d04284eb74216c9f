"""Files saved here are loaded by real PyTorch, and the reverse.

Real PyTorch runs in an interpreter of its own, named by RUSHLIGHT_TORCH_PYTHON.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import rushlight as torch
from serialization_objects import NOT_LEGACY, OBJECTS, build, describe

PYTHON = os.environ.get("RUSHLIGHT_TORCH_PYTHON")
pytestmark = pytest.mark.skipif(
    not PYTHON, reason="no real PyTorch: RUSHLIGHT_TORCH_PYTHON is not set"
)
CASES = [(name, legacy) for name in OBJECTS for legacy in (False, True)]
CASES = [case for case in CASES if not (case[1] and case[0] in NOT_LEGACY)]

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import torch
from pathlib import Path
from serialization_objects import NOT_LEGACY, OBJECTS, build, describe

folder = Path(sys.argv[2])
for name in OBJECTS:
    for legacy in (False, True):
        if legacy and name in NOT_LEGACY:
            continue
        stem = f"{name}.{legacy}"
        torch.save(build(torch, name), folder / f"theirs.{stem}.pt",
                   _use_new_zipfile_serialization=not legacy)
        for weights_only in (False, True):
            loaded = torch.load(folder / f"ours.{stem}.pt", weights_only=weights_only)
            (folder / f"seen.{stem}.{weights_only}.txt").write_text(repr(describe(torch, loaded)))
        if not legacy:
            loaded = torch.load(folder / f"ours.{stem}.pt", mmap=True)
            assert repr(describe(torch, loaded)) == repr(describe(torch, build(torch, name))), name
shared = torch.load(folder / "ours.views.False.pt")
assert shared["base"].data_ptr() == shared["part"].data_ptr() - 16
shared["matrix"].fill_(9.0)
assert shared["column"].tolist() == [9.0, 9.0]
assert torch.load(folder / "ours.state_dict.False.pt")._metadata[""] == {"version": 1}
print("done")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    for name, legacy in CASES:
        path = made / f"ours.{name}.{legacy}.pt"
        torch.save(build(torch, name), path, _use_new_zipfile_serialization=not legacy)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    arguments = [str(PYTHON), "-c", PROGRAM, str(Path(__file__).parent), str(made)]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", done.stderr
    return made


@pytest.mark.parametrize(("name", "legacy"), CASES)
@pytest.mark.parametrize("weights_only", [False, True])
def test_pytorch_loads_what_is_saved_here(
    folder: Path, name: str, legacy: bool, weights_only: bool
) -> None:
    seen = (folder / f"seen.{name}.{legacy}.{weights_only}.txt").read_text()
    assert seen == repr(describe(torch, build(torch, name)))


@pytest.mark.parametrize(("name", "legacy"), CASES)
@pytest.mark.parametrize("weights_only", [False, True])
def test_what_pytorch_saves_is_loaded_here(
    folder: Path, name: str, legacy: bool, weights_only: bool
) -> None:
    loaded = torch.load(folder / f"theirs.{name}.{legacy}.pt", weights_only=weights_only)
    assert describe(torch, loaded) == describe(torch, build(torch, name))
