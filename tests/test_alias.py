"""The name ``torch``: one set of modules, in this process and in the ones it starts.

The alias changes ``sys.meta_path`` and class names for good: every check runs in a child process.
"""

import importlib.util
import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

from rushlight import _missing
from rushlight._version import TorchVersion, __version__

ROOT = str(pathlib.Path(importlib.util.find_spec("rushlight").origin).parents[1])


def child(code, cwd=None, path=ROOT, options=()):
    """Run code in a fresh interpreter with warnings as errors; gives its output."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENBLAS_", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, *options, "-W", "error", "-c", textwrap.dedent(code)],
        env={**kept, "PYTHONPATH": path},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


AS_TORCH = "import rushlight\nrushlight.as_torch()\n"
THROUGH_SHIM = f"import os, sys\nsys.path.insert(0, os.path.join({ROOT!r}, 'rushlight', '_shim'))\n"


@pytest.fixture(params=[AS_TORCH, THROUGH_SHIM], ids=["as_torch", "shim"])
def start(request):
    """The two ways into the alias: a call in this process, and what a child process does."""
    return request.param


def test_one_module_object_for_each_name(start):
    child(
        start
        + """
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
import torch.optim as optim
from torch import nn
import torch.version, torch.torch_version
import importlib, sys
import rushlight

assert torch is rushlight
assert nn is rushlight.nn and F is rushlight.nn.functional and optim is rushlight.optim
assert DataLoader is rushlight.utils.data.DataLoader
assert importlib.import_module("torch.nn.functional") is F
real = {n: m for n, m in sys.modules.items() if n.split(".")[0] == "rushlight"}
assert len(real) > 8
for name, module in real.items():
    assert sys.modules["torch" + name.removeprefix("rushlight")] is module, name
alias = {n for n in sys.modules if n.split(".")[0] == "torch"}
assert {"rushlight" + n.removeprefix("torch") for n in alias} == set(real)
"""
    )


def test_a_module_loaded_after_activation_has_one_object_under_either_name(tmp_path, start):
    """Through a copy of the package, so that modules which nothing has loaded can be added."""
    package = tmp_path / "rushlight"
    package.mkdir()
    for entry in pathlib.Path(ROOT, "rushlight").iterdir():
        (package / entry.name).symlink_to(entry)
    late = "class Thing:\n    class Part:\n        pass\n\ndef act(): pass\n_private = Thing\n"
    (package / "late_one.py").write_text(late)
    (package / "late_two").mkdir()
    (package / "late_two" / "__init__.py").write_text(
        "from rushlight.late_two._hidden import Thing\n"
    )
    (package / "late_two" / "_hidden.py").write_text(late)
    (package / "late_two" / "inner.py").write_text(late)
    child(
        start.replace(repr(ROOT), repr(str(tmp_path)))
        + """
import sys, pickle, copy
import torch
import rushlight.late_one
import torch.late_two.inner
for name in "late_one", "late_two", "late_two._hidden", "late_two.inner":
    assert sys.modules["torch." + name] is sys.modules["rushlight." + name], name
    assert sys.modules["rushlight." + name].__spec__.name == "rushlight." + name
one, inner = rushlight.late_one, rushlight.late_two.inner
assert torch.late_one is one and torch.late_two.inner is inner
assert one.Thing.__module__ == "torch.late_one" == one.Thing.Part.__module__ == one.act.__module__
assert inner.Thing.__module__ == "torch.late_two.inner"
assert torch.late_two.Thing.__module__ == "rushlight.late_two._hidden"
for value in one.Thing, one.Thing.Part, one.act, inner.Thing, torch.late_two.Thing:
    assert pickle.loads(pickle.dumps(value)) is value
assert type(copy.deepcopy(one.Thing())) is one.Thing
""",
        path=str(tmp_path),
    )


def test_specs_reload_and_inspect_stay_sound(start):
    child(
        start
        + """
