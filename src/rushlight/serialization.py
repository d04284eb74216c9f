"""`torch.save`, `torch.load` and their settings (`torch.serialization`).

The work is done in `rushlight._serialize`, which is imported at the first call.
"""

from __future__ import annotations

import os
import sys
from enum import Enum
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

__all__ = [
    "LoadEndianness",
    "add_safe_globals",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "register_package",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
]

DEFAULT_PROTOCOL = 2

_safe_globals: dict[int, Any] = {}
_compute_crc32 = True
_load_endianness: LoadEndianness | None = None
_mmap_flags = 2  # mmap.MAP_PRIVATE, without importing mmap
_packages: list[tuple[int, Any, Any]] = []


class LoadEndianness(Enum):
    """The byte order that `torch.load` assumes where a file does not say its own."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


# The user's allow-list


def add_safe_globals(safe_globals: Iterable[Any]) -> None:
    """Let `torch.load` with `weights_only=True` use these classes and functions.

    Args:
        safe_globals: classes or functions, or pairs of one and the full name it has in files.

    Source: https://docs.pytorch.org/docs/stable/notes/serialization.html

    >>> from collections import defaultdict
    >>> add_safe_globals([defaultdict])
    >>> get_safe_globals()
    [<class 'collections.defaultdict'>]
    >>> clear_safe_globals()
    """
    for entry in safe_globals:
        _safe_globals[_entry_key(entry)] = entry


def _entry_key(entry: Any) -> int:
    return hash((id(entry[0]), entry[1:])) if isinstance(entry, tuple) and entry else id(entry)


def get_safe_globals() -> list[Any]:
    """The classes and functions that `add_safe_globals` has added."""
    return list(_safe_globals.values())


def clear_safe_globals() -> None:
    """Take back everything that `add_safe_globals` has added."""
    _safe_globals.clear()


class safe_globals:
    """A context in which `torch.load` may use these classes and functions.

    Args:
        safe_globals: as for `add_safe_globals`.

    Source: https://docs.pytorch.org/docs/stable/notes/serialization.html

    >>> with safe_globals([complex]):
    ...     get_safe_globals()
    [<class 'complex'>]
    >>> get_safe_globals()
    []
    """

    def __init__(self, safe_globals: Iterable[Any]) -> None:
        self.safe_globals = list(safe_globals)

    def __enter__(self) -> None:
        self._outer = dict(_safe_globals)
        add_safe_globals(self.safe_globals)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _safe_globals.clear()
        _safe_globals.update(self._outer)


class skip_data:
    """PyTorch's context for files without the bytes of the storages; not here.

    Raises:
        NotImplementedError: always.
    """

    def __init__(self, materialize_fake_tensors: bool = False) -> None:
        raise NotImplementedError("torch.serialization.skip_data is not implemented")


# Settings


def get_crc32_options() -> bool:
    """Whether `torch.save` computes the checksums of the records."""
    return _compute_crc32


def set_crc32_options(compute_crc32: bool) -> None:
    """Set whether `torch.save` computes checksums; other programs may refuse files without."""
    global _compute_crc32
    _compute_crc32 = compute_crc32


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order assumed for files that do not say theirs; None means little."""
    return _load_endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Set the byte order assumed for files that do not say theirs."""
    global _load_endianness
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    _load_endianness = endianness


def get_default_mmap_options() -> int:
    """`mmap.MAP_PRIVATE` or `mmap.MAP_SHARED`, as `torch.load(mmap=True)` maps files."""
    return _mmap_flags


class set_default_mmap_options:
    """Set how `torch.load(mmap=True)` maps files; as a context, until its end.

    Args:
        flags: `mmap.MAP_PRIVATE` (changes stay in memory) or `mmap.MAP_SHARED` (changes go
            into the file).

    Raises:
        ValueError: for other flags.
    """

    def __init__(self, flags: int) -> None:
        global _mmap_flags
        from mmap import MAP_PRIVATE, MAP_SHARED

        self._outer = _mmap_flags
        if flags not in (MAP_PRIVATE, MAP_SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE "
                f"or mmap.MAP_SHARED, but got {flags}"
            )
        _mmap_flags = flags

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        global _mmap_flags
        _mmap_flags = self._outer


# Locations


def register_package(
    priority: int,
    tagger: Callable[[Any], str | None],
    deserializer: Callable[[Any, str], Any],
) -> None:
    """Add a kind of device: how its storages are tagged and put back.

    Args:
        priority: smaller ones are asked first.
        tagger: storage -> its tag, or None if the storage is of another kind.
        deserializer: (storage, tag) -> storage, or None if the tag is of another kind.
    """
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda package: package[0])


def _cpu_tag(storage: Any) -> str | None:
    return "cpu" if storage.device.type == "cpu" else None


def _cpu_deserialize(storage: Any, location: str) -> Any:
    return storage if location == "cpu" else None


def _cuda_deserialize(storage: Any, location: str) -> Any:
    if location.startswith("cuda"):
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is "
            "False. If you are running on a CPU-only machine, please use torch.load with "
            "map_location=torch.device('cpu') to map your storages to the CPU."
        )
    return None


def _meta_deserialize(storage: Any, location: str) -> Any:
    if location == "meta":
        raise NotImplementedError("torch.load: the device 'meta' is not supported")
    return None


register_package(10, _cpu_tag, _cpu_deserialize)
register_package(20, lambda storage: None, _cuda_deserialize)
register_package(22, lambda storage: None, _meta_deserialize)


def location_tag(storage: Any) -> str:
    """The tag of a storage's device in files."""
    for _, tagger, _ in _packages:
        tag = tagger(storage)
        if tag:
            return str(tag)
    raise RuntimeError(
        f"don't know how to determine data location of torch.storage.{type(storage).__name__}"
    )


