"""Runs an update rule over the parameters of an optimizer.

Three ways, from the same text (see `_rules.py`):

* eager: by planned NumPy calls (`_eager.py`).
* ``differentiable=True``: over Tensors, recorded.
* capture: the rule is handed to the recorder; see :class:`FormulaOptimizer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _core
from .._core import TEN, Tensor, be_loud, be_quiet, ctx
from ..autograd import inplace
from ._eager import Runner
from ._state import as_float, count
from .optimizer import Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._rules import Rule


class FormulaOptimizer(Optimizer):
    """An optimizer whose step is one :class:`Rule`, run eagerly, recorded or captured.

    Subclasses give the rule and three small functions: ``_start`` (the state of a parameter that
    has none), ``_numbers`` (the rule's scalars, from a group), ``_choices`` (its attributes).

    **Capture.** If ``ctx.handler`` has a method ``optimizer_step``, then `step` calls, for every
    parameter that has a gradient, in order::

        handler.optimizer_step(optimizer, group, rule, param, state, scalars, attributes)

    * ``state``: dict from name to Tensor, in the order of the rule's arguments: its array states
      in use, then its counts (0-d tensors). A state that is missing is None to the rule.
    * ``scalars``: dict from name to a function of no arguments that reads the number, a Python
      float, from the group: to be called again at every replay.
    * ``attributes``: dict from name to value, what the rule branches on. A replay is right while
      ``optimizer._choices(group, False, counts)`` (counts: floats before the step) still gives
      these values.

    The handler carries out the update as well as recording it: it calls
    ``rule(k, p, g, *states, **scalars, **attributes)`` with ``p``, ``g = param.grad``, states and
    None for missing ones, counts and scalars as float64 scalars, writes the results into the
    memory of ``param`` and of the state tensors and bumps the version of ``param``. State has
    been made before, pre-hooks and the closure have run. `zero_grad` calls
    ``handler.zero_grad(optimizer, set_to_none)``, if there is one, before it does its work.
    """

    _rule: Rule
    #: Name in "... does not support sparse gradients".
    _sparse_error: str | None = None

    def _start(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """The state of `p` before its first update."""
        raise NotImplementedError

    def _numbers(self, group: dict[str, Any]) -> tuple[Any, ...]:
        """The scalars of the rule, in its order; floats, or Tensors given by the user."""
        raise NotImplementedError

    def _choices(self, group: dict[str, Any], first: bool, counts: Sequence[float]) -> Any:
        """The attributes of the rule, in its order.

        Args:
            first: whether this is the update that the state was made for.
            counts: the values of the counts before the update.
        """
        raise NotImplementedError

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, in place.

        Args:
            closure: evaluates the model again and returns the loss; called first, with gradients
                recorded.

        Returns:
            What the closure returned, else None.

        Source: https://pytorch.org/docs/stable/generated/torch.optim.Optimizer.step.html
        """
        loss = None if closure is None else call_closure(closure)
        handler = ctx.handler
        if handler is not None and hasattr(handler, "optimizer_step"):
            for group in self.param_groups:
                self._offer(handler, group)
            return loss
        runners = self.__dict__.get("_runners")
        if runners is None or len(runners) != len(self.param_groups):
            runners = self.__dict__["_runners"] = [Runner(self) for _ in self.param_groups]
        token = be_quiet()
        try:
            for group, runner in zip(self.param_groups, runners, strict=True):
                if group["differentiable"]:
                    self._differentiable_step(group)
                else:
                    runner.step(group)
        finally:
            be_loud(token)
        return loss

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.pop("_runners", None)
        for group in self.param_groups:
            for name, value in self.defaults.items():
                group.setdefault(name, value)

    def _state_of(self, p: Tensor, group: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """The state of `p`, made where it is missing; whether it was."""
        counts = self._rule.counts
        names = self._names(group) + counts
        if not names:
            return {}, False
        state = self.state[p]
        missing = any(state.get(name) is None for name in names)
        if missing:
            for name, value in self._start(p, group).items():
                if state.get(name) is None:
                    state[name] = value
        for name in counts:
            if not isinstance(state[name], Tensor):
                state[name] = count(state[name])
        return state, missing

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The array states that this group's options call for."""
        return self._rule.states

    def _offer(self, handler: Any, group: dict[str, Any]) -> None:
        rule = self._rule
        numbers = self._numbers

        def reader(i: int) -> Callable[[], float]:
            return lambda: as_float(numbers(group)[i])

        scalars = {name: reader(i) for i, name in enumerate(rule.scalars)}
        for p in group["params"]:
            if p._grad is None:
                continue
            names = self._names(group)
            found, first = self._state_of(p, group)
            state = {n: found[n] for n in rule.states if n in names}
            state.update((n, found[n]) for n in rule.counts)
            counts = [float(found[n]._data) for n in rule.counts]
            choices = self._choices(group, first, counts)
            attributes = dict(zip(rule.attributes, choices, strict=True))
            handler.optimizer_step(self, group, rule, p, state, scalars, attributes)

    def _differentiable_step(self, group: dict[str, Any]) -> None:
        rule = self._rule
        scalars = dict(zip(rule.scalars, self._numbers(group), strict=True))
        names = self._names(group)
        before = _core.set_modes(True, False)
        try:
            for p in group["params"]:
                if p._grad is None:
                    continue
                inplace.check_writable(p)
                state, first = self._state_of(p, group)
                counts = [float(state[n]._data) for n in rule.counts]
                choices = self._choices(group, first, counts)
                results = rule(
                    _RECORDED, p, p._grad, *(state[n] if n in names else None for n in rule.states),
                    *counts, **scalars, **dict(zip(rule.attributes, choices, strict=True)),
                )  # fmt: skip
                for name, value in zip(rule.states, results[1:], strict=False):
                    if name in names:
                        # Not written into the old tensor, which backward may need.
                        state[name] = value
                for name, value in zip(rule.counts, results[1 + len(rule.states) :], strict=True):
                    state[name]._data.fill(as_float(value))
                inplace.write(p, results[0])
        finally:
            _core.set_modes(*before)


class _Recorded:
    """TEN as the formulas want it: they bound tensors by numbers, TEN takes tensors only."""

    def __getattr__(self, name: str) -> Any:
        return getattr(TEN, name)

    def maximum(self, x: Tensor, y: Any) -> Any:
        return TEN.maximum(x, self._tensor(y, x))

    def minimum(self, x: Tensor, y: Any) -> Any:
        return TEN.minimum(x, self._tensor(y, x))

    def _tensor(self, y: Any, like: Tensor) -> Any:
        return y if isinstance(y, Tensor) else TEN.constant(like._data.dtype.type(y), like)


_RECORDED = _Recorded()


def call_closure(closure: Callable[[], Any]) -> Any:
    """What the closure returns, with gradients recorded."""
    before = _core.set_modes(True, _core.thread.inference)
    try:
        return closure()
    finally:
        _core.set_modes(*before)
