"""The language of formulas, enforced over their syntax trees.

A formula may use its parameters (g, k, inputs, out, shapes, residuals, attributes, need), numbers,
`math`, a few builtins, and functions of its module that keep to the same rules. It may branch on
what is known without values: attributes, `need`, shapes, dtypes, whether something is None. Every
``k.name`` is itself a row or one of the few functions that all namespaces have. That is what lets
one text run over arrays, Tensors and recorded equations.
"""

import ast
import functools
import importlib
import inspect
import linecache
import math
import pkgutil

import numpy as np
import pytest

import rushlight._ops
import rushlight.nn.functional
from rushlight._core import FUSED, OPS, RAW, TEN
from rushlight._define.schema import parse
from rushlight.compiler.record import RecNamespace

#: What namespaces have beside rows.
NAMESPACE = {"cast", "constant", "dtype_of", "matmul", "reshape"}
BUILTINS = {
    "abs", "bool", "enumerate", "float", "int", "len", "list", "max", "min", "range", "reversed",
    "sorted", "sum", "tuple", "zip", "isinstance", "NotImplementedError",
}  # fmt: skip
#: Attributes of values that do not depend on their numbers, and methods of lists.
STATIC = {"shape", "ndim", "kind"}  # `kind`: of an <input>_dtype, "c" for complex
LISTS = {"append", "extend"}
STATEMENTS = (
    ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.If, ast.For, ast.Expr, ast.Raise,
    ast.Continue,
)  # fmt: skip


@functools.cache
def tree_of(filename):
    return ast.parse("".join(linecache.getlines(filename)))  # rendered rows stand there too


def node_of(function):
    """The syntax tree of a function; lambdas of equal parameters on one line are all the same to
    us, since all of them are formulas."""
    code = function.__code__
    names = list(code.co_varnames[: code.co_argcount])
    bodies = {(p[0], p[2]) for p in code.co_positions() if p[0] is not None and p[2] is not None}
    found = [
        node
        for node in ast.walk(tree_of(code.co_filename))
        if isinstance(node, ast.Lambda | ast.FunctionDef)
        and _line(node) == code.co_firstlineno
        and [a.arg for a in node.args.args] == names
    ]
    assert found, f"{function} is not in {code.co_filename}"
    exact = [n for n in found if isinstance(n, ast.Lambda)
             and (n.body.lineno, n.body.col_offset) in bodies]  # fmt: skip
    return (exact or found)[0]


for _module in pkgutil.iter_modules(rushlight._ops.__path__):
    # All families, and their text as it is now: an edit during the run would move the lines.
    tree_of(importlib.import_module(f"rushlight._ops.{_module.name}").__file__)


def _calls(node, *names):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _line(node):
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


