"""Modules put together, compiled, called."""

from __future__ import annotations

import gc
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from rushlight.compiler.lower.module import BARRIER, Emitted, Library, assemble
from rushlight.compiler.lower.target import Target, target_of
from rushlight.compiler.runtime import engine, entry

#: Adds one to the first number of the array at table entry 1.
COUNT = """
define internal void @NAME(ptr %p, i64 %tid, i64 %nt) {
  %x = getelementptr i8, ptr %p, i64 8
  %a = load ptr, ptr %x
  %v = load double, ptr %a
  %w = fadd double %v, 1.0
  store double %w, ptr %a
  ret void
}
"""


def count(name: str, threads: bool = False) -> Emitted:
    return Emitted(name, name, COUNT.replace("NAME", name), threads=threads)


def table_of(*arrays: np.ndarray) -> np.ndarray:
    return np.array([0, *(a.ctypes.data for a in arrays)], np.uintp)


def test_kernels_run_in_order() -> None:
    double = COUNT.replace("NAME", "twice").replace("fadd double %v, 1.0", "fmul double %v, 2.0")
    a = np.array([3.0])
    table = table_of(a)
    native = engine.build([count("one"), BARRIER, Emitted("twice", "twice", double)])
    native(table.ctypes.data)
    assert a[0] == 8
    assert native.seconds > 0 and "define void @step" in native.text


def test_barriers_only_where_threads_meet() -> None:
    host = Target.host()
    alone = [count("a"), BARRIER, count("b"), BARRIER, BARRIER, count("c"), BARRIER]
    assert assemble(alone, host).barriers == 0
    assert not assemble(alone, host).threads
    mixed = [BARRIER, count("a", True), BARRIER, count("b"), BARRIER, count("c"), BARRIER,
             count("d", True)]  # fmt: skip
    assert assemble(mixed, host).barriers == 2
    text = COUNT.replace("NAME", "p0") + COUNT.replace("NAME", "p1")
    assert assemble([Emitted("two", ["p0", "p1"], text, threads=True)], host).barriers == 1


def test_declarations_and_shared_text_appear_once() -> None:
    extra = "declare double @llvm.sqrt.f64(double)\n"
    helper = {"helper": "define internal void @helper() {\n  ret void\n}\n"}
    parts = [
        Emitted(n, n, COUNT.replace("NAME", n) + extra, shared=helper) for n in ("a", "b")
    ]
    text = assemble(parts, Target.host()).text
    assert text.count("declare double @llvm.sqrt.f64") == 1
    assert text.count("define internal void @helper()") == 1
    other = Emitted("c", "c", "", shared={"helper": "something else"})
    with pytest.raises(ValueError, match="helper"):
        assemble([*parts, other], Target.host())


def test_libraries_are_linked() -> None:
    library = Library(
        "test_library", lambda: "define double @three() {\n  ret double 3.0\n}\n",
        {"three": "declare double @three()"},
    )  # fmt: skip
    text = COUNT.replace("NAME", "k").replace(
        "%w = fadd double %v, 1.0", "%t = call double @three()\n  %w = fadd double %v, %t"
    )
    a = np.array([1.0])
    table = table_of(a)
    engine.build([Emitted("k", "k", text, libraries=[library])])(table.ctypes.data)
    assert a[0] == 4


def test_wrong_text_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="expected"):
        engine.build([Emitted("k", "k", "define internal void @k( nonsense")])


def test_bound_functions() -> None:
    a, b = np.array([1.0]), np.array([10.0])
    table = table_of(a)
    native = engine.build([count("k")])
    run = native.bind(table.ctypes.data)
    assert run() is None
    assert a[0] == 2
    assert entry.fills()
    fill = native.bind(table.ctypes.data, 1)
    for _ in range(5):
        assert fill([b]) is None
    assert fill([a]) is None
    assert (a[0], b[0]) == (3, 15)
    with pytest.raises(TypeError, match="list"):
        fill((a,))
    with pytest.raises(TypeError):
        run(1)
    # The function alone keeps the machine code alive.
    del native, run
    gc.collect()
    fill([a])
    assert a[0] == 4


