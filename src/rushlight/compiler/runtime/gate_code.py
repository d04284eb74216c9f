"""The machine code of gates: one function that walks the tables of a gate (`gate.py`)."""

from __future__ import annotations

from typing import Any

from ..lower.writer import Writer

#: What a gate is made of, 8 bytes each.
FIELDS = (
    "ready", "busy", "words", "word_count", "items", "item_count", "groups", "group_count",
    "inputs", "input_count", "gradients", "gradient_count", "results", "result_count", "bumps",
    "bump_count", "leaves", "leaf_count", "check", "flags", "flag_count", "main", "table",
    "arguments", "answers", "key",
    "written", "written_count",
)  # fmt: skip
AT = {name: 8 * i for i, name in enumerate(FIELDS)}

#: Words of a record.
WORD, ITEM, GROUP, INPUT, GRADIENT, RESULT, LEAF = 2, 3, 3, 9, 5, 6, 2

#: Where an input is found: in a word (a cell), in a dict, among the arguments.
IN_WORD, IN_DICT, IN_ARGUMENTS = 0, 1, 2

# Offsets in objects.
COUNT, TYPE, SIZE = 0, 8, 16  # any object; the size of lists, tuples and dicts
TUPLE_ITEMS, LIST_ITEMS, CELL, SET_SIZE = 24, 24, 16, 24
DATA, DIMENSIONS, SIZES, STRIDES, BASE, DESCR = 16, 24, 32, 40, 48, 56


class _GateWriter(Writer):
    """Tests that leave for one place where they fail."""

    __slots__ = ("miss", "slots")

    def __init__(self, head: str, slots: dict[str, int]) -> None:
        super().__init__(head)
        self.miss = "miss"
        self.slots = slots

    def field(self, name: str) -> str:
        return self.load("i64", self.at("%g", AT[name]))

    def pointer(self, name: str) -> str:
        return self.load("ptr", self.at("%g", AT[name]))

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
        self.equal(self.word(array, COUNT), 1)
        self.equal(self.word(attributes, SIZE), 0)


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
    w.equal(w.word("%args", SIZE), w.field("arguments"))
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
        w.equal(w.word(tensor, COUNT), w.add(w.set(f"zext i1 {its} to i64"), 1))
        w.whole(tensor, array, attributes, none)
        w.store("i64", w.word(array, DATA), w.at(table, w.word(record, 32)))

    bumps = w.pointer("bumps")
    with w.records("bumps", "bump_count", 1) as i:
        tensor = w.load("ptr", w.at(bumps, i.index))
        cell = w.load("ptr", w.at(tensor, slots["cell"]))
        w.equal(w.word(cell, TYPE), w.object("PyList_Type"))
        number = w.load("ptr", w.load("ptr", w.at(cell, LIST_ITEMS)))
        w.equal(w.word(number, TYPE), w.object("PyLong_Type"))

    # Two sets of results take turns: a loop still holds the last one while the next is made.
    start, size = w.pointer("results"), w.mul(w.field("result_count"), 8 * RESULT)
    second, chosen = "second", "chosen"
    sets = [start]
    for which, otherwise in enumerate((second, w.miss)):
        if which:
            w.place(second)
            sets.append(w.at(start, size))
        w.miss = otherwise
        mine = sets[which]
        answers = w.pointer("answers")
        with w.when(w.test("ne", size, 0)):
            w.equal(w.word(w.load("ptr", w.at(answers, 8 * which)), COUNT), 1)
        with w.loop(0, size, 8 * RESULT) as each:
            record = w.at(mine, each.index)
            tensor, array, attributes, edge, own = (
                w.load("ptr", w.at(record, 8 * n)) for n in range(5)
            )
            w.equal(w.word(tensor, COUNT), 1)
            wanted = w.set(f"ptrtoint ptr {edge} to i64")
            w.whole(tensor, array, attributes, wanted)
            plain = w.test("eq", wanted, none)
            kept = w.select(plain, 1, w.word(edge, COUNT))
            w.equal(kept, 1)
            w.equal(w.word(own, SIZE), 0)
        w.jump(f"{chosen}{which}")
        w.place(f"{chosen}{which}")
        w.jump(chosen)
    w.miss = "miss"
    w.place(chosen)
    results = w.set(f"phi ptr [ {sets[0]}, %{chosen}0 ], [ {sets[1]}, %{chosen}1 ]")
    turn = w.set(f"phi i64 [ 0, %{chosen}0 ], [ 8, %{chosen}1 ]")
    with w.loop(0, size, 8 * RESULT) as i:
        record = w.at(results, i.index)
        data = w.word(w.load("ptr", w.at(record, 8)), DATA)
        w.store("i64", data, w.at(table, w.word(record, 40)))

    groups = w.pointer("groups")
    place = w.set("alloca [3 x i64], align 8")
    with w.records("groups", "group_count", GROUP) as i:
        _group(w, w.at(groups, i.index), place)

    w.store("i64", "1", w.at("%g", AT["busy"]))
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
    w.store("i64", "0", w.at("%g", AT["busy"]))
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
        at = w.load("ptr", w.at(cell, LIST_ITEMS))
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
    w.equal(w.word(tensor, TYPE), w.word(w.pointer("answers"), 16))
    plain = w.test("eq", w.word(tensor, w.slots["edge"]), w.object("_Py_NoneStruct"))
    w.equal(w.set(f"zext i1 {plain} to i64"), w.word(record, 32))
    array = w.load("ptr", w.at(tensor, w.slots["data"]))
    w.equal(w.word(array, DESCR), w.word(record, 40))
    count = w.word(record, 48)
    have = w.set(f"zext i32 {w.load('i32', w.at(array, DIMENSIONS), 4)} to i64")
    w.equal(have, count)
    _not_written(w, array)
    known = w.load("ptr", w.at(record, 56))
    end = w.mul(count, 8)
    for offset, first in ((SIZES, "0"), (STRIDES, end)):
        numbers = w.load("ptr", w.at(array, offset))
        with w.loop(0, end, 8) as i:
            w.equal(w.word(numbers, i.index), w.word(known, w.add(i.index, first)))
    w.store("i64", w.word(array, DATA), w.at(table, w.word(record, 24)))
    w.store("ptr", array, w.at(record, 64))


def _not_written(w: _GateWriter, array: str) -> None:
    """Whether an array that does not own its memory shows none that the step writes to."""
    turn, on, walk, root = (w.label() for _ in range(4))
    before = w._block
    w.jump(turn)
    w.place(turn)
    now = w.name()
    slot = len(w.lines)
    base = w.load("ptr", w.at(now, BASE))
    w.branch(w.set(f"icmp eq ptr {base}, null"), root, on)
    w.place(on)
    w.branch(w.test("eq", w.word(base, TYPE), w.word(w.pointer("answers"), 32)), walk, root)
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
    w.need(w.test("eq", w.word(group, SIZE), count), "stale")
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
