"""The eager way of an update rule: planned NumPy calls over flat memory.

Small parameters share flat buffers, so that a call costs its overhead once for many of them; large
ones are walked in blocks whose operands and temporaries stay in the cache. Everything that is
looked up or viewed is kept, and checked by identity at every step.
"""

from __future__ import annotations

from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import Tensor
from .._dtypes import FLOAT32, LOW_PRECISION
from .._kernels import native
from ._plan import Plan, aligned, plan
from ._state import as_float

if TYPE_CHECKING:
    from ._update import FormulaOptimizer

BLOCK = 32768
"""Elements of a large parameter that are updated together."""
SMALL = 8192
"""Parameters of at most this size share flat buffers ..."""
PACK = 16384
"""... of about this size."""
REPEATS = 5
"""A step that has been taken so often may become native code ..."""
WORTH, SMALL_WORTH = 1 << 15, 1 << 22
"""... if it updates so many parameters, or has updated so many in all."""

_array_of = attrgetter("_data")
_INFERENCE_CELL = _core.INFERENCE_CELL


def _flat(data: Any) -> Any:
    """`data` as one dimension in the order of its memory, or None where it has gaps."""
    if not data.flags.c_contiguous:
        order = sorted(range(data.ndim), key=lambda axis: -data.strides[axis])
        data = data.transpose(order)
        if not data.flags.c_contiguous:
            return None
    flat = data.reshape(-1)
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


class _Entry:
    """A parameter as the runner knows it, valid while nobody replaces its memory or state.

    Attributes:
        data: the parameter's array; `strides` and `contiguous` its layout.
        state: its dict in ``optimizer.state``; `arrays` the memory that its tensors had, `ids`
            their identities, `fetch` what takes the tensors out.
        names: the array states in use; `flats` their flat arrays, in the rule's order.
        flat: the parameter's memory in one dimension, or None: then it is updated in copies.
        counts: 0-d arrays of the counts.
        blocks: (first, last, flat parts of the parameter and of its states).
        pack: the shared buffers it lives in, or None.
    """

    __slots__ = (
        "arrays", "blocks", "contiguous", "counts", "data", "dtype", "fetch", "first", "flat",
        "flats", "ids", "names", "pack", "parameter", "state", "strides", "work",
    )  # fmt: skip

    def __init__(self, optimizer: FormulaOptimizer, p: Tensor, group: dict[str, Any]) -> None:
        rule = optimizer._rule
        data = p._data
        self.parameter = p
        self.data = data
        self.dtype = data.dtype
        self.strides = data.strides
        self.contiguous = data.flags.c_contiguous
        self.state, self.first = optimizer._state_of(p, group)
        chosen = optimizer._names(group)
        self.names = chosen
        wanted = self.names + rule.counts
        # Taken twice, so that a single one comes as a tuple as well.
        self.fetch: Any = itemgetter(*wanted, *wanted[:1]) if wanted else None
        self.counts = [self.state[n]._data for n in rule.counts]
        self.pack: _Pack | None = None
        self.work = FLOAT32 if data.dtype in LOW_PRECISION else data.real.dtype
        self.look()

    def look(self) -> None:
        """Note where parameter and state lie."""
        data = self.data
        self.arrays = [self.state[n]._data for n in self.names]
        self.arrays += self.counts
        self.ids = tuple(map(id, self.arrays + self.arrays[:1]))
        self.flat = _flat(data)
        self.flats: list[Any] = []
        if data.dtype in LOW_PRECISION:
            self.flat = None
        for name in self.names:
            array = self.state[name]._data
            fits = array.dtype == data.dtype and array.strides == data.strides
            flat = _flat(array) if fits and self.flat is not None else None
            if flat is None:
                self.flat = None
            self.flats.append(flat)
        self.blocks = []
        if self.flat is not None:
            for first in range(0, self.flat.size, BLOCK):
                last = first + BLOCK
                parts = (self.flat[first:last], *(f[first:last] for f in self.flats))
                self.blocks.append((first, last, parts))


class _Pack:
    """Small parameters whose state lies in shared flat buffers.

    Attributes:
        entries: the parameters; `datas` their arrays.
        p, g: buffers into which parameters and gradients are gathered; `windows` the parts of `p`
            in the shapes of the parameters.
        states: the buffers that the state tensors look into.
    """

    __slots__ = ("datas", "entries", "g", "p", "size", "states", "windows")

    def __init__(self, entries: list[_Entry]) -> None:
        self.entries = entries
        self.datas = [e.data for e in entries]
        dtype = entries[0].work
        self.size = sum(e.data.size for e in entries)
        self.p = aligned(self.size, dtype)
        self.g = aligned(self.size, dtype)
        self.states = [aligned(self.size, dtype) for _ in entries[0].names]
        self.windows = []
        start = 0
        for e in entries:
            stop = start + e.data.size
            shape = e.data.shape
            self.windows.append(self.p[start:stop].reshape(shape))
            for name, buffer in zip(e.names, self.states, strict=True):
                tensor = e.state[name]
                window = buffer[start:stop].reshape(shape)
                window[...] = tensor._data
                tensor._data = window
            e.pack = self
            e.look()
            start = stop

    def run(self, planned: Plan, gradients: list[Any]) -> None:
        np.concatenate(self.datas, axis=None, out=self.p)
        np.concatenate(gradients, axis=None, out=self.g)
        planned.body(self.p, self.g, *self.states, *planned.scratch(self.size))
        for data, window in zip(self.datas, self.windows, strict=True):
            data[...] = window


