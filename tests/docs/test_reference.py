"""The reference: every public name says in a line what it means, the pages can be built, and the
examples of the documentation table give PyTorch's output."""

import doctest
import importlib.util
import pathlib
import textwrap

import pytest

import rushlight as torch
import rushlight.nn.utils.parametrize
import rushlight.nn.utils.prune
import rushlight.optim.swa_utils
import rushlight.utils.checkpoint
from rushlight._define import documentation

ROOT = pathlib.Path(__file__).resolve().parents[2]
#: Public names without an example yet: names may only leave this list.
WITHOUT_EXAMPLE = frozenset((ROOT / "tests/docs/without_example.txt").read_text().split())


def _load():
    path = ROOT / "tools" / "make_reference.py"
    spec = importlib.util.spec_from_file_location("make_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = _load()


@pytest.fixture(scope="module")
def entries():
    return {page: reference.entries(page) for page in reference.PAGES}


@pytest.mark.parametrize("page", reference.PAGES)
def test_every_public_name_has_a_meaning_and_a_signature(entries, page):
    assert entries[page], "a page lists something"
    assert [e.name for e in entries[page] if not e.meaning] == []
    for e in entries[page]:
        assert len(e.meaning) > 3 and not e.meaning.startswith(("Args:", "Raises:", ">>>")), e.name


def test_examples_are_missing_only_where_they_were(entries):
    lacking = {e.name for found in entries.values() for e in found if e.own and not e.has_example}
    assert sorted(lacking - WITHOUT_EXAMPLE) == [], "public names want a runnable example"
    stale = WITHOUT_EXAMPLE - lacking
    assert sorted(stale) == [], "these have one now: remove them from without_example.txt"
    assert len(WITHOUT_EXAMPLE) <= 49


def test_pages_are_written(entries, tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "entries", entries.__getitem__)
    monkeypatch.setattr("sys.argv", ["make_reference.py", str(tmp_path)])
    reference.main()
    written = {p.stem: p.read_text(encoding="utf-8") for p in tmp_path.glob("*.md")}
    assert written.keys() == {*reference.PAGES, "index"}
    for page, found in entries.items():
        for e in found:
            assert f"### {e.name}\n" in written[page]
        assert written[page].count("```") % 2 == 0
    shown = written["torch"]
    shown = shown[shown.index("### torch.exp\n") :].split("### ")[1]
    for part in ("exp(input: Tensor) -> Tensor", "e^x", ">>> torch.exp(", "docs.pytorch.org"):
        assert part in shown


def _finds(name):
    try:
        reference.resolve(name)
    except AttributeError:
        return False
    return True


def test_the_table_documents_what_exists():
    names = documentation.names()
    assert len(set(names)) == len(names) > 700
    assert [n for n in names if not _finds(n)] == []


@pytest.mark.parametrize("name", documentation.names())
def test_example(name):
    text = textwrap.dedent("    " + documentation.text(name)) + "\n"
    test = doctest.DocTestParser().get_doctest(text, {"torch": torch}, name, None, 0)
    complaints = []
    failed = doctest.DocTestRunner(verbose=False).run(test, out=complaints.append).failed
    assert not failed, "".join(complaints)


def test_help_shows_the_table():
    assert torch.add.__doc__ == documentation.text("torch.add")
    assert torch.exp.__doc__ == documentation.text("torch.exp")
