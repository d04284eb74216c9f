"""The interpreter behind ``torch.vmap``: a tensor stands for a batch of tensors.

Inside the mapped function a *batched* tensor shows one example: its ``_data`` is the first one, so
that shapes, dtypes and strides are right. Behind it is the *physical* tensor with the batch in dim
0: ``t.__dict__["_batched"] = {level: physical}``. An op on batched tensors runs once on the
physical ones, as the rule of its row says (:mod:`.batch_rules`), or example by example. With
several levels the physical tensor of one is a tensor of the next one out; the *bottom* has the dims
of all levels, the outermost first. The graph hangs on bottom tensors only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import TEN, Tensor, ctx, wrap
from . import batch_rules, inplace, interpreters
from .interpreters import Interpreter, below

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RANDOMNESS = ("error", "different", "same")

_RANDOM = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
    "'different' randomness flags on vmap or perform the randomness operation out of vmap"
)
_RANDOM_IN_PLACE = (
    "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear "
    "like same randomness. If this is necessary for your usage, please file an issue with "
    "functorch."
)
_RANDOM_BATCHED = (
    "Vmap does not currently support same randomness with a batched tensor input. Please file an "
    "issue with functorch"
)
_IN_PLACE = (
    "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor "
    "`other` in extra_args that has more elements than `self`. This happened due to `other` being "
    "vmapped over but `self` not being vmapped over in a vmap. Please try to use out-of-place "
    "operators instead of inplace arithmetic. If said operator is being called inside the PyTorch "
    "framework, please file a bug report instead."
)
_ITEM = (
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling "
    ".item() on a Tensor, please try to rewrite what you're doing with other operations. If error "
    "is occurring somewhere inside PyTorch internals, please file a bug report."
)
_BRANCH = (
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We "
    "don't support that yet, please file an issue at https://github.com/pytorch/pytorch/issues ."
)
_READS = {
    "bool()": _BRANCH,
    "numpy()": "Cannot access data pointer of Tensor that doesn't have storage",
    "tolist()": "Cannot access data pointer of Tensor that doesn't have storage",
    "equal()": "Batching rule not implemented for aten::equal. We could not generate a fallback.",
    "allclose()": (
        "vmap over torch.allclose isn't supported yet. Please file an issue at "
        "https://github.com/pytorch/pytorch/issues if you need this feature."
    ),
}


class Vmap(Interpreter):
    """One level of batching: `size` examples; `randomness` says what random ops do."""

    __slots__ = ("randomness", "size")
    lifts = True

    def __init__(self, size: int, randomness: str = "error") -> None:
        super().__init__()
        self.size = size
        self.randomness = randomness

    def belongs(self, t: Tensor) -> bool:
        found = t.__dict__.get("_batched")
        return found is not None and self.level in found

    def physical(self, t: Tensor) -> Tensor | None:
        """The tensor with the batch in dim 0; None if `t` is the same for all examples."""
        found = t.__dict__.get("_batched")
        return None if found is None else found.get(self.level)

    def physical_or_aligned(self, t: Tensor) -> Tensor | None:
        """`physical`; also where only a tangent of `t` is of this level. Call below."""
        found = self.physical(t)
        if found is None:
            if t._tangents is not None:
                return interpreters.aligned(self, t)
            if t._batched is not None:
                return self._aligned_within(t)
        return found

    def _aligned_within(self, t: Tensor) -> Tensor | None:
        """The same for a `t` of a level below, whose physical tensor has such a tangent."""
        owner = next((i for i in interpreters.stack() if i.lifts and i.belongs(t)), None)
        if not isinstance(owner, Vmap):
            return None
        inner = owner.physical(t)
        assert inner is not None
        with below(owner):
            found = self.physical_or_aligned(inner)
            if found is None:
                return None
            found = TEN.permute(found, (1, 0, *range(2, found._data.ndim)))
        return owner.wrap(found)

    def lift(self, t: Tensor) -> Tensor:
        """The physical tensor; one that is the same for all examples is expanded. Call below."""
        found = self.physical_or_aligned(t)
        return TEN.expand(t, (self.size, *t._data.shape)) if found is None else found

    def wrap(self, physical: Tensor) -> Tensor:
        """The tensor of this level over `physical`, whose dim 0 is the batch."""
        data = physical._data
        example = data[0, ...] if self.size else np.zeros(data.shape[1:], data.dtype)
        t = wrap(example)
        t.__dict__["_batched"] = {self.level: physical}
        return t

    def _wrap_all(self, result: Any) -> Any:
        if isinstance(result, Tensor):
            return self.wrap(result)
        if isinstance(result, tuple | list):
            kind = type(result)
            parts = [self._wrap_all(r) for r in result]
            return kind(parts)
        return result

    def interpret(self, op: Any, args: tuple[Any, ...]) -> Any:
        physical: list[Any] = []
        batched: list[Any] = []
        for a in args:
            if isinstance(a, Tensor):
                found = self.physical_or_aligned(a)
                batched.append(found is not None)
                physical.append(a if found is None else found)
            elif type(a) is list and a and isinstance(a[0], Tensor):
                several = [self.physical_or_aligned(b) for b in a]
                batched.append([s is not None for s in several])
                physical.append([b if s is None else s for b, s in zip(a, several, strict=True)])
            else:
                batched.append(False)
                physical.append(a)
        rule = batch_rules.rule_of(op)
        return self._wrap_all(rule(op, physical, batched, self.size))

    def lowered(self, function: Callable[..., Any], *tensors: Tensor) -> Any:
        with below(self):
            result = function(*(self.lift(t) for t in tensors))
        return self._wrap_all(result)

    # ---- what the library asks a handler for ------------------------------------------------

    def write(self, x: Tensor, result: Tensor) -> None:
        target = self.physical(x)
        value = self.physical(result)
        with below(self):
            if target is None:
                if value is not None:
                    raise RuntimeError(_IN_PLACE)
                lower = getattr(ctx.handler, "write", None)
                if lower is not None:
                    lower(x, result)
                else:
                    x._data[...] = result._data
                return
            if value is None:
                value = TEN.expand(result, target._data.shape)
            inplace.check_writable(target, (value,))
            inplace.write(target, value)
        if not self.size:
            x._data = x._data.copy()

    def shadow(self, x: Tensor, t: Tensor) -> None:
        physical = self.physical(x)
        with below(self):
            if physical is None:
                lower = getattr(ctx.handler, "shadow", None)
                if lower is not None:
                    lower(x, t)
                return
            kept = inplace.shadow_of(physical, _core.thread.grad)
        t.__dict__["_batched"] = {self.level: kept}

    def become(self, x: Tensor, view: Tensor) -> None:
        found = view._batched
        if found is not None:
            x._batched = dict(found)

    def function(self, cls: Any, args: tuple[Any, ...]) -> Any:
        from . import vmap_function

        return vmap_function.apply(self, cls, args)

    def lifting(self) -> None:
        """Nothing; that it is there says that a level of batching is."""

    def _scope(self) -> Any:
        """The function being differentiated, if it was entered inside all active levels."""
        scopes = _core.thread.scopes
        return scopes[-1] if scopes and scopes[-1].levels == active() else None

    def tracked(self, t: Tensor) -> bool:
        scope = self._scope()
        bottom = None if scope is None else scope.bottom(t)
        return bottom is not None and bottom._edge is not None

    def gradients(
        self, outputs: Any, gradients: Any, inputs: Any, keep: bool, create_graph: bool,
        allow_unused: bool,
    ) -> Any:  # fmt: skip
        """``autograd.grad`` of what a function under `torch.func.grad` computes."""
        scope = self._scope()
        if scope is None or not any(isinstance(t, Tensor) and self.belongs(t) for t in outputs):
            return NotImplemented
        return scope.gradients(outputs, gradients, inputs, keep, create_graph, allow_unused)

    def shown(self, t: Tensor) -> str | None:
        found = self.physical(t)
        with below(self):
            if found is None:
                lower = getattr(ctx.handler, "shown", None)
                return None if lower is None else lower(t)
            inner = repr(found).replace("\n", "\n    ")
        depth = sum(1 for _ in active())
        return f"BatchedTensor(lvl={depth}, bdim=0, value=\n    {inner}\n)"

    def by_example(self, function: Any, args: Any, kwargs: Any) -> Any:
        """A function that looks at values: once for each example, the results stacked."""
        values = [*args, *kwargs.values()]
        batched = [self.belongs(t) for t in interpreters.tensors_of(values)]
        with below(self):
            lower = getattr(ctx.handler, "by_example", None)

            def run(args: Any, kwargs: Any) -> Any:
                if lower is not None:
                    return lower(function, args, kwargs)
                return function(*args, **kwargs)

            if not any(batched):
                return run(args, kwargs)
            rows = [
                run([self._example(a, i) for a in args],
                    {n: self._example(a, i) for n, a in kwargs.items()})
                for i in range(self.size)
            ]  # fmt: skip
            return self._wrap_all(_stacked(rows))

    def _example(self, value: Any, i: int) -> Any:
        if isinstance(value, Tensor):
            found = self.physical(value)
            return value if found is None else TEN.select(found, 0, i)
        if type(value) is list or type(value) is tuple:
            return type(value)(self._example(v, i) for v in value)
        return value

    def like(self, source: Tensor, t: Tensor) -> None:
        found = self.physical(source)
        made: Any = t
        if found is not None:
            if self.belongs(t):
                return
            made = wrap(np.repeat(t._data[None], self.size, 0))
        with below(self):
            lower = getattr(ctx.handler, "like", None)
            if lower is not None:
                lower(source if found is None else found, made)
        if found is not None:
            self._become(t, made)

    def detached(self, x: Tensor, t: Tensor) -> None:
        found = self.physical(x)
        with below(self):
            if found is not None:
                self._become(t, found.detach())
                return
            lower = getattr(ctx.handler, "detached", None)
            if lower is not None:
                lower(x, t)

    def _become(self, t: Tensor, physical: Tensor) -> None:
        """Make `t` the tensor of this level over `physical`."""
        data = physical._data
        t._data = data[0, ...] if self.size else np.zeros(data.shape[1:], data.dtype)
        t._batched = {self.level: physical}

    def out(self, op: Any, result: Tensor, out: Tensor) -> None:
        if self.belongs(result) or self.belongs(out):
            raise RuntimeError(
                f"Batching rule not implemented for aten::{op.public_name}.out; the fallback path "
                "doesn't work on out= or view ops."
            )
        with below(self):
            lower = getattr(ctx.handler, "out", None)
            if lower is not None:
                lower(op, result, out)

    def namespace(self, k: Any) -> Any:
        return TEN if k is None else k

    def reads(self, t: Tensor, what: str) -> None:
        if self.belongs(t):
            raise RuntimeError(_READS.get(what, _ITEM))
        with below(self):
            lower = getattr(ctx.handler, "reads", None)
            if lower is not None:
                lower(t, what)

    def draw(
        self, generator: Any, kind: str, shape: Any, dtype: Any, parameters: tuple[Any, ...]
    ) -> Any:
        from .._ops import random

        if self.randomness == "error":
            raise RuntimeError(_RANDOM)
        batched = [isinstance(p, Tensor) and self.belongs(p) for p in parameters]
        if self.randomness == "same":
            if any(batched):
                raise RuntimeError(_RANDOM_BATCHED)
            with below(self):
                return random.draw(generator, kind, shape, dtype, *parameters)
        if kind in ("randperm", "multinomial"):
            with below(self):
                rows = []
                for i in range(self.size):
                    one = [
                        TEN.select(self.physical(p), 0, i) if b else p
                        for p, b in zip(parameters, batched, strict=True)
                    ]
                    rows.append(random.draw(generator, kind, shape, dtype, *one))
                return self.wrap(TEN.stack(rows, 0))
        with below(self):
            physical = [self.lift(p) if isinstance(p, Tensor) else p for p in parameters]
            drawn = random.draw(generator, kind, (self.size, *shape), dtype, *physical)
        return self.wrap(drawn)

    def draw_into(self, t: Tensor, generator: Any, kind: str, parameters: tuple[Any, ...]) -> Any:
        from .._ops import random

        if self.randomness == "error":
            raise RuntimeError(_RANDOM)
        target = self.physical(t)
        if target is None:
            if self.randomness == "different":
                raise RuntimeError(_RANDOM_IN_PLACE)
            with below(self):
                return random.draw_into(t, generator, kind, *parameters)
        if self.randomness == "same":
            if any(isinstance(p, Tensor) and self.belongs(p) for p in parameters):
                raise RuntimeError(_RANDOM_BATCHED)
            with below(self):
                one = wrap(np.empty(t._data.shape, t._data.dtype))
                random.draw_into(one, generator, kind, *parameters)
                _fill(target, one)
            return t
        with below(self):
            physical = [self.lift(p) if isinstance(p, Tensor) else p for p in parameters]
            random.draw_into(target, generator, kind, *physical)
        return t


def _stacked(rows: list[Any]) -> Any:
    first = rows[0]
    if isinstance(first, tuple | list):
        return type(first)([_stacked(list(column)) for column in zip(*rows, strict=True)])
    return TEN.stack(rows, 0) if isinstance(first, Tensor) else first


def _fill(target: Tensor, value: Tensor) -> None:
    """Write into the memory of `target`, at whatever level it is, and leave its graph alone."""
    found = interpreters.current()
    if isinstance(found, Vmap):
        physical = found.physical(target)
        with below(found):
            _fill(target if physical is None else physical, value)
        return
    target._data[...] = value._data


# ---- levels of a tensor -------------------------------------------------------------------------


def active() -> list[Vmap]:
    """The levels of batching that see the next op of this thread, from the innermost out."""
    return [level for level in interpreters.stack() if isinstance(level, Vmap)]


def enter(level: Vmap, t: Tensor, dim: int) -> Tensor:
    """`t`, a tensor of what is below `level`, as one of the level: its dim `dim` is the batch.
    Call below the level."""
    return level.wrap(t if dim == 0 else TEN.permute(t, _moved(t._data.ndim, dim, 0)))


def leave(level: Vmap, t: Tensor, dim: int) -> Tensor:
    """The physical tensor of `t` with the batch at `dim`, as a tensor of what is below. Call
    below the level."""
    physical = level.lift(t)
    ndim = physical._data.ndim
    if not -ndim <= dim < ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got "
            f"{dim})"
        )
    dim %= ndim
    return physical if dim == 0 else TEN.permute(physical, _moved(ndim, 0, dim))


def _moved(ndim: int, source: int, target: int) -> tuple[int, ...]:
    order = [d for d in range(ndim) if d != source]
    order.insert(target, source)
    return tuple(order)


def mapped(
    function: Callable[..., Any], size: int, tensors: Sequence[Tensor | None],
    randomness: str = "error",
) -> list[Tensor | None]:  # fmt: skip
    """``function`` of the slices of `tensors` along their first dims, for all at once; its results
    (a list of Tensors and None) stacked along a new first dim. None is passed on as it is."""
    level = Vmap(size, randomness)
    with level:
        results = function(*(None if t is None else level.wrap(t) for t in tensors))
        with below(level):
            return [None if r is None else level.lift(r) for r in results]


