"""The door from Python into a step: built-in functions made of machine code.

A call costs what calling an empty Python function costs. The function may first copy the addresses
of a list of arrays into the table of pointers; it releases the interpreter's lock for long steps,
and times them so that the number of threads can be chosen.
"""

from __future__ import annotations

import ctypes
import os
import sys
import weakref
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..lower.module import Library
from ..lower.writer import Writer
from . import gate, gate_code, threads
from .controller import WINDOW, Controller

if TYPE_CHECKING:
    from collections.abc import Callable

    from .engine import Native

#: What an entry is made of, 8 bytes each.
FIELDS = (
    "step", "table", "team", "threads", "release", "timing", "total", "count", "limit", "callback",
    "first",
)  # fmt: skip
_AT = {name: 8 * i for i, name in enumerate(FIELDS)}

#: Steps longer than this release the interpreter's lock.
LONG = 50e-6

# Where CPython keeps a list's length and items, and NumPy an array's data; `_check` makes sure.
_LIST_SIZE, _LIST_ITEMS, _ARRAY_DATA = 16, 24, 16


def _core(timed: bool) -> str:
    w = Writer("internal ptr @core(ptr %e)")
    field = {name: w.at("%e", at) for name, at in _AT.items()}
    clock = w.set("alloca [2 x i64], align 8")

    def now() -> list[str]:
        w.do(f"call i32 @clock_gettime(i32 1, ptr {clock})")
        seconds = w.mul(w.load("i64", clock), 1_000_000_000)
        return [w.add(seconds, w.load("i64", w.at(clock, 8)))]

    timing = w.test("ne", w.load("i64", field["timing"]), 0) if timed else "false"
    start = w.choose(timing, ["i64"], now, lambda: ["0"])[0] if timed else "0"
    releases = w.test("ne", w.load("i64", field["release"]), 0)
    (state,) = w.choose(
        releases, ["ptr"], lambda: [w.set("call ptr @PyEval_SaveThread()")], lambda: ["null"]
    )
    arguments = ", ".join(
        f"{kind} {w.load(kind, field[name])}"
        for kind, name in (("ptr", "team"), ("ptr", "step"), ("ptr", "table"), ("i64", "threads"))
    )
    w.do(f"call void @rushlight_launch({arguments})")
    with w.when(releases):
        w.do(f"call void @PyEval_RestoreThread(ptr {state})")
    if timed:
        with w.when(timing):
            passed = w.sub(now()[0], start)
            total = w.add(w.load("i64", field["total"]), passed)
            w.store("i64", total, field["total"])
            w.store("i64", w.add(w.load("i64", field["count"]), 1), field["count"])
            full = w.test("sge", total, w.load("i64", field["limit"]))
            with w.when(full):
                callback = w.load("ptr", field["callback"])
                answer = w.set(f"call ptr @PyObject_CallNoArgs(ptr {callback})")
                failed, fine = w.label(), w.label()
                w.branch(w.set(f"icmp eq ptr {answer}, null"), failed, fine)
                w.place(failed)
                w.do("ret ptr null")
                w.place(fine)
                w.do(f"call void @Py_DecRef(ptr {answer})")
    w.do("call void @Py_IncRef(ptr @_Py_NoneStruct)")
    w.do("ret ptr @_Py_NoneStruct")
    return w.text()


def _bare() -> str:
    w = Writer("ptr @rushlight_entry(ptr %self, ptr %nothing)")
    e = w.set("call ptr @PyCapsule_GetPointer(ptr %self, ptr null)")
    w.do(f"ret ptr {w.set(f'call ptr @core(ptr {e})')}")
    return w.text()


