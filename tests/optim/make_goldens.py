"""Writes ``goldens.json`` with PyTorch: ``python tests/optim/make_goldens.py`` (torch 2.13)."""

import json
import os
import sys

import torch

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
import optim_cases  # noqa: E402

with open(os.path.join(here, "goldens.json"), "w", encoding="utf-8") as file:
    json.dump(optim_cases.everything(torch), file)
    file.write("\n")
