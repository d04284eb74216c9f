"""The quick way into a plan: guards, pointers, results and version counters in machine code.

A gate is a table of what one plan relies upon. Where everything is as it was, and nobody else holds
the gradients and results of an earlier call, these are written to again, and the whole call happens
here. Else the gate changes nothing and says so; the rendered function of the plan (`calling.py`)
then goes the long way, and hands the tensors that it made to `Gate.adopt`.

It reads the insides of CPython's and NumPy's objects; `works` makes sure that they are where it
looks for them. Where they are not, every call goes the long way.
"""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._core import MISSING, Context, Tensor, ctx, new, wrap
from ..lower.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What a gate is made of, 8 bytes each.
FIELDS = (
    "ready", "busy", "words", "word_count", "items", "item_count", "groups", "group_count",
    "inputs", "input_count", "gradients", "gradient_count", "results", "result_count", "bumps",
    "bump_count", "leaves", "leaf_count", "check", "flags", "flag_count", "main", "table",
    "arguments", "answers", "key",
    "written", "written_count",
)  # fmt: skip
_AT = {name: 8 * i for i, name in enumerate(FIELDS)}

#: Words of a record.
WORD, ITEM, GROUP, INPUT, GRADIENT, RESULT, LEAF = 2, 3, 3, 9, 5, 6, 2

#: Where an input is found: in a word (a cell), in a dict, among the arguments.
IN_WORD, IN_DICT, IN_ARGUMENTS = 0, 1, 2

# Offsets in objects.
_COUNT, _TYPE, _SIZE = 0, 8, 16  # any object; the size of lists, tuples and dicts
_TUPLE_ITEMS, _LIST_ITEMS, CELL, SET_SIZE = 24, 24, 16, 24
_DATA, _DIMENSIONS, _SIZES, _STRIDES, _BASE, _DESCR = 16, 24, 32, 40, 48, 56


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
    sizes, strides = _word(id(array) + _SIZES), _word(id(array) + _STRIDES)
    fine = (
        len(found) == 3
        and _word(id(marks[0]) + _COUNT) == sys.getrefcount(marks[0]) - 1
        and _word(id(array) + _TYPE) == id(np.ndarray)
        and _word(id(marks) + _SIZE) == 3
        and _word(_word(id(marks) + _LIST_ITEMS)) == id(marks[0])
        and _word(id(inside) + _SIZE) == 1 and _word(id(inside) + _TUPLE_ITEMS) == id(inside[0])
        and _word(id(inside[0]) + CELL) == id(held)
        and _word(id(found) + _SIZE) == 3 and _word(id(numbers) + SET_SIZE) == 3
        and _word(id(array) + _DATA) == array.__array_interface__["data"][0]
        and _word(id(array) + _DIMENSIONS) & 0xFFFFFFFF == 2
        and (_word(sizes), _word(sizes + 8)) == array.shape
        and (_word(strides), _word(strides + 8)) == array.strides
        and _word(id(array) + _BASE) == id(whole) and _word(id(whole) + _BASE) == 0
        and _word(id(array) + _DESCR) == id(array.dtype)
    )  # fmt: skip
    return found if fine else None


# ---------------------------------------------------------------------------------------------
# Machine code


class _GateWriter(Writer):
    """Tests that leave for one place where they fail."""

    __slots__ = ("miss", "slots")

    def __init__(self, head: str, slots: dict[str, int]) -> None:
        super().__init__(head)
        self.miss = "miss"
        self.slots = slots

    def field(self, name: str) -> str:
        return self.load("i64", self.at("%g", _AT[name]))

    def pointer(self, name: str) -> str:
        return self.load("ptr", self.at("%g", _AT[name]))

    def need(self, condition: str, otherwise: str = "") -> None:
        fine = self.label()
        self.branch(condition, fine, otherwise or self.miss)
        self.place(fine)

    def word(self, pointer: str, offset: str | int = 0) -> str:
        return self.load("i64", self.at(pointer, offset) if offset else pointer)

    def equal(self, a: str | int, b: str | int) -> None:
        self.need(self.test("eq", a, b))

    def records(self, name: str, count: str, size: int) -> Any:
        """A loop over records; `at` of its value is the address."""
        return self.loop(0, self.mul(self.field(count), 8 * size), 8 * size)

    def object(self, name: str) -> str:
        return f"ptrtoint (ptr @{name} to i64)"

    def whole(self, tensor: str, array: str, attributes: str, edge: str) -> None:
        """Whether a tensor kept from an earlier call is as it was made, and its array too."""
        self.equal(self.word(tensor, self.slots["data"]), self.set(f"ptrtoint ptr {array} to i64"))
        self.equal(self.word(tensor, self.slots["edge"]), edge)
        self.equal(self.word(tensor, self.slots["cell"]), self.object("_Py_NoneStruct"))
        self.equal(self.word(array, _COUNT), 1)
        self.equal(self.word(attributes, _SIZE), 0)