import importlib, importlib.util, inspect, pathlib, runpy, sys
import torch, torch.nn.functional, torch.utils.data
for name in "", ".nn", ".nn.functional", ".utils.data":
    module = sys.modules["torch" + name]
    assert importlib.util.find_spec("torch" + name) is module.__spec__
    assert module.__spec__.name == module.__name__ == "rushlight" + name
    assert module.__spec__.loader is module.__loader__
    assert type(module.__loader__).__name__ == "SourceFileLoader"
    assert inspect.getsource(module) == pathlib.Path(module.__file__).read_text("utf-8")
assert inspect.getmodule(torch.nn.Linear) in sys.modules.values()
assert inspect.getmodule(torch.nn.Linear).__name__.startswith("rushlight.nn")
assert "class Linear" in inspect.getsource(torch.nn.Linear)
version = importlib.reload(torch.version)
assert version is sys.modules["torch.version"] is sys.modules["rushlight.version"] is torch.version
del sys.modules["torch.version"]
spec = importlib.util.find_spec("torch.version")
assert (spec.name, spec.origin) == ("torch.version", torch.version.__file__)
assert spec.submodule_search_locations is None
assert runpy.run_module("torch.version")["__version__"] == "2.13.0"
import torch.version
assert sys.modules["torch.version"] is version and version.__spec__.name == "rushlight.version"
del sys.modules["torch"]
import torch
assert torch is sys.modules["rushlight"] and torch.__spec__.name == "rushlight"
"""
    )


def test_metadata_and_search_before_the_first_import():
    output = child(
        THROUGH_SHIM
        + """
import importlib.metadata, importlib.util
print(importlib.util.find_spec("torch") is not None, "rushlight" in sys.modules)
find = importlib.util.find_spec
origin = find("torch.nn").origin
import torch.nn
print(origin == sys.modules["torch.nn"].__file__, find("torch.mtia"))
print(importlib.metadata.version("torch"), importlib.metadata.packages_distributions()["torch"])
"""
    )
    assert output == "True False\nTrue None\n2.13.0 ['torch']\n"


def test_classes_report_pytorch_modules_and_pickle_in_other_processes(start, tmp_path):
    file = tmp_path / "classes.pkl"
    write = f"""
import pickle, torch, torch.nn, torch.optim, torch.utils.data
values = [torch.nn.Linear, torch.nn.Module, torch.optim.SGD, torch.utils.data.DataLoader]
assert all(v.__module__.split(".")[0] == "torch" for v in values), [v.__module__ for v in values]
assert repr(torch.nn.Linear).startswith("<class 'torch.nn.")
with open({str(file)!r}, "wb") as f:
    pickle.dump(values, f)
"""
    child(start + write)
    assert b"rushlight" not in file.read_bytes()
    read = f"import pickle\nprint([v.__name__ for v in pickle.load(open({str(file)!r}, 'rb'))])"
    read = "import warnings; warnings.simplefilter('ignore', ResourceWarning)\n" + read
    for opening in (AS_TORCH, THROUGH_SHIM):
        assert child(opening + read) == "['Linear', 'Module', 'SGD', 'DataLoader']\n"


def test_without_the_alias_nothing_is_renamed():
    child(
        """
