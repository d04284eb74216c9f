"""torch.multiprocessing: tensors reach the processes, and their errors reach the parent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src"
PROGRAM = """
import os
import rushlight as torch
from rushlight import multiprocessing as mp

def send(rank, queue, t):
    queue.put((rank, (t * rank).sum().item()))

def fail(rank):
    if rank == 1:
        raise ValueError("in child")

def leave(rank):
    os._exit(3)

if __name__ == "__main__":
    queue = mp.get_context("spawn").SimpleQueue()
    mp.spawn(send, args=(queue, torch.ones(3)), nprocs=2)
    print(sorted(queue.get() for _ in range(2)))
    try:
        mp.spawn(fail, nprocs=2)
    except mp.ProcessRaisedException as error:
        print(error.error_index, str(error).strip().splitlines()[-1])
    try:
        mp.spawn(leave)
    except mp.ProcessExitedException as error:
        print(error, error.exit_code)
"""


def test_spawn(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(
        [sys.executable, str(program)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "[(0, 0.0), (1, 3.0)]",
        "1 ValueError: in child",
        "process 0 terminated with exit code 3 3",
    ]