def text(slots: dict[str, int]) -> str:
    """The function behind gates: ``gate(arguments)``.

    It answers what the step returns; False where numbers of parameter groups changed; MISSING where
    something else did.
    """
    w = _GateWriter("ptr @rushlight_gate(ptr %self, ptr %args)", slots)
    none = w.object("_Py_NoneStruct")
    w.do("%g = call ptr @PyCapsule_GetPointer(ptr %self, ptr null)")
    w.need(w.test("ne", w.field("ready"), 0))
    w.equal(w.field("busy"), 0)
    w.equal(w.word("%args", _SIZE), w.field("arguments"))
    table, key = w.pointer("table"), w.pointer("key")

    words = w.pointer("words")
    with w.records("words", "word_count", WORD) as i:
        record = w.at(words, i.index)
        w.equal(w.word(w.load("ptr", record)), w.word(record, 8))
    items = w.pointer("items")
    with w.records("items", "item_count", ITEM) as i:
        record = w.at(items, i.index)
        found = w.set(
            f"call ptr @PyDict_GetItem(ptr {w.load('ptr', record)}, "
            f"ptr {w.load('ptr', w.at(record, 8))})"
        )
        w.equal(w.set(f"ptrtoint ptr {found} to i64"), w.word(record, 16))
    with w.records("leaves", "leaf_count", LEAF) as i:
        record = w.at(w.pointer("leaves"), i.index)
        there = w.test("ne", _gradient(w, w.load("ptr", record), key), none)
        w.equal(w.set(f"zext i1 {there} to i64"), w.word(record, 8))

    inputs = w.pointer("inputs")
    with w.records("inputs", "input_count", INPUT) as i:
        _input(w, w.at(inputs, i.index), table)

    gradients = w.pointer("gradients")
    with w.records("gradients", "gradient_count", GRADIENT) as i:
        record = w.at(gradients, i.index)
        leaf, tensor, array, attributes = (w.load("ptr", w.at(record, 8 * n)) for n in range(4))
        now = _gradient(w, leaf, key)
        its = w.test("eq", now, w.set(f"ptrtoint ptr {tensor} to i64"))
        w.equal(w.word(tensor, _COUNT), w.add(w.set(f"zext i1 {its} to i64"), 1))
        w.whole(tensor, array, attributes, none)
        w.store("i64", w.word(array, _DATA), w.at(table, w.word(record, 32)))

    bumps = w.pointer("bumps")
    with w.records("bumps", "bump_count", 1) as i:
        tensor = w.load("ptr", w.at(bumps, i.index))
        cell = w.load("ptr", w.at(tensor, slots["cell"]))
        w.equal(w.word(cell, _TYPE), w.object("PyList_Type"))
        number = w.load("ptr", w.load("ptr", w.at(cell, _LIST_ITEMS)))
        w.equal(w.word(number, _TYPE), w.object("PyLong_Type"))

    # Two sets of results take turns: a loop still holds the last one while the next is made.
    start, size = w.pointer("results"), w.mul(w.field("result_count"), 8 * RESULT)
    second, chosen = "second", "chosen"
    for number, otherwise in enumerate((second, w.miss)):
        if number:
            w.place(second)
        w.miss = otherwise
        mine = w.at(start, size) if number else start
        if number:
            other = mine
        answers = w.pointer("answers")
        with w.when(w.test("ne", size, 0)):
            w.equal(w.word(w.load("ptr", w.at(answers, 8 * number)), _COUNT), 1)
        with w.loop(0, size, 8 * RESULT) as i:
            record = w.at(mine, i.index)
            tensor, array, attributes, edge, own = (
                w.load("ptr", w.at(record, 8 * n)) for n in range(5)
            )
            w.equal(w.word(tensor, _COUNT), 1)
            wanted = w.set(f"ptrtoint ptr {edge} to i64")
            w.whole(tensor, array, attributes, wanted)
            plain = w.test("eq", wanted, none)
            kept = w.select(plain, 1, w.word(edge, _COUNT))
            w.equal(kept, 1)
            w.equal(w.word(own, _SIZE), 0)
        w.jump(f"{chosen}{number}")
        w.place(f"{chosen}{number}")
        w.jump(chosen)
    w.miss = "miss"
    w.place(chosen)
    results = w.set(f"phi ptr [ {start}, %{chosen}0 ], [ {other}, %{chosen}1 ]")
    turn = w.set(f"phi i64 [ 0, %{chosen}0 ], [ 8, %{chosen}1 ]")
    with w.loop(0, size, 8 * RESULT) as i:
        record = w.at(results, i.index)
        data = w.word(w.load("ptr", w.at(record, 8)), _DATA)
        w.store("i64", data, w.at(table, w.word(record, 40)))

    groups = w.pointer("groups")
    place = w.set("alloca [3 x i64], align 8")
    with w.records("groups", "group_count", GROUP) as i:
        _group(w, w.at(groups, i.index), place)

    w.store("i64", "1", w.at("%g", _AT["busy"]))
    # A long step lets other threads run, which may let go of its inputs.
    with w.records("inputs", "input_count", INPUT) as i:
        w.do(f"call void @Py_IncRef(ptr {w.load('ptr', w.at(w.at(inputs, i.index), 64))})")
    check = w.pointer("check")
    (checked,) = w.choose(
        w.set(f"icmp ne ptr {check}, null"), ["ptr"],
        lambda: [_ran(w, check)], lambda: ["@_Py_NoneStruct"],
    )  # fmt: skip
    flags = w.pointer("flags")
    with w.loop(0, w.field("flag_count"), 1, [("i8", "0")]) as i:
        i.carry[0] = w.set(f"or i8 {i.values[0]}, {w.load('i8', w.at(flags, i.index), 1)}")
    wrong = w.set(f"icmp ne i8 {i.results[0]}, 0")
    failed = w.set(f"icmp eq ptr {checked}, null")
    (done,) = w.choose(
        w.set(f"or i1 {wrong}, {failed}"), ["ptr"], lambda: [checked],
        lambda: [_ran(w, w.pointer("main"))],
    )  # fmt: skip
    with w.records("inputs", "input_count", INPUT) as i:
        w.do(f"call void @Py_DecRef(ptr {w.load('ptr', w.at(w.at(inputs, i.index), 64))})")
    w.store("i64", "0", w.at("%g", _AT["busy"]))
    w.need(w.set(f"icmp ne ptr {done}, null"), "failed")
    w.need(w.set(f"xor i1 {wrong}, true"))

    with w.records("gradients", "gradient_count", GRADIENT) as i:
        record = w.at(gradients, i.index)
        leaf, tensor = w.load("ptr", record), w.load("ptr", w.at(record, 8))
        now = _gradient(w, leaf, key)
        with w.when(w.test("ne", now, w.set(f"ptrtoint ptr {tensor} to i64"))):
            status = w.set(f"call i32 @PyObject_SetAttr(ptr {leaf}, ptr {key}, ptr {tensor})")
            w.need(w.set(f"icmp eq i32 {status}, 0"), "failed")
    with w.records("bumps", "bump_count", 1) as i:
        tensor = w.load("ptr", w.at(bumps, i.index))
        cell = w.load("ptr", w.at(tensor, slots["cell"]))
        at = w.load("ptr", w.at(cell, _LIST_ITEMS))
        old = w.load("ptr", at)
        following = w.add(w.set(f"call i64 @PyLong_AsLongLong(ptr {old})"), 1)
        made = w.set(f"call ptr @PyLong_FromLongLong(i64 {following})")
        w.need(w.set(f"icmp ne ptr {made}, null"), "failed")
        w.store("ptr", made, at)
        w.do(f"call void @Py_DecRef(ptr {old})")
    answer = w.load("ptr", w.at(w.pointer("answers"), turn))
    w.do(f"call void @Py_IncRef(ptr {answer})")
    w.do(f"ret ptr {answer}")
    w.place("miss")
    missing = w.load("ptr", w.at(w.pointer("answers"), 24))
    w.do(f"call void @Py_IncRef(ptr {missing})")
    w.do(f"ret ptr {missing}")
    w.place("stale")
    w.do("call void @Py_IncRef(ptr @_Py_FalseStruct)")
    w.do("ret ptr @_Py_FalseStruct")
    w.place("failed")
    w.do("ret ptr null")
    return w.text()


