"""Writes `argument_errors.json` anew: what PyTorch answers to the calls listed there.

Run it with an interpreter that has PyTorch 2.13: `python tests/define/record_argument_errors.py`.
The calls and the schema strings are kept, the answers are replaced.
"""

from __future__ import annotations

import json
import pathlib
import warnings

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

PATH = pathlib.Path(__file__).with_name("argument_errors.json")


class FirstOp(TorchDispatchMode):
    """Notes the first overload that a call reaches."""

    name: str | None = None

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = str(func).removeprefix("aten.")
        # A tensor that stands for a number is read while arguments are still being bound.
        if self.name is None and name != "_local_scalar_dense.default":
            self.name = name
        return func(*args, **(kwargs or {}))


def names() -> dict[str, object]:
    """What the calls may mention, fresh for each call because some of them write to it."""
    return {
        "torch": torch,
        "np": np,
        "T": torch.ones(2, 3),
        "P": torch.nn.Parameter(torch.ones(2)),
        "I": torch.tensor(1),
        "I1": torch.tensor([1]),
        "F": torch.tensor(1.5),
        "B": torch.tensor(True),
        "R": torch.ones((), requires_grad=True),
        "O": object(),
    }


def answer(call: str) -> list[str | None]:
    """["error", text] for a TypeError of the binding, ["bound", overload] otherwise."""
    space = names()
    mode = FirstOp()
    try:
        with mode:
            eval(call, space)
    except TypeError as error:
        if mode.name is None:
            return ["error", str(error)]
    except Exception:
        return ["bound", None]
    return ["bound", mode.name]


def main() -> None:
    warnings.simplefilter("ignore")
    record = json.loads(PATH.read_text())
    record["torch"] = torch.__version__
    record["calls"] = {call: answer(call) for call in record["calls"]}
    PATH.write_text(json.dumps(record, indent=0) + "\n")


if __name__ == "__main__":
    main()
