"""Tests that follow from the op table: every row, on samples, against mathematics and PyTorch."""

from rushlight._tensor import registry

registry.load_late()
