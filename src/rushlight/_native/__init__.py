"""Native kernels for eager operations, when llvmlite is installed.

What NumPy does in several passes over large arrays, machine code does in one, on several threads:
the updates of optimizers (`update.py`), pointwise formulas (`pointwise.py`), and whole rows with
sums, norms, softmax and convolutions (`shaped.py`). The code is made by the compiler from the same
formulas that eager NumPy and compiled steps use, so results agree to rounding; without llvmlite, or
with ``RUSHLIGHT_NATIVE=0`` in the environment, everything stays NumPy.

This room stands above `compiler` and is imported by nobody but `_kernels/native.py`, late: when the
first large operation runs.
"""

from __future__ import annotations

from ..compiler.runtime import llvm
from .passes import install
from .pointwise import run as evaluate
from .shaped import run as operate
from .update import update as updater

__all__ = ["check", "evaluate", "install", "operate", "updater"]


def check() -> None:
    """Raise ImportError where there is no llvmlite."""
    llvm.version()
