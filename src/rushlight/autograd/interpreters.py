"""Transforms that change what operations do (forward mode, vmap) and how they nest.

An *interpreter* sees every op of its thread: ``_core.ctx.handler``, the one attribute test in the
wrapper of every op, holds a router while any interpreter is there, and the router asks the
innermost interpreter of the thread that runs. Interpreters form a stack; each has `lower`, the
next one out (or a recorder, or None), and while it says what an op means at its level, it runs
ops *below* itself::

    def interpret(self, op, args):           # called below
        result = call(op, args)              # seen by self.lower
        ...

A tensor keeps what it is at each level in its ``__dict__``: ``_tangents = {level: Tensor}``,
``_batched = {level: ...}``. Level numbers are never used twice, so what is left over from a level
that ended means nothing.

**Order.** Batching and forward mode commute, so the stack is kept in one order: levels that *lift*
(vmap: a tensor stands for a physical one with one more dim) are above all levels that do not (jvp),
wherever they were pushed. A batched tensor has no tangents of its own: they belong to the physical
tensor, as do the graph and what nodes save; ops on physical tensors are seen by every jvp level. A
tensor that is not batched may have a batched tangent (jacfwd: one value, many directions); its
tangents are computed :class:`aside`, where the lifting levels see them. Where such a tensor meets a
batched one, :func:`aligned` makes it and its tangents physical.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

from .. import _core
from .._core import TEN, Node, Slot, Tensor, ctx, wrap
from .._define.promote import invoke

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: What library code asks a handler for beside ops. An interpreter that does not define one behaves
#: as the handler below it, and without any as if there were no handler:
#:
#: * ``write(x, result)``: carry out an in-place op: the memory of `x` takes the value of `result`
#:   (version and edge are the caller's business);
#: * ``become(x, view)``: an in-place change of shape: `x` shows its memory as `view` does (vmap may
#:   take `view` for what `x` is from now on);
#: * ``shadow(x, t)``: `t` stands for the old value of `x` in its own in-place op: it must be at
#:   every level what `x` is;
#: * ``out(op, result, out)``: `result` is about to be copied into `out`;
#: * ``like(source, t)``: `t` was made in the likeness of `source`; ``detached(x, t)``: `t` is `x`
#:   without its graph;
#: * ``namespace(k)``: the namespace of a backward pass that would run over `k` (None: arrays);
#: * ``by_example(function, args, kwargs)``: run a function that looks at values;
#: * ``lifting``: there where a level of batching is;
#: * ``gradients(...)``: what `engine.gradients_of` returns, or NotImplemented;
#: * ``tracked(t)``: whether the batched `t` requires grad; ``shown(t)``: what is printed for
#:   `t`, or None;
#: * ``reads(t, what)``: user code looks at a value; ``made(t)``: a constructor made `t`;
#: * ``draw(generator, kind, shape, dtype, parameters)``, ``draw_into(t, generator, kind,
#:   parameters)``, ``touches(generator, what)``: random numbers;
#: * ``function(cls, args)``: ``autograd.Function.apply`` on positional arguments; returns the
#:   result and the call's ctx (None where nobody above may need it), or NotImplemented;
#: * ``read_grad``, ``set_grad``, ``accumulate``, ``optimizer_step``, ``zero_grad``,
#:   ``scheduler_step``, ``seen``: a recorder's.
HOOKS = frozenset(
    (
        "accumulate", "become", "by_example", "detached", "draw", "draw_into", "function",
        "gradients", "lifting", "like", "made", "namespace", "optimizer_step", "out", "read_grad",
        "reads", "scheduler_step", "seen", "set_grad", "shadow", "shown", "touches", "tracked",
        "write", "zero_grad",
    )
)  # fmt: skip

next_level: Callable[[], int] = itertools.count(1).__next__
_UNSET: Any = _core.MISSING


class _State(threading.local):
    #: What sees the next op of this thread: an interpreter, a recorder, or None. `_UNSET`: the
    #: thread has no interpreters.
    current: Any = _UNSET


_state = _State()


class _Router:
    """The handler while there are interpreters: hands everything to the thread's current one."""

    def __init__(self) -> None:
        #: The handler that was there before the first interpreter, and how many there are.
        self.outer: Any = None
        self.count = 0

    def __call__(self, op: Any, args: tuple[Any, ...]) -> Any:
        current = _state.current
        if current is _UNSET:
            current = self.outer
        return NotImplemented if current is None else current(op, args)

    def become(self, x: Tensor, view: Tensor) -> None:
        current = _state.current
        if current is _UNSET:
            current = self.outer
        if current is not None:
            getattr(current, "become", _refuse)(x, view)

    def __getattr__(self, name: str) -> Any:
        current = _state.current
        if current is _UNSET:
            current = self.outer
        if current is None:
            raise AttributeError(name)
        return getattr(current, name)


