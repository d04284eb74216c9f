"""Einstein summation as one variadic row: its derivative is another Einstein summation."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _dtypes
from .._core import Tensor
from .._define.variadic import variadic


def _normal(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """Subscripts of the operands and the output, with ellipses spelled out in capitals."""
    equation = equation.replace(" ", "")
    left, arrow, right = equation.partition("->")
    operands = left.split(",")
    if len(operands) != len(ranks):
        more = len(operands) > len(ranks)
        raise RuntimeError(
            "einsum(): more subscripts in equation than operands" if more
            else "einsum(): fewer number of subscripts in equation than operands"
        )  # fmt: skip
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in equation]
    hidden = 0
    for text, rank in zip(operands, ranks, strict=True):
        if "..." in text:
            hidden = max(hidden, rank - len(text.replace("...", "")))
    letters = free[:hidden]
    spelled = []
    for i, (text, rank) in enumerate(zip(operands, ranks, strict=True)):
        if "..." in text:
            n = rank - len(text.replace("...", ""))
            text = text.replace("...", "".join(letters[hidden - n :]))
        if len(text) != rank:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(text)}) does not match "
                f"the number of dimensions ({rank}) for operand {i} and no ellipsis was given"
            )
        spelled.append(text)
    if arrow:
        output = right.replace("...", "".join(letters))
    else:
        joined = "".join(spelled)
        once = sorted(c for c in set(joined) if joined.count(c) == 1 and c not in letters)
        output = "".join(letters) + "".join(once)
    for c in output:
        if not any(c in text for text in spelled):
            raise RuntimeError(
                f"einsum(): output subscript {c} does not appear in the equation for any input "
                "operand"
            )
    return spelled, output


def _forward(equation: str, arrays: Any) -> Any:
    spelled, output = _normal(equation, [a.ndim for a in arrays])
    subscripts = ",".join(spelled) + "->" + output
    dtype = arrays[0].dtype
    if dtype in _dtypes.LOW_PRECISION:
        wide = [a.astype(np.float32) for a in arrays]
        return np.asarray(np.einsum(subscripts, *wide)).astype(dtype)
    out = np.einsum(subscripts, *arrays, optimize=len(arrays) > 1 and arrays[0].size > 256)
    return np.array(out) if out.base is not None else np.asarray(out)


def _gradients(k: Any, g: Any, xs: Any, equation: str, need: Any) -> list[Any]:
    spelled, output = _normal(equation, [len(tuple(x.shape)) for x in xs])
    results: list[Any] = []
    for i, wanted in enumerate(need):
        results.append(_one(k, g, xs, spelled, output, i) if wanted else None)
    return results


def _one(k: Any, g: Any, xs: Any, spelled: list[str], output: str, i: int) -> Any:
    text = spelled[i]
    if len(set(text)) != len(text):
        raise NotImplementedError(
            "the derivative of einsum with a subscript repeated in one operand"
        )
    others = [x for j, x in enumerate(xs) if j != i]
    texts = [t for j, t in enumerate(spelled) if j != i]
    known = set(output).union(*texts) if texts else set(output)
    kept = "".join(c for c in text if c in known)
    back = ",".join([output, *texts]) + "->" + kept
    grad = k.einsum(back, [g, *others])
    shape = tuple(xs[i].shape)
    if kept != text:
        # Indices that only this operand has were summed away: every element gets the same.
        sizes = zip(text, shape, strict=True)
        grad = k.reshape(grad, tuple(n if c in known else 1 for c, n in sizes))
    if tuple(grad.shape) != shape:
        grad = _matched(k, grad, shape)
    return grad


def _matched(k: Any, grad: Any, shape: tuple[int, ...]) -> Any:
    """Sizes of 1 that einsum broadcast are summed, sizes it summed away are repeated."""
    narrow = tuple(1 if n == 1 else m for n, m in zip(shape, tuple(grad.shape), strict=True))
    if narrow != tuple(grad.shape):
        grad = k.sum_to(grad, narrow)
    return k.expand(grad, shape)


einsum_row = variadic(
    "einsum", _forward, "einsum(str equation, Tensor[] tensors) -> Tensor", _gradients
)


def einsum(*args: Any) -> Tensor:
    """Sum products of elements over the subscripts that the output lacks.

    >>> import rushlight as torch
    >>> torch.einsum("ij,jk->ik", torch.ones(2, 3), torch.ones(3, 1))
    tensor([[3.],
            [3.]])
    """
    if not isinstance(args[0], str):
        equation, operands = _from_sublists(args)
    else:
        equation, operands = args[0], args[1:]
        if len(operands) == 1 and isinstance(operands[0], list | tuple):
            operands = tuple(operands[0])
    return einsum_row.call(equation, list(operands))


def _from_sublists(args: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """``einsum(a, [0, 1], b, [1, 2], [0, 2])`` as an equation."""
    operands, lists = list(args[0 : len(args) // 2 * 2 : 2]), list(args[1::2])
    output = args[-1] if len(args) % 2 else None

    def letters(numbers: Any) -> str:
        return "".join("..." if n is Ellipsis else chr(ord("a") + n) for n in numbers)

    equation = ",".join(letters(numbers) for numbers in lists)
    return equation + ("->" + letters(output) if output is not None else ""), tuple(operands)



