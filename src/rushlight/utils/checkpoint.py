"""Checkpointing: what a function saves for backward is dropped and computed again when needed."""

from __future__ import annotations

import contextlib
import threading
import warnings
import weakref
from typing import TYPE_CHECKING, Any

from .._core import Tensor, thread
from .._missing import missing_attribute
from .._tensor.randoms import get_rng_state, set_rng_state
from .._tensor.registry import FUNCTIONS, resolve
from ..autograd import backward as run_backward
from ..autograd.function import Function
from ..autograd.grad_mode import enable_grad, no_grad
from ..autograd.graph import saved_tensors_hooks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "DefaultDeviceType",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "create_selective_checkpoint_contexts",
    "detach_variable",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
    "set_device_states",
]

_UNSET = (
    "{}: the use_reentrant parameter should be passed explicitly. {} use_reentrant=False is "
    "recommended, but if you need to preserve the current default behavior, you can pass "
    "use_reentrant=True. Refer to docs for more details on the differences between the two "
    "variants."
)


class CheckpointError(RuntimeError):
    """The function did something else when it was called again."""


class DefaultDeviceType:
    """Which device's generators are looked after beside the CPU's. There is none here."""

    _default_device_type = "cuda"

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        DefaultDeviceType._default_device_type = device

    @staticmethod
    def get_device_type() -> str:
        return "cpu"


class _Settings(threading.local):
    early_stop = True
    debug: bool | None = None


_settings = _Settings()


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """A context whose checkpoints stop (or do not) as soon as everything is computed again.

    Source: torch.utils.checkpoint.set_checkpoint_early_stop.
    """
    before = _settings.early_stop
    _settings.early_stop = enable
    try:
        yield
    finally:
        _settings.early_stop = before


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """A context that overrides the `debug` argument of checkpoints."""
    before = _settings.debug
    _settings.debug = enabled
    try:
        yield
    finally:
        _settings.debug = before


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing: the default of `context_fn`."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def detach_variable(inputs: Any) -> tuple[Any, ...]:
    """The tensors of a tuple without their history."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            "Only tuple of tensors is supported. Got Unsupported input type: "
            f"{type(inputs).__name__}"
        )
    found = []
    for item in inputs:
        if isinstance(item, Tensor):
            given: Any = item
            item = given.detach()
            item.requires_grad_(given.requires_grad)
        found.append(item)
    return tuple(found)


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warn where no input requires grad."""
    if not any(t.requires_grad for t in inputs if isinstance(t, Tensor)):
        warnings.warn(
            "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2
        )


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """States of the generators of other devices than the CPU: there are none."""
    return [], []


def set_device_states(devices: Any, states: Any, *, device_type: str | None = None) -> None:
    """Sets the generators of other devices: there are none."""


class _Draws:
    """The state of the random numbers when a function first ran."""

    def __init__(self, keep: bool) -> None:
        self.state = get_rng_state() if keep else None

    @contextlib.contextmanager
    def again(self) -> Iterator[None]:
        """Draw from there; then go on as if nothing had been drawn."""
        if self.state is None:
            yield
            return
        before = get_rng_state()
        set_rng_state(self.state)
        try:
            yield
        finally:
            set_rng_state(before)


# ---- reentrant: a function whose backward runs a backward of its own ----------------------------


class CheckpointFunction(Function):
    """The node of a reentrant checkpoint."""

    @staticmethod
    def forward(ctx: Any, run_function: Any, preserve_rng_state: bool, *args: Any) -> Any:
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.draws = _Draws(preserve_rng_state)
        ctx.inputs = [None if isinstance(a, Tensor) else a for a in args]
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *args: Any) -> Any:
        walk = thread.walk
        if walk is not None and walk.captures is not None:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or "
                "passing an `inputs` parameter to .backward(). To resolve this error, you can "
                "either set use_reentrant=False, or call .backward() without passing the `inputs` "
                "argument."
            )
        inputs = list(ctx.inputs)
        for i, t in zip(ctx.places, ctx.saved_tensors, strict=True):
            inputs[i] = t
        detached = detach_variable(tuple(inputs))
        with ctx.draws.again(), enable_grad():
            outputs = ctx.run_function(*detached)
        if isinstance(outputs, Tensor):
            outputs = (outputs,)
        pairs = [
            (out, g) for out, g in zip(outputs, args, strict=True)
            if isinstance(out, Tensor) and out.requires_grad
        ]  # fmt: skip
        if not pairs:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        run_backward([out for out, _ in pairs], [g for _, g in pairs])
        return (None, None, *(t.grad if isinstance(t, Tensor) else None for t in detached))


