"""Renders the wrapper and the Node class of a row as straight-line Python.

Rows of the same structure (number of inputs, attributes and outputs, what is saved for which
gradient) share one template: the text is compiled once and bound to a row by closure. Inside a
template all names are canonical:

    x0, x1     the Tensors                    a0, a1   the attributes
    d0, d1     their arrays                   o0, o1   output arrays      r0   residuals
    e0, e1     their edges                    F0, F1   formulas           n    the node
    s0 c0 v0   one save: array, version cell, version
    z0 y0      a saved shape and dtype

Rendered text is registered in `linecache`, so that tracebacks and debuggers show it, and
`RUSHLIGHT_SHOW=mul` in the environment prints it.

The text runs in a namespace whose ``__name__`` is None. CPython ignores warnings that C code
raises directly under such a frame (it is how late warnings at shutdown are dropped), whatever the
user's filters say; so the ufunc of a row is silent about log(-1) as PyTorch is, and costs nothing.
Forwards that are Python functions are called in a quiet error state instead.
"""

from __future__ import annotations

import os
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from .. import _core
from .._core import FREED_CELL, LEAF, MISSING, RAW, Node, Slot, Tensor, ctx
from .._dtypes import FLOAT32, FLOAT64

_SHOW = os.environ.get("RUSHLIGHT_SHOW", "")
_compiled: dict[str, Any] = {}

_NAMESPACE: dict[str, Any] = {
    "__name__": None,
    "__builtins__": __builtins__,
    "T": Tensor,
    "ctx": ctx,
    "new": _core.new,
    "seq": _core.next_sequence,
    "LEAF": LEAF,
    "M": MISSING,
    "F32": FLOAT32,
    "F64": FLOAT64,
    "FREED": FREED_CELL,
    "CONST": _core.CONSTANT_CELL,
    "RAW": RAW,
    "stale": _core.stale,
    "fitted": _core.fitted,
    "Slot": Slot,
    "be_quiet": _core.be_quiet,
    "be_loud": _core.be_loud,
    "constant": _core.constant,
    "ndarray": np.ndarray,
    "asarray": np.asarray,
}


def provide(**names: Any) -> None:
    """Give rendered text the functions that live above this module."""
    _NAMESPACE.update(names)


def factory(text: str, row: str) -> Any:
    """The factory that `text` defines, compiled once."""
    made = _compiled.get(text)
    if made is None:
        filename = f"<rushlight template {len(_compiled)}>"
        scope: dict[str, Any] = {}
        exec(compile(text, filename, "exec"), _NAMESPACE, scope)
        made = _compiled[text] = scope["make"]
        _linecache(filename, text)
    if _SHOW and _SHOW == row:
        print(f"# {row}\n{text}")
    return made


def _linecache(filename: str, text: str) -> None:
    # An entry of one element is a lazy loader: linecache itself is imported by tracebacks only.
    import linecache

    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)


def rename(function: Any, name: str, parameters: tuple[str, ...]) -> Any:
    """Give a shared function the row's own name and parameter names."""
    code: CodeType = function.__code__
    names = parameters + code.co_varnames[len(parameters) :]
    made = FunctionType(
        code.replace(co_name=name, co_qualname=name, co_varnames=names),
        function.__globals__,
        name,
        function.__defaults__,
        function.__closure__,
    )
    made.__kwdefaults__ = function.__kwdefaults__
    made.__module__ = "torch"
    return made


