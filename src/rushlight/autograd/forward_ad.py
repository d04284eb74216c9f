"""Forward mode: dual numbers. Not there yet; :func:`torch.autograd.functional.jvp` is."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name in ("dual_level", "make_dual", "unpack_dual", "enter_dual_level", "exit_dual_level"):

        def missing(*args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError(
                f"rushlight has no torch.autograd.forward_ad.{name}; "
                "torch.autograd.functional.jvp computes Jacobian-vector products"
            )

        return missing
    raise AttributeError(f"module 'torch.autograd.forward_ad' has no attribute {name!r}")
