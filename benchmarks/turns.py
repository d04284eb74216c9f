"""Processes that are timed in turns: what the benchmark commands share.

A worker is a child process that answers requests, one JSON line each, and sleeps while another one
is timed. `answer` is its side of it, `Worker` the other.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time

#: Set by some build images; where they are set they halve the speed of NumPy's OpenBLAS.
MISLEADING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class WorkerFailed(Exception):
    """A worker died or answered with an error."""


class Worker:
    """A child process that answers requests; what it prints is added to the file `log`."""

    def __init__(self, command, environment, log):
        self.command = command
        with open(log, "a", encoding="utf-8") as file:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True,
                env=environment,
            )  # fmt: skip
        self.hello = self._read()

    def ask(self, **request):
        """The answer to one request."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise WorkerFailed(f"{' '.join(self.command)} ended ({self.process.wait()})")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerFailed(answer["error"])
        return answer["result"]

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def answer(start):
    """The worker's side: `start()` returns what the first line says and the handler of the rest.

    Whatever the libraries print goes to standard error.
    """
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def attempt(function, *args, **kwargs):
        try:
            value = function(*args, **kwargs)
        except Exception as error:
            first = str(error).strip().splitlines()[:1]
            return {"error": f"{type(error).__name__}: {''.join(first)}"}, None
        return {"result": value}, value

    def send(message):
        out.write(json.dumps(message) + "\n")
        out.flush()

    message, value = attempt(start)
    if value is None:
        send(message)
        return
    send({"result": value[0]})
    for line in sys.stdin:
        send(attempt(value[1], **json.loads(line))[0])


def time_step(step, seconds):
    """The median and the least seconds of a step, over steps for about `seconds`."""
    durations = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(durations) < 3:
        began = time.perf_counter()
        step()
        durations.append(time.perf_counter() - began)
    return statistics.median(durations), min(durations)


def clean_environment(**more):
    """This process's environment without what misleads OpenBLAS."""
    environment = {k: v for k, v in os.environ.items() if k not in MISLEADING}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**environment, **more}


def processor():
    """The processor's name and how many of it there are."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        pass
    return f"{os.cpu_count()} x {name}"
