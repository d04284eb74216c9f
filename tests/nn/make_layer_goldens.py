"""Writes `layer_goldens.jsonl` with PyTorch: ``python make_layer_goldens.py`` where it is."""

import json
import pathlib

import layer_cases
import torch

if __name__ == "__main__":
    target = pathlib.Path(__file__).with_name("layer_goldens.jsonl")
    with target.open("w", encoding="utf-8") as file:
        for spec in layer_cases.CASES:
            file.write(json.dumps(layer_cases.run(torch, spec), separators=(",", ":")) + "\n")
