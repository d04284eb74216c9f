"""Records anew what PyTorch answers to the calls in ``functional_goldens.jsonl``.

Run with an interpreter that has PyTorch: ``python make_functional_goldens.py``. Each line is one
call: the expression, how its inputs are drawn (kind, shape), and PyTorch's answer: shape, dtype
and a random projection of each result, gradient and second gradient, or the error. To add a call,
append a line with "call" and "inputs" and run this.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
GOLDENS = HERE / "functional_goldens.jsonl"

if __name__ == "__main__":
    import torch

    sys.path.insert(0, str(HERE))
    from functional_runner import run

    warnings.simplefilter("ignore")
    lines = [json.loads(line) for line in GOLDENS.read_text().splitlines()]
    with open(GOLDENS, "w") as file:
        for line in lines:
            call = {"call": line["call"], "inputs": line["inputs"]}
            found = run(torch, torch.nn.functional, line["call"], line["inputs"])
            file.write(json.dumps({**call, **found}, separators=(",", ":")) + "\n")
