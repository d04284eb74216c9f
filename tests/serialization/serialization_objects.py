"""Objects to save, described once and built with PyTorch or with rushlight."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Any


def tensor_dtypes(torch: Any) -> dict[str, Any]:
    names = (
        "float32 float64 float16 bfloat16 int8 int16 int32 int64 uint8 bool complex64 complex128"
    )
    return {name: torch.ones(3, dtype=getattr(torch, name)) for name in names.split()}


def unsigned(torch: Any) -> Any:
    return [torch.ones(3, dtype=getattr(torch, name)) for name in ("uint16", "uint32", "uint64")]


def views(torch: Any) -> Any:
    base = torch.arange(24, dtype=torch.float32)
    matrix = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    return {
        "base": base,
        "part": base[4:20:3],
        "item": base[7],
        "matrix": matrix,
        "transposed": matrix.t(),
        "column": matrix[:, 1],
        "expanded": matrix[0].expand(4, 3),
    }


def shapes(torch: Any) -> Any:
    return [torch.tensor(2.5), torch.zeros(0), torch.zeros(0, 3), torch.zeros(1, 1, 2)]


def state_dict(torch: Any) -> Any:
    found: OrderedDict[str, Any] = OrderedDict()
    found["weight"] = torch.ones(2, 3)
    found["bias"] = torch.zeros(2)
    found["steps"] = torch.tensor(4)
    found._metadata = OrderedDict([("", {"version": 1})])  # type: ignore[attr-defined]
    return found


def parameters(torch: Any) -> Any:
    return {
        "p": torch.nn.Parameter(torch.ones(2)),
        "frozen": torch.nn.Parameter(torch.ones(2), requires_grad=False),
        "leaf": torch.ones(2, requires_grad=True),
    }


def optimizer(torch: Any) -> Any:
    slots = {"step": torch.tensor(7.0), "exp_avg": torch.ones(2), "exp_avg_sq": torch.ones(2)}
    group = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "foreach": None, "params": [0, 1]}
    return {"state": {0: slots, 1: dict(slots)}, "param_groups": [group]}


def plain(torch: Any) -> Any:
    numbers = [0, 1, 255, 256, 65535, 65536, -1, -129, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1]
    numbers += [2**63, -(2**200), 2**2000]
    return {
        "numbers": numbers,
        "floats": [0.0, -0.0, 1.5, 1e300, float("inf"), float("-inf")],
        "texts": ["", "a", "ü", "\N{SNOWMAN}\0", "x" * 300],
        "others": [None, True, False, 1 + 2j, b"bytes\xff\0", bytearray(b"array")],
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "sets": [{5}, set()],
        # Words: whether equal single characters are one object depends on the version of Python.
        "counter": Counter(["ant", "ant", "bee"]),
        "ordered": OrderedDict([("b", 1), ("a", 2)]),
        "nested": {1: {"x": [[], {}]}, (1, "k"): 2, None: 3, 2.5: 4},
        "long": list(range(2500)),
        "wide": {str(i): i for i in range(1001)},
    }


def names(torch: Any) -> Any:
    return [torch.float32, torch.bool, torch.Size([2, 3]), torch.Size([]), torch.float32]


# PyTorch cannot read these back from its own legacy format.
NOT_LEGACY = {"unsigned"}

OBJECTS = {
    "dtypes": tensor_dtypes,
    "unsigned": unsigned,
    "views": views,
    "shapes": shapes,
    "state_dict": state_dict,
    "parameters": parameters,
    "optimizer": optimizer,
    "plain": plain,
    "names": names,
}


def build(torch: Any, name: str) -> Any:
    """The object called `name`, made with that torch."""
    return OBJECTS[name](torch)


def describe(torch: Any, value: Any) -> Any:
    """An object as plain text and numbers, equal for PyTorch and rushlight."""
    if isinstance(value, torch.Tensor):
        tensor = value.detach()
        if tensor.dtype in (torch.bfloat16, torch.float16):
            numbers = tensor.to(torch.float32).tolist()
        else:
            numbers = tensor.tolist()
        parameter = isinstance(value, torch.nn.Parameter)
        kind = "parameter" if parameter else "tensor"
        stride = tuple(value.stride()) if 0 not in value.shape else None
        about = (str(value.dtype), tuple(value.shape), stride, value.requires_grad)
        return (kind, *about, repr(numbers))
    if isinstance(value, torch.Size):
        return ("size", tuple(value))
    if isinstance(value, dict):
        items = [(describe(torch, key), describe(torch, item)) for key, item in value.items()]
        extra = describe(torch, getattr(value, "_metadata", None))
        return (type(value).__name__, items, extra)
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, [describe(torch, item) for item in value])
    if isinstance(value, (set, frozenset)):
        return (type(value).__name__, sorted(repr(item) for item in value))
    return (type(value).__name__, repr(value))
