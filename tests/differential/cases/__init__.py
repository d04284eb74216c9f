"""Groups of cases: ordinary PyTorch code, run on both sides."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """A piece of PyTorch code.

    Attributes:
        text: statements; the value of the last expression is compared.
        kind: "pointwise", "sum", "exact" or "training": which tolerance its values deserve.
        gradients: whether to differentiate it by the float tensors it names.
        second: whether to differentiate twice.
    """

    text: str
    kind: str = "sum"
    gradients: bool = True
    second: bool = True


def lines(text: str, kind: str = "sum", gradients: bool = True, second: bool = True) -> list[Case]:
    """One case for each line that is not empty or a comment."""
    kept = [line.strip() for line in text.splitlines()]
    return [Case(line, kind, gradients, second) for line in kept if line and line[0] != "#"]
