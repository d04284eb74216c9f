"""The data loader with worker processes."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import rushlight as torch
from rushlight.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    TensorDataset,
    get_worker_info,
)  # fmt: skip

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="lambdas need forked workers"
)


class Fails(Dataset):
    def __init__(self, fail):
        self.fail = fail

    def __len__(self):
        return 4

    def __getitem__(self, index):
        if index == 2:
            return self.fail()
        return index


def boom():
    raise ValueError("boom")


def missing():
    raise KeyError("key")


class Sharded(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        return iter(range(info.id, 7, info.num_workers))


def lists(loader):
    return [b.tolist() for b in loader]


@pytest.mark.parametrize("workers", [1, 2])
def test_order_and_random_numbers(workers):
    torch.manual_seed(0)
    loader = DataLoader(range(10), shuffle=True, num_workers=workers)
    assert sum(lists(loader), []) == [6, 7, 1, 4, 2, 0, 9, 8, 3, 5]
    assert sum(lists(loader), []) == [2, 4, 7, 0, 8, 9, 5, 3, 6, 1]


def test_workers_are_seeded():
    def collate(batch):
        info = get_worker_info()
        return (
            repr(info), info.seed, torch.initial_seed(), random.random(), np.random.rand(),
            torch.rand(1).item(),
        )  # fmt: skip

    torch.manual_seed(0)
    rows = list(DataLoader(range(2), num_workers=2, collate_fn=collate))
    seed = 900450186894289455
    for number, row in enumerate(rows):
        assert row[0] == (
            f"WorkerInfo(id={number}, num_workers=2, seed={seed + number}, dataset=range(0, 2), "
            "rng=None, worker_method='multiprocessing')"
        )
        sequence = np.random.SeedSequence([number, seed & 0xFFFFFFFF, seed >> 32])
        assert row[1:] == (
            seed + number, seed + number, random.Random(seed + number).random(),
            np.random.RandomState(sequence.generate_state(4)).rand(),
            torch.rand(1, generator=torch.Generator().manual_seed(seed + number)).item(),
        )  # fmt: skip


def test_errors_come_back_with_their_traceback():
    with pytest.raises(ValueError) as caught:
        list(DataLoader(Fails(boom), num_workers=1))
    text = str(caught.value)
    assert text.startswith(
        "Caught ValueError in DataLoader worker process 0.\n"
        "Original Traceback (most recent call last):\n"
    )
    assert 'raise ValueError("boom")' in text
    assert text.endswith("ValueError: boom\n")
    with pytest.raises(KeyError) as caught:
        list(DataLoader(Fails(missing), num_workers=1))
    assert "\nOriginal Traceback" in str(caught.value)
    with pytest.raises(ZeroDivisionError, match="Caught ZeroDivisionError"):
        list(DataLoader(range(2), num_workers=1, worker_init_fn=lambda number: 1 / 0))
    with pytest.raises(Exception, match="in DataLoader worker process 0"):
        list(DataLoader(Fails(lambda: lambda: 0), num_workers=1, collate_fn=lambda b: b[0]))


def test_loading_goes_on_after_an_error():
    iterator = iter(DataLoader(Fails(boom), num_workers=1))
    assert [next(iterator).item(), next(iterator).item()] == [0, 1]
    with pytest.raises(ValueError, match="boom"):
        next(iterator)
    assert next(iterator).item() == 3


@pytest.mark.parametrize(
    ("fail", "cause"),
    [(lambda: os._exit(3), "exited unexpectedly with exit code 3"),
     (lambda: os.kill(os.getpid(), signal.SIGKILL), "is killed by signal: Killed")],
)  # fmt: skip
def test_death_is_noticed(fail, cause):
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid\(s\) .*") as caught:
        list(DataLoader(Fails(fail), num_workers=2))
    assert "exited unexpectedly" in str(caught.value)
    assert cause in str(caught.value.__cause__)


def test_timeout():
    loader = DataLoader(Fails(lambda: time.sleep(30)), num_workers=1, timeout=0.2)
    iterator = iter(loader)
    next(iterator), next(iterator)
    with pytest.raises(RuntimeError, match="DataLoader timed out after 0.2 seconds"):
        next(iterator)
    for w in iterator._workers:
        w.process.kill()


def test_iterable_datasets_are_shared_out():
    loader = DataLoader(Sharded(), num_workers=2, batch_size=2)
    assert lists(loader) == [[0, 2], [1, 3], [4, 6], [5]]
    loader = DataLoader(Sharded(), num_workers=2, batch_size=2, in_order=False)
    assert sorted(lists(loader)) == [[0, 2], [1, 3], [4, 6], [5]]


def test_persistent_workers():
    loader = DataLoader(range(6), num_workers=2, persistent_workers=True, batch_size=2)
    first = lists(loader)
    iterator = loader._iterator
    pids = [w.process.pid for w in iterator._workers]
    assert first == [[0, 1], [2, 3], [4, 5]]
    for early in range(4):  # epochs that are left early, at once and when all has come
        iterator = iter(loader)
        for _ in range(early):
            next(iterator)
        time.sleep(0.05 * (early % 2))
        assert lists(loader) == first
    assert loader._iterator is iterator
    assert [w.process.pid for w in iterator._workers] == pids
    sharded = DataLoader(Sharded(), num_workers=2, persistent_workers=True, batch_size=4)
    for _ in range(3):
        next(iter(sharded))
        assert lists(sharded) == [[0, 2, 4, 6], [1, 3, 5]]


class Uneven(IterableDataset):
    """The first worker's part ends while the second one still works on its own."""

    def __iter__(self):
        number = get_worker_info().id
        for i in range(5 if number else 1):
            if number:
                time.sleep(0.1)
            yield 10 * number + i


