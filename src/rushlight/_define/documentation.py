"""What public operations are for: meaning, formula, shape and an example, read when asked for.

Rows say how to compute and how to differentiate; `documentation.txt` says it in words. An entry
begins with the public name (``torch.abs``, ``torch.Tensor.item``) at the start of a line, its text
is indented. Functions that have a docstring of their own may have an entry with an example only.
The examples are PyTorch's output; tests/docs/test_reference.py runs them.
"""

from __future__ import annotations

import os

_text = ""


def _all() -> str:
    global _text
    if not _text:
        path = os.path.join(os.path.dirname(__file__), "documentation.txt")
        with open(path, encoding="utf-8") as file:
            _text = "\n" + file.read()
    return _text


def names() -> list[str]:
    """The public names that have an entry."""
    return [line for line in _all().split("\n") if line and line[0] != " "]


def text(name: str) -> str | None:
    """The entry of a public name as a docstring, or None.

    >>> text("torch.abs").partition(".")[0]
    'The absolute value of each element; the modulus of a complex one'
    """
    everything = _all()
    start = everything.find(f"\n{name}\n")
    if start < 0:
        return None
    start += len(name) + 2
    end = start
    while everything.startswith(("    ", "\n"), end):
        following = everything.find("\n", end)
        if following < 0:
            return everything[start:].strip()
        end = following + 1
    return everything[start:end].strip()
