"""Times compiled training steps against PyTorch eager, torch.compile and JAX jit, in turns.

    python benchmarks/compiled.py --torch-python PATH --jax-python PATH [--eager]
        [--rounds 7] [--seconds 0.5] [--json FILE] [NAME...]

Run it with the Python that has NumPy, ml_dtypes and llvmlite. The others are interpreters whose
environments have `torch` and `jax`; a missing one ends the run, as does any failure that is not
listed in REFUSES. Each library runs each workload in a process of its own and sleeps while another
is timed; README.md here says what is measured and how.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from peers import DOMINANT  # noqa: E402
from turns import Worker, WorkerFailed, clean_environment, processor  # noqa: E402

SOURCE = HERE.parent / "src"

#: name -> (the largest ratio to the best peer that is wanted, wanted warm-up without cache)
WANTED = {
    "linear1": (0.25, None), "mlp_small": (0.25, 0.3), "mlp_mnist": (0.6, 0.3),
    "mlp_wide": (0.85, 0.3), "cnn": (0.4, None), "resnet_block": (0.7, None), "gpt": (0.55, 2.0),
    "lstm": (0.75, None), "pinn": (0.6, None), "pointwise": (0.5, None),
}  # fmt: skip
WARM_UP_CACHED = 0.15
EAGER = 1.0

#: Bytes of Python objects that are counted for rushlight alone.
OBJECTS = 4096

#: What a peer cannot do.
REFUSES = {("torch.compile", "pinn"): "double backward"}

#: How far losses may lie from eager rushlight's: so many times the drift that rounding causes in
#: eager itself, and at least this part of the loss, since sums are taken in other orders. The
#: drift is what eager's losses move, at most up to that step, when half of the weights are moved by
#: one ulp (three draws) or when the same numbers are computed in float64. A fixed tolerance would
#: not do: one ReLU whose input rounds to the other side of zero moves mlp_mnist's loss by 3e-4.
TIMES, PART = 10.0, 2e-5
STEPS = 20


class Run:
    """The workers of one workload."""

    def __init__(self, workload, options, environment, folder):
        self.workload = workload
        self.options = options
        self.environment = environment
        self.folder = folder
        self.workers = {}
        self.refused = {}

    def start(self, library, *more):
        python = {"torch": self.options.torch_python, "torch.compile": self.options.torch_python,
                  "jax": self.options.jax_python}.get(library, sys.executable)  # fmt: skip
        command = [python, str(HERE / "peers.py"), library, self.workload, *more]
        worker = Worker(command, self.environment, os.path.join(self.folder, "log"))
        self.workers[library] = worker
        return worker

    def close(self):
        for worker in self.workers.values():
            worker.close()

    def warm_ups(self):
        """Starts every library; seconds until steps run at their speed."""
        found = {}
        reference = self.start("eager")
        state = os.path.join(self.folder, "state.npz")
        reference.ask(do="state", path=state)
        found["eager"] = reference.ask(do="warm_up")["seconds"]
        shutil.rmtree(self.environment["RUSHLIGHT_CACHE"], ignore_errors=True)
        found["compiled"] = self.start("compiled").ask(do="warm_up")["seconds"]
        self.workers.pop("compiled").close()
        found["compiled, cached"] = self.start("compiled").ask(do="warm_up")["seconds"]
        for library in ("torch", "torch.compile", "jax"):
            if library == "torch.compile" and self.options.no_torch_compile:
                continue
            worker = self.start(library, *([state] if library == "jax" else []))
            try:
                found[library] = worker.ask(do="warm_up")["seconds"]
            except WorkerFailed as failure:
                reason = REFUSES.get((library, self.workload))
                if reason is None or reason not in str(failure):
                    raise
                self.refused[library] = str(failure)
                self.workers.pop(library).close()
        return found

    def timings(self, libraries):
        """For each library its (median, least) seconds in every round."""
        found = {library: [] for library in libraries}
        for _ in range(self.options.rounds):
            for library in libraries:
                time.sleep(0.05)  # until the threads of the one before stop spinning
                seconds = self.workers[library].ask(do="time", seconds=self.options.seconds)
                found[library].append(seconds)
        return found

    def follow(self):
        """The farthest that each library's losses are from eager's, in parts of what is allowed."""
        eager = self.workers["eager"]
        wanted = eager.ask(do="losses", steps=STEPS)
        moved = [eager.ask(do="losses", steps=STEPS, moved=seed) for seed in range(3)]
        moved.append(eager.ask(do="losses", steps=STEPS, double=True))
        allowed, drift = [], 0.0
        for i, loss in enumerate(wanted):
            drift = max([drift, *(abs(m[i] - loss) for m in moved)])
            allowed.append(TIMES * drift + PART * abs(loss))
        found = {}
        for library, worker in self.workers.items():
            losses = worker.ask(do="losses", steps=STEPS)
            found[library] = max(
                abs(a - b) / c if a == a else float("inf")
                for a, b, c in zip(losses, wanted, allowed)
            )
        return found, wanted


def measure(run, machine, peak):
    """One row: everything that is measured of one workload."""
    workload, options = run.workload, run.options
    try:
        warm = run.warm_ups()
        peers = [p for p in ("torch", "torch.compile", "jax") if p in run.workers]
        libraries = ["compiled", *(["eager"] if options.eager else []), *peers]
        for library in libraries:
            run.workers[library].ask(do="time", seconds=0.3)
        rounds = run.timings(libraries)
        for key, value in machine.ask(do="peak", seconds=0.5).items():
            peak[key] = max(value, peak.get(key, 0.0))
        row = {"workload": workload, "warm_up_seconds": warm, "refused": run.refused}
        row["median_us"] = {
            k: statistics.median(m for m, _ in v) * 1e6 for k, v in rounds.items()
        }
        row["least_us"] = {k: min(low for _, low in v) * 1e6 for k, v in rounds.items()}
        best = min(peers, key=row["median_us"].get)
        row["best_peer"] = best
        row["ratio"] = ratio(rounds["compiled"], *(rounds[p] for p in peers))
        row["ratio_of_least"] = row["least_us"]["compiled"] / min(
            row["least_us"][p] for p in peers
        )
        if options.eager:
            row["eager_ratio"] = ratio(rounds["eager"], rounds["torch"])
        row["memory"] = {k: run.workers[k].ask(do="memory") for k in (*peers, "eager", "compiled")}
        row["operations"] = run.workers["torch"].ask(do="operations")
        row["losses"], row["eager_losses"] = run.follow()
        row["profile"] = run.workers["compiled"].ask(do="profile")
        if workload in DOMINANT:
            library_margin(row, run, best)
            rates = row["products"]["gflops"].values()
            peak["flops"] = max(peak["flops"], *(rate * 1e9 for rate in rates))
        shares(row, peak)
        return row
    finally:
        run.close()


def ratio(ours, *theirs):
    """The median over rounds of our time by the least of theirs."""
    return statistics.median(
        mine / min(m for m, _ in others)
        for (mine, _), *others in zip(ours, *theirs)
    )


def shares(row, peak):
    """Parts of the machine's peak that a compiled step reaches."""
    seconds = row["median_us"]["compiled"] * 1e-6
    profile = row["profile"]
    row["share_of_products_peak"] = row["operations"] / seconds / peak["flops"]
    row["share_of_memory_peak"] = profile["bytes"] / seconds / peak["bytes"]
    measured = profile["seconds"]
    row["one_thread_us"] = {
        "step": profile["step"] * 1e6, **{k: v * 1e6 for k, v in measured.items()},
        "rest": (profile["step"] - sum(measured.values())) * 1e6,
    }  # fmt: skip


