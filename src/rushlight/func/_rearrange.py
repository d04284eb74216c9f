"""``torch.func.rearrange``: dims by name."""

from __future__ import annotations

import math
from typing import Any

from .._core import TEN, Tensor


class DimensionBindError(Exception):
    """Sizes that do not fit a pattern."""


_REST = "..."
#: The dims without a name, each its own; in brackets they are joined.
_BARE = [_REST]


def _parse(text: str) -> list[list[str]]:
    """One list of names for each dim of one side of a pattern; ``...`` stands alone."""
    groups: list[list[str]] = []
    inside: list[str] | None = None
    words = text.replace("(", " ( ").replace(")", " ) ").replace(_REST, f" {_REST} ").split()
    for word in words:
        if word == "(":
            if inside is not None:
                raise ValueError("brackets inside brackets are not allowed in a pattern")
            inside = []
        elif word == ")":
            if inside is None:
                raise ValueError("a bracket is closed that was not opened")
            groups.append(inside)
            inside = None
        elif word != _REST and word != "1" and not word.isidentifier():
            raise ValueError(f"Invalid axis identifier: {word!r}")
        elif inside is None:
            groups.append([] if word == "1" else _BARE if word == _REST else [word])
        elif word != "1":
            inside.append(word)
    if inside is not None:
        raise ValueError("a bracket is opened and not closed")
    names = [n for g in groups for n in g]
    for n in names:
        if names.count(n) > 1:
            raise ValueError(f"Indexing expression contains duplicate dimension '{n}'")
    return groups


def rearrange(
    tensor: Tensor | list[Tensor] | tuple[Tensor, ...], pattern: str, **axes_lengths: int
) -> Tensor:
    """Permute, split and join dims by a pattern that names them: ``"b c h w -> b (h w) c"``.

    Brackets join several dims to one, or split one; ``...`` are the dims without a name, ``1`` is
    a dim of size 1.

    Args:
        tensor: a Tensor, or several, which are stacked first.
        axes_lengths: sizes of dims that the tensor does not tell.

    Raises:
        ValueError: a pattern that does not fit.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.rearrange.html

    >>> import rushlight as torch
    >>> torch.func.rearrange(torch.arange(6), "(a b) -> b a", a=2)
    tensor([[0, 3],
            [1, 4],
            [2, 5]])
    """
    whole: Tensor = tensor if isinstance(tensor, Tensor) else TEN.stack(list(tensor), 0)
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError("Pattern must contain a single '->' separator")
    left, right = _parse(sides[0]), _parse(sides[1])
    names = {n for g in left for n in g}
    if alone := names ^ {n for g in right for n in g}:
        raise ValueError(
            f"Identifiers only on one side of rearrange expression (should be on both): {alone}"
        )
    shape = whole._data.shape
    rest = len(shape) - len(left) + 1
    hidden = [f".{n}" for n in range(rest)] if _REST in names else []
    left, right = _spelt(left, hidden), _spelt(right, hidden)
    if len(left) != len(shape):
        raise ValueError(
            f"Number of dimensions in pattern ({len(left)}) must be equal to the number of "
            f"dimensions in the tensor ({len(shape)})"
        )
    sizes = {n: int(axes_lengths[n]) for n in axes_lengths}
    for group, n in zip(left, shape, strict=True):
        _bind(group, n, sizes)
    order = [n for g in left for n in g]
    split: Any = TEN.reshape(whole, tuple(sizes[n] for n in order))
    turned = TEN.permute(split, tuple(order.index(n) for g in right for n in g))
    found: Tensor = TEN.reshape(
        turned, tuple(math.prod(sizes[n] for n in g) for g in right)
    )
    return found


def _spelt(groups: list[list[str]], hidden: list[str]) -> list[list[str]]:
    """The groups with names for the dims that have none."""
    found: list[list[str]] = []
    for group in groups:
        if group is _BARE:
            found.extend([n] for n in hidden)
        else:
            found.append([m for n in group for m in (hidden if n == _REST else [n])])
    return found


def _bind(group: list[str], size: int, sizes: dict[str, int]) -> None:
    unknown = [n for n in group if n not in sizes]
    known = math.prod(sizes[n] for n in group if n in sizes)
    shown = tuple(sizes.get(n, "?") for n in group)
    if len(unknown) > 1:
        raise DimensionBindError(
            f"cannot infer the sizes of {len(unknown)} dimensions at once: {', '.join(unknown)}"
        )
    if unknown:
        if not known or size % known:
            raise DimensionBindError(
                f"inferred dimension does not evenly fit into larger dimension: {size} vs {shown}"
            )
        sizes[unknown[0]] = size // known
    elif known != size:
        raise DimensionBindError(
            f"Dimension sizes to do not match ({size} != {known}) when matching dimension pack "
            f"{shown}"
        )
