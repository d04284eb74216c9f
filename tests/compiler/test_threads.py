"""Teams of threads: barriers, sharing, fork, exit, the choice of how many."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from rushlight._tensor.threads import get_num_threads, set_num_threads
from rushlight.compiler.lower.module import BARRIER, Emitted
from rushlight.compiler.runtime import engine, entry, threads
from rushlight.compiler.runtime.controller import PATIENCE, WINDOW, Controller

team_only = pytest.mark.skipif(threads.MACHINE is None, reason="one thread on this platform")

#: Every thread adds to its own counter what the others' counters say, in turns: a[t] += 1 if
#: a[0] == a[1] at entry. Out of step, the counters drift apart for good.
TURN = """
define internal void @NAME(ptr %p, i64 %tid, i64 %nt) {
  %x = getelementptr i8, ptr %p, i64 8
  %a = load ptr, ptr %x
  %other = sub i64 1, %tid
  %mine = getelementptr i64, ptr %a, i64 %tid
  %theirs = getelementptr i64, ptr %a, i64 %other
  %m = load volatile i64, ptr %mine
  %t = load volatile i64, ptr %theirs
  %same = icmp eq i64 %m, %t
  %step = zext i1 %same to i64
  %n = add i64 %m, %step
  %slot = getelementptr i64, ptr %a, i64 2
  %own = getelementptr i64, ptr %slot, i64 %tid
  store volatile i64 %n, ptr %own
  ret void
}
define internal void @NAME.copy(ptr %p, i64 %tid, i64 %nt) {
  %x = getelementptr i8, ptr %p, i64 8
  %a = load ptr, ptr %x
  %slot = getelementptr i64, ptr %a, i64 2
  %own = getelementptr i64, ptr %slot, i64 %tid
  %n = load volatile i64, ptr %own
  %mine = getelementptr i64, ptr %a, i64 %tid
  store volatile i64 %n, ptr %mine
  ret void
}
"""

#: Which thread worked, and of how many.
WHO = """
define internal void @who(ptr %p, i64 %tid, i64 %nt) {
  %x = getelementptr i8, ptr %p, i64 8
  %a = load ptr, ptr %x
  %q = getelementptr i64, ptr %a, i64 %tid
  store i64 %nt, ptr %q
  ret void
}
"""


def turns() -> engine.Native:
    parts: list = []
    for name in ("t0", "t1", "t2"):
        functions = [name, f"{name}.copy"]
        parts += [Emitted(name, functions, TURN.replace("NAME", name), threads=True), BARRIER]
    return engine.build(parts)


def who() -> engine.Native:
    return engine.build([Emitted("who", "who", WHO, threads=True)])


@team_only
def test_barriers_keep_threads_in_step() -> None:
    native = turns()
    a = np.zeros(4, np.int64)
    table = np.array([0, a.ctypes.data], np.uintp)
    for _ in range(3000):
        native(table.ctypes.data, 2)
    assert a[0] == a[1] == 9000


@team_only
def test_sleeping_workers_wake() -> None:
    native = turns()
    a = np.zeros(4, np.int64)
    table = np.array([0, a.ctypes.data], np.uintp)
    pause = threading.Event()
    for _ in range(20):
        native(table.ctypes.data, 2)
        pause.wait(0.003)
    assert a[0] == a[1] == 60


@team_only
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_any_number_of_threads(count: int) -> None:
    a = np.zeros(8, np.int64)
    table = np.array([0, a.ctypes.data], np.uintp)
    who()(table.ctypes.data, count)
    assert a.tolist() == [count] * count + [0] * (8 - count)


@team_only
def test_two_launching_threads() -> None:
    natives = [turns(), turns()]
    arrays = [np.zeros(4, np.int64) for _ in natives]
    tables = [np.array([0, a.ctypes.data], np.uintp) for a in arrays]

    def work(native: engine.Native, table: np.ndarray, a: np.ndarray) -> None:
        for _ in range(2000):
            a[:] = 0
            native(table.ctypes.data, 2)
            # Alone (the team was busy), thread 0 sees itself move and the other stand still.
            seen.append(a[:2].tolist())

    seen: list[list[int]] = []
    workers = [
        threading.Thread(target=work, args=x) for x in zip(natives, tables, arrays, strict=True)
    ]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert len(seen) == 4000
    assert all(x in ([3, 3], [1, 0]) for x in seen)


@team_only
def test_number_of_threads_is_honoured() -> None:
    before = get_num_threads()
    a = np.zeros(8, np.int64)
    table = np.array([0, a.ctypes.data], np.uintp)
    try:
        set_num_threads(1)
        run = who().bind(table.ctypes.data)
        run()
        assert a.tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
        set_num_threads(2)
        assert threads.limit() == min(2, threads.processors())
        run = who().bind(table.ctypes.data)
        assert entry.entry_of(run).controller.levels == list(range(1, threads.limit() + 1))
        set_num_threads(1)
        entry.entry_of(run)()  # the end of a window
        a[:] = 0
        run()
        assert a.tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    finally:
        set_num_threads(before)


CHILD = """
import os, sys, threading
import numpy as np
sys.path.insert(0, {here!r})
import importlib.util
spec = importlib.util.spec_from_file_location("test_threads", {file!r})
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
native = tests.turns()
a = np.zeros(4, np.int64)
table = np.array([0, a.ctypes.data], np.uintp)
def run():
    a[:] = 0
    for _ in range(200):
        native(table.ctypes.data, 2)
    assert a[0] == a[1] == 600, a