def library_margin(row, run, best):
    """What would remain of the margin if the best peer's products ran as fast as ours."""
    pair = "torch" if best.startswith("torch") else "jax"
    rates = {}
    for library in ("compiled", pair):
        rates[library] = max(
            run.workers[library].ask(do="product", seconds=0.15) for _ in range(3)
        )
    theirs = row["median_us"][best] * 1e-6
    operations = row["operations"]
    spent = min(operations / rates[pair], theirs)
    as_ours = theirs - spent + operations / rates["compiled"]
    row["products"] = {
        "shape": DOMINANT[row["workload"]], "gflops": {k: v * 1e-9 for k, v in rates.items()},
        "ratio_at_equal_rates": row["median_us"]["compiled"] * 1e-6 / as_ours,
    }  # fmt: skip


def report(row):
    """Prints a row."""
    name, us, warm = row["workload"], row["median_us"], row["warm_up_seconds"]
    wanted, warm_wanted = WANTED[name]
    row["wanted"] = wanted

    def held(value, limit):
        return f"<= {limit} {'holds' if value <= limit else 'MISSED'}"

    def shown(library):
        if library in row["refused"]:
            return f"{library} refuses ({row['refused'][library][:60]})"
        return f"{library} {us[library]:.1f}" if library in us else f"{library} not run"

    print(f"{name}: compiled {us['compiled']:.1f} us; {shown('torch')}, {shown('torch.compile')}, "
          f"{shown('jax')}")  # fmt: skip
    print(f"  ratio to the best ({row['best_peer']}) {row['ratio']:.3f}, of the least times "
          f"{row['ratio_of_least']:.3f}; wanted {held(row['ratio'], wanted)}")  # fmt: skip
    if "eager_ratio" in row:
        print(f"  eager {us['eager']:.1f} us, {row['eager_ratio']:.2f} of PyTorch's eager; wanted "
              f"{held(row['eager_ratio'], EAGER)}")  # fmt: skip
    limit = f" (wanted {held(warm['compiled'], warm_wanted)})" if warm_wanted else ""
    others = ", ".join(f"{k} {v:.2f}" for k, v in warm.items() if not k.startswith("compiled"))
    print(f"  warm-up {warm['compiled']:.2f} s{limit}, with cache {warm['compiled, cached']:.2f} s "
          f"(wanted {held(warm['compiled, cached'], WARM_UP_CACHED)}); {others}")  # fmt: skip
    memory = {k: v["live"] / 1024 for k, v in row["memory"].items()}
    row["memory_ratio"] = (memory["compiled"] - OBJECTS / 1024) / max(0.1, memory["torch"])
    print("  peak memory of a step, KiB: "
          + ", ".join(f"{k} {v:.1f}" for k, v in memory.items())
          + f"; wanted {held(row['memory_ratio'], 1.0)} of torch")  # fmt: skip
    print(f"  of the machine's peak: products {row['share_of_products_peak']:.0%}, kernels' memory "
          f"traffic {row['share_of_memory_peak']:.0%}")  # fmt: skip
    spent = row["one_thread_us"]
    hosts = row["profile"]["hosts"]
    print(f"  one thread: step {spent['step']:.1f} us = products {spent['products']:.1f} + other "
          f"kernels {spent['others']:.1f} + rest {spent['rest']:.1f}; {row['profile']['kernels']} "
          f"kernels, host calls: {', '.join(sorted(set(hosts))) or 'none'}")  # fmt: skip
    if "products" in row:
        rates = row["products"]["gflops"]
        print("  dominant product, GFLOP/s: "
              + ", ".join(f"{k} {v:.0f}" for k, v in rates.items())
              + f"; at equal rates the ratio would be {row['products']['ratio_at_equal_rates']:.2f}"
              + library_note(row))  # fmt: skip
    late = [k for k, v in row["losses"].items() if not v <= 1]
    row["losses_follow"] = not late
    print(f"  20 losses follow eager's: {'yes' if not late else 'NO: ' + ', '.join(late)} ("
          + ", ".join(f"{k} {v:.2g}" for k, v in row["losses"].items())
          + " of what is allowed)", flush=True)  # fmt: skip