def default_restore_location(storage: Any, location: str) -> Any:
    """The storage on the device that `location` names.

    Raises:
        RuntimeError: if there is no such device here.
    """
    for _, _, deserializer in _packages:
        restored = deserializer(storage, location)
        if restored is not None:
            return restored
    raise RuntimeError(
        "don't know how to restore data location of torch.storage.UntypedStorage "
        f"(tagged with {location:.200})"
    )


def _restorer(map_location: Any) -> Callable[[Any, Any], Any]:
    """`map_location`, whatever its form, as a function (storage, location) -> storage."""
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda storage, location: default_restore_location(
            storage, map_location.get(location, location)
        )
    if isinstance(map_location, str):
        return lambda storage, location: default_restore_location(storage, map_location)
    from rushlight._serialize.tensors import backend

    if isinstance(map_location, backend().device):
        return lambda storage, location: default_restore_location(storage, str(map_location))

    if not callable(map_location):
        raise TypeError(f"'{type(map_location).__name__}' object is not callable")

    def restore(storage: Any, location: str) -> Any:
        from rushlight._serialize.storages import TypedStorage

        restored = map_location(storage, location)
        if restored is None:
            return default_restore_location(storage, location)
        return restored.untyped() if isinstance(restored, TypedStorage) else restored

    return restore


# Saving


