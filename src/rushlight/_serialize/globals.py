"""The closed list of names that a checkpoint may use, and what each may be called with.

The list is PyTorch's own for `weights_only=True`. Being listed lets a name stand in a file;
only names that have a builder here can be called, and a builder checks its arguments.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Any

from rushlight._serialize import rebuild
from rushlight._serialize.rebuild import shown
from rushlight._serialize.storages import STORAGE_DTYPES, StorageType
from rushlight._serialize.tensors import backend

# Even an allow-list entry of the user's does not open these.
BLOCKED_MODULES = frozenset({"sys", "os", "posix", "nt"})

_DTYPES = [
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "complex128",
    "complex64",
    "complex32",
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint1",
    "uint2",
    "uint3",
    "uint4",
    "uint5",
    "uint6",
    "uint7",
    "int1",
    "int2",
    "int3",
    "int4",
    "int5",
    "int6",
    "int7",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "float4_e2m1fn_x2",
    "quint8",
    "qint8",
    "qint32",
    "quint4x2",
    "quint2x4",
    "bits8",
    "bits16",
    "bits1x8",
    "bits2x4",
    "bits4x2",
]
_QUANTISATION = [
    "per_channel_affine",
    "per_channel_affine_float_qparams",
    "per_channel_symmetric",
    "per_tensor_affine",
    "per_tensor_symmetric",
]
_UNSUPPORTED_BUILDERS = [
    "_rebuild_device_tensor_from_cpu_tensor",
    "_rebuild_device_tensor_from_numpy",
    "_rebuild_meta_tensor_no_storage",
    "_rebuild_nested_tensor",
    "_rebuild_qtensor",
    "_rebuild_sparse_tensor",
    "_rebuild_wrapper_subclass",
]
_TENSOR_TYPES = [
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "BFloat16Tensor",
    "LongTensor",
    "IntTensor",
    "ShortTensor",
    "CharTensor",
    "ByteTensor",
    "BoolTensor",
]


class Missing:
    """Stands for a name that PyTorch allows and rushlight does not have."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self) -> Any:
        raise NotImplementedError(f"torch.load: {self.name} is not supported")


def check_key(key: Any) -> Any:
    """Refuse tuples whose hash would take for ever or overflow the C stack; give others back."""
    if not isinstance(key, tuple):
        return key
    level: list[Any] = [key]
    seen = 0
    for _ in range(100):
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, tuple):
                seen += len(item)
                if seen > 100_000:
                    raise ValueError("a dictionary key or set element is too large")
                deeper.extend(item)
        if not deeper:
            return key
        level = deeper
    raise ValueError("a dictionary key or set element is nested too deeply")


def _ordered_dict(*arguments: Any) -> Any:
    made: OrderedDict[Any, Any] = OrderedDict()
    if not arguments:
        return made
    (pairs,) = arguments  # files of Python 2 give the items as a list of pairs
    if not isinstance(pairs, (list, dict)):
        raise TypeError("OrderedDict takes a list of pairs")
    for key, value in pairs.items() if isinstance(pairs, dict) else pairs:
        made[check_key(key)] = value
    return made


def _counter(*arguments: Any) -> Any:
    made: Counter[Any] = Counter()
    if arguments:
        (counts,) = arguments
        if type(counts) is not dict:
            raise TypeError("Counter takes a dict")
        made.update(counts)
    return made


def _set(*arguments: Any) -> Any:
    if not arguments:
        return set()
    (items,) = arguments
    if not isinstance(items, (list, tuple, set)):
        raise TypeError("set takes a list")
    return {check_key(item) for item in items}


def _bytearray(*arguments: Any) -> bytearray:
    if not arguments:
        return bytearray()
    if len(arguments) == 1 and isinstance(arguments[0], (bytes, bytearray)):
        return bytearray(arguments[0])
    if len(arguments) == 2 and isinstance(arguments[0], str):
        return bytearray(_encode(*arguments))
    raise TypeError("bytearray takes bytes")


