"""Ctrl-C waits while a plan of several parts runs: never between its writes (contract, rule 15).

Native code runs to its end before Python looks at signals, so a plan that is one native segment
needs nothing. Between segments and in host calls Python does look; for that time SIGINT is noted
and raised afterwards.
"""

from __future__ import annotations

import signal
import threading
from typing import Any


def hold() -> Any:
    """Note SIGINT from now on instead of raising; what `release` needs."""
    if threading.current_thread() is not threading.main_thread():
        return None
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        return None
    noted: list[tuple[Any, ...]] = []
    # Python looks for pending signals before it changes a handler: none is lost or raised between.
    signal.signal(signal.SIGINT, lambda *what: noted.append(what))
    return handler, noted


def release(held: Any) -> None:
    """Raise from now on, and what was noted at once."""
    if held is None:
        return
    handler, noted = held
    signal.signal(signal.SIGINT, handler)
    if noted:
        handler(*noted[0])