class Template:
    """The structure of a row: everything its text depends on."""

    def __init__(self, row: Any) -> None:
        self.row = row
        self.n = len(row.inputs)
        self.attrs = [f"a{i}" for i in range(len(row.attrs))]
        self.saves = row.saves  # [(kind, index)] in slot order
        self.differentiable = [i for i, name in enumerate(row.inputs) if row.edge_for(name)]

    # ---- the wrapper -----------------------------------------------------------------------

    def wrapper_text(self, operator: bool = False) -> str:
        """The wrapper's text; an `operator` takes exactly its operands and answers NotImplemented
        to those it does not know."""
        row, n = self.row, self.n
        parameters = [f"x{row.inputs.index(p)}" if p in row.inputs else f"a{row.attrs.index(p)}"
                      for p in row.order]  # fmt: skip
        positional = parameters[: row.positional]
        keyword = parameters[row.positional :]
        signature = ", ".join(
            [f"{p}=M" for p in positional] + ["*args"] + [f"{p}=M" for p in keyword] + ["**kw"]
        )
        if operator:
            signature = ", ".join(positional)
        everything = "(" + "".join(f"{p}, " for p in positional) + ")"
        given = "kw" if not keyword else (
            "dict(kw, " + ", ".join(f"**K({row.order.index(row.attrs[int(p[1:])])}, {p})"
                                    for p in keyword) + ")")  # fmt: skip
        slow = f"SLOW(OP, {{error}}, {everything} + args, {given})"
        if operator:
            slow = f"slow_operator(OP, {{error}}, {everything})"
        lines = [f"  def op({signature}):"]
        add = lines.append
        add("    try:")
        if not operator:
            add(f"      if args or kw: return {slow.format(error='None')}")
        if row.scalars:
            add("      t = type(x1)")
            add("      if t is float or t is int:")
            add("        d0 = x0._data; t = d0.dtype")
            add("        if t is F32 or t is F64: x1 = constant(x1, t)")
            add(f"        else: return {slow.format(error='None')}")
        for i in range(n):
            none = f"None if x{i} is None else " if row.inputs[i] in row.optional else ""
            add(f"      d{i} = {none}x{i}._data")
        if row.same_dtype and n > 1:
            first = row.same_dtype[0]
            for i in row.same_dtype[1:]:
                guard = f"d{i} is not None and " if row.inputs[i] in row.optional else ""
                add(f"      if {guard}d{first}.dtype is not d{i}.dtype:"
                    f" return {slow.format(error='None')}")  # fmt: skip
        if row.floats:
            add(f"      t = d{row.floats_of}.dtype")
            add("      if t is not F32 and t is not F64 and t.kind != 'c':"
                f" return {slow.format(error='None')}")  # fmt: skip
        ordered = ", ".join(p.replace("x", "d") for p in parameters)
        if row.check is not None:
            target = ", ".join(self.attrs) + ("," if len(self.attrs) == 1 else "")
            add(f"      {target} = CHECK({ordered})" if target else f"      CHECK({ordered})")
        add("      if ctx.handler is not None:")
        add(f"        r = ctx.handler(OP, ({', '.join(parameters)}, ))")
        add("        if r is not NotImplemented: return r")
        results = [f"o{i}" for i in range(row.outputs)] + [f"r{i}" for i in range(row.n_residuals)]
        call = f"FWD({ordered}"
        if row.is_ufunc:
            add(f"      o0 = {call}, out=...)")
        else:
            add("      token = be_quiet()")
            add(f"      try: {', '.join(results)} = {call})")
            add("      finally: be_loud(token)")
        add("    except Exception as error:")
        add(f"      return {slow.format(error='error')}")
        for i in range(row.outputs):
            if not row.is_ufunc:
                add(f"    if type(o{i}) is not ndarray: o{i} = asarray(o{i})")
            add(f"    t{i} = new(T); t{i}._data = o{i}; t{i}._cell = None")
        outputs = [f"t{i}" for i in range(row.outputs)]
        if row.view:
            add("    link(x0, t0)")
        finish = f"return RETURN({', '.join(outputs)})" if row.outputs > 1 else "return t0"
        if self.differentiable:
            self._record(add, outputs, finish)
        else:
            add("    " + " = ".join(f"t{i}._edge" for i in range(row.outputs)) + " = None")
            add(f"    if ctx.modes: plain({', '.join(outputs)})")
        add("    " + finish)
        header = "def make(OP, FWD, CHECK, N, RETURN, K, SLOW):\n"
        return header + "\n".join(lines) + "\n  return op\n"

    def _record(self, add: Any, outputs: list[str], finish: str) -> None:
        row, diff = self.row, self.differentiable
        no_edges = " = ".join(f"t{i}._edge" for i in range(row.outputs)) + " = None"
        for i in diff:
            none = f"None if x{i} is None else " if row.inputs[i] in row.optional else ""
            add(f"    e{i} = {none}x{i}._edge")
        idle = " and ".join(f"e{i} is None" for i in diff)
        add(f"    if {idle} or o0.dtype.kind in 'biu':" if row.integers_end else f"    if {idle}:")
        add(f"      {no_edges}")
        add(f"      if ctx.modes: plain({', '.join(outputs)})")
        add(f"      {finish}")
        add(f"    if ctx.modes and plain({', '.join(outputs)}):")
        add(f"      {no_edges}; {finish}")
        for i in diff:
            add(f"    if e{i} is LEAF: e{i} = x{i}")
        if row.broadcasts and self.n > 1:
            names = [f"d{i}" for i in row.broadcasts]
            add("    if " + " or ".join(f"{names[0]}.shape != {x}.shape" for x in names[1:]) + ":")
            for i in row.broadcasts:
                if i in diff:
                    add(f"      if e{i} is not None and d{i}.shape != o0.shape:"
                        f" e{i} = fitted(e{i}, d{i})")  # fmt: skip
        add("    n = new(N)")
        add("    n.edges = (" + "".join(f"e{i}, " for i in diff) + ")")
        for number, (kind, index, needed_by) in enumerate(self.saves):
            wanted = [f"e{i}" for i in needed_by]
            all_needed = set(needed_by) == set(diff)
            pad = "    "
            if kind in ("input", "output") and not all_needed:
                add("    if " + " or ".join(f"{e} is not None" for e in wanted) + ":")
                pad = "      "
            if kind == "input":
                optional = row.inputs[index] in row.optional
                if optional:
                    add(f"{pad}if x{index} is None: n.s{number} = None; n.c{number} = CONST;"
                        f" n.v{number} = 0")  # fmt: skip
                    add(f"{pad}else:")
                    pad += "  "
                add(f"{pad}c = x{index}._cell")
                add(f"{pad}if c is None: c = x{index}._cell = [0]")
                add(f"{pad}n.s{number} = d{index}; n.c{number} = c; n.v{number} = c[0]")
            elif kind == "output":
                view_cell = f"t{index}._cell"
                add(f"{pad}c = {view_cell}")
                add(f"{pad}if c is None: c = {view_cell} = [0]")
                add(f"{pad}n.s{number} = o{index}; n.c{number} = c; n.v{number} = c[0]")
            elif kind == "residual":
                add(f"{pad}n.s{number} = r{index}; n.c{number} = CONST; n.v{number} = 0")
        for index in row.saved_shapes:
            none = f"None if d{index} is None else " if row.inputs[index] in row.optional else ""
            add(f"    n.z{index} = {none}d{index}.shape")
        for index in row.saved_dtypes:
            add(f"    n.y{index} = d{index}.dtype")
        for index in row.saved_attrs:
            add(f"    n.a{index} = a{index}")
        add("    n._sequence = seq()")
        add("    if ctx.anomaly is not None: ctx.anomaly(n)")
        flags = row.differentiable_outputs
        live = [i for i, flag in enumerate(flags) if flag]
        dead = [i for i in range(row.outputs) if i not in live]
        if dead:
            add("    " + " = ".join(f"t{i}._edge" for i in dead) + " = None")
        if len(live) == 1:
            add(f"    t{live[0]}._edge = n")
        else:
            for i in live:
                add(f"    t{i}._edge = Slot(n, {i})")
        if len(flags) > 1:
            add("    n.z = (" + "".join(f"o{i}.shape, o{i}.dtype, " for i in live) + ")")

    # ---- the node --------------------------------------------------------------------------

    def node_text(self) -> str:
        lines: list[str] = []
        for lifted in (False, True):
            self._derivative(lines.append, lifted)
        header = "def make(F, RECOMPUTE):\n"
        header += "".join(f"  F{i} = F[{i}]\n" for i in range(len(self.row.formula_list)))
        return header + "\n".join(lines) + "\n  return raw, lifted\n"

    def _derivative(self, add: Any, lifted: bool) -> None:
        row, diff = self.row, self.differentiable
        add("  def lifted(self, k, g, keep):" if lifted else "  def raw(self, g, keep):")
        edges = ", ".join(f"e{i}" for i in diff)
        add(f"    {edges}{',' if len(diff) == 1 else ''} = self.edges")
        if len([f for f in row.differentiable_outputs if f]) > 1:
            live = [i for i, flag in enumerate(row.differentiable_outputs) if flag]
            add("    " + ", ".join(f"g{i}" for i in live) + (",)" if len(live) == 1 else "")
                + " = " + ", ".join(f"g.get({i})" for i in live))  # fmt: skip
        if row.joint is not None:
            checked = list(range(len(self.saves)))
            self._check(add, "    ", checked)
            need = "(" + "".join(f"e{i} is not None, " for i in diff) + ")"
            call = self._formula_call("F0", row.joint, lifted, need, add, "    ")
            add(f"    result = {call}")
        else:
            for position, i in enumerate(diff):
                formula = row.formulas[row.inputs[i]]
                names = _parameters(formula)
                used = [j for j, save in enumerate(self.saves) if row.save_name(save) in names]
                add(f"    if e{i} is not None:")
                self._check(add, "      ", used)
                call = self._formula_call(f"F{position}", formula, lifted, "None", add, "      ")
                add(f"      h{i} = {call}")
                add(f"    else: h{i} = None")
        if self.saves:
            add("    if not keep:")
            for number in range(len(self.saves)):
                add(f"      self.s{number} = None; self.c{number} = FREED")
        if row.joint is not None:
            add("    return result")
        else:
            add("    return (" + "".join(f"h{i}, " for i in diff) + ")")

    def _check(self, add: Any, pad: str, numbers: list[int]) -> None:
        for j in numbers:
            kind, _, needed_by = self.saves[j]
            guard = ""
            if self.row.joint is not None and set(needed_by) != set(self.differentiable):
                guard = "(" + " or ".join(f"e{i} is not None" for i in needed_by) + ") and "
            add(f"{pad}if {guard}self.c{j}[0] != self.v{j}: stale(self, {j})")

    def _formula_call(
        self, name: str, formula: Any, lifted: bool, need: str, add: Any, pad: str
    ) -> str:
        row = self.row
        numbers = {row.save_name(save): j for j, save in enumerate(self.saves)}
        parameters = _parameters(formula)
        residuals = [p for p in parameters if p in row.recomputed]
        arguments: list[str] = []
        for p in parameters:
            if p == "k":
                arguments.append("k" if lifted else "RAW")
            elif p == "g" or (p[0] == "g" and p[1:].isdigit()):
                arguments.append(p)
            elif p == "need":
                arguments.append(need)
            elif p in numbers:
                j = numbers[p]
                kind, index, needed_by = self.saves[j]
                value = f"self.s{j}"
                if lifted:
                    edge = "None"
                    if kind == "output":
                        edge = self._output_edge(index)
                    elif kind == "input" and index in self.differentiable:
                        edge = f"e{index}"
                    value = f"k.load(self, {j}, self.s{j}, {edge})"
                    optional = kind == "input" and row.inputs[index] in row.optional
                    if optional:
                        value = f"(None if self.s{j} is None else {value})"
                if row.joint is not None and set(needed_by) != set(self.differentiable):
                    live = " or ".join(f"e{i} is not None" for i in needed_by)
                    value = f"({value} if {live} else None)"
                if lifted and p in row.recomputed:
                    value = f"q_{p}"
                arguments.append(value)
            elif p.endswith("_shape") and p[:-6] in row.inputs:
                arguments.append(f"self.z{row.inputs.index(p[:-6])}")
            elif p.endswith("_dtype") and p[:-6] in row.inputs:
                arguments.append(f"self.y{row.inputs.index(p[:-6])}")
            else:
                arguments.append(f"self.a{row.attrs.index(p)}")
        if lifted and residuals:
            self._recompute(add, pad, residuals, numbers)
        return f"{name}({', '.join(arguments)})"

    def _output_edge(self, index: int) -> str:
        row = self.row
        several = sum(row.differentiable_outputs) > 1
        return f"Slot(self, {index})" if several else "self"

    def _recompute(
        self, add: Any, pad: str, residuals: list[str], numbers: dict[str, int]
    ) -> None:
        """Under TEN a float residual must depend on the inputs: compute it again from them."""
        row = self.row
        names = _parameters(row.recompute)
        arguments = []
        for p in names:
            if p == "k":
                arguments.append("k")
            elif p in numbers:
                kind, index, _ = self.saves[numbers[p]]
                edge = f"e{index}" if index in self.differentiable else "None"
                value = f"k.load(self, {numbers[p]}, self.s{numbers[p]}, {edge})"
                if kind == "input" and row.inputs[index] in row.optional:
                    value = f"(None if self.s{numbers[p]} is None else {value})"
                arguments.append(value)
            else:
                arguments.append(f"self.a{row.attrs.index(p)}")
        add(f"{pad}if not k.differentiable:")
        for p in residuals:
            j = numbers[p]
            add(f"{pad}  q_{p} = k.load(self, {j}, self.s{j}, None)")
        add(f"{pad}else:")
        targets = ", ".join(f"q_{p}" for p in row.recomputed)
        comma = "," if len(row.recomputed) == 1 else ""
        add(f"{pad}  {targets}{comma} = RECOMPUTE({', '.join(arguments)})")


