"""The quick way into a plan: guards, pointers, results and version counters in machine code.

A gate is a table of what one plan relies upon. Where everything is as it was, and nobody else holds
the gradients and results of an earlier call, these are written to again, and the whole call happens
here. Else the gate changes nothing and says so; the rendered function of the plan (`calling.py`)
then goes the long way, and hands the tensors that it made to `Gate.adopt`.

It reads the insides of CPython's and NumPy's objects; `offsets` makes sure that they are where it
looks for them. Where they are not, every call goes the long way.
"""

from __future__ import annotations

import ctypes
import os
import sys
import weakref
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._core import MISSING, Context, Tensor, ctx, new, wrap
from .gate_code import (
    AT,
    BASE,
    CELL,
    COUNT,
    DATA,
    DESCR,
    DIMENSIONS,
    FIELDS,
    LIST_ITEMS,
    SET_SIZE,
    SIZE,
    SIZES,
    STRIDES,
    TUPLE_ITEMS,
    TYPE,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _word(address: int) -> int:
    return ctypes.c_int64.from_address(address).value


@lru_cache(maxsize=1)
def offsets() -> dict[str, int] | None:
    """Where a tensor keeps its slots, or None if the insides of objects are not as expected."""
    free = hasattr(sys, "_is_gil_enabled") and not sys._is_gil_enabled()
    if sys.implementation.name != "cpython" or free or sys.maxsize < 2**32:
        return None
    array = np.zeros((3, 5), np.float32)[:, ::2]
    whole = array.base
    marks = [object() for _ in range(3)]
    t: Any = wrap(array)
    t._data, t._edge, t._cell = marks
    found = {}
    for at in range(16, type(t).__basicsize__, 8):
        for name, mark in zip(("data", "edge", "cell"), marks, strict=True):
            if _word(id(t) + at) == id(mark):
                found[name] = at
    held: Any = object()
    inside = (lambda: held).__closure__
    assert inside is not None and whole is not None
    numbers = {1, 2, 3}
    sizes, strides = _word(id(array) + SIZES), _word(id(array) + STRIDES)
    fine = (
        len(found) == 3
        and _word(id(marks[0]) + COUNT) == sys.getrefcount(marks[0]) - 1
        and _word(id(array) + TYPE) == id(np.ndarray)
        and _word(id(marks) + SIZE) == 3
        and _word(_word(id(marks) + LIST_ITEMS)) == id(marks[0])
        and _word(id(inside) + SIZE) == 1 and _word(id(inside) + TUPLE_ITEMS) == id(inside[0])
        and _word(id(inside[0]) + CELL) == id(held)
        and _word(id(found) + SIZE) == 3 and _word(id(numbers) + SET_SIZE) == 3
        and _word(id(array) + DATA) == array.__array_interface__["data"][0]
        and _word(id(array) + DIMENSIONS) & 0xFFFFFFFF == 2
        and (_word(sizes), _word(sizes + 8)) == array.shape
        and (_word(strides), _word(strides + 8)) == array.strides
        and _word(id(array) + BASE) == id(whole) and _word(id(whole) + BASE) == 0
        and _word(id(array) + DESCR) == id(array.dtype)
    )  # fmt: skip
    return found if fine else None


class Input:
    """A tensor that may be another one on every call: where it is found and what it must be."""

    def __init__(self, kind: int, place: int, key: Any, slot: int, value: Tensor) -> None:
        self.kind = kind
        self.place = place
        self.key = key
        self.slot = slot
        self.value = value


class Gate:
    """What a plan relies upon, as machine code looks at it.

    Args:
        words: (address, what must stand there).
        items: (dict, key, what it must hold).
        groups: parameter groups and, of each, the values that its plan knows.
        inputs: tensors that may be others on every call.
        leaves: (leaf, whether it must have a gradient when the step begins).
        gradients: (leaf, entry of the table) of every gradient that is left behind.
        results: entries of the table of the results.
        bumps: tensors whose version counts up; one that does so twice stands there twice.
        table: the address of the table of pointers.
        check, main: addresses of entries; `flags` what the check writes.
        arguments: how many there are.
        written: addresses of the arrays that own the memory that the step writes to.
        alive: objects whose addresses are among all this.
    """

    def __init__(
        self, *, words: Sequence[tuple[int, int]], items: Sequence[tuple[Any, Any, Any]],
        groups: Sequence[dict[str, Any]], known: list[list[Any]], inputs: Sequence[Input],
        leaves: Sequence[tuple[Tensor, bool]], gradients: Sequence[tuple[Tensor, int]],
        results: Sequence[int], bumps: Sequence[Tensor], table: int, check: int,
        flags: Any, main: int, arguments: int, written: Sequence[int], alive: Sequence[Any],
    ) -> None:  # fmt: skip
        self._fields = np.zeros(len(FIELDS), np.int64)
        self.address = self._fields.__array_interface__["data"][0]
        #: Everything whose address stands in a table.
        self._alive: list[Any] = [items, groups, inputs, leaves, gradients, bumps, alive]
        self._known = known
        self._groups = list(groups)
        self._structure: Any = None
        structure = id(ctx) + context_slots()["structure"], 0
        self._words = self._table("words", "word_count", [structure, *words])
        self._table("items", "item_count", [(id(d), id(k), id(v)) for d, k, v in items])
        self._table("leaves", "leaf_count", [(id(t), int(there)) for t, there in leaves])
        self._table("inputs", "input_count", [self._input(i) for i in inputs])
        self._gradients = self._table(
            "gradients", "gradient_count", [(id(leaf), 0, 0, 0, 8 * at) for leaf, at in gradients]
        )
        records = [(0, 0, 0, 0, 0, 8 * at) for at in results]
        self._results = self._table("results", "result_count", [*records, *records])
        self._set("result_count", len(results))
        self._table("bumps", "bump_count", [(id(t),) for t in bumps])
        self._table("written", "written_count", [(at,) for at in written])
        self._group_table = self._table("groups", "group_count", [(id(g), 0, 0) for g in groups])
        self._values: list[Any] = [None] * len(groups)
        self._answers = np.array([0, 0, id(Tensor), id(MISSING), id(np.ndarray)], np.int64)
        self._set("answers", self._answers.__array_interface__["data"][0])
        self._set("table", table)
        self._set("check", check)
        self._set("flags", 0 if flags is None else flags.__array_interface__["data"][0])
        self._set("flag_count", 0 if flags is None else len(flags))
        self._set("main", main)
        self._set("arguments", arguments)
        self._set("key", id(_KEY))
        self._kept: list[Any] = [None, None, None]
        self._turn = 0
        self._tries = 0
        self.renew()
        _alive.add(self)

    def _set(self, name: str, value: int) -> None:
        self._fields[AT[name] // 8] = value

    def _table(self, name: str, count: str, rows: Sequence[tuple[int, ...]]) -> Any:
        made = np.array(rows, np.int64) if rows else np.zeros((0, 1), np.int64)
        self._alive.append(made)
        self._set(name, made.__array_interface__["data"][0])
        self._set(count, len(rows))
        return made

    def _input(self, i: Input) -> tuple[int, ...]:
        data = i.value._data
        shape = np.array([*data.shape, *data.strides, 0], np.int64)
        self._alive += [shape, data.dtype, i.key]
        return (
            i.kind, i.place, id(i.key), 8 * i.slot, int(i.value._edge is None), id(data.dtype),
            data.ndim, shape.__array_interface__["data"][0], 0,
        )  # fmt: skip

    @property
    def busy(self) -> memoryview:
        """The word that is 1 while the plan runs."""
        at = AT["busy"] // 8
        return memoryview(self._fields)[at : at + 1]  # type: ignore[arg-type]

    def renew(self) -> None:
        """Take over the structural epoch and the numbers of parameter groups."""
        self._structure = ctx.structure
        self._words[0, 1] = id(self._structure)
        for i, known in enumerate(self._known):
            kept = list(known)
            values = np.array([*map(id, kept), 0], np.int64)
            self._values[i] = kept, values
            self._group_table[i, 1] = values.__array_interface__["data"][0]
            self._group_table[i, 2] = len(kept)

    def adopt(self, gradients: list[Tensor], answer: Any) -> None:
        """Keep what a call has made, for a later one to write to again.

        `answer`: what the call returns: a tensor, a tuple of them, or None.
        """
        self._tries += 1
        if self._tries > 64 and self._tries % 64:
            return  # somebody holds on to them: do not try every time
        results = answer if type(answer) is tuple else () if answer is None else (answer,)
        if any(r._data.nbytes > MOST_BYTES for r in results):
            return
        turn = self._turn = 1 - self._turn
        first = not self._fields[0]
        self._kept[2] = gradients, [t.__dict__ for t in gradients]
        for i, t in enumerate(gradients):
            self._gradients[i, 1:4] = id(t), id(t._data), id(t.__dict__)
        kept = answer, [t.__dict__ for t in results]
        for which in (0, 1) if first else (turn,):
            self._kept[which] = kept
            self._answers[which] = id(answer)
            for i, t in enumerate(results):
                edge = t._edge
                own = t.__dict__ if edge is None else edge.__dict__
                self._results[which * len(results) + i, :5] = (
                    id(t), id(t._data), id(t.__dict__), id(edge), id(own)
                )  # fmt: skip
        self._set("ready", 1)

    def bind(self, address: int) -> Callable[..., Any]:
        """The built-in function; `address` is that of the machine code."""
        api = ctypes.pythonapi
        api.PyCapsule_New.restype = api.PyCFunction_NewEx.restype = ctypes.py_object
        api.PyCapsule_New.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
        api.PyCFunction_NewEx.argtypes = (ctypes.c_void_p, ctypes.py_object, ctypes.py_object)
        if address not in _methods:
            _methods[address] = Method(b"gate", address, METH_O, b"Run a compiled step, or not.")
        capsule = api.PyCapsule_New(self.address, None, None)
        # The gate takes the place of the module: it lives as long as the function.
        made: Callable[..., Any] = api.PyCFunction_NewEx(
            ctypes.addressof(_methods[address]), capsule, self
        )
        return made


_alive: weakref.WeakSet[Gate] = weakref.WeakSet()


def _forked() -> None:
    """In a child, no other thread is inside of any plan."""
    for gate in list(_alive):
        gate._set("busy", 0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = [
        ("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]  # fmt: skip


METH_NOARGS, METH_O = 4, 8
_methods: dict[int, Method] = {}

#: Results larger than this are not kept: they would hold memory that a program wants to free.
MOST_BYTES = 1 << 16
_KEY = sys.intern("_grad")


@lru_cache(maxsize=1)
def context_slots() -> dict[str, int]:
    """Where a context keeps what the wrapper of every op looks at."""
    probe = new(Context)
    marks = {name: object() for name in ("handler", "structure", "modes")}
    for name, mark in marks.items():
        setattr(probe, name, mark)
    return {
        name: at for at in range(16, Context.__basicsize__, 8) for name, mark in marks.items()
        if _word(id(probe) + at) == id(mark)
    }  # fmt: skip


__all__ = ["METH_NOARGS", "METH_O", "Gate", "Input", "Method", "context_slots", "offsets"]
