"""Imports point one way (docs/architecture.md), files stay small and say what they are for.

The rules are the tables below; the rest of the file reads the imports of every module.
"""

import ast
import graphlib
import importlib
import pathlib
import sys
import types

import pytest

import rushlight
from rushlight._tensor import registry

ROOT = pathlib.Path(rushlight.__file__).parent

CORE = {"_dtypes", "_core", "_define", "_kernels", "_missing"}
TENSORS = CORE | {"_alias", "_ops", "_tensor", "_version", "autograd"}

#: What each room may import when it is itself imported; rooms not named here are public ones.
ROOMS = {
    "_dtypes": set(),
    "_version": set(),
    "_importing": set(),
    "_missing": set(),
    "_alias": {"_missing"},
    "_kernels": set(),
    "_core": {"_dtypes"},
    "_define": {"_core", "_dtypes", "_kernels"},
    "autograd": CORE,
    # Families register their public names and in-place twins where they define their rows.
    "_ops": CORE | {"autograd", "_tensor.registry"},
    "_tensor": TENSORS,
    "_compile": TENSORS | {"nn"},
    "_serialize": TENSORS,
    "utils": TENSORS,
    "compiler": TENSORS | {"nn.modules.module", "random"},
    # Kernels that eager operations gain when llvmlite is installed.
    "_native": {"_core", "_dtypes", "_kernels", "compiler"},
    "cli": {"_alias", "_version", "cli_info"},
    "__main__": {"cli"},
    "": TENSORS,
}
PUBLIC = TENSORS | {"_serialize", "utils"}
# The averaged model of optim.swa_utils is a module.
ROOMS["optim"] = PUBLIC | {"nn.modules.batchnorm", "nn.modules.module"}
# `torch.jit.ScriptModule` is one, for `isinstance`.
ROOMS["jit"] = PUBLIC | {"nn.modules.module"}
#: Only the package itself and the command reach these, when they are asked for.
TOP = {"compiler", "doctor", "viewer", "distributed"}
MAY_REACH_TOP = {"", "cli", "_compile", "_native", *TOP}

#: Imports inside functions, across rooms: (from, to) -> why not at the top of the file.
LATE = {
    ("_core", "autograd"): "the texts of errors, and saved-tensor hooks, when there are any",
    ("_define", "autograd"): "out= and the texts of errors; autograd imports _define's users",
    ("_ops", "_define"): "argument binding, when a call is out of the ordinary",
    ("_ops", "_dtypes"): "the texts of errors",
    ("_ops", "_kernels"): "the random engine, when the first number is drawn",
    ("_ops", "_tensor"): "devices and storages of tensors, which stand above the rows",
    ("_ops", "autograd"): "in-place twins of functions composed of rows",
    ("_kernels", "_native"): "machine code, when enough large arrays have come by",
    ("_tensor", "_define"): "dispatchers and signatures are made at the first call",
    ("_tensor", "_kernels"): "exact random integers, when they are drawn",
    ("_tensor", "_ops"): "families that few programs use",
    ("_tensor", "_serialize"): "pickling of tensors",
    ("_tensor", "autograd"): "anomaly mode",
    ("_tensor", "nn"): "torch.nn.Parameter is found when a tensor is copied",
    ("_serialize", "_core"): "reading a file needs no tensors until one is found",
    ("_serialize", "_dtypes"): "as above",
    ("_serialize", "_tensor"): "as above",
    ("_serialize", "nn"): "as above: parameters",
    ("autograd", "_core"): "kept apart from the part that runs on every pass",
    ("autograd", "_define"): "the texts of errors",
    ("autograd", "_ops"): "draws of random numbers and rows of index tensors, inside vmap",
    ("autograd", "_missing"): "the error for a name that does not exist",
    ("autograd", "utils"): "RemovableHandle, when the first hook is registered",
    ("_compile", "nn"): "torch.compile of a module",
    ("compiler", "_ops"): "draws of random numbers, when a step has some",
    ("compiler", "_dtypes"): "the texts of errors",
    ("compiler", "_tensor"): "`.grad =` in a recorded step",
    ("compiler", "nn"): "modules are told from other values",
    ("compiler", "random"): "the state of the generator, when a call is made again",
    ("_native", "compiler"): "LLVM, when the first kernel is made",
    ("cli", "cli_info"): "only `rushlight info` needs it",
    ("func", "nn"): "modules as functions",
    ("linalg", "_define"): "the texts of errors",
    ("linalg", "_ops"): "LinAlgError, when it is asked for",
    ("linalg", "_missing"): "the error for a name that does not exist",
    ("nn", ""): "public functions looked up by name",
    ("nn", "_define"): "the texts of errors",
    ("nn", "_missing"): "the error for a name that does not exist",
    ("nn", "_ops"): "families that few programs use",
    ("optim", "_missing"): "the error for a name that does not exist",
    ("serialization", "_serialize"): "the reader and writer of files, when one is opened",
    ("utils", ""): "torch.distributed, when it is asked for",
    ("utils", "_dtypes"): "weighted sampling",
    ("utils", "_tensor"): "weighted sampling",
}

#: Longer than 500 lines, and why they are one thing; none may pass 600.
LONG = {
    "_core.py": "tensors, nodes and namespaces know one another",
    "_kernels/special.py": "one table of special functions",
    "_ops/elementwise.py": "one table of rows",
    "_tensor/attributes.py": "one table of attributes",
    "_tensor/indexing.py": "one grammar: what stands between brackets",
    "autograd/function.py": "PyTorch's module: Function and its context",
    "nn/modules/activation.py": "PyTorch's module: its layout is public",
    "nn/modules/loss.py": "PyTorch's module: its layout is public",
    "nn/modules/module.py": "PyTorch's module: one class",
    "nn/modules/rnn.py": "PyTorch's module: its layout is public",
    "nn/utils/prune.py": "PyTorch's module: its layout is public",
    "optim/_update.py": "one loop: groups, state and rules of a step",
}

