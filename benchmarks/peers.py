"""One library and one workload in a process of its own: the children of `compiled.py`.

    python peers.py LIBRARY WORKLOAD [STATE]

Every peer offers `warm_up`, `time`, `losses` and `memory`; `turns.py` has the protocol. STATE is a
file of initial numbers that rushlight wrote, for the library that draws other random numbers.
"""

import json
import os
import pathlib
import statistics
import sys
import tempfile
import time
import tracemalloc

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from turns import answer, time_step  # noqa: E402

#: The product that most of a workload's arithmetic consists of: matmul (m, k, n), or a 3x3
#: convolution (images, channels, height, width, output channels).
DOMINANT = {
    "mlp_mnist": ("matmul", 128, 784, 256),
    "mlp_wide": ("matmul", 256, 2048, 2048),
    "cnn": ("conv", 64, 16, 14, 14, 32),
    "resnet_block": ("conv", 16, 32, 32, 32, 32),
    "gpt": ("matmul", 1024, 128, 512),
    "lstm": ("matmul", 32, 128, 512),
}


def work(kind, *sizes):
    """Floating point operations of a product in DOMINANT."""
    if kind == "matmul":
        m, k, n = sizes
        return 2 * m * k * n
    n, c, h, w, o = sizes
    return 2 * 9 * n * c * h * w * o


def resident(which):
    """Bytes of this process in memory: "VmRSS" now, "VmHWM" at most."""
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(which):
                return int(line.split()[1]) * 1024
    return 0


def resident_peak(step, steps=3):
    """Resident bytes at the highest point of a few steps, or None where Linux does not say."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # forget the highest point so far
    except OSError:
        return None
    for _ in range(steps):
        step()
    return resident("VmHWM")


def cells(step):
    """What a step refers to by name."""
    names = step.__code__.co_freevars
    return {name: cell.cell_contents for name, cell in zip(names, step.__closure__ or ())}


def parameters(step):
    """The tensors that a step changes, in the optimizer's order."""
    optimizer = cells(step).get("optimizer")
    if optimizer is None:
        return []
    return [p for group in optimizer.param_groups for p in group["params"]]


class Peer:
    """A library that runs PyTorch programs."""

    def __init__(self, workload):
        self.workload = workload
        self.torch = self.load()
        from workloads import WORKLOADS

        self.imported = resident("VmRSS")
        self.maker = WORKLOADS[workload][0]
        self.source = self.maker(self.torch)
        self.note = ""
        self.step = self.source

    def wrap(self, step):
        """The step as this peer runs it."""
        return step

    def warm_up(self):
        """Seconds until steps run at their speed; what was done to get there."""
        began = time.perf_counter()
        self.step = self.wrap(self.source)
        for _ in range(3):
            self.step()
        return {"seconds": time.perf_counter() - began, "note": self.note}

    def time(self, seconds):
        return time_step(self.step, seconds)

    def losses(self, steps, moved=None, double=False):
        """Losses from a fresh state.

        moved: a seed that draws the half of the weights that is moved by one ulp.
        double: the same numbers in float64.
        """
        torch = self.torch
        step = self.maker(torch)
        if moved is not None:
            rng = np.random.default_rng(moved)
            with torch.no_grad():
                for p in parameters(step) or [cells(step)["x"]]:
                    old = p.detach().numpy()
                    way = rng.choice(np.array([-np.inf, np.inf], np.float32), old.shape)
                    new = np.where(rng.random(old.shape) < 0.5, np.nextafter(old, way), old)
                    p.copy_(torch.from_numpy(np.ascontiguousarray(new, np.float32)))
        if double:
            for cell in step.__closure__:
                value = cell.cell_contents
                if isinstance(value, torch.nn.Module):
                    value.double()
                elif isinstance(value, torch.Tensor) and value.is_floating_point():
                    gradient = value.requires_grad
                    cell.cell_contents = value.detach().double().requires_grad_(gradient)
        step = self.wrap(step)
        return [float(step().detach()) for _ in range(steps)]

    def memory(self):
        """Bytes at the highest point of a step beyond parameters, optimizer's state and data."""
        gradients = [*parameters(self.source), cells(self.source).get("x")]
        held = sum(
            p.grad.numel() * p.grad.element_size()
            for p in gradients if p is not None and p.grad is not None
        )  # fmt: skip
        found = {"live": self.live() + held}
        peak = resident_peak(self.step)
        if peak is not None:
            found["resident"] = peak - self.imported
        return found

    def product(self, seconds):
        """Operations per second of the workload's dominant product, as this peer computes it."""
        torch, (kind, *sizes) = self.torch, DOMINANT[self.workload]
        if kind == "matmul":
            m, k, n = sizes
            a, b = torch.randn(m, k), torch.randn(k, n)

            def run():
                return a @ b
        else:
            n, c, h, w, o = sizes
            a, b = torch.randn(n, c, h, w), torch.randn(o, c, 3, 3)

            def run():
                return torch.nn.functional.conv2d(a, b, padding=1)

        with torch.no_grad():
            run = self.wrap_product(run)
            for _ in range(5):
                run()
            return work(kind, *sizes) / time_step(run, seconds)[1]

    def wrap_product(self, run):
        return run


