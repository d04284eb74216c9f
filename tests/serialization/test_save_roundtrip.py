"""What is saved here comes back, with its sharing, its strides and its attributes."""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as torch
from rushlight import serialization
from serialization_objects import OBJECTS, build, describe


def again(value: Any, legacy: bool = False, **options: Any) -> Any:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=not legacy)
    file.seek(0)
    return torch.load(file, **options)


class Box:
    """Anything in attributes."""

    def __init__(self, **named: Any) -> None:
        self.__dict__.update(named)

    class Inner:
        """A class with a dot in its name."""


class Slotted:
    __slots__ = ("x", "y")


class Words(list):
    """A list of the user's."""


class Setter:
    def __getstate__(self) -> Any:
        return {"kept": 1}

    def __setstate__(self, state: Any) -> None:
        self.got = state


def helper() -> None:
    """A function at the top of a module."""


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("weights_only", [False, True])
@pytest.mark.parametrize("name", OBJECTS)
def test_objects(name: str, weights_only: bool, legacy: bool) -> None:
    value = build(torch, name)
    loaded = again(value, legacy, weights_only=weights_only)
    assert describe(torch, loaded) == describe(torch, value)


@pytest.mark.parametrize("legacy", [False, True])
def test_views_share_their_storage_again(legacy: bool) -> None:
    base = torch.arange(6, dtype=torch.float32)
    loaded = again({"base": base, "part": base[2:4], "other": base.detach()}, legacy)
    loaded["base"].fill_(7.0)
    assert loaded["part"].tolist() == [7.0, 7.0]
    assert loaded["other"].tolist() == [7.0] * 6


def test_a_storage_is_written_once() -> None:
    base = torch.zeros(100_000)
    file = io.BytesIO()
    torch.save([base, base[5:], base[::2], base.detach()], file)
    assert file.tell() < 410_000


def test_the_same_object_is_the_same_again() -> None:
    tensor = torch.ones(2)
    names = ["n"]
    first, second, third, fourth = again((tensor, tensor, names, names))
    assert first is second
    assert third is fourth


def test_containers_that_hold_themselves() -> None:
    items: list[Any] = []
    items.append(items)
    loaded = again(items)
    assert loaded[0] is loaded
    table: dict[str, Any] = {}
    table["me"] = (table, 1)
    loaded = again(table)
    assert loaded["me"][0] is loaded
    inner: list[Any] = []
    for pair in ((inner,), (inner, 1, 2, 3)):
        inner.clear()
        inner.append(pair)
        for weights_only in (False, True):
            loaded = again(pair, weights_only=weights_only)
            assert loaded[0][0] is loaded


def test_nesting_without_limit() -> None:
    value: Any = "core"
    for _ in range(20_000):
        value = [value]
    loaded = again(value)
    depth = 0
    while isinstance(loaded, list):
        (loaded,) = loaded
        depth += 1
    assert (depth, loaded) == (20_000, "core")


@pytest.mark.parametrize("count", [999, 1000, 1001, 2000, 2001])
def test_batches_lose_nothing(count: int) -> None:
    assert again(list(range(count))) == list(range(count))
    table = {i: -i for i in range(count)}
    assert again(table) == table
    assert again(OrderedDict(table)) == OrderedDict(table)


def test_numbers_to_the_last_bit() -> None:
    loaded = again([math.nan, -0.0, 5e-324, 2**70, -(2**5000)])
    assert math.isnan(loaded[0])
    assert math.copysign(1.0, loaded[1]) == -1.0
    assert loaded[2:] == [5e-324, 2**70, -(2**5000)]


def test_metadata_of_a_state_dict() -> None:
    state = build(torch, "state_dict")
    assert again(state)._metadata == state._metadata


def test_attributes_of_tensors() -> None:
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.note = "kept"
    loaded = again(parameter)
    assert isinstance(loaded, torch.nn.Parameter)
    assert (loaded.note, loaded.tolist()) == ("kept", [1.0, 1.0])
    tensor = torch.ones(2)
    tensor.note = [1]
    assert again(tensor).note == [1]


def test_a_loaded_tensor_can_be_written() -> None:
    loaded = again(torch.ones(2, 2))
    loaded.fill_(3.0)
    assert loaded.tolist() == [[3.0, 3.0], [3.0, 3.0]]


def test_views_that_pytorch_cannot_have_are_copied() -> None:
    from rushlight._serialize.tensors import stored_view

    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    backward = stored_view(values[::-1])
    assert backward.stride == (4, 1)
    assert backward.memory.view(np.float32).tolist() == values[::-1].ravel().tolist()
    octets = np.zeros(13, np.uint8)
    crooked = stored_view(np.ndarray((3,), np.float32, octets, 1))
    assert (crooked.offset, crooked.memory.nbytes) == (0, 12)
    fortran = stored_view(np.asfortranarray(values))
    assert (fortran.stride, fortran.offset, fortran.memory.nbytes) == ((1, 3), 0, 48)
    expanded = stored_view(np.broadcast_to(values[1:2, 2:3], (2, 5)))
    assert (expanded.stride, expanded.offset, expanded.memory.nbytes) == ((0, 0), 6, 48)


