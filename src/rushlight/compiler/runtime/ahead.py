"""What nearly every step needs, made on another thread while the first calls run eagerly.

Loading LLVM and making (or loading) the kernels of matrix products takes longer than recording a
small step; LLVM does not hold the interpreter's lock meanwhile.
"""

from __future__ import annotations

import os
import threading

from ..lower import gemm_library
from ..lower.target import Target
from . import engine

_thread: threading.Thread | None = None


def begin() -> None:
    """Start, once for a process."""
    global _thread
    if _thread is None:
        # Not a daemon: LLVM must not be taken down under it at the end of the program.
        _thread = threading.Thread(target=_make, name="rushlight-ahead", daemon=False)
        _thread.start()


def _make() -> None:
    try:
        target = Target.host()
        engine.library(gemm_library.library("float32", "float32", "float32", target), target)
        engine.Native.gate()
    except Exception:
        return  # whoever needs it meets the same error, and is there to be told


def _wait() -> None:
    """A child must not inherit a lock that a thread of its parent holds."""
    if _thread is not None and _thread is not threading.current_thread():
        _thread.join()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait)
