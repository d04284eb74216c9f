"""Records what PyTorch does with the expressions of `constructor_cases.py`.

Run under PyTorch: ``python tests/tensor/record_constructors.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from constructor_cases import GROUPS, describe

GOLDENS = Path(__file__).with_name("constructor_goldens.json")

if __name__ == "__main__":
    torch.set_warn_always(True)
    record = {
        name: {text: describe(torch, torch.nn.functional, text) for text in expressions}
        for name, expressions in GROUPS.items()
    }
    GOLDENS.write_text(
        json.dumps({"torch": torch.__version__, "groups": record}, indent=0), encoding="utf-8"
    )
    print(sum(map(len, record.values())), "expressions")
