"""The text of a TypeError when no overload fits, as PyTorch's argument parser words it.

PyTorch compares the given types with the printed signatures by name alone and lists keyword
arguments in the order of a C++ hash table; both are kept, so that the text is the same.
"""

from __future__ import annotations

from .values import type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_MASK = (1 << 64) - 1
_MULTIPLIER = 0xC6A4A7935BD1E995
_BUCKET_COUNTS = (13, 29, 59, 127)


def _hash(text: str) -> int:
    """MurmurHash2 of 64 bits, which the C++ library uses for strings."""
    data = text.encode()
    value = 0xC70F6907 ^ (len(data) * _MULTIPLIER & _MASK)
    whole = len(data) & ~7
    for start in range(0, whole, 8):
        word = int.from_bytes(data[start : start + 8], "little") * _MULTIPLIER & _MASK
        word ^= word >> 47
        value = (value ^ (word * _MULTIPLIER & _MASK)) * _MULTIPLIER & _MASK
    if len(data) != whole:
        value = (value ^ int.from_bytes(data[whole:], "little")) * _MULTIPLIER & _MASK
    value ^= value >> 47
    value = value * _MULTIPLIER & _MASK
    return value ^ value >> 47


def hash_order(names: Sequence[str]) -> list[str]:
    """The order in which a C++ hash table, filled in the order given, is walked.

    >>> hash_order(["dim", "keepdim"])
    ['keepdim', 'dim']
    """
    buckets = next((count for count in _BUCKET_COUNTS if count >= len(names)), 257)
    order: list[str] = []
    # A new key goes before its bucket's first key; a new bucket goes to the front.
    for name in names:
        bucket = _hash(name) % buckets
        place = next((i for i, key in enumerate(order) if _hash(key) % buckets == bucket), 0)
        order.insert(place, name)
    return order


_INTS = ("int", "long")
_FLOATS = ("float", "int", "long")


def _fits(shown: str, value: Any) -> bool:
    name = type_name(value)
    if shown == "int":
        return name in _INTS
    if shown == "float":
        return name in _FLOATS
    return name == shown


def _long_type_name(value: Any) -> str:
    name = type_name(value)
    if isinstance(value, tuple):
        inner = ", ".join(type_name(item) for item in value)
        return f"{name} of ({inner}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"{name} of [{', '.join(type_name(item) for item in value)}]"
    return name


def _printed_arguments(option: str) -> list[tuple[str, str]]:
    """(type, name) of each printed argument, defaults taken for names as PyTorch does."""
    inside = option[1:-1]
    pairs = []
    for part in inside.split(", "):
        shown, space, name = part.rpartition(" ")
        pairs.append((shown, name) if space else (part, part))
    return pairs


def _describe(args: Sequence[Any], kwargs: Mapping[str, Any], order: Sequence[str]) -> str:
    positional = ", ".join(type_name(value) for value in args)
    keywords = [f"{name}={type_name(kwargs[name])}" for name in order]
    # Without positional arguments PyTorch leaves the last comma in place.
    if not args:
        return f"({''.join(text + ', ' for text in keywords)})"
    return f"({', '.join([positional, *keywords])})"


def _marked(
    arguments: Sequence[tuple[str, str]], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> str:
    """The given types, those that do not fit between exclamation marks."""
    texts = []
    for place, (shown, name) in enumerate(arguments[: len(args) + len(kwargs)]):
        keyword = place >= len(args)
        value = kwargs[name] if keyword else args[place]
        text = f"{name}={_long_type_name(value)}" if keyword else _long_type_name(value)
        texts.append(text if _fits(shown, value) else f"!{text}!")
    tail = "" if args or not texts else ", "
    return f"({', '.join(texts)}{tail})"


def invalid_combination(
    op_name: str, options: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> str:
    """The message for a call that fits none of the printed signatures `options`."""
    order = hash_order(list(kwargs))
    head = f"{op_name}() received an invalid combination of arguments - got "
    if len(options) == 1:
        arguments = _printed_arguments(options[0])
        unknown = _unknown_keywords(arguments, order)
        if unknown:
            return f"{head}unrecognized keyword arguments: {', '.join(unknown)}"
        if len(arguments) == len(args) + len(kwargs):
            got = _marked(arguments, args, kwargs)
        else:
            got = _describe(args, kwargs, order)
        return f"{head}{got}, but expected {options[0]}"
    lines = [f"{head}{_describe(args, kwargs, order)}, but expected one of:"]
    for option in options:
        lines.append(f" * {option}")
        arguments = _printed_arguments(option)
        if len(arguments) != len(args) + len(kwargs):
            continue
        unknown = _unknown_keywords(arguments, order)
        if unknown:
            reason = f"keywords were incorrect: {', '.join(unknown)}"
        else:
            reason = f"arguments have invalid types: {_marked(arguments, args, kwargs)}"
        lines.append(f"      didn't match because some of the {reason}")
    return "\n".join(lines) + "\n"


def _unknown_keywords(arguments: Sequence[tuple[str, str]], order: Sequence[str]) -> list[str]:
    known = {name for _, name in arguments[max(0, len(arguments) - len(order)) :]}
    return [name for name in order if name not in known]
