"""The ``rushlight`` command: what a program sees under ``rushlight run`` is what Python shows it.

Each program of PROGRAMS runs twice in child processes, under ``python`` and under
``rushlight run``: output, error output and exit code must be equal.
"""

import importlib.util
import os
import pathlib
import signal
import subprocess
import sys

import pytest

from rushlight import cli, cli_info

ROOT = str(pathlib.Path(importlib.util.find_spec("rushlight").origin).parents[1])
RUN = ("-m", "rushlight", "run")


def environment(**changes):
    """The environment of a child: rushlight on the path, no forced BLAS kernels."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENBLAS_", "PYTHON"))}
    return {**kept, "PYTHONPATH": ROOT, **changes}


def python(*arguments, cwd, stdin="", **changes):
    """Run a child interpreter; gives (exit code, output, error output)."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment(**changes),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


PROGRAMS = {
    "main module": """
        '''The docstring.'''
        import os, sys
        print(sys.argv, __name__, __file__, __spec__, __doc__, __package__, os.getcwd())
        print(sys.path[0], type(__loader__).__name__, type(__builtins__).__name__)
        print(sorted(globals()), vars(sys.modules["__main__"]) is globals())
        print(sys.flags, sys.warnoptions, sys.executable, sys.orig_argv[-3:])
        """,
    "imports a neighbour": "import neighbour\nprint(neighbour.answer, neighbour.__file__)",
    "exit with a number": "import sys; print('out'); sys.exit(3)",
    "exit with text": "raise SystemExit('no such data set')",
    "exit with nothing": "import sys; sys.exit()",
    "exit with False": "raise SystemExit(False)",
    "exit at once": "import os; os._exit(7)",
    "uncaught error": """
        def train(step):
            raise ValueError(f"step {step}")

        try:
            {}["lr"]
        except KeyError as error:
            train(2)
        """,
    "error in a library": "import json; json.loads('{')",
    "syntax error": "print('never')\nx = = 1\n",
    "recursion": "def f(): return f()\ntry:\n    f()\nexcept RecursionError: print('deep')",
    "killed by a signal": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "interrupts itself": """
        import signal
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            print("caught")
        def train():
            signal.raise_signal(signal.SIGINT)
        train()
        """,
    "warning": "import warnings\ndef f(): warnings.warn('careful', stacklevel=2)\nf()",
    "at exit": """
        import atexit, sys, threading, time
        atexit.register(print, "exit handler")
        threading.Thread(target=lambda: (time.sleep(0.05), print("thread"))).start()
        sys.exit(4)
        """,
    "excepthook": "import sys; sys.excepthook = lambda *a: print('hook', a[1]); 1 / 0",
    "frames": """
        import inspect
        print([(f.filename, f.function) for f in inspect.stack()])
        """,
    "pickles its classes": """
        import pickle
        class Config:
            pass
        data = pickle.dumps(Config())
        print(type(pickle.loads(data)) is Config, b"__main__" in data)
        """,
    "spawns workers": """
        import multiprocessing, os, sys
        class Square:
            def __call__(self, x):
                return x * x
        print("main" if __name__ == "__main__" else "worker", sys.argv, flush=True)
        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(Square(), [1, 2, 3]), flush=True)
        """,
    "forks workers": """
        import multiprocessing
        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(1) as pool:
                print(pool.map(str, [1, 2, 3]))
        """,
    "reads its input": "import sys; print(sys.stdin.read().upper())",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_runs_as_python_does(name, tmp_path):
    lines = PROGRAMS[name].removeprefix("\n").split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip())
    script = tmp_path / "folder" / "script.py"
    script.parent.mkdir()
    script.write_text("\n".join(line[indent:] for line in lines))
    (script.parent / "neighbour.py").write_text("answer = 42")
    arguments = ("folder/script.py", "-v", "--lr", "0.1")
    expected = python(*arguments, cwd=tmp_path, stdin="text")
    assert python(*RUN, *arguments, cwd=tmp_path, stdin="text") == expected
    assert any(expected) is (name not in ("exit with nothing", "exit with False"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("-m", "package.module", "--epochs", "2"),
        ("-m", "package", "x"),
        ("-mpackage"),
        ("-m", "no_such_module"),
        ("-c", "import sys; print(sys.argv, __name__, sys.path[0]); raise KeyError(1)", "-x"),
        ("-W", "error", "-u", "-c", "import warnings; warnings.warn('x')"),
        ("-Xdev", "-Bc", "import sys; print(sys.flags.dev_mode, sys.dont_write_bytecode)"),
        ("no_such_script.py",),
        ("-", "a"),
        ("package", "a"),
    ],
)
def test_other_ways_to_name_a_program(arguments, tmp_path):
    arguments = (arguments,) if isinstance(arguments, str) else arguments
    (tmp_path / "package").mkdir()
    show = (
        "import sys\nprint(sys.argv, __name__, __file__, __package__, __spec__ and __spec__.name)"
    )
    for name in ("__init__", "__main__", "module"):
        (tmp_path / "package" / f"{name}.py").write_text(show)
    stdin = "import sys; print(sys.argv, __name__)"
    expected = python(*arguments, cwd=tmp_path, stdin=stdin)
    assert python(*RUN, *arguments, cwd=tmp_path, stdin=stdin) == expected


