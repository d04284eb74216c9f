"""``torch.compile`` until compiled steps exist: all runs eagerly, and one warning says so."""

from __future__ import annotations

import warnings
from typing import Any

_warned = False

MESSAGE = (
    "rushlight does not compile yet: torch.compile returns what it was given and runs it eagerly. "
    "Values are the same."
)


def _warn_once() -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(MESSAGE, UserWarning, stacklevel=3)


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "inductor",
    mode: str | None = None,
    options: Any = None,
    disable: bool = False,
) -> Any:
    """Accept a function or module to compile; it runs eagerly for now.

    A module comes back inside an `OptimizedModule`, whose ``state_dict`` has PyTorch's
    ``_orig_mod.`` prefix. The options are checked and change nothing.

    Raises:
        RuntimeError: both `mode` and `options` are given.

    Source: https://pytorch.org/docs/stable/generated/torch.compile.html
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if model is None:

        def decorate(function: Any) -> Any:
            return compile(
                function, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode,
                options=options, disable=disable,
            )  # fmt: skip

        return decorate
    if not callable(model):
        raise RuntimeError("Expected a callable, got " + type(model).__name__)
    _warn_once()
    from .nn.modules.module import Module

    return _optimized_module()(model) if isinstance(model, Module) else model


_class: Any = None


def _optimized_module() -> Any:
    """The class of compiled modules, made when the first module is compiled."""
    global _class
    if _class is None:
        from .nn.modules.module import Module

        class OptimizedModule(Module):
            """A module that stands for another, as ``torch.compile`` returns it."""

            def __init__(self, mod: Any) -> None:
                super().__init__()
                self._orig_mod = mod
                self.training = mod.training

            def forward(self, *args: Any, **kwargs: Any) -> Any:
                return self._orig_mod(*args, **kwargs)

            def train(self, mode: bool = True) -> Any:
                self._orig_mod.train(mode)
                return super().train(mode)

            def __getattr__(self, name: str) -> Any:
                if name == "_orig_mod":
                    return self._modules["_orig_mod"]
                return getattr(self._orig_mod, name)

        OptimizedModule.__module__ = "torch._dynamo.eval_frame"
        _class = OptimizedModule
    return _class
