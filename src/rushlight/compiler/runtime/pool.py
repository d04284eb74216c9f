"""The machine code of a team of threads: barrier, launch, and the loop of a worker.

A team is a block of memory (`TEAM_BYTES`). Every word that one thread writes while another spins on
it has a cache line of its own. Threads wait by spinning for about the time that waking up takes,
then sleep in the kernel (futex): an endless spin or `sched_yield` costs milliseconds for every
barrier as soon as the machine is busy with something else.
"""

from __future__ import annotations

from ..lower.module import Library
from ..lower.writer import Writer

#: Where what lies in a team, in bytes.
ARRIVED, GENERATION, SLEEPERS, JOB, BUSY, CPU, SPIN, MASK, WORKERS = (
    0, 64, 128, 192, 256, 320, 384, 448, 640,
)  # fmt: skip
#: In a worker's line: its start signal, whether it sleeps, its thread's number in the system.
START, ASLEEP, THREAD = 0, 4, 8
LINE = 64
MASK_BYTES = 128

#: The system's call numbers: futex, gettid, sched_setaffinity.
SYSTEM_CALLS = {"x86_64": (202, 186, 203), "aarch64": (98, 178, 122)}
_WAIT, _WAKE = 128, 129  # private to the process


def team_bytes(threads: int) -> int:
    """The size of a team."""
    return WORKERS + LINE * threads


class _PoolWriter(Writer):
    """Atomic operations and system calls."""

    __slots__ = ("machine",)

    def __init__(self, head: str, machine: str) -> None:
        super().__init__(head)
        self.machine = machine

    def read(self, pointer: str, order: str = "acquire") -> str:
        return self.set(f"load atomic i32, ptr {pointer} {order}, align 4")

    def write(self, value: str, pointer: str, order: str = "seq_cst") -> None:
        self.do(f"store atomic i32 {value}, ptr {pointer} {order}, align 4")

    def system(self, number: int, *arguments: str) -> str:
        code = SYSTEM_CALLS[self.machine][number]
        rest = "".join(f", {a}" for a in arguments)
        return self.set(f"call i64 (i64, ...) @syscall(i64 {code}{rest})")

    def wake(self, pointer: str, count: int) -> None:
        self.system(0, f"ptr {pointer}", f"i64 {_WAKE}", f"i64 {count}", "i64 0", "i64 0", "i64 0")

    def sleep(self, pointer: str, value: str) -> None:
        wide = self.set(f"zext i32 {value} to i64")
        self.system(0, f"ptr {pointer}", f"i64 {_WAIT}", f"i64 {wide}", "i64 0", "i64 0", "i64 0")

    def pause(self) -> None:
        if self.machine == "x86_64":
            self.do("call void @llvm.x86.sse2.pause()")
        else:
            self.do('call void asm sideeffect "isb", "~{memory}"()')

    def wait(self, pointer: str, old: str, announce: tuple[str, str]) -> None:
        """Until `*pointer` is not `old`; `announce`: where sleepers are counted or marked."""
        spin = self.load("i64", self.at("%team", SPIN))
        done, rest, turn = self.label(), self.label(), self.label()
        before = self._block
        self.jump(turn)
        self.place(turn)
        count = self.name()
        slot = len(self.lines)
        moved = self.set(f"icmp ne i32 {self.read(pointer)}, {old}")
        spun = self.label()
        self.branch(moved, done, spun)
        self.place(spun)
        self.pause()
        following = self.add(count, 1)
        again = self.test("slt", following, spin)
        self.lines.insert(slot, f"  {count} = phi i64 [ 0, %{before} ], [ {following}, %{spun} ]")
        self.branch(again, turn, rest)
        self.place(rest)
        place, how = announce
        if how == "count":
            self.set(f"atomicrmw add ptr {place}, i32 1 seq_cst")
        else:
            self.write("1", place)
        check, nap, up = self.label(), self.label(), self.label()
        self.jump(check)
        self.place(check)
        moved = self.set(f"icmp ne i32 {self.read(pointer, 'seq_cst')}, {old}")
        self.branch(moved, up, nap)
        self.place(nap)
        self.sleep(pointer, old)
        self.jump(check)
        self.place(up)
        if how == "count":
            self.set(f"atomicrmw sub ptr {place}, i32 1 seq_cst")
        else:
            self.write("0", place)
        self.jump(done)
        self.place(done)


def _barrier(machine: str) -> str:
    w = _PoolWriter("void @rushlight_barrier(ptr %team, i64 %nt)", machine)
    word = w.at("%team", GENERATION)
    sleepers = w.at("%team", SLEEPERS)
    generation = w.read(word)
    before = w.set(f"atomicrmw add ptr {w.at('%team', ARRIVED)}, i32 1 acq_rel")
    count = w.set(f"zext i32 {before} to i64")
    last = w.test("eq", w.add(count, 1), "%nt")
    opens, waits, done = w.label(), w.label(), w.label()
    w.branch(last, opens, waits)
    w.place(opens)
    w.write("0", w.at("%team", ARRIVED), "monotonic")
    w.write(w.set(f"add i32 {generation}, 1"), word)
    some = w.set(f"icmp ne i32 {w.read(sleepers, 'seq_cst')}, 0")
    with w.when(some):
        w.wake(word, 2**31 - 1)
    w.jump(done)
    w.place(waits)
    w.wait(word, generation, (sleepers, "count"))
    w.jump(done)
    w.place(done)
    w.ret()
    return w.text()


