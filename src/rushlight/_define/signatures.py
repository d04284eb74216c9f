"""The signatures that Python shows for an op's schemas, in the order in which they are tried.

`self` is `input` in functions, an `out=` form is folded into its functional form, factories gain
`requires_grad`; more specific types go first, as PyTorch's code generator sorts them.
"""

from __future__ import annotations

from .schema import Argument, is_factory, parse
from .values import KINDS, convert

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .schema import Schema

_ALIASES = {"dim": ("axis",), "keepdim": ("keepdims",), "input": ("x", "a", "x1"), "other": ("x2",)}

_ARITHMETIC = ("add", "sub", "mul", "div")
# Functions whose Tensor arguments take a Python number too.
_NUMBERS = {
    name + mark
    for name in (*_ARITHMETIC, "divide", "floor_divide", "multiply", "subtract", "true_divide")
    for mark in ("", "_")
} | {"copy_"}

# Functions that add a product: `addmm(input, mat1, mat2, *, beta, alpha)`.
_PRODUCTS = ("addmm", "addmv", "addr", "addbmm", "baddbmm", "sspaddmm")

_OPTIONS = ("dtype", "layout", "device", "pin_memory")
_INTEGER_DTYPE = ("4", "long")


class Parameter:
    """One parameter of a Python signature."""

    __slots__ = (
        "aliases",
        "allow_none",
        "default",
        "has_default",
        "keyword_only",
        "kind",
        "name",
        "nullable",
        "shown",
        "size",
        "sort_text",
    )

    def __init__(self, argument: Argument, name: str, numbers: bool) -> None:
        self.name = name
        self.aliases = _ALIASES.get(name, ())
        self.kind = argument.type + ("[]" if argument.is_list else "")
        if argument.symbolic and not argument.is_list:
            self.kind = "SymInt"
        if numbers and self.kind == "Tensor" and name != "out":
            self.kind = "Tensor|Scalar"
        self.size = argument.list_size or 0
        self.nullable = argument.optional_elements
        self.keyword_only = argument.keyword_only
        self.has_default = argument.has_default
        self.default = argument.default
        self.allow_none = argument.optional or argument.default_text == "None"
        text = argument.default_text
        if argument.type == "ScalarType" and text is not None:
            text = "None"
            self.allow_none = True
            self.default = int if argument.default_text in _INTEGER_DTYPE else None
        elif name in ("pin_memory", "requires_grad"):
            text, self.default = "False", False
        elif argument.type == "str" and text not in (None, "None"):
            text = f'"{argument.default}"'
        elif argument.is_list and text is not None and text[0] == "[":
            # `[]` is shown as None, `[1, 1]` as the int it repeats.
            items = set(argument.default)
            text = str(items.pop()) if len(items) == 1 else text if items else "None"
            self.allow_none |= text == "None"
        self.shown = f"{KINDS[self.kind][0]} {name}" + ("" if text is None else f" = {text}")
        self.sort_text = f"{_sort_type(argument)} {name}" + ("" if text is None else f"={text}")


def _sort_type(argument: Argument) -> str:
    """The type by which PyTorch's generator orders overloads: its C++ spelling."""
    text = {
        "int": "SymInt" if argument.symbolic else "int64_t",
        "float": "double",
        "str": "c10::string_view",
    }.get(argument.type, argument.type)
    if argument.is_list:
        lists = {"int": "SymIntArrayRef" if argument.symbolic else "IntArrayRef"}
        text = lists.get(argument.type, f"{argument.type}List")
        text += f"[{argument.list_size}]" if argument.list_size else ""
    return text + ("?" if argument.optional else "")


class PythonSignature:
    """A signature as Python shows it, and how its parameters fill the schemas behind it.

    `base` and `out` are indices of schemas (None where there is none); `base_slots[i]` is the
    parameter of the base schema's i-th argument, and `(parameter, item)` pairs fill `out_slots`.
    """

    __slots__ = (
        "base",
        "base_slots",
        "hidden",
        "max_positional",
        "min_args",
        "out",
        "out_slots",
        "parameters",
        "schema",
        "varargs",
    )

    def __init__(
        self,
        parameters: list[Parameter],
        schema: Schema,
        base: int | None,
        out: int | None,
        hidden: bool = False,
    ) -> None:
        self.parameters = parameters
        self.schema = schema
        self.base = base
        self.out = out
        self.hidden = hidden
        self.min_args = sum(not p.has_default for p in parameters)
        self.max_positional = sum(not p.keyword_only for p in parameters)
        # `x.view(2, 3)`: a list of ints that stands alone may be written without parentheses.
        self.varargs = self.max_positional == 1 and parameters[0].kind == "int[]"
        self.base_slots: tuple[int, ...] = ()
        self.out_slots: tuple[tuple[int, int | None], ...] = ()

    def text(self) -> str:
        """The signature as messages print it: `(Tensor input, *, Tensor out = None)`."""
        parts: list[str] = []
        starred = False
        for parameter in self.parameters:
            if parameter.keyword_only and not starred:
                parts.append("*")
                starred = True
            parts.append(parameter.shown)
        return f"({', '.join(parts)})"

    def sort_text(self) -> str:
        """The text by which overloads are ordered."""
        parts: list[str] = []
        starred = False
        for parameter in self.parameters:
            if parameter.keyword_only and not starred:
                parts.append("*")
                starred = True
            parts.append(parameter.sort_text)
        return f"({', '.join(parts)})"


