"""What PyTorch says about every sample: asked anew where PyTorch is installed, else remembered.

`goldens.npz` holds the answers in float32; `python -m ops.expected`, run in `tests/`, writes it
with the PyTorch of RUSHLIGHT_TORCH_PYTHON. A digest of each request tells when it is out of date.
"""

import functools
import hashlib
import importlib
import io
import json
import os
import pathlib
import pickle
import pkgutil
import subprocess
import sys

import numpy as np

import rushlight._ops
from rushlight._core import OPS
from rushlight._define.schema import parse

from . import oracle
from .samples import TABLE, samples_of

# Some families are imported when first used; here all of them are.
for _module in pkgutil.iter_modules(rushlight._ops.__path__):
    importlib.import_module(f"rushlight._ops.{_module.name}")

GOLDENS = pathlib.Path(__file__).with_name("goldens.npz")
PYTHON = os.environ.get("RUSHLIGHT_TORCH_PYTHON", "")
DTYPES = ("float32", "float16", "bfloat16", "int64", "int32", "bool")
REMEDY = "run `python -m ops.expected` in tests/ with RUSHLIGHT_TORCH_PYTHON set"


def differentiated(row):
    """Positions of the arguments that gradients flow to."""
    return [i for i, n in enumerate(row.order) if n in row.inputs and row.edge_for(n)]


def _request(row, key, sample, dtype):
    entry = TABLE[row.name]
    values = list(sample.arguments)
    named = getattr(row, "positional", len(values))
    kwargs = {}
    if entry.torch is None:
        schema = parse(row.schemas[0])
        target = ("aten", schema.name, schema.overload)
        kwargs = {row.public_names[i]: values[i] for i in range(named, len(values))}
        values = values[:named]
    else:
        target = entry.torch
    wanted = []
    for i in differentiated(row):
        given = sample.arguments[i]
        at = i if entry.torch is not None or i < named else row.public_names[i]
        wanted += [(at, j) for j in range(len(given))] if isinstance(given, list) else [(at,)]
    return {
        "key": key, "target": target, "args": values, "kwargs": kwargs, "wanted": wanted,
        "dtype": dtype, "outputs": getattr(row, "outputs", None),
    }  # fmt: skip


def floating(sample):
    """Whether the sample has floating input that another dtype could hold."""
    found = []
    for value in sample.arguments:
        found += value if isinstance(value, list) else [value]
    return any(isinstance(v, np.ndarray) and v.dtype.kind == "f" for v in found)


def requests_of(row):
    """Every sample of the row in float64, and the first in each other dtype."""
    found = []
    for i, sample in enumerate(samples_of(row.name)):
        found.append(_request(row, f"{row.name}/{i}", sample, None))
        if i == 0 and floating(sample):
            found += [_request(row, f"{row.name}/0/{d}", sample, d) for d in DTYPES]
    return found


def all_requests():
    return [r for name in sorted(TABLE) if name in OPS for r in requests_of(OPS[name])]


def asked():
    """The answers of PyTorch itself, to everything."""
    answers, trouble = _asked()
    if trouble:
        raise RuntimeError(trouble)
    return answers


@functools.cache
def _asked():
    text = pickle.dumps(all_requests())
    done = subprocess.run(
        [PYTHON, oracle.__file__], input=text, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    if done.returncode:
        return None, done.stderr.decode()
    return pickle.loads(done.stdout), None


@functools.cache
def remembered():
    """The committed answers, and the digest of the request of each."""
    with np.load(GOLDENS) as stored:
        index = json.loads(bytes(stored["index"]).decode())
        numbers = stored["numbers"]
    answers = {}
    for key, (_, entry) in index.items():
        answers[key] = {
            part: [_unpack(numbers, v) if isinstance(v, list) else v for v in content]
            if isinstance(content, list) else content
            for part, content in entry.items()
        }  # fmt: skip
    return answers, {key: digest for key, (digest, _) in index.items()}


def answer(key):
    """(PyTorch's answer to the request `key`, the relative tolerance it was kept with)."""
    if PYTHON:
        return asked()[key], 1e-10
    answers, _ = remembered()
    if key not in answers:
        raise AssertionError(f"no golden for {key}: {REMEDY}")
    return answers[key], 1e-6


def comparable(array):
    """A result as precise as the answers are: remembered ones are float32."""
    if PYTHON or array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def digest(request):
    """Identifies what was asked."""
    seen = hashlib.sha256()
    parts = (request["target"], request["args"], request["kwargs"], request["dtype"])
    seen.update(repr(_plain(parts)).encode())
    return seen.hexdigest()[:8]


def _plain(value):
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.ravel().tolist()
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value


def write():
    """Ask PyTorch everything and keep the answers."""
    answers = asked()
    numbers, index, at = [], {}, 0
    for request in all_requests():
        kept = {}
        for part, content in answers[request["key"]].items():
            if part in ("values", "gradients"):
                packed = []
                for array in content:
                    if array is None:
                        packed.append(None)
                        continue
                    packed.append([at, list(array.shape)])
                    with np.errstate(over="ignore"):
                        numbers.append(array.ravel().astype(np.float32))
                    at += array.size
                content = packed
            kept[part] = content
        index[request["key"]] = (digest(request), kept)
    text = json.dumps(index, separators=(",", ":"), sort_keys=True).encode()
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, numbers=np.concatenate(numbers), index=np.frombuffer(text, np.uint8)
    )
    GOLDENS.write_bytes(buffer.getvalue())
    return len(index)


def _unpack(numbers, place):
    at, shape = place
    return numbers[at : at + int(np.prod(shape, dtype=int))].reshape(shape)


if __name__ == "__main__":
    if not PYTHON:
        sys.exit("RUSHLIGHT_TORCH_PYTHON names no interpreter with PyTorch")
    print(f"{write()} answers in {GOLDENS} ({GOLDENS.stat().st_size} bytes)")
