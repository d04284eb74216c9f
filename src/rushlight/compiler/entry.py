"""What ``rushlight.compile`` returns for a function: a callable with the function's own face.

It works as a decorator of functions and of methods (each object then has plans of its own), keeps
name, docstring and signature, and offers `explain()` and `source()`.
"""

from __future__ import annotations

import copy
import functools
import weakref
from typing import TYPE_CHECKING, Any

from . import check
from .capture import Compiled
from .executable import MISS
from .explain import Explanation, explanation, source
from .runtime import ahead

if TYPE_CHECKING:
    from collections.abc import Callable


class CompiledFunction:
    """A function that is compiled while it runs.

    Attributes:
        compiled: its plans and what is known of its calls.
    """

    def __init__(self, function: Callable[..., Any], fullgraph: bool) -> None:
        self.compiled = Compiled(function, fullgraph)
        self._torchdynamo_orig_callable = function
        self._bound: Any = None
        if not hasattr(function, "parameters"):
            functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for plan in self.compiled.plans:
            if check.enabled:
                result = check.call(self.compiled, plan, args, kwargs)
            else:
                result = plan.call(args, kwargs)
            if result is not MISS:
                return result
        return self.compiled.slow(args, kwargs)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        """As a method: one compiled function for each object."""
        if owner is None:
            return self
        if self._bound is None:
            self._bound = weakref.WeakKeyDictionary()
        found = self._bound.get(owner)
        if found is None:
            function = self.compiled.function
            found = CompiledFunction(
                functools.partial(_call_method, function, weakref.ref(owner)),
                self.compiled.fullgraph,
            )
            functools.update_wrapper(found, function)
            self._bound[owner] = found
        return found

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledFunction:
        return CompiledFunction(copy.deepcopy(self.compiled.function, memo), self.fullgraph)

    def __reduce__(self) -> Any:
        return CompiledFunction, (self.compiled.function, self.fullgraph)

    @property
    def fullgraph(self) -> bool:
        """Whether what cannot be compiled is an error."""
        return self.compiled.fullgraph

    def explain(self) -> Explanation:
        """What was compiled: equations, kernels, memory, host calls, times.

        `str()` of it is the text; its attributes are the data.
        """
        return explanation(self.compiled)

    def source(self) -> str:
        """The kernels of every plan as readable loops."""
        return source(self.compiled)

    def __repr__(self) -> str:
        name = getattr(self.compiled.function, "__qualname__", repr(self.compiled.function))
        return f"<compiled {name}: {len(self.compiled.plans)} plans>"


def _call_method(function: Any, owner: Any, *args: Any, **kwargs: Any) -> Any:
    return function(owner(), *args, **kwargs)


def compiled_function(function: Callable[..., Any], fullgraph: bool) -> CompiledFunction:
    """`function`, compiled while it runs."""
    ahead.begin()
    return CompiledFunction(function, fullgraph)
