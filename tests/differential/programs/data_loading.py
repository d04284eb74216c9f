"""Datasets, samplers, workers, collation and their errors."""

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    get_worker_info,
    random_split,
)

torch.manual_seed(0)


class Sq(Dataset):
    def __init__(s, n, transform=None):
        s.n = n
        s.t = transform

    def __len__(s):
        return s.n

    def __getitem__(s, i):
        x = {
            "x": np.float32(i) * np.ones(2, dtype=np.float32),
            "y": i % 3,
            "name": f"n{i}",
            "z": torch.tensor(i * 0.5),
        }
        return s.t(x) if s.t else x


class It(IterableDataset):
    def __init__(s, a, b):
        s.a = a
        s.b = b

    def __iter__(s):
        w = get_worker_info()
        if w is None:
            return iter(range(s.a, s.b))
        per = (s.b - s.a + w.num_workers - 1) // w.num_workers
        lo = s.a + w.id * per
        return iter(range(lo, min(lo + per, s.b)))


def wif(i):
    np.random.seed(i)


def main():
    d = Sq(10)
    for b in DataLoader(d, 4):
        print(b)
    tr, va, te = random_split(d, [6, 2, 2], generator=torch.Generator().manual_seed(42))
    print(tr.indices, va.indices, te.indices, len(tr))
    a, b = random_split(range(10), [0.35, 0.65])
    print(list(a), list(b))
    try:
        random_split(d, [3, 3])
    except ValueError as e:
        print(e)
    for b in DataLoader(tr, 3, shuffle=True, drop_last=True):
        print(b["y"], b["name"])
    w = [0.1, 0.9, 0.4, 0.7, 3.0, 0.6]
    print(
        list(WeightedRandomSampler(w, 5, replacement=True)),
        list(WeightedRandomSampler(w, 4, replacement=False)),
    )
    for b in DataLoader(d, sampler=WeightedRandomSampler(torch.ones(10), 6), batch_size=3):
        print(b["z"])
    print(
        list(BatchSampler(SequentialSampler(range(10)), 3, False)),
        list(RandomSampler(range(5), replacement=True, num_samples=7)),
        list(SubsetRandomSampler([1, 5, 7])),
    )
    for b in DataLoader(d, batch_sampler=BatchSampler(RandomSampler(d), 4, True), num_workers=0):
        print(b["y"])
    for b in DataLoader(d, 5, num_workers=2, worker_init_fn=wif):
        print(b["x"].sum(), b["name"])
    print(
        sorted(

                x.item()
                for x in DataLoader(
                    It(3, 11), batch_size=None, num_workers=0, collate_fn=torch.tensor
                )

        )
    )
    print([x.tolist() for x in DataLoader(It(3, 11), num_workers=2, batch_size=2)])
    dl = DataLoader(
        ConcatDataset([TensorDataset(torch.arange(3)), TensorDataset(torch.arange(10, 12))]), 2
    )
    print(len(dl), [x for x in dl])
    print([x for x in DataLoader(ChainDataset([It(0, 2), It(5, 7)]), batch_size=3)])
    print(
        [x for x in DataLoader([(1, 2.0), (3, 4.0)], 2)],
        [x for x in DataLoader(np.arange(6).reshape(3, 2), 2)],
        [x for x in DataLoader(torch.eye(2))],
    )
    g = torch.Generator()
    g.manual_seed(7)
    l = DataLoader(list(range(8)), 3, shuffle=True, generator=g)
    print([x for x in l])
    print([x for x in l])
    print(
        [
            x
            for x in DataLoader(
                list(range(8)), 3, shuffle=True, collate_fn=lambda b: (torch.tensor(b), len(b))
            )
        ]
    )

    class Err(Dataset):
        def __len__(s):
            return 4

        def __getitem__(s, i):
            raise IndexError(f"bad {i}")

    try:
        list(DataLoader(Err()))
    except Exception as e:
        print(type(e).__name__, e)
    try:
        list(DataLoader(Err(), num_workers=1))
    except Exception as e:
        print(type(e).__name__, str(e).splitlines()[0], str(e).splitlines()[-1])
    try:
        list(DataLoader([torch.ones(2), torch.ones(3)], 2))
    except Exception as e:
        print(type(e).__name__, e)
    try:
        list(DataLoader([{1}, {2}], 2))
    except Exception as e:
        print(type(e).__name__, e)
    try:
        DataLoader(d, shuffle=True, sampler=RandomSampler(d))
    except Exception as e:
        print(type(e).__name__, e)
    try:
        DataLoader(d, num_workers=-1)
    except Exception as e:
        print(type(e).__name__, e)
    try:
        DataLoader(d, batch_size=0)
    except Exception as e:
        print(type(e).__name__, e)
    l = DataLoader(d, 4, num_workers=2, persistent_workers=True, prefetch_factor=2, shuffle=True)
    for ep in range(2):
        print([b["y"].tolist() for b in l])
    i = iter(DataLoader(d, 4))
    print(next(i)["y"], len(i))
    print(type(l.dataset), l.batch_size, type(l.sampler).__name__, l.num_workers, l.drop_last)
    print(default_collate([(torch.ones(2), 1), (torch.zeros(2), 2)]), default_convert(np.ones(2)))
    x, y = TensorDataset(torch.arange(4).view(2, 2), torch.tensor([5, 6]))[1]
    print(x, y, Subset(d, [3, 1])[0]["name"], len(d))
    print(torch.initial_seed(), torch.randint(0, 100, (3,)))


if __name__ == "__main__":
    main()