@pytest.mark.parametrize("in_order", [True, False])
def test_worker_that_has_ended_is_no_failure(in_order):
    loader = DataLoader(Uneven(), None, num_workers=2, prefetch_factor=3, in_order=in_order)
    assert sorted(loader) == [0, 10, 11, 12, 13, 14]


def test_workers_end_with_the_iterator():
    iterator = iter(DataLoader(range(100), num_workers=2))
    next(iterator)
    processes = [w.process for w in iterator._workers]
    del iterator
    assert not any(process.is_alive() for process in processes)


@pytest.mark.parametrize("size", [10, 300_000])
def test_large_batches_and_index_lists(size):
    """More than a pipe holds in both directions."""
    data = TensorDataset(torch.arange(size), torch.zeros(size, 2))
    loader = DataLoader(data, batch_size=size // 2, num_workers=2, shuffle=True)
    seen = sorted(i for ids, _ in loader for i in ids.tolist())
    assert seen == list(range(size))
    ids, zeros = next(iter(loader))
    zeros += 1  # the memory is ours to write to
    assert zeros.sum().item() == size


def test_tensors_in_a_graph_do_not_travel():
    def collate(batch):
        return torch.ones(1, requires_grad=True) * 2

    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor"):
        list(DataLoader(range(1), num_workers=1, collate_fn=collate))
    loader = DataLoader(
        range(1), num_workers=1, collate_fn=lambda b: torch.ones(1, requires_grad=True)
    )
    leaf = next(iter(loader))
    assert leaf.requires_grad


def test_too_many_workers_warn():
    with pytest.warns(UserWarning, match="This DataLoader will create 1000 worker processes"):
        DataLoader(range(2), num_workers=1000)


def test_bad_contexts():
    with pytest.raises(ValueError, match="should specify a valid start method in"):
        DataLoader(range(2), num_workers=1, multiprocessing_context="bad")
    with pytest.raises(TypeError, match="should be a valid context object or a string"):
        DataLoader(range(2), num_workers=1, multiprocessing_context=3)


SPAWNED = """
import rushlight as torch
from rushlight.utils.data import DataLoader, Subset, TensorDataset

if __name__ == "__main__":
    data = Subset(TensorDataset(torch.arange(6.0), torch.arange(6)), [5, 4, 3])
    for _ in range(2):
        loader = DataLoader(data, batch_size=2, num_workers=1, multiprocessing_context="spawn")
        print([[t.tolist() for t in batch] for batch in loader])
"""


def _run(tmp_path, text, **options):
    script = tmp_path / "script.py"
    script.write_text(text)
    return subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, **options,
    )  # fmt: skip


def test_spawn(tmp_path):
    child = _run(tmp_path, SPAWNED)
    out, errors = child.communicate(timeout=120)
    line = "[[[5.0, 4.0], [5, 4]], [[3.0], [3]]]\n"
    assert (out, errors) == (2 * line, "")


INTERRUPTED = """
import time
import rushlight as torch
from rushlight.utils.data import DataLoader

class Slow:
    def __len__(self):
        return 100
    def __getitem__(self, i):
        time.sleep(0.05)
        return i

iterator = iter(DataLoader(Slow(), num_workers=2))
print(*[w.process.pid for w in iterator._workers], flush=True)
for batch in iterator:
    pass
"""


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("how", ["interrupt", "kill"])
def test_no_worker_is_left(how, tmp_path):
    """Ctrl-C goes to the whole group; a killed parent cannot tell its workers anything."""
    child = _run(tmp_path, INTERRUPTED, start_new_session=True)
    pids = [int(pid) for pid in child.stdout.readline().split()]
    assert len(pids) == 2
    time.sleep(0.2)
    if how == "interrupt":
        os.killpg(child.pid, signal.SIGINT)
    else:
        child.kill()
    _, errors = child.communicate(timeout=60)
    if how == "interrupt":
        assert errors.count("KeyboardInterrupt") == 1
        assert errors.count("Traceback") == 1
    deadline = time.monotonic() + 30
    while any(map(_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_alive, pids))