def _filling() -> str:
    w = Writer("ptr @rushlight_entry_filling(ptr %self, ptr %list)")
    kind = w.load("ptr", w.at("%list", 8))
    good, bad = w.label(), w.label()
    w.branch(w.set(f"icmp eq ptr {kind}, @PyList_Type"), good, bad)
    w.place(bad)
    w.do("%e = load ptr, ptr @PyExc_TypeError")
    w.do("call void @PyErr_SetString(ptr %e, ptr @message)")
    w.do("ret ptr null")
    w.place(good)
    e = w.set("call ptr @PyCapsule_GetPointer(ptr %self, ptr null)")
    table = w.load("ptr", w.at(e, _AT["table"]))
    to = w.at(table, w.mul(w.load("i64", w.at(e, _AT["first"])), 8))
    count = w.load("i64", w.at("%list", _LIST_SIZE))
    items = w.load("ptr", w.at("%list", _LIST_ITEMS))
    with w.loop(0, count) as i:
        offset = w.mul(i.index, 8)
        array = w.load("ptr", w.at(items, offset))
        w.store("ptr", w.load("ptr", w.at(array, _ARRAY_DATA)), w.at(to, offset))
    w.do(f"ret ptr {w.set(f'call ptr @core(ptr {e})')}")
    return w.text() + (
        '@message = internal constant [25 x i8] c"a step takes a list here\\00"\n'
    )


_API = """
declare i32 @clock_gettime(i32, ptr)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare void @rushlight_launch(ptr, ptr, ptr, i64)
declare ptr @PyObject_CallNoArgs(ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare void @PyErr_SetString(ptr, ptr)
declare ptr @PyCapsule_GetPointer(ptr, ptr)
@_Py_NoneStruct = external global i8
@PyList_Type = external global i8
@PyExc_TypeError = external global ptr
"""

_FUNCTIONS = (
    "PyMem_RawMalloc", "PyMem_RawFree",
    "PyEval_SaveThread", "PyEval_RestoreThread", "PyObject_CallNoArgs", "Py_IncRef", "Py_DecRef",
    "PyErr_SetString", "PyCapsule_GetPointer",
)  # fmt: skip


def python_symbols() -> dict[str, int]:
    """Addresses of the interpreter's functions and objects that machine code uses."""
    api = ctypes.pythonapi
    found = {
        name: ctypes.cast(getattr(api, name), ctypes.c_void_p).value or 0
        for name in (*_FUNCTIONS, *gate_code.FUNCTIONS)
    }
    found.update((name, id(value)) for name, value in gate_code.OBJECTS.items())
    found["_Py_NoneStruct"] = id(None)
    found["PyList_Type"] = id(list)
    found["PyExc_TypeError"] = ctypes.addressof(ctypes.c_void_p.in_dll(api, "PyExc_TypeError"))
    return found


def library(launching: Library) -> Library:
    """The functions behind entries."""
    timed = threads.MACHINE is not None
    slots = gate.offsets()
    parts = [_bare, _filling]
    names = ["rushlight_entry", "rushlight_entry_filling"]
    extra = ""
    if slots is not None:
        parts.append(lambda: gate_code.text(slots))
        names.append("rushlight_gate")
        extra = gate_code.API
    return Library(
        "entry", lambda: "\n".join([_core(timed), *(p() for p in parts), _API, extra]),
        dict.fromkeys(names, ""), [launching],
    )  # fmt: skip


_methods: dict[bool, gate.Method] = {}


@lru_cache(maxsize=1)
def fills() -> bool:
    """Whether machine code can read lists of arrays in this interpreter."""
    free = hasattr(sys, "_is_gil_enabled") and not sys._is_gil_enabled()
    if sys.implementation.name != "cpython" or free:
        return False
    array = np.zeros(3)
    items = [array, None]
    word = ctypes.c_void_p.from_address
    try:
        start = word(id(items) + _LIST_ITEMS).value
        return (
            ctypes.c_ssize_t.from_address(id(items) + _LIST_SIZE).value == 2
            and start is not None and word(start).value == id(array)
            and word(id(array) + _ARRAY_DATA).value == array.ctypes.data
            and word(id(items) + 8).value == id(list)
        )  # fmt: skip
    except ValueError:
        return False


_entries_alive: weakref.WeakSet[Entry] = weakref.WeakSet()


