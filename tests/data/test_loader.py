"""The data loader in one process: order, random numbers, batches, options."""

import numpy as np
import pytest

import rushlight as torch
from rushlight.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    get_worker_info,
    random_split,
)  # fmt: skip


def lists(loader):
    return [b.tolist() for b in loader]


def test_epochs_are_pytorchs():
    torch.manual_seed(0)
    loader = DataLoader(range(10), shuffle=True)
    assert sum(lists(loader), []) == [6, 7, 1, 4, 2, 0, 9, 8, 3, 5]
    assert sum(lists(loader), []) == [2, 4, 7, 0, 8, 9, 5, 3, 6, 1]


def test_samplers_are_pytorchs():
    torch.manual_seed(0)
    list(DataLoader(range(2)))  # draws a seed for workers even without any
    torch.manual_seed(0)
    # The numbers of PyTorch 2.13 from here on, one after another.
    assert list(RandomSampler(range(5), replacement=True, num_samples=10)) == [
        1, 0, 4, 3, 4, 0, 2, 3, 4, 1]  # fmt: skip
    assert list(RandomSampler(range(5), num_samples=12)) == [1, 4, 2, 3, 0, 2, 0, 1, 4, 3, 0, 1]
    assert list(SubsetRandomSampler(range(5))) == [3, 4, 0, 1, 2]
    assert list(WeightedRandomSampler([0.1, 0.5, 0.2], 5)) == [1, 2, 1, 1, 1]
    assert list(WeightedRandomSampler([0.1, 0.5, 0.2], 3, False)) == [2, 1, 0]
    g = torch.Generator().manual_seed(3)
    loader = DataLoader(range(7), shuffle=True, generator=g, batch_size=3)
    assert lists(loader) == [[3, 4, 2], [0, 1, 6], [5]]
    assert lists(loader) == [[6, 1, 2], [3, 4, 0], [5]]
    assert round(torch.rand(1, generator=g).item(), 4) == 0.1213
    assert [part.indices for part in random_split(range(6), [2, 4])] == [[2, 0], [3, 5, 1, 4]]


def test_distributed_sampler():
    assert list(DistributedSampler(range(10), 3, 1)) == [1, 3, 8, 4]
    assert list(DistributedSampler(range(10), 3, 1, shuffle=False)) == [1, 4, 7, 0]
    assert list(DistributedSampler(range(10), 3, 1, drop_last=True, seed=3)) == [0, 8, 9]
    with pytest.raises(ValueError, match="Invalid rank 3"):
        DistributedSampler(range(10), 2, 3)
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        DistributedSampler(range(10))


def test_replacement_is_lazy():
    assert next(iter(RandomSampler(range(5), replacement=True, num_samples=int(1e10)))) in range(5)


class Slow(TensorDataset):
    """A subclass, which must be asked for every sample."""


OPTIONS = [
    {"batch_size": 5},
    {"batch_size": 5, "drop_last": True},
    {"batch_size": 5, "shuffle": True},
    {"batch_size": 4, "shuffle": True, "drop_last": True},
    {"batch_size": 4, "shuffle": True, "own generator": True},
    {"batch_size": 5, "shuffle": True, "own generator": True},
    {"batch_size": 7, "sampler": {"num_samples": 29}},
    {"batch_size": 7, "sampler": {"replacement": True, "num_samples": 70}},
    {"batch_sampler": [[0, 1], [11, -1], []]},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("layout", ["rows", "columns", "subset"])
def test_the_short_way_is_the_long_way(options, layout):
    """Indexing tensors batch by batch gives what fetching sample by sample gives: values, dtypes,
    layout, and the same generator states at every batch."""
    x = torch.arange(24.0).reshape(12, 2)
    if layout == "columns":
        x = x.T.contiguous().T
    tensors = (x, torch.arange(12), (torch.arange(12) > 5), torch.arange(12).to(torch.bfloat16))
    results = []
    for kind in (TensorDataset, Slow):
        if options.get("batch_sampler", [[0]])[-1] == []:
            options = {"batch_sampler": options["batch_sampler"][:-1]}
        dataset = kind(*tensors)
        if layout == "subset":
            dataset = Subset(dataset, [*range(12)][::-1])
        torch.manual_seed(5)
        given = dict(options)
        own = torch.Generator().manual_seed(9)
        if given.pop("own generator", False):
            given["generator"] = own
        if "sampler" in given:
            given["sampler"] = RandomSampler(dataset, **given["sampler"])
        seen = []
        for _ in range(2):
            for batch in DataLoader(dataset, **given):
                assert type(batch) is list
                assert all(t.is_contiguous() for t in batch)
                seen.append([(t.tolist(), t.dtype) for t in batch])
                seen.append([torch.rand(1).item(), torch.rand(1, generator=own).item()])
        results.append(seen)
    assert results[0] == results[1]


def test_batches_are_copies():
    x = torch.zeros(4)
    (batch,) = next(iter(DataLoader(TensorDataset(x), batch_size=4)))
    batch[0] = 1.0
    assert x.tolist() == [0.0] * 4


def test_tensors_that_require_grad_stay_in_the_graph():
    x = torch.ones(4, requires_grad=True)
    for (batch,) in DataLoader(TensorDataset(x), batch_size=2):
        batch.sum().backward()
    assert x.grad.tolist() == [1.0] * 4


def test_wrong_indices_raise_the_datasets_error():
    with pytest.raises(IndexError, match="index 5 is out of bounds for dimension 0 with size 3"):
        list(DataLoader(TensorDataset(torch.arange(3.0)), sampler=[0, 5]))


class Counting(IterableDataset):
    def __iter__(self):
        return iter(range(7))


class CountingWrong(Counting):
    def __len__(self):
        return 3


def test_iterable():
    assert lists(DataLoader(Counting(), batch_size=3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert lists(DataLoader(Counting(), batch_size=3, drop_last=True)) == [[0, 1, 2], [3, 4, 5]]
    assert list(DataLoader(Counting(), batch_size=None)) == list(range(7))
    loader = DataLoader(CountingWrong(), batch_size=2)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="was reported to be 3"):
        list(loader)
    with pytest.raises(TypeError, match="has no len"):
        len(DataLoader(Counting()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": -1}, "num_workers option should be non-negative; use num_workers=0 to "
         "disable multiprocessing."),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor option could only be specified in "
         "multiprocessing.let num_workers > 0 to enable multiprocessing, otherwise set "
         "prefetch_factor to None."),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
        ({"shuffle": True, "sampler": [1]}, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[1]], "batch_size": 3}, "batch_sampler option is mutually exclusive "
         "with batch_size, shuffle, sampler, and drop_last"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching "
         "and is mutually exclusive with drop_last"),
        ({"batch_size": 0}, "batch_size should be a positive integer value, but got batch_size=0"),
        ({"batch_size": 2.0},
         "batch_size should be a positive integer value, but got batch_size=2.0"),
        ({"multiprocessing_context": "fork"}, "multiprocessing_context can only be used with "
         "multi-process loading (num_workers > 0), but got num_workers=0"),
    ],
)  # fmt: skip
def test_option_errors(options, message):
    with pytest.raises(ValueError) as caught:
        DataLoader(range(4), **options)
    assert str(caught.value) == message