def test_one_memory_under_two_dtypes() -> None:
    values = np.ones(4, np.float32)
    pair = [torch.from_numpy(values), torch.from_numpy(values.view(np.int32))]
    message = "Cannot save multiple tensors or storages that view the same data as different types"
    with pytest.raises(RuntimeError, match=message):
        again(pair)


# other objects


def test_objects_of_the_users_classes() -> None:
    slotted = Slotted()
    slotted.x = 1
    box = Box(a=1, t=torch.ones(2), f=helper, c=Box.Inner, s=slotted, n=type(None), e=...)
    loaded = again(box, weights_only=False)
    assert (type(loaded), loaded.a, loaded.t.tolist()) == (Box, 1, [1.0, 1.0])
    assert (loaded.f, loaded.c, loaded.n, loaded.e) == (helper, Box.Inner, type(None), ...)
    assert loaded.s.x == 1
    assert not hasattr(loaded.s, "y")
    assert again(Words([1, 2]), weights_only=False) == Words([1, 2])
    assert again(Setter(), weights_only=False).got == {"kept": 1}
    assert again(defaultdict(list, {1: [2]}), weights_only=False)[3] == []
    assert again([frozenset([1]), b"", range(3)], weights_only=False) == [
        frozenset([1]),
        b"",
        range(3),
    ]


def test_the_stream_is_one_that_pickle_understands() -> None:
    from rushlight._serialize.storages import StorageTable
    from rushlight._serialize.writer import PickleWriter

    value = [Box(a={1: (2, 3)}), Words("ab"), 2**80, b"x", {1}, math.inf, slice(1, 2), len, "é"]
    loaded = pickle.loads(PickleWriter(StorageTable().store).dump(value))
    assert loaded[0].a == {1: (2, 3)}
    assert loaded[1:] == value[1:]


def test_what_cannot_be_pickled() -> None:
    with pytest.raises(AttributeError, match="Can't pickle local object|Can't get local object"):
        again(lambda: 1)
    with pytest.raises(TypeError, match="cannot pickle"):
        again(i for i in range(3))
    stray = type("Stray", (), {"__module__": __name__})
    with pytest.raises(pickle.PicklingError, match="Can't pickle"):
        again(stray())


def test_numpy_only_when_it_is_allowed() -> None:
    values = {"scalar": np.float64(2.5), "array": np.arange(3)}
    with pytest.raises(pickle.UnpicklingError, match="numpy"):
        again(values)
    core = np._core.multiarray
    allowed = [core.scalar, core._reconstruct, np.ndarray, np.dtype]
    allowed += [type(np.dtype(np.float64)), type(np.dtype(np.int64))]
    with serialization.safe_globals(allowed):
        loaded = again(values)
    assert loaded["scalar"] == 2.5
    assert loaded["array"].tolist() == [0, 1, 2]
    assert again(values, weights_only=False)["array"].tolist() == [0, 1, 2]


# files and settings