def _refuse(x: Tensor, view: Tensor) -> None:
    raise NotImplementedError("an in-place change of shape in a compiled step")


_router = _Router()
_lock = threading.Lock()


class Interpreter:
    """What ops mean at one level. Subclasses define `belongs` and `interpret`, and the hooks they
    care for; each of those runs with itself as the current interpreter and uses `below`.

    Attributes:
        level: its number, unlike that of any other interpreter ever.
        lower: what sees ops below: an interpreter, a recorder or None.
        thread: the thread it was pushed in.
        lifts: whether its tensors stand for physical ones with another shape (vmap).
    """

    __slots__ = ("displaced", "level", "lower", "thread", "upper")
    lifts = False

    def __init__(self) -> None:
        self.level = next_level()
        self.lower: Any = None
        self.upper: Interpreter | None = None
        self.displaced: Interpreter | None = None  # what was above `lower` before
        self.thread = threading.get_ident()

    def belongs(self, t: Tensor) -> bool:
        """Whether `t` is something special at this level."""
        raise NotImplementedError

    def interpret(self, op: Any, args: tuple[Any, ...]) -> Any:
        """What ``op(*args)`` is at this level; called below it."""
        raise NotImplementedError

    def wrap(self, physical: Tensor) -> Tensor:
        """(Levels that lift:) the tensor of this level over `physical`, whose dim 0 is the batch;
        `size` is its size."""
        raise NotImplementedError

    def __call__(self, op: Any, args: tuple[Any, ...]) -> Any:
        for t in tensors_of(args):
            if self.belongs(t):
                break
        else:
            lower = self.lower
            if lower is None:
                return NotImplemented
            _state.current = lower
            try:
                return lower(op, args)
            finally:
                _state.current = self
        _state.current = self.lower
        try:
            return self.interpret(op, args)
        finally:
            _state.current = self

    def become(self, x: Tensor, view: Tensor) -> None:
        lower = self.lower
        if lower is not None:
            with below(self):
                getattr(lower, "become", _refuse)(x, view)

    def __getattr__(self, name: str) -> Any:
        if name not in HOOKS:
            raise AttributeError(name)
        hook = getattr(self.lower, name)  # AttributeError: as if there were no handler

        def relay(*args: Any) -> Any:
            with below(self):
                return hook(*args)

        return relay

    def __enter__(self) -> Interpreter:
        push(self)
        return self

    def __exit__(self, *_: object) -> None:
        pop(self)


class below:
    """A context in which ops are seen by what is below `interpreter`."""

    __slots__ = ("before", "interpreter")

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter

    def __enter__(self) -> None:
        self.before = _state.current
        _state.current = self.interpreter.lower

    def __exit__(self, *_: object) -> None:
        _state.current = self.before


class linked:
    """A context in which `lower` is what is below `above`, whatever stood between them."""

    __slots__ = ("above", "lower", "lower_before", "upper_before")

    def __init__(self, above: Interpreter, lower: Any) -> None:
        self.above = above
        self.lower = lower

    def __enter__(self) -> None:
        lower = self.lower
        self.lower_before, self.above.lower = self.above.lower, lower
        if isinstance(lower, Interpreter):
            self.upper_before, lower.upper = lower.upper, self.above

    def __exit__(self, *_: object) -> None:
        self.above.lower = self.lower_before
        if isinstance(self.lower, Interpreter):
            self.lower.upper = self.upper_before