class Rushlight(Peer):
    """Eager rushlight."""

    def load(self):
        import rushlight

        return rushlight

    def live(self):
        tracemalloc.start()
        self.step()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        self.step()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak - before

    def state(self, path):
        """Writes the initial numbers to a file, for peers that draw others."""
        step = self.maker(self.torch)
        found = {f"p{i:03d}": p.detach().numpy() for i, p in enumerate(parameters(step))}
        for name, value in cells(step).items():
            if isinstance(value, self.torch.Tensor):
                found[name] = value.detach().numpy()
        np.savez(path, **found)
        return True


class RushlightCompiled(Rushlight):
    """Rushlight with the whole step compiled."""

    def wrap(self, step):
        return self.torch.compile(step)

    def wrap_product(self, run):
        return self.torch.compile(run)

    def warm_up(self):
        """The calls that are recorded, compiling, and the first call of the plan."""
        began = time.perf_counter()
        self.step = self.wrap(self.source)
        compiled = self.step.compiled
        calls = 0
        while not compiled.plans and compiled.eager is None and calls < 8:
            self.step()
            calls += 1
        self.step()
        seconds = time.perf_counter() - began
        if not compiled.plans:
            raise RuntimeError(f"not compiled: {compiled.eager}")
        return {"seconds": seconds, "note": ""}

    def live(self):
        return super().live() + sum(plan.layout.arena for plan in self.step.compiled.plans)

    def profile(self):
        """Where a step's time goes, on one thread: kernels by kind, host calls, and the rest."""
        torch = self.torch
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        for _ in range(3):
            self.step()
        step = time_step(self.step, 0.3)[1]
        torch.set_num_threads(threads)
        explained = self.step.explain()
        found = {"step": step, "kernels": 0, "bytes": 0.0, "hosts": [], "slowest": []}
        found["seconds"] = {"products": 0.0, "others": 0.0}
        everything = []
        for plan in explained.plans:
            found["hosts"] += [name for name, _ in plan.hosts]
            for k in plan.kernels:
                found["kernels"] += 1
                found["bytes"] += k.bytes
                product = " @ " in k.text or " = conv" in k.text
                found["seconds"]["products" if product else "others"] += k.seconds
                everything.append((k.seconds, k.name, k.text[:120]))
        found["slowest"] = sorted(everything, reverse=True)[:6]
        return found


class Torch(Peer):
    """Eager PyTorch."""

    def load(self):
        import torch

        return torch

    def live(self):
        """From the allocator's own events in a profile of two steps; the second one counts."""
        torch = self.torch
        with torch.profiler.profile(
            activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
        ) as profile:
            self.step()
            with torch.profiler.record_function("second"):
                self.step()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "trace.json")
            profile.export_chrome_trace(path)
            with open(path, encoding="utf-8") as file:
                events = json.load(file)["traceEvents"]
        begin = min(e["ts"] for e in events if e.get("name") == "second")
        events = [e for e in events if e.get("name") == "[memory]"]
        events.sort(key=lambda e: e["ts"])
        live = sum(e["args"]["Bytes"] for e in events if e["ts"] < begin)
        before = peak = live
        for event in events:
            if event["ts"] >= begin:
                live += event["args"]["Bytes"]
                peak = max(peak, live)
        return peak - before

    def operations(self):
        """Floating point operations of the products of one step, as PyTorch counts them."""
        torch = self.torch
        from torch.nn.attention import SDPBackend, sdpa_kernel
        from torch.utils._python_dispatch import TorchDispatchMode
        from torch.utils.flop_counter import flop_registry

        class Counter(TorchDispatchMode):
            total = 0

            def __torch_dispatch__(self, function, types, args=(), kwargs=None):
                out = function(*args, **(kwargs or {}))
                count = flop_registry.get(function.overloadpacket)
                if count is not None:
                    self.total += count(*args, **(kwargs or {}), out_val=out)
                return out

        step = self.maker(torch)
        # The fused forms of attention and LSTM are not in its table.
        with torch.backends.mkldnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH), \
                Counter() as counter:  # fmt: skip
            step()
        return counter.total


class TorchCompiled(Torch):
    """PyTorch with torch.compile: of the step as a whole or of the module, whichever is quicker."""

    def warm_up(self):
        steps, failures = {}, []
        for kind in ("step", "module"):
            source = self.maker(self.torch)
            start = time.perf_counter()
            try:
                step = self._wrap(source, kind)
                for _ in range(3):
                    step()
            except Exception as error:
                failures.append(error)
                continue
            taken = time.perf_counter() - start
            for _ in range(3):
                step()
            steps[kind] = time_step(step, 0.3)[0], taken, step, source
            if kind == "step" and not any(hasattr(v, "modules") for v in cells(source).values()):
                break  # no module
        if not steps:
            raise failures[0]
        self.kind = min(steps, key=lambda kind: steps[kind][0])
        _, taken, self.step, self.source = steps[self.kind]
        return {"seconds": taken, "note": f"compiled {self.kind}"}

    def wrap(self, step):
        return self._wrap(step, self.kind)

    def _wrap(self, step, kind):
        if kind == "step":
            return self.torch.compile(step)
        for cell in step.__closure__:
            if hasattr(cell.cell_contents, "modules") and hasattr(cell.cell_contents, "forward"):
                cell.cell_contents = self.torch.compile(cell.cell_contents)
        return step


