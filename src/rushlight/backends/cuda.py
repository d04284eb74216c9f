"""``torch.backends.cuda``: CUDA is not there; its switches are remembered."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from .._missing import missing_attribute

if TYPE_CHECKING:
    from collections.abc import Iterator


class cuBLASModule:
    """The switches of matrix products on CUDA devices."""

    __slots__ = (
        "allow_bf16_reduced_precision_reduction", "allow_fp16_accumulation",
        "allow_fp16_reduced_precision_reduction", "allow_tf32", "fp32_precision",
    )  # fmt: skip

    def __init__(self) -> None:
        self.allow_tf32 = False
        self.allow_fp16_reduced_precision_reduction = True
        self.allow_bf16_reduced_precision_reduction = True
        self.allow_fp16_accumulation = False
        self.fp32_precision = "none"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError("Unknown attribute " + name)


matmul = cuBLASModule()


class _Attention:
    """Which kernels attention may use."""

    __slots__ = ("cudnn", "flash", "math", "mem_efficient")

    def __init__(self) -> None:
        self.flash = self.mem_efficient = self.math = self.cudnn = True


_attention = _Attention()


def is_built() -> bool:
    """Whether PyTorch was built with CUDA: not here."""
    return False


def _switch(name: str) -> tuple[Any, Any]:
    def is_enabled() -> bool:
        return bool(getattr(_attention, name))

    def enable(enabled: bool) -> None:
        setattr(_attention, name, bool(enabled))

    is_enabled.__name__ = is_enabled.__qualname__ = f"{name}_sdp_enabled"
    enable.__name__ = enable.__qualname__ = f"enable_{name}_sdp"
    is_enabled.__doc__ = f"Whether {name} attention may be used."
    enable.__doc__ = f"Remember whether {name} attention may be used."
    return is_enabled, enable


flash_sdp_enabled, enable_flash_sdp = _switch("flash")
mem_efficient_sdp_enabled, enable_mem_efficient_sdp = _switch("mem_efficient")
math_sdp_enabled, enable_math_sdp = _switch("math")
cudnn_sdp_enabled, enable_cudnn_sdp = _switch("cudnn")


@contextlib.contextmanager
def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> Iterator[None]:
    """A context with these switches of attention (deprecated by PyTorch)."""
    import warnings

    warnings.warn(
        "`torch.backends.cuda.sdp_kernel()` is deprecated. In the future, this context manager "
        "will be removed. Please see `torch.nn.attention.sdpa_kernel()` for the new context "
        "manager, with updated signature.",
        FutureWarning,
        stacklevel=3,
    )
    names = ("flash", "math", "mem_efficient", "cudnn")
    before = [getattr(_attention, name) for name in names]
    for name, value in zip(
        names, (enable_flash, enable_math, enable_mem_efficient, enable_cudnn), strict=True
    ):
        setattr(_attention, name, value)
    try:
        yield
    finally:
        for name, value in zip(names, before, strict=True):
            setattr(_attention, name, value)


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