def _ran(w: _GateWriter, entry: str) -> str:
    """Run a native step: None (borrowed), or null if Python code raised."""
    done = w.set(f"call ptr @core(ptr {entry})")
    w.do(f"call void @Py_DecRef(ptr {done})")  # nothing happens for null
    return done


def _gradient(w: _GateWriter, leaf: str, key: str) -> str:
    """A leaf's gradient, borrowed, as a word."""
    found = w.set(f"call ptr @PyObject_GetAttr(ptr {leaf}, ptr {key})")
    w.need(w.set(f"icmp ne ptr {found}, null"), "failed")
    w.do(f"call void @Py_DecRef(ptr {found})")
    return w.set(f"ptrtoint ptr {found} to i64")


def _input(w: _GateWriter, record: str, table: str) -> None:
    """Find a tensor that may be another one on every call, test it, write its address."""
    kind = w.word(record)
    place = w.load("ptr", w.at(record, 8))

    def looked_up() -> list[str]:
        where = w.load("ptr", w.at(record, 16))
        return [w.set(f"call ptr @PyDict_GetItem(ptr {place}, ptr {where})")]

    def direct() -> list[str]:
        return w.choose(
            w.test("eq", kind, IN_WORD), ["ptr"], lambda: [w.load("ptr", place)],
            lambda: [w.load("ptr", w.at("%args", w.set(f"ptrtoint ptr {place} to i64")))],
        )  # fmt: skip

    tensor = w.choose(w.test("eq", kind, IN_DICT), ["ptr"], looked_up, direct)[0]
    w.need(w.set(f"icmp ne ptr {tensor}, null"))
    w.equal(w.word(tensor, _TYPE), w.word(w.pointer("answers"), 16))
    plain = w.test("eq", w.word(tensor, w.slots["edge"]), w.object("_Py_NoneStruct"))
    w.equal(w.set(f"zext i1 {plain} to i64"), w.word(record, 32))
    array = w.load("ptr", w.at(tensor, w.slots["data"]))
    w.equal(w.word(array, _DESCR), w.word(record, 40))
    count = w.word(record, 48)
    have = w.set(f"zext i32 {w.load('i32', w.at(array, _DIMENSIONS), 4)} to i64")
    w.equal(have, count)
    _not_written(w, array)
    known = w.load("ptr", w.at(record, 56))
    end = w.mul(count, 8)
    for offset, first in ((_SIZES, "0"), (_STRIDES, end)):
        numbers = w.load("ptr", w.at(array, offset))
        with w.loop(0, end, 8) as i:
            w.equal(w.word(numbers, i.index), w.word(known, w.add(i.index, first)))
    w.store("i64", w.word(array, _DATA), w.at(table, w.word(record, 24)))
    w.store("ptr", array, w.at(record, 64))


