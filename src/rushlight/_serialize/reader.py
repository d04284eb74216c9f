"""A reader of pickle streams that can run no code.

It knows the opcodes that `torch.save` writes and the names in `globals`; anything else ends
the reading. Calls happen only to the builders of `globals` and to what the user has put on
the list by `torch.serialization.add_safe_globals`.
"""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict
from collections.abc import Callable
from struct import unpack
from typing import Any

from rushlight._serialize.globals import (
    BLOCKED_MODULES,
    Missing,
    allowed_globals,
    check_key,
)
from rushlight._serialize.names import torch_module_name
from rushlight._serialize.rebuild import shown

_DICTS = (dict, OrderedDict, Counter)
_LONGEST_NAME = 4096
_MARK = object()


class UnsupportedGlobal(pickle.UnpicklingError):
    """A stream names something that is not on the list."""


class BlockedGlobal(pickle.UnpicklingError):
    """A stream names something in a module that nobody may open."""


def user_globals(entries: Any) -> dict[str, Any]:
    """The user's allow-list by the name under which files refer to its entries.

    Args:
        entries: classes and functions, or pairs of one and the name it has in files.
    """
    found: dict[str, Any] = {}
    for entry in entries:
        if isinstance(entry, tuple):
            if len(entry) != 2:
                raise ValueError(
                    "Expected tuple of length 2 (global, str of callable full path), "
                    f"but got {entry}"
                )
            value, name = entry
            if not isinstance(name, str):
                raise TypeError(
                    "Expected second item in tuple to be a str of the callable's full path, "
                    f"but got {type(name)}"
                )
            found[name] = value
        else:
            module, name = entry.__module__, entry.__qualname__
            found[f"{torch_module_name(module)}.{name}"] = entry
    return found


def modern_name(module: str, name: str) -> tuple[str, str]:
    """Python 3's name for what protocol 2 calls by Python 2's."""
    from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def unsafe_globals(data: bytes, safe_globals: Any) -> list[str]:
    """The names in a stream that are on neither list; nothing is built."""
    from pickletools import genops

    user = user_globals(safe_globals)
    known = allowed_globals().values
    found = set()
    try:
        for opcode, argument, _ in genops(data):
            if opcode.name == "GLOBAL":
                full = ".".join(modern_name(*str(argument).split(" ", 1)))
                if full not in known and full not in user:
                    found.add(full)
    except ValueError as error:
        raise pickle.UnpicklingError(f"the stream is damaged ({error})") from None
    return sorted(found)


