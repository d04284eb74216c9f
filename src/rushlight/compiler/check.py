"""A debug mode: every replay is followed by the eager step from the same state, and compared.

Switched on by ``RUSHLIGHT_CHECK_COMPILED=1`` (tests do) or `enabled`. A step that is right to
rounding passes; a baked number, a stale tensor or a wrong kernel does not.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import random
from .._core import LEAF, Tensor
from .program import _tensors

if TYPE_CHECKING:
    from .capture import Compiled
    from .executable import Executable

enabled = os.environ.get("RUSHLIGHT_CHECK_COMPILED", "0") not in ("", "0")

#: Relative to the norm of what is compared: far above rounding, far below a mistake. Updates that
#: divide by the size of a gradient that is zero but for rounding (Adam) amplify rounding.
TOLERANCE = 1e-3


class Mismatch(AssertionError):
    """A compiled step did something else than the eager one."""


class State:
    """Everything that a step may change."""

    def __init__(self, plan: Executable, given: list[Tensor]) -> None:
        r = plan.recording
        cells = {id(t): t for t in r.cells}
        for name in r.names:
            if isinstance(name.value, Tensor):
                found = name.read()
                cells.setdefault(id(found), found)
        leaves = [leaf for leaf, _ in r.gradients if leaf is not None]
        leaves += [leaf for leaf, _ in r.tracer.entry.values()]
        for t in given:
            cells.setdefault(id(t), t)
            if t._edge is LEAF:
                leaves.append(t)
        self.tensors = list(cells.values())
        self.leaves = list({id(t): t for t in leaves}.values())
        self.data = [t._data.copy() for t in self.tensors]
        self.grads = [t._grad for t in self.leaves]
        self.grad_data = [None if g is None else g._data.copy() for g in self.grads]
        self.random = random.get_rng_state()
        self.owners = [a.owner for _, a in r.tracer.acts if hasattr(a.owner, "state_dict")]
        self.schedules = [o.state_dict() for o in self.owners]
        self.rates = [
            [dict(g) for g in o.optimizer.param_groups] for o in self.owners
        ]

    def restore(self) -> None:
        for t, data in zip(self.tensors, self.data, strict=True):
            t._data[...] = data
        for leaf, grad, kept in zip(self.leaves, self.grads, self.grad_data, strict=True):
            leaf._grad = grad
            if grad is not None:
                grad._data[...] = kept
        random.set_rng_state(self.random)
        for owner, state, rates in zip(self.owners, self.schedules, self.rates, strict=True):
            owner.load_state_dict(state)
            for group, then in zip(owner.optimizer.param_groups, rates, strict=True):
                group.update(then)

    def now(self) -> list[tuple[str, Any]]:
        """What the tensors and gradients hold."""
        found: list[tuple[str, Any]] = [
            (f"tensor {i} of shape {list(t._data.shape)}", t._data.copy())
            for i, t in enumerate(self.tensors)
        ]
        for i, leaf in enumerate(self.leaves):
            grad = leaf._grad
            found.append((f"gradient {i} of shape {list(leaf._data.shape)}",
                          None if grad is None else grad._data.copy()))  # fmt: skip
        return found


def call(compiled: Compiled, plan: Executable, args: Any, kwargs: Any) -> Any:
    """A replay and the eager step beside it; the eager result, or MISS.

    Raises:
        Mismatch: they differ by more than rounding.
    """
    from .executable import MISS

    before = State(plan, list(_tensors([args, kwargs])))
    result = plan.call(args, kwargs)
    if result is MISS:
        return result
    got = before.now()
    got += [(f"result {i}", t._data.copy()) for i, t in enumerate(_tensors([result]))]
    before.restore()
    wanted_result = compiled.function(*args, **kwargs)
    wanted = before.now()
    wanted += [(f"result {i}", t._data) for i, t in enumerate(_tensors([wanted_result]))]
    if len(got) != len(wanted):
        raise Mismatch("the compiled step returned something else than the eager one")
    for (name, a), (_, b) in zip(got, wanted, strict=True):
        compare(name, a, b)
    return result if plan.backward is not None else wanted_result


def compare(name: str, got: Any, wanted: Any) -> None:
    """Raise if two arrays differ by more than rounding."""
    if (got is None) != (wanted is None):
        raise Mismatch(f"{name}: {'nothing' if got is None else 'something'} from the plan")
    if got is None:
        return
    if got.shape != wanted.shape or got.dtype != wanted.dtype:
        raise Mismatch(f"{name}: {got.shape} {got.dtype}, eager {wanted.shape} {wanted.dtype}")
    a, b = (np.asarray(x, np.complex128 if x.dtype.kind == "c" else np.float64)
            for x in (got, wanted))  # fmt: skip
    odd = ~np.isfinite(b)
    if not np.array_equal(odd, ~np.isfinite(a)) or not np.array_equal(
        a[odd], b[odd], equal_nan=True
    ):
        raise Mismatch(f"{name}: infinities or NaNs at other places than in eager")
    a, b = np.where(odd, 0, a), np.where(odd, 0, b)
    wrong, size = np.linalg.norm(a - b), np.linalg.norm(b)
    if wrong > TOLERANCE * (size + 1e-3 * np.sqrt(max(1, a.size))):
        raise Mismatch(f"{name}: differs by {wrong:.3g}, its norm is {size:.3g}")