def test_iterable_option_errors():
    for name, value in (("shuffle", True), ("sampler", [1]), ("batch_sampler", [[1]])):
        with pytest.raises(ValueError) as caught:
            DataLoader(Counting(), **{name: value})
        assert str(caught.value) == (
            f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
            f"{name}={value}"
        )


def test_attributes_are_fixed():
    loader = DataLoader(range(4))
    for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset"):
        with pytest.raises(ValueError, match="should not be set after DataLoader is initialized"):
            setattr(loader, name, 1)
    loader.collate_fn = len
    assert list(loader) == [1, 1, 1, 1]


def test_pin_memory_warns():
    with pytest.warns(UserWarning, match="'pin_memory' argument is set as true but no accelerator"):
        next(iter(DataLoader(range(2), pin_memory=True)))


def test_collate():
    samples = [{"a": 1, "b": 2.5, "c": "x", "d": b"y", "e": [1, 2]}] * 2
    batch = default_collate(samples)
    assert batch["a"].tolist() == [1, 1]
    assert batch["b"].dtype is torch.float64
    assert (batch["c"], batch["d"]) == (["x", "x"], [b"y", b"y"])
    assert [t.tolist() for t in batch["e"]] == [[1, 1], [2, 2]]
    assert default_collate([True, False]).dtype is torch.bool
    stacked = default_collate([np.ones(2), np.zeros(2)])
    assert (stacked.dtype, stacked.tolist()) == (torch.float64, [[1, 1], [0, 0]])
    assert default_collate([np.float32(1), np.float32(2)]).dtype is torch.float32
    assert default_collate([torch.tensor(1), torch.tensor(2)]).tolist() == [1, 2]
    message = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists"
    for wrong in (None, 1j, object()):
        with pytest.raises(TypeError, match=message):
            default_collate([wrong])
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal size"):
        default_collate([[1, 2], [1]])
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        default_collate([torch.ones(2), torch.ones(3)])
    assert default_convert([1, {"a": 2.0}]) == [1, {"a": 2.0}]
    assert default_convert(np.ones(1)).tolist() == [1.0]


def test_datasets():
    data = TensorDataset(torch.arange(4.0))
    assert data[2][0].item() == 2.0
    assert data[[1, 2]][0].tolist() == [1.0, 2.0]
    both = data + data
    assert (type(both), len(both), both[-1][0].item()) == (ConcatDataset, 8, 3.0)
    with pytest.raises(ValueError, match="absolute value of index should not exceed"):
        both[-9]
    assert StackDataset(a=[1, 2], b=[3, 4])[1] == {"a": 2, "b": 4}
    assert StackDataset([1, 2, 3, 4], data).__getitems__([0, 1])[1][0] == 2
    assert list(ChainDataset([Counting(), Counting()])) == [*range(7), *range(7)]
    assert [len(part) for part in random_split(range(10), [0.33, 0.33, 0.34])] == [4, 3, 3]
    with pytest.raises(ValueError, match="Sum of input lengths does not equal"):
        random_split(range(10), [3, 8])
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        TensorDataset(torch.zeros(3), torch.zeros(2))
    with pytest.raises(NotImplementedError, match="Subclasses of Dataset should implement"):
        Dataset()[0]
    assert repr(Dataset[int]) == "torch.utils.data.dataset.Dataset[int]"
    with pytest.raises(NotImplementedError):
        iter(Sampler())
    assert get_worker_info() is None


def test_batch_sampler():
    assert list(BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert (len(BatchSampler(range(5), 2, False)), len(BatchSampler(range(5), 2, True))) == (3, 2)
    with pytest.raises(ValueError, match="batch_size should be a positive integer value"):
        BatchSampler(range(5), True, False)
