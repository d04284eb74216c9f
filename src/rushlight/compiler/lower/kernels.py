"""Kernels with machine code of their own, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .attention import KERNELS as ATTENTION
from .conv import KERNELS as CONVOLUTIONS
from .pool import KERNELS as POOLS
from .random import KERNELS as TWISTERS
from .recurrent import KERNELS as RECURRENT
from .scan import KERNELS as SCANS
from .scatter import KERNELS as SCATTERS
from .unpool import KERNELS as UNPOOLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..ir import Kernel
    from .module import Emitted
    from .target import Target

#: Name -> what emits it.
EMITTERS: dict[str, Callable[[Any, str, Any], Any]] = {
    **ATTENTION, **CONVOLUTIONS, **POOLS, **RECURRENT, **SCANS, **SCATTERS, **TWISTERS,
    **UNPOOLS,
}  # fmt: skip


def emitter(name: str) -> Callable[[Any], Any]:
    """Register a function ``(equation, function name, target) -> Emitted``."""

    def register(function: Any) -> Any:
        EMITTERS[name] = function
        return function

    return register


def lower_kernel(equation: Kernel, name: str, target: Target) -> Emitted:
    """The code of a kernel.

    Raises:
        NotImplementedError: there is none of that name.
    """
    found = EMITTERS.get(equation.name)
    if found is None:
        raise NotImplementedError(f"no native kernel {equation.name!r}")
    emitted: Emitted = found(equation, name, target)
    return emitted