class Runner:
    """The eager step of one parameter group."""

    __slots__ = ("cohort", "entries", "names", "optimizer", "plans")

    def __init__(self, optimizer: FormulaOptimizer) -> None:
        self.optimizer = optimizer
        self.entries: dict[Tensor, _Entry] = {}
        self.names: tuple[str, ...] | None = None
        self.plans: dict[Any, Plan] = {}
        self.cohort: _Cohort | None = None

    def step(self, group: dict[str, Any]) -> None:
        optimizer = self.optimizer
        names = optimizer._names(group)
        if names != self.names:
            self.entries.clear()
            self.names = names
        try:
            active, gradients, fresh = self.collect(group)
        except (AttributeError, KeyError, TypeError):
            # The user has put something else into a state: look at all of it again.
            self.entries.clear()
            active, gradients, fresh = self.collect(group)
        if not active:
            return
        numbers = [
            x if type(x) is float else as_float(x) for x in optimizer._numbers(group)
        ]
        cohort = self.cohort
        if (
            not fresh
            and cohort is not None
            and cohort.entries == active
            and cohort.still(optimizer, group)
        ):
            cohort.run(gradients, numbers)
        else:
            self.sort_out(group, active, gradients, numbers)
        for e in active:
            p = e.parameter
            cell = p._cell
            if cell is None:
                p._cell = [1]
            elif cell is not _INFERENCE_CELL:
                cell[0] += 1

    def collect(self, group: dict[str, Any]) -> tuple[list[_Entry], list[Any], bool]:
        """The parameters with gradients, their gradients, and whether any was entered anew."""
        find = self.entries.get
        state = self.optimizer.state.get
        active: list[_Entry] = []
        gradients: list[Any] = []
        fresh = False
        for p in group["params"]:
            grad = p._grad
            if grad is None:
                continue
            e = find(p)
            # An entry is valid while nobody has replaced the memory of the parameter or a state.
            if (
                e is None
                or e.data is not p._data
                or (e.ids and tuple(map(id, map(_array_of, e.fetch(state(p))))) != e.ids)
            ):
                e = self.enter(p, group)
                fresh = True
            g = grad._data
            if g.dtype is not e.dtype or (
                g.strides != e.strides and not (e.contiguous and g.flags.c_contiguous)
            ):
                g = _fitted(self.optimizer, g, e)
            active.append(e)
            gradients.append(g)
        return active, gradients, fresh

    def enter(self, p: Tensor, group: dict[str, Any]) -> _Entry:
        old = self.entries.get(p)
        if old is not None and old.pack is not None:
            for other in old.pack.entries:
                other.pack = None
        e = self.entries[p] = _Entry(self.optimizer, p, group)
        self.cohort = None
        return e

    def sort_out(
        self,
        group: dict[str, Any],
        active: list[_Entry],
        gradients: list[Any],
        numbers: list[float],
    ) -> None:
        """Update parameters that are not all at the same point: each kind of them together."""
        kinds: dict[Any, list[int]] = {}
        for i, e in enumerate(active):
            counts = tuple(a.item() for a in e.counts)
            choices = self.optimizer._choices(group, e.first, counts)
            kinds.setdefault((choices, e.names, e.work, counts), []).append(i)
            e.first = False
        for (choices, names, work, counts), members in kinds.items():
            planned = self.plans.get((choices, names, work))
            if planned is None:
                planned = plan(self.optimizer._rule, choices, names, work)
                self.plans[choices, names, work] = planned
            entries = [active[i] for i in members]
            _pack(entries)
            cohort = _Cohort(entries, planned, choices, counts)
            cohort.run([gradients[i] for i in members], numbers)
            self.cohort = cohort if len(kinds) == 1 else None


def _pack(entries: list[_Entry]) -> None:
    """Give small parameters that are not in shared buffers shared buffers."""
    waiting: list[_Entry] = []
    size = 0
    for e in entries:
        if e.pack is None and e.contiguous and e.flat is not None and 0 < e.flat.size <= SMALL:
            if e.data.dtype.kind == "c":
                continue
            if size + e.flat.size > PACK and len(waiting) > 1:
                _Pack(waiting)
                waiting, size = [], 0
            waiting.append(e)
            size += e.flat.size
    if len(waiting) > 1:
        _Pack(waiting)


