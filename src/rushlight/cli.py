"""The ``rushlight`` command: run a PyTorch program on rushlight, or show what rushlight runs on.

``rushlight run`` hands the process over to ``python`` (exec) with the shim directory on PYTHONPATH.
So everything a program can see of its interpreter - ``__main__``, ``sys.argv``, tracebacks, exit
codes, Ctrl-C, multiprocessing - is Python's own behaviour, not an imitation of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from rushlight._alias import with_shim
from rushlight._version import __rushlight_version__, __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

HELP = """\
usage: rushlight COMMAND ...

rushlight runs PyTorch programs on NumPy.

commands:
  run SCRIPT [ARGS]     run a program, with `import torch` meaning rushlight
  run -m MODULE [ARGS]  the same for a module, as `python -m` does
  run -c CODE [ARGS]    the same for a line of code
  info                  versions, BLAS and its kernels, threads, extras

options:
  -h, --help            show this text
  --version             show rushlight's version and the PyTorch version it follows

In a notebook, `import rushlight; rushlight.as_torch()` does what `run` does.
"""

RUN_HELP = """\
usage: rushlight run [PYTHON OPTIONS] SCRIPT [ARGS]
       rushlight run [PYTHON OPTIONS] -m MODULE [ARGS]
       rushlight run [PYTHON OPTIONS] -c CODE [ARGS]

Runs the program as `python SCRIPT [ARGS]` would, with one difference: `import torch` and every
`torch.*` path lead to rushlight, in the program, in the libraries it imports, and in the processes
that it starts. SCRIPT may be `-` for standard input.

Python options such as `-u`, `-W error` or `-X dev` go to Python. `-E` and `-I` do not work here:
they hide PYTHONPATH, through which child processes find rushlight.

examples:
  rushlight run train.py --epochs 20
  rushlight run -m mypackage.train --epochs 20
  rushlight run -c "import torch; print(torch.randn(2, 3))"
"""

INFO_HELP = """\
usage: rushlight info

Shows versions (rushlight, the PyTorch it follows, Python, NumPy), the BLAS library and the kernels
it chose for this processor, threads, and which optional packages are installed.
"""

_FLAGS = frozenset("bBdiOPqRsSuvx")
_FLAGS_WITH_VALUE = frozenset("WX")
_HIDING_FLAGS = frozenset("EI")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; ``run`` does not return where exec exists.

    Args:
        arguments: the words after ``rushlight``, by default those of ``sys.argv``.
    """
    command, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if command in ("-h", "--help", "help"):
        return _say(HELP)
    if command in ("-V", "--version"):
        return _say(f"rushlight {__rushlight_version__} (PyTorch {__version__})\n")
    if command == "run":
        return _run(rest)
    if command == "info":
        return _info(rest)
    kind = "option" if command.startswith("-") else "command"
    return _fail(f"unknown {kind} {command!r} (`rushlight --help` lists them)")


def _say(text: str) -> int:
    sys.stdout.write(text)
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"rushlight: {message}\n")
    return 2


def _info(arguments: list[str]) -> int:
    if arguments in (["-h"], ["--help"]):
        return _say(INFO_HELP)
    if arguments:
        return _fail(f"info takes no arguments, but got {' '.join(arguments)}")
    from rushlight.cli_info import report

    return _say(report())


def _run(arguments: list[str]) -> int:
    if arguments[:1] in (["-h"], ["--help"]):
        return _say(RUN_HELP)
    problem = _what_is_wrong(arguments)
    if problem:
        return _fail(f"{problem} (`rushlight run --help` explains)")
    if not sys.executable:
        return _fail("this Python does not know its own path (sys.executable is empty)")
    environment = dict(os.environ)
    try:
        inherited = None if sys.flags.ignore_environment else os.environ.get("PYTHONPATH")
        environment["PYTHONPATH"] = with_shim(inherited)
    except RuntimeError as error:
        return _fail(str(error))
    command = [sys.executable, *_options_of_this_python(), *arguments]
    return _become(command, environment)


def _what_is_wrong(arguments: list[str]) -> str | None:
    """The reason why `arguments` do not name a program to run, or None."""
    words = iter(arguments)
    for word in words:
        if word == "-" or not word.startswith("-"):
            return None
        if word.startswith("--"):
            return f"unknown option {word}"
        for position, flag in enumerate(word[1:], start=2):
            if flag in "mc":
                if not word[position:] and next(words, None) is None:
                    return f"-{flag} needs {'a module name' if flag == 'm' else 'code'} after it"
                return None
            if flag in _HIDING_FLAGS:
                return f"Python's option -{flag} would hide rushlight from the program"
            if flag in _FLAGS_WITH_VALUE:
                if not word[position:] and next(words, None) is None:
                    return f"option -{flag} needs a value"
                break
            if flag not in _FLAGS:
                return f"unknown option -{flag}"
    return "run needs a SCRIPT, -m MODULE or -c CODE"


def _options_of_this_python() -> list[str]:
    """The options this interpreter was started with (``python -W error -m rushlight ...``)."""
    options = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [option for option in options if option not in ("-E", "-I")]


def _become(command: list[str], environment: dict[str, str]) -> int:
    if os.name == "posix":
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(command[0], command, environment)
    # Windows has no exec: its imitation returns to the shell while the program still runs.
    with subprocess.Popen(command, env=environment) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # the program got it too, and decides
