"""A level of forward mode: the interpreter that carries tangents along.

The tangents of operations come from forward_rules.py; here are the views and writes of duals and
what else is not an operation. What ``torch.func.jvp`` and :mod:`.forward_ad` are built of:
:func:`jvp_level`, :func:`make_dual_at`, :func:`primal_at`, :func:`tangent_at`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import TEN, Tensor, TensorNamespace, wrap
from . import forward_rules as rules
from .inplace import overlaps
from .interpreters import Interpreter, aside, below, call, note_saves, through
from .walk import accumulate

if TYPE_CHECKING:
    from collections.abc import Sequence

_ops: Any = TEN

#: Rows that see memory in another way, which strides can forbid.
_LAID_OUT = frozenset(("reshape_alias", "view", "view_as_complex", "view_as_real"))


class _Flags:
    """Whether forward mode is switched off."""

    disabled = False


flags = _Flags()


class _FirstOrder(TensorNamespace):
    """TEN for a backward pass that makes no graph: its gradients are still dual, but what reaches
    `.grad` is not, as in PyTorch."""

    def __getattr__(self, name: str) -> Any:
        return getattr(TEN, name)

    @staticmethod
    def accumulate(leaf: Tensor, g: Tensor) -> None:
        accumulate(leaf, np.array(g._data))


_FIRST_ORDER = _FirstOrder("TEN")


class Forward(Interpreter):
    """One level of forward mode.

    A tensor has its tangent in ``_tangents[level]``; None there says that it has none though it may
    be a view of a tensor that has.
    """

    __slots__ = ()

    def tangent(self, t: Tensor) -> Tensor | None:
        """The tangent of `t` at this level; a view of a dual tensor has a part of its tangent."""
        known = t._tangents
        if known is not None and self.level in known:
            found: Tensor | None = known[self.level]
            return found
        view = t._view
        if view is None or view.base is t:
            return None
        whole = self.tangent(view.base)
        if whole is None:
            return None
        with aside(self):
            if not whole._data.flags.c_contiguous:
                # Views must share the memory of the tangent.
                whole = self.attach(view.base, _ops.contiguous(whole))
            return self.attach(t, rules.window(whole, view.base, t))

    def attach(self, t: Tensor, tangent: Tensor | None) -> Any:
        """Let `t` have this tangent; returns it."""
        known = t._tangents
        t._tangents = {self.level: tangent} if known is None else {**known, self.level: tangent}
        return tangent

    def belongs(self, t: Tensor) -> bool:
        return (t._tangents is not None or t._view is not None) and self.tangent(t) is not None

    def __call__(self, op: Any, args: tuple[Any, ...]) -> Any:
        if flags.disabled or _core.thread.inference:
            with below(self):
                return NotImplemented if self.lower is None else self.lower(op, args)
        return Interpreter.__call__(self, op, args)

    def interpret(self, op: Any, args: tuple[Any, ...]) -> Any:
        result = call(op, args)
        outputs = tuple(result) if isinstance(result, tuple | list) else (result,)
        plan = rules.plan_of(op)
        if plan is not None:
            moving = self._moving(op, plan, args)
            if moving and any(map(rules.floating, outputs)):
                with aside(self):
                    if op.name in _LAID_OUT:
                        self._lay_out(args[0], moving)
                    found = plan.rule(op, args, moving, outputs)
                    self._attach_all(outputs, found)
        note_saves(op, args, result)
        return result

    def _lay_out(self, x: Tensor, moving: dict[int, Tensor]) -> None:
        """Let the tangent of `x` be laid out so that it can be seen as `x` is going to be."""
        tangent = moving[0]
        data = tangent._data
        if data.strides != x._data.strides and not data.flags.c_contiguous:
            moving[0] = self.attach(x, _ops.contiguous(tangent))

    def _moving(self, op: Any, plan: rules.Plan, args: tuple[Any, ...]) -> dict[int, Tensor]:
        moving: dict[int, Tensor] = {}
        if op.kind == "variadic":
            for i, t in enumerate(args[op.list_at]):
                tangent = self.tangent(t)
                if tangent is not None:
                    moving[i] = tangent
            return moving
        for i, place in plan.sources:
            t = args[place]
            if t is not None:
                tangent = self.tangent(t)
                if tangent is not None:
                    moving[i] = tangent
        return moving

    def _attach_all(self, outputs: Sequence[Any], found: Sequence[Any]) -> None:
        for out, tangent in zip(outputs, found, strict=True):
            if tangent is None or not rules.floating(out):
                continue
            if tangent._data.shape != out._data.shape:
                tangent = _ops.expand(tangent, out._data.shape)
            if overlaps(tangent._data) and not overlaps(out._data):
                tangent = _ops.contiguous(tangent)
            self.attach(out, tangent)

    # ---- what is not an op ---------------------------------------------------------------------

    def namespace(self, k: Any) -> Any:
        """Backward passes run over Tensors, so that gradients are dual too."""
        return _FIRST_ORDER if k is None else k

    def shadow(self, x: Tensor, t: Tensor) -> None:
        """`t` stands for the old value of `x`: it has the old tangent."""
        tangent = self.tangent(x)
        if tangent is not None:
            if t._data is not x._data or tangent._edge is not None:
                with aside(self):
                    tangent = _ops.clone(tangent)
            self.attach(t, tangent)
        with below(self):
            hook = getattr(self.lower, "shadow", None)
            if hook is not None:
                hook(x, t)

    def write(self, x: Tensor, result: Tensor) -> None:
        """`x` takes the value of `result`, and its tangent, in place, the tangent."""
        new, old = self.tangent(result), self.tangent(x)
        with below(self):
            hook = getattr(self.lower, "write", None)
            if hook is not None:
                hook(x, result)
            else:
                x._data[...] = result._data
        with aside(self):
            if new is None and old is not None:
                new = _ops.zeros_like_(old)
            if new is not None and rules.floating(x):
                self._write_tangent(x, old, new)

    def _write_tangent(self, x: Tensor, old: Tensor | None, new: Tensor) -> None:
        base = None if x._view is None else x._view.base
        if base is not None and old is not None and self.tangent(base) is None:
            base = None  # `x` alone was made dual
        if new._batched is not None or (old is not None and old._batched is not None):
            if base is None:
                self.attach(x, new)
            else:
                self._write_batched(x, base, new)
            return
        if old is None:
            if base is None:
                self.attach(x, new)
                return
            # Its base becomes dual, and the other views of the base with it.
            self.attach(base, wrap(np.zeros(base._data.shape, new._data.dtype)))
            old = self.tangent(x)
            assert old is not None
        shared = x._view is not None or bool(x._views)
        writable = not overlaps(old._data) and old._data.flags.writeable
        if not shared and (not writable or old._edge is not None or new._edge is not None):
            self.attach(x, new)
        else:
            old.copy_(new)

    def _write_batched(self, x: Tensor, base: Tensor, new: Tensor) -> None:
        """The same where views of a tangent need not share its memory: the base gets a new one."""
        whole = self.tangent(base)
        if whole is None:
            whole = wrap(np.zeros(base._data.shape, new._data.dtype))
        part = rules.window(whole, base, x)
        whole = _ops.add(whole, rules.into_base(_ops.sub(new, part), base, x))
        for reference in (base._views or ()):
            view = reference()
            if view is not None and view._tangents is not None:
                view._tangents = {n: t for n, t in view._tangents.items() if n != self.level}
        self.attach(base, whole)

    def become(self, x: Tensor, view: Tensor) -> None:
        tangent = self.tangent(view)
        if tangent is not None:
            self.attach(x, tangent)
        Interpreter.become(self, x, view)

    def detached(self, x: Tensor, t: Tensor) -> None:
        """``detach()`` and `detach_`: there is no tangent."""
        if x is t and self.tangent(x) is not None:
            self.attach(x, None)
        hook = getattr(self.lower, "detached", None)
        if hook is not None:
            with below(self):
                hook(x, t)

    def draw_into(self, t: Tensor, generator: Any, kind: str, parameters: tuple[Any, ...]) -> Any:
        """Random numbers depend on nothing."""
        hook = getattr(self.lower, "draw_into", None)
        found = NotImplemented
        if hook is not None:
            with below(self):
                found = hook(t, generator, kind, parameters)
        tangent = self.tangent(t)
        if tangent is not None:
            with aside(self):
                self._write_tangent(t, tangent, _ops.zeros_like_(tangent))
        return found

    def out(self, op: Any, result: Tensor, out: Tensor) -> None:
        """``out=`` of dual tensors is refused, as in PyTorch."""
        if self.tangent(result) is not None or self.tangent(out) is not None:
            raise NotImplementedError(
                f"Trying to use forward AD with {op.public_name}_out that does not support it "
                "because it is an out= function"
            )
        hook = getattr(self.lower, "out", None)
        if hook is not None:
            with below(self):
                hook(op, result, out)

    def function(self, cls: Any, args: tuple[Any, ...]) -> Any:
        """``autograd.Function.apply``: the user's `jvp` gives the tangents."""
        from . import forward_function

        return forward_function.apply(self, cls, args)