def test_paths_and_files(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save([1], path)
    assert torch.load(path) == torch.load(str(path)) == [1]
    with path.open("rb") as file:
        assert torch.load(file) == [1]
    with (tmp_path / "b.pt").open("wb") as file:
        torch.save([2], file)
    assert torch.load(tmp_path / "b.pt") == [2]


def test_several_legacy_objects_in_one_file() -> None:
    file = io.BytesIO()
    for value in ({"a": torch.ones(2)}, [3]):
        torch.save(value, file, _use_new_zipfile_serialization=False)
    file.seek(0)
    assert torch.load(file)["a"].tolist() == [1.0, 1.0]
    assert torch.load(file) == [3]


def test_mapping_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    torch.save({"a": torch.ones(1000), "b": torch.zeros(0)}, path)
    before = path.read_bytes()
    loaded = torch.load(path, mmap=True)
    loaded["a"].fill_(5.0)
    assert loaded["a"].tolist() == [5.0] * 1000
    assert path.read_bytes() == before
    torch.save(loaded, path)  # over the file that is mapped
    assert torch.load(path)["a"].tolist() == [5.0] * 1000
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap argument"):
        torch.load(io.BytesIO(before), mmap=True)
    torch.save([torch.ones(2)], path, _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with"):
        torch.load(path, mmap=True)


def test_mapping_shared(tmp_path: Path) -> None:
    import mmap

    path = tmp_path / "m.pt"
    torch.save(torch.ones(100), path)
    with serialization.set_default_mmap_options(mmap.MAP_SHARED):
        torch.load(path, mmap=True).fill_(5.0)
    assert serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    assert torch.load(path).tolist() == [5.0] * 100
    with pytest.raises(ValueError, match="expected mmap.MAP_PRIVATE or mmap.MAP_SHARED"):
        serialization.set_default_mmap_options(77)


@pytest.mark.parametrize(
    "place",
    [None, "cpu", {"cuda:0": "cpu"}, lambda storage, location: storage, lambda *_: None],
)
def test_map_location(place: Any) -> None:
    assert again(torch.ones(2), map_location=place).tolist() == [1.0, 1.0]
    assert again(torch.ones(2), True, map_location=place).tolist() == [1.0, 1.0]


def test_map_location_gets_the_storage() -> None:
    seen = []

    def place(storage: Any, location: str) -> Any:
        seen.append((location, storage.nbytes(), len(storage), storage.device.type))
        return storage.cpu()

    assert again([torch.ones(2), torch.device("cpu")], map_location=place)[0].tolist() == [1.0, 1.0]
    assert seen == [("cpu", 8, 8, "cpu")]
    device = torch.device("cpu")
    assert again(torch.ones(2), map_location=device).tolist() == [1.0, 1.0]


def test_devices_that_are_not_there() -> None:
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        again(torch.ones(2), map_location="cuda:0")
    with pytest.raises(RuntimeError, match="don't know how to restore data location"):
        again(torch.ones(2), map_location="weird")
    with pytest.raises(NotImplementedError, match="meta"):
        again(torch.ones(2), map_location="meta")
    with pytest.raises(TypeError, match="not callable"):
        again(torch.ones(2), map_location=3)
    with pytest.raises(KeyError, match="cpu"):  # an error of the user's stays what it is
        again(torch.ones(2), map_location=lambda storage, location: {}[location])


def test_settings_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box(a=1)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.warns(UserWarning, match="TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD detected"):
        assert again(box).a == 1
    with pytest.raises(pickle.UnpicklingError):
        again(box, weights_only=True)
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(RuntimeError, match="Only one of"):
        again(box)
    monkeypatch.delenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    with pytest.raises(pickle.UnpicklingError):
        again(box, weights_only=False)


def test_pickle_module() -> None:
    assert again(Box(a=1), pickle_module=pickle).a == 1
    message = "Can not safely load weights when explicit pickle_module is specified"
    with pytest.raises(RuntimeError, match=message):
        again(1, pickle_module=pickle, weights_only=True)
    with pytest.raises(NotImplementedError, match="pickle_module"):
        torch.save(1, io.BytesIO(), pickle_module=math)


def test_text_of_python_2() -> None:
    from serialization_streams import archive

    body = b"U\x02\xc3\xa9"
    assert torch.load(archive(body)) == "é"
    with pytest.warns(UserWarning, match="pickle_load_args only works"):
        assert torch.load(archive(body), encoding="bytes") == b"\xc3\xa9"
    with pytest.warns(UserWarning, match="pickle_load_args only works"):
        assert torch.load(archive(body), encoding="latin1") == "\xc3\xa9"
    assert torch.load(archive(body), encoding="latin1", weights_only=False) == "\xc3\xa9"
    with pytest.raises(TypeError, match="unexpected keyword argument 'foo'"):
        torch.load(archive(body), foo=1)


def test_wrong_files() -> None:
    with pytest.raises(AttributeError, match="expected 'f' to be string, path, or a file-like"):
        torch.save(1, 3)
    with pytest.raises(
        AttributeError, match="You can only torch.load from a file that is seekable"
    ):
        torch.load(3)
    with pytest.raises(FileNotFoundError):
        torch.load("/nonexistent/a.pt")


def test_checksums_can_be_left_out(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "c.pt"
    serialization.set_crc32_options(False)
    try:
        torch.save(torch.ones(3), path)
    finally:
        serialization.set_crc32_options(True)
    with zipfile.ZipFile(path) as file:
        assert {entry.CRC for entry in file.infolist()} == {0}
    assert torch.load(path).tolist() == [1.0, 1.0, 1.0]


def test_bare_storages() -> None:
    from rushlight._serialize.storages import TypedStorage, UntypedStorage

    untyped = UntypedStorage(np.arange(8, dtype=np.uint8))
    first, second = again([untyped, untyped])
    assert (first.tolist(), first) == (list(range(8)), second)
    typed = TypedStorage(UntypedStorage(np.ones(2, np.float32).view(np.uint8)), torch.float32)
    loaded = again(typed)
    assert (loaded.tolist(), loaded.dtype, len(loaded)) == ([1.0, 1.0], torch.float32, 2)