def _shape(argument: Argument) -> tuple[str, str]:
    return argument.type_text(), argument.name


def _out_of(schema: Schema, outs: Sequence[tuple[int, Schema]]) -> int | None:
    """The index of the `out=` form that takes the same arguments."""
    skipped = _OPTIONS if is_factory(schema) else ()
    wanted = [_shape(a) for a in schema.arguments if a.name not in skipped]
    for index, out in outs:
        if [_shape(a) for a in out.arguments if not a.is_out] == wanted:
            return index
    return None


def _keyword(name: str, type_text: str, default: str | None) -> Argument:
    argument = Argument(name, type_text, default)
    argument.keyword_only = True
    return argument


def _build(
    schema: Schema,
    base: int | None,
    out: int | None,
    out_schema: Schema | None,
    method: bool,
    numbers: bool,
) -> PythonSignature:
    factory = is_factory(schema)
    options: list[Argument] = []
    arguments: list[tuple[Argument, str]] = []
    for argument in schema.arguments:
        if argument.is_out or (factory and argument.keyword_only and argument.name in _OPTIONS):
            continue
        name = argument.name
        if name == "self" and argument.type == "Tensor":
            if method:
                continue
            name = "input"
        arguments.append((argument, name))
    if out_schema is not None and not method:
        outs = out_schema.outs
        default = "None" if base is not None else None
        kind = "Tensor" if len(outs) == 1 else f"Tensor[{len(outs)}]"
        arguments.append((_keyword("out", kind, default), "out"))
    if factory:
        options = [
            _keyword("dtype", "ScalarType?", _default_of(schema, "dtype")),
            _keyword("layout", "Layout?", "None"),
            _keyword("device", "Device?", "None"),
            _keyword("pin_memory", "bool?", "False"),
            _keyword("requires_grad", "bool?", "False"),
        ]
    arguments += [(argument, argument.name) for argument in options]
    parameters = [Parameter(argument, name, numbers) for argument, name in arguments]
    signature = PythonSignature(parameters, schema, base, out)
    place = {parameter.name: i for i, parameter in enumerate(parameters)}
    extra = (place["requires_grad"],) if factory else ()
    signature.base_slots = (
        *(
            place[_python_name(a)] if not _is_self(a, method) else -1
            for a in schema.arguments
            if not a.is_out
        ),
        *extra,
    )
    if out_schema is not None and not method:
        slots: list[tuple[int, int | None]] = []
        outs = out_schema.outs
        for argument in out_schema.arguments:
            if argument.is_out:
                item = outs.index(argument) if len(outs) > 1 else None
                slots.append((place["out"], item))
            else:
                slots.append((place[_python_name(argument)], None))
        slots += [(place[option.name], None) for option in options]
        signature.out_slots = tuple(slots)
    return signature


def _default_of(schema: Schema, name: str) -> str:
    return next((a.default_text or "None" for a in schema.arguments if a.name == name), "None")


def _is_self(argument: Argument, method: bool) -> bool:
    return method and argument.name == "self" and argument.type == "Tensor"


def _python_name(argument: Argument) -> str:
    if argument.name == "self" and argument.type == "Tensor":
        return "input"
    return argument.name


def _weaker(first: Argument, second: Argument) -> bool:
    """Whether an overload with `first` must be tried after one with `second`."""
    one, two = first.type_text(), second.type_text()
    if two == "Tensor":
        return one in ("Scalar", "int", "SymInt")
    if two == "Tensor?":
        return one == "Scalar?"
    if one in ("int[]", "SymInt[]") or (first.list_size and first.type == "int"):
        return two in ("int", "int?") and not first.optional
    return one == "Tensor[]" and "[]" in two


