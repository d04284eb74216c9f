"""Renders the Python function that calls a plan: guards first, then pointers, code, results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from . import interrupts
from .gates import gated
from .guards import (
    MISS,
    Text,
    arguments_guarded,
    entry_guarded,
    groups_guarded,
    leaf_name,
    names_guarded,
    shares,
    sharing,
    watch,
    written_roots,
)  # fmt: skip
from .ir import View, contiguous_strides
from .trace import NotReplayable
from .updates import Groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .executable import Executable
    from .ir import Buffer
    from .recording import Recording



def sources(recording: Recording, crossing: Sequence[Buffer] = ()) -> None:
    """Decide where results and gradients are written: into fresh arrays of their own.

    `crossing`: buffers that a backward plan will read.
    """
    tracer = recording.tracer
    taken: set[int] = set()
    recording.results = []
    for number, place in enumerate(recording.returned):
        view = tracer.at(place)
        recording.results.append(_own(tracer, view, ("result", number), taken))
    recording.gradients = []
    for leaf, place in tracer.gradients.values():
        if place is None:
            recording.gradients.append((leaf, None))
        elif place.storage.kind == "grad":
            recording.gradients.append((leaf, False))
        else:
            view = tracer.at(place)
            recording.gradients.append(
                (leaf, _own(tracer, view, ("fresh", leaf), taken))
            )


    recording.saved = []
    for b in crossing:
        if b.source is None:
            b.source = "saved", len(recording.saved)
            view = View(b, 0, (b.size,), (1,))
            recording.saved.append(f"f{len(recording.gradients)}")
            recording.gradients.append((None, view))
        else:
            recording.saved.append(f"r{b.source[1]}")


def gradients(recording: Recording) -> list[View | None]:
    """Where the backward plan of a pair writes its results."""
    pair = recording.pair
    assert pair is not None
    tracer = recording.tracer
    taken: set[int] = set()
    found: list[View | None] = []
    for number, register in enumerate(pair.gradients):
        if register is None:
            found.append(None)
            continue
        view = tracer.at(recording.program.places[register.number])
        found.append(_own(tracer, view, ("gradient", number), taken))
    return found


def shape_in_memory(view: View) -> tuple[tuple[int, ...], Any]:
    """Of a dense view: the sizes from the slowest axis to the fastest, and the way back."""
    order = sorted(range(view.ndim), key=lambda a: (-view.strides[a], a))
    shape = tuple(view.shape[a] for a in order)
    return shape, None if order == list(range(view.ndim)) else tuple(np.argsort(order))


def made(layout: tuple[tuple[int, ...], Any], dtype: Any) -> np.ndarray[Any, Any]:
    """A fresh array in the layout of a dense view."""
    shape, axes = layout
    array = np.empty(shape, dtype)
    return array if axes is None else array.transpose(axes)


def _own(tracer: Any, view: View, source: Any, taken: set[int]) -> View:
    """A view that shows a buffer of its own, outside the arena, with the contents of `view`."""
    b = view.buffer
    whole = not view.offset and view.size == b.size and _dense(view)
    if b.source is None and b.constant is None and whole and id(b) not in taken:
        b.source = source
        taken.add(id(b))
        return view
    made = View(
        tracer.graph.buffer(view.size, view.dtype, source), 0, view.shape,
        contiguous_strides(view.shape),
    )  # fmt: skip
    tracer.origin = "result"
    tracer.map(made, [view], lambda v: v)
    return made


def _dense(view: View) -> bool:
    expected = 1
    for n, s in sorted(zip(view.shape, view.strides, strict=True), key=lambda pair: pair[1]):
        if n != 1:
            if s != expected:
                return False
            expected *= n
    return True


def render(executable: Executable) -> Any:
    """The function ``call(args, kwargs)``."""
    r = executable.recording
    t = Text()
    t.values["E"] = executable
    miss = "return MISS"
    groups = Groups(executable)
    written = written_roots(executable)
    natives = _natives(t, executable)
    plan = None
    if natives is not None and not r.special:
        plan = gated(executable, t.values.get("CHECK"), natives, groups, written)
    quick = Text()
    quick.values, quick._names = t.values, t._names
    if plan is not None:
        _quick(quick, executable, plan, groups)
    t.add("if ctx.handler is not None: " + miss)
    t.add(f"if ctx.modes and (thread.grad is not {r.grad} or thread.inference): {miss}"
          if r.grad else f"if thread.grad or thread.inference: {miss}")  # fmt: skip
    t.add(f"if ctx.structure != E.epoch and not E.revalidate(): {miss}")
    arrays = arguments_guarded(t, r)
    names_guarded(t, r.names, r.named, arrays)
    for _, owner, data in executable.fixed:
        t.add(f"if {t.name(owner)}._data is not {t.name(data)}: {miss}")
    entry_guarded(t, executable, arrays)
    groups_guarded(t, groups)
    if written:
        t.values["WRITTEN"] = written
        t.values["shares"] = shares
        for name in arrays.values():
            t.add(f"if id({name}) in WRITTEN or {name}.base is not None and "
                  f"shares({name}, WRITTEN): {miss}")  # fmt: skip
    if r.sharing:
        t.values["sharing"], t.values["SHARED"] = sharing, r.sharing
        held = ", ".join(f"{key!r}: {arrays[key]}" for key in r.sharing if key in arrays)
        t.add(f"if sharing({{{held}}}) != SHARED: {miss}")
    # No call stands between the look and the mark, nor between the mark and the block: neither
    # another thread nor Ctrl-C can come in there.
    t.values["BUSY"] = [0] if plan is None else plan.gate.busy
    t.add(f"if BUSY[0]: {miss}", "BUSY[0] = 1", "try:")
    last = "BUSY[0] = 0"
    body = Text()
    body.values, body._names = t.values, t._names
    _body(body, executable, arrays)
    lines = body.lines or ["pass"]
    t.add(*("  " + line for line in lines), "finally:", f"  {last}")
    _after(t, executable, plan is not None)
    t.lines[:0] = [*watch(t, r), *quick.lines]
    executable.gate = None if plan is None else plan.gate
    return t.finish(f"plan {r.name}")


def _natives(t: Text, e: Executable) -> Any:
    """Bind the native segments; if there is one and nothing else, that one."""
    address = e.table.__array_interface__["data"][0]
    first = e.first if e.dynamic else None
    if e.check is not None:
        t.values["CHECK"] = e.check.bind(address, first)
        t.values["FLAGS"] = memoryview(e.flags)  # type: ignore[arg-type]
        first = None
    for number, segment in enumerate(e.segments):
        if segment.host is not None:
            t.values[f"H{number}"] = segment.host
        else:
            t.values[f"N{number}"] = segment.native.bind(address, first)
            first = None
    alone = len(e.segments) == 1 and e.segments[0].host is None
    return t.values["N0"] if alone else None


def _quick(t: Text, e: Executable, plan: Any, groups: Groups) -> None:
    """Lines in front: the gate does the whole call, if it can."""
    r = e.recording
    if not r.grad:
        t.add("if thread.grad or thread.inference: return MISS")
    if plan.rest:
        names_guarded(t, plan.rest, r.named, {})
    for number, always in enumerate(groups.always):
        if always:
            t.add(f"if not groups.refresh({number}): return MISS")
    t.values.update(GATE=plan.call, gate=plan.gate, groups=groups, ADOPT=plan.gate.adopt)
    t.add(
        "answer = MISS if kwargs else GATE(args)",
        "if answer is False:",
        "  if not groups.renew(): return MISS",
        "  gate.renew()",
        "  answer = GATE(args)",
        "if answer is not MISS and answer is not False:",
    )
    _acts(t, e, "  ")
    t.add("  return answer")


def _body(t: Text, e: Executable, arrays: dict[Any, str]) -> None:
    """Pointers, checks, native segments and host calls."""
    r = e.recording
    made: dict[int, str] = {}
    for view, local in _fresh_views(r):
        t.add(f"{local} = {_empty(t, view)}")
        made[id(view.buffer)] = local
    locals_ = [made[id(b)] if id(b) in made else arrays[b.source] for b in e.dynamic]
    passed = f"[{', '.join(locals_)}]" if locals_ else ""
    if e.check is not None:
        wrong = " or ".join(f"FLAGS[{i}]" for i in range(len(e.flags)))
        t.add(f"CHECK({passed})", f"if {wrong}: return MISS")
        passed = ""
    if any(s.host is not None for s in e.segments):
        inside = ", ".join(
            f"{b.slot}: {local}" for b, local in zip(e.dynamic, locals_, strict=True)
        )
        t.add(f"R = {{{inside}}}")
    several = len(e.segments) > 1
    indent = "  " if several else ""
    if several:
        t.values["HOLD"], t.values["RELEASE"] = interrupts.hold, interrupts.release
        t.add("held = HOLD()", "try:")
    for number, segment in enumerate(e.segments):
        if segment.host is not None:
            t.add(f"{indent}E.host(H{number}, R)")
        else:
            t.add(f"{indent}N{number}({passed})")
            passed = ""
    if several:
        t.add("finally:", "  RELEASE(held)")


def _fresh_views(r: Recording) -> list[tuple[View, str]]:
    found = [(view, f"r{i}") for i, view in enumerate(r.results)]
    for i, (_, view) in enumerate(r.gradients):
        if isinstance(view, View):
            found.append((view, f"f{i}"))
    return found


def _empty(t: Text, view: View) -> str:
    """An expression that makes an array in the layout of a dense view."""
    order = sorted(range(view.ndim), key=lambda a: (-view.strides[a], a))
    shape = tuple(view.shape[a] for a in order)
    made = f"empty({shape!r}, {t.name(view.dtype)})"
    if order == list(range(view.ndim)):
        return made
    return f"{made}.transpose({tuple(int(a) for a in np.argsort(order))!r})"


def _after(t: Text, e: Executable, adopts: bool) -> None:
    """Gradients, versions, host actions, the result."""
    r = e.recording
    made: list[str] = []
    for i, (leaf, view) in enumerate(r.gradients):
        if leaf is None or view is None:
            continue  # saved for the backward plan; gone
        held = leaf_name(t, r, leaf)
        if view is False:
            t.add(f"bump({held}._grad)")
        else:
            made.append(f"t{i}")
            t.add(f"{held}._grad = t{i} = wrap(f{i})")
    counted: dict[int, tuple[Any, int]] = {}
    for tensor in r.tracer.bumps:
        found = counted.get(id(tensor), (tensor, 0))
        counted[id(tensor)] = tensor, found[1] + 1
    for tensor, times in counted.values():
        if id(tensor) in r.internal:
            continue
        for _ in range(times):
            t.add(f"bump({leaf_name(t, r, tensor)})")
    _acts(t, e, "")
    if r.pair is not None:
        _join(t, e)
    _held_results(t, r)
    if adopts:
        t.add(f"answer = {_returned(t, r.template)}", f"ADOPT([{', '.join(made)}], answer)",
              "return answer")  # fmt: skip
    else:
        t.add(f"return {_returned(t, r.template)}")


def _acts(t: Text, e: Executable, indent: str) -> None:
    """Gradients that are gone afterwards, and what schedulers and the like do."""
    r = e.recording
    for leaf, view in r.gradients:
        if leaf is not None and view is None:
            t.add(f"{indent}{leaf_name(t, r, leaf)}.__dict__.pop('_grad', None)")
    for _, act in r.tracer.acts:
        t.add(f"{indent}{t.name(act.act)}()")


def _join(t: Text, e: Executable) -> None:
    """The node by which the result hangs in the graph."""
    r = e.recording
    pair = e.backward
    t.values["PAIR"], t.values["SLOT"], t.values["EDGE"] = pair, _core.Slot, _core.edge_of
    inputs = ", ".join(
        f"a{value}" if kind == "argument" else t.name(value) for kind, value in pair.inputs
    )
    saved = ", ".join(r.saved)
    kept = ", ".join(f"a{i}" for i in range(len(r.arguments)))
    t.add(f"node = PAIR.node([{inputs}], [{saved}], [{kept}], args, kwargs)")


def _held_results(t: Text, r: Recording) -> None:
    """Results that are returned twice, or that the derivative reads, get names."""
    leaves = list(_results(r.template))
    for template in {value[0]: (kind, value) for kind, value in leaves}.values():
        index = template[1][0]
        saved = f"r{index}" in r.saved
        if saved or sum(v[0] == index for _, v in leaves) > 1:
            t.add(f"o{index} = {_returned(t, template)}")
            t.held.add(index)
        if saved:
            t.values["CELL"] = _core.cell_of
            t.add(f"node.versions.append((CELL(o{index}), 0, r{index}))")


def _results(template: Any) -> Any:
    """The results among what a step returns."""
    kind, value = template
    if kind in ("result", "differentiable"):
        yield template
    elif kind in ("list", "tuple"):
        for v in value:
            yield from _results(v)
    elif kind == "named":
        for v in value[1]:
            yield from _results(v)
    elif kind == "dict":
        for _, v in value:
            yield from _results(v)


def _returned(t: Text, template: Any) -> str:
    """An expression for what the step returns."""
    kind, value = template
    if kind in ("result", "differentiable") and value[0] in t.held:
        return f"o{value[0]}"
    if kind == "grad":
        return f"{t.name(value)}._grad"
    if kind == "result":
        index, edge = value
        if edge is None:
            return f"wrap(r{index})"
        return f"wrap(r{index}, {t.name(edge)}())"
    if kind == "differentiable":
        index, output = value
        return f"wrap(r{index}, node)" if t.values["PAIR"].single else (
            f"wrap(r{index}, SLOT(node, {output}))")
    if kind == "argument":
        return f"a{value}"
    if kind in ("object", "plain"):
        return t.name(value)
    if kind == "list":
        return "[" + ", ".join(_returned(t, v) for v in value) + "]"
    if kind == "tuple":
        return "(" + "".join(_returned(t, v) + ", " for v in value) + ")"
    if kind == "named":
        cls, items = value
        return f"{t.name(cls)}({', '.join(_returned(t, v) for v in items)})"
    if kind == "dict":
        inside = ", ".join(f"{t.name(k)}: {_returned(t, v)}" for k, v in value)
        return "{" + inside + "}"
    raise NotReplayable(f"a result of kind {kind}")


__all__ = ["MISS", "render", "sources"]
