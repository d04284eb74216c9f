"""When native kernels are there: the switch, without llvmlite, in threads and after a fork."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

import rushlight as torch
from rushlight._kernels import native

pytest.importorskip("llvmlite")


@pytest.fixture(autouse=True)
def restored():
    yield
    native.reset()


TRAIN = """
import sys
{before}
import rushlight as torch
from rushlight._kernels import native
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(300, 200), torch.nn.GELU(), torch.nn.LayerNorm(200),
                            torch.nn.Linear(200, 10))
optimizer = torch.optim.Adam(model.parameters())
x, y = torch.randn(128, 300), torch.randint(0, 10, (128,))
for _ in range(12):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
print(loss.item(), bool(native._parts), "llvmlite" in sys.modules)
"""


def train(before="", **environment):
    kept = {k: v for k, v in os.environ.items() if k != "RUSHLIGHT_NATIVE"}
    text = subprocess.run(
        [sys.executable, "-c", TRAIN.format(before=before)], env={**kept, **environment},
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    return float(text[0]), text[1] == "True", text[2] == "True"


def test_the_switch_and_an_installation_without_llvmlite():
    loss, used, loaded = train(RUSHLIGHT_NATIVE="0")
    assert not used and not loaded
    missing, used, _ = train('sys.modules["llvmlite"] = None')
    assert not used and missing == loss
    for setting in ("", "1"):
        found, used, _ = train(RUSHLIGHT_NATIVE=setting)
        assert used
        assert found == pytest.approx(loss, rel=1e-4)


def test_import_does_not_load_it():
    text = "import sys, rushlight as torch; x = torch.ones(3, requires_grad=True); "
    text += "(x * x).sum().backward(); torch.ones(200, 200).sigmoid(); "
    text += "print('llvmlite' in sys.modules, 'rushlight._native' in sys.modules)"
    kept = {k: v for k, v in os.environ.items() if k != "RUSHLIGHT_NATIVE"}
    found = subprocess.run(
        [sys.executable, "-c", text], env=kept, check=True, capture_output=True, text=True
    )
    assert found.stdout.split() == ["False", "False"]


def test_threads():
    native.turn(True)
    x = torch.randn(300, 400)
    F = torch.nn.functional
    expected = [F.gelu(x), F.softmax(x, 1), x @ x.t()]
    wrong = []

    def work():
        for _ in range(30):
            found = [F.gelu(x), F.softmax(x, 1), x @ x.t()]
            for a, b in zip(expected, found, strict=True):
                if not torch.allclose(a, b, rtol=1e-4, atol=1e-4):
                    wrong.append((a, b))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_fork():
    native.turn(True)
    x = torch.randn(300, 400)
    F = torch.nn.functional
    for _ in range(4):
        expected = F.gelu(x), F.softmax(x, 1), x @ x.t()
    child = os.fork()
    if not child:
        code = 1
        try:
            for _ in range(4):
                found = F.gelu(x), F.softmax(x, 1), x @ x.t()
            code = not all(
                torch.allclose(a, b, rtol=1e-4, atol=1e-4)
                for a, b in zip(expected, found, strict=True)
            )
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_signal_may_come_in_between():
    """Its handler computes with the same kernel while this thread is inside it."""
    native.turn(True)
    x = torch.randn(300, 400)
    F = torch.nn.functional
    expected = [F.gelu(x), F.softmax(x, 1)]
    for _ in range(3):
        found = [F.gelu(x), F.softmax(x, 1)]
    from rushlight._native import guard

    for g in guard._guards:
        g.busy = True
    try:
        found = [F.gelu(x), F.softmax(x, 1)]
    finally:
        for g in guard._guards:
            g.busy = False
    for a, b in zip(expected, found, strict=True):
        torch.testing.assert_close(a, b)
