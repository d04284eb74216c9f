"""Einstein summation, composed of permutations, products of matrices and sums."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from . import diagonals, elementwise, linalg, movement, reduce

_plans: dict[tuple[str, tuple[int, ...]], tuple[list[str], str]] = {}
_ARGUMENTS = (
    "einsum(): must specify the equation string and at least one operand, or at least one operand "
    "and its subscripts list"
)
# What an ellipsis stands for is written with letters that no equation has.
_HIDDEN = "\u03b1"


def einsum(*args: Any) -> Tensor:
    """Sum products of elements over the subscripts that the output lacks.

    A subscript that an operand repeats takes its diagonal; without ``->`` the output has the
    subscripts that occur once, in alphabetical order; ``...`` stands for dims that broadcast.

    Args:
        args: the equation and the operands, or each operand followed by the list of its
            subscripts, and the output's list last.

    Raises:
        RuntimeError: an equation that does not fit the operands.
        ValueError: no operand.

    Source: https://pytorch.org/docs/stable/generated/torch.einsum.html

    >>> import rushlight as torch
    >>> torch.einsum("ij,jk->ik", torch.ones(2, 3), torch.ones(3, 1))
    tensor([[3.],
            [3.]])
    """
    if len(args) < 2:
        raise ValueError(_ARGUMENTS)
    if isinstance(args[0], str):
        equation, operands = args[0], args[1:]
        if len(operands) == 1 and isinstance(operands[0], list | tuple):
            operands = tuple(operands[0])
    else:
        equation, operands = _from_sublists(args)
    for i, x in enumerate(operands):
        if not isinstance(x, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 1, but got {type(x).__name__}"
            )
    ranks = tuple(x._data.ndim for x in operands)
    plan = _plans.get((equation, ranks))
    if plan is None:
        if len(_plans) >= 512:
            _plans.clear()
        plan = _plans[equation, ranks] = _parse(equation, ranks)
    return _contract(list(operands), *plan)


def _from_sublists(args: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """``einsum(a, [0, 1], b, [1, 2], [0, 2])`` as an equation."""
    operands, lists = args[0 : len(args) // 2 * 2 : 2], args[1::2]
    output = args[-1] if len(args) % 2 else None

    def letter(n: Any) -> str:
        if n is Ellipsis:
            return "..."
        if not 0 <= n < 52:
            raise ValueError(
                "einsum(): subscript in subscript list is not within the valid range [0, 52)"
            )
        return chr(ord("A") + n) if n < 26 else chr(ord("a") + n - 26)

    def letters(numbers: Any) -> str:
        if isinstance(numbers, Tensor):
            # PyTorch compares the list with Ellipsis element by element.
            bool(numbers == numbers)
        return "".join(letter(n) for n in numbers)

    equation = ",".join(letters(numbers) for numbers in lists)
    return equation + ("->" + letters(output) if output is not None else ""), tuple(operands)


# ---- the equation ------------------------------------------------------------------------------


def _parse(equation: str, ranks: tuple[int, ...]) -> tuple[list[str], str]:
    """One letter for each dim of each operand, and for each dim of the output."""
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    start = 0
    for i, term in enumerate(terms):
        _check_term(term, start, f"operand {i}")
        start += len(term) + 1
    if len(terms) > len(ranks):
        raise RuntimeError(
            "einsum(): fewer operands were provided than specified in the equation"
        )
    if len(terms) < len(ranks):
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    named = [term.replace(" ", "") for term in terms]
    hidden = 0
    for i, (term, rank) in enumerate(zip(named, ranks, strict=True)):
        count = len(term.replace("...", ""))
        where = f"the number of dimensions ({rank}) for operand {i}"
        if "..." not in term:
            if count != rank:
                raise RuntimeError(
                    f"einsum(): the number of subscripts in the equation ({count}) does not match "
                    f"{where} and no ellipsis was given"
                )
        elif count > rank:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({count}) is more than {where}"
            )
        else:
            hidden = max(hidden, rank - count)
    covered = "".join(chr(ord(_HIDDEN) + n) for n in range(hidden))
    spelled = []
    for term, rank in zip(named, ranks, strict=True):
        n = rank - len(term.replace("...", ""))
        spelled.append(term.replace("...", covered[hidden - n :]))
    return spelled, _output(right, left, arrow, spelled, covered)


def _output(right: str, left: str, arrow: str, spelled: list[str], covered: str) -> str:
    if not arrow:
        joined = "".join(spelled)
        once = sorted(c for c in set(joined) if joined.count(c) == 1 and c not in covered)
        return covered + "".join(once)
    _check_term(right, len(left) + 2, "the output")
    right = right.replace(" ", "")
    seen = ""
    for c in right.replace("...", ""):
        if c in seen:
            raise RuntimeError(
                f"einsum(): output subscript {c} appears more than once in the output"
            )
        seen += c
        if not any(c in term for term in spelled):
            raise RuntimeError(
                f"einsum(): output subscript {c} does not appear in the equation for any input "
                "operand"
            )
    return right.replace("...", covered)


def _check_term(term: str, start: int, where: str) -> None:
    """Only letters, spaces and one ellipsis."""
    found = False
    place = 0
    while place < len(term):
        c = term[place]
        if c == ".":
            if found:
                raise RuntimeError(
                    f"einsum(): found '.' for {where} for which an ellipsis was already found"
                )
            if term[place : place + 3] != "...":
                raise RuntimeError(
                    f"einsum(): found '.' for {where} that is not part of any ellipsis"
                )
            found = True
            place += 2
        elif c != " " and not (c.isascii() and c.isalpha()):
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {start + place} in the equation "
                "string, subscripts must be in [a-zA-Z]"
            )
        place += 1


# ---- the products ------------------------------------------------------------------------------


def _contract(operands: list[Tensor], spelled: list[str], output: str) -> Tensor:
    terms = list(spelled)
    for i, term in enumerate(terms):
        if len(set(term)) != len(term):
            operands[i], terms[i] = _diagonals(operands[i], term, i)
    sizes: dict[str, int] = {}
    narrow = False
    for i, (x, term) in enumerate(zip(operands, terms, strict=True)):
        for c, n in zip(term, x._data.shape, strict=True):
            known = sizes.setdefault(c, n)
            if known != n:
                if known != 1 and n != 1:
                    raise RuntimeError(
                        f"einsum(): subscript {c} has size {n} for operand {i} which does not "
                        f"broadcast with previously seen size {known}"
                    )
                narrow = True
                if known == 1:
                    sizes[c] = n
    if narrow:
        for i, (x, term) in enumerate(zip(operands, terms, strict=True)):
            operands[i], terms[i] = _without_ones(x, term, sizes)
    x, term = operands[0], terms[0]
    for i in range(1, len(operands)):
        later = set(output).union(*terms[i + 1 :])
        x, term = _pair(x, term, operands[i], terms[i], later, output)
    x, term = _summed(x, term, set(output))
    if x is operands[0]:  # a view of its own, as any single operand gives
        return movement.permute.call(x, tuple(term.index(c) for c in output))
    return _permuted(x, term, output)


def _diagonals(x: Tensor, term: str, operand: int) -> tuple[Tensor, str]:
    """A subscript that stands twice takes the diagonal of its two dims."""
    while True:
        twice = next((c for c in term if term.count(c) > 1), None)
        if twice is None:
            return x, term
        first = term.index(twice)
        second = term.index(twice, first + 1)
        shape = x._data.shape
        if shape[first] != shape[second]:
            raise RuntimeError(
                f"einsum(): subscript {twice} is repeated for operand {operand} but the sizes "
                f"don't match, {shape[second]} != {shape[first]}"
            )
        x = diagonals.diagonal.call(x, 0, first, second)
        term = term[:first] + term[first + 1 : second] + term[second + 1 :] + twice


def _without_ones(x: Tensor, term: str, sizes: dict[str, int]) -> tuple[Tensor, str]:
    """Without the dims of size 1 that another operand broadcasts."""
    shape = x._data.shape
    kept = [i for i, c in enumerate(term) if shape[i] == sizes[c]]
    if len(kept) == len(term):
        return x, term
    return movement.reshape(x, tuple(shape[i] for i in kept)), "".join(term[i] for i in kept)


def _summed(x: Tensor, term: str, kept: set[str]) -> tuple[Tensor, str]:
    """Summed over the subscripts that are not kept."""
    gone = tuple(i for i, c in enumerate(term) if c not in kept)
    if not gone:
        return x, term
    return reduce.sum_row.call(x, gone, False), "".join(c for c in term if c in kept)


def _pair(
    x: Tensor, left: str, y: Tensor, right: str, later: set[str], output: str
) -> tuple[Tensor, str]:
    """The product of two operands, summed over what only they have."""
    x, left = _summed(x, left, later.union(right))
    y, right = _summed(y, right, later.union(left))
    inner = "".join(c for c in left if c in right and c not in later)
    if not inner:
        order = "".join(c for c in output if c in left or c in right)
        order += "".join(c for c in left + right if c not in output and c not in order)
        order = "".join(dict.fromkeys(order))
        return elementwise.mul.call(_spread(x, left, order), _spread(y, right, order)), order
    batch = "".join(c for c in output if c in left and c in right)
    batch += "".join(c for c in left if c in right and c not in inner and c not in batch)
    rows = _ordered("".join(c for c in left if c not in right), output)
    columns = _ordered("".join(c for c in right if c not in left), output)
    if batch + columns + rows == output != batch + rows + columns:
        x, left, rows, y, right, columns = y, right, columns, x, left, rows
    size = dict(zip(left, x._data.shape, strict=True))
    size.update(zip(right, y._data.shape, strict=True))
    shape = [_product(size, part) for part in (batch, rows, inner, columns)]
    a = movement.reshape(_permuted(x, left, batch + rows + inner), shape[:3])
    b = movement.reshape(_permuted(y, right, batch + inner + columns), (shape[0], *shape[2:]))
    term = batch + rows + columns
    return movement.view.call(linalg.bmm.call(a, b), tuple(size[c] for c in term)), term


def _ordered(term: str, output: str) -> str:
    return "".join(sorted(term, key=lambda c: output.find(c)))


def _product(size: dict[str, int], term: str) -> int:
    n = 1
    for c in term:
        n *= size[c]
    return n


def _permuted(x: Tensor, term: str, order: str) -> Tensor:
    if term == order:
        return x
    return movement.permute.call(x, tuple(term.index(c) for c in order))


def _spread(x: Tensor, term: str, order: str) -> Tensor:
    """The dims of `x` in this order, with a dim of size 1 for each that it lacks."""
    present = "".join(c for c in order if c in term)
    x = _permuted(x, term, present)
    lacking = [i for i, c in enumerate(order) if c not in term]
    if len(lacking) and lacking[-1] >= len(lacking):  # leading ones broadcast by themselves
        shape = dict(zip(present, x._data.shape, strict=True))
        x = movement.reshape(x, tuple(shape.get(c, 1) for c in order))
    return x
