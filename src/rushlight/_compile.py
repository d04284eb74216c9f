"""``torch.compile``: what the name means without loading the compiler.

The compiler itself (`rushlight.compiler`) is imported when something is first compiled; it needs
the extra ``rushlight[compile]``.
"""

from __future__ import annotations

import functools
from typing import Any

_BACKENDS = frozenset(("native", "inductor"))
_EAGER = frozenset(("eager", "aot_eager"))
_MODES = frozenset(
    ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
)


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "native",
    mode: str | None = None,
    options: Any = None,
    disable: bool = False,
) -> Any:
    """Compile a training step, a module or a function to native code.

    The first call runs eagerly; the next two are recorded while they run, and what they did becomes
    one native function that later calls replay: forward, backward and update at once if the
    function does all three, else a pair of native functions inside the eager loop. What Python read
    by name, shapes, dtypes and flags are compared on every call; where they differ, another plan is
    recorded. What cannot be replayed runs eagerly, with one warning that names the line.

    Args:
        model: a function, a method, a module; None makes a decorator.
        fullgraph: raise an error instead of the warning.
        dynamic: accepted; every signature of shapes is compiled by itself.
        backend: "native" ("inductor" means the same); "eager" and "aot_eager" compile nothing.
        mode: PyTorch's modes are accepted, and mean the same here.
        options: accepted.
        disable: return `model` as it is.

    Raises:
        ImportError: llvmlite is not installed (``pip install 'rushlight[compile]'``).
        RuntimeError: both `mode` and `options` are given, or an unknown mode.

    Source: https://pytorch.org/docs/stable/generated/torch.compile.html

    >>> import rushlight as torch
    >>> @torch.compile
    ... def f(x):
    ...     return torch.tanh(x) * 2
    >>> for _ in range(4):
    ...     y = f(torch.tensor([0.5]))
    >>> y
    tensor([0.9242])
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if model is None:
        return functools.partial(
            compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode,
            options=options, disable=disable,
        )  # fmt: skip
    if not callable(model):
        raise RuntimeError("Expected a callable, got " + type(model).__name__)
    if mode is not None and mode not in _MODES:
        raise RuntimeError(
            f"Unrecognized mode={mode}, should be one of: {', '.join(sorted(_MODES))}"
        )
    if disable:
        return model
    native = _wanted(backend)
    from .nn.modules.module import Module

    if isinstance(model, Module):
        return _optimized_module()(model, fullgraph if native else None)
    if not native:
        return model
    from .compiler.entry import compiled_function

    return compiled_function(model, fullgraph)


def _wanted(backend: Any) -> bool:
    """Whether a backend compiles at all.

    Raises:
        RuntimeError: it is not known.
        ImportError: it needs what is not installed.
    """
    if callable(backend):
        raise NotImplementedError(
            "rushlight.compile(backend=a function): there are no graphs of PyTorch's to hand over"
        )
    if backend in _EAGER:
        return False
    if backend not in _BACKENDS:
        raise RuntimeError(
            f"Invalid backend: {backend!r}, see `torch._dynamo.list_backends()` for available "
            "backends."
        )
    from importlib.util import find_spec

    if find_spec("llvmlite") is None:
        raise ImportError(
            "rushlight.compile needs llvmlite, which is not installed: "
            "pip install 'rushlight[compile]'"
        )
    return True


_class: Any = None


def _optimized_module() -> Any:
    """The class of compiled modules, made when the first module is compiled."""
    global _class
    if _class is None:
        from .nn.modules.module import Module

        class OptimizedModule(Module):
            """A module whose calls are compiled, as ``torch.compile`` returns it."""

            def __init__(self, mod: Any, fullgraph: bool | None) -> None:
                super().__init__()
                self._orig_mod = mod
                self.training = mod.training
                call = mod
                if fullgraph is not None:
                    from .compiler.entry import compiled_function

                    call = compiled_function(mod, fullgraph)
                object.__setattr__(self, "_compiled", call)

            def forward(self, *args: Any, **kwargs: Any) -> Any:
                return self._compiled(*args, **kwargs)

            def train(self, mode: bool = True) -> Any:
                self._orig_mod.train(mode)
                return super().train(mode)

            def explain(self) -> Any:
                """What was compiled; see :meth:`rushlight.compiler.entry.explain`."""
                return self._compiled.explain()

            def source(self) -> str:
                """The kernels as readable loops."""
                text: str = self._compiled.source()
                return text

            def __getattr__(self, name: str) -> Any:
                if name == "_orig_mod":
                    return self._modules["_orig_mod"]
                return getattr(self._orig_mod, name)

            def __setattr__(self, name: str, value: Any) -> None:
                if name in ("_orig_mod", "training") or name.startswith("_"):
                    super().__setattr__(name, value)
                else:
                    setattr(self._orig_mod, name, value)

            def __reduce__(self) -> Any:
                return _recompiled, (self._orig_mod,)

        OptimizedModule.__module__ = "torch._dynamo.eval_frame"
        _class = OptimizedModule
    return _class


def _recompiled(module: Any) -> Any:
    """What a pickled or copied compiled module becomes: compiled anew."""
    return compile(module)
