"""Writes indexing_goldens.json: run it with an interpreter that has PyTorch 2.13."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from indexing_cases import FUNCTIONS, READS, WRITES, outcome

if __name__ == "__main__":
    torch.set_warn_always(True)
    goldens = {
        name: {c: outcome(torch, torch.nn.functional, c, name == "writes") for c in cases}
        for name, cases in {"reads": READS, "writes": WRITES, "functions": FUNCTIONS}.items()
    }
    path = Path(__file__).with_name("indexing_goldens.json")
    path.write_text(json.dumps(goldens, indent=0) + "\n")
