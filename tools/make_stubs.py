"""Writes src/rushlight/__init__.pyi: what type checkers and editors know of `torch.*` and `Tensor`.

    python tools/make_stubs.py            write the stub
    python tools/make_stubs.py --check    exit with 1 if the committed stub is stale

Everything comes from the registry: rows and overloads from their PyTorch schema strings, plain
functions from their own annotations.
"""

import importlib.util
import inspect
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
STUB = ROOT / "src" / "rushlight" / "__init__.pyi"
WIDTH = 100
sys.path.insert(0, str(ROOT / "src"))

import rushlight  # noqa: E402
from rushlight._core import Tensor  # noqa: E402
from rushlight._define.stubs import stub_text  # noqa: E402
from rushlight._tensor import attributes, registry  # noqa: E402
from rushlight._tensor.device import CONSTANTS  # noqa: E402

DOCSTRING = '"""Types of rushlight\'s public names. Made by tools/make_stubs.py; do not edit."""\n'

# Names that the package itself binds at once.
_EAGER = {
    "as_torch": "_alias", "Size": "_tensor.device", "device": "_tensor.device",
    "layout": "_tensor.device", "memory_format": "_tensor.device",
    "__rushlight_version__": "_version", "__version__": "_version",
}  # fmt: skip

HEADER = '''
Number: TypeAlias = builtins.int | builtins.float | builtins.bool | builtins.complex
DeviceLikeType: TypeAlias = str | device | builtins.int
_device: TypeAlias = device
_layout: TypeAlias = layout

e: builtins.float
inf: builtins.float
nan: builtins.float
newaxis: None
pi: builtins.float

class dtype:
    itemsize: builtins.int
    is_floating_point: builtins.bool
    is_complex: builtins.bool
    is_signed: builtins.bool
    def to_real(self) -> dtype: ...
    def to_complex(self) -> dtype: ...

_dtype: TypeAlias = dtype
'''

_PROPERTIES = {
    "shape": "Size", "dtype": "_dtype", "device": "_device", "ndim": "int", "itemsize": "int",
    "nbytes": "int", "grad": "Tensor | None", "requires_grad": "bool", "is_leaf": "bool",
    "grad_fn": "Any", "data": "Tensor", "T": "Tensor", "mT": "Tensor", "_base": "Tensor | None",
    "_version": "int", "output_nr": "int", "retains_grad": "bool", "is_cuda": "bool",
    "is_cpu": "bool", "is_sparse": "bool", "is_quantized": "bool", "is_mps": "bool",
    "is_meta": "bool", "names": "tuple[str | None, ...]", "layout": "_layout",
}  # fmt: skip
_BINARY = (
    "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow matmul "
    "rmatmul and rand or ror xor rxor lt le gt ge iadd isub imul itruediv"
).split()


