"""Runs a compiled step under Ctrl-C at random moments; what a step writes together stays together.

Called by test_faults.py as a program: ``python interrupted.py native|hosts rounds``.
"""

import os
import random
import signal
import sys
import threading
import time

import rushlight as torch


def training():
    """One native segment: every parameter's step count and weights move together."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(32, 64), torch.nn.ReLU(), torch.nn.Linear(64, 8)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x = torch.randn(16, 32)

    def step():
        optimizer.zero_grad()
        loss = model(x).pow(2).mean()
        loss.backward()
        optimizer.step()
        return loss

    def whole():
        return len({state["step"].item() for state in optimizer.state.values()}) == 1

    return step, whole


def hosts():
    """NumPy calls between two writes."""
    first, second = torch.zeros(64, 64), torch.zeros(64, 64)

    def step():
        first.add_(1)
        found = torch.linalg.inv(torch.eye(64) + first * 0) + torch.histc(first, 4).sum() * 0
        second.add_(found.mean() * 64)
        return first.sum()

    def whole():
        return first[0, 0].item() == second[0, 0].item() and first.min() == first.max()

    return step, whole


def main(kind, rounds):
    step, whole = {"native": training, "hosts": hosts}[kind]()
    compiled = torch.compile(step, fullgraph=True)
    for _ in range(4):
        compiled()
    (plan,) = compiled.compiled.plans
    assert (kind == "hosts") == (len(plan.segments) > 1), plan.segments
    armed = threading.Semaphore(0)

    def shoot():
        chooser = random.Random(0)
        for _ in range(rounds):
            armed.acquire()
            time.sleep(chooser.random() * 0.002)
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=shoot, daemon=True).start()
    for _ in range(rounds):
        try:
            armed.release()
            while True:
                compiled()
        except KeyboardInterrupt:
            pass
        assert whole(), "between"
    assert compiled.compiled.plans == [plan]
    assert compiled.compiled.eager is None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    before = [plan.call, *compiled.compiled.plans]
    compiled()
    assert before == [plan.call, *compiled.compiled.plans]
    print("whole")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
