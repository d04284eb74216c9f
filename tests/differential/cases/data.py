"""torch.utils.data: datasets, samplers, the order and shape of what a DataLoader yields."""

from __future__ import annotations

KIND = "exact"


def parts(torch):
    import importlib

    return importlib.import_module("torch.utils.data")


def dataset(torch, n=10):
    data = parts(torch)
    return data.TensorDataset(torch.arange(n * 2.0).reshape(n, 2), torch.arange(n))


def case_plain(torch):
    return list(parts(torch).DataLoader(dataset(torch), batch_size=4))


def case_drop_last(torch):
    loader = parts(torch).DataLoader(dataset(torch), batch_size=4, drop_last=True)
    return len(loader), list(loader)


def case_shuffle(torch):
    torch.manual_seed(3)
    loader = parts(torch).DataLoader(dataset(torch), batch_size=3, shuffle=True)
    orders = [[b[1] for b in loader] for _ in range(3)]
    return orders, torch.rand(2)


def case_shuffle_large(torch):
    torch.manual_seed(1)
    loader = parts(torch).DataLoader(list(range(1797)), batch_size=64, shuffle=True)
    return list(loader)[:3], len(loader), torch.rand(1)


def case_generator(torch):
    g = torch.Generator().manual_seed(5)
    loader = parts(torch).DataLoader(dataset(torch), batch_size=5, shuffle=True, generator=g)
    return [b[1] for b in loader], [b[1] for b in loader], g.get_state()[:40], torch.rand(2)


def case_iter_consumes_the_stream(torch):
    torch.manual_seed(0)
    loader = parts(torch).DataLoader(dataset(torch), batch_size=5)
    iter(loader)
    first = torch.rand(1)
    for _ in loader:
        torch.rand(1)
    return first, torch.rand(1)


def case_samplers(torch):
    data = parts(torch)
    d = dataset(torch)
    weighted = data.WeightedRandomSampler([0.1, 0.2, 0.7], 8)
    return [list(data.SequentialSampler(d)), list(data.RandomSampler(d)),
            list(data.RandomSampler(d, replacement=True, num_samples=15)), list(weighted),
            list(data.RandomSampler(d, num_samples=25)), list(data.SubsetRandomSampler([1, 5, 7])),
            list(data.BatchSampler(data.SequentialSampler(d), 3, False)),
            torch.rand(1)]  # fmt: skip


def case_sampler_argument(torch):
    data = parts(torch)
    d = dataset(torch)
    loader = data.DataLoader(d, batch_size=3, sampler=data.RandomSampler(d))
    batches = data.DataLoader(d, batch_sampler=[[0, 1], [5]])
    return [b[1] for b in loader], list(batches), torch.rand(1)


def case_collate(torch):
    data = parts(torch)
    samples = [
        (1, 2.5, "x", torch.ones(2)),
        (3, 4.5, "y", torch.zeros(2)),
    ]
    import numpy as np

    return [list(data.DataLoader(samples, batch_size=2)),
            data.default_collate([{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}]),
            data.default_collate([np.ones(2), np.zeros(2)]), data.default_collate([True, False]),
            data.default_collate([1.0, 2.0]), data.default_collate([np.float32(1), np.float32(2)]),
            list(data.DataLoader([1, 2, 3], batch_size=2, collate_fn=list)),
            list(data.DataLoader([1, 2, 3], batch_size=None))]  # fmt: skip


def case_collate_errors(torch):
    data = parts(torch)
    out = []
    for bad in ([object(), object()], [torch.ones(2), torch.ones(3)], [[1], [1, 2]], [None, None]):
        try:
            out.append(data.default_collate(bad))
        except Exception as error:
            out.append((type(error).__name__, str(error).splitlines()[0].split(" at 0x")[0]))
    return out


def case_datasets(torch):
    data = parts(torch)
    d = dataset(torch)
    split = data.random_split(d, [6, 4])
    fractions = data.random_split(d, [0.75, 0.25], generator=torch.Generator().manual_seed(1))
    joined = data.ConcatDataset([d, dataset(torch, 3)])
    return [len(d), d[3], d[2:5], [list(s.indices) for s in split], [len(s) for s in split],
            [list(s.indices) for s in fractions], len(joined), joined[11], joined[-1],
            data.Subset(d, [4, 2])[1], len(d + d), split[0][0]]  # fmt: skip


def case_custom_dataset(torch):
    data = parts(torch)

    class Squares(data.Dataset):
        def __len__(self):
            return 7

        def __getitem__(self, n):
            return torch.tensor(float(n)), n * n

    class Stream(data.IterableDataset):
        def __iter__(self):
            return iter(range(5))

    return [list(data.DataLoader(Squares(), batch_size=3)),
            list(data.DataLoader(Stream(), batch_size=2)),
            len(data.DataLoader(Squares(), batch_size=3))]


def case_epochs_with_dropout(torch):
    """Batches and masks come from one stream, so their order matters."""
    torch.manual_seed(11)
    loader = parts(torch).DataLoader(dataset(torch), batch_size=4, shuffle=True)
    drop = torch.nn.Dropout(0.5)
    out = []
    for _ in range(2):
        for x, y in loader:
            out.append((drop(x), y))
    return out


def case_attributes(torch):
    loader = parts(torch).DataLoader(dataset(torch), batch_size=4, shuffle=True)
    return [loader.batch_size, loader.drop_last, loader.num_workers, len(loader), loader.pin_memory,
            type(loader.sampler).__name__, type(loader.batch_sampler).__name__, len(loader.dataset)]


def case_get_worker_info(torch):
    return parts(torch).get_worker_info()