def _function_stub(name, function, indent, method):
    """A stub from a Python function's own signature; its annotations if they are simple."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return f"{indent}def {name}(*args: Any, **kwargs: Any) -> Any: ..."
    shown = []
    starred = False
    for i, p in enumerate(parameters):
        first = method and i == 0
        if p.kind is p.VAR_POSITIONAL:
            starred = True
            shown.append(f"*{p.name}: Any")
        elif p.kind is p.VAR_KEYWORD:
            shown.append(f"**{p.name}: Any")
        else:
            if p.kind is p.KEYWORD_ONLY and not starred:
                shown.append("*")
                starred = True
            default = "" if p.default is p.empty else " = ..."
            shown.append("self" if first else f"{p.name}: Any{default}")
    result = getattr(function, "__annotations__", {}).get("return", "Any")
    result = {"Tensor": "Tensor", "bool": "bool", "int": "int"}.get(str(result), "Any")
    return f"{indent}def {name}({', '.join(shown)}) -> {result}: ..."


def _target_stub(name, target, indent="", method=False):
    schemas = getattr(target, "schemas", None)
    if schemas:
        try:
            text = stub_text(name, schemas, method=method, indent=indent)
        except Exception as error:  # a schema string the stub writer cannot show is a bug
            raise SystemExit(f"{name}: {error}") from error
        return text.rstrip("\n")
    function = registry.resolve(target) if not callable(target) else target
    return _function_stub(name, function, indent, method)


def _home(kind):
    """The module below rushlight that defines a class, or None for one made at run time."""
    home = kind.__module__.replace("torch", "rushlight", 1)
    for module in sorted(m for m in sys.modules if m.startswith("rushlight.")):
        held = vars(sys.modules[module])
        if held.get(kind.__name__) is kind and (module == home or _defines(held, kind)):
            return module.removeprefix("rushlight.")
    return None


def _defines(held, kind):
    """Whether the module with the namespace `held` has the class statement."""
    try:
        return inspect.getsourcefile(kind.__init__) == held["__file__"]
    except (TypeError, KeyError):
        return False


def _imports():
    """The import statements: submodules, and names that live in modules below the package."""
    places = {**_EAGER, **rushlight._LAZY}
    for name, target in registry.FUNCTIONS.items():
        if inspect.isclass(target) and _home(target) is not None:
            places[name] = _home(target)
    found = [(".", name, name) for name in rushlight._SUBMODULES
             if importlib.util.find_spec(f"rushlight.{name}")]  # fmt: skip
    for name, module in places.items():
        target = registry.FUNCTIONS.get(name)
        found.append((f".{module}", target.__name__ if inspect.isclass(target) else name, name))
    lines = ["import builtins", "from collections.abc import Iterator, Sequence",
             "from typing import Any, TypeAlias, overload", ""]  # fmt: skip
    for module, name, shown in sorted(found, key=lambda f: (f[0] != ".", f[0], f[1])):
        lines.append(f"from {module} import {name} as {shown}")
    return lines


registry.load_late()


def make():
    """The text of the stub."""
    lines = [DOCSTRING, *_imports(), HEADER]
    for name, value in sorted(CONSTANTS.items()):
        lines.append(f"{name}: {type(value).__name__}")
    first = len(lines)
    lines += ["", "class Tensor:"]
    for name, kind in _PROPERTIES.items():
        lines.append(f"    {name}: {kind}")
    lines.append("    def __init__(self, *args: Any, **kwargs: Any) -> None: ...")
    for name in _BINARY:
        lines.append(f"    def __{name}__(self, other: Any) -> Tensor: ...")
    for name in ("neg", "pos", "abs", "invert"):
        lines.append(f"    def __{name}__(self) -> Tensor: ...")
    lines += [
        "    def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]",
        "    def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]",
        "    def __hash__(self) -> int: ...",
        "    def __getitem__(self, key: Any) -> Tensor: ...",
        "    def __setitem__(self, key: Any, value: Any) -> None: ...",
        "    def __iter__(self) -> Iterator[Tensor]: ...",
        "    def __len__(self) -> int: ...",
        "    def __bool__(self) -> bool: ...",
        "    def __int__(self) -> int: ...",
        "    def __float__(self) -> float: ...",
        "    def __index__(self) -> int: ...",
        "    def __contains__(self, value: Any) -> bool: ...",
        "    def __array__(self, dtype: Any = None, copy: Any = None) -> Any: ...",
    ]
    methods = dict(registry.METHODS)
    for name, value in vars(Tensor).items():
        if not name.startswith("_") and callable(value) and name not in _PROPERTIES:
            methods.setdefault(name, value)
    for name in sorted(n for n in methods if not n.startswith("__") and n not in _PROPERTIES):
        target = methods[name]
        own = getattr(attributes, "_" + name, None) or target
        chosen = own if not getattr(target, "schemas", None) and callable(own) else target
        lines.append(_target_stub(name, chosen, indent="    ", method=True))
    lines.append("")
    for name in sorted(registry.FUNCTIONS.keys() - rushlight._LAZY.keys()):
        target = registry.FUNCTIONS[name]
        if inspect.isclass(target):
            if _home(target) is None:
                # One of the old tensor types: `isinstance` and calls treat it as a tensor's class.
                lines.append(f"class {name}(Tensor): ...")
        else:
            lines.append(_target_stub(name, target))
    for d in rushlight._dtypes.ALL:
        lines += [f"{n}: dtype" for n in (d.name, d.alias) if n]
    body = "\n".join(_spelled(line) for line in lines[first:]).splitlines()
    return "\n".join([*lines[:first], *map(_wrapped, body)]) + "\n"


# The stub itself binds int, float and bool to dtypes.
_BUILTIN = re.compile(r"(?<=[ \[])(int|float|bool|complex)(?=[\],) |:]|$)")


def _spelled(line):
    """Annotations with Python's types under their full names."""
    name, colon, rest = line.partition(":" if "def " not in line else "(")
    rest = re.sub(r"return_types\.\w+", "Any", rest)
    return name + colon + _BUILTIN.sub(r"builtins.\1", rest)


def _wrapped(line):
    """A long line with its parameters on lines of their own."""
    if len(line) <= WIDTH:
        return line
    indent = line[: len(line) - len(line.lstrip())]
    head, _, rest = line.partition("(")
    parameters, tail = rest[: rest.rindex(") -> ")], rest[rest.rindex(") -> ") :]
    parts, depth, start = [], 0, 0
    for i, c in enumerate(parameters):
        depth += (c in "[(") - (c in "])")
        if c == "," and depth == 0:
            parts.append(parameters[start:i].strip())
            start = i + 1
    parts.append(parameters[start:].strip())
    together = f"{indent}    {parameters}"
    body = together if len(together) <= WIDTH else "\n".join(f"{indent}    {p}," for p in parts)
    return f"{head}(\n{body}\n{indent}{tail}"


def main():
    text = make()
    if "--check" in sys.argv:
        sys.exit(0 if STUB.exists() and STUB.read_text() == text else 1)
    STUB.write_text(text)


if __name__ == "__main__":
    main()
