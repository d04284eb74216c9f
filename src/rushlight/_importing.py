"""Pauses the garbage collector while the package is imported.

Importing makes many objects and no garbage, and the collector would look through them again and
again: a tenth of the time. `done` gives the user's setting back.
"""

from __future__ import annotations

import gc

_was_enabled = gc.isenabled()
gc.disable()


def done() -> None:
    """The package is imported."""
    if _was_enabled:
        gc.enable()
