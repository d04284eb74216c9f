"""The tutorial docs/build-it-yourself.md: its code runs, prints what the page shows, and its
gradients are rushlight's."""

import contextlib
import io
import pathlib
import re

import numpy as np
import pytest

import rushlight as torch

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "build-it-yourself.md"
#: (language, text) of every fenced block, in order.
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def run_page():
    """Run the blocks in one namespace; returns it, and [(shown, printed)] of those that print."""
    scope = {"__name__": "tutorial"}
    outputs = []
    for i, (language, text) in enumerate(BLOCKS):
        if language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(text, f"{PAGE.name}, block {i}", "exec"), scope)
        after = BLOCKS[i + 1] if i + 1 < len(BLOCKS) else ("python", "")
        outputs.append((after[1] if after[0] == "" else "", printed.getvalue()))
    return scope, outputs


@pytest.fixture(scope="module")
def page():
    return run_page()


def test_the_page_prints_what_it_shows(page):
    for shown, printed in page[1]:
        assert printed == shown


def test_every_shown_output_belongs_to_code(page):
    languages = [language for language, _ in BLOCKS]
    assert sum(bool(shown) for shown, _ in page[1]) == languages.count("") >= 4


def test_it_is_as_short_as_it_says():
    lines = sum(text.count("\n") for language, text in BLOCKS if language == "python")
    assert lines < 300
    code = [line for language, text in BLOCKS if language == "python"
            for line in text.splitlines() if line.strip()]  # fmt: skip
    assert len(code) < 265


def both(scope, function, *arrays):
    """Gradients and gradients of gradients of ``function(ops, *tensors)``: here and there."""
    here = [scope["Tensor"](a, requires_grad=True) for a in arrays]
    first = scope["gradients"](function(scope["TEN"], *here), scope["TEN"])
    penalty = sum((g * g).sum() for g in (first[t] for t in here))
    second = scope["gradients"](penalty)
    ours = [first[t].data for t in here] + [second[t] for t in here]
    there = [torch.tensor(a, requires_grad=True) for a in arrays]
    result = function(TORCH, *there)
    g = torch.autograd.grad(result.sum(), there, create_graph=True)
    penalty = sum((x * x).sum() for x in g)
    theirs = [*g, *torch.autograd.grad(penalty, there)]
    return ours, [t.detach().numpy() for t in theirs]


class TORCH:
    """The tutorial's operations, by its names, as rushlight has them."""

    add, sub, mul, div, neg = torch.add, torch.sub, torch.mul, torch.div, torch.neg
    exp, log, sin, cos, tanh = torch.exp, torch.log, torch.sin, torch.cos, torch.tanh
    relu, matmul = torch.relu, torch.matmul

    @staticmethod
    def transpose(x):
        return x.T

    @staticmethod
    def expand(x, shape):
        return x.expand(shape)

    @staticmethod
    def sum_to(x, shape):
        return x.sum_to_size(shape)

    @staticmethod
    def sum(x, axis):
        return x.sum() if axis is None else x.sum(axis, keepdim=True)

    @staticmethod
    def log_softmax(x):
        return torch.log_softmax(x, 1)


CASES = {
    "add": lambda k, x, y: k.add(x, y) * x,
    "sub": lambda k, x, y: k.sub(x, y) * y,
    "mul": lambda k, x, y: k.mul(x, y) * x,
    "div": lambda k, x, y: k.div(x, y),
    "neg": lambda k, x, y: k.neg(x) * y,
    "exp": lambda k, x, y: k.exp(x) * y,
    "log": lambda k, x, y: k.log(x) * y,
    "sin": lambda k, x, y: k.sin(x) * y,
    "cos": lambda k, x, y: k.cos(x) * y,
    "tanh": lambda k, x, y: k.tanh(x) * y,
    "relu": lambda k, x, y: k.relu(x - y) * x,
    "matmul": lambda k, x, y: k.matmul(x, k.transpose(y)) * 1.5,
    "transpose": lambda k, x, y: k.transpose(x * x) * k.transpose(y),
    "expand": lambda k, x, y: k.expand(y * y, (2, 3, 4)) * x,
    "sum_to": lambda k, x, y: k.sum_to(x * x, (1, 4)) * y,
    "sum": lambda k, x, y: k.sum(x * y, 1) * x,
    "log_softmax": lambda k, x, y: k.log_softmax(x) * y,
}


@pytest.mark.parametrize("name", CASES)
def test_rows_have_the_gradients_of_rushlight(page, name):
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0.5, 2, (3, 4)), rng.uniform(0.5, 2, (1, 4))
    for a, b in zip(*both(page[0], CASES[name], x, y), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_every_row_is_compared(page):
    rows = {n for n, v in vars(page[0]["TEN"]).items() if v.formulas}
    assert rows == set(CASES)
