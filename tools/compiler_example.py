"""Shows every stage of compiling a small training step: the worked example of docs/compiler.md.

    python tools/compiler_example.py            print it
    python tools/compiler_example.py --write    put it between the markers of docs/compiler.md
"""

import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

import rushlight as torch  # noqa: E402

PAGE = ROOT / "docs" / "compiler.md"
BEGIN, END = "<!-- made by tools/compiler_example.py -->", "<!-- end -->"

STEP = '''\
def step(x, y):
    optimizer.zero_grad()
    loss = ((torch.tanh(x * w) - y) ** 2).mean()
    loss.backward()
    optimizer.step()
    return loss
'''

#: Stage -> what the text of the page says above it.
STAGES = {
    "program": "The recorded program. `%n` are registers (`%0` and `%1` the arguments, `%8` the "
    "gradient of the loss); `cell` and `scalar` read what lies outside, `[...] =` writes to it",
    "equations": "The same as equations over buffers: `%n` is memory of the arena, `@n` memory "
    "from outside",
    "optimized": "After the passes",
    "kernels": "After fusion: what is indented together is one loop",
    "source": "The loops as `source()` shows them",
    "llvm": "LLVM: the end of that loop, from the last steps of tanh to the gradient",
    "call": "The Python function that calls it",
}


def run():
    """Compile the step; returns {stage: text}."""
    from rushlight.compiler import capture, plan

    shown = {}
    traced, optimize = capture.Recording.__init__, plan.optimize

    def record(self, take, *args):
        program = "\n".join(map(repr, take.program.instructions))  # freed once it is traced
        traced(self, take, *args)
        shown["program"] = program
        shown["equations"] = "\n".join(map(repr, self.tracer.graph.equations))

    def passes(graph):
        optimize(graph)
        shown["optimized"] = "\n".join(map(repr, graph.equations))

    torch.manual_seed(0)
    scope = {"torch": torch, "w": torch.randn(16, requires_grad=True)}
    scope["optimizer"] = torch.optim.SGD([scope["w"]], lr=0.1, momentum=0.9)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "example.py"  # the audit reads the step's file and lines
        path.write_text(STEP)
        exec(compile(STEP, str(path), "exec"), scope)
        step = torch.compile(scope["step"], fullgraph=True)
        x, y = torch.randn(16), torch.randn(16)
        capture.Recording.__init__, plan.optimize = record, passes
        try:
            for _ in range(5):
                step(x, y)
        finally:
            capture.Recording.__init__, plan.optimize = traced, optimize
    (made,) = step.compiled.plans
    parts = [part for segment in made.segments for part in segment.parts]
    shown["kernels"] = "\n".join(repr(group) for group, _ in parts)
    shown["source"] = "\n\n".join(e.source.rstrip() for _, e in parts)
    shown["llvm"] = _heart(made.segments[-1].native.text)
    shown["call"] = made.call.text.rstrip()
    return shown


def _heart(text, most=14):
    """The lines around the last vector store."""
    lines = text.splitlines()
    functions = [i for i, line in enumerate(lines) if line.startswith("define")]
    stores = [i for i, line in enumerate(lines) if re.search(r"store <\d+ x float>", line)]
    stores = stores or [i for i, line in enumerate(lines) if "store" in line]
    last = stores[0]
    first = max(max(f for f in functions if f < last), last - most + 1)
    return "\n".join(line.rstrip() for line in lines[first : last + 1])


def markdown(shown):
    """The stages for the page."""
    parts = [f"```python\n{STEP}```\n"]
    for stage, words in STAGES.items():
        language = "python" if stage == "call" else "llvm" if stage == "llvm" else "text"
        parts.append(f"**{stage}.** {words}:\n\n```{language}\n{shown[stage]}\n```\n")
    return "\n".join(parts)


def main():
    text = markdown(run())
    if "--write" not in sys.argv:
        print(text)
        return
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
