"""Programs that rushlight must run with exactly the output given beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PROGRAMS = sorted(path for path in HERE.glob("*.py") if path.with_suffix(".out").exists())


def test_there_are_programs() -> None:
    assert {"autograd", "linear"} <= {path.stem for path in PROGRAMS}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_prints_exactly(program: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1] / "src")}
    ran = subprocess.run(
        [sys.executable, "-m", "rushlight", "run", str(program)],
        capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == program.with_suffix(".out").read_text(encoding="utf-8")