def _precedes(first: PythonSignature, second: PythonSignature) -> bool:
    """Whether `first` must be tried after `second` because it takes less specific types."""
    ones = [a for a in first.schema.arguments if not a.is_out]
    twos = [a for a in second.schema.arguments if not a.is_out]
    if len(ones) != len(twos):
        return False
    weaker = False
    for one, two in zip(ones, twos, strict=True):
        if one.type_text() != two.type_text():
            if not _weaker(one, two):
                return False
            weaker = True
    return weaker


def _ordered(signatures: list[PythonSignature]) -> list[PythonSignature]:
    signatures = sorted(signatures, key=PythonSignature.sort_text)
    waiting = {
        i: {j for j, other in enumerate(signatures) if i != j and _precedes(one, other)}
        for i, one in enumerate(signatures)
    }
    order = [i for i, blockers in waiting.items() if not blockers]
    waiting = {i: blockers for i, blockers in waiting.items() if blockers}
    for done in order:
        for i in list(waiting):
            waiting[i].discard(done)
            if not waiting[i]:
                del waiting[i]
                order.append(i)
    return [signatures[i] for i in order]


def _deprecated(signature: PythonSignature, method: bool, numbers: bool) -> list[PythonSignature]:
    """The old forms that put a factor before a tensor: `torch.add(x, 2, y)`."""
    schema = signature.schema
    names = [parameter.name for parameter in signature.parameters if parameter.name != "out"]
    stem = schema.name.rstrip("_")
    forms: list[list[str]] = []
    if stem in ("add", "sub") and names[-2:] == ["other", "alpha"]:
        forms = [[*names[:-2], "alpha", "other"]]
    elif stem in ("addcmul", "addcdiv") and names[-1] == "value":
        forms = [[*names[:-3], "value", *names[-3:-1]]]
    elif stem in _PRODUCTS and names[-2:] == ["beta", "alpha"]:
        head, factors = names[:-4], names[-4:-2]
        forms = [["beta", *head, "alpha", *factors], ["beta", *head, *factors]]
    result = []
    by_name = {argument.name: argument for argument in schema.arguments}
    for form in forms:
        parameters = []
        for name in form:
            argument = by_name["self" if name == "input" else name]
            plain = Argument(argument.name, argument.type_text())
            parameters.append(Parameter(plain, name, numbers))
        old = PythonSignature(parameters, schema, signature.base, None, hidden=True)
        slots = []
        for argument in schema.arguments:
            name = _python_name(argument)
            if _is_self(argument, method):
                slots.append(-1)
            else:
                # A factor that the form leaves out has its default, which is 1.
                slots.append(form.index(name) if name in form else -2)
        old.base_slots = tuple(slots)
        result.append(old)
    return result


def python_signatures(
    op_name: str, schemas: Sequence[str], method: bool = False
) -> list[PythonSignature]:
    """The signatures of an op in the order in which they are tried."""
    parsed = [parse(text) for text in schemas]
    overloads = {schema.overload for schema in parsed}
    numbers = op_name in _NUMBERS
    base: list[tuple[int, Schema]] = []
    outs: list[tuple[int, Schema]] = []
    for index, schema in enumerate(parsed):
        if schema.is_out:
            outs.append((index, schema))
        elif method and not any(_is_self(a, True) for a in schema.arguments):
            continue
        elif (
            schema.overload in ("Scalar", "Scalar_mode")
            and schema.overload.replace("Scalar", "Tensor") in overloads
            and op_name.rstrip("_") in _ARITHMETIC
            and schema.overload == "Scalar"
        ):
            # Python's `add` has no Scalar form: its Tensor argument takes numbers.
            continue
        else:
            base.append((index, schema))
    signatures = []
    used: set[int] = set()
    for index, schema in base:
        out = _out_of(schema, outs)
        if out is not None:
            used.add(out)
        twin = parsed[out] if out is not None else None
        signatures.append(_build(schema, index, out, twin, method, numbers))
    if not method:
        for index, schema in outs:
            if index not in used and not schema.overload.startswith("Scalar_out"):
                signatures.append(_build(schema, None, index, schema, method, numbers))
    result = _ordered(signatures)
    for signature in list(result):
        result += _deprecated(signature, method, numbers)
    return result


def default_value(parameter: Parameter) -> Any:
    """What the op receives where nothing, or None, was given."""
    if parameter.default is int and parameter.kind == "ScalarType":
        return convert("ScalarType", 0, int, "", 0, False)
    return parameter.default
