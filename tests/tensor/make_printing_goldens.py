"""Write `printing_goldens.json`: tensors and the text PyTorch prints for them.

Runs under real PyTorch, never under rushlight:

    python tests/tensor/make_printing_goldens.py                       # the committed file
    python tests/tensor/make_printing_goldens.py OUT.json SEED COUNT   # random cases only

A case holds the bytes of a few values and a shape; the tensor repeats the values to fill the shape.
"""

from __future__ import annotations

import base64
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from torch._tensor_str import printoptions
from torch.autograd import forward_ad

NAN, INF = float("nan"), float("inf")
FLOATS = ["float32", "float64", "float16", "bfloat16"]
COMPLEX = ["complex64", "complex128"]
INTEGERS = ["int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64"]
SHAPES = [
    *[(), (1,), (2,), (3,), (7,), (30,), (100,), (1, 1), (2, 3), (3, 2), (5, 8), (2, 30), (12, 12)],
    *[(2, 2, 2), (3, 1, 4), (1, 7, 7), (2, 1, 2, 3), (2, 3, 1, 1, 2), (2, 2, 25)],
    *[(0,), (0, 3), (2, 0), (1, 0, 2), (1001,), (40, 40), (7, 7, 40), (2, 2, 2, 200), (1, 1500)],
]


class Mine(torch.Tensor):
    pass


class MineParameter(torch.nn.Parameter):
    pass


