"""Random arrays against PyTorch itself, bit for bit, with the generator's state afterwards.

PyTorch runs in the interpreter that RUSHLIGHT_TORCH_PYTHON names.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess

import ml_dtypes
import numpy as np
import pytest

from rushlight._kernels.random import Engine

F16, F32, F64 = np.dtype("f2"), np.dtype("f4"), np.dtype("f8")
BF16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = {
    "float16": F16,
    "bfloat16": BF16,
    "float32": F32,
    "float64": F64,
    "complex64": np.dtype("c8"),
    "complex128": np.dtype("c16"),
    "bool": np.dtype("?"),
    **{
        name: np.dtype(name)
        for name in ("uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64")
    },
}
FLOATS = ["float16", "bfloat16", "float32", "float64"]
INTEGERS = ["bool", "uint8", "int8", "int16", "int32", "int64"]
SHAPES = [[], [1], [5], [15], [16], [17], [3, 11], [48], [700], [130, 257]]
LAYOUTS = [
    ["transposed", [3, 4]],
    ["transposed", [40, 9, 7]],
    ["stepped", [3, 5]],
    ["stepped", [31, 63]],
    ["rotated", [2, 3, 4, 5]],
    ["rotated", [9, 70]],
]

REFERENCE = """
import json, sys, warnings
import numpy as np, torch
warnings.simplefilter("ignore")
cases = json.load(open(sys.argv[1]))
arrays = {}
def target(layout, shape, dtype):
    dtype = getattr(torch, dtype)
    if layout == "transposed":
        return torch.empty(shape[::-1], dtype=dtype).permute(*range(len(shape))[::-1])
    if layout == "stepped":
        return torch.empty(shape[:-1] + [2 * shape[-1]], dtype=dtype)[..., ::2]
    if layout == "rotated":
        return torch.empty(shape[-1:] + shape[:-1], dtype=dtype).permute(*range(1, len(shape)), 0)
    return torch.empty(shape, dtype=dtype)
def plain(x):
    x = x.contiguous()
    return x.view(torch.int16).numpy() if x.dtype == torch.bfloat16 else x.numpy()
for number, (seed, op, dtype, layout, shape, args) in enumerate(cases):
    g = torch.Generator().manual_seed(seed)
    if seed & 1:
        torch.rand(3, generator=g), torch.randn(3, generator=g)
    x = target(layout, shape, dtype)
    if op == "randperm":
        x = torch.randperm(*args, generator=g)
    elif op in ("bernoulli_tensor", "bernoulli_in_place", "poisson", "multinomial"):
        values = np.load(sys.argv[2])["p"].reshape(-1)
        count = int(np.prod(shape))
        p = torch.from_numpy(np.resize(values, count).reshape(shape)) * args[0]
        p = x.copy_(p)
        if op == "bernoulli_tensor":
            x = torch.bernoulli(p, generator=g)
        elif op == "bernoulli_in_place":
            x = target(layout, shape, args[1]).bernoulli_(p if args[2] else p.contiguous(),
                                                          generator=g)
        elif op == "poisson":
            x = torch.poisson(p, generator=g)
        else:
            x = torch.multinomial(p, *args[1:], generator=g)
    elif op == "random_from":
        x.random_(args[0], None, generator=g)
    elif op == "random_full":
        x.random_(generator=g)
    else:
        getattr(x, op + "_")(*args, generator=g)
    arrays[f"value{number}"] = plain(x)
    arrays[f"state{number}"] = g.get_state().numpy()