def test_bound_functions_leave_no_references() -> None:
    a = np.array([1.0])
    table = table_of(a)
    native = engine.build([count("k")])
    before = sys.getrefcount(native)
    run = native.bind(table.ctypes.data)
    run()
    held = entry.entry_of(run)
    arrays = [a]
    fill = native.bind(table.ctypes.data, 1)
    counts = sys.getrefcount(a), sys.getrefcount(None)
    for _ in range(100):
        fill(arrays)
    assert sys.getrefcount(a) == counts[0]
    assert abs(sys.getrefcount(None) - counts[1]) < 50
    del run, fill, held
    assert sys.getrefcount(native) == before


def test_widths_of_processors() -> None:
    wide = dict.fromkeys(("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "fma"), True)
    assert target_of("x", wide, "x86_64-unknown-linux-gnu").bytes == 64
    assert target_of("x", {"avx2": True, "fma": True}, "x86_64-apple-darwin").bytes == 32
    plain = target_of("x", {"sse2": True}, "x86_64-unknown-linux-gnu")
    assert (plain.bytes, plain.registers, plain.fma) == (16, 16, False)
    arm = target_of("x", {"neon": True}, "aarch64-unknown-linux-gnu")
    assert (arm.bytes, arm.registers, arm.fma) == (16, 32, True)


@pytest.mark.parametrize("width", [n for n in (64, 32, 16) if n <= Target.host().bytes])
@pytest.mark.parametrize("stored, wide, size", [("half", "float", 4), ("half", "double", 8)])
def test_halves_are_converted(width: int, stored: str, wide: str, size: int) -> None:
    text = """
define internal void @k(ptr %p, i64 %tid, i64 %nt) {
entry:
  %p1 = getelementptr i8, ptr %p, i64 8
  %a = load ptr, ptr %p1
  %p2 = getelementptr i8, ptr %p, i64 16
  %b = load ptr, ptr %p2
  br label %l
l:
  %i = phi i64 [ 0, %entry ], [ %j, %l ]
  %x = getelementptr FROM, ptr %a, i64 %i
  %v = load FROM, ptr %x
  %h = OP FROM %v to TO
  %y = getelementptr TO, ptr %b, i64 %i
  store TO %h, ptr %y
  %j = add i64 %i, 1
  %t = icmp slt i64 %j, COUNT
  br i1 %t, label %l, label %e
e:
  ret void
}
"""
    target = Target.host() if width == Target.host().bytes else Target(width)
    number = f"f{size}"
    every = np.arange(65536, dtype=np.uint16).view("f2")
    with np.errstate(all="ignore"):
        grid = every.astype(number)
        middle = (grid[:-1] + grid[1:]) / 2
        values = np.concatenate([grid, middle])
        values = np.concatenate([
            values, np.nextafter(values, values.dtype.type(np.inf)),
            np.nextafter(values, values.dtype.type(-np.inf)),
            np.array([65519, 65520, 65536, 1e38, -1e38]).astype(number),
        ])  # fmt: skip
        rounded = values.astype("f2")
    for source, want, f, t, op in (
        (every, grid, stored, wide, "fpext"), (values, rounded, wide, stored, "fptrunc"),
    ):  # fmt: skip
        body = text.replace("FROM", f).replace("OP", op).replace("COUNT", str(source.size))
        got = np.zeros(source.size, want.dtype)
        table = table_of(source, got)
        engine.build([Emitted("k", "k", body.replace("TO", t))], target=target)(table.ctypes.data)
        missing = np.isnan(want)
        bits = f"u{want.itemsize}"
        assert np.array_equal(got[~missing].view(bits), want[~missing].view(bits))
        assert np.isnan(got[missing]).all()


def test_without_llvmlite_the_error_names_the_cure() -> None:
    code = (
        "import sys; sys.modules['llvmlite'] = None\n"
        "from rushlight.compiler.runtime import engine\n"
        "try: engine.build([])\n"
        "except ImportError as error: print(error)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'rushlight[compile]'" in answer.stdout, answer.stderr
