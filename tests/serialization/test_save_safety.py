"""The reader runs no code and reaches outside no storage, whatever a file says."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import pytest

import rushlight as torch
from rushlight import serialization
from serialization_streams import archive, storage, tensor, text

ZEROS = {"0": bytes(24)}
FAILED = "^Weights only load failed"


class Plain:
    """A class of the user's."""

    def __init__(self) -> None:
        self.value = 1


class Evil:
    """Runs a command when it is unpickled by Python."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


def saved(value: Any) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return file


# names


def test_a_command_is_not_run(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    body = pickle.dumps(Evil(f"touch {witness}"), 2)[2:-1]
    with pytest.raises(pickle.UnpicklingError, match="whose module posix is blocked|nt is blocked"):
        torch.load(archive(body))
    assert not witness.exists()
    torch.load(archive(body), weights_only=False)  # the file is as evil as it seems
    assert witness.exists()


@pytest.mark.parametrize(
    "name",
    [
        "builtins eval", "builtins exec", "builtins getattr", "__builtin__ eval",
        "subprocess Popen", "importlib import_module", "torch hub.load",
        "torch serialization.os.system", "rushlight serialization", "collections defaultdict",
        "numpy ndarray", "functools partial", "torch._utils _rebuild_tensor_v9",
        "torch.storage _load_from_bytes", "builtins bytes",
    ],
)  # fmt: skip
def test_other_names_are_refused(name: str) -> None:
    module, attribute = name.split(" ")
    with pytest.raises(pickle.UnpicklingError, match=FAILED) as caught:
        torch.load(archive(f"c{module}\n{attribute}\n".encode()))
    shown = f"{module}.{attribute}".replace("__builtin__.", "").replace("builtins.", "")
    assert f"Unsupported global: GLOBAL {shown} was not an allowed global by default." in str(
        caught.value
    )


def test_refusal_imports_nothing() -> None:
    import sys

    with pytest.raises(pickle.UnpicklingError):
        torch.load(archive(b"cantigravity\nfly\n"))
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("module", ["os", "posix", "nt", "sys"])
def test_blocked_modules_stay_blocked(module: str) -> None:
    serialization.add_safe_globals([(print, f"{module}.exit")])
    with pytest.raises(pickle.UnpicklingError, match=f"whose module {module} is blocked"):
        torch.load(archive(f"c{module}\nexit\n)R".encode()))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"K\x01)R", "Trying to call reduce for unrecognized function 1"),
        (b"ctorch\nTensor\nK\x02\x85R", "Trying to call reduce for unrecognized function"),
        (b"ctorch\nTensor\n)\x81", "Trying to call new object for unrecognized class"),
        (b"K\x01}b", "Can only build Tensor, Parameter, OrderedDict or types allowlisted"),
        (b"]}b", "Can only build Tensor, Parameter, OrderedDict or types allowlisted"),
        (b")K\x01a", "Can only append to lists"),
        (b")(K\x01e", "Can only extend lists"),
        (b"]K\x00K\x01s", "Can only SETITEM for dict"),
        (b"K\x01Q", "saved_id must be a tuple"),
        (b"(X\x03\0\0\0abctQ", "Only persistent_load of storage is allowed"),
        (b"(ios\nsystem\n", "Unsupported operand 105"),
        (b"\xff", "Unsupported operand 255"),
        (b"\x93", "Unsupported operand 147"),
        (b"\x82\x01", "Unsupported operand 130"),
        (b"h\x05", "Memo value not found at index 5"),
        (b"R", "pop from empty list"),
        (b"}]K\x01s", "unhashable type"),
        (b"cbuiltins\nbytearray\n\x8a\x06\0\0\0\0\0\x01\x85R", "bytearray takes bytes"),
        (b"c_codecs\nencode\n" + text("a") + text("rot13") + b"\x86R", "a plain encoding"),
        (b"cbuiltins\nset\n" + text("a") + b"\x85R", "set takes a list"),
        (b"\x8b\xff\xff\xff\xff", "negative length"),
    ],
)
def test_misuse_of_the_opcodes(body: bytes, message: str) -> None:
    with pytest.raises(pickle.UnpicklingError, match=FAILED) as caught:
        torch.load(archive(body))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"", b"X\xff\xff\xff\x7fa", b"\x8b\xff\xff\xff\x7f", b"ctorch", b"("]
)
def test_a_stream_that_ends_early(body: bytes) -> None:
    with pytest.raises((EOFError, pickle.UnpicklingError)):
        torch.load(archive(body))


def test_keys_that_would_overflow_the_stack() -> None:
    deep = b"}" + b")" + b"\x85" * 1_000_000 + b"K\x01s"
    with pytest.raises(pickle.UnpicklingError, match="nested too deeply"):
        torch.load(archive(deep))
    bomb = b"}" + b"K\x01" + b"q\x00h\x00\x86" * 60 + b"K\x01s"
    with pytest.raises(pickle.UnpicklingError, match="too large"):
        torch.load(archive(bomb))


def test_a_message_does_not_print_a_bomb() -> None:
    bomb = b"]" + b"q\x000]h\x00ah\x00a" * 60 + b")R"
    with pytest.raises(pickle.UnpicklingError, match="unrecognized function a value of type list"):
        torch.load(archive(bomb))


def test_state_cannot_replace_methods() -> None:
    body = b"ccollections\nOrderedDict\n)R}(" + text("items") + b"K\x01" + text("mine") + b"K\x02ub"
    loaded = torch.load(archive(body))
    assert callable(loaded.items)
    assert loaded.mine == 2


# the user's allow-list


def test_safe_globals_let_a_class_in() -> None:
    with pytest.raises(pickle.UnpicklingError, match="Plain was not an allowed global by default"):
        torch.load(saved(Plain()))
    with serialization.safe_globals([Plain]):
        assert serialization.get_safe_globals() == [Plain]
        assert torch.load(saved(Plain())).value == 1
    assert serialization.get_safe_globals() == []
    serialization.add_safe_globals([(Plain, f"{Plain.__module__}.Plain")])
    assert torch.load(saved(Plain())).value == 1
    serialization.clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError):
        torch.load(saved(Plain()))


def test_unsafe_globals_are_listed() -> None:
    file = saved([Plain(), defaultdict(int), OrderedDict(), torch.ones(2)])
    expected = ["builtins.int", "collections.defaultdict", f"{Plain.__module__}.Plain"]
    assert serialization.get_unsafe_globals_in_checkpoint(file) == sorted(expected)
    file.seek(0)
    with serialization.safe_globals([Plain, defaultdict]):
        assert serialization.get_unsafe_globals_in_checkpoint(file) == ["builtins.int"]
    with pytest.raises(ValueError, match="checkpoint returned by torch.save"):
        serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(b"text"))


# tensors


@pytest.mark.parametrize(
    ("size", "stride", "offset", "message"),
    [
        ((2, 4), (4, 1), 0, "Trying to resize storage that is not resizable"),
        ((2, 3), (1000, 1), 0, "Trying to resize storage that is not resizable"),
        ((2, 3), (3, 1), 1, "Trying to resize storage that is not resizable"),
        ((1,), (1,), 6, "Trying to resize storage that is not resizable"),
        ((), (), 6, "Trying to resize storage that is not resizable"),
        ((2, 3), (-3, 1), 3, "Storage size calculation overflowed"),
        ((2,), (2**62,), 0, "Storage size calculation overflowed"),
        ((2, 3), (3, 1), -1, "invalid storage offset -1"),
        ((2, 3), (3, 1), 2**80, "invalid storage offset"),
        ((-2, 3), (3, 1), 0, "integer multiplication overflow"),
        ((2**70,), (0,), 0, "integer multiplication overflow"),
        ((2**40, 2**40), (0, 0), 0, "integer multiplication overflow"),
        ((2, 3), (3,), 0, "unequal size length (2) and stride length (1)"),
        ((1,) * 100, (1,) * 100, 0, "cannot be built"),
    ],
)
def test_views_outside_the_storage(
    size: tuple[int, ...], stride: tuple[int, ...], offset: int, message: str
) -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.load(archive(tensor(size, stride, offset), ZEROS))
    assert message in str(caught.value)


def test_the_same_view_inside_the_storage() -> None:
    values = struct.pack("<6f", *range(6))
    loaded = torch.load(archive(tensor((2, 2), (3, 1), 1), {"0": values}))
    assert loaded.tolist() == [[1.0, 2.0], [4.0, 5.0]]
    assert torch.load(archive(tensor((0, 3), (3, 1), 50), ZEROS)).tolist() == []


@pytest.mark.parametrize("numel", [5, 7, 2**40, -1, 2**70, 10**200])
def test_a_storage_of_another_size(numel: int) -> None:
    with pytest.raises(RuntimeError, match="does not match expected size|impossible"):
        torch.load(archive(tensor((1,), (1,), 0, storage(numel=numel)), ZEROS))


def test_a_storage_that_is_missing() -> None:
    with pytest.raises(RuntimeError, match="failed locating file data/0: file not found"):
        torch.load(archive(tensor((1,), (1,))))


def test_bytes_that_are_no_booleans_become_true() -> None:
    body = tensor((4,), (1,), 0, storage("BoolStorage", numel=4))
    loaded = torch.load(archive(body, {"0": b"\x00\x01\x02\xff"}))
    assert bytes(loaded.numpy().view("u1")) == b"\x00\x01\x01\x01"


@pytest.mark.parametrize("kind", ["QInt8Storage", "QUInt4x2Storage"])
def test_dtypes_that_do_not_exist_here(kind: str) -> None:
    with pytest.raises(NotImplementedError, match="not supported"):
        torch.load(archive(tensor((1,), (1,), 0, storage(kind, numel=24)), ZEROS))


def test_builders_that_do_not_exist_here() -> None:
    with pytest.raises(NotImplementedError, match="_rebuild_sparse_tensor"):
        torch.load(archive(b"ctorch._utils\n_rebuild_sparse_tensor\n)R"))


def test_conjugated_tensors_of_pytorch() -> None:
    values = struct.pack("<2f", 1.0, 2.0)
    tail = b"\x89ccollections\nOrderedDict\n)R}" + text("conj") + b"\x88s"
    body = tensor((1,), (1,), 0, storage("ComplexFloatStorage", numel=1), tail)
    assert torch.load(archive(body, {"0": values})).tolist() == [1 - 2j]


# archives


def test_bombs_are_not_unpacked() -> None:
    small = archive(tensor((1,), (1,)), ZEROS, zipfile.ZIP_DEFLATED)
    assert torch.load(small).tolist() == [0.0]
    body = tensor((1,), (1,), 0, storage(numel=2**29))
    raw = bytearray(archive(body, ZEROS, zipfile.ZIP_DEFLATED).getvalue())
    entry = raw.rindex(b"archive/data/0") - 46  # its line in the directory
    raw[entry + 24 : entry + 28] = struct.pack("<I", 2**31)
    with pytest.raises(RuntimeError, match="its size is impossible"):
        torch.load(io.BytesIO(bytes(raw)))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(method: int) -> None:
    with pytest.raises(RuntimeError, match="compressed by an unknown method"):
        torch.load(archive(tensor((1,), (1,)), ZEROS, method))


@pytest.mark.parametrize(
    ("extra", "error", "message"),
    [
        ({"version": None}, RuntimeError, 'Expected hasRecord."version". to be true'),
        ({"version": b"99\n"}, RuntimeError, "Attempted to read a PyTorch file with version 99"),
        ({"version": b"x\n"}, RuntimeError, "Couldn't parse the version"),
        ({"byteorder": b"weird"}, ValueError, "Unknown endianness type: weird"),
        ({"constants.pkl": b"x"}, RuntimeError, "TorchScript archives"),
    ],
)
def test_records_that_make_no_sense(extra: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        torch.load(archive(b"K\x01", None, zipfile.ZIP_STORED, **extra))


def test_the_other_byte_order() -> None:
    values = {"0": struct.pack(">6f", *range(6))}
    file = archive(tensor((6,), (1,)), values, byteorder=b"big")
    assert torch.load(file).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    file = archive(tensor((6,), (1,)), values, byteorder=None)
    serialization.set_default_load_endianness(serialization.LoadEndianness.BIG)
    try:
        assert torch.load(file).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    finally:
        serialization.set_default_load_endianness(None)
    halves = {"0": struct.pack(">3H", 0x3F80, 0x4000, 0x4040)}
    body = tensor((3,), (1,), 0, storage("BFloat16Storage", numel=3))
    file = archive(body, halves, byteorder=b"big")
    assert torch.equal(torch.load(file), torch.tensor([1.0, 2.0, 3.0], dtype=torch.bfloat16))


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", EOFError, "Ran out of input"),
        (b"hello world this is not a file at all", pickle.UnpicklingError, FAILED),
        (b"PK\x03", pickle.UnpicklingError, "Unsupported operand 80"),
        (b"PK\x03\x04", RuntimeError, "PytorchStreamReader failed reading zip archive"),
        (pickle.dumps({"a": 1}, 2), RuntimeError, "Invalid magic number; corrupt file"),
        (pickle.dumps(0x1950A86A20F9469CFC6C, 2), EOFError, "Ran out of input"),
    ],
)
def test_files_that_are_none(data: bytes, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        torch.load(io.BytesIO(data))


def test_legacy_storages_take_no_memory_that_the_file_does_not_have() -> None:
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    head += pickle.dumps({"little_endian": True}, 2)
    huge = storage(numel=2**60)[:-2] + b"NtQ"
    body = b"\x80\x02" + tensor((1,), (1,), 0, huge) + b"."
    with pytest.raises(RuntimeError, match="unexpected EOF"):
        torch.load(io.BytesIO(head + body + pickle.dumps(["0"], 2)))


def test_tar_files() -> None:
    import tarfile

    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as made:
        made.addfile(tarfile.TarInfo("storages"))
    file.seek(0)
    with pytest.raises(RuntimeError, match="files saved in the legacy .tar format"):
        torch.load(file)
    file.seek(0)
    with pytest.raises(NotImplementedError, match="tar format"):
        torch.load(file, weights_only=False)
