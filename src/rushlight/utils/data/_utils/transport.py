"""How batches travel from a worker: pickled, with the memory of arrays beside the pickle.

The arrays' bytes are written from where they lie and read into memory that becomes the tensors':
one copy on each side.
"""

from __future__ import annotations

import pickle
from io import BytesIO
from multiprocessing.reduction import ForkingPickler
from typing import Any

from ...._core import LEAF, Tensor, wrap


def _rebuild(array: Any, requires_grad: bool) -> Tensor:
    return wrap(array, LEAF if requires_grad else None)


def _reduce(t: Tensor) -> Any:
    if t._edge is not None and t._edge is not LEAF:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd "
            "does not support crossing process boundaries.  If you just want to transfer the "
            "data, call detach() on the tensor before serializing (e.g., putting it on the queue)."
        )
    return _rebuild, (t._data, t._edge is LEAF)


ForkingPickler.register(Tensor, _reduce)


def pack(message: Any) -> list[Any]:
    """`message` as blocks of bytes to be sent one after another."""
    buffers: list[Any] = []
    stream = BytesIO()
    pickler = ForkingPickler(stream, 5, True, buffers.append)
    pickler.dump(message)
    blocks = [b.raw() for b in buffers]
    sizes = pickle.dumps([len(b) for b in blocks])
    return [sizes, stream.getbuffer(), *blocks]


def send(connection: Any, blocks: list[Any]) -> None:
    """Write a packed message."""
    for block in blocks:
        if len(block):
            connection.send_bytes(block)


def receive(connection: Any) -> Any:
    """Read one message."""
    sizes = pickle.loads(connection.recv_bytes())
    head = connection.recv_bytes()
    buffers = []
    for size in sizes:
        buffer = bytearray(size)
        if size:
            connection.recv_bytes_into(buffer)
        buffers.append(buffer)
    return pickle.loads(head, buffers=buffers)