def tensor_of(values: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    size = int(np.prod(shape))
    index = torch.arange(size) % max(1, values.numel())
    raw = values.view(torch.uint8).reshape(values.numel(), -1)
    return raw[index].reshape(-1).view(values.dtype).reshape(shape)


def text_of(case: dict, values: torch.Tensor) -> str:
    shape = tuple(case["shape"])
    torch.set_default_dtype(getattr(torch, case.get("default", "float32")))
    try:
        with printoptions(**case.get("options", {})):
            kind = case.get("kind", "plain")
            if case.get("device") == "meta":
                return repr(torch.empty(shape, dtype=values.dtype, device="meta"))
            tensor = tensor_of(values, shape)
            if kind == "parameter":
                return repr(torch.nn.Parameter(tensor, case.get("requires_grad", False)))
            if kind == "subclassed parameter":
                return repr(MineParameter(tensor, case.get("requires_grad", False)))
            if kind == "subclass":
                tensor = tensor.as_subclass(Mine)
            if kind == "tangent":
                with forward_ad.dual_level():
                    return repr(forward_ad.make_dual(tensor, tensor.clone()))
            if "grad_fn" in case:
                result = tensor.requires_grad_().clone()
                case["grad_fn"] = type(result.grad_fn).__name__
                return repr(result)
            if case.get("requires_grad"):
                tensor.requires_grad_()
            return (
                repr(tensor)
                if "contents" not in case
                else tensor.__repr__(tensor_contents=case["contents"])
            )
    finally:
        torch.set_default_dtype(torch.float32)


def finish(case: dict, values: torch.Tensor) -> dict:
    case["data"] = base64.b64encode(bytes(values.view(torch.uint8).tolist())).decode()
    case["dtype"] = str(values.dtype).removeprefix("torch.")
    case["text"] = text_of(case, values)
    return case


def random_floats(rng: np.random.Generator, count: int) -> np.ndarray:
    style = rng.integers(9)
    if style == 0:
        values = rng.integers(-5, 6, count).astype(float)
    elif style == 1:
        values = rng.integers(-1500, 1500, count).astype(float)
    elif style == 2:
        values = rng.normal(size=count)
    elif style == 3:
        values = rng.normal(size=count) * 10.0 ** rng.uniform(-9, 12)
    elif style == 4:
        values = 10.0 ** rng.uniform(-5, 9, count) * rng.choice([-1, 1], count)
    elif style == 5:
        values = np.round(rng.uniform(0, 10.0 ** rng.integers(1, 10), count))
    elif style == 6:
        values = rng.uniform(-1, 1, count) * 10.0 ** rng.integers(0, 3)
    elif style == 7:
        edges = [1e-4, 1.0001e-4, 9.9999e-5, 1e8, 1.0e8 + 8, 0.7, 700, 0.5, 500, 0.1, 100, 1000, 1]
        edges += [0.00005, 0.00015, 9.99995, 99.99995, 999.99995, 0.3, 300, 1.5, 1001, 2.5, 65504]
        values = rng.choice(edges, count)
    else:
        values = 10.0 ** rng.uniform(-300, 300, count)
    if rng.random() < 0.4:
        special = rng.random(count) < rng.choice([0.1, 0.5, 1.0])
        values = np.where(special, rng.choice([0.0, -0.0, NAN, INF, -INF, 0.0], count), values)
    return values


def random_values(rng: np.random.Generator, dtype: str, count: int) -> torch.Tensor:
    kind = getattr(torch, dtype)
    if dtype in FLOATS:
        return torch.tensor(random_floats(rng, count), dtype=torch.float64).to(kind)
    if dtype in COMPLEX:
        pair = np.stack([random_floats(rng, count), random_floats(rng, count)], -1)
        return torch.view_as_complex(torch.tensor(pair)).to(kind)
    if dtype == "bool":
        return torch.tensor(rng.random(count) < 0.5)
    info = torch.iinfo(kind)
    if rng.random() < 0.5:
        low, high = max(info.min, -120), min(info.max, 10 ** int(rng.integers(1, 5)))
    else:
        low, high = info.min, info.max
    numbers = rng.integers(low, high, count, endpoint=True, dtype=dtype)
    return torch.tensor(numbers.astype(dtype))


def random_case(rng: np.random.Generator) -> dict:
    dtype = str(rng.choice(FLOATS + FLOATS + COMPLEX + INTEGERS + ["bool", "int64"]))
    shape = SHAPES[rng.integers(len(SHAPES))]
    if rng.random() < 0.3:
        shape = tuple(int(n) for n in rng.integers(1, 9, rng.integers(0, 5)))
    count = min(int(np.prod(shape)), int(rng.choice([1, 6, 40])))
    values = random_values(rng, dtype, max(1, count))
    case: dict = {"shape": list(shape)}
    if rng.random() < 0.4:
        options = {
            "precision": int(rng.integers(0, 10)),
            "threshold": float(rng.choice([0, 5, 50, 1500, 1e9])),
            "edgeitems": int(rng.choice([0, 1, 2, 3, 4, 7])),
            "linewidth": int(rng.integers(1, 160)),
            "profile": str(rng.choice(["short", "default", "full"])),
            "sci_mode": bool(rng.random() < 0.5),
        }
        case["options"] = {name: v for name, v in options.items() if rng.random() < 0.4}
    if rng.random() < 0.2:
        case["default"] = str(rng.choice(FLOATS))
    if rng.random() < 0.5:
        differentiable = dtype in FLOATS + COMPLEX
        kind = str(
            rng.choice(["plain", "subclass", "tangent", "parameter", "subclassed parameter"])
        )
        if kind != "tangent" or (differentiable and rng.random() < 0.5):
            case["kind"] = kind
        if case.get("kind") != "tangent" and differentiable and rng.random() < 0.7:
            if rng.random() < 0.5 or "parameter" in kind:
                case["requires_grad"] = True
            else:
                case["grad_fn"] = "CloneBackward0"
        elif case.get("kind", "plain") == "plain" and rng.random() < 0.2:
            case["device"] = "meta"
        elif case.get("kind") == "subclass" and rng.random() < 0.2:
            case["contents"] = "anything\nat all"
    return finish(case, values)


def chosen_cases() -> list[dict]:
    """Every rule of the printing at least once, whatever the random cases happen to hit."""
    cases = []

    def add(values: list, dtype: str = "float32", shape: tuple[int, ...] | None = None, **case):
        tensor = torch.tensor(values, dtype=getattr(torch, dtype))
        shape = tuple(tensor.shape) if shape is None else shape
        cases.append(finish({"shape": list(shape), **case}, tensor.reshape(-1)))

    for dtype in [*FLOATS, *COMPLEX, *INTEGERS, "bool"]:
        for shape in [(), (3,), (2, 2), (0,), (0, 3)]:
            add([1, 0, 1], dtype, shape)
        for default in ["float64", "bfloat16"]:
            add([1, 0, 1], dtype, (2,), default=default)
            add([1, 0, 1], dtype, (0,), default=default)
        add([1, 0], dtype, (2, 3), device="meta")
        add([1, 0], dtype, (0,), device="meta")
    for dtype in ["float32", "float64"]:
        for value in [1e-4, 1.0000001e-4, 1e8, 1e8 + 8, 99999999.5, 123456.7, 999.9999, 1e-38, 0.0]:
            for others in [[], [1.0], [1.5], [NAN], [INF, -INF, 0.0]]:
                add([*others, value], dtype)
        for pair in [[1, 1000], [1, 1001], [0.5, 500], [0.5, 500.5], [0.7, 700], [0.1, 100]]:
            add(pair, dtype)
            add([-x for x in pair], dtype)
    add([NAN, INF, -INF, 0.0, -0.0])
    add([-0.0, 2.5])
    add([1e308, 1e-308], "float64")
    add([65504.0, 6e-8], "float16")
    add([2**63 - 1, -(2**63)], "int64")
    add([0.0], shape=(100,))
    add([True, False], "bool", (30,))
    for sci_mode in [True, False]:
        for values in [[1, 2], [1.5, 2], [1, 1e6], [1.5, 1e6], [0, NAN], [1e-7, 1], [1e10]]:
            add(values, options={"sci_mode": sci_mode})
    for values in [[1 + 2j, -1.5 - 2.25j], [complex(0, -0.0)], [complex(NAN, -INF)], [1 + 1e6j, 2]]:
        add(values, "complex64")
    add([1 + 1j, 1 + 100j, -20 - 0.5j], "complex64", (20,))
    add([1j], "complex64", (20,))
    count = [float(n) for n in range(40)]
    for shape in [(1001,), (40, 50), (10, 10, 20), (2, 2, 2, 250), (1, 1020), (1000,)]:
        for edgeitems in [0, 1, 3]:
            if shape != (1000,) or edgeitems == 3:
                add(count, shape=shape, options={"edgeitems": edgeitems})
        add(list(range(40)), "int64", shape)
    for shape in [(), (3,), (1, 1), (0,)]:
        add([1, 2, 3], "int8", shape, options={"threshold": 0, "edgeitems": 0})
    for linewidth in [1, 20, 38, 39, 40, 41, 42, 60, 61, 62, 63, 64, 65, 66, 80, 200]:
        add([1.5], "float64", (3,), requires_grad=True, options={"linewidth": linewidth})
        add([1.5], "float64", (3,), grad_fn="CloneBackward0", options={"linewidth": linewidth})
    for kind in ["subclass", "parameter", "subclassed parameter", "tangent"]:
        for shape in [(), (3,), (2, 2), (30,)]:
            for dtype in ["float32", "float64"]:
                add([1.0, 2.0], dtype, shape, kind=kind, requires_grad="parameter" in kind)
    return cases


def main(arguments: list[str]) -> None:
    warnings.simplefilter("ignore")
    if arguments:
        output, seed, count = Path(arguments[0]), int(arguments[1]), int(arguments[2])
        cases = []
    else:
        output, seed, count = Path(__file__).with_name("printing_goldens.json"), 0, 200
        cases = chosen_cases()
    rng = np.random.default_rng(seed)
    cases += [random_case(rng) for _ in range(count)]
    lines = ",\n".join(json.dumps(case) for case in cases)
    output.write_text(
        f'{{"torch": "{torch.__version__}", "cases": [\n{lines}\n]}}\n', encoding="utf-8"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