def _parameters(formula: Any) -> tuple[str, ...]:
    code = formula.__code__
    return code.co_varnames[: code.co_argcount]


def node_class(template: Template, name: str) -> type[Node]:
    """The Node class of a row."""
    row = template.row
    make = factory(template.node_text(), row.name)
    raw, lifted = make(row.formula_list, row.recompute)
    slots = [f"{letter}{j}" for j in range(len(template.saves)) for letter in "scv"]
    slots += [f"z{i}" for i in row.saved_shapes] + [f"a{i}" for i in row.saved_attrs]
    slots += [f"y{i}" for i in row.saved_dtypes]
    live = sum(row.differentiable_outputs)
    if len(row.differentiable_outputs) > 1:
        slots.append("z")
    saves = tuple(
        (j, row.save_name(save), save[1] if save[0] == "input" else None)
        for j, save in enumerate(template.saves)
    )
    return type(
        name,
        (Node,),
        {
            "__slots__": tuple(slots),
            "__module__": "builtins",
            "raw": raw,
            "lifted": lifted,
            "saves": saves,
            "hidden": row.hidden,
            "op": row,
            "outputs": live,
        },
    )


def wrapper(
    template: Template, node: type[Node] | None, operator: bool = False, method: bool = False
) -> Any:
    """The function that users call, or the method (whose errors leave `self` out of account); or
    what is behind an operator."""
    row = template.row
    make = factory(template.wrapper_text(operator), row.name)
    if operator:
        made = make(row, row.forward, row.check, node, row.returns, None, None)
        return rename(made, f"__{row.public_name}__", ("self", "other")[: template.n])
    given = row.public_names

    def keyword(position: int, value: Any) -> dict[str, Any]:
        return {} if value is row.defaults_by_position[position] else {given[position]: value}

    slow = _NAMESPACE["slow_method" if method else "slow"]
    function = make(row, row.forward, row.check, node, row.returns, keyword, slow)
    function = rename(function, row.public_name, given)
    function.__defaults__ = tuple(row.defaults_by_position[: row.positional])
    function.__kwdefaults__ = {
        given[i]: row.defaults_by_position[i] for i in range(row.positional, len(given))
    } or None
    return function
