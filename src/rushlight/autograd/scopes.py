"""The gradient of a function of tensors, wherever it is called: what ``torch.func.grad``, `vjp` and
their relatives are built of.

A :class:`Scope` is one call of the function. Its inputs are leaves that nobody else has: fresh
ones, or views of tensors that require grad outside, so that the outside can differentiate again.
Inside levels of batching the leaf is the *bottom* tensor, with the dims of all levels; the function
sees a batched tensor over it, and the gradient of the bottom is the gradient of every example.

A pull-back may run inside levels that were entered after the scope (``jacrev`` maps one over a
basis): the gradients then have more dims than the graph. The walk sees the graph's bottom tensors
and gradients that are batched at the new levels only: :meth:`Scope.pull` changes the order of dims.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core, _dtypes
from .._core import TEN, Node, Tensor, wrap
from . import engine, interpreters
from .interpreters import below
from .vmap import Vmap, active

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Scope:
    """One call of a function that will be differentiated.

    Attributes:
        levels: the levels of batching it is called in, from the innermost out.
        start: nodes with a smaller number were there before.
        recorded: whether gradients are recorded outside.
    """

    def __init__(self) -> None:
        self.levels = active()
        self.start = _core.next_sequence()
        self.recorded = _core.thread.grad and not _core.thread.inference

    # ---- going in ----------------------------------------------------------------------------

    def leaves(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The tensors as inputs of the function.

        Raises:
            RuntimeError: one is neither floating nor complex.
        """
        for t in tensors:
            kind = t._data.dtype.kind
            if kind not in "fc" and t._data.dtype not in _dtypes.LOW_PRECISION:
                raise RuntimeError("only Tensors of floating point dtype can require gradients")
        return self._at_bottom(lambda *bottoms: [self._leaf(b) for b in bottoms], tensors)

    def _leaf(self, t: Tensor) -> Tensor:
        if t._edge is not None and self.recorded:
            alias: Tensor = TEN.alias(t)
            return alias
        leaf = wrap(t._data)
        leaf._cell = _core.cell_of(t)
        if leaf._cell is _core.INFERENCE_CELL:
            leaf._cell = None
        _core.make_leaf(leaf)
        for level in interpreters.stack():
            tangent = level.tangent(t) if hasattr(level, "tangent") else None
            if tangent is not None:
                level.attach(leaf, tangent)
        leaf.__dict__["_born"] = _core.next_sequence()
        return leaf

    def _at_bottom(self, function: Callable[..., Any], tensors: Sequence[Tensor]) -> Any:
        """``function`` of the bottom tensors, expanded at every level; its results as tensors of
        the innermost level again."""
        return _below_all(self.levels, function, list(tensors))

    @contextmanager
    def recording(self) -> Iterator[None]:
        """The function runs in here: gradients are recorded even where they are not outside."""
        before = _core.set_modes(True, False)
        outer = _core.thread.scopes
        _core.thread.scopes = (*outer, self)
        try:
            yield
        finally:
            _core.thread.scopes = outer
            _core.set_modes(*before)

    # ---- coming out ----------------------------------------------------------------------------

    def out(self, t: Tensor) -> Tensor:
        """`t`, a result of the function, as those outside see it: without the graph inside."""
        return self._cut_at(self.levels, t, self.recorded)

    def _cut(self, t: Tensor, recorded: bool) -> Tensor:
        tangents = t._tangents
        if t._edge is None and not tangents:
            return t
        if recorded and self._reaches_outside([t]):
            return t
        made = wrap(t._data)
        made._cell = t._cell
        interpreters.carry(t, made)
        if tangents:
            made._tangents = {
                level: None if tangent is None else self._cut(tangent, recorded)
                for level, tangent in tangents.items()
            }
        return made

    def _reaches_outside(self, tensors: Sequence[Tensor]) -> bool:
        """Whether the graph of `tensors` leads to what was there before the function ran."""
        pending = [_core.edge_of(t) for t in tensors if t._edge is not None]
        seen: set[int] = set()
        while pending:
            edge = pending.pop()
            if id(edge) in seen:
                continue
            seen.add(id(edge))
            if not isinstance(edge, Node):
                if edge.__dict__.get("_born", 0) < self.start:
                    return True
            elif edge._sequence < self.start:
                return True
            else:
                pending.extend(e for e in edge.edges if e is not None)
        return False

    # ---- gradients -----------------------------------------------------------------------------

    def pull(
        self, outputs: Sequence[Tensor], gradients: Sequence[Tensor | None],
        leaves: Sequence[Tensor], keep: bool = False, create_graph: bool | None = None,
    ) -> list[Tensor | None]:  # fmt: skip
        """The gradients of `leaves` from those of `outputs` (None: ones); None where an output
        does not depend on a leaf.

        Args:
            keep: leave the graph as it is, for another pull.
            create_graph: record the gradients. Default: where the outside could differentiate.
        """
        now = active()
        later = now[: len(now) - len(self.levels)]
        roots: list[Tensor] = []
        starts: list[Tensor | None] = []
        for t, g in zip(outputs, gradients, strict=True):
            root = self.bottom(t)
            if root is not None and root._edge is not None:
                roots.append(root)
                starts.append(self._start(root, g, later))
        bottoms = [self.bottom(t) for t in leaves]
        if not roots:
            return [None] * len(bottoms)
        recorded = _core.thread.grad and not _core.thread.inference
        if create_graph is None or create_graph:
            dual = next((True for i in interpreters.stack() if not i.lifts), False)
            asked = recorded if create_graph is None else create_graph
            given = [_flattened(s, later)[0] for s in starts if s is not None]
            create_graph = asked and (dual or self._reaches_outside([*roots, *given]))
        with _relinked(later, self.levels):
            found = engine.gradients_of(
                roots, starts, bottoms, keep or create_graph, create_graph, True
            )
            if create_graph:
                found = tuple(None if r is None else self._cut_at(later, r, True) for r in found)
        return [None if r is None else self._result(r, later) for r in found]

    def _cut_at(self, levels: list[Vmap], t: Tensor, recorded: bool) -> Tensor:
        if not levels:
            return self._cut(t, recorded)
        top = levels[0]
        physical = top.physical(t)
        with below(top):
            found = self._cut_at(levels[1:], t if physical is None else physical, recorded)
        return found if physical is None else top.wrap(found)

    def bottom(self, t: Tensor) -> Tensor | None:
        """The bottom of a tensor of the scope; None if it is not batched at every level, and so
        depends on no leaf."""
        for level in self.levels:
            physical = level.physical(t)
            if physical is None:
                return None
            t = physical
        return t

    def gradients(
        self, outputs: Sequence[Any], gradients: Sequence[Any], inputs: Sequence[Any], keep: bool,
        create_graph: bool, allow_unused: bool,
    ) -> tuple[Any, ...]:  # fmt: skip
        """``autograd.grad`` inside the function: of bottom tensors, at all levels of the scope."""
        bottoms = [self.bottom(t) for t in inputs]
        roots: list[Any] = [self.bottom(t) for t in outputs]
        if None in roots or None in bottoms:
            raise NotImplementedError(
                "torch.autograd.grad inside vmap, by a tensor that is the same for all examples; "
                "torch.func.grad does that"
            )
        starts = [
            None if r is None else self._start(r, g, [])
            for r, g in zip(roots, gradients, strict=True)
        ]
        with below(self.levels[-1]):
            found = engine.gradients_of(roots, starts, bottoms, keep, create_graph, allow_unused)
        return tuple(None if r is None else self._result(r, []) for r in found)

    def _start(self, root: Tensor, g: Tensor | None, later: list[Vmap]) -> Tensor:
        """The gradient of a root: a tensor of the levels `later` over dims like the root's."""
        if g is None:
            return wrap(np.ones(root._data.shape, root._data.dtype))
        if not self.levels:
            return g
        flat, batched = _flattened(g, later)
        with below(later[-1]) if later else _nothing():
            lifted = self._lifted(flat)
        if not any(batched):
            return lifted
        count = sum(batched)
        depth = len(self.levels)
        with _under(self.levels[-1]):
            order = (*range(depth, depth + count), *range(depth),
                     *range(depth + count, lifted._data.ndim))  # fmt: skip
            lifted = TEN.permute(lifted, order)
        return _raised(lifted, later, batched)

    def _lifted(self, t: Tensor) -> Tensor:
        """The bottom of a tensor of the scope's levels, expanded at each. Call at the scope."""
        bottoms: list[Tensor] = []

        def keep(b: Tensor) -> list[Any]:
            bottoms.append(b)
            return [None]

        self._at_bottom(keep, [t])
        return bottoms[0]

    def _result(self, r: Tensor, later: list[Vmap]) -> Tensor:
        """A gradient of a leaf as a tensor of all levels that are active now."""
        if not self.levels:
            return r
        flat, batched = _flattened(r, later)
        count, depth = sum(batched), len(self.levels)
        if count:
            with _under(self.levels[-1]):
                order = (*range(count, count + depth), *range(count),
                         *range(count + depth, flat._data.ndim))  # fmt: skip
                flat = TEN.permute(flat, order)
        for level in reversed(self.levels):
            flat = level.wrap(flat)
        return _raised(flat, later, batched)


