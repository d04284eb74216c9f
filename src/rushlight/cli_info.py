"""``rushlight info``: what this installation consists of, and what would make it slow."""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import platform
import sys

import numpy as np

from rushlight._alias import SHIM_DIRECTORY
from rushlight._kernels import blas
from rushlight._version import __rushlight_version__, __version__

EXTRAS = {
    "compile": ("llvmlite",),
    "examples": ("matplotlib",),
    "test": ("pytest", "hypothesis"),
}
"""The optional packages behind ``pip install 'rushlight[EXTRA]'``."""

_VECTORS = ("SSE", "AVX", "AVX2", "AVX-512")

CORE_LEVEL = {
    **dict.fromkeys(("prescott", "core2", "penryn", "dunnington", "nehalem", "atom"), 0),
    **dict.fromkeys(("athlon", "opteron", "opteron_sse3", "barcelona", "bobcat", "sse_generic"), 0),
    **dict.fromkeys(("sandybridge", "bulldozer", "piledriver", "steamroller"), 1),
    **dict.fromkeys(("haswell", "zen", "excavator"), 2),
    **dict.fromkeys(("skylakex", "cooperlake", "sapphirerapids"), 3),
}
"""OpenBLAS's x86 core types, in lower case: which of _VECTORS their kernels use."""


def report() -> str:
    """The text that ``rushlight info`` prints."""
    blas, warnings = blas_lines(os.environ, processor_flags())
    sections = [
        ("Versions", _versions()),
        ("BLAS", blas),
        ("Threads", _threads()),
        ("Extras", _extras()),
    ]
    text = "\n".join(f"{title}\n{_table(rows)}" for title, rows in sections)
    return text + "".join(f"\nWarning: {warning}\n" for warning in warnings)


def _table(rows: list[tuple[str, str]]) -> str:
    return "".join(f"  {label:<12}{value}\n" for label, value in rows)


def _versions() -> list[tuple[str, str]]:
    package = os.path.dirname(SHIM_DIRECTORY)
    rows = [
        ("rushlight", f"{__rushlight_version__} ({package})"),
        ("follows", f"PyTorch {__version__}"),
        ("Python", f"{platform.python_version()} ({sys.executable})"),
        ("NumPy", np.__version__),
        ("ml_dtypes", _version_of("ml_dtypes") or "not installed: pip install ml_dtypes"),
    ]
    real = _real_pytorch()
    if real:
        rows.append(("PyTorch", f"{real} is installed; `rushlight run` does not use it"))
    return rows


def _version_of(package: str) -> str | None:
    """The version of an importable package, None if there is none; imports nothing."""
    if importlib.util.find_spec(package) is None:
        return None
    for distribution in (package, *importlib.metadata.packages_distributions().get(package, ())):
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "unknown version"


def _real_pytorch() -> str | None:
    for distribution in importlib.metadata.distributions(name="torch"):
        if os.path.dirname(str(distribution.locate_file("METADATA"))) != SHIM_DIRECTORY:
            return distribution.version
    return None


def processor_flags(path: str = "/proc/cpuinfo") -> frozenset[str]:
    """The processor's instruction set flags, empty where the system does not list them."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("flags"):
                    return frozenset(line.partition(":")[2].split())
    except OSError:
        pass
    return frozenset()


def _level_of(flags: frozenset[str]) -> int:
    if {"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= flags:
        return 3
    if {"avx2", "fma"} <= flags:
        return 2
    return 1 if "avx" in flags else 0


def blas_lines(
    environment: os._Environ[str] | dict[str, str], flags: frozenset[str]
) -> tuple[list[tuple[str, str]], list[str]]:
    """What is known of NumPy's BLAS, and warnings about settings that slow it down.

    Args:
        environment: the environment variables.
        flags: the processor's flags, as :func:`processor_flags` gives them.
    """
    build = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    rows = [("library", f"{build.get('name', 'unknown')} {build.get('version', '')}".rstrip())]
    core = blas.function("get_corename", ctypes.c_char_p)
    if core is not None:
        rows.append(("core type", core().decode()))
    elif blas.library() is None:
        rows.append(("core type", "not known (NumPy's BLAS is not OpenBLAS, or was not found)"))
    if flags:
        rows.append(("processor", f"{_VECTORS[_level_of(flags)]} ({platform.machine()})"))
    warning = core_type_warning(environment.get("OPENBLAS_CORETYPE"), flags)
    return rows, [warning] if warning else []


def core_type_warning(forced: str | None, flags: frozenset[str]) -> str | None:
    """A sentence with the cure if ``OPENBLAS_CORETYPE`` does not fit the processor.

    Args:
        forced: the variable's value, None or empty if it is not set.
        flags: the processor's flags; nothing can be said without them.
    """
    if not forced or not flags:
        return None
    wanted, able = CORE_LEVEL.get(forced.lower()), _level_of(flags)
    if wanted is None or wanted == able:
        return None
    if wanted < able:
        effect = (
            f"keeps OpenBLAS on {_VECTORS[wanted]} kernels although this processor has "
            f"{_VECTORS[able]}: matrix products run at about half of their speed or less."
        )
    else:
        effect = (
            f"asks OpenBLAS for {_VECTORS[wanted]} kernels, but this processor has only "
            f"{_VECTORS[able]}: the program may die of an illegal instruction."
        )
    return (
        f"the environment sets OPENBLAS_CORETYPE={forced}, which {effect}\n"
        "  Cure: unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE\n"
        "  or for one command: env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE rushlight run SCRIPT"
    )


def _threads() -> list[tuple[str, str]]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    rows = [("processors", f"{usable} usable of {os.cpu_count()}")]
    threads = blas.function("get_num_threads", ctypes.c_int)
    if threads is not None:
        rows.append(("BLAS", str(threads())))
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        if variable in os.environ:
            rows.append(("set by", f"{variable}={os.environ[variable]}"))
    return rows


def _extras() -> list[tuple[str, str]]:
    rows = []
    for extra, packages in EXTRAS.items():
        versions = {package: _version_of(package) for package in packages}
        if all(versions.values()):
            value = ", ".join(f"{package} {version}" for package, version in versions.items())
        else:
            value = f"not installed: {_install_command(extra)}"
        rows.append((extra, value))
    return rows


def _install_command(extra: str) -> str:
    """How to add an extra: by name where rushlight is installed, else from the checkout."""
    command = f"{os.path.basename(sys.executable) or 'python'} -m pip install"
    root = os.path.dirname(os.path.dirname(os.path.dirname(SHIM_DIRECTORY)))
    if os.path.exists(os.path.join(root, "pyproject.toml")):
        return f"{command} -e '{root}[{extra}]'"
    return f"{command} 'rushlight[{extra}]'"
