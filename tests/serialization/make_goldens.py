"""Write `golden/`: files saved by PyTorch, to be loaded and to be saved again byte by byte.

Runs under real PyTorch, never under rushlight:

    python tests/serialization/make_goldens.py
"""

from __future__ import annotations

from pathlib import Path

import torch

from serialization_objects import NOT_LEGACY, OBJECTS, build

if __name__ == "__main__":
    folder = Path(__file__).parent / "golden"
    folder.mkdir(exist_ok=True)
    for name in OBJECTS:
        torch.save(build(torch, name), folder / f"{name}.pt")
        if name not in NOT_LEGACY:
            legacy = folder / f"{name}.legacy.pt"
            torch.save(build(torch, name), legacy, _use_new_zipfile_serialization=False)