def _fitted(optimizer: FormulaOptimizer, g: Any, e: _Entry) -> Any:
    if type(g) is not np.ndarray:
        raise RuntimeError(
            optimizer._sparse_error
            or f"{type(optimizer).__name__} does not support sparse gradients"
        )
    fitted = np.empty_like(e.data, subok=False)
    fitted[...] = g
    return fitted


class _Cohort:
    """Parameters that take the same step: same plan, same counts.

    Attributes:
        packs: (pack, positions of its members' gradients) where all members take part; no
            positions where these are all gradients.
        singles: (entry, position) of the others.
        native: a function of the gradients that does it all in machine code, or None.
    """

    __slots__ = (
        "choices", "count_arrays", "counts", "entries", "left", "native", "packs", "plan",
        "singles",
    )  # fmt: skip

    def __init__(self, entries: list[_Entry], planned: Plan, choices: Any, counts: Any) -> None:
        self.entries = entries
        self.plan = planned
        self.choices = choices
        self.counts = counts
        self.count_arrays = [[e.counts[i] for e in entries] for i in range(len(counts))]
        position = {e: i for i, e in enumerate(entries)}
        packs = {id(e.pack): e.pack for e in entries if e.pack is not None}
        self.packs = [
            (pack, [position[e] for e in pack.entries])
            for pack in packs.values()
            if all(e in position and e.pack is pack for e in pack.entries)
        ]
        if len(self.packs) == 1 and self.packs[0][1] == list(range(len(entries))):
            self.packs = [(self.packs[0][0], [])]
        together = {e for pack, _ in self.packs for e in pack.entries}
        self.singles = [(e, i) for e, i in position.items() if e not in together]
        self.native: Any = None
        size = sum(e.data.size for e in entries)
        #: Steps until it is tried to make machine code.
        self.left = REPEATS if size >= WORTH else max(REPEATS, SMALL_WORTH // max(1, size))
        if native.eager:
            self.left = 1

    def still(self, optimizer: FormulaOptimizer, group: dict[str, Any]) -> bool:
        """Whether its members are still all at the same point."""
        counts = self.counts
        for arrays, value in zip(self.count_arrays, counts, strict=True):
            for array in arrays:
                if array.item() != value:
                    return False
        return bool(optimizer._choices(group, False, counts) == self.choices)

    def run(self, gradients: list[Any], numbers: list[float]) -> None:
        planned = self.plan
        counts = planned.scalars(*self.counts, *numbers)
        if self.native is not None:
            self.native(gradients)
        else:
            self.by_numpy(gradients)
        if counts:
            for arrays, value in zip(self.count_arrays, counts, strict=True):
                for array in arrays:
                    array.fill(value)
            self.counts = tuple([arrays[0].item() for arrays in self.count_arrays])

    def by_numpy(self, gradients: list[Any]) -> None:
        planned = self.plan
        for pack, positions in self.packs:
            pack.run(planned, [gradients[i] for i in positions] if positions else gradients)
        for e, i in self.singles:
            if e.flat is None:
                _run_in_copies(planned, e, gradients[i])
                continue
            g = _flat(gradients[i])
            body, scratch = planned.body, planned.scratch
            for first, last, (p, *states) in e.blocks:
                body(p, g[first:last], *states, *scratch(p.size))
        self.left -= 1
        if self.left == 0:
            self.make_native()

    def make_native(self) -> None:
        """Machine code for the steps to come, where there is some and every parameter suits it."""
        kernels = native.parts()
        if kernels and all(e.flat is not None or not e.data.size for e in self.entries):
            nothing = self.plan.cells[:0]
            rows = [
                (e.flat, *e.flats) if e.data.size else (nothing,) * (1 + len(e.flats))
                for e in self.entries
            ]
            self.native = kernels.updater(self.plan.made, self.plan.dtype, self.plan.cells, rows)


def _run_in_copies(planned: Plan, e: _Entry, g: Any) -> None:
    """Update a parameter that lies scattered or in few bits: in flat copies, rounded once."""
    arrays = [e.data, g, *(e.state[n]._data for n in e.names)]
    copies = []
    for array in arrays:
        wide = array if array.dtype.kind == "c" else array.astype(planned.dtype)
        copies.append(_flat(np.array(wide, order="C")))
    planned.body(*copies, *planned.scratch(copies[0].size))
    for i, (array, copied) in enumerate(zip(arrays, copies, strict=True)):
        if i != 1:
            if array.dtype.kind == "c":
                copied = copied.view(array.dtype)
            array[...] = copied.reshape(array.shape)