def _encode(text: Any, encoding: Any = "utf-8") -> bytes:
    if not isinstance(text, str) or encoding not in (
        "latin1",
        "latin-1",
        "utf-8",
        "ascii",
    ):
        raise TypeError("_codecs.encode takes a str and a plain encoding")
    return text.encode(encoding)


def _complex(*arguments: Any) -> complex:
    if len(arguments) > 2 or not all(type(part) in (int, float) for part in arguments):
        raise TypeError("complex takes at most two numbers")
    return complex(*arguments)


def _size(*arguments: Any) -> Any:
    if not arguments:
        return backend().Size()
    (lengths,) = arguments
    if not isinstance(lengths, (tuple, list)) or not all(type(x) is int for x in lengths):
        raise TypeError("torch.Size takes a tuple of ints")
    return backend().Size(lengths)


def _device(*arguments: Any) -> Any:
    kind, *index = arguments
    if not isinstance(kind, str) or not all(type(x) is int for x in index):
        raise TypeError("torch.device takes a str and an int")
    return backend().device(kind, *index)


def _layout(name: Any) -> Any:
    if not isinstance(name, str) or not name.startswith("torch."):
        raise TypeError("_get_layout takes the name of a layout")
    found = backend().find_layout(name[len("torch.") :])
    if found is None:
        raise NotImplementedError(f"torch.load: {shown(name)} is not supported")
    return found


def _codecs_encode(*arguments: Any) -> bytes:
    """Stands in a stream for `_codecs.encode`."""
    return _encode(*arguments)


class AllowedGlobals:
    """What a name stands for, and which of those things may be called."""

    def __init__(self) -> None:
        names = backend()
        self.values: dict[str, Any] = {}
        self.builders: dict[int, Any] = {}
        self._add("collections.OrderedDict", OrderedDict, _ordered_dict)
        self._add("collections.Counter", Counter, _counter)
        self._add("builtins.set", set, _set)
        self._add("builtins.bytearray", bytearray, _bytearray)
        self._add("builtins.complex", complex, _complex)
        self._add("_codecs.encode", _codecs_encode, _codecs_encode)
        self._add("torch.Size", names.Size, _size)
        self._add("torch.device", names.device, _device)
        self._add("torch.serialization._get_layout", _layout, _layout)
        self._add("torch.Tensor", names.Tensor)
        self._add("torch.nn.parameter.Parameter", names.Parameter)
        for function in (
            rebuild.rebuild_tensor,
            rebuild.rebuild_tensor_v2,
            rebuild.rebuild_tensor_v3,
            rebuild.rebuild_parameter,
            rebuild.rebuild_parameter_with_state,
        ):
            self._add(f"torch._utils._{function.__name__}", function, function)
        from_type = rebuild.rebuild_from_type_v2
        self._add("torch._tensor._rebuild_from_type_v2", from_type, from_type)
        for name in _UNSUPPORTED_BUILDERS:
            builder = rebuild.unsupported(name)
            self._add(f"torch._utils.{name}", builder, builder)
        for name in _DTYPES:
            dtype = names.find_dtype(name)
            self._add(f"torch.{name}", Missing(f"torch.{name}") if dtype is None else dtype)
        for name in _QUANTISATION:
            self._add(f"torch.{name}", Missing(f"torch.{name}"))
        for name in STORAGE_DTYPES:
            for module in ("torch", "torch.cuda"):
                self._add(f"{module}.{name}", StorageType(name))
        self._add("torch.storage.UntypedStorage", StorageType("storage.UntypedStorage"))
        self._add("torch.storage.TypedStorage", Missing("torch.storage.TypedStorage"))
        for name in _TENSOR_TYPES:
            for module in ("torch", "torch.cuda", "torch.sparse", "torch.cuda.sparse"):
                self._add(f"{module}.{name}", Missing(f"{module}.{name}"))

    def _add(self, name: str, value: Any, builder: Any = None) -> None:
        self.values[name] = value
        if builder is not None:
            self.builders[id(value)] = builder


_allowed: AllowedGlobals | None = None


def allowed_globals() -> AllowedGlobals:
    """The closed list, made at the first use."""
    global _allowed
    if _allowed is None:
        _allowed = AllowedGlobals()
    return _allowed