np.savez(sys.argv[3], version=torch.__version__, **arrays)
"""


def cases():
    """Yield seed, operation, dtype, layout, shape, arguments."""
    places = [("dense", shape) for shape in SHAPES] + [tuple(place) for place in LAYOUTS]
    few = [("dense", [5]), ("dense", [700]), ("dense", [130, 257]), *map(tuple, LAYOUTS)]
    number = 0

    def case(op, dtype, place, *args):
        nonlocal number
        number += 1
        return [number * 7919, op, dtype, place[0], list(place[1]), list(args)]

    for place in places:
        for dtype in FLOATS:
            for args in ((), (-0.3, 0.3), (1000.0, 1000.5), (0.0, 1e-3), (5e-9, 1.0), (2, 2)):
                yield case("uniform", dtype, place, *args)
            for args in ((), (0.0, 0.02), (1.5, 0.3), (-1e-4, 3.0), (2.0, 0.0)):
                yield case("normal", dtype, place, *args)
        for dtype in ("complex64", "complex128"):
            yield case("uniform", dtype, place)
            yield case("normal", dtype, place)
            yield case("normal", dtype, place, 0.5, 2.0)
        for dtype in (*FLOATS, *INTEGERS):
            yield case("random_full", dtype, place)
            for p in (0.0, 0.1, 0.5, 1.0):
                yield case("bernoulli", dtype, place, p)
    for place in few:
        for dtype in FLOATS:
            for bounds in ((0, 10), (-7, 1000), (0, 2000), (0, 60000), (-33000, 33001)):
                yield case("random", dtype, place, *bounds)
            for low in (-3, 0, 100):
                yield case("random_from", dtype, place, low)
            yield case("exponential", dtype, place)
            yield case("exponential", dtype, place, 0.3)
            yield case("geometric", dtype, place, 0.2)
            yield case("cauchy", dtype, place)
            yield case("cauchy", dtype, place, 1.5, 0.7)
            yield case("log_normal", dtype, place)
            yield case("log_normal", dtype, place, 0.1, 0.5)
            yield case("bernoulli_tensor", dtype, place, 1.0)
            for other in ("float32", "int32", "bool"):
                for alike in (False, True):
                    yield case("bernoulli_in_place", dtype, place, 1.0, other, alike)
            yield case("poisson", dtype, place, 3.0)
            yield case("poisson", dtype, place, 60.0)
            if len(place[1]) <= 2 and place[0] == "dense" and dtype not in ("float16", "bfloat16"):
                yield case("multinomial", dtype, place, 1.0, 4)
                yield case("multinomial", dtype, place, 1.0, 1)
                yield case("multinomial", dtype, place, 1.0, 50, True)
        for dtype in ("float32", "float64"):
            for bounds in ((0, 2**28), (-(2**40), 2**50), (0, 2**60)):
                yield case("random", dtype, place, *bounds)
        for dtype in ("int32", "int64", "uint32", "uint64"):
            for bounds in ((0, 10), (0, 16), (3, 2**28 + 2), (0, 2**28), (7, 2**31 - 1)):
                yield case("random", dtype, place, *bounds)
        for bounds in ((-(2**63), 2**63 - 1), (-(2**40), 2**50), (0, 2**32)):
            yield case("random", "int64", place, *bounds)
        for dtype in ("uint8", "int8", "int16", "uint16"):
            yield case("random", dtype, place, 0, 100)
        yield case("random", "bool", place, 0, 2)
        yield case("random", "bool", place, 0, 1)
        yield case("random", "int8", place, -128, 128)
        for dtype in INTEGERS:
            yield case("random_from", dtype, place, 0)
            yield case("random_from", dtype, place, 1)
        yield case("random_from", "int64", place, -(2**63))
        yield case("geometric", "int64", place, 0.2)
        yield case("geometric", "uint8", place, 0.9)
    for n in (0, 1, 2, 3, 10, 499, 500, 501, 4000, 60000, 300000):
        yield case("randperm", "int64", ("dense", [1]), n)


def target(layout, shape, dtype):
    shape = tuple(shape)
    if layout == "transposed":
        return np.empty(shape[::-1], dtype).T
    if layout == "stepped":
        return np.empty((*shape[:-1], 2 * shape[-1]), dtype)[..., ::2]
    if layout == "rotated":
        return np.moveaxis(np.empty((*shape[-1:], *shape[:-1]), dtype), 0, -1)
    return np.empty(shape, dtype)


def draw(chances, seed, op, dtype, layout, shape, args):
    engine = Engine(seed)
    if seed & 1:
        engine.rand((3,))
        engine.randn((3,))
    out = target(layout, shape, DTYPES[dtype])
    if op == "randperm":
        out = engine.randperm(*args)
    elif op in ("bernoulli_tensor", "bernoulli_in_place", "poisson", "multinomial"):
        values = np.resize(chances, math.prod(shape)).reshape(shape) * args[0]
        out[...] = values.astype(np.float32).astype(out.dtype) if out.itemsize == 2 else values
        if op == "bernoulli_in_place":
            p = out if args[2] else out.copy(order="C")
            out = engine.bernoulli_tensor(p, target(layout, shape, DTYPES[args[1]]))
        else:
            out = getattr(engine, op)(out, *args[1:])
    else:
        getattr(engine, op)(out, *args)
    return out.copy(order="C"), engine.get_state()


def test_against_pytorch(tmp_path):
    """Every operation, dtype and layout: equal bits and equal generator state afterwards."""
    interpreter = os.environ.get("RUSHLIGHT_TORCH_PYTHON", "")
    if not interpreter or shutil.which(interpreter) is None:
        pytest.skip("RUSHLIGHT_TORCH_PYTHON names no Python with torch 2.13")
    everything = list(cases())
    chances = Engine(12).rand((997,), F64).astype(np.float32).astype(np.float64)
    (tmp_path / "case.json").write_text(json.dumps(everything))
    (tmp_path / "reference.py").write_text(REFERENCE)
    np.savez(tmp_path / "chances.npz", p=chances)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run(
        [interpreter, "reference.py", "case.json", "chances.npz", "reference.npz"],
        check=True,
        cwd=tmp_path,
        env=environment,
    )
    wrong = []
    with np.load(tmp_path / "reference.npz") as reference:
        for number, case in enumerate(everything):
            value, state = draw(chances, *case)
            expected = reference[f"value{number}"]
            if value.dtype == BF16:
                value = value.view(np.int16)
            same = value.shape == expected.shape and value.dtype == expected.dtype
            if not (same and value.tobytes() == expected.tobytes()):
                wrong.append((case, "values"))
            elif not np.array_equal(state, reference[f"state{number}"]):
                wrong.append((case, "state"))
    assert len(everything) > 2000
    assert not wrong, f"{len(wrong)} of {len(everything)}: {wrong[:12]}"
