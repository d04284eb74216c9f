"""A writer of pickle streams (protocol 2) that names things as PyTorch names them.

The opcodes come out as CPython's pickler would give them for PyTorch's own objects: memo
numbers, batches and all, so that a file saved here is the file that PyTorch would write.
Containers are walked with a stack of generators: nesting has no limit but memory.
"""

from __future__ import annotations

import copyreg
import functools
import pickle
import types
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from struct import pack
from typing import Any

from rushlight._serialize.names import check_found, find_by_name, torch_module_name
from rushlight._serialize.storages import STORAGE_NAMES, TypedStorage, UntypedStorage
from rushlight._serialize.tensors import backend, dtype_name, stored_view

_Walk = Generator[Any, None, None]
_BATCH = 1000
_MODULE_PATHS = types.MappingProxyType({"torch._C": "torch"})


class PickleWriter:
    """Turns one object into a pickle stream; storages are handed to `store`.

    Args:
        store: receives (key, memory, dtype name) of a storage; returns (the name of its
            record, the number of its elements).
        legacy: add the empty view metadata that the format without zip wants.
    """

    def __init__(
        self,
        store: Callable[[Any, Any, str, int], tuple[str, int]],
        legacy: bool = False,
    ) -> None:
        self._store = store
        self._legacy = legacy
        self._out = bytearray()
        self._memo: dict[int, tuple[int, Any]] = {}
        self._names: dict[tuple[str, str], int] = {}
        self._count = 0
        self._tensor_class = backend().Tensor
        self._special = {
            backend().Size: self._size,
            backend().device: self._device,
        }

    def dump(self, root: Any) -> bytes:
        """The stream of `root`.

        Raises:
            pickle.PicklingError, AttributeError, TypeError: as pickle, for what cannot be
                named or taken apart.
        """
        self._out += b"\x80\x02"
        begin = self._begin
        stack: list[_Walk] = []
        walk = begin(root)
        if walk is not None:
            stack.append(walk)
        while stack:
            for child in stack[-1]:
                walk = begin(child)
                if walk is not None:
                    stack.append(walk)
                    break
            else:
                stack.pop()
        self._out += b"."
        return bytes(self._out)

    # memo

    def _next_memo(self) -> int:
        index = self._count
        self._count += 1
        self._out += bytes((0x71, index)) if index < 256 else b"r" + pack("<I", index)
        return index

    def _memoize(self, value: Any) -> None:
        self._memo[id(value)] = (self._next_memo(), value)

    def _get(self, index: int) -> None:
        self._out += bytes((0x68, index)) if index < 256 else b"j" + pack("<I", index)

    # one value

    def _begin(self, value: Any) -> _Walk | None:
        """Write `value`, or give back the walk through its parts."""
        if value is None:
            self._out += b"N"
            return None
        kind = type(value)
        if kind is bool:
            self._out += b"\x88" if value else b"\x89"
            return None
        if kind is int:
            self._integer(value)
            return None
        if kind is float:
            self._out += b"G" + pack(">d", value)
            return None
        known = self._memo.get(id(value))
        if known is not None:
            self._get(known[0])
            return None
        if kind is str:
            self._text(value)
            self._memoize(value)
            return None
        if kind is dict:
            return self._dict(value)
        if kind is list:
            return self._list(value)
        if kind is tuple:
            return self._tuple(value)
        if kind is bytes:
            return self._bytes(value)
        if kind is bytearray:
            return self._call_builtin("bytearray", (bytes(value),) if value else (), value)
        if kind is set or kind is frozenset:
            return self._call_builtin(kind.__name__, (list(value),), value)
        if isinstance(value, self._tensor_class):
            return self._tensor(value)
        if kind in self._special:
            return self._special[kind](value)
        if isinstance(value, (UntypedStorage, TypedStorage)):
            self._storage_object(value)
            return None
        names = backend()
        if isinstance(value, names.dtype_class):
            self._global("torch", dtype_name(value))
            return None
        if names.layout_class is not None and isinstance(value, names.layout_class):
            return self._named_call("torch.serialization", "_get_layout", (str(value),), value)
        return self._object(value)

    def _integer(self, value: int) -> None:
        if 0 <= value < 256:
            self._out += bytes((0x4B, value))
        elif 0 <= value < 65536:
            self._out += b"M" + pack("<H", value)
        elif -0x80000000 <= value <= 0x7FFFFFFF:
            self._out += b"J" + pack("<i", value)
        else:
            encoded = pickle.encode_long(value)
            size = len(encoded)
            self._out += bytes((0x8A, size)) if size < 256 else b"\x8b" + pack("<i", size)
            self._out += encoded

    def _text(self, value: str) -> None:
        encoded = value.encode("utf-8", "surrogatepass")
        if len(encoded) > 0xFFFFFFFF:
            raise OverflowError("cannot serialize a string larger than 4 GiB")
        self._out += b"X" + pack("<I", len(encoded)) + encoded

    def _constant(self, value: str) -> None:
        """A string of ours, shared like any other."""
        known = self._memo.get(id(value))
        if known is not None:
            self._get(known[0])
        else:
            self._text(value)
            self._memoize(value)

    # containers

    def _list(self, value: list[Any]) -> _Walk:
        self._out += b"]"
        self._memoize(value)
        yield from self._appends(iter(value), len(value) == 1)

    def _appends(self, items: Iterator[Any], single: bool) -> _Walk:
        for batch in _batches(items):
            if single:
                yield batch[0]
                self._out += b"a"
            else:
                self._out += b"("
                yield from batch
                self._out += b"e"

    def _dict(self, value: dict[Any, Any]) -> _Walk:
        self._out += b"}"
        self._memoize(value)
        yield from self._setitems(iter(list(value.items())), len(value) == 1)

    def _setitems(self, items: Iterator[Any], single: bool) -> _Walk:
        for batch in _batches(items):
            if single:
                yield from batch[0]
                self._out += b"s"
            else:
                self._out += b"("
                for pair in batch:
                    yield from pair
                self._out += b"u"

    def _tuple(self, value: tuple[Any, ...], memoize: bool = True) -> _Walk:
        size = len(value)
        if size == 0:
            self._out += b")"
            return
        if size > 3:
            self._out += b"("
        yield from value
        known = self._memo.get(id(value))
        if known is not None:  # the tuple holds itself, by way of a list
            self._out += b"1" if size > 3 else b"0" * size
            self._get(known[0])
            return
        self._out += (b"t", b"\x85", b"\x86", b"\x87")[size if size <= 3 else 0]
        self._memoize(value)

    def _bytes(self, value: bytes) -> _Walk:
        if not value:
            yield from self._call_builtin("bytes", (), value)
        else:
            yield from self._named_call(
                "_codecs", "encode", (str(value, "latin1"), "latin1"), value
            )

    def _call_builtin(self, name: str, arguments: tuple[Any, ...], value: Any) -> _Walk:
        return self._named_call("builtins", name, arguments, value)

    def _named_call(self, module: str, name: str, arguments: tuple[Any, ...], value: Any) -> _Walk:
        self._global(module, name)
        yield arguments
        self._out += b"R"
        self._memoize(value)

    # names

    def _global(self, module: str, name: str) -> None:
        """A name without dots of a module."""
        module = torch_module_name(module)
        module = _MODULE_PATHS.get(module, module)
        index = self._names.get((module, name))
        if index is not None:
            self._get(index)
            return
        from _compat_pickle import REVERSE_IMPORT_MAPPING, REVERSE_NAME_MAPPING

        old = REVERSE_NAME_MAPPING.get((module, name))
        if old is None:
            old = (REVERSE_IMPORT_MAPPING.get(module, module), name)
        try:
            line = f"{old[0]}\n{old[1]}\n".encode("ascii")
        except UnicodeEncodeError:
            raise pickle.PicklingError(
                f"can't pickle global identifier '{module}.{name}' using pickle protocol 2"
            ) from None
        self._out += b"c" + line
        self._names[module, name] = self._next_memo()

    def _named_object(self, value: Any, name: str | None = None) -> _Walk | None:
        """A class or function, by the place where it can be found again."""
        if name is None:
            name = getattr(value, "__qualname__", None) or value.__name__
        module = pickle.whichmodule(value, name)  # type: ignore[attr-defined]
        if "<locals>" in name.split("."):
            raise AttributeError(f"Can't pickle local object {name!r}")
        check_found(value, module, name)
        if "." in name:
            return self._dotted(value, module, name)
        self._global(module, name)
        return None

    def _dotted(self, value: Any, module: str, name: str) -> _Walk:
        parent = find_by_name(module, name.rpartition(".")[0])
        self._global("builtins", "getattr")
        yield (parent, name.rpartition(".")[2])
        self._out += b"R"
        self._memoize(value)

    # any other object

    def _object(self, value: Any) -> _Walk | None:
        kind = type(value)
        if value is NotImplemented or value is ...:
            return self._named_object(value, str(value))
        reducer = copyreg.dispatch_table.get(kind)
        if reducer is not None:
            reduced = reducer(value)
        elif isinstance(value, type):
            for singleton in (None, NotImplemented, ...):
                if value is type(singleton):
                    return self._call_builtin("type", (singleton,), value)
            return self._named_object(value)
        elif kind is types.FunctionType:
            return self._named_object(value)
        else:
            reduced = value.__reduce_ex__(2)
        if isinstance(reduced, str):
            return self._named_object(value, reduced)
        if not isinstance(reduced, tuple) or not 2 <= len(reduced) <= 6:
            raise pickle.PicklingError(f"{kind!r} must reduce to a tuple of two to six elements")
        return self._reduced(value, *reduced)

    def _reduced(
        self,
        value: Any,
        function: Any,
        arguments: Any,
        state: Any = None,
        items: Any = None,
        pairs: Any = None,
        setter: Any = None,
    ) -> _Walk:
        if not isinstance(arguments, tuple):
            raise pickle.PicklingError("args from save_reduce() must be a tuple")
        if not callable(function):
            raise pickle.PicklingError("func from save_reduce() must be callable")
        name = getattr(function, "__name__", "")
        if name == "__newobj__":
            yield arguments[0]
            yield tuple(arguments[1:])
            self._out += b"\x81"
        elif name == "__newobj_ex__":
            cls, positional, named = arguments
            yield functools.partial(cls.__new__, cls, *positional, **named)
            self._out += b")R"
        else:
            yield function
            yield arguments
            self._out += b"R"
        known = self._memo.get(id(value))
        if known is not None:  # its arguments hold the object itself
            self._out += b"0"
            self._get(known[0])
        else:
            self._memoize(value)
        if items is not None:
            listed = list(items)
            yield from self._appends(iter(listed), len(listed) == 1)
        if pairs is not None:
            listed = list(pairs)
            yield from self._setitems(iter(listed), len(listed) == 1)
        if state is not None:
            if setter is None:
                yield state
                self._out += b"b"
            else:
                yield setter
                yield value
                yield state
                self._out += b"\x86R0"

    # PyTorch's own

    def _size(self, value: Any) -> _Walk:
        return self._named_call("torch", "Size", (tuple(value),), value)

    def _device(self, value: Any) -> _Walk:
        index = value.index
        arguments = (value.type,) if index is None else (value.type, index)
        return self._named_call("torch", "device", arguments, value)

    def _hooks(self) -> None:
        """PyTorch keeps a place for backward hooks, and never fills it."""
        self._global("collections", "OrderedDict")
        self._out += b")R"
        self._next_memo()

    def _integers(self, values: tuple[int, ...]) -> None:
        for value in self._tuple(values):
            self._integer(value)

    def _storage_id(self, type_module: str, type_name: str, record: str, numel: int) -> None:
        self._out += b"("
        self._constant("storage")
        self._global(type_module, type_name)
        self._constant(record)
        self._constant("cpu")
        self._integer(numel)
        if self._legacy:
            self._out += b"N"
        self._out += b"t"
        self._next_memo()
        self._out += b"Q"

    def _storage_object(self, value: UntypedStorage | TypedStorage) -> None:
        untyped = value.untyped() if isinstance(value, TypedStorage) else value
        name = dtype_name(value.dtype) if isinstance(value, TypedStorage) else ""
        size = value.element_size()
        key = (untyped.data_ptr(), untyped.nbytes()) if untyped.nbytes() else id(untyped)
        record, numel = self._store(key, untyped._buffer, name, size)
        self._storage_id(*_storage_type(name), record, numel)

    def _tensor(self, value: Any) -> _Walk:
        kind = type(value)
        names = backend()
        if kind is names.Parameter:
            return self._parameter(value)
        state = _attributes(value)
        if kind is not self._tensor_class or state:
            return self._tensor_with_type(value, kind, state)
        return self._plain_tensor(value)

    def _plain_tensor(self, value: Any) -> _Walk:
        self._global("torch._utils", self._tensor_builder(value))
        self._tensor_arguments(value, bool(value.requires_grad))
        self._out += b"R"
        self._memoize(value)
        return
        yield

    def _tensor_builder(self, value: Any) -> str:
        known = dtype_name(value.dtype) in STORAGE_NAMES
        return "_rebuild_tensor_v2" if known else "_rebuild_tensor_v3"

    def _tensor_arguments(self, value: Any, requires_grad: bool) -> None:
        array = backend().array(value)
        view = stored_view(array)
        name = dtype_name(value.dtype)
        known = name in STORAGE_NAMES
        self._out += b"("
        size = array.dtype.itemsize if known else 1
        record, numel = self._store(view.key, view.memory, name, size)
        self._storage_id(*_storage_type(name if known else ""), record, numel)
        self._integer(view.offset)
        self._integers(tuple(array.shape))
        self._integers(view.stride)
        self._out += b"\x88" if requires_grad else b"\x89"
        self._hooks()
        if not known:
            self._global("torch", name)
        self._out += b"t"
        self._next_memo()

    def _parameter(self, value: Any) -> _Walk:
        state = _attributes(value)
        name = "_rebuild_parameter_with_state" if state else "_rebuild_parameter"
        self._global("torch._utils", name)
        if state:
            self._out += b"("
        self._global("torch._utils", self._tensor_builder(value))
        self._tensor_arguments(value, False)
        self._out += b"R"
        self._next_memo()
        self._out += b"\x88" if value.requires_grad else b"\x89"
        self._hooks()
        if state:
            yield state
        self._out += b"t" if state else b"\x87"
        self._next_memo()
        self._out += b"R"
        self._memoize(value)

    def _tensor_with_type(self, value: Any, kind: type, state: Any) -> _Walk:
        self._global("torch._tensor", "_rebuild_from_type_v2")
        self._out += b"("
        self._global("torch._utils", self._tensor_builder(value))
        if kind is self._tensor_class:
            self._global("torch", "Tensor")
        else:
            yield kind
        self._tensor_arguments(value, bool(value.requires_grad))
        yield state or None
        self._out += b"t"
        self._next_memo()
        self._out += b"R"
        self._memoize(value)


def _attributes(tensor: Any) -> dict[str, Any]:
    """What the user has hung on a tensor."""
    own = getattr(tensor, "__dict__", None)
    if not own:
        return {}
    # The engine's own rare state has a default in the class.
    cls = backend().Tensor
    return {name: value for name, value in own.items() if not hasattr(cls, name)}


def _storage_type(name: str) -> tuple[str, str]:
    if not name:
        return "torch.storage", "UntypedStorage"
    return "torch", STORAGE_NAMES[name]


def _batches(items: Iterator[Any]) -> Iterator[list[Any]]:
    while True:
        batch = list(islice(items, _BATCH))
        if not batch:
            return
        yield batch