# ---- not reentrant: hooks on saved tensors ------------------------------------------------------


class _KeepInputs(Function):
    """Saves the arguments of a checkpoint as an operation saves its inputs: hooks see them, and a
    change in place is noticed."""

    @staticmethod
    def forward(ctx: Any, dummy: Any, *args: Any) -> Any:
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.others = [None if isinstance(a, Tensor) else a for a in args]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        return dummy.new_empty((0,))

    @staticmethod
    def arguments(ctx: Any) -> list[Any]:
        found = list(ctx.others)
        for i, t in zip(ctx.places, ctx.saved_tensors, strict=True):
            found[i] = t
        return found


class _Holder:
    """Stands for one saved tensor. `handles`: where each pass finds it computed again."""

    __slots__ = ("__weakref__", "handles")

    def __init__(self) -> None:
        self.handles: dict[Any, Any] = {}


class _Stop(Exception):
    """Everything that is needed was computed again."""


class _Frame:
    """One call of a checkpointed function.

    Attributes:
        holders: one for each tensor that the call saved, in order.
        again: calls the function once more.
        keeper: the node with its arguments.
        values: for each pass, what was computed again.
    """

    def __init__(self, again: Any, early_stop: bool, checks: bool) -> None:
        self.again = again
        self.early_stop = early_stop
        self.checks = checks
        self.holders: list[Any] = []
        self.metadata: list[Any] = []
        self.keeper: Any = None
        self.values: weakref.WeakKeyDictionary[Any, dict[int, Tensor]]
        self.values = weakref.WeakKeyDictionary()
        self.counts: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def pack(self, t: Any) -> _Holder:
        holder = _Holder()
        self.holders.append(weakref.ref(holder))
        if self.checks:
            self.metadata.append(_metadata(t))
        return holder

    def unpack(self, holder: _Holder) -> Tensor:
        walk = thread.walk
        if walk is None:
            walk = _Pass()  # somebody looks at a saved tensor outside of backward
        if walk not in self.values:
            self._recompute(walk)
        if walk not in holder.handles:
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the "
                "original forward and recomputation."
            )
        handle = holder.handles[walk]
        if handle is None:
            raise CheckpointError(
                "torch.utils.checkpoint: Unpack is being triggered for a tensor that was already "
                "unpacked once. If you are calling ctx.saved_tensors in backward, make sure to do "
                "so only once. Otherwise please open an issue with details on your use case."
            )
        holder.handles[walk] = None
        return self.values[walk].pop(handle)

    def _recompute(self, walk: Any) -> None:
        values: dict[int, Tensor] = {}
        found: list[Any] = []
        self.values[walk] = values

        def pack(t: Any) -> Any:
            number = len(found)
            if number >= len(self.holders):
                if not self.early_stop or self.checks:
                    raise CheckpointError(
                        "torch.utils.checkpoint: trying to save more tensors during recomputation "
                        "than during the original forward pass."
                    )
                return t.detach()
            found.append(_metadata(t))
            holder = self.holders[number]()
            if holder is not None:
                holder.handles[walk] = number
                values[number] = t.detach()
            if self.early_stop and len(found) == len(self.holders):
                raise _Stop
            return t.detach()

        def unpack(t: Any) -> Any:
            return t

        arguments = _KeepInputs.arguments(self.keeper)
        try:
            with saved_tensors_hooks(pack, unpack), enable_grad():
                self.again(*arguments)
        except _Stop:
            pass
        self._compare(found)

    def _compare(self, found: list[Any]) -> None:
        if not self.checks:
            return
        if len(found) != len(self.holders):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the "
                "original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.holders)}\n"
                f"Number of tensors saved during recomputation: {len(found)}."
            )
        wrong = [
            f"tensor at position {i}:\nsaved metadata: {a}\nrecomputed metadata: {b}\n"
            for i, (a, b) in enumerate(zip(self.metadata, found, strict=True))
            if a != b
        ]
        if wrong:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have "
                "different metadata than during the forward pass.\n" + "".join(wrong) + "."
            )


class _Pass:
    """A backward pass that is none: the key of one look at a saved tensor."""


def _metadata(t: Any) -> dict[str, Any]:
    return {"shape": t.shape, "dtype": t.dtype, "device": t.device}


