"""`gradcheck` of forward mode, and of derivatives that are taken in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import Tensor, wrap
from ._jacobians import FAST, as_tuple, close
from .differentiate import grad
from .forward_level import jvp_level, make_dual_at, tangent_at
from .gradcheck import GradcheckError
from .vmap import mapped

if TYPE_CHECKING:
    from collections.abc import Callable

_FORWARD = "gradcheck failed while testing batched gradient computation with forward-mode AD."
_BACKWARD = "gradcheck or gradgradcheck failed while testing batched gradient computation."


class Forward:
    """A function at a point, and its derivatives there in chosen directions.

    Args:
        func: the function.
        inputs: where; those that require grad are moved.
        positions: which of its outputs count.
    """

    def __init__(
        self, func: Callable[..., Any], inputs: tuple[Any, ...], positions: list[int]
    ) -> None:
        self.func = func
        self.inputs = inputs
        self.positions = positions
        self.moving = [
            i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x._edge is not None
        ]

    def tangents(self, directions: dict[int, Tensor]) -> list[Tensor]:
        """The tangents of the outputs; inputs without a direction are not dual."""
        with jvp_level() as level:
            given = [
                make_dual_at(level, x, directions[i]) if i in directions else x
                for i, x in enumerate(self.inputs)
            ]
            outputs = as_tuple(self.func(*given))
            found = []
            for position in self.positions:
                out = outputs[position]
                t = tangent_at(level, out)
                found.append(wrap(np.zeros_like(out._data)) if t is None else t)
            return found

    def along(self, number: int, direction: Any) -> list[Any]:
        """Arrays: the derivatives in a direction of one input, zero in those of the others."""
        return [t._data for t in self.tangents(self.directions({number: direction}))]

    def directions(self, given: dict[int, Any]) -> dict[int, Tensor]:
        found = {}
        for i in self.moving:
            data = self.inputs[i]._data
            moved = given.get(i)
            found[i] = wrap(
                np.zeros_like(data) if moved is None else np.asarray(moved).astype(data.dtype)
            )
        return found

    def differences(self, number: int, direction: Any, eps: float) -> list[Any]:
        """The same by central differences."""
        data = self.inputs[number]._data
        kept = data.copy()
        before = _core.set_modes(False, False)
        try:
            data[...] = kept + eps * direction
            above = [np.array(as_tuple(self.func(*self.inputs))[p]._data) for p in self.positions]
            data[...] = kept - eps * direction
            below = [np.array(as_tuple(self.func(*self.inputs))[p]._data) for p in self.positions]
        finally:
            data[...] = kept
            _core.set_modes(*before)
        return [(a - b) / (2 * eps) for a, b in zip(above, below, strict=True)]

    def jacobians(
        self, number: int, unit: complex, one: Callable[[int, Any], list[Any]]
    ) -> list[Any]:
        """For each output: a row for each element of an input; `one` gives them."""
        shape = self.inputs[number]._data.shape
        rows: list[list[Any]] = [[] for _ in self.positions]
        for place in np.ndindex(*shape):
            direction = np.zeros(shape, np.complex128 if unit == 1j else np.float64)
            direction[place] = unit
            for row, t in zip(rows, one(number, direction), strict=True):
                row.append(np.ravel(t))
        return [np.stack(row) if row else np.zeros((0, 0)) for row in rows]


def check_forward(
    func: Callable[..., Any], inputs: tuple[Any, ...], positions: list[int], eps: float,
    atol: float, rtol: float, fast: bool, undefined: bool,
) -> None:  # fmt: skip
    """Compare tangents with differences; raise `GradcheckError` where they differ."""
    at = Forward(func, inputs, positions)
    passes: list[tuple[str, complex, list[int]]] = [("", 1, at.moving)]
    if any(inputs[i]._data.dtype.kind == "c" for i in at.moving):
        note = "While considering the {} part of complex inputs only, "
        complexes = [i for i in at.moving if inputs[i]._data.dtype.kind == "c"]
        passes = [(note.format("imaginary"), 1j, complexes), (note.format("real"), 1, at.moving)]

    def differences(number: int, direction: Any) -> list[Any]:
        return at.differences(number, direction, eps)

    source = np.random.default_rng(0)
    for note, unit, numbers in passes:
        for which, i in enumerate(numbers):
            if fast:
                size = max(inputs[i]._data.size, 1)
                u = source.uniform(0.5, 1.0, inputs[i]._data.shape) / size**0.5 * unit
                found, wanted = at.along(i, u), differences(i, u)
            else:
                found = at.jacobians(i, unit, at.along)
                wanted = at.jacobians(i, unit, differences)
            for j, (a, b) in enumerate(zip(found, wanted, strict=True)):
                if close(a, b, rtol, atol):
                    continue
                text = (
                    f"{note}Jacobian computed with forward mode mismatch for output {j} with "
                    f"respect to input {which},\nnumerical:{wrap(np.ravel(b) if fast else b)}\n"
                    f"analytical:{wrap(np.ravel(a) if fast else a)}\n"
                )
                if fast:
                    exact = at.jacobians(i, unit, at.along)[j]
                    whole = at.jacobians(i, unit, differences)[j]
                    worst = float(np.max(np.abs(whole - exact), initial=0.0))
                    text += FAST.format(wrap(whole), wrap(exact), worst)
                raise GradcheckError(text)
    if undefined:
        _check_undefined(at, source)


def _check_undefined(at: Forward, source: Any) -> None:
    """An input without a tangent is one with a tangent of zeros."""
    if len(at.moving) < 2:
        return
    for i in at.moving:
        others = {
            j: source.uniform(0, 1, at.inputs[j]._data.shape) for j in at.moving if j != i
        }
        zeros = at.directions(others)
        wanted = at.tangents(zeros)
        found = at.tangents({j: t for j, t in zeros.items() if j != i})
        for number, (a, b) in enumerate(zip(found, wanted, strict=True)):
            if not np.allclose(a._data, b._data, equal_nan=True):
                raise GradcheckError(
                    "Mismatch in tangent values for output with index: ", number, " when input: ",
                    at.inputs[i], " has an undefined tangent value. ", " Got: ", a,
                    " but expected: ", b,
                )  # fmt: skip


def _random(source: Any, t: Tensor, count: int) -> Any:
    shape = (count, *t._data.shape)
    numbers = np.asarray(source.standard_normal(shape))
    if t._data.dtype.kind == "c":
        numbers = np.asarray(numbers + 1j * source.standard_normal(shape))
    return numbers.astype(t._data.dtype)


def _compare_batches(
    function: Callable[..., list[Tensor | None]], vectors: list[Any], what: str
) -> None:
    """`function` of two sets of vectors at once against one set after the other."""
    single = [function(*(wrap(v[i]) for v in vectors)) for i in range(2)]
    try:
        several = mapped(function, 2, [wrap(v) for v in vectors])
    except RuntimeError as error:
        text = f"While computing batched gradients, got: {error}\n\n{what}"
        raise GradcheckError(text) from error
    for k, found in enumerate(several):
        parts = [s[k] for s in single]
        if found is None or parts[0] is None:
            continue
        wanted = np.stack([p._data for p in parts if p is not None])
        if not np.allclose(found._data, wanted, equal_nan=True):
            raise GradcheckError(
                f"For output {k}, the batched gradients differ from those computed one by one.\n"
                f"Got:\n{found}\n\nExpected:\n{wrap(wanted)}\n\n{what}"
            )


def check_batched_forward(
    func: Callable[..., Any], inputs: tuple[Any, ...], positions: list[int]
) -> None:
    """Tangents for several directions at once (vmap) against one after the other."""
    at = Forward(func, inputs, positions)
    source = np.random.default_rng(0)
    for i in at.moving:

        def along(u: Tensor, i: int = i) -> list[Tensor | None]:
            return list(at.tangents({i: u}))

        _compare_batches(along, [_random(source, inputs[i], 2)], _FORWARD)


def check_batched_backward(outputs: list[Tensor], inputs: list[Tensor]) -> None:
    """Gradients for several cotangents at once (vmap) against one after the other."""
    source = np.random.default_rng(0)

    def pull(*vs: Tensor) -> list[Tensor | None]:
        return list(grad(outputs, inputs, vs, retain_graph=True, allow_unused=True))

    _compare_batches(pull, [_random(source, o, 2) for o in outputs], _BACKWARD)
