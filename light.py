#!/usr/bin/env python3
"""Sets rushlight up in a virtual environment of its own (.venv) and runs it.

    python3 light.py           train the digits example and draw its loss curve
    python3 light.py test      run the tests
    python3 light.py setup     only set up; then: .venv/bin/rushlight run YOUR_SCRIPT.py

Needs Python 3.11 or later and nothing else; what is missing is named together with its cure.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent
VENV = pathlib.Path(os.environ.get("RUSHLIGHT_VENV", ROOT / ".venv"))
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
# Set on some build machines, where they halve NumPy's speed.
SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def fail(problem, *cure):
    print(f"light.py: {problem}", file=sys.stderr)
    for line in cure:
        print("  " + line, file=sys.stderr)
    sys.exit(1)


def check_python():
    if sys.version_info < (3, 11):  # noqa: UP036 - this script also runs where it must refuse
        fail(
            "Python 3.11 or later is needed, this is " + sys.version.split()[0],
            "Debian 12, Ubuntu 24.04:  sudo apt install python3 python3-venv",
            "elsewhere: https://www.python.org/downloads/  or  uv python install 3.13",
            "then: PATH/TO/python3.13 light.py",
        )


def make_environment():
    if (BIN / ("python.exe" if os.name == "nt" else "python")).exists():
        return
    try:
        import ensurepip  # noqa: F401 - Debian ships Python without it
        import venv
    except ImportError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        fail(
            "this Python cannot make virtual environments (ensurepip is missing)",
            f"Debian, Ubuntu:  sudo apt install python{version}-venv",
            "without root:    python3 -m pip install --user virtualenv && "
            f"python3 -m virtualenv {VENV}",
            "then run light.py again",
        )
    print(f"light.py: making {VENV}")
    venv.create(VENV, with_pip=True, clear=False)


def install(extras):
    """Install this checkout with `extras`, unless that was done and nothing changed since."""
    stamp = VENV / "installed-by-light"
    digest = hashlib.sha256()
    for path in sorted(ROOT.glob("src/rushlight/**/*")) + [ROOT / "pyproject.toml"]:
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    state = f"{digest.hexdigest()} {extras}"
    source, _, installed = (stamp.read_text() if stamp.exists() else "").partition(" ")
    if source == digest.hexdigest() and set(extras.split(",")) <= set(installed.split(",")):
        return
    print(f"light.py: installing rushlight[{extras}]", flush=True)
    command = [str(BIN / "python"), "-m", "pip", "install", "--quiet",
               "--disable-pip-version-check", f"{ROOT}[{extras}]"]  # fmt: skip
    if subprocess.run(command).returncode:
        fail(
            "pip could not install what is needed (see its message above)",
            "without a network: python3 -m pip download numpy ml_dtypes setuptools matplotlib on a "
            "machine that has one,",
            "then PIP_NO_INDEX=1 PIP_FIND_LINKS=THAT_FOLDER python3 light.py",
        )
    # What setuptools leaves here it would install again, even modules that are gone by then.
    shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)
    stamp.write_text(state)


def main():
    check_python()
    arguments = sys.argv[1:]
    task = arguments.pop(0) if arguments and not arguments[0].startswith("-") else "digits"
    if task not in ("digits", "test", "setup"):
        print(__doc__)
        sys.exit(2)
    make_environment()
    install("compile,examples,test" if task == "test" else "compile,examples")
    environment = {k: v for k, v in os.environ.items() if k not in SLOWING}
    if task == "setup":
        print(f"light.py: ready; try  {BIN / 'rushlight'} info")
        return
    if task == "test":
        command = [str(BIN / "python"), "-m", "pytest", *arguments]
    else:
        command = [str(BIN / "rushlight"), "run", str(ROOT / "examples" / "digits.py"), *arguments]
    sys.exit(subprocess.run(command, cwd=ROOT, env=environment).returncode)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