class Jax:
    """JAX with the whole step under jit."""

    def __init__(self, workload, state):
        import jax

        jax.config.update("jax_platforms", "cpu")
        self.jax = jax
        import workloads_jax

        self.imported = resident("VmRSS")
        self.workload = workload
        self.maker = workloads_jax.WORKLOADS[workload]
        self.file = state
        self.state, self.jitted, self.data = self.make()

    def make(self):
        jnp = self.jax.numpy
        with np.load(self.file) as file:
            found = dict(file)
        p = [found[k] for k in sorted(found) if k[0] == "p" and k[1:].isdigit()]
        data = {
            k: jnp.array(v.astype(np.int32) if v.dtype == np.int64 else v)
            for k, v in found.items() if not (k[0] == "p" and k[1:].isdigit())
        }  # fmt: skip
        return self.maker(p, data)

    def advance(self):
        self.state, loss = self.jitted(self.state, *self.data)
        return loss

    def blocking(self):
        self.advance().block_until_ready()
        self.jax.block_until_ready(self.state)

    def warm_up(self):
        began = time.perf_counter()
        self.blocking()
        self.blocking()
        return {"seconds": time.perf_counter() - began, "note": ""}

    def time(self, seconds):
        """Waiting for every step, and in batches with one wait at the end: the better one."""
        middle, least = time_step(self.blocking, seconds / 2)
        count = max(2, int(10e-3 / middle))
        batches = []
        end = time.perf_counter() + seconds / 2
        while time.perf_counter() < end or len(batches) < 2:
            began = time.perf_counter()
            for _ in range(count):
                self.advance()
            self.jax.block_until_ready(self.state)
            batches.append((time.perf_counter() - began) / count)
        return min(middle, statistics.median(batches)), min(least, *batches)

    def losses(self, steps):
        state, step, data = self.make()
        found = []
        for _ in range(steps):
            state, loss = step(state, *data)
            found.append(float(loss))
        return found

    def memory(self):
        """As XLA plans it."""
        plan = self.jitted.lower(self.state, *self.data).compile().memory_analysis()
        live = plan.temp_size_in_bytes + plan.output_size_in_bytes - plan.alias_size_in_bytes
        found = {"live": live}
        peak = resident_peak(self.blocking)
        if peak is not None:
            found["resident"] = peak - self.imported
        return found

    def product(self, seconds):
        jax, (kind, *sizes) = self.jax, DOMINANT[self.workload]
        key = jax.random.key(0)
        if kind == "matmul":
            m, k, n = sizes
            a, b = jax.random.normal(key, (m, k)), jax.random.normal(key, (k, n))
            run = jax.jit(lambda a, b: a @ b)
        else:
            n, c, h, w, o = sizes
            a, b = jax.random.normal(key, (n, h, w, c)), jax.random.normal(key, (3, 3, c, o))
            run = jax.jit(
                lambda a, b: jax.lax.conv_general_dilated(
                    a, b, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
                )
            )
        for _ in range(5):
            run(a, b).block_until_ready()
        return work(kind, *sizes) / time_step(lambda: run(a, b).block_until_ready(), seconds)[1]


class Machine:
    """What this machine reaches, all threads together: the peaks that shares refer to."""

    def __init__(self, _):
        from concurrent.futures import ThreadPoolExecutor

        self.threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        self.pool = ThreadPoolExecutor(self.threads)

    def peak(self, seconds):
        """Operations per second of NumPy's 2048^3 product; bytes per second of a large copy."""
        n = 2048
        a = np.ones((n, n), np.float32)
        out = np.empty_like(a)
        flops = 2 * n**3 / time_step(lambda: np.matmul(a, a, out=out), seconds)[1]
        source = np.ones(1 << 25, np.float32)
        target = np.ones_like(source)
        parts = [
            (t, s) for t, s in zip(np.array_split(target, self.threads),
                                   np.array_split(source, self.threads))
        ]  # fmt: skip

        def copy():
            list(self.pool.map(lambda pair: np.copyto(*pair), parts))

        return {"flops": flops, "bytes": 2 * source.nbytes / time_step(copy, seconds)[1]}


PEERS = {
    "machine": Machine,
    "compiled": RushlightCompiled,
    "eager": Rushlight,
    "torch": Torch,
    "torch.compile": TorchCompiled,
    "jax": Jax,
}


def main():
    library, *arguments = sys.argv[1:]

    def start():
        peer = PEERS[library](*arguments)
        return "ready", lambda do, **request: getattr(peer, do)(**request)

    answer(start)


if __name__ == "__main__":
    main()
