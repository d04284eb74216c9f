"""Every case runs under real PyTorch and under rushlight; what they record must agree.

Real PyTorch 2.13 lives in an interpreter of its own, named by RUSHLIGHT_TORCH_PYTHON. On CI its
absence, or fewer comparisons than count.txt says, is a failure. Differences that are known and
accepted are listed in known.txt with their reason; one that has gone must leave that list.
"""

from __future__ import annotations

import importlib
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rushlight._tensor import registry

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from differential_compare import Comparison  # noqa: E402

PYTHON = os.environ.get("RUSHLIGHT_TORCH_PYTHON")
CI = os.environ.get("CI", "").lower() in ("1", "true")
GROUPS = ["programs", *sorted(p.stem for p in (HERE / "cases").glob("[a-z]*.py"))]
SOURCE = HERE.parents[1] / "src"
LIMIT = 150  # seconds for one child, many times what it takes
compared: dict[str, int] = {}

needs_torch = pytest.mark.skipif(
    not PYTHON and not CI,
    reason="no real PyTorch: `python -m venv E && E/bin/pip install torch==2.13.0 numpy --index-url"
    " https://download.pytorch.org/whl/cpu`, then RUSHLIGHT_TORCH_PYTHON=E/bin/python",
)


HEADER = """\
# Known differences: group <tab> the case's text <tab> what differs first.
# Rewritten by differential_known.py; a line whose difference is gone fails the suite."""


def one_line(key: str) -> str:
    """A case's text as it stands in known.txt."""
    return key.replace("\n", "\\n")


def known(group: str) -> set[str]:
    """The cases of a group whose difference is accepted."""
    entries = set()
    for line in (HERE / "known.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            owner, key, reason = line.split("\t")
            assert reason, f"no reason given for {key}"
            if owner == group:
                entries.add(key)
    return entries


def start(side: str, group: str, output: Path) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    environment["OMP_NUM_THREADS"] = environment["OPENBLAS_NUM_THREADS"] = "1"
    environment["PYTHONHASHSEED"] = "0"
    if side == "rushlight":
        environment["PYTHONPATH"] = str(SOURCE)
    interpreter = PYTHON if side == "pytorch" else sys.executable
    assert interpreter, "RUSHLIGHT_TORCH_PYTHON is not set: CI must name a real PyTorch"
    return subprocess.Popen(
        [interpreter, str(HERE / "differential_child.py"), side, group, str(output)],
        env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def run_both(group: str, folder: Path) -> tuple[dict, dict, dict]:
    outputs = {side: folder / f"{group}.{side}" for side in ("pytorch", "rushlight")}
    children = {side: start(side, group, output) for side, output in outputs.items()}
    try:
        for side, child in children.items():
            text, _ = child.communicate(timeout=LIMIT)
            assert child.returncode == 0, f"the {side} side of {group} failed:\n{text}"
    finally:
        for child in children.values():
            child.kill()
    real, kinds = pickle.loads(outputs["pytorch"].read_bytes())
    ours, _ = pickle.loads(outputs["rushlight"].read_bytes())
    return real, ours, kinds


def differences(group: str, folder: Path) -> tuple[dict[str, list[str]], int]:
    """Case text -> what differs, and how many results were compared."""
    real, ours, kinds = run_both(group, folder)
    assert list(real) == list(ours), "the two sides ran different cases"
    comparison = Comparison()
    found = {}
    for key, results in real.items():
        if wrong := list(comparison.case(kinds[key], results, ours[key])):
            found[key] = wrong
    return found, comparison.count


def test_every_function_has_a_case() -> None:
    """A public function or method that no case names would never be compared."""
    texts = [path.read_text(encoding="utf-8") for path in (HERE / "programs").glob("*.py")]
    for group in GROUPS[1:]:
        module = importlib.import_module(f"cases.{group}")
        texts += [Path(str(module.__file__)).read_text(encoding="utf-8")]
        texts += [case.text for case in getattr(module, "CASES", ())]
    named = set(re.findall(r"\w+", "\n".join(texts)))
    registry.load_late()
    tables = (registry.FUNCTIONS, registry.METHODS, registry.NN_FUNCTIONS)
    missing = {name for table in tables for name in table if not name.startswith("__")} - named
    assert not missing, f"no case names {sorted(missing)}"


@needs_torch
@pytest.mark.parametrize("group", GROUPS)
def test_same_as_pytorch(group: str, tmp_path: Path) -> None:
    found, count = differences(group, tmp_path)
    accepted = known(group)
    unused = accepted - {one_line(key) for key in found}
    new = {key: wrong for key, wrong in found.items() if one_line(key) not in accepted}
    report = "\n".join(f"{key}\n    " + "\n    ".join(wrong[:4]) for key, wrong in new.items())
    assert not new, f"{len(new)} cases of {group} differ from PyTorch:\n{report}"
    assert not unused, f"these known differences of {group} are gone; strike them: {sorted(unused)}"
    compared[group] = count


@needs_torch
def test_number_of_comparisons(request: pytest.FixtureRequest) -> None:
    """Fewer comparisons than were committed means that cases were lost."""
    if len(compared) != len(GROUPS):
        assert not CI or request.session.testsfailed, "a group was not run"
        pytest.skip("only some groups were run, or some failed")
    committed = int((HERE / "count.txt").read_text(encoding="utf-8"))
    assert sum(compared.values()) >= committed, f"{compared} are fewer than {committed}"