def _not_written(w: _GateWriter, array: str) -> None:
    """Whether an array that does not own its memory shows none that the step writes to."""
    turn, on, walk, root = (w.label() for _ in range(4))
    before = w._block
    w.jump(turn)
    w.place(turn)
    now = w.name()
    slot = len(w.lines)
    base = w.load("ptr", w.at(now, _BASE))
    w.branch(w.set(f"icmp eq ptr {base}, null"), root, on)
    w.place(on)
    w.branch(w.test("eq", w.word(base, _TYPE), w.word(w.pointer("answers"), 32)), walk, root)
    w.place(walk)
    w.lines.insert(slot, f"  {now} = phi ptr [ {array}, %{before} ], [ {base}, %{walk} ]")
    w.jump(turn)
    w.place(root)
    owner = w.set(f"ptrtoint ptr {now} to i64")
    with w.records("written", "written_count", 1) as i:
        w.need(w.test("ne", w.word(w.pointer("written"), i.index), owner))


def _group(w: _GateWriter, record: str, place: str) -> None:
    """Whether a dict has the very values that it had."""
    group = w.load("ptr", record)
    known = w.load("ptr", w.at(record, 8))
    count = w.word(record, 16)
    w.need(w.test("eq", w.word(group, _SIZE), count), "stale")
    w.store("i64", "0", place)
    key, value = w.at(place, 8), w.at(place, 16)
    with w.loop(0, count) as i:
        w.set(f"call i32 @PyDict_Next(ptr {group}, ptr {place}, ptr {key}, ptr {value})")
        same = w.test("eq", w.word(value), w.word(known, w.mul(i.index, 8)))
        w.need(same, "stale")


API = """
declare ptr @PyDict_GetItem(ptr, ptr)
declare i32 @PyDict_Next(ptr, ptr, ptr, ptr)
declare ptr @PyObject_GetAttr(ptr, ptr)
declare i32 @PyObject_SetAttr(ptr, ptr, ptr)
declare i64 @PyLong_AsLongLong(ptr)
declare ptr @PyLong_FromLongLong(i64)
@_Py_FalseStruct = external global i8
@PyLong_Type = external global i8
"""
FUNCTIONS = (
    "PyDict_GetItem", "PyDict_Next", "PyObject_GetAttr", "PyObject_SetAttr", "PyLong_AsLongLong",
    "PyLong_FromLongLong",
)  # fmt: skip
OBJECTS = {"_Py_FalseStruct": False, "PyLong_Type": int}


# ---------------------------------------------------------------------------------------------
# The table


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

    def _set(self, name: str, value: int) -> None:
        self._fields[_AT[name] // 8] = value

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
        return memoryview(self._fields)[_AT["busy"] // 8 : _AT["busy"] // 8 + 1]

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


__all__ = ["Gate", "Input", "context_slots", "offsets", "text"]
