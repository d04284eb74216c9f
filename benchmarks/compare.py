"""Times rushlight against real PyTorch, alternating in one run, and prints medians and ratios.

    python benchmarks/compare.py --torch-python PATH/TO/python [--native] [--rounds 9]
        [--json FILE] [NAME...]

`--torch-python` is an interpreter whose environment has `torch`, by default
`$RUSHLIGHT_TORCH_PYTHON`.
rushlight runs on NumPy alone (`RUSHLIGHT_NATIVE=0`); `--native` times it with native kernels too,
which needs llvmlite.
Each library runs in a process of its own and waits while the other is timed; every round times one
after the other, and the ratio is the median of the rounds' ratios. `OPENBLAS_CORETYPE` and
`OPENBLAS_L2_SIZE` are taken out of the environment: where they are set they halve NumPy's speed.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
sys.path.insert(0, str(HERE))

from turns import clean_environment, processor, time_step  # noqa: E402

_FIRST_GRADIENT = (
    "import {name} as torch; x = torch.ones(3, requires_grad=True); "
    "(x * x).sum().backward(); x.grad"
)


def serve(name):
    """The timed process: reads ``workload seconds`` lines, answers with seconds per step."""
    if name == "torch":
        import torch
    else:
        sys.path.insert(0, str(SOURCE))
        import rushlight as torch
    from workloads import WORKLOADS

    steps = {}
    print("ready", flush=True)
    for line in sys.stdin:
        workload, seconds = line.split()
        if workload not in steps:
            steps[workload] = WORKLOADS[workload][0](torch)
            began, count = time.perf_counter(), 0
            # Native kernels are made for what comes again and again.
            while count < 12 or time.perf_counter() < began + 0.5:
                steps[workload]()
                count += 1
        print(time_step(steps[workload], float(seconds))[0], flush=True)


class Library:
    """A process that times one library's steps."""

    def __init__(self, python, name, environment):
        self.process = subprocess.Popen(
            [python, __file__, "--serve", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=environment,
        )  # fmt: skip
        if self.process.stdout.readline().strip() != "ready":
            sys.exit(f"{python} could not import {name}")

    def time(self, workload, seconds):
        self.process.stdin.write(f"{workload} {seconds}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def start_up(commands, environment, rounds):
    """Seconds from interpreter start to the end of each command, alternating; medians."""
    for command in commands.values():  # writes bytecode, as installing a package does
        subprocess.run(command, env=environment, check=True)
    found = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, env=environment, check=True)
            found[name].append(time.perf_counter() - began)
    return {name: statistics.median(durations) for name, durations in found.items()}


def compare(names, torch_python, rounds, seconds, environment, native):
    from workloads import WORKLOADS

    ours = Library(sys.executable, "rushlight", {**environment, "RUSHLIGHT_NATIVE": "0"})
    theirs = Library(torch_python, "torch", environment)
    libraries = [ours, theirs]
    if native:
        libraries.append(Library(sys.executable, "rushlight", environment))
    rows = []
    third = f" {'native':>12s} {'ratio':>7s}  wanted" if native else ""
    print(f"{'workload':12s} {'rushlight':>12s} {'PyTorch':>12s} {'ratio':>7s}  wanted{third}")
    for name in names:
        _, operations, wanted = WORKLOADS[name]
        times = [[lib.time(name, seconds) for lib in libraries] for _ in range(rounds)]
        found = [statistics.median(t) / operations * 1e6 for t in zip(*times)]
        ratio = statistics.median(t[0] / t[1] for t in times)
        rows.append({"workload": name, "rushlight_us": found[0], "torch_us": found[1],
                     "ratio": ratio, "wanted": wanted})  # fmt: skip
        text = f"{name:12s} {found[0]:9.2f} us {found[1]:9.2f} us {ratio:7.2f}  "
        text += limit(ratio, wanted)
        if native:
            ratio, wanted = statistics.median(t[2] / t[1] for t in times), min(wanted or 1.0, 1.0)
            rows[-1].update(native_us=found[2], native_ratio=ratio, native_wanted=wanted)
            text = f"{text:62s} {found[2]:9.2f} us {ratio:7.2f}  {limit(ratio, wanted)}"
        print(text, flush=True)
    for library in libraries:
        library.close()
    return rows


def limit(ratio, wanted):
    """What is wanted of a ratio, and whether it is missed."""
    return "" if wanted is None else f"<= {wanted}{'' if ratio <= wanted else '  MISSED'}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--torch-python", default=os.environ.get("RUSHLIGHT_TORCH_PYTHON"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.4, help="for one timing")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--native", action="store_true", help="also with native kernels")
    parser.add_argument("--serve")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    if not options.torch_python:
        sys.exit("give --torch-python: an interpreter whose environment has torch")
    from workloads import WORKLOADS

    environment = clean_environment(
        PYTHONPATH=str(SOURCE), PYTHONPYCACHEPREFIX=tempfile.mkdtemp(prefix="rushlight-bytecode-")
    )
    names = options.names or [*WORKLOADS, "start"]
    rows = compare([n for n in names if n != "start"], options.torch_python, options.rounds,
                   options.seconds, environment, options.native)  # fmt: skip
    if "start" in names:
        times = start_up(
            {
                "numpy": [sys.executable, "-c", "import numpy"],
                "rushlight": [sys.executable, "-c", _FIRST_GRADIENT.format(name="rushlight")],
                "torch": [options.torch_python, "-c", _FIRST_GRADIENT.format(name="torch")],
            },
            environment,
            options.rounds,
        )
        ratio = times["rushlight"] / times["numpy"]
        print(
            f"from start to the first .grad: rushlight {times['rushlight'] * 1e3:.0f} ms, "
            f"PyTorch {times['torch'] * 1e3:.0f} ms; import numpy {times['numpy'] * 1e3:.0f} ms: "
            f"{ratio:.2f} times (wanted <= 1.6{'' if ratio <= 1.6 else ', MISSED'})"
        )
        rows.append({"workload": "start", "seconds": times, "ratio_to_numpy": ratio})
    if options.json:
        machine = {"processor": processor(), "python": sys.version.split()[0]}
        options.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