def summary(rows):
    """For each kind of bound, which workloads keep it."""
    found = {
        "time": {r["workload"]: r["ratio"] <= r["wanted"] for r in rows},
        "warm-up": {
            r["workload"]: r["warm_up_seconds"]["compiled"] <= WANTED[r["workload"]][1]
            for r in rows if WANTED[r["workload"]][1] is not None
        },
        "warm-up with cache": {
            r["workload"]: r["warm_up_seconds"]["compiled, cached"] <= WARM_UP_CACHED for r in rows
        },
        "memory": {r["workload"]: r["memory_ratio"] <= 1 for r in rows},
        "eager": {
            r["workload"]: r["eager_ratio"] <= EAGER for r in rows if "eager_ratio" in r
        },
    }  # fmt: skip
    return {what: bounds for what, bounds in found.items() if bounds}


def library_note(row):
    """Where a bound holds only because of the peer's matrix products, that is said."""
    equal = row["products"]["ratio_at_equal_rates"]
    row["margin_from_library"] = row["ratio"] <= row["wanted"] < equal
    return "  NOTE: the margin comes from the peer's library" if row["margin_from_library"] else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--torch-python", default=os.environ.get("RUSHLIGHT_TORCH_PYTHON"))
    parser.add_argument("--jax-python", default=os.environ.get("RUSHLIGHT_JAX_PYTHON"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="for one timing")
    parser.add_argument("--eager", action="store_true", help="time eager rushlight too")
    parser.add_argument("--no-torch-compile", action="store_true",
                        help="for quick looks; never for committed results")  # fmt: skip
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if not options.torch_python or not options.jax_python:
        sys.exit("give --torch-python and --jax-python: interpreters with torch and with jax")
    unknown = [n for n in options.names if n not in WANTED]
    if unknown:
        sys.exit(f"no such workload: {', '.join(unknown)}; there are {', '.join(WANTED)}")
    rows = []
    with tempfile.TemporaryDirectory(prefix="rushlight-benchmark-") as folder:
        environment = clean_environment(
            PYTHONPATH=os.environ.get("PYTHONPATH", str(SOURCE)),
            RUSHLIGHT_CACHE=os.path.join(folder, "cache"),
            TORCHINDUCTOR_CACHE_DIR=os.path.join(folder, "inductor"),
        )
        log = os.path.join(folder, "log")
        command = [sys.executable, str(HERE / "peers.py"), "machine", "-"]
        machine = Worker(command, environment, log)
        peak = {}
        try:
            for name in options.names or WANTED:
                rows.append(measure(Run(name, options, environment, folder), machine, peak))
                report(rows[-1])
        except WorkerFailed as failure:
            with open(log, encoding="utf-8", errors="replace") as file:
                sys.stderr.writelines(file.readlines()[-30:])
            sys.exit(f"{name}: {failure}")
        finally:
            machine.close()
    print(f"{processor()}: products {peak['flops'] * 1e-9:.0f} GFLOP/s, copying "
          f"{peak['bytes'] * 1e-9:.1f} GB/s")  # fmt: skip
    for what, bounds in summary(rows).items():
        missed = [name for name, holds in bounds.items() if not holds]
        print(f"{what}: {len(bounds) - len(missed)} of {len(bounds)} bounds hold"
              + (f"; missed: {', '.join(missed)}" if missed else ""))  # fmt: skip
    if options.json:
        about = {"processor": processor(), "python": sys.version.split()[0], "peak": peak}
        options.json.write_text(json.dumps({"machine": about, "rows": rows}, indent=1) + "\n")
    wrong = [r["workload"] for r in rows if not r["losses_follow"]]
    if wrong:
        sys.exit(f"losses do not follow eager's: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
