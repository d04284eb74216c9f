"""Runs one group of cases under whatever `torch` is in this interpreter and dumps what happened.

    python differential_child.py {pytorch|rushlight} GROUP OUTPUT

Started twice per group by test_differential.py. A case is either a piece of PyTorch code in text,
whose free names are tensors of the pool, or a function ``case_*(torch)``, or a whole program.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import pickle
import re
import runpy
import sys
import traceback
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
if sys.argv[1] == "rushlight":
    import rushlight

    rushlight.as_torch()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from differential_describe import Description, describe, described_error  # noqa: E402
from differential_pool import Pool  # noqa: E402

POOL = Pool(torch)
MODULES: dict[str, object] = {"torch": torch, "np": np}
for short, long in (("F", "torch.nn.functional"), ("nn", "torch.nn"), ("optim", "torch.optim")):
    with contextlib.suppress(ImportError, NotImplementedError):
        MODULES[short] = importlib.import_module(long)


class Run:
    """The results of one case: a list of (label, description)."""

    def __init__(self) -> None:
        self.results: list[tuple[str, Description]] = []

    def record(self, label: str, value: object) -> None:
        self.results.append((label, describe(torch, value)))

    @contextlib.contextmanager
    def guarded(self, label: str):
        """Record an exception in place of a result."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield
            except Exception as error:
                self.results.append((label, described_error(error)))
        # NumPy's warnings must never reach the user: PyTorch has none of that category.
        leaked = sorted({str(w.message) for w in caught if w.category is RuntimeWarning})
        self.results.append((label + " warnings", ("text", repr(leaked))))


def evaluate(text: str, names: dict[str, object]) -> object:
    """Run statements; the value of the last one, if it is an expression."""
    tree = ast.parse(text)
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        tree.body.pop()
        exec(compile(tree, "<case>", "exec"), names)
        return eval(compile(ast.Expression(last.value), "<case>", "eval"), names)
    exec(compile(tree, "<case>", "exec"), names)
    return None


def seed() -> None:
    if hasattr(torch, "manual_seed"):
        torch.manual_seed(0)


def tensors_in(value: object) -> list:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [t for part in value for t in tensors_in(part)]
    return []


def is_float(t) -> bool:
    return str(t.dtype) in ("torch.float32", "torch.float64", "torch.float16", "torch.bfloat16")


def projection(t, seed: int):
    """Fixed weights of the shape and dtype of `t`."""
    values = np.random.RandomState(seed).uniform(-1, 1, tuple(t.shape))
    return torch.tensor(values.tolist(), dtype=t.dtype).reshape(tuple(t.shape))


def used_names(text: str) -> list[str]:
    tree = ast.parse(text)
    found = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    made = {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    return sorted(name for name in found - made if name in POOL)


def run_text(run: Run, text: str, gradients: bool, second: bool) -> None:
    used = used_names(text)
    inputs = {name: POOL.make(name) for name in used}
    before = {name: describe(torch, t) for name, t in inputs.items()}
    result = None
    with run.guarded("forward"):
        seed()
        result = evaluate(text, {**MODULES, **inputs})
        run.record("forward", result)
    for name, t in inputs.items():
        if describe(torch, t) != before[name]:
            run.record(f"{name} afterwards", t)
    if not gradients or not any(is_float(t) for t in inputs.values()):
        return
    if not any(is_float(t) for t in tensors_in(result)):
        return
    run_graph(run, "", text, {n: POOL.make(n) for n in used}, second)
    if all(str(t.dtype) != "torch.float32" for t in inputs.values()):
        return
    run_graph(run, "float64 ", text, {n: POOL.make(n, double=True) for n in used}, second)


def run_graph(run: Run, prefix: str, text: str, inputs: dict, second: bool) -> None:
    leaves = [t for t in inputs.values() if is_float(t)]
    for leaf in leaves:
        leaf.requires_grad_()
    outputs: list = []
    with run.guarded(prefix + "graph"):
        seed()
        result = evaluate(text, {**MODULES, **inputs})
        run.record(prefix + "graph", result)
        outputs = [t for t in tensors_in(result) if t.requires_grad]
    if not outputs:
        return
    first: list = []
    with run.guarded(prefix + "first gradient"):
        weights = [projection(t, 11 + n) for n, t in enumerate(outputs)]
        first = torch.autograd.grad(outputs, leaves, weights, create_graph=second,
                                    allow_unused=True)
        run.record(prefix + "first gradient", [None if g is None else g.detach() for g in first])
    numbered = [(n, g) for n, g in enumerate(first) if g is not None and g.requires_grad]
    if not second or not numbered:
        return
    with run.guarded(prefix + "second gradient"):
        outputs = [g for _, g in numbered]
        weights = [projection(g, 23 + n) for n, g in numbered]
        found = torch.autograd.grad(outputs, leaves, weights, allow_unused=True)
        run.record(prefix + "second gradient", found)


def run_function(run: Run, function) -> None:
    printed = io.StringIO()
    with run.guarded("returns"), contextlib.redirect_stdout(printed):
        seed()
        run.record("returns", function(torch))
    run.results.append(("prints", ("text", without_addresses(printed.getvalue()))))


def without_addresses(text: str) -> str:
    return re.sub(r"0x[0-9a-f]{6,}", "0x...", text)


def run_program(run: Run, path: Path) -> None:
    """A whole program: what it prints, line by line, and the state_dict of its `model`."""
    printed = io.StringIO()
    final: dict = {}
    with run.guarded("program"), contextlib.redirect_stdout(printed):
        final = runpy.run_path(str(path), run_name="__main__")
    for number, line in enumerate(printed.getvalue().splitlines(), 1):
        run.results.append((f"line {number}", ("text", without_addresses(line))))
    for name, value in final.items():
        if isinstance(value, torch.nn.Module):
            run.record(f"final {name}", dict(value.state_dict()))


def main(group: str, output: str) -> None:
    if hasattr(torch, "set_num_threads"):
        torch.set_num_threads(1)
    results: dict[str, list] = {}
    kinds: dict[str, str] = {}
    if group == "programs":
        for path in sorted((HERE / "programs").glob("*.py")):
            run = Run()
            run_program(run, path)
            results[path.stem] = run.results
            kinds[path.stem] = "program"
    else:
        module = importlib.import_module(f"cases.{group}")
        for case in getattr(module, "CASES", ()):
            run = Run()
            run_text(run, case.text, case.gradients, case.second)
            key = case.text
            results[key] = run.results
            kinds[key] = case.kind
        for name, function in list(vars(module).items()):
            if name.startswith("case_"):
                run = Run()
                run_function(run, function)
                results[name] = run.results
                kinds[name] = getattr(module, "KIND", "sum")
    with open(output, "wb") as file:
        pickle.dump((results, kinds), file)


if __name__ == "__main__":
    try:
        main(sys.argv[2], sys.argv[3])
    except BaseException:
        traceback.print_exc()
        sys.exit(1)