def test_interpreter_options_are_kept(tmp_path):
    code = "import sys; print(sys.warnoptions, sys.flags.optimize)"
    options = ("-W", "ignore::DeprecationWarning", "-O")
    expected = python(*options, "-c", code, cwd=tmp_path)
    assert python(*options, *RUN, "-c", code, cwd=tmp_path) == expected


@pytest.mark.skipif(os.name != "posix", reason="signals of a terminal")
def test_ctrl_c_ends_the_program_as_it_ends_python(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, threading, time\n"
        "def report(main):\n"
        "    while sys._current_frames()[main].f_lineno != 8:\n"
        "        time.sleep(0.01)\n"
        "    print('ready', flush=True)\n"
        "thread = threading.Thread(target=report, args=(threading.get_ident(),))\n"
        "thread.start()\n"
        "time.sleep(60)\n"
    )

    def interrupted(*arguments):
        with subprocess.Popen(
            [sys.executable, *arguments, str(script)],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as child:
            assert child.stdout.readline() == "ready\n"
            os.killpg(child.pid, signal.SIGINT)
            return *child.communicate(timeout=60), child.returncode

    expected = interrupted()
    assert expected[2] == -signal.SIGINT
    assert "KeyboardInterrupt" in expected[1]
    assert interrupted(*RUN) == expected


def test_torch_is_rushlight_in_every_process_of_the_program(tmp_path):
    (tmp_path / "library.py").write_text("import torch\nfrom torch import nn\n")
    (tmp_path / "other.py").write_text(
        "from importlib.metadata import version\n"
        "from torch.nn.functional import relu\n"
        "import torch, rushlight\n"
        "print('child', torch is rushlight, version('torch'), relu.__module__)\n"
    )
    (tmp_path / "script.py").write_text(
        "import importlib.metadata, multiprocessing, subprocess, sys\n"
        "import library\n"
        "import torch, rushlight\n"
        "def worker(cls):\n"
        "    import rushlight\n"
        "    return (cls is rushlight.nn.Linear, torch is rushlight, cls.__module__,\n"
        "            importlib.metadata.version('torch'))\n"
        "if __name__ == '__main__':\n"
        "    print(library.torch is rushlight, library.nn is rushlight.nn)\n"
        "    for method in 'spawn', 'fork':\n"
        "        with multiprocessing.get_context(method).Pool(1) as pool:\n"
        "            print(method, pool.apply(worker, (torch.nn.Linear,)))\n"
        "    sys.stdout.flush()\n"
        "    subprocess.run([sys.executable, 'other.py'], check=True)\n"
    )
    rc, output, errors = python(*RUN, "script.py", cwd=tmp_path)
    assert (rc, errors) == (0, "")
    first, spawned, forked, child = output.splitlines()
    assert first == "True True"
    assert spawned.removeprefix("spawn") == forked.removeprefix("fork")
    assert spawned.startswith("spawn (True, True, 'torch.nn.")
    assert spawned.endswith("'2.13.0')")
    assert child == "child True 2.13.0 torch.nn.functional"


def test_the_present_search_path_is_kept(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "my_library.py").write_text("name = 'mine'")
    path = os.pathsep.join([ROOT, str(tmp_path / "lib")])
    code = "import my_library, os; print(my_library.name, os.environ['PYTHONPATH'])"
    rc, output, _ = python(*RUN, "-c", code, cwd=tmp_path, PYTHONPATH=path)
    assert rc == 0
    name, _, variable = output.strip().partition(" ")
    assert name == "mine"
    shim, *rest = variable.split(os.pathsep)
    assert os.path.isfile(os.path.join(shim, "torch", "__init__.py"))
    assert rest == path.split(os.pathsep)
    again = python(*RUN, "-c", code, cwd=tmp_path, PYTHONPATH=variable)
    assert again == (0, output, "")


def test_an_installed_pytorch_is_not_used(tmp_path):
    site = tmp_path / "site"
    (site / "torch").mkdir(parents=True)
    (site / "torch" / "__init__.py").write_text("raise SystemExit('real PyTorch imported')")
    (site / "torch-1.0.dist-info").mkdir()
    (site / "torch-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: torch\nVersion: 1.0\n"
    )
    code = "import importlib.metadata, torch; print(importlib.metadata.version('torch'), torch.nn)"
    path = os.pathsep.join([str(site), ROOT])
    rc, output, errors = python(*RUN, "-c", code, cwd=tmp_path, PYTHONPATH=path)
    assert (rc, errors) == (0, "")
    assert output.startswith("2.13.0 <module 'rushlight.nn'")


def test_a_checkout_found_through_the_working_directory_reaches_the_program(tmp_path):
    """``python -m rushlight`` finds the package in the current folder, not in the script's."""
    if "site-packages" in ROOT:
        pytest.skip("rushlight is installed: every interpreter of the environment finds it")
    (tmp_path / "script.py").write_text("import torch; print(torch.__version__)")
    script = str(tmp_path / "script.py")
    assert python(*RUN, script, cwd=ROOT, PYTHONPATH="") == (0, "2.13.0\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "unknown command 'train'"),
        (["--verbose"], "unknown option '--verbose'"),
        (["run"], "run needs a SCRIPT, -m MODULE or -c CODE"),
        (["run", "-u"], "run needs a SCRIPT, -m MODULE or -c CODE"),
        (["run", "-m"], "-m needs a module name after it"),
        (["run", "-uc"], "-c needs code after it"),
        (["run", "-W"], "option -W needs a value"),
        (["run", "-z", "x.py"], "unknown option -z"),
        (["run", "--epochs", "2"], "unknown option --epochs"),
        (["run", "-I", "x.py"], "Python's option -I would hide rushlight from the program"),
        (["info", "blas"], "info takes no arguments, but got blas"),
    ],
)
def test_wrong_command_lines_exit_with_2_and_say_why(arguments, message, capsys):
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"rushlight: {message}")


