"""What tools show of an op: its `inspect.Signature` and the text of its type stub."""

from __future__ import annotations

from .schema import parse
from .signatures import python_signatures

TYPE_CHECKING = False
if TYPE_CHECKING:
    import inspect
    from collections.abc import Sequence
    from typing import Any

    from .schema import Argument, Schema
    from .signatures import Parameter, PythonSignature

# kind -> (the annotation of an argument, the annotation of a result)
_ANNOTATIONS = {
    "Tensor": ("Tensor", "Tensor"),
    "Tensor|Scalar": ("Tensor | Number", "Tensor"),
    "Scalar": ("Number", "Number"),
    "int": ("int", "int"),
    "SymInt": ("int", "int"),
    "float": ("float", "float"),
    "bool": ("bool", "bool"),
    "str": ("str", "str"),
    "ScalarType": ("_dtype", "_dtype"),
    "Device": ("DeviceLikeType", "_device"),
    "Layout": ("_layout", "_layout"),
    "MemoryFormat": ("memory_format", "memory_format"),
    "Generator": ("Generator", "Generator"),
    "int[]": ("Sequence[int]", "tuple[int, ...]"),
    "float[]": ("Sequence[float]", "tuple[float, ...]"),
    "Tensor[]": ("tuple[Tensor, ...] | list[Tensor]", "tuple[Tensor, ...]"),
    "Scalar[]": ("Sequence[Number]", "tuple[Number, ...]"),
    "bool[]": ("Sequence[bool]", "tuple[bool, ...]"),
}

# Parameters that are Python keywords can be given by position only.
_KEYWORDS = frozenset({"from", "in", "is", "lambda", "global", "not", "pass"})


def signature(
    schemas: Sequence[str], *, name: str | None = None, method: bool = False
) -> inspect.Signature:
    """The `inspect.Signature` of an op, with PyTorch's names and defaults.

    An op with several overloads shows the parameters of the one that takes most of them, those
    which another overload goes without with a default of None.

    Args:
        schemas: the op's schema strings.
        name: the op's name, by default that of the first schema.
        method: leave `self` in front instead of calling it `input`.

    >>> str(signature(["add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor"]))
    '(input, other, *, alpha=1)'
    """
    import inspect

    name = name or parse(schemas[0]).name
    visible = [s for s in python_signatures(name, schemas, method) if not s.hidden]
    widest = max(visible, key=lambda s: (len(s.parameters), s.varargs))
    everywhere = [{p.name for p in s.parameters} for s in visible]
    parameters = []
    if method:
        parameters.append(inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY))
    optional = False
    for parameter in widest.parameters:
        default: Any = inspect.Parameter.empty
        missing = not all(parameter.name in names for names in everywhere)
        if parameter.has_default:
            default = None if parameter.kind == "ScalarType" else parameter.default
        elif missing or (optional and not parameter.keyword_only):
            default = None
        optional = optional or default is not inspect.Parameter.empty
        kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
        if parameter.keyword_only:
            kind = inspect.Parameter.KEYWORD_ONLY
        elif parameter.name in _KEYWORDS:
            # `inspect` refuses keywords as names; PyTorch writes such a parameter with a `_`.
            parameters.append(inspect.Parameter(f"{parameter.name}_", kind, default=default))
            continue
        parameters.append(inspect.Parameter(parameter.name, kind, default=default))
    return inspect.Signature(parameters)


def stub_text(name: str, schemas: Sequence[str], *, method: bool = False, indent: str = "") -> str:
    """The overloads of an op as a type stub declares them, one line each.

    The text uses these names: `Tensor`, `Number` (`int | float | bool | complex`), `_dtype`,
    `_device`, `_layout`, `memory_format`, `Generator`, `DeviceLikeType`, `Sequence`, `Any`,
    `overload`.

    >>> print(stub_text("exp", ["exp(Tensor self) -> Tensor"]), end="")
    def exp(input: Tensor) -> Tensor: ...
    """
    lines: list[str] = []
    for shown in python_signatures(name, schemas, method):
        if shown.hidden:
            continue
        result = _returns(name, shown.schema)
        lines.append(f"def {name}({_parameters(shown, method)}) -> {result}: ...")
        if shown.varargs:
            lines.append(f"def {name}({_parameters(shown, method, varargs=True)}) -> {result}: ...")
    # A type checker refuses an overload that an earlier one takes already.
    covered = {narrow for line in lines for narrow in _narrower(line)}
    lines = [line for line in lines if line not in covered]
    head = f"{indent}@overload\n" if len(lines) > 1 else ""
    return "".join(f"{head}{indent}{line}\n" for line in lines)


def _narrower(line: str) -> list[str]:
    """A declaration with one of its ``Tensor | Number`` turned into ``Number``: each in turn."""
    parts = line.split("Tensor | Number")
    return [
        "Tensor | Number".join(parts[:i]) + "Number" + "Tensor | Number".join(parts[i:])
        for i in range(1, len(parts))
    ]


def _parameters(shown: PythonSignature, method: bool, *, varargs: bool = False) -> str:
    parts = ["self"] if method else []
    starred = False
    for index, parameter in enumerate(shown.parameters):
        if varargs and index == 0:
            parts.append(f"*{parameter.name}: int")
            starred = True
            continue
        if parameter.keyword_only and not starred:
            parts.append("*")
            starred = True
        parts.append(_parameter(parameter))
    # A parameter whose name is a keyword makes it, and all before it, positional.
    keywords = [i for i, p in enumerate(shown.parameters) if p.name in _KEYWORDS]
    if keywords:
        parts.insert(keywords[-1] + 1 + (1 if method else 0), "/")
    return ", ".join(parts)


def _parameter(parameter: Parameter) -> str:
    annotation = _ANNOTATIONS.get(parameter.kind, ("Any", "Any"))[0]
    if parameter.kind == "int[]" and parameter.size:
        annotation = "int | " + annotation
    if parameter.name == "out" and parameter.kind == "Tensor[]":
        items = ", ".join(["Tensor"] * parameter.size)
        annotation = f"tuple[{items}] | list[Tensor]"
    if parameter.allow_none:
        annotation += " | None"
    default = ""
    if parameter.has_default:
        value = parameter.default
        shown = value if isinstance(value, bool | int | float | str) else None
        default = f" = {shown!r}" if shown is not None or value is None else " = ..."
    name = f"{parameter.name}_" if parameter.name in _KEYWORDS else parameter.name
    return f"{name}: {annotation}{default}"


def _return(argument: Argument) -> str:
    kind = argument.type + ("[]" if argument.is_list else "")
    return _ANNOTATIONS.get(kind, ("Any", "Any"))[1]


def _returns(name: str, schema: Schema) -> str:
    returns = schema.returns
    if not returns:
        return "None"
    if len(returns) == 1:
        return _return(returns[0])
    if all(argument.name for argument in returns):
        return f"return_types.{name.rstrip('_')}"
    return f"tuple[{', '.join(_return(argument) for argument in returns)}]"
