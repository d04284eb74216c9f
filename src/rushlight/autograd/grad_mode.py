"""Switches for what a thread records: no_grad, enable_grad, set_grad_enabled, inference_mode.

Each is a context manager and a decorator. The modes belong to the thread; `_core.set_modes` also
counts the threads in a special mode, so that the wrappers of ops look no further while there are
none.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from .. import _core
from .._core import _forget_special, _note_special, _thread_id, set_modes, thread

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "enable_grad",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
]

# Flags of code objects (inspect would be a heavy import for three constants).
_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200


def _flags(function: Any) -> int:
    while not hasattr(function, "__code__"):
        inner = getattr(function, "func", None) or getattr(function, "__func__", None)
        if inner is None:
            return 0
        function = inner
    return function.__code__.co_flags


def decorate(mode: Any, function: Any) -> Any:
    """`function` under a fresh clone of `mode`: at every call, or at every resumption."""
    if isinstance(function, type):
        import warnings

        warnings.warn(
            "Decorating classes is deprecated and will be disabled in future versions. You should "
            "only decorate functions or methods. To preserve the current behavior of class "
            "decoration, you can directly decorate the `__init__` method and nothing else.",
            FutureWarning,
            stacklevel=3,
        )
    flags = 0 if isinstance(function, type) else _flags(function)
    if flags & _ASYNC_GENERATOR:

        @wraps(function)
        async def async_generator(*args: Any, **kwargs: Any) -> Any:
            inner = function(*args, **kwargs)
            try:
                step = inner.asend(None)
                while True:
                    try:
                        value = await _Resumed(mode, step)
                    except StopAsyncIteration:
                        return
                    try:
                        sent = yield value
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step = inner.athrow(error)
                    else:
                        step = inner.asend(sent)
            finally:
                await _Resumed(mode, inner.aclose())

        return async_generator
    if flags & _COROUTINE:

        @wraps(function)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            return await _Resumed(mode, function(*args, **kwargs))

        return coroutine
    if flags & _GENERATOR:

        @wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Any:
            with mode.clone():
                inner = function(*args, **kwargs)
            return (yield from _resumed(mode, inner))

        return generator

    @wraps(function, updated=() if isinstance(function, type) else ("__dict__",))
    def plain(*args: Any, **kwargs: Any) -> Any:
        with mode.clone():
            return function(*args, **kwargs)

    return plain


def _resumed(mode: Any, inner: Any) -> Any:
    """Drive `inner`; the mode holds while it runs and not while its consumer does."""
    step, argument = inner.send, None
    try:
        while True:
            with mode.clone():
                value = step(argument)
            try:
                step, argument = inner.send, (yield value)
            except GeneratorExit:
                with mode.clone():
                    inner.close()
                raise
            except BaseException as error:
                step, argument = inner.throw, error
    except StopIteration as stop:
        return stop.value


class _Resumed:
    """Awaits something under a mode that other tasks of the thread do not see."""

    def __init__(self, mode: Any, awaitable: Any) -> None:
        self.mode = mode
        self.awaitable = awaitable

    def __await__(self) -> Any:
        return _resumed(self.mode, _Sent(self.awaitable.__await__()))


class _Sent:
    """An iterator from ``__await__`` with a generator's methods."""

    def __init__(self, iterator: Any) -> None:
        self.send = getattr(iterator, "send", lambda _: next(iterator))
        self.throw = getattr(iterator, "throw", self._raise)
        self.close = getattr(iterator, "close", lambda: None)

    @staticmethod
    def _raise(error: BaseException) -> None:
        raise error


class _Mode:
    """What the four modes share: decoration."""

    __slots__ = ("__weakref__", "prev")
    prev: Any

    def __call__(self, orig_func: Callable[..., Any]) -> Any:
        return decorate(self, orig_func)

    def clone(self) -> Any:
        return type(self)()