def _worker(machine: str) -> str:
    w = _PoolWriter("void @rushlight_worker(ptr %team, i64 %tid)", machine)
    line = w.at("%team", w.add(w.mul("%tid", LINE), WORKERS))
    number = w.set(f"trunc i64 {w.system(1)} to i32")
    w.write(number, w.at(line, THREAD))
    loop = w.label()
    w.jump(loop)
    w.place(loop)
    seen = w.name()
    slot = len(w.lines)
    w.wait(line, seen, (w.at(line, ASLEEP), "mark"))
    now = w.read(line)
    job = w.at("%team", JOB)
    function, table = w.load("ptr", job), w.load("ptr", w.at(job, 8))
    nt = w.load("i64", w.at(job, 16))
    w.do(f"call void {function}(ptr {table}, i64 %tid, i64 {nt}, ptr %team)")
    w.do(f"call void @rushlight_barrier(ptr %team, i64 {nt})")
    w.lines.insert(slot, f"  {seen} = phi i32 [ 0, %entry ], [ {now}, %{w._block} ]")
    w.jump(loop)
    return w.text()


def _launch(machine: str) -> str:
    """Run a step on several threads; on one if the team is busy with another step."""
    w = _PoolWriter(
        "void @rushlight_launch(ptr %team, ptr %step, ptr %table, i64 %nt)", machine
    )
    alone, several, done = w.label(), w.label(), w.label()
    w.branch(w.test("sle", "%nt", 1), alone, several)
    w.place(several)
    busy = w.at("%team", BUSY)
    pair = w.set(f"cmpxchg ptr {busy}, i32 0, i32 1 acquire monotonic")
    free = w.label()
    w.branch(w.set(f"extractvalue {{ i32, i1 }} {pair}, 1"), free, alone)
    w.place(free)
    cpu = w.set("call i32 @sched_getcpu()")
    last = w.at("%team", CPU)
    with w.when(w.set(f"icmp ne i32 {cpu}, {w.load('i32', last, 4)}")):
        w.store("i32", cpu, last, 4)
        w.do(f"call void @rushlight_home(ptr %team, i32 {cpu}, i64 %nt)")
    job = w.at("%team", JOB)
    w.store("ptr", "%step", job)
    w.store("ptr", "%table", w.at(job, 8))
    w.store("i64", "%nt", w.at(job, 16))
    with w.loop(1, "%nt") as t:
        line = w.at("%team", w.add(w.mul(t.index, LINE), WORKERS))
        w.write(w.set(f"add i32 {w.read(line, 'monotonic')}, 1"), line)
        asleep = w.set(f"icmp ne i32 {w.read(w.at(line, ASLEEP), 'seq_cst')}, 0")
        with w.when(asleep):
            w.wake(line, 1)
    w.do("call void %step(ptr %table, i64 0, i64 %nt, ptr %team)")
    w.do("call void @rushlight_barrier(ptr %team, i64 %nt)")
    w.write("0", busy, "release")
    w.jump(done)
    w.place(alone)
    w.do("call void %step(ptr %table, i64 0, i64 1, ptr null)")
    w.jump(done)
    w.place(done)
    w.ret()
    return w.text()


def _home(machine: str) -> str:
    """Keep workers off the processor that the launching thread runs on.

    A woken worker may be put on the waker's processor although another one is idle, and stay there:
    every barrier then costs a whole spin.
    """
    w = _PoolWriter("internal void @rushlight_home(ptr %team, i32 %cpu, i64 %nt)", machine)
    mask = w.set(f"alloca [{MASK_BYTES // 8} x i64], align 8")
    with w.loop(0, MASK_BYTES, 8) as i:
        word = w.load("i64", w.at(w.at("%team", MASK), i.index))
        w.store("i64", word, w.at(mask, i.index))
    cpu = w.set("zext i32 %cpu to i64")
    inside = w.test("slt", cpu, MASK_BYTES * 8)
    with w.when(inside):
        place = w.at(mask, w.mul(w.udiv(cpu, 64), 8))
        bit = w.set(f"shl i64 1, {w.urem(cpu, 64)}")
        keep = w.set(f"xor i64 {bit}, -1")
        w.store("i64", w.set(f"and i64 {w.load('i64', place)}, {keep}"), place)
    with w.loop(1, "%nt") as t:
        line = w.at("%team", w.add(w.mul(t.index, LINE), WORKERS))
        number = w.read(w.at(line, THREAD))
        with w.when(w.set(f"icmp ne i32 {number}, 0")):
            wide = w.set(f"zext i32 {number} to i64")
            # Refused if nothing is left of the mask: then the worker stays where it is.
            w.system(2, f"i64 {wide}", f"i64 {MASK_BYTES}", f"ptr {mask}")
    w.ret()
    return w.text()


def _pauses(machine: str) -> str:
    w = _PoolWriter("void @rushlight_pauses(i64 %count)", machine)
    with w.loop(0, "%count"):
        w.pause()
    w.ret()
    return w.text()


def _text(machine: str) -> str:
    parts = [f(machine) for f in (_barrier, _worker, _launch, _home, _pauses)]
    parts.append("declare i64 @syscall(i64, ...)\ndeclare i32 @sched_getcpu()\n")
    if machine == "x86_64":
        parts.append("declare void @llvm.x86.sse2.pause()\n")
    return "\n".join(parts)


_ALONE = """
define void @rushlight_barrier(ptr %team, i64 %nt) {
  ret void
}
define void @rushlight_launch(ptr %team, ptr %step, ptr %table, i64 %nt) {
  call void %step(ptr %table, i64 0, i64 1, ptr null)
  ret void
}
"""


def library(machine: str | None) -> Library:
    """The functions of teams for a machine; for None those of one thread alone."""
    names = ["rushlight_barrier", "rushlight_launch"]
    if machine is None:
        return Library("alone", lambda: _ALONE, dict.fromkeys(names, ""))
    names += ["rushlight_worker", "rushlight_pauses"]
    return Library("team", lambda: _text(machine), dict.fromkeys(names, ""))