class aside:
    """A context in which ops are seen by the levels that lift and by those below `interpreter`, but
    not by itself: where a level computes what it hangs on tensors."""

    __slots__ = ("before", "interpreter", "link")

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter

    def __enter__(self) -> None:
        self.before = _state.current
        interpreter = self.interpreter
        above = interpreter.upper
        while above is not None and not above.lifts:
            above = above.upper
        if above is None:
            self.link: linked | None = None
            _state.current = interpreter.lower
            return
        self.link = linked(above, interpreter.lower)
        self.link.__enter__()
        while above.upper is not None:
            above = above.upper
        _state.current = above

    def __exit__(self, *_: object) -> None:
        if self.link is not None:
            self.link.__exit__()
        _state.current = self.before


def current() -> Interpreter | None:
    """The innermost interpreter that sees the next op of this thread."""
    found = _state.current
    return found if isinstance(found, Interpreter) else None


def stack() -> Iterator[Interpreter]:
    """The interpreters that see the next op of this thread, from the innermost out."""
    found = _state.current
    while isinstance(found, Interpreter):
        yield found
        found = found.lower


def push(interpreter: Interpreter) -> None:
    """Let `interpreter` see the ops of this thread; one that does not lift goes below those that
    do."""
    interpreter.thread = threading.get_ident()
    with _lock:
        if not _router.count:
            _router.outer = ctx.handler
            ctx.handler = _router
        _router.count += 1
    found = _state.current
    if found is _UNSET:
        found = _router.outer
    above = None
    if not interpreter.lifts:
        while isinstance(found, Interpreter) and found.lifts:
            above, found = found, found.lower
    interpreter.lower = found
    interpreter.upper = above
    if isinstance(found, Interpreter):
        interpreter.displaced, found.upper = found.upper, interpreter
    if above is None:
        _state.current = interpreter
    else:
        above.lower = interpreter


def pop(interpreter: Interpreter) -> None:
    """Take `interpreter` out of the stack of this thread."""
    found, above = _state.current, None
    while found is not interpreter:
        if not isinstance(found, Interpreter):
            raise RuntimeError("the interpreter is not active in this thread")
        above, found = found, found.lower
    if above is None:
        _state.current = interpreter.lower
    else:
        above.lower = interpreter.lower
    if isinstance(interpreter.lower, Interpreter):
        interpreter.lower.upper = interpreter.displaced
    with _lock:
        _router.count -= 1
        if not _router.count:
            ctx.handler, _router.outer = _router.outer, None
    if not isinstance(_state.current, Interpreter):
        _state.current = _UNSET


def through(function: Callable[..., Any], t: Tensor, *others: Tensor) -> Any:
    """``function(t, *others)`` below all levels that lift `t`: on its physical tensor, the others
    as physical there; the result (a Tensor or None) lifted again."""
    for level in stack():
        if level.lifts and level.belongs(t):
            with aside(level):
                result = through(function, *(_physical(level, u) for u in (t, *others)))
                return None if result is None else _lifted(level, result)
    return function(t, *others)


def aligned(level: Interpreter, t: Tensor) -> Tensor | None:
    """For a `t` that is not of the lifting `level` though a tangent of it is: `t` and its tangents
    as physical tensors of the level. None where no tangent is. To be called below the level."""
    return _physical(level, t) if _involves(level, t) else None


def _involves(level: Interpreter, t: Tensor) -> bool:
    tangents = t._tangents
    return tangents is not None and any(
        u is not None and (_is_of(level, u) or _involves(level, u)) for u in tangents.values()
    )


def _is_of(level: Interpreter, t: Tensor) -> bool:
    """Whether `t` is of the lifting level, below other ones perhaps."""
    batched = t._batched
    return batched is not None and (
        level.level in batched or any(_is_of(level, p) for p in batched.values())
    )


