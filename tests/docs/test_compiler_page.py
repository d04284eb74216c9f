"""The worked example of docs/compiler.md: every stage is there, and is what the compiler makes.

The texts themselves may differ from the page in numbers and order: the page is a picture.
"""

import importlib.util
import pathlib
import re

import pytest

pytest.importorskip("llvmlite")
ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "compiler.md").read_text(encoding="utf-8")


def _load():
    path = ROOT / "tools" / "compiler_example.py"
    spec = importlib.util.spec_from_file_location("compiler_example", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = _load()


@pytest.fixture(scope="module")
def shown():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUSHLIGHT_CACHE", "0")
        patch.setattr("rushlight.compiler.check.enabled", False)  # each plan runs by itself
        return example.run()


def test_every_stage_is_shown_and_on_the_page(shown):
    assert shown.keys() == example.STAGES.keys()
    assert all(shown.values())
    made = PAGE[PAGE.index(example.BEGIN) : PAGE.index(example.END)]
    assert example.STEP in made
    places = [made.index(f"**{stage}.**") for stage in example.STAGES]
    assert places == sorted(places)


def test_the_program_has_forward_backward_and_update(shown):
    made = PAGE[PAGE.index("**program.**") : PAGE.index("**equations.**")]
    for text in (made, shown["program"]):
        names = re.findall(r"= (\w+)", text)
        assert {"cell", "mul", "tanh", "mean_all", "accumulate", "scalar"} <= set(names)
        order = [names.index(n) for n in ("tanh", "mean_all", "accumulate", "scalar")]
        assert order == sorted(order), "forward, backward, update"
        assert "[...] = %" in text


def test_stages_follow_from_one_another(shown):
    equations, optimized = shown["equations"].splitlines(), shown["optimized"].splitlines()
    assert len(optimized) < len(equations)
    assert not any("= host " in line for line in optimized), "all of it has native lowerings"
    loops = [line for line in shown["kernels"].splitlines() if line.startswith("loop")]
    assert 0 < len(loops) < len(optimized)
    assert "tanh(" in shown["source"] and "for i in range(16)" in shown["source"]
    assert re.search(r"store (<\d+ x )?float", shown["llvm"])
    assert shown["call"].startswith("def call(args, kwargs):") and "return MISS" in shown["call"]
