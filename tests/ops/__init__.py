"""Tests that follow from the op table: every row, on samples, against mathematics and PyTorch."""
