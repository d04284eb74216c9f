"""``torch.backends.quantized``: quantized kernels, which rushlight does not have."""

from __future__ import annotations

engine = "none"
supported_engines = ["none"]
