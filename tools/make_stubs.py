"""Writes src/rushlight/__init__.pyi: what type checkers and editors know of `torch.*` and `Tensor`.

    python tools/make_stubs.py            write the stub
    python tools/make_stubs.py --check    exit with 1 if the committed stub is stale

Everything comes from the registry: rows and overloads from their PyTorch schema strings, plain
functions from their own annotations.
"""

import inspect
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
STUB = ROOT / "src" / "rushlight" / "__init__.pyi"
sys.path.insert(0, str(ROOT / "src"))

import rushlight  # noqa: E402
from rushlight._core import Tensor  # noqa: E402
from rushlight._define.stubs import stub_text  # noqa: E402
from rushlight._tensor import attributes, registry  # noqa: E402

HEADER = '''"""Types of rushlight's public names. Made by tools/make_stubs.py; do not edit."""

import builtins
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, overload

from . import accelerator as accelerator
from . import autograd as autograd
from . import backends as backends
from . import cuda as cuda
from . import mps as mps
from . import nn as nn
from . import optim as optim
from . import random as random
from . import serialization as serialization
from . import utils as utils
from . import version as version
from ._alias import as_torch as as_torch
from ._compile import compile as compile
from ._tensor.device import Size as Size
from ._tensor.device import device as device
from ._tensor.device import layout as layout
from ._tensor.device import memory_format as memory_format
from ._version import __rushlight_version__ as __rushlight_version__
from ._version import __version__ as __version__
from .autograd.grad_mode import enable_grad as enable_grad
from .autograd.grad_mode import inference_mode as inference_mode
from .autograd.grad_mode import is_grad_enabled as is_grad_enabled
from .autograd.grad_mode import is_inference_mode_enabled as is_inference_mode_enabled
from .autograd.grad_mode import no_grad as no_grad
from .autograd.grad_mode import set_grad_enabled as set_grad_enabled
from .serialization import load as load
from .serialization import save as save

Number: TypeAlias = builtins.int | builtins.float | builtins.bool | builtins.complex
DeviceLikeType: TypeAlias = str | device | builtins.int
_device: TypeAlias = device
_layout: TypeAlias = layout

e: builtins.float
inf: builtins.float
nan: builtins.float
newaxis: None
pi: builtins.float
strided: layout
contiguous_format: memory_format
preserve_format: memory_format
channels_last: memory_format

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
    """The module below rushlight that holds a class."""
    for module in sorted(m for m in sys.modules if m.startswith("rushlight.")):
        if vars(sys.modules[module]).get(kind.__name__) is kind:
            return module.removeprefix("rushlight.")
    raise SystemExit(f"{kind} stands in no module under its name")


def make():
    """The text of the stub."""
    lines = [HEADER, "class Tensor:"]
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
    for name in sorted(registry.FUNCTIONS):
        target = registry.FUNCTIONS[name]
        if inspect.isclass(target):
            lines.append(f"from .{_home(target)} import {target.__name__} as {name}")
        else:
            lines.append(_target_stub(name, target))
    for d in rushlight._dtypes.ALL:
        lines += [f"{n}: dtype" for n in (d.name, d.alias) if n]
    return lines[0] + "\n".join(_spelled(line) for line in lines[1:]) + "\n"


# The stub itself binds int, float and bool to dtypes.
_BUILTIN = re.compile(r"(?<=[ \[])(int|float|bool|complex)(?=[\],) |:]|$)")


def _spelled(line):
    """Annotations with Python's types under their full names."""
    name, colon, rest = line.partition(":" if "def " not in line else "(")
    rest = re.sub(r"return_types\.\w+", "Any", rest)
    return name + colon + _BUILTIN.sub(r"builtins.\1", rest)


def main():
    text = make()
    if "--check" in sys.argv:
        sys.exit(0 if STUB.exists() and STUB.read_text() == text else 1)
    STUB.write_text(text)


if __name__ == "__main__":
    main()