def _above(level: Interpreter, t: Tensor) -> tuple[Any, Tensor] | None:
    """The level above a lifting `level` that `t` is of, and its physical tensor there."""
    if t._batched is not None:
        upper = level.upper
        while upper is not None:
            if upper.level in t._batched:
                return upper, t._batched[upper.level]
            upper = upper.upper
    return None


def _swapped(t: Tensor) -> Tensor:
    found: Tensor = TEN.permute(t, (1, 0, *range(2, t._data.ndim)))
    return found


def _physical(level: Any, t: Tensor) -> Tensor:
    """`t`, expanded if need be, as a physical tensor of a lifting level: the batch is dim 0. A
    tensor of a level above stays one. Called where the level is not seen."""
    if t._batched is not None and level.level in t._batched:
        found: Tensor = t._batched[level.level]
        return found
    above = _above(level, t)
    if above is not None:
        upper, inner = above
        made: Tensor = upper.wrap(_swapped(_physical(level, inner)))
        return made
    made = TEN.expand(t, (level.size, *t._data.shape))
    if t._tangents is not None and _involves(level, t):
        made._tangents = {
            n: None if u is None else _physical(level, u) for n, u in t._tangents.items()
        }
    return made


def _lifted(level: Any, t: Tensor) -> Tensor:
    """The tensor of a lifting level over the physical `t`."""
    above = _above(level, t)
    made: Tensor
    if above is not None:
        upper, inner = above
        made = upper.wrap(_lifted(level, _swapped(inner)))
    else:
        made = level.wrap(t)
    return made


# ---------------------------------------------------------------------------------------------
# Helpers of interpreters


def tensors_of(args: Any) -> Iterator[Tensor]:
    """The Tensors among the arguments of an op, also those in lists."""
    for a in args:
        if isinstance(a, Tensor):
            yield a
        elif type(a) is list or type(a) is tuple:
            for b in a:
                if isinstance(b, Tensor):
                    yield b


def call(op: Any, args: Any) -> Any:
    """``op(*args)`` as a handler is offered it: one value for each parameter, in schema order."""
    if op.kind == "variadic" or getattr(op, "positional", len(args)) == len(args):
        return op.call(*args)
    return invoke(op, list(args))


_LEVELS = ("_tangents", "_batched")


def carry(source: Tensor, target: Tensor) -> Tensor:
    """Let `target` be at every level what `source` is; returns `target`."""
    state = source.__dict__
    for name in _LEVELS:
        found = state.get(name)
        if found is not None:
            target.__dict__[name] = dict(found)
    return target


def note_saves(op: Any, args: Any, result: Any) -> None:
    """Let the node behind `result` find again what its saved arrays are at every level.

    A node saves arrays. Under TEN ``k.load`` makes tensors of them and consults
    ``node.__dict__["_saved_tensors"]``, which this fills: slot number -> a tensor that carries the
    levels of the one that was saved. (It has no edge: an output would keep its own node alive.)
    """
    outputs = result if isinstance(result, tuple | list) else (result,)
    node: Any = None
    for t in outputs:
        if isinstance(t, Tensor) and isinstance(t._edge, Node):
            node = t._edge.node if type(t._edge) is Slot else t._edge
            break
    made_by: Any = getattr(node, "op", None)
    if made_by is not op:
        return
    saved: dict[int, Tensor] = {}
    if op.kind == "variadic":
        if "xs" not in op.formula_names:
            return
        sources = list(enumerate(args[op.list_at]))
    else:
        sources = []
        for number, _, source in node.saves:
            if source is not None:
                sources.append((number, args[op.order.index(op.inputs[source])]))
            elif op.saves[number][0] == "output":
                sources.append((number, outputs[op.saves[number][1]]))
    for number, t in sources:
        if isinstance(t, Tensor) and not t.__dict__.keys().isdisjoint(_LEVELS):
            saved[number] = carry(t, wrap(t._data))
    if saved:
        node.__dict__["_saved_tensors"] = saved