import sys
before = list(sys.meta_path)
import rushlight as torch
from rushlight._alias import publish
publish(torch.nn)
assert torch.nn.Linear.__module__.startswith("rushlight.")
assert "torch" not in sys.modules and sys.meta_path == before
"""
    )


def test_as_torch_reaches_workers_and_subprocesses_and_may_be_called_again(tmp_path):
    (tmp_path / "script.py").write_text(
        textwrap.dedent(
            """
            import importlib.metadata, multiprocessing, os, subprocess, sys
            import rushlight

            def look(cls):
                import torch
                return cls is rushlight.nn.Linear, torch is rushlight, cls.__module__[:8]

            if __name__ == "__main__":
                assert rushlight.as_torch() is rushlight
                state = list(sys.path), list(sys.meta_path), os.environ["PYTHONPATH"]
                assert rushlight.as_torch() is rushlight
                assert state == (list(sys.path), list(sys.meta_path), os.environ["PYTHONPATH"])
                print(importlib.metadata.version("torch"))
                for method in "spawn", "fork":
                    with multiprocessing.get_context(method).Pool(1) as pool:
                        print(pool.apply(look, (rushlight.nn.Linear,)), flush=True)
                code = "import torch, rushlight; print(torch is rushlight)"
                subprocess.run([sys.executable, "-c", code], check=True)
            """
        )
    )
    output = child(
        "import runpy, sys; sys.argv = ['script.py']\n"
        "import subprocess; sys.exit(subprocess.call([sys.executable, 'script.py']))",
        cwd=tmp_path,
    )
    look = "(True, True, 'torch.nn')\n"
    assert output == f"2.13.0\n{look}{look}True\n"


def test_pytorch_already_imported_is_a_clear_error(tmp_path):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("")
    output = child(
        """
import sys
import torch
import rushlight
meta_path, path = list(sys.meta_path), list(sys.path)
try:
    rushlight.as_torch()
except RuntimeError as error:
    print(error)
assert sys.modules["torch"] is torch is not rushlight
assert (sys.meta_path, sys.path) == (meta_path, path)
""",
        path=os.pathsep.join([str(tmp_path), ROOT]),
    )
    assert output.startswith("PyTorch is already imported in this process, from ")
    assert str(tmp_path / "torch" / "__init__.py") in output
    assert "Call rushlight.as_torch() before the first `import torch`" in output


def test_an_interpreter_without_rushlight_is_told_so(tmp_path):
    site = tmp_path / "site-packages"
    (site / "rushlight").mkdir(parents=True)
    shim = pathlib.Path(ROOT, "rushlight", "_shim", "torch", "__init__.py").read_text()
    (site / "rushlight" / "_shim" / "torch").mkdir(parents=True)
    (site / "rushlight" / "_shim" / "torch" / "__init__.py").write_text(shim)
    output = child(
        "try:\n    import torch\nexcept ImportError as error:\n    print(error.name, error)",
        path=str(site / "rushlight" / "_shim"),
        options=["-S"],  # rushlight may be installed for this interpreter
    )
    assert output.startswith(
        "torch No module named 'torch': PYTHONPATH says that torch is rushlight"
    )
    assert sys.executable in output


@pytest.mark.parametrize(
    ("statement", "kinds", "text"),
    [
        (
            "import torch.mtia",
            "ModuleNotFoundError, NotImplementedError",
            "No module named 'torch.mtia': PyTorch has torch.mtia, rushlight does not have it yet",
        ),
        ("import torch.nonsense.x", "ModuleNotFoundError", "No module named 'torch.nonsense' ("),
        (
            "import torch._dynamo",
            "ModuleNotFoundError",
            "No module named 'torch._dynamo': torch._d",
        ),
        (
            "from torch import mtia",
            "ImportError",
            "cannot import name 'mtia' from 'torch': PyTorch has torch.mtia, rushlight does not",
        ),
        (
            "from torch import nonsense",
            "ImportError",
            "cannot import name 'nonsense' from 'torch' (",
        ),
        (
            "import rushlight.nonsense",
            "ModuleNotFoundError",
            "No module named 'rushlight.nonsense'",
        ),
        (
            "torch.mtia",
            "AttributeError, NotImplementedError",
            "module 'torch' has no attribute 'mtia': PyTorch has torch.mtia, rushlight does not",
        ),
        ("torch.nonsense", "AttributeError", "module 'torch' has no attribute 'nonsense'"),
    ],
)
def test_what_does_not_exist_names_itself(start, statement, kinds, text):
    output = child(
        start
        + f"""
import torch
try:
    {statement}
except Exception as error:
    for kind in ({kinds},):
        assert isinstance(error, kind), type(error).__mro__
    print(error)
"""
    )
    assert output.startswith(text)


def test_libraries_may_probe_for_what_does_not_exist(start):
    child(
        start
        + """
