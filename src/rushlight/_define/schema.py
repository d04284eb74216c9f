"""PyTorch's schema strings, parsed: what an op is called, what it takes and what it returns.

A row of the op table stores the string only; `parse` runs when the row is first bound, printed or
documented. The grammar is that of PyTorch's `native_functions.yaml`
(https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/README.md).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

# The reductions of losses are written by name in schemas and travel as numbers.
_NAMED_DEFAULTS: Final[dict[str, Any]] = {
    "None": None,
    "True": True,
    "False": False,
    "Mean": 1,
    "Sum": 2,
    "inf": float("inf"),
    "[]": (),
}


class Argument:
    """One argument (or return) of a schema.

    `type` is the base name (`Tensor`, `Scalar`, `int`, `float`, `bool`, `str`, `ScalarType`, ...);
    `int` stands for `SymInt` too, `symbolic` keeps the difference. `list_size` is None for a
    scalar, 0 for `T[]` and n for `T[n]`; `optional` is a `?` behind the whole type and
    `optional_elements` one behind the element type. `alias` is the text in parentheses (`a!`).
    """

    __slots__ = (
        "alias",
        "default",
        "default_text",
        "has_default",
        "is_out",
        "keyword_only",
        "list_size",
        "mutable",
        "name",
        "optional",
        "optional_elements",
        "symbolic",
        "type",
    )

    def __init__(self, name: str, type_text: str, default_text: str | None = None) -> None:
        self.name = name
        self.keyword_only = False
        self.is_out = False
        self.default_text = default_text
        self.has_default = default_text is not None
        self._read_type(type_text)
        self.default = self._read_default()

    def _read_type(self, text: str) -> None:
        start = text.find("(")
        self.alias = ""
        if start >= 0:
            stop = text.index(")", start)
            self.alias = text[start + 1 : stop]
            text = text[:start] + text[stop + 1 :]
        self.mutable = "!" in self.alias
        self.optional = text.endswith("?")
        if self.optional:
            text = text[:-1]
        self.list_size: int | None = None
        self.optional_elements = False
        if text.endswith("]"):
            text, _, size = text[:-1].partition("[")
            self.list_size = int(size) if size else 0
            self.optional_elements = text.endswith("?")
            text = text.rstrip("?")
        self.symbolic = text == "SymInt"
        self.type = sys.intern("int" if self.symbolic else text)

    def _read_default(self) -> Any:
        text = self.default_text
        if text is None:
            return None
        if text in _NAMED_DEFAULTS:
            value = _NAMED_DEFAULTS[text]
        elif text[0] in "\"'":
            value = text[1:-1]
        elif text[0] == "[":
            value = tuple(_number(item) for item in text[1:-1].split(","))
        elif text[0] in "-.0123456789":
            value = _number(text)
        else:
            return text
        if self.list_size and not isinstance(value, tuple) and value is not None:
            return (value,) * self.list_size
        if self.type == "float" and self.list_size is None and type(value) is int:
            return float(value)
        return value

    @property
    def is_list(self) -> bool:
        """Whether the argument is a list of its type."""
        return self.list_size is not None

    def type_text(self) -> str:
        """The type as a schema writes it, without the alias set."""
        text = "SymInt" if self.symbolic else self.type
        if self.list_size is not None:
            text += "?" if self.optional_elements else ""
            text += f"[{self.list_size or ''}]"
        return text + ("?" if self.optional else "")

    def __repr__(self) -> str:
        default = f"={self.default_text}" if self.has_default else ""
        return f"{self.type_text()} {self.name}{default}"


class Schema:
    """A parsed schema: `name`, `overload`, `arguments`, `returns` and the `text` it came from."""

    __slots__ = ("arguments", "name", "overload", "returns", "text")

    def __init__(
        self,
        text: str,
        name: str,
        overload: str,
        arguments: tuple[Argument, ...],
        returns: tuple[Argument, ...],
    ) -> None:
        self.text = text
        self.name = name
        self.overload = overload
        self.arguments = arguments
        self.returns = returns

    @property
    def outs(self) -> tuple[Argument, ...]:
        """The `out=` arguments."""
        return tuple(argument for argument in self.arguments if argument.is_out)

    @property
    def is_out(self) -> bool:
        """Whether this is the `out=` form of an op."""
        return any(argument.is_out for argument in self.arguments)

    @property
    def is_inplace(self) -> bool:
        """Whether the op writes to its first argument and returns it."""
        return self.name.endswith("_") and not self.name.endswith("__")

    def __repr__(self) -> str:
        return self.text


_parsed: dict[str, Schema] = {}


def parse(text: str) -> Schema:
    """Parse a schema string; the result is shared, so it must not be changed.

    Args:
        text: such as `"max.dim(Tensor self, int dim) -> (Tensor values, Tensor indices)"`; a
            namespace before the name (`aten::`) is dropped.

    Raises:
        ValueError: the text is not a schema.

    >>> schema = parse("add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor")
    >>> schema.name, schema.overload, schema.arguments[2].default
    ('add', 'Tensor', 1)
    """
    schema = _parsed.get(text)
    if schema is None:
        schema = _parsed[text] = _parse(text)
    return schema


def out_schema(text: str) -> str:
    """The `out=` twin of a schema, written from it.

    >>> out_schema("exp(Tensor self) -> Tensor")
    'exp.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)'
    """
    schema = parse(text)
    parts: list[str] = []
    starred = False
    for argument in schema.arguments:
        if argument.keyword_only and argument.name in ("dtype", "layout", "device", "pin_memory"):
            if is_factory(schema):
                continue
        if argument.keyword_only and not starred:
            parts.append("*")
            starred = True
        parts.append(repr(argument))
    if not starred:
        parts.append("*")
    names = [argument.name or "out" for argument in schema.returns]
    outs = [f"Tensor({chr(97 + i)}!)" for i in range(len(names))]
    parts += [f"{out} {name}" for out, name in zip(outs, names, strict=True)]
    overload = f"{schema.overload}_out" if schema.overload else "out"
    returns = outs[0] if len(outs) == 1 else f"({', '.join(outs)})"
    return f"{schema.name}.{overload}({', '.join(parts)}) -> {returns}"


def inplace_schema(text: str) -> str:
    """The in-place twin of a schema, written from it.

    >>> inplace_schema("mul.Tensor(Tensor self, Tensor other) -> Tensor")
    'mul_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)'
    """
    schema = parse(text)
    head = f"{schema.name}_" + (f".{schema.overload}" if schema.overload else "")
    parts: list[str] = []
    starred = False
    for argument in schema.arguments:
        if argument.keyword_only and not starred:
            parts.append("*")
            starred = True
        parts.append("Tensor(a!) self" if argument.name == "self" else repr(argument))
    return f"{head}({', '.join(parts)}) -> Tensor(a!)"


def is_factory(schema: Schema) -> bool:
    """Whether Python adds `requires_grad` and the tensor options: `zeros`, `rand_like`, `new_ones`.

    Such an op makes a tensor from a dtype, a layout and a device.
    """
    if any(argument.is_out for argument in schema.arguments):
        return False
    names = {argument.name for argument in schema.arguments if argument.keyword_only}
    if not names >= {"dtype", "layout", "device", "pin_memory"}:
        return False
    return (
        schema.name.endswith("_like")
        or schema.name.startswith("new_")
        or not any(a.type == "Tensor" and a.name == "self" for a in schema.arguments)
    )


def _number(text: str) -> int | float | bool:
    text = text.strip()
    if text in ("True", "False"):
        return text == "True"
    try:
        return int(text)
    except ValueError:
        return float(text)


def _split(text: str) -> list[str]:
    """Split at commas outside of brackets and quotes."""
    parts: list[str] = []
    depth, start, quote = 0, 0, ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    tail = text[start:].strip()
    if tail:
        parts.append(tail)
    return parts


def _cut(text: str, characters: str) -> int:
    """Where the first of `characters` stands outside of brackets, or -1."""
    depth = 0
    for position, character in enumerate(text):
        if character in characters and depth == 0:
            return position
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
    return -1


def _parse_argument(text: str) -> Argument:
    default = None
    equals = _cut(text, "=")
    if equals >= 0:
        text, default = text[:equals].strip(), text[equals + 1 :].strip()
    # Alias sets hold spaces (`Tensor(a -> *) self`), so the name is behind the last space.
    type_text, _, name = text.rpartition(" ")
    return Argument(name, type_text, default)


def _parse_return(text: str) -> Argument:
    space = _cut(text, " ")
    return Argument("", text) if space < 0 else Argument(text[space + 1 :], text[:space])


def _parse(text: str) -> Schema:
    opening = text.find("(")
    arrow = text.rfind("->")
    # `-> *` inside an alias set of a return is never the last arrow's right side.
    while arrow > 0 and text[:arrow].count("(") != text[:arrow].count(")"):
        arrow = text.rfind("->", 0, arrow)
    if opening <= 0 or arrow < opening:
        raise ValueError(f"not a schema: {text!r}")
    head = text[:opening].rpartition("::")[2]
    name, _, overload = head.partition(".")
    inside = text[opening + 1 : text.rindex(")", opening, arrow)]
    arguments: list[Argument] = []
    keyword_only = False
    for part in _split(inside):
        if part == "*":
            keyword_only = True
            continue
        argument = _parse_argument(part)
        argument.keyword_only = keyword_only
        argument.is_out = keyword_only and argument.mutable
        arguments.append(argument)
    result = text[arrow + 2 :].strip()
    if result.startswith("("):
        result = result[1:-1]
    returns = tuple(_parse_return(part) for part in _split(result))
    return Schema(text, name, overload, tuple(arguments), returns)
