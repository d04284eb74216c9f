"""``torch.version``: which PyTorch this is compatible with, and its accelerators.

``git_version`` is "Unknown", PyTorch's own word for a build that comes from no commit of its.
"""

from __future__ import annotations

from rushlight import _version

__all__ = ["__version__", "debug", "cuda", "git_version", "hip", "rocm", "xpu"]

__version__: str = str(_version.__version__)
debug: bool = False
cuda: str | None = None
git_version: str = "Unknown"
hip: str | None = None
rocm: str | None = None
xpu: str | None = None