def save(
    obj: object,
    f: str | os.PathLike[str] | IO[bytes],
    pickle_module: Any = None,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Save an object to a file that PyTorch and rushlight can load.

    A file given by its path is written atomically: a crash at any moment leaves the old file
    or the new one. Tensors that share memory share it again after loading; the whole storage
    of a view is saved.

    Args:
        obj: tensors, containers, numbers, strings, and whatever `pickle` can take apart.
        f: a path, or a binary file open for writing.
        pickle_module: only Python's `pickle`, whose stream is written here opcode by opcode.
        pickle_protocol: at least 2. The stream is always written in protocol 2, which every
            reader of the later ones reads too.
        _use_new_zipfile_serialization: False writes PyTorch's format before 1.6.

    Raises:
        RuntimeError: if the parent folder does not exist, or one memory would be saved under
            two dtypes.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.save.html

    >>> import io
    >>> import rushlight as torch
    >>> buffer = io.BytesIO()
    >>> torch.save({"step": 3, "w": torch.ones(2)}, buffer)
    >>> _ = buffer.seek(0)
    >>> torch.load(buffer)
    {'step': 3, 'w': tensor([1., 1.])}
    """
    if pickle_module is not None and getattr(pickle_module, "__name__", "") != "pickle":
        raise NotImplementedError("torch.save: another pickle_module than pickle is not supported")
    if not isinstance(pickle_protocol, int) or not 2 <= pickle_protocol <= 5:
        raise NotImplementedError(f"torch.save: pickle_protocol={pickle_protocol} is not supported")
    path = os.fspath(f) if isinstance(f, (str, os.PathLike)) else None
    if path is None and not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    if path is not None:
        parent = os.path.dirname(path)
        if parent and not os.path.isdir(parent):
            raise RuntimeError(f"Parent directory {parent} does not exist.")
    if _use_new_zipfile_serialization:
        from rushlight._serialize.container import archive_name
        from rushlight._serialize.zipped import save_zip

        name = "archive" if path is None else archive_name(path)
        write = save_zip(obj, name, bool(_compute_crc32), not _disable_byteorder_record)
    else:
        from rushlight._serialize.legacy import save_legacy

        write = save_legacy(obj)
    if path is not None:
        from rushlight._serialize.atomic import write_atomically

        write_atomically(path, write)
    else:
        write(f)
        if hasattr(f, "flush"):
            f.flush()


# Loading


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Load an object that `torch.save` has saved, here or in PyTorch.

    With `weights_only=True`, the default, the file is interpreted by a closed list of opcodes
    and names: it can run no code. With `weights_only=False` it can run ANY code.

    Args:
        f: a path, or a seekable binary file.
        map_location: a device or its name, a dict of names, or a function
            (storage, location) -> storage; everything here ends on the CPU.
        pickle_module: with `weights_only=False`, the module whose `Unpickler` is used.
        weights_only: see above; True unless `pickle_module` is given.
        mmap: map the file into memory and read its parts when they are used.
        pickle_load_args: `encoding` of the byte strings of Python 2; the rest only with
            `weights_only=False`.

    Raises:
        pickle.UnpicklingError: if the file holds something that is not on the list.
        RuntimeError: if the file is damaged.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.load.html

    >>> import io
    >>> import rushlight as torch
    >>> buffer = io.BytesIO()
    >>> torch.save(torch.arange(3), buffer)
    >>> _ = buffer.seek(0)
    >>> torch.load(buffer, map_location="cpu")
    tensor([0, 1, 2])
    """
    from rushlight._serialize.opening import (
        full_unpickle,
        load_open,
        safe_unpickle,
        wants_weights_only,
    )

    weights_only = wants_weights_only(weights_only, pickle_module)
    path = os.fspath(f) if isinstance(f, (str, os.PathLike)) else None
    if mmap and path is None:
        raise ValueError("f must be a file path in order to use the mmap argument")
    if weights_only:
        unpickle = safe_unpickle(pickle_load_args, get_safe_globals())
    else:
        unpickle = full_unpickle(pickle_module, pickle_load_args)
    flags = _mmap_flags if mmap else None
    settings = (
        path,
        _restorer(map_location),
        unpickle,
        weights_only,
        flags,
        _default_order(),
    )
    if path is not None:
        with open(path, "rb") as file:
            return load_open(file, *settings)
    for name in ("read", "readline", "seek", "tell"):
        if not hasattr(f, name):
            raise AttributeError(
                f"'{type(f).__name__}' object has no attribute '{name}'. You can only torch.load "
                "from a file that is seekable. Please pre-load the data into a buffer like "
                "io.BytesIO and try to load from it instead."
            )
    return load_open(f, *settings)


def _default_order() -> str:
    if _load_endianness is LoadEndianness.NATIVE:
        return sys.byteorder
    return "big" if _load_endianness is LoadEndianness.BIG else "little"


def get_unsafe_globals_in_checkpoint(
    f: str | os.PathLike[str] | IO[bytes],
) -> list[str]:
    """The names in a file that `torch.load` with `weights_only=True` would refuse.

    The file is looked through; nothing in it is called or imported.

    Args:
        f: a path, or a seekable binary file in the zip format.

    Raises:
        ValueError: if the file is not in the zip format.
    """
    from rushlight._serialize.reader import unsafe_globals
    from rushlight._serialize.zipped import is_zip, read_pickle

    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return get_unsafe_globals_in_checkpoint(file)
    if not is_zip(f):
        raise ValueError("Expected input to be a checkpoint returned by torch.save")
    return unsafe_globals(read_pickle(f), get_safe_globals())
