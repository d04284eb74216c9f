"""What `torch.load` does with an open file: find its format, read it, explain what failed."""

from __future__ import annotations

import os
import pickle
from typing import Any
from warnings import warn

from rushlight._serialize.legacy import load_legacy
from rushlight._serialize.reader import BlockedGlobal, PickleReader, UnsupportedGlobal
from rushlight._serialize.unsafe import unpickler_class
from rushlight._serialize.zipped import is_zip, load_zip

_UNSAFE = (
    "In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` "
    "from `False` to `True`. Re-running `torch.load` with `weights_only` set to `False` will "
    "likely succeed, but it can result in arbitrary code execution. Do it only if you got the "
    "file from a trusted source."
)
_DOCUMENTATION = (
    "\n\nCheck the documentation of torch.load to learn more about types accepted by default with "
    "weights_only https://pytorch.org/docs/stable/generated/torch.load.html."
)


def wants_weights_only(weights_only: bool | None, pickle_module: Any) -> bool:
    """What `weights_only=None` means, and what the environment has to say to it."""

    def is_set(name: str) -> bool:
        return os.environ.get(name, "0").lower() in ("1", "y", "yes", "true")

    force, forbid = (
        is_set("TORCH_FORCE_WEIGHTS_ONLY_LOAD"),
        is_set("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"),
    )
    if force and forbid:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` "
            "should be set, but both were set."
        )
    if force:
        weights_only = True
    elif weights_only is None and forbid:
        warn(
            "Environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD detected, since the"
            "`weights_only` argument was not explicitly passed to `torch.load`, forcing "
            "weights_only=False.",
            UserWarning,
            stacklevel=3,
        )
        weights_only = False
    if weights_only is None:
        weights_only = pickle_module is None
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    return bool(weights_only)


def load_open(
    file: Any,
    path: str | None,
    restore: Any,
    unpickle: Any,
    weights_only: bool,
    mmap_flags: int | None,
    default_order: str,
) -> Any:
    """Read one object from an open file.

    Args:
        restore: (storage, location) -> storage; carries out `map_location`.
        unpickle: (file, persistent_load) -> object; from `safe_unpickle` or `full_unpickle`.
        mmap_flags: how the file is mapped into memory, or None to read it.
        default_order: the byte order of files that do not say theirs.
    """
    try:
        if is_zip(file):
            mapped = None if mmap_flags is None else _mapped(file, mmap_flags)
            return load_zip(file, unpickle, restore, weights_only, mapped, default_order)
        if mmap_flags is not None:
            raise RuntimeError(
                f"mmap can only be used with files saved with `torch.save({path}, "
                "_use_new_zipfile_serialization=True), please torch.save your checkpoint with "
                "this option in order to use mmap."
            )
        if _is_tar(file):
            if weights_only:
                raise RuntimeError(
                    "Cannot use ``weights_only=True`` with files saved in the legacy .tar format. "
                    + _UNSAFE
                )
            raise NotImplementedError("torch.load: the legacy .tar format is not supported")
        return load_legacy(file, unpickle, restore)
    except pickle.UnpicklingError as error:
        if not weights_only:
            raise
        if isinstance(error, UnsupportedGlobal):
            text = (
                "Weights only load failed. This file can still be loaded, to do so you have two "
                "options, \033[1mdo those steps only if you trust the source of the checkpoint"
                f"\033[0m. \n\t(1) {_UNSAFE}\n\t(2) Alternatively, to load with "
                "`weights_only=True` please check the recommended steps in the following error "
                f"message.\n\tWeightsUnpickler error: {error}"
            )
        elif isinstance(error, BlockedGlobal):
            text = f"Weights only load failed. {_UNSAFE}\n\n\n{error}"
        else:
            text = f"Weights only load failed. {_UNSAFE}\nWeightsUnpickler error: \n\n{error}"
        raise pickle.UnpicklingError(text + _DOCUMENTATION) from None


def _is_tar(file: Any) -> bool:
    start = file.tell()
    head = file.read(265)
    file.seek(start)
    return bool(head[257:262] == b"ustar")


def _mapped(file: Any, flags: int) -> Any:
    from mmap import ACCESS_COPY, ACCESS_WRITE, MAP_SHARED
    from mmap import mmap as memory_map

    if flags == MAP_SHARED:
        with open(file.name, "r+b") as writable:
            return memory_map(writable.fileno(), 0, access=ACCESS_WRITE)
    return memory_map(file.fileno(), 0, access=ACCESS_COPY)


def safe_unpickle(options: dict[str, Any], safe_globals: list[Any]) -> Any:
    """The reader that can run no code, as (file, persistent_load) -> object."""
    for name in options:
        if name != "encoding":
            raise TypeError(f"Unpickler.__init__() got an unexpected keyword argument '{name}'")
    if options:
        warn("pickle_load_args only works if `weights_only=False`.", stacklevel=3)
    encoding = options.get("encoding", "utf-8")

    def unpickle(file: Any, persistent_load: Any) -> Any:
        reader = PickleReader(file.read, file.readline, persistent_load, safe_globals, encoding)
        return reader.load()

    return unpickle


def full_unpickle(pickle_module: Any, options: dict[str, Any]) -> Any:
    """Python's unpickler, as (file, persistent_load) -> object."""
    options.setdefault("encoding", "utf-8")
    cls = unpickler_class(pickle_module)

    def unpickle(file: Any, persistent_load: Any) -> Any:
        reader = cls(file, **options)
        reader.persistent_load = persistent_load
        return reader.load()

    return unpickle