def _without_reentrant(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], keep_draws: bool,
    context_fn: Callable[[], tuple[Any, Any]], determinism_check: str, early_stop: bool,
) -> Any:  # fmt: skip
    forward_context, again_context = context_fn()
    if determinism_check not in ("default", "none"):
        raise ValueError(
            "determinism_check should be one of ['default', 'none'], but got "
            f"{determinism_check}"
        )
    draws = _Draws(keep_draws)

    def again(*arguments: Any) -> None:
        with draws.again(), again_context:
            function(*arguments, **kwargs)

    frame = _Frame(again, early_stop and _settings.early_stop, determinism_check == "default")
    if not thread.grad:
        with forward_context:
            return function(*args, **kwargs)
    dummy = resolve(FUNCTIONS["empty"], "empty")(0, requires_grad=True)
    kept: Any = _KeepInputs.apply(dummy, *args)
    frame.keeper = kept.grad_fn
    with saved_tensors_hooks(frame.pack, frame.unpack), forward_context:
        return function(*args, **kwargs)


# ---- public -------------------------------------------------------------------------------------


def checkpoint(
    function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default", debug: bool = False, early_stop: bool = True,
    **kwargs: Any,
) -> Any:  # fmt: skip
    """Call a function so that backward calls it again instead of keeping what it saved.

    Args:
        use_reentrant: run a backward pass of its own inside backward (True), or compute saved
            tensors again when they are asked for (False: better, and needed for
            `torch.autograd.grad`, keyword arguments and inputs that need no gradient).
        context_fn: gives two contexts, for the first call and the one in backward.
        determinism_check: "default" compares shapes, dtypes and devices; "none" does not.
        debug: accepted; errors name the tensors either way.
        early_stop: stop the second call once everything is there.
        preserve_rng_state: draw the same random numbers again (True by default).

    Raises:
        ValueError: keyword arguments that do not go with `use_reentrant`.
        CheckpointError: in backward, where the function does not do the same again.

    Source: https://docs.pytorch.org/docs/stable/checkpoint.html; Chen et al. 2016,
    arXiv:1604.06174.

    >>> import rushlight as torch
    >>> x = torch.tensor([2.], requires_grad=True)
    >>> torch.utils.checkpoint.checkpoint(lambda x: x * x, x, use_reentrant=False).backward()
    >>> x.grad
    tensor([4.])
    """
    if use_reentrant is None:
        warnings.warn(
            _UNSET.format(
                "torch.utils.checkpoint",
                "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an "
                "exception.",
            ),
            stacklevel=2,
        )
        use_reentrant = True
    keep_draws = kwargs.pop("preserve_rng_state", True)
    if not use_reentrant:
        return _without_reentrant(
            function, args, kwargs, keep_draws, context_fn, determinism_check, early_stop
        )
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug is not False:
        raise ValueError(
            "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
        )
    return CheckpointFunction.apply(function, keep_draws, *args)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Call modules one after the other, all but the last segment as checkpoints.

    Args:
        functions: a `Sequential`, or modules or functions in order.
        segments: how many parts to make.
        use_reentrant, preserve_rng_state: as in :func:`checkpoint`.

    Source: torch.utils.checkpoint.checkpoint_sequential.
    """
    if use_reentrant is None:
        warnings.warn(
            _UNSET.format(
                "torch.utils.checkpoint.checkpoint_sequential",
                "In version 2.9 we will raise an exception if use_reentrant is not passed.",
            ),
            stacklevel=2,
        )
        use_reentrant = True
    keep_draws = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    children = getattr(functions, "children", None)
    steps = list(children()) if children is not None else list(functions)

    def part(first: int, last: int) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for step in steps[first:last]:
                x = step(x)
            return x

        return run

    size = len(steps) // segments
    last = size * (segments - 1)
    for start in range(0, last, size) if size else ():
        input = checkpoint(
            part(start, start + size), input, use_reentrant=use_reentrant,
            preserve_rng_state=keep_draws,
        )  # fmt: skip
    return part(last, len(steps))(input)


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Any, allow_cache_entry_mutation: bool = False
) -> Any:
    """Not there: it chooses by PyTorch's internal operators.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("torch.utils.checkpoint.create_selective_checkpoint_contexts")


def __getattr__(name: str) -> Any:
    raise missing_attribute("torch.utils.checkpoint", name)


for _class in (CheckpointError, CheckpointFunction, DefaultDeviceType):
    _class.__module__ = "torch.utils.checkpoint"
