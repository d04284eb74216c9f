"""``torch.cuda.streams``: streams and events cannot be made; the context of no stream can."""

from __future__ import annotations

from typing import Any


class Stream:
    """Raises when made: a stream needs CUDA."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(f"torch.cuda.{type(self).__name__} requires CUDA support")


class ExternalStream(Stream):
    """Raises when made: a stream needs CUDA."""


class Event:
    """Raises when made: an event needs CUDA."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("Tried to instantiate dummy base class Event")


class StreamContext:
    """A context that chooses a stream; None, the only one there can be, does nothing."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def stream(stream: Any) -> StreamContext:
    """A context that chooses a stream."""
    return StreamContext(stream)


Stream.__module__ = ExternalStream.__module__ = Event.__module__ = "torch.cuda"
StreamContext.__module__ = "torch.cuda"
