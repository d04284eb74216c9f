"""Random steps made of small pieces of Python, with the world changed between their calls.

Each is run eagerly and compiled through the same calls: every result, gradient, and everything the
pieces could write to must be the same, whether the step could be compiled or not.
"""

from __future__ import annotations

import linecache
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as torch
from rushlight.compiler import check
from rushlight.compiler.entry import CompiledFunction
from steps import attempt, close, shown

pytest.importorskip("llvmlite")

PIECES = (
    "y = y * scale",
    "y = y + holder.shift",
    "y = y * config['factor'] if config['on'] else y - 1",
    "y = sum(y * k for k in items)",
    "for name, value in sorted(table.items()): y = y + value * len(name)",
    "y = y @ weight",
    "y = torch.tanh(y)",
    "y = layer(y)",
    "y = norm(y)",
    "y = F.dropout(y, 0.5, layer.training)",
    "y = y + torch.rand(3)",
    "counter.add_(1)\n  y = y * counter",
    "history.append(1)\n  y = y + len(history)",
    "holder.calls = holder.calls + 1\n  y = y + holder.calls",
    "y = y * number",
    "y = y * number if number > 1.5 else y + number",
    "y = y.detach().requires_grad_() * 2",
    "x.mul_(1.5)\n  y = y + x",
    "y = y[:, :] * 1 if y.shape[0] > 2 else y * 3",
    "weight.grad = None\n  (y * y).mean().backward(retain_graph=True)",
    "with torch.no_grad(): running.mul_(0.9).add_(y.mean(0), alpha=0.1)",
    "y = y + running",
    "y = helper(y)",
    "y = {'a': y, 'b': [y * 2]}['b'][0]",
    "try: y = y @ torch.ones(7)\n  except RuntimeError: y = y / 2",
    "y = y * (2 if y.requires_grad else 3)",
    "y = y + pairs[0][1]['deep']",
    "if y.sum() > 1e30: y = y * 0",
)

CHANGES = (
    "pass",
    "pass",
    "G['scale'] = G['scale'] + 0.5",
    "holder.shift = holder.shift + 1.0",
    "holder.shift = torch.full((3,), 2.0)",
    "config['on'] = not config['on']",
    "config['factor'] = config['factor'] * 2",
    "items.append(0.5)",
    "items[0] = items[0] + 1",
    "table['cc'] = 0.25",
    "layer.eval()",
    "layer.train()",
    "layer.weight.data = layer.weight.data * 0.5",
    "layer.weight = torch.nn.Parameter(torch.ones(3, 3) * 0.2)",
    "G['weight'] = torch.eye(3).mul_(0.7).requires_grad_()",
    "weight.requires_grad_(not weight.requires_grad) if weight.is_leaf else None",
    "G['running'] = torch.zeros(3)",
    "torch.manual_seed(5)",
    "G['helper'] = lambda v: v * 5",
    "pairs[0][1]['deep'] = pairs[0][1]['deep'] + 1",
    "G['number'] = G['number'] + 0.25",
    "G['rows'] = 5 - G['rows']",
    "holder.calls = 0",
)

SETUP = """
scale, number, rows = 2.0, 1.0, 2
class Holder: pass
holder = Holder()
holder.shift, holder.calls = 1.0, 0
config = {'on': True, 'factor': 0.5}
items, table, history = [1.0, 0.5], {'a': 1.0, 'b': 0.5}, []
weight = torch.eye(3).mul_(0.5).requires_grad_()
layer, norm = torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3)
counter, running = torch.ones(1), torch.zeros(3)
pairs = [(0, {'deep': 0.5})]
def helper(v): return v * 0.5
"""


def world(pieces):
    """A step of these pieces, and the names it reads."""
    torch.manual_seed(0)
    names = {"torch": torch, "F": torch.nn.functional}
    exec(SETUP, names)
    names["G"] = names
    text = "def step(x, number):\n  y = x * 1\n"
    text += "".join(f"  {piece}\n" for piece in pieces) + "  return y\n"
    filename = f"random_step_{abs(hash(text))}.py"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    exec(compile(text, filename, "exec"), names)
    return names


def trace(pieces, changes, compiler):
    names = world(pieces)
    step = names["step"] if compiler is None else compiler(names["step"], False)
    seen = []
    for i, change in enumerate(changes):
        x = torch.linspace(-1, 1, 3 * names["rows"]).reshape(-1, 3) + i / 10
        seen.append(attempt(step, x, names["number"]))
        weight, layer = names["weight"], names["layer"]
        state = [x, weight, weight.grad, names["counter"], names["running"], layer.weight.grad,
                 names["norm"].running_mean, names["history"], names["holder"].calls]  # fmt: skip
        seen.append(shown(state))
        exec(change, names)
    seen.append(torch.rand(1).item())
    return seen


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6),
    st.lists(st.sampled_from(CHANGES), min_size=8, max_size=16),
)
def test_random_steps(pieces, changes):
    enabled, check.enabled = check.enabled, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = trace(pieces, changes, None)
            found = trace(pieces, changes, CompiledFunction)
    finally:
        check.enabled = enabled
    for number, (a, b) in enumerate(zip(wanted, found, strict=True)):
        assert close(a, b), (number // 2, a, b)