class Reader:
    """Reads one function: which names depend on values, and what breaks the rules."""

    def __init__(self, function, dynamic, problems, depth=0):
        self.function = function
        self.problems = problems
        self.depth = depth
        self.name = f"{function.__module__}.{function.__qualname__}"
        # name -> whether it depends on values; k is known by its name.
        self.scope = dict(dynamic)
        self.result = False

    def read(self):
        """Whether the result depends on values."""
        node = node_of(self.function)
        if isinstance(node, ast.Lambda):
            return self.value(node.body)
        self.block(node.body)
        return self.result

    def wrong(self, node, text):
        self.problems.append(f"{self.name}, line {getattr(node, 'lineno', '?')}: {text}")

    # ---- statements ------------------------------------------------------------------------

    def block(self, statements):
        for statement in statements:
            if not isinstance(statement, STATEMENTS):
                self.wrong(statement, f"a {type(statement).__name__} statement")
                continue
            getattr(self, type(statement).__name__.lower())(statement)

    def assign(self, node):
        dynamic = self.value(node.value)
        for target in node.targets:
            self.bind(target, dynamic, node.value)

    def annassign(self, node):
        self.bind(node.target, node.value is not None and self.value(node.value))

    def augassign(self, node):
        if isinstance(node.target, ast.Name):
            was = self.scope.get(node.target.id, False)
            self.scope[node.target.id] = self.value(node.value) or was
        else:
            self.wrong(node, "an assignment to a part of something")

    def bind(self, target, dynamic, source=None):
        if isinstance(target, ast.Name):
            self.scope[target.id] = dynamic
        elif isinstance(target, ast.Tuple) and _calls(source, "enumerate", "zip"):
            parts = [ast.Constant(0)] if _calls(source, "enumerate") else []
            for part, over in zip(target.elts, parts + source.args, strict=False):
                self.bind(part, self.value(over))
        elif isinstance(target, ast.Tuple):
            parts = source.elts if isinstance(source, ast.Tuple) else None
            for i, part in enumerate(target.elts):
                pairwise = parts is not None and len(parts) == len(target.elts)
                self.bind(part, self.value(parts[i]) if pairwise else dynamic)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, dynamic)
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            # An item of a list the formula made.
            name = target.value.id
            if self.scope.get(name, True) and name in self.function.__code__.co_varnames[
                : self.function.__code__.co_argcount
            ]:
                self.wrong(target, "a write into an argument")
            self.scope[name] = self.scope.get(name, False) or dynamic
        else:
            self.wrong(target, "an assignment to a part of something")

    def return_(self, node):
        if node.value is not None:
            self.result = self.value(node.value) or self.result

    def if_(self, node):
        self.test(node.test)
        self.block(node.body)
        self.block(node.orelse)

    def for_(self, node):
        self.bind(node.target, self.value(node.iter), node.iter)
        self.block(node.body)

    def expr(self, node):
        self.value(node.value)

    def raise_(self, node):
        self.value(node.exc)

    def continue_(self, node):
        pass

    def __getattr__(self, name):
        if name in ("return", "if", "for", "raise", "continue"):
            return getattr(self, name + "_")
        raise AttributeError(name)

    # ---- expressions: whether they depend on values ---------------------------------------------

    def test(self, node):
        """A condition: it must be known without values."""
        if isinstance(node, ast.BoolOp):
            for part in node.values:
                self.test(part)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.test(node.operand)
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot):
            self.value(node.left)
            self.value(node.comparators[0])
        elif self.value(node):
            self.wrong(node, f"it branches on a value: {ast.unparse(node)}")

    def value(self, node):
        method = getattr(self, "value_" + type(node).__name__.lower(), None)
        if method is not None:
            return method(node)
        found = [self.value(child) for child in ast.iter_child_nodes(node)
                 if isinstance(child, ast.expr | ast.comprehension | ast.keyword)]  # fmt: skip
        return any(found)

    def value_constant(self, node):
        return False

    def value_name(self, node):
        if node.id in self.scope:
            return self.scope[node.id]
        found = resolve(self.function, node.id)
        if not isinstance(found, int | float | str | tuple | frozenset | type(None)):
            self.wrong(node, f"the name {node.id}")
        return False

    def value_attribute(self, node):
        owner = node.value
        if isinstance(owner, ast.Name) and owner.id == "math":
            if not hasattr(math, node.attr):
                self.wrong(node, f"math.{node.attr}")
            return False
        if isinstance(owner, ast.Name) and owner.id == "k":
            self.wrong(node, f"k.{node.attr} that is not called")
            return False
        self.value(owner)
        if node.attr not in STATIC:
            self.wrong(node, f"the attribute .{node.attr}")
        return False

    def value_boolop(self, node):
        self.test(node)
        return False

    def value_unaryop(self, node):
        if isinstance(node.op, ast.Not):
            self.test(node)
            return False
        return self.value(node.operand)

    def value_ifexp(self, node):
        self.test(node.test)
        return any([self.value(node.body), self.value(node.orelse)])

    def value_compare(self, node):
        if isinstance(node.ops[0], ast.Is | ast.IsNot):
            self.test(node)
            return False
        return any([self.value(node.left), *map(self.value, node.comparators)])

    def value_lambda(self, node):
        self.wrong(node, "a function inside a formula")
        return False

    def _comprehension(self, node):
        for part in node.generators:
            self.bind(part.target, self.value(part.iter), part.iter)
            for condition in part.ifs:
                self.test(condition)
        return self.value(node.elt)

    value_listcomp = value_generatorexp = value_setcomp = _comprehension

    def value_call(self, node):
        function = node.func
        dynamic = [self.value(a) for a in node.args] + [self.value(a.value) for a in node.keywords]
        if isinstance(function, ast.Attribute):
            owner = function.value
            if isinstance(owner, ast.Name) and owner.id == "k":
                self.kernel(node, function.attr)
                return function.attr != "dtype_of"
            if isinstance(owner, ast.Name) and owner.id == "math":
                return any(dynamic)
            if isinstance(owner, ast.Name) and inspect.ismodule(resolve(self.function, owner.id)):
                module = resolve(self.function, owner.id)
                return self.helper(node, getattr(module, function.attr, None), dynamic)
            if function.attr in LISTS and isinstance(owner, ast.Name) and owner.id in self.scope:
                self.scope[owner.id] = self.scope[owner.id] or any(dynamic)
                return False
            if self.value(owner) or any(dynamic):
                self.wrong(node, f"the method {ast.unparse(function)}()")
                return True
            return False  # a method of a text or tuple, such as a name's
        if not isinstance(function, ast.Name):
            self.wrong(node, f"a call of {ast.unparse(function)}")
            return any(dynamic)
        if function.id in BUILTINS:
            return any(dynamic) and function.id not in ("len", "isinstance")
        return self.helper(node, resolve(self.function, function.id), dynamic)

    def kernel(self, node, name):
        if name not in OPS and name not in NAMESPACE and name not in FUSED:
            self.wrong(node, f"k.{name}, which is no row")
        elif not all(hasattr(space, name) for space in (RAW, TEN)):
            self.wrong(node, f"k.{name}, which a namespace lacks")

    def helper(self, node, found, dynamic):
        """A call of another function: of one that keeps to the rules, or of attributes alone."""
        if not any(dynamic) and not any(
            isinstance(a, ast.Name) and a.id == "k" for a in node.args
        ):
            return False
        if not inspect.isfunction(found) or not found.__module__.startswith(
            ("rushlight._ops", __name__)
        ):
            self.wrong(node, f"a call of {ast.unparse(node.func)}")
            return any(dynamic)
        if self.depth > 8:
            self.wrong(node, f"{found.__name__} calls itself")
            return True
        parameters = found.__code__.co_varnames[: found.__code__.co_argcount]
        flags = dict.fromkeys(parameters, False)
        flags.update(zip(parameters, dynamic, strict=False))
        flags.update(
            (a.arg, dynamic[len(node.args) + i]) for i, a in enumerate(node.keywords) if a.arg
        )
        return Reader(found, flags, self.problems, self.depth + 1).read()