def _below_all(
    levels: list[Vmap], function: Callable[..., Any], given: list[Tensor]
) -> list[Any]:
    if not levels:
        return list(function(*given))
    top = levels[0]
    with below(top):
        results = _below_all(levels[1:], function, [top.lift(t) for t in given])
    return [None if r is None else top.wrap(r) for r in results]


def _flattened(t: Tensor, levels: list[Vmap]) -> tuple[Tensor, list[bool]]:
    """What is below `levels`, with their dims in front, the outermost first, and at which of them
    (from the innermost out) `t` is batched."""
    batched = []
    for level in levels:
        physical = level.physical(t)
        batched.append(physical is not None)
        t = t if physical is None else physical
    return t, batched


def _raised(t: Tensor, levels: list[Vmap], batched: list[bool]) -> Tensor:
    for level, b in zip(reversed(levels), reversed(batched), strict=True):
        if b:
            t = level.wrap(t)
    return t


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _under(level: Vmap) -> Iterator[None]:
    with below(level):
        yield


@contextmanager
def _relinked(later: list[Vmap], levels: list[Vmap]) -> Iterator[None]:
    """Ops are seen by the levels `later` and then by what is below `levels`."""
    if not levels:
        yield
        return
    if not later:
        with below(levels[-1]):
            yield
        return
    lowest, base = later[-1], levels[-1].lower
    before, lowest.lower = lowest.lower, base
    upper = getattr(base, "upper", None)
    if upper is not None:
        base.upper = lowest
    try:
        yield
    finally:
        lowest.lower = before
        if upper is not None:
            base.upper = upper
