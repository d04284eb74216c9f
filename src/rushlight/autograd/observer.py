"""The hook object of ``ctx.anomaly``: sees every new node while anomaly mode or hooks on saved
tensors are in use, and runs the nodes of a backward pass under guard.

Each thread has its own stack of hooks on saved tensors; anomaly mode is one for all.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import CONSTANT_CELL, FREED_CELL, Tensor, ctx, wrap
from . import messages

if TYPE_CHECKING:
    from .._core import Node

#: Cell of a save that a pack hook took away: no version compares equal, so that using the save
#: leads to `_core.stale`, which calls the unpack hook.
PACKED_CELL: list[Any] = [-2]


class _PerThread(threading.local):
    def __init__(self) -> None:
        #: Hooks on saved tensors, the innermost last.
        self.hooks: list[Any] = []
        #: Messages of disable_saved_tensors_hooks, the innermost last.
        self.disabled: list[str] = []
        #: Whether in an allow_mutation_on_saved_tensors context.
        self.mutable = False


per_thread = _PerThread()


class Observer:
    """See the module's docstring."""

    def __init__(self) -> None:
        self.anomaly = False
        self.check_nan = True
        self.hooked = 0

    def update(self) -> None:
        """Install or remove this object, whichever is due."""
        ctx.anomaly = self if self.anomaly or self.hooked > 0 else None
        _core.changed_structure()

    def __call__(self, node: Node) -> None:
        if self.anomaly:
            import traceback

            # The last frames are this one and the wrapper's; lines are read when printed.
            node.__dict__["_creation"] = traceback.StackSummary.extract(
                traceback.walk_stack(None), lookup_lines=False
            )
        if per_thread.hooks:
            pack(node, per_thread.hooks[-1])

    def guarded(self, node: Any, k: Any, g: Any, keep: bool) -> Any:
        """Run a node; say where it was made if it fails or returns NaN."""
        if not self.anomaly:
            return node.raw(g, keep) if k is None else node.lifted(k, g, keep)
        try:
            results = node.raw(g, keep) if k is None else node.lifted(k, g, keep)
        except Exception as error:
            explain(node)
            note(node, error)
            raise
        if self.check_nan:
            for i, r in enumerate(results):
                if r is not None and type(r) is not dict and _has_nan(r):
                    explain(node)
                    found = RuntimeError(
                        f"Function '{type(node).__name__}' returned nan values in its {i}th output."
                    )
                    note(node, found)
                    raise found
        return results


def _has_nan(r: Any) -> bool:
    data = r._data if isinstance(r, Tensor) else np.asarray(getattr(r, "value", r))
    return data.dtype.kind in "fcV" and bool(np.isnan(data).any())


observer = Observer()


def creation_text(node: Any) -> str:
    """Where `node` was made, as tracebacks show it; the frames of this library left out."""
    stack = node.__dict__.get("_creation")
    if stack is None:
        return ""
    import os
    import traceback

    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
    frames = [
        f for f in reversed(stack)
        if not f.filename.startswith(here) and not f.filename.startswith("<rushlight")
    ]  # fmt: skip
    return "".join(traceback.format_list(frames))


def explain(node: Any) -> None:
    """Warn with the stack that made `node`."""
    import warnings

    text = creation_text(node)
    name = type(node).__name__
    if text:
        message = (
            f"Error detected in {name}. Traceback of forward call that caused the error:\n{text}"
        )
    else:
        message = (
            f"Error detected in {name}. No forward pass information available. Enable detect "
            "anomaly during forward pass for more information."
        )
    warnings.warn(message, UserWarning, stacklevel=messages.user_level())


def note(node: Any, error: BaseException) -> None:
    """Name the user's line on the exception too: warnings may be switched off."""
    text = creation_text(node)
    if text:
        error.add_note(f"rushlight: {type(node).__name__} was recorded here:\n{text}")


# ---------------------------------------------------------------------------------------------
# Hooks on saved tensors


class SavedHooks:
    """A pack and an unpack hook that belong together."""

    __slots__ = ("pack", "unpack")

    def __init__(self, pack: Any, unpack: Any) -> None:
        self.pack = pack
        self.unpack = unpack

    def store(self, t: Tensor) -> Any:
        """What the pack hook makes of `t`."""
        version = _core.cell_of(t)[0]
        held = self.pack(t)
        if _core.cell_of(t)[0] != version:
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as "
                "input to pack hook cannot be modified by in-place operations as this can lead to "
                "unexpected side-effects. Please open an issue if you need to perform in-place "
                "operations on the input to a pack hook."
            )
        return held

    def restore(self, held: Any) -> Tensor:
        """What the unpack hook makes of it again."""
        t = self.unpack(held)
        if not isinstance(t, Tensor):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(t).__name__}"
            )
        return t


def pack(node: Any, hooks: SavedHooks) -> None:
    """Hand everything that `node` saved to the pack hook."""
    if hasattr(node, "saved"):  # a user's Function
        for save in node.saved:
            if save is not None and save.packed is None:
                save.pack(hooks)
        return
    for number, _, _ in node.saves:
        pack_one(node, number, hooks)
    if getattr(node, "tensors", None):  # a variadic row
        packed = _packed_of(node)
        cells: list[Any] = []
        for number, array in enumerate(node.tensors):
            t = wrap(array)
            t._cell = node.cells[number]
            packed[number] = (hooks, hooks.store(t))
            cells.append(PACKED_CELL)
        node.tensors = [None] * len(cells)
        node.cells = cells


def _packed_of(node: Any) -> Any:
    from .hooks import hooks_at

    return hooks_at(node, "_packed")


def pack_one(node: Any, number: int, hooks: SavedHooks) -> None:
    cell = getattr(node, f"c{number}", FREED_CELL)
    array = getattr(node, f"s{number}", None)
    if cell is FREED_CELL or cell is PACKED_CELL or array is None or cell is CONSTANT_CELL:
        return
    source = next(i for j, _, i in node.saves if j == number)
    edge = None
    if source is not None and node.op.edge_for(node.op.inputs[source]):
        positions = [i for i, n in enumerate(node.op.inputs) if node.op.edge_for(n)]
        edge = node.edges[positions.index(source)]
    t = _core.TEN.load(node, number, array, edge)
    if t._cell is None:
        t._cell = cell
    _packed_of(node)[number] = (hooks, hooks.store(t))
    setattr(node, f"s{number}", None)
    setattr(node, f"c{number}", PACKED_CELL)


def unpack(node: Any, number: int) -> bool:
    """Load the save `number` of `node` if it was packed."""
    if hasattr(node, "tensors"):
        if node.cells[number] is not PACKED_CELL:
            return False
        hooks, held = node.__dict__["_packed"][number]
        node.tensors[number] = hooks.restore(held)._data
        return True
    if getattr(node, f"c{number}", FREED_CELL) is not PACKED_CELL:
        return False
    hooks, held = node.__dict__["_packed"][number]
    setattr(node, f"s{number}", hooks.restore(held)._data)
    return True


def settle(node: Any, keep: bool) -> None:
    """After a packed node ran: drop what was unpacked, or everything."""
    if not keep:
        del node.__dict__["_packed"]
        return
    if hasattr(node, "tensors"):
        node.tensors = [None] * len(node.cells)
        return
    for number in node.__dict__["_packed"]:
        setattr(node, f"s{number}", None)
