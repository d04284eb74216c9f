"""What ``import torch`` finds in a process whose search path holds rushlight's shim directory.

``rushlight run`` and ``rushlight.as_torch()`` put that directory on PYTHONPATH, so spawned workers
and subprocesses come here first. Importing this module replaces it by rushlight.
"""

import importlib.util
import os
import sys

if importlib.util.find_spec("rushlight") is None:
    shim = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    root = os.path.dirname(os.path.dirname(shim))
    if os.path.basename(root) in ("site-packages", "dist-packages"):
        # Another interpreter's environment: its compiled packages would not load here.
        raise ModuleNotFoundError(
            "No module named 'torch': PYTHONPATH says that torch is rushlight, but "
            f"{sys.executable} has no rushlight. Install it there, or start this program "
            f"with {shim} removed from PYTHONPATH.",
            name="torch",
        )
    # A source checkout that the parent found through its own sys.path. Last, to shadow nothing.
    sys.path.append(root)

from rushlight._alias import activate

activate()