# ---------------------------------------------------------------------------------------------
# What torch.func.jvp is built of


def jvp_level() -> Forward:
    """A new level, active while it is used as a context.

    >>> import rushlight as torch
    >>> from rushlight.autograd.forward_level import jvp_level, make_dual_at, tangent_at
    >>> with jvp_level() as level:
    ...     x = make_dual_at(level, torch.tensor(3.), torch.tensor(1.))
    ...     tangent_at(level, x * x)
    tensor(6.)
    """
    return Forward()


def make_dual_at(level: Any, primal: Tensor, tangent: Tensor) -> Tensor:
    """A view of `primal` that has `tangent` at `level`."""

    def make(x: Tensor, t: Tensor) -> Tensor:
        made: Tensor = _ops.alias(x)
        level.attach(made, t)
        return made

    found: Tensor = through(make, primal, tangent)
    return found


def primal_at(level: Any, t: Tensor) -> Tensor:
    """A view of `t` that is not dual at `level`."""

    def make(x: Tensor) -> Tensor:
        made: Tensor = _ops.alias(x)
        level.attach(made, None)
        return made

    found: Tensor = through(make, t)
    return found


def tangent_at(level: Any, t: Tensor) -> Tensor | None:
    """The tangent of `t` at `level`, or None."""
    found: Tensor | None = through(level.tangent, t)
    return found