run()
"""


def child(code: str) -> None:
    start = CHILD.format(here=os.path.dirname(__file__), file=__file__)
    done = subprocess.run(
        [sys.executable, "-c", start + code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and not done.stderr, done.stderr


@team_only
def test_fork() -> None:
    child(
        # Newer Pythons warn about every fork of a process with threads.
        "import warnings; warnings.simplefilter('ignore', DeprecationWarning)\n"
        "pid = os.fork()\n"
        "run()\n"
        "if pid == 0: os._exit(0)\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
    )


@team_only
def test_quiet_exit() -> None:
    child("")
    child("import time; time.sleep(0.2)\n")
    child("assert threading.active_count() == 1\n")


def drive(controller: Controller, cost, seconds: float, start: float = 0.0) -> dict[int, float]:
    """Run a step under a controller and a clock of our own; the time spent at each number of
    threads."""
    spent: dict[int, float] = {}
    now, limit = start, 0.0
    total, count = 0.0, 0
    while now < start + seconds:
        took = cost(controller.threads, now)
        now += took
        spent[controller.threads] = spent.get(controller.threads, 0.0) + took
        total, count = total + took, count + 1
        if total >= limit:
            limit = controller.window(total / count)
            total, count = 0.0, 0
    return spent


def test_controller_finds_the_quicker() -> None:
    for costs in ({1: 1e-3, 2: 0.6e-3}, {1: 1e-3, 2: 3e-3}, {1: 1e-3, 2: 1.2e-3}):
        spent = drive(Controller(2), lambda n, now, costs=costs: costs[n], 5.0)
        quick = min(costs, key=costs.__getitem__)
        assert spent[quick] > 0.9 * sum(spent.values())


def test_controller_follows_changes() -> None:
    # Quick on two threads until another program comes, slow on two while it stays.
    def cost(n: int, now: float) -> float:
        busy = 3.0 < now < 6.0
        return 1e-3 if n == 1 else (4e-3 if busy else 0.55e-3)

    controller = Controller(2)
    drive(controller, cost, 3.0)
    spent = drive(controller, cost, 3.0, 3.0)
    assert spent[1] > 0.7 * sum(spent.values())
    spent = drive(controller, cost, 6.0, 6.0)
    assert spent[2] > 0.6 * sum(spent.values())


def test_controller_with_many_threads() -> None:
    controller = Controller(12)
    assert controller.levels == [1, 2, 4, 8, 12]
    spent = drive(controller, lambda n, now: {1: 4, 2: 2.1, 4: 1.3, 8: 2, 12: 3}[n] * 1e-3, 8.0)
    assert spent[4] > 0.8 * sum(spent.values())


def test_controller_alone_has_nothing_to_try() -> None:
    controller = Controller(1)
    assert {controller.window(1e-3) for _ in range(10)} == {WINDOW}
    assert controller.threads == 1
    assert PATIENCE > 1