_UNKNOWN = object()


def resolve(function, name):
    """What a free name of the function stands for."""
    code = function.__code__
    if name in code.co_freevars:
        return function.__closure__[code.co_freevars.index(name)].cell_contents
    return function.__globals__.get(name, _UNKNOWN)


def problems_of(function, attributes=()):
    """What breaks the rules in a formula whose parameters are named as rows name them."""
    parameters = function.__code__.co_varnames[: function.__code__.co_argcount]
    static = {"k", "need", *attributes}
    dynamic = {
        p: p not in static and not p.endswith(("_shape", "_shapes", "_dtype")) for p in parameters
    }
    problems = []
    Reader(function, dynamic, problems).read()
    return problems


def formulas():
    """(id, function, attributes) of every formula of every row."""
    for row in OPS.values():
        listed = list(getattr(row, "formula_list", ())) or list(row.formulas.values())
        if getattr(row, "recompute", None) is not None:
            listed.append(row.recompute)
        over = getattr(row.forward, "over_namespace", None)
        if over is not None:
            listed.append(over)
        for i, function in enumerate(listed):
            yield pytest.param(function, row.attrs, id=f"{row.name}-{i}")


def fused():
    """What RAW has in one piece, as the other namespaces have it: composed of rows."""
    attributes = ("approximate", "backwards", "counts", "rank", "relu")
    for name, function in FUSED.items():
        yield pytest.param(function, attributes, id=name)


@pytest.mark.parametrize(("function", "attributes"), [*formulas(), *fused()])
def test_formula_keeps_to_the_language(function, attributes):
    assert problems_of(function, attributes) == []


def test_the_namespaces_share_their_functions():
    for name in NAMESPACE:
        assert hasattr(RAW, name) and hasattr(TEN, name) and hasattr(RecNamespace, name), name
    for name in FUSED:
        assert hasattr(RAW, name) and hasattr(TEN, name), name


# ---- the checker itself --------------------------------------------------------------------------


def _branches(k, g, x):
    return g if k.sum_all(x) > 0 else k.neg(g)


BROKEN = {
    "numpy": (lambda g, x: g * np.sign(x), "np"),
    "branch": (lambda g, x: g if x > 0 else -g, "branches on a value"),
    "branch in a helper": (lambda k, g, x: _branches(k, g, x), "branches on a value"),
    "and": (lambda g, x: x and g, "branches on a value"),
    "not": (lambda g, x: g * (not x), "branches on a value"),
    "method": (lambda g, x: g * x.sum(), "the method x.sum()"),
    "attribute": (lambda g, x: g * x.T, "the attribute .T"),
    "unknown kernel": (lambda k, g: k.frobnicate(g), "k.frobnicate, which is no row"),
    "builtin": (lambda g, x: g * id(x), "a call of id"),
    "filter": (lambda g, x: tuple(g for v in x if v), "branches on a value"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_checker_sees(name):
    function, text = BROKEN[name]
    found = problems_of(function)
    assert any(text in line for line in found), found


def test_the_checker_lets_shapes_pass():
    allowed = lambda k, g, x, x_shape, dim, need: (  # noqa: E731
        k.expand(g, x_shape) if need[0] and x.shape[dim] > 1 and dim != 2 and x is not None else g)
    assert problems_of(allowed, ("dim",)) == []


# ---- schemas -------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", OPS.values(), ids=lambda row: row.name)
def test_schema_parses_and_matches(row):
    for text in row.schemas:
        parse(text)
    schema = parse(row.schemas[0])
    extra = getattr(row, "extra", ())
    arguments = [a for a in schema.arguments if not a.is_out and a.name not in extra]
    assert len(arguments) == len(row.order)
    publics = getattr(row, "public_names", [None] * len(row.order))
    for argument, name, public in zip(arguments, row.order, publics, strict=True):
        assert (argument.type == "Tensor") == (name in row.inputs)
        optional = name in getattr(row, "optional", ())
        assert argument.optional == optional or name not in row.inputs
        assert public in (None, "input" if argument.name == "self" else argument.name)
    assert len(schema.returns) == getattr(row, "outputs", 1)
