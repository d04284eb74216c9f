"""The processor that code is generated for: how wide its vectors are and how many it has."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


class Target:
    """A processor, as far as code generation has to know it.

    `Target(64)`, `Target(32)` and `Target(16)` stand for the three widths of vectors that kernels
    are written for; what the host has is `Target.host()`.

    Attributes:
        bytes: of one vector register.
        registers: how many vector registers there are.
        masks: whether masked loads and stores cost no more than plain ones.
        fma: whether there is a fused multiply-add.
        cpu: LLVM's name for the processor.
        features: LLVM's text of its features, "" for those of `cpu`.
        triple: LLVM's name for the platform.
    """

    __slots__ = ("bytes", "cpu", "features", "fma", "masks", "registers", "triple")

    def __init__(
        self, bytes: int = 64, cpu: str | None = None, features: str = "", triple: str = "",
        registers: int | None = None, fma: bool | None = None,
    ) -> None:  # fmt: skip
        self.bytes = bytes
        arm = triple.startswith(("aarch64", "arm64"))
        if cpu is None:
            cpu = {64: "skylake-avx512", 32: "haswell"}.get(bytes, "generic" if arm else "x86-64")
        self.cpu = cpu
        self.features = features
        self.triple = triple
        self.registers = registers or (32 if bytes == 64 or arm else 16)
        self.masks = bytes == 64
        self.fma = bytes >= 32 or arm if fma is None else fma

    @staticmethod
    @lru_cache(maxsize=1)
    def host() -> Target:
        """This machine's.

        Raises:
            ImportError: llvmlite is not installed.
        """
        from ..runtime.llvm import host

        cpu, features, triple = host()
        return target_of(cpu, features, triple)

    def lanes(self, dtype: Any) -> int:
        """How many elements of a dtype one register holds."""
        return self.bytes // int(dtype.itemsize)

    @property
    def key(self) -> str:
        """What tells object code for this target from that for others."""
        return f"{self.triple} {self.cpu} {self.bytes} {self.features}"

    @property
    def attributes(self) -> str:
        """LLVM's attributes of every function."""
        width = f'"prefer-vector-width"="{self.bytes * 8}"'
        return f'nounwind {width} "frame-pointer"="none"'

    def __repr__(self) -> str:
        return f"Target({self.bytes}, {self.cpu!r})"


def target_of(cpu: str, features: dict[str, bool], triple: str) -> Target:
    """The target of a processor with these features, as LLVM names them."""
    text = ",".join(("+" if on else "-") + name for name, on in sorted(features.items()))
    if triple.startswith(("x86_64", "i386", "i686")):
        avx512 = ("avx512f", "avx512bw", "avx512dq", "avx512vl")
        if all(features.get(name) for name in avx512):
            width = 64
        elif features.get("avx2") and features.get("fma"):
            width = 32
        else:
            width = 16
        fma = bool(features.get("fma"))
    else:
        width, fma = 16, triple.startswith(("aarch64", "arm64"))
    return Target(width, cpu, text, triple, fma=fma)
