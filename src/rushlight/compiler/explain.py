"""Looking inside: what a compiled function consists of, and what its parts cost.

`explanation` collects it as data (and runs every kernel by itself a few times to measure it);
`str()` of the result is a table for people. `source` shows the kernels as loops.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from .ir import Host
from .runtime.engine import build

if TYPE_CHECKING:
    from .capture import Compiled
    from .executable import Executable


class KernelReport:
    """One kernel after fusion.

    Attributes:
        name, text: what it is and the equations it came from.
        flops, bytes: of one run.
        seconds: the shortest of a few runs on one thread, caches warm.
        threads: whether several threads share it.
    """

    __slots__ = ("bytes", "flops", "name", "seconds", "text", "threads")

    def __init__(
        self, name: str, text: str, flops: float, bytes: float, seconds: float, threads: bool
    ) -> None:
        self.name = name
        self.text = text
        self.flops = flops
        self.bytes = bytes
        self.seconds = seconds
        self.threads = threads


class PlanReport:
    """One plan: its equations, kernels, memory and host calls."""

    def __init__(self, executable: Executable, label: str) -> None:
        self.label = label
        self.equations = [repr(e) for e in executable.graph.equations]
        self.arena = executable.layout.arena
        self.compile_seconds = executable.seconds
        self.cached = executable.cached
        self.hosts: list[tuple[str, str]] = []
        self.kernels: list[KernelReport] = []
        for segment in executable.segments:
            host = segment.host
            if isinstance(host, Host):
                self.hosts.append((host.name, host.why))
            for group, emitted in segment.parts:
                seconds = _timed(executable, emitted)
                self.kernels.append(
                    KernelReport(emitted.name, repr(group), emitted.flops, emitted.bytes, seconds,
                                 emitted.threads)
                )  # fmt: skip

    @property
    def seconds(self) -> float:
        """The sum of the kernels' times on one thread."""
        return sum(k.seconds for k in self.kernels)


class Explanation:
    """What a compiled function consists of.

    Attributes:
        plans: one report for each plan, backward plans beside their forward ones.
        eager: why the function runs eagerly, or None.
        peak: the machine's measured floating point operations and bytes per second on one thread.
    """

    def __init__(self, plans: list[PlanReport], eager: str | None) -> None:
        self.plans = plans
        self.eager = eager
        self.peak = peak() if plans else (0.0, 0.0)

    def __str__(self) -> str:
        lines: list[str] = []
        if self.eager is not None:
            lines.append(f"runs eagerly: {self.eager}")
        for plan in self.plans:
            source = "cache" if plan.cached else "LLVM"
            lines.append(
                f"{plan.label}: {len(plan.equations)} equations in {len(plan.kernels)} kernels, "
                f"arena {plan.arena / 1024:.1f} KiB, compiled in {plan.compile_seconds * 1e3:.0f} "
                f"ms ({source})"
            )
            for name, why in plan.hosts:
                lines.append(f"  host call {name}: {why}")
            lines.append(f"  {'kernel':34}{'us':>9}{'GFLOP/s':>9}{'of peak':>8}{'GB/s':>8}"
                         f"{'of peak':>8}")  # fmt: skip
            total = plan.seconds or 1.0
            for k in plan.kernels:
                rate = k.flops / k.seconds if k.seconds else 0.0
                traffic = k.bytes / k.seconds if k.seconds else 0.0
                lines.append(
                    f"  {k.name[:33]:34}{k.seconds * 1e6:9.2f}{rate / 1e9:9.1f}"
                    f"{rate / self.peak[0]:8.0%}{traffic / 1e9:8.1f}{traffic / self.peak[1]:8.0%}"
                )
            lines.append(f"  {'all, one thread':34}{total * 1e6:9.2f}")
        return "\n".join(lines)

    __repr__ = __str__


def explanation(compiled: Compiled) -> Explanation:
    """Reports of every plan of a compiled function."""
    reports: list[PlanReport] = []
    for number, plan in enumerate(compiled.plans):
        reports.append(PlanReport(plan, f"plan {number}"))
        if plan.backward is not None:
            reports.append(PlanReport(plan.backward, f"plan {number}, backward"))
    return Explanation(reports, compiled.eager)


def source(compiled: Compiled) -> str:
    """The kernels of every plan as readable loops."""
    parts: list[str] = []
    for number, plan in enumerate(compiled.plans):
        for label, e in ((f"plan {number}", plan), (f"plan {number}, backward", plan.backward)):
            if e is None:
                continue
            parts.append(f"# {label}")
            for segment in e.segments:
                if segment.host is not None:
                    parts.append(f"# host call: {segment.host!r}")
                for _, emitted in segment.parts:
                    parts.append(f"# {emitted.name}\n{emitted.source}".rstrip())
    return "\n\n".join(parts)


def _timed(executable: Executable, emitted: Any) -> float:
    """Seconds of one kernel, run by itself over scratch memory in the place of everything."""
    native = build([emitted])
    table = np.array(executable.table)
    kept: list[Any] = []
    for b in executable.layout.slots:
        memory = np.zeros(max(1, b.size) * b.dtype.itemsize + 64, np.uint8)
        kept.append(memory)
        table[b.slot] = memory.__array_interface__["data"][0]
    arena = np.zeros(executable.layout.arena + 64, np.uint8)
    table[0] = arena.__array_interface__["data"][0]
    address = table.__array_interface__["data"][0]
    best = float("inf")
    for _ in range(5):
        start = perf_counter()
        native(address, 1)
        best = min(best, perf_counter() - start)
    return best


_peak: tuple[float, float] | None = None


def peak() -> tuple[float, float]:
    """Floating point operations and bytes per second that one thread reaches here, measured."""
    global _peak
    if _peak is None:
        from .ir import Gemm, Graph
        from .lower.gemm import lower_gemm
        from .lower.target import Target

        n = 384
        graph = Graph()
        a, b, c = (graph.temporary((n, n), np.float32) for _ in range(3))
        for i, view in enumerate((a, b, c)):
            view.buffer.slot = 0
            view.buffer.offset = i * n * n * 4
        native = build([lower_gemm(Gemm(a, b, c), "peak", Target.host())])
        arena = np.ones(3 * n * n + 16, np.float32)
        table = np.array([arena.__array_interface__["data"][0]], np.uint64)
        flops = 2 * n**3 / _best(lambda: native(table.__array_interface__["data"][0], 1))
        source, target = np.ones(1 << 24, np.float32), np.empty(1 << 24, np.float32)
        traffic = 2 * source.nbytes / _best(lambda: np.copyto(target, source))
        _peak = flops, traffic
    return _peak


def _best(f: Any) -> float:
    best = float("inf")
    for _ in range(7):
        start = perf_counter()
        f()
        best = min(best, perf_counter() - start)
    return best
