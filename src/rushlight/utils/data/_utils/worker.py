"""The worker process of a data loader.

The main thread loads; a second thread takes in tasks and a third sends batches off, so that
neither side of the connection ever waits for the other while both want to write.
"""

from __future__ import annotations

import os
import queue
import random
import threading
from multiprocessing import connection as connections
from multiprocessing import parent_process
from typing import Any

import numpy as np

from ...._ops.random import default_generator
from ...._tensor.threads import set_num_threads
from . import transport
from .errors import ExceptionWrapper
from .worker_info import WorkerInfo, get_worker_info, here

__all__ = ["WorkerInfo", "get_worker_info"]


class Task:
    """Load the batch of these indices."""

    __slots__ = ("index", "number")

    def __init__(self, number: int, index: Any) -> None:
        self.number = number
        self.index = index


class Resume:
    """Begin the next epoch with fresh iterators (persistent workers)."""


class Exhausted:
    """The worker's iterable dataset has ended."""


class Job:
    """What a worker is made from."""

    def __init__(
        self, kind: int, dataset: Any, auto_collation: bool, collate_fn: Any, drop_last: bool,
        base_seed: int, init_fn: Any, number: int, workers: int, persistent: bool,
    ) -> None:  # fmt: skip
        self.kind = kind
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.base_seed = base_seed
        self.init_fn = init_fn
        self.number = number
        self.workers = workers
        self.persistent = persistent


def worker_loop(job: Job, link: Any, to_close: Any) -> None:
    """The life of a worker: tasks in, (number, batch) out, until None comes or the parent ends.

    Args:
        link: this end of the connection.
        to_close: ends of other connections that a fork has copied: while they are open here,
            their workers would not notice that the parent has gone.
    """
    for other in to_close:
        other.close()
    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    results: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(link, tasks), daemon=True).start()
    sender = threading.Thread(target=_send, args=(link, results), daemon=True)
    sender.start()
    set_num_threads(1)
    try:
        _seed(job.base_seed, job.number)
        here.info = WorkerInfo(
            id=job.number, num_workers=job.workers, seed=job.base_seed + job.number,
            dataset=job.dataset, rng=None, worker_method="multiprocessing",
        )  # fmt: skip
        _serve(job, tasks, results)
    except KeyboardInterrupt:
        return  # the main process was interrupted as well, and tells the user
    results.put(None)
    sender.join()


def _seed(base_seed: int, number: int) -> None:
    seed = base_seed + number
    random.seed(seed)
    default_generator.manual_seed(seed)
    sequence = np.random.SeedSequence([number, base_seed & 0xFFFFFFFF, base_seed >> 32])
    np.random.seed(sequence.generate_state(4))


def _serve(job: Job, tasks: Any, results: Any) -> None:
    from ..dataloader import _DatasetKind

    where = f"in DataLoader worker process {job.number}"
    failure = None
    fetcher: Any = None
    ended = False

    def make_fetcher() -> Any:
        return _DatasetKind.create_fetcher(
            job.kind, job.dataset, job.auto_collation, job.collate_fn, job.drop_last
        )

    try:
        if job.init_fn is not None:
            job.init_fn(job.number)
        fetcher = make_fetcher()
    except Exception:
        failure = ExceptionWrapper(where=where)
    while True:
        task = tasks.get()
        if task is None:
            return
        if isinstance(task, Resume):
            ended = False
            try:
                fetcher = make_fetcher()
            except Exception:
                failure = ExceptionWrapper(where=where)
            continue
        if ended:
            continue
        data: Any
        if failure is not None:
            data, failure = failure, None
        else:
            try:
                data = fetcher.fetch(task.index)
            except StopIteration as error:
                if job.kind == _DatasetKind.Iterable:
                    data = Exhausted()
                    ended = True
                else:
                    data = ExceptionWrapper((type(error), error, error.__traceback__), where)
            except Exception:
                data = ExceptionWrapper(where=where)
        try:
            blocks = transport.pack((task.number, data))
        except Exception:
            blocks = transport.pack((task.number, ExceptionWrapper(where=where)))
        results.put(blocks)


def _receive(link: Any, tasks: Any) -> None:
    parent = parent_process()
    watched = [link] if parent is None else [link, parent.sentinel]
    try:
        while True:
            ready = connections.wait(watched)
            if link not in ready:
                os._exit(0)  # the parent is gone
            task = link.recv()
            tasks.put(task)
            if task is None:
                return
    except (EOFError, OSError):
        tasks.put(None)
    except Exception:
        # The dataset's own indices may fail to unpickle: there is nobody to tell.
        tasks.put(None)
        raise


def _send(link: Any, results: Any) -> None:
    try:
        while (blocks := results.get()) is not None:
            transport.send(link, blocks)
    except (BrokenPipeError, ConnectionError, OSError):
        return  # nobody wants the batches any more