class no_grad(_Mode):
    """Record nothing: results do not require grad, whatever goes in.

    Also a decorator, with or without parentheses. Per thread. Constructors such as
    ``torch.ones(2, requires_grad=True)`` are not affected.

    Source: https://pytorch.org/docs/stable/generated/torch.no_grad.html

    >>> import rushlight as torch
    >>> x = torch.tensor([1.], requires_grad=True)
    >>> with torch.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    __slots__ = ()

    def __new__(cls, orig_func: Any = None) -> Any:
        made = _new(cls)
        return made if orig_func is None else made(orig_func)

    # `set_modes` written out for the ordinary case: this runs in every optimizer's step.

    def __enter__(self) -> None:
        grad = self.prev = thread.grad
        if grad:
            thread.grad = False
            _note_special(_thread_id())

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self.prev:
            if not thread.grad:
                thread.grad = True
                if not thread.inference:
                    _forget_special(_thread_id())
        elif thread.grad:
            set_modes(False, thread.inference)


class enable_grad(_Mode):
    """Record again inside :class:`no_grad`.

    Source: https://pytorch.org/docs/stable/generated/torch.enable_grad.html

    >>> import rushlight as torch
    >>> x = torch.tensor([1.], requires_grad=True)
    >>> with torch.no_grad(), torch.enable_grad():
    ...     y = x * 2
    >>> y.requires_grad
    True
    """

    __slots__ = ()

    def __new__(cls, orig_func: Any = None) -> Any:
        made = _new(cls)
        return made if orig_func is None else made(orig_func)

    def __enter__(self) -> None:
        self.prev = set_modes(True, thread.inference)

    def __exit__(self, *_: object) -> None:
        set_modes(self.prev[0], thread.inference)


class set_grad_enabled(_Mode):
    """Switch recording on or off, at once; as a context manager until its end.

    Args:
        mode: whether to record.

    Source: https://pytorch.org/docs/stable/generated/torch.set_grad_enabled.html

    >>> import rushlight as torch
    >>> x = torch.tensor([1.], requires_grad=True)
    >>> with torch.set_grad_enabled(False):
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    __slots__ = ("mode",)

    def __init__(self, mode: bool) -> None:
        if type(mode) is not bool:
            raise TypeError(
                "set_grad_enabled(): argument 'enabled' (position 1) must be bool, not "
                f"{type(mode).__name__}"
            )
        self.mode = mode
        self.prev = set_modes(mode, thread.inference)

    def __call__(self, orig_func: Callable[..., Any]) -> Any:
        set_modes(self.prev[0], thread.inference)
        return decorate(self, orig_func)

    def __enter__(self) -> None:
        set_modes(self.mode, thread.inference)

    def __exit__(self, *_: object) -> None:
        set_modes(self.prev[0], thread.inference)

    def __str__(self) -> str:
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self.mode})"

    __repr__ = __str__

    def clone(self) -> set_grad_enabled:
        return type(self)(self.mode)


class inference_mode(_Mode):
    """Like :class:`no_grad`, and what is made inside can never be part of a graph.

    Args:
        mode: False switches it off again inside; also the decorated function.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.grad_mode.inference_mode.html

    >>> import rushlight as torch
    >>> x = torch.tensor([1.], requires_grad=True)
    >>> with torch.inference_mode():
    ...     y = x * 2
    >>> y.requires_grad, y.is_inference()
    (False, True)
    """

    __slots__ = ("mode",)

    def __new__(cls, mode: Any = True) -> Any:
        if isinstance(mode, bool):
            return _new(cls)
        return cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        self.prev = set_modes(not self.mode, self.mode)

    def __exit__(self, *_: object) -> None:
        set_modes(*self.prev)

    def clone(self) -> inference_mode:
        return type(self)(self.mode)


class set_multithreading_enabled(_Mode):
    """Accepted for compatibility: backward here runs in the calling thread anyway."""

    __slots__ = ("mode",)

    def __init__(self, mode: bool) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def clone(self) -> set_multithreading_enabled:
        return type(self)(self.mode)


_new = object.__new__


def is_grad_enabled() -> bool:
    """Whether this thread records operations.

    >>> import rushlight as torch
    >>> torch.is_grad_enabled()
    True
    """
    return _core.thread.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is in inference mode.

    >>> import rushlight as torch
    >>> torch.is_inference_mode_enabled()
    False
    """
    return _core.thread.inference


for _class in (no_grad, enable_grad, set_grad_enabled, inference_mode, set_multithreading_enabled):
    _class.__module__ = "torch.autograd.grad_mode"