class PickleReader:
    """Reads one object from a stream; see the module's docstring.

    Args:
        read, readline: as of a binary file.
        persistent_load: gives the storage for a persistent id.
        safe_globals: the user's allow-list.
        encoding: of the byte strings in files that Python 2 wrote; "bytes" keeps them.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        readline: Callable[[int], bytes],
        persistent_load: Callable[[Any], Any],
        safe_globals: Any = (),
        encoding: str = "utf-8",
    ) -> None:
        self._read_some = read
        self._readline = readline
        self._persistent_load = persistent_load
        self._user = user_globals(safe_globals)
        self._user_ids = {id(value) for value in self._user.values()}
        self._allowed = allowed_globals()
        self._encoding = encoding
        self._outside: Exception | None = None  # raised by the caller's own function
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def load(self) -> Any:
        """Read up to the next STOP.

        Raises:
            pickle.UnpicklingError: for anything that is not on the lists, or makes no sense.
            EOFError: if the stream ends early.
        """
        stack = self._stack
        memo = self._memo
        read = self._read
        steps = _STEPS
        try:
            while True:
                opcode = read(1)[0]
                if opcode == 0x71:  # BINPUT: every other opcode is one
                    memo[read(1)[0]] = self._stack[-1]
                    continue
                if opcode == 0x2E:  # STOP
                    stack = self._stack
                    if len(stack) != 1 or self._marks:
                        raise pickle.UnpicklingError("the stream ends with a strange stack")
                    if type(stack[0]) is Missing:
                        stack[0]()
                    return stack[0]
                step = steps.get(opcode)
                if step is None:
                    raise pickle.UnpicklingError(f"Unsupported operand {opcode}")
                step(self)
        except (pickle.UnpicklingError, EOFError, RuntimeError, UnicodeError):
            raise
        except (
            LookupError,
            TypeError,
            ValueError,
            ArithmeticError,
            AttributeError,
        ) as error:
            if error is self._outside:
                raise
            reason = f"the stream is damaged ({type(error).__name__}: {error})"
            raise pickle.UnpicklingError(reason) from error
        except MemoryError:
            raise pickle.UnpicklingError("the stream asks for more memory than there is") from None

    def _read(self, count: int) -> bytes:
        data = self._read_some(count)
        if len(data) != count:
            raise EOFError("Ran out of input")
        return data

    def _line(self) -> str:
        line = self._readline(_LONGEST_NAME)
        if not line.endswith(b"\n"):
            raise EOFError("Ran out of input")
        return line[:-1].decode("utf-8")

    def _pop_mark(self) -> list[Any]:
        items = self._stack
        self._stack = self._marks.pop()
        return items

    # names and calls

    def _global(self) -> None:
        module, name = modern_name(self._line(), self._line())
        full = f"{module}.{name}"
        if module.split(".", 1)[0] in BLOCKED_MODULES:
            raise BlockedGlobal(
                f"Trying to load unsupported GLOBAL {full} whose module {module} is blocked."
            )
        if full in self._allowed.values:
            self._stack.append(self._allowed.values[full])
        elif full in self._user:
            self._stack.append(self._user[full])
        else:
            short = name if module == "builtins" else full
            raise UnsupportedGlobal(
                f"Unsupported global: GLOBAL {short} was not an allowed global by default. "
                f"Please use `torch.serialization.add_safe_globals([{short}])` or the "
                f"`torch.serialization.safe_globals([{short}])` context manager to allowlist "
                "this global if you trust this class/function."
            )

    def _reduce(self) -> None:
        arguments = self._stack.pop()
        function = self._stack[-1]
        if type(arguments) is not tuple:
            raise pickle.UnpicklingError("the arguments of a call must be a tuple")
        builder = self._allowed.builders.get(id(function))
        if builder is None:
            if type(function) is Missing:
                function()
            if id(function) not in self._user_ids:
                raise pickle.UnpicklingError(
                    f"Trying to call reduce for unrecognized function {shown(function)}"
                )
            builder = function
        self._stack[-1] = builder(*arguments)

    def _newobj(self) -> None:
        arguments = self._stack.pop()
        cls = self._stack[-1]
        if type(arguments) is not tuple:
            raise pickle.UnpicklingError("the arguments of a call must be a tuple")
        builder = self._allowed.builders.get(id(cls))
        if builder is not None:
            self._stack[-1] = builder(*arguments)
        elif id(cls) in self._user_ids and isinstance(cls, type):
            self._stack[-1] = cls.__new__(cls, *arguments)
        else:
            raise pickle.UnpicklingError(
                f"Trying to call new object for unrecognized class {shown(cls)}"
            )

    def _build(self) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        kind = type(target)
        if kind is OrderedDict:
            # A state_dict carries `_metadata`; methods of the dictionary are not replaced.
            if type(state) is not dict or any(type(name) is not str for name in state):
                raise pickle.UnpicklingError("the state of an OrderedDict must be a dict")
            for name, value in state.items():
                if not hasattr(OrderedDict, name):
                    target.__dict__[name] = value
        elif id(kind) in self._user_ids:
            _set_object_state(target, state)
        else:
            raise pickle.UnpicklingError(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via "
                f"`add_safe_globals`, but got {kind}"
            )

    def _persistent(self) -> None:
        identity = self._stack.pop()
        if type(identity) is not tuple:
            raise pickle.UnpicklingError(f"saved_id must be a tuple, got {type(identity).__name__}")
        if not identity or not isinstance(identity[0], str) or identity[0] != "storage":
            what = shown(identity[0]) if identity else "an empty id"
            raise pickle.UnpicklingError(
                f"Only persistent_load of storage is allowed, but got {what}"
            )
        try:
            found = self._persistent_load(identity)
        except Exception as error:
            self._outside = error
            raise
        self._stack.append(found)

    # containers

    def _append(self) -> None:
        item = self._stack.pop()
        target = self._stack[-1]
        if type(target) is not list:
            raise pickle.UnpicklingError(f"Can only append to lists, but got {type(target)}")
        target.append(item)

    def _appends(self) -> None:
        items = self._pop_mark()
        target = self._stack[-1]
        if type(target) is not list:
            raise pickle.UnpicklingError(f"Can only extend lists, but got {type(target)}")
        target.extend(items)

    def _setitem(self) -> None:
        value = self._stack.pop()
        key = self._stack.pop()
        self._assign([key, value])

    def _setitems(self) -> None:
        self._assign(self._pop_mark())

    def _assign(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) not in _DICTS:
            raise pickle.UnpicklingError(
                "Can only SETITEM for dict, collections.OrderedDict, collections.Counter, "
                f"but got {type(target)}"
            )
        if len(items) % 2:
            raise pickle.UnpicklingError("a key without a value")
        for i in range(0, len(items), 2):
            key = items[i]
            target[key if type(key) is str else check_key(key)] = items[i + 1]

    def _mark(self) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _tuple(self) -> None:
        items = tuple(self._pop_mark())
        self._stack.append(items)

    def _tuple_of(self, count: int) -> None:
        stack = self._stack
        if len(stack) < count:
            raise IndexError("pop from empty list")
        stack[-count:] = [tuple(stack[-count:])]

    def _pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._pop_mark()

    def _pop_to_mark(self) -> None:
        self._pop_mark()

    # the memo

    def _get(self, index: int) -> None:
        if index not in self._memo:
            raise pickle.UnpicklingError(f"Memo value not found at index {index}")
        self._stack.append(self._memo[index])

    # plain values

    def _text(self) -> None:
        data = self._read(unpack("<I", self._read(4))[0])
        self._stack.append(data.decode("utf-8", "surrogatepass"))

    def _short_bytes(self) -> None:
        data = self._read(self._read(1)[0])
        self._stack.append(data if self._encoding == "bytes" else data.decode(self._encoding))

    def _long(self, count: int) -> None:
        if count < 0:
            raise pickle.UnpicklingError("an integer of negative length")
        self._stack.append(int.from_bytes(self._read(count), "little", signed=True))

    def _protocol(self) -> None:
        version = self._read(1)[0]
        if version != 2:
            from warnings import warn

            warn(
                f"Detected pickle protocol {version} in the checkpoint, which was not the default "
                "pickle protocol used by `torch.load` (2). The weights_only Unpickler might not "
                "support all instructions implemented by this protocol.",
                stacklevel=2,
            )


def _set_object_state(target: Any, state: Any) -> None:
    """What pickle does with a state, for a class that the user trusts."""
    setter = getattr(target, "__setstate__", None)
    if setter is not None:
        setter(state)
        return
    slots = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    if state:
        target.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(target, name, value)


def _push(value: Any) -> Callable[[PickleReader], None]:
    return lambda self: self._stack.append(value)


_R = PickleReader
_STEPS: dict[int, Callable[[PickleReader], None]] = {
    0x28: _R._mark,
    0x29: _push(()),
    0x30: _R._pop,
    0x31: _R._pop_to_mark,
    0x47: lambda self: self._stack.append(unpack(">d", self._read(8))[0]),
    0x4A: lambda self: self._stack.append(unpack("<i", self._read(4))[0]),
    0x4B: lambda self: self._stack.append(self._read(1)[0]),
    0x4D: lambda self: self._stack.append(unpack("<H", self._read(2))[0]),
    0x4E: _push(None),
    0x51: _R._persistent,
    0x52: _R._reduce,
    0x55: _R._short_bytes,
    0x58: _R._text,
    0x5D: lambda self: self._stack.append([]),
    0x61: _R._append,
    0x62: _R._build,
    0x63: _R._global,
    0x65: _R._appends,
    0x68: lambda self: self._get(self._read(1)[0]),
    0x6A: lambda self: self._get(unpack("<I", self._read(4))[0]),
    0x72: lambda self: self._memo.__setitem__(unpack("<I", self._read(4))[0], self._stack[-1]),
    0x73: _R._setitem,
    0x74: _R._tuple,
    0x75: _R._setitems,
    0x7D: lambda self: self._stack.append({}),
    0x80: _R._protocol,
    0x81: _R._newobj,
    0x85: lambda self: self._tuple_of(1),
    0x86: lambda self: self._tuple_of(2),
    0x87: lambda self: self._tuple_of(3),
    0x88: _push(True),
    0x89: _push(False),
    0x8A: lambda self: self._long(self._read(1)[0]),
    0x8B: lambda self: self._long(unpack("<i", self._read(4))[0]),
    0x8F: lambda self: self._stack.append(set()),
}