#: Modules that PyTorch too names like a function beside them: there the function is bound.
CLASHES = {
    "rushlight.autograd.gradcheck",
    "rushlight.multiprocessing.spawn",
    "rushlight.nn.parallel.data_parallel",
    "rushlight.nn.utils.spectral_norm",
    "rushlight.nn.utils.weight_norm",
}


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(p): p for p in sorted(ROOT.rglob("*.py")) if "_shim" not in p.parts}


def room_of(module):
    return module.partition(".")[0]


def inside(tree, kinds, condition=lambda node: True):
    """All nodes below nodes of these kinds."""
    tops = [n for n in ast.walk(tree) if isinstance(n, kinds) and condition(n)]
    return {id(child) for top in tops for child in ast.walk(top) if child is not top}


def imports_of(module):
    """(imported module of the package or name of an outer one, whether late) of a file."""
    path = FILES[module]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = inside(tree, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    typing = inside(tree, ast.If, lambda n: "TYPE_CHECKING" in ast.unparse(n.test))
    package = module.split(".") if path.stem == "__init__" else module.split(".")[:-1]
    package = [p for p in package if p]
    for node in ast.walk(tree):
        if id(node) in typing:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield "!" + alias.name, id(node) in late
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield "!" + node.module, id(node) in late
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            base = ".".join([*base, node.module] if node.module else base)
            for alias in node.names:
                full = f"{base}.{alias.name}".lstrip(".")
                yield (full if full in FILES else base), id(node) in late


ALL_IMPORTS = {m: list(imports_of(m)) for m in FILES}


@pytest.mark.parametrize("module", FILES)
def test_imports_point_one_way(module):
    room = room_of(module)
    allowed = ROOMS.get(room, PUBLIC)
    for target, late in ALL_IMPORTS[module]:
        if target.startswith("!") or late or room_of(target) == room:
            continue
        if room == "" and room_of(target) in ROOMS:
            continue  # the package re-exports
        assert room_of(target) in allowed or target in allowed, f"{module} imports {target}"


#: Inside the compiler, from the bottom to the top: each layer may import those before it.
STAGES = (
    {"buffers"}, {"ir"}, {"expressions", "loop", "places", "interrupts"},
    {"passes"}, {"lower"}, {"runtime"}, {"program"}, {"rec", "check"}, {"record"}, {"builder"},
    {"rows", "trace"},
    {"bytecode"}, {"reach"}, {"snapshot"}, {"audit"},
    {"plan", "checks", "updates", "calling", "guards", "gates"}, {"executable"},
    {"shells"}, {"pairs", "takes", "recording", "agreement"},
    {"capture", "explain"}, {"entry"},
)  # fmt: skip


@pytest.mark.parametrize("module", [m for m in FILES if m.startswith("compiler.")])
def test_stages_of_the_compiler_point_one_way(module):
    order = {name: i for i, stage in enumerate(STAGES) for name in stage}
    own = module.split(".")[1]
    for target, late in ALL_IMPORTS[module]:
        parts = target.split(".")
        if parts[0] != "compiler" or len(parts) < 2 or late or parts[1] == own:
            continue
        if parts[1] in order and own in order:
            assert order[parts[1]] <= order[own], f"{module} imports {target}"


@pytest.mark.parametrize("module", FILES)
def test_late_imports_have_a_reason(module):
    room = room_of(module)
    for target, late in ALL_IMPORTS[module]:
        if late and not target.startswith("!") and room_of(target) != room:
            reached = room_of(target) in TOP and room in MAY_REACH_TOP
            assert (room, room_of(target)) in LATE or reached, f"{module} imports {target} late"


@pytest.mark.parametrize("module", FILES)
def test_the_top_is_reached_from_the_package_and_the_command_only(module):
    if room_of(module) not in MAY_REACH_TOP:
        assert not [t for t, _ in ALL_IMPORTS[module] if room_of(t) in TOP]


@pytest.mark.parametrize("module", [m for m in FILES if room_of(m) == "_kernels"])
def test_kernels_need_numpy_only(module):
    outer = {t[1:] for t, _ in ALL_IMPORTS[module] if t.startswith("!")}
    outer = {t.partition(".")[0] for t in outer if not t.startswith("rushlight._kernels")}
    assert outer <= {"numpy", "ml_dtypes"} | sys.stdlib_module_names


def test_there_are_no_cycles():
    """When modules are imported; a late import may point back."""
    graph = {
        module: {t for t, late in found if not late and t in FILES and t != module and t}
        for module, found in ALL_IMPORTS.items()
        if module
    }
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, naming the cycle


@pytest.mark.parametrize("module", FILES)
def test_no_module_hides_a_function_beside_it(module):
    package, _, name = ("rushlight." + module).rpartition(".")
    if not module or name.startswith("_"):
        return
    beside = vars(importlib.import_module(package)).get(name)
    hidden = name in registry.FUNCTIONS if package == "rushlight" else (
        callable(beside) and not isinstance(beside, types.ModuleType)
    )  # fmt: skip
    if hidden:
        assert f"{package}.{name}" in CLASHES
        assert not isinstance(beside, types.ModuleType), "the function must be bound"


@pytest.mark.parametrize("path", FILES.values(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_is_short_and_says_what_it_is_for(path):
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "a file opens with a docstring"
    limit = 600 if str(path.relative_to(ROOT)) in LONG else 500
    assert len(text.splitlines()) <= limit