def test_exit_code_of_the_command(tmp_path):
    rc, output, errors = python("-m", "rushlight", "train", cwd=tmp_path)
    assert (rc, output) == (2, "")
    assert errors.startswith("rushlight: unknown command 'train'")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["run", "--help"], ["info", "-h"]])
def test_help(arguments, capsys):
    assert cli.main(arguments) == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: rushlight")
    assert max(map(len, text.splitlines())) <= 100


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == "rushlight 0.1.0 (PyTorch 2.13.0)\n"


def test_info(tmp_path):
    rc, output, errors = python("-m", "rushlight", "info", cwd=tmp_path)
    assert (rc, errors) == (0, "")
    import numpy

    for text in (
        "PyTorch 2.13.0",
        f"NumPy       {numpy.__version__}",
        sys.executable,
        "BLAS",
        "processors",
        "compile",
        "examples",
        f"pytest {pytest.__version__}",
    ):
        assert text in output
    assert "OPENBLAS_CORETYPE" not in output


AVX2 = frozenset(["avx", "avx2", "fma"])
AVX512 = AVX2 | {"avx512f", "avx512dq", "avx512bw", "avx512vl"}


@pytest.mark.parametrize(
    ("forced", "flags", "part"),
    [
        ("Haswell", AVX512, "keeps OpenBLAS on AVX2 kernels although this processor has AVX-512"),
        ("ZEN", AVX512, "keeps OpenBLAS on AVX2 kernels"),
        ("Prescott", AVX2, "keeps OpenBLAS on SSE kernels although this processor has AVX2"),
        ("SkylakeX", AVX2, "may die of an illegal instruction"),
        ("Haswell", AVX2, None),
        ("Zen", AVX2, None),
        ("SkylakeX", AVX512, None),
        ("Haswell", frozenset(), None),
        ("neoversen1", AVX2, None),
        ("", AVX512, None),
        (None, AVX512, None),
    ],
)
def test_forced_kernels_that_do_not_fit_the_processor(forced, flags, part):
    warning = cli_info.core_type_warning(forced, flags)
    if part is None:
        assert warning is None
    else:
        assert part in warning
        assert "unset OPENBLAS_CORETYPE" in warning
        assert f"OPENBLAS_CORETYPE={forced}" in warning


def test_processor_flags(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text("processor : 0\nflags\t\t: fpu avx avx2\nbugs :\nflags : other\n")
    assert cli_info.processor_flags(str(file)) == {"fpu", "avx", "avx2"}
    assert cli_info.processor_flags(str(tmp_path / "none")) == frozenset()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_info_asks_the_loaded_openblas_which_kernels_it_uses(tmp_path):
    import numpy

    if "openblas" not in numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]:
        pytest.skip("NumPy here is built with another BLAS")
    flags = cli_info.processor_flags()
    if not flags >= AVX2:
        pytest.skip("the forced kernels need AVX2")
    rc, output, _ = python("-m", "rushlight", "info", cwd=tmp_path, OPENBLAS_CORETYPE="Sandybridge")
    assert rc == 0
    assert "core type   Sandybridge" in output
    assert "Warning: the environment sets OPENBLAS_CORETYPE=Sandybridge" in output