import importlib.util
import torch
assert not hasattr(torch, "mtia") and getattr(torch, "mtia", 1) == 1
assert not hasattr(torch, "__nonsense__")
assert importlib.util.find_spec("torch.mtia") is None
assert importlib.util.find_spec("torch.nn.nonsense") is None
try:
    from torch.mtia import stream
except ImportError:
    stream = None
assert stream is None
"""
    )


@pytest.mark.parametrize(
    ("owner", "name", "known"),
    [
        ("rushlight", "matmul", True),
        ("torch", "nn", True),
        ("torch.nn", "Transformer", True),
        ("rushlight.nn.functional", "scaled_dot_product_attention", True),
        ("torch.Tensor", "index_add_", True),
        ("torch", "MatMul", False),
        ("torch.nn.functional", "math", False),
        ("torch", "_C", False),
        ("numpy", "matmul", False),
    ],
)
def test_names_of_pytorch_are_told_from_others(owner, name, known):
    error = _missing.missing_attribute(owner, name)
    assert isinstance(error, AttributeError)
    assert isinstance(error, NotImplementedError) is known
    path = owner.replace("rushlight", "torch")
    holder = "'Tensor' object" if path == "torch.Tensor" else f"module '{path}'"
    expected = f"{holder} has no attribute '{name}'"
    if known:
        expected += f": PyTorch has {path}.{name}, rushlight does not have it yet"
    assert str(error) == expected


# Each row: another version, then how 2.13.0 compares with it (-1 before, 0 equal, 1 after).
COMPARISONS = [
    ("2.8", 1),
    ("2.13", 0),
    ("v2.13.0", 0),
    ("2.13.0+cpu", -1),
    ("2.13.0a0", 1),
    ("2.13.0.dev20250101", 1),
    ("2.13.0rc1", 1),
    ("2.13.0.post1", -1),
    ("2.13.0-1", -1),
    ("1!1.0", -1),
    ("10.0", -1),
    ("abc", -1),
    ((2, 8), 1),
    ((2, 13), 0),
    ([2, 14], -1),
    (("2", "13"), 0),
]


@pytest.mark.parametrize(("other", "sign"), COMPARISONS)
def test_the_version_compares_as_pytorchs_does(other, sign):
    version = TorchVersion("2.13.0")
    assert (version < other) is (sign < 0)
    assert (version <= other) is (sign <= 0)
    assert (version == other) is (sign == 0)
    assert (version >= other) is (sign >= 0)
    assert (version > other) is (sign > 0)
    assert (other < version) is (sign > 0)
    assert (version != other) is (sign != 0)


def test_versions_in_order():
    ordered = ["1.0.dev1", "1.0a1.dev1", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0+abc", "1.0+5"]
    ordered += ["1.0+5.1", "1.0.post1.dev1", "1.0.post1", "1.1", "1.10", "2!0.1"]
    for index, earlier in enumerate(ordered):
        for later in ordered[index + 1 :]:
            assert TorchVersion(earlier) < TorchVersion(later), (earlier, later)


def test_the_version_is_a_string():
    assert isinstance(__version__, str)
    assert str(__version__) == "2.13.0"
    assert {"2.13.0": 1}[__version__] == 1
    assert __version__ != 2.13
    with pytest.raises(TypeError):
        __version__ < 3  # noqa: B015
    output = child(
        AS_TORCH
        + """
import pickle, torch, torch.version
from torch.torch_version import TorchVersion
assert type(torch.__version__) is TorchVersion and torch.__version__ > "2.8"
assert TorchVersion.__module__ == "torch.torch_version"
assert type(pickle.loads(pickle.dumps(torch.__version__))) is TorchVersion
print(torch.version.__version__, type(torch.version.__version__).__name__, torch.version.cuda,
      torch.version.hip, torch.version.debug, torch.__rushlight_version__)
"""
    )
    assert output == "2.13.0 str None None False 0.1.0\n"