def _forked() -> None:
    for entry in list(_entries_alive):
        entry.alone()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class Entry:
    """What stands behind a bound step: its numbers, and what is done after each window of time.

    Attributes:
        controller: what chooses the number of threads.
    """

    __slots__ = (
        "__weakref__", "_fields", "_most", "_rounds", "address", "controller", "native",
    )  # fmt: skip

    def __init__(self, native: Native, table: int, first: int | None) -> None:
        self.native = native  # keeps the machine code alive
        self._fields: Any = (ctypes.c_int64 * len(FIELDS))()
        self.address = ctypes.addressof(self._fields)
        self._rounds = 0
        self._most = 0
        self._set("step", native.address)
        self._set("table", table)
        self._set("release", int(native.long))
        self._set("timing", int(threads.MACHINE is not None))
        self._set("callback", id(self))
        self._set("first", first or 0)
        self._threads()
        _entries_alive.add(self)

    def _set(self, name: str, value: int) -> None:
        self._fields[_AT[name] // 8] = value

    def alone(self) -> None:
        """In a forked child: no workers, until the next window makes a team of its own."""
        self._most = 0
        self._set("team", 0)
        self._set("threads", 1)

    def _threads(self) -> None:
        """Follow the number of threads that the program allows."""
        most = threads.limit() if self.native.threads else 1
        team = self.native.team(most) if most > 1 else None
        if team is not None:
            most = min(most, team.threads)
            self._set("team", team.address)
        if most != self._most:
            self._most = most
            self.controller = Controller(most)
            self._set("threads", self.controller.threads)

    def __call__(self) -> None:
        """A window is over: called by the machine code."""
        at = _AT["total"] // 8
        seconds = self._fields[at] * 1e-9 / max(self._fields[at + 1], 1)
        self._set("total", 0)
        self._set("count", 0)
        self._rounds += 1
        self._threads()
        if self._rounds == 1:
            return  # the first call found cold caches
        self._set("release", int(seconds > LONG))
        window = self.controller.window(seconds)
        self._set("threads", self.controller.threads)
        self._set("limit", int(window * 1e9))
        if self._most == 1 and self._rounds > 4:
            # Nothing to choose: look again only now and then.
            self._set("limit", int(100 * WINDOW * 1e9))


def bind(
    native: Native, addresses: dict[str, int], table: int, first: int | None = None
) -> Callable[..., None]:
    """A built-in function that runs a step.

    Args:
        addresses: of the functions of `library`.
        table: the address of the table of pointers.
        first: the entry of the table that the first array of the list goes to; None for a
            function without arguments.
    """
    filling = first is not None
    if first is not None and not fills():
        bare = bind(native, addresses, table)

        def fill(arrays: list[Any], /) -> None:
            words = (ctypes.c_void_p * len(arrays)).from_address(table + 8 * first)
            for i, array in enumerate(arrays):
                words[i] = array.ctypes.data
            bare()

        return fill
    if filling not in _methods:
        name = "rushlight_entry_filling" if filling else "rushlight_entry"
        flags = gate.METH_O if filling else gate.METH_NOARGS
        _methods[filling] = gate.Method(b"step", addresses[name], flags, b"Run a compiled step.")
    entry = Entry(native, table, first)
    api = ctypes.pythonapi
    api.PyCapsule_New.restype = api.PyCFunction_NewEx.restype = ctypes.py_object
    api.PyCapsule_New.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    api.PyCFunction_NewEx.argtypes = (ctypes.c_void_p, ctypes.py_object, ctypes.py_object)
    capsule = api.PyCapsule_New(entry.address, None, None)
    # The entry takes the place of the module: it lives as long as the function.
    method = ctypes.addressof(_methods[filling])
    return cast("Callable[..., None]", api.PyCFunction_NewEx(method, capsule, entry))


def entry_of(function: Callable[..., None]) -> Entry:
    """The entry of a function that `bind` made."""
    return cast(Entry, function.__module__)
