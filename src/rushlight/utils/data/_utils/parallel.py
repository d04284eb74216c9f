"""One pass over a loader with worker processes.

Each worker has a connection of its own: nothing is locked between processes, so a worker that is
killed cannot block the others, and its end is noticed at once.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import warnings
import weakref
from multiprocessing import connection as connections
from typing import Any

from ..dataloader import DataLoader, _BaseDataLoaderIter
from . import MP_STATUS_CHECK_INTERVAL, transport, worker
from .errors import ExceptionWrapper

#: This process's ends of all connections to workers.
_open_links: weakref.WeakSet[Any] = weakref.WeakSet()


class _Worker:
    """A worker as its loader sees it."""

    __slots__ = ("active", "link", "process")

    def __init__(self, context: Any, job: worker.Job) -> None:
        self.link, theirs = context.Pipe()
        forked = context.get_start_method() == "fork"
        _open_links.add(self.link)
        to_close = list(_open_links) if forked else ()
        self.process = context.Process(
            target=worker.worker_loop, args=(job, theirs, to_close), daemon=True
        )
        with warnings.catch_warnings():
            # Python 3.12 warns of forking beside the threads of OpenBLAS, which can bear it.
            warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
            self.process.start()
        theirs.close()
        self.active = True

    def send(self, message: Any) -> None:
        try:
            self.link.send(message)
        except (BrokenPipeError, ConnectionError):
            pass  # it has died: waiting for its batch tells


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Hands out tasks to workers in turn and gives their batches in order.

    Attributes:
        _results: batches that came before their turn, by number.
        _owner: which worker each open task was given to, by number, in order.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        self._prefetch_factor = loader.prefetch_factor or 0
        self._pid = os.getpid()
        self._closed = False
        self._workers: list[_Worker] = []
        self._sent = 0
        context = loader.multiprocessing_context or multiprocessing.get_context()
        assert self._num_workers > 0
        for number in range(self._num_workers):
            job = worker.Job(
                self._dataset_kind, self._dataset, self._auto_collation, self._collate_fn,
                self._drop_last, self._base_seed, loader.worker_init_fn, number,
                self._num_workers, self._persistent_workers,
            )  # fmt: skip
            self._workers.append(_Worker(context, job))
        self._begin()

    def _begin(self) -> None:
        # Numbers go on from epoch to epoch: a batch of one that was left early is known by its
        # number, and dropped when it comes.
        self._results: dict[int, Any] = {}
        self._owner: dict[int, int] = {}
        self._turn = 0
        self._sampler_ended = False
        for _ in range(self._prefetch_factor * self._num_workers):
            self._give_task()

    def _reset(self, loader: DataLoader[Any], first_iter: bool = False) -> None:
        super()._reset(loader, first_iter)
        for w in self._workers:
            w.active = True
            w.send(worker.Resume())
        self._begin()

    def _give_task(self) -> None:
        """Give the next indices to the next worker that is active."""
        if self._sampler_ended:
            return
        for _ in range(self._num_workers):
            chosen = self._turn
            self._turn = (self._turn + 1) % self._num_workers
            if self._workers[chosen].active:
                break
        else:
            return
        try:
            index = self._next_index()
        except StopIteration:
            self._sampler_ended = True
            self._turn = chosen
            return
        self._owner[self._sent] = chosen
        self._workers[chosen].send(worker.Task(self._sent, index))
        self._sent += 1

    def _next_data(self) -> Any:
        while True:
            if not self._owner and not self._results:
                self._give_task()
                if not self._owner:
                    if not self._persistent_workers:
                        self._shutdown_workers()
                    raise StopIteration
            found = self._take()
            if found is None:
                continue
            number, data = found
            if isinstance(data, worker.Exhausted):
                continue
            self._give_task()
            if isinstance(data, ExceptionWrapper):
                data.reraise()
            return data

    def _take(self) -> tuple[int, Any] | None:
        """The next batch to be given, if one came."""
        if self._in_order:
            number = next(iter(self._owner))
            if number in self._results:
                del self._owner[number]
                return number, self._results.pop(number)
            if not self._workers[self._owner[number]].active:
                del self._owner[number]  # given to a worker whose dataset had ended
                return None
        elif all(not self._workers[i].active for i in self._owner.values()):
            self._owner.clear()
            return None
        number, data = self._receive()
        if number not in self._owner:
            return None
        if isinstance(data, worker.Exhausted):
            self._retire(self._owner[number])
            if not self._in_order:
                del self._owner[number]
                self._give_task()
                return None
        if not self._in_order:
            del self._owner[number]
            return number, data
        self._results[number] = data
        if isinstance(data, worker.Exhausted):
            self._give_task()
        return None

    def _retire(self, chosen: int) -> None:
        """A worker's dataset has ended: it gets no more tasks, and ends unless it persists."""
        w = self._workers[chosen]
        w.active = False
        if not self._persistent_workers:
            w.send(None)

    def _receive(self) -> tuple[int, Any]:
        """The next message of any worker."""
        deadline = time.monotonic() + self._timeout if self._timeout > 0 else None
        while True:
            # Of a worker that has retired nothing comes any more, and it may end at any time.
            waiting = {i for n, i in self._owner.items() if n not in self._results}
            expected = {i for i in waiting if self._workers[i].active}
            links = {self._workers[i].link: self._workers[i] for i in expected}
            sentinels = {self._workers[i].process.sentinel: self._workers[i] for i in expected}
            remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready = connections.wait([*links, *sentinels], remaining)
            if not ready:
                raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
            for item in ready:
                if item in links:
                    try:
                        return transport.receive(item)
                    except (EOFError, ConnectionError):
                        self._raise_death(links[item])
            for item in ready:
                w = sentinels[item]
                if not w.link.poll():
                    self._raise_death(w)

    def _raise_death(self, w: _Worker) -> None:
        w.process.join(MP_STATUS_CHECK_INTERVAL)
        pid, code = w.process.pid, w.process.exitcode
        if code is not None and code < 0:
            name = signal.strsignal(-code)
            text = f"DataLoader worker (pid {pid}) is killed by signal: {name}. "
        else:
            text = (
                f"DataLoader worker (pid {pid}) exited unexpectedly with exit code {code}. "
                "Details are lost due to multiprocessing. Rerunning with num_workers=0 may give "
                "better error trace."
            )
        self._shutdown_workers()
        raise RuntimeError(
            f"DataLoader worker (pid(s) {pid}) exited unexpectedly"
        ) from RuntimeError(text)

    def _shutdown_workers(self) -> None:
        """End the workers: ask them, give them time, then terminate them."""
        if self._closed or self._pid != os.getpid():
            return
        self._closed = True
        for w in self._workers:
            w.send(None)
            w.link.close()
        deadline = time.monotonic() + MP_STATUS_CHECK_INTERVAL
        for w in self._workers:
            w.process.join(max(0.0, deadline - time.monotonic()))
            if w.process.is_alive():
                w.process.terminate()
                w.process.join()

    def __del__(self) -> None:
        if "_closed" in self.__dict__:
            self._shutdown_workers()


_MultiProcessingDataLoaderIter.__module__ = "torch.utils.data.dataloader"
