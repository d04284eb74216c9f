"""Numerical and analytical Jacobians for `gradcheck`.

A Jacobian here has one row for each element of the input and one column for each of the output. For
a complex input z = x + iy its entries are d/dx + i d/dy (what `backward` computes); real and
imaginary parts of complex outputs are compared one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import Tensor, wrap
from .differentiate import grad
from .gradcheck import GradcheckError

if TYPE_CHECKING:
    from collections.abc import Callable

_NOT_REENTRANT = (
    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
    "times gives different values, although analytical gradient matches numerical gradient.The "
    "tolerance for nondeterminism was {}."
)
FAST = """
The above quantities relating the numerical and analytical jacobians are computed
in fast mode (one random projection). In slow mode, the whole jacobians:

Numerical:
 {}
Analytical:
{}

The max per-element difference (slow mode) is: {}.
"""


def check(
    func: Callable[..., Any],
    inputs: Any,
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
    check_undefined_grad: bool,
    check_grad_dtypes: bool,
    fast: bool,
    backward: bool = True,
    forward: bool = False,
    batched: bool = False,
    batched_forward: bool = False,
) -> bool:
    """Compare the derivatives; raise `GradcheckError` where they differ."""
    given = as_tuple(inputs)
    _check_inputs(given)
    outputs = as_tuple(func(*given))
    live = [o for o in outputs if isinstance(o, Tensor) and o._edge is not None]
    wanted = [x for x in given if isinstance(x, Tensor) and x._edge is not None]
    if not live:
        _check_zero(func, given, outputs, wanted, eps)
        return True
    parts: list[tuple[str, complex, Callable[[Any], Any]]] = [("", 1, np.real)]
    if any(o._data.dtype.kind == "c" for o in live):
        note = "While considering the {} part of complex outputs only, "
        parts = [
            (note.format("imaginary"), 1j, np.imag),
            (note.format("real"), 1, np.real),
        ]
    for note, unit, part in parts:
        for number, out in enumerate(live):
            is_complex = out._data.dtype.kind == "c"
            if unit == 1j and not is_complex:
                continue
            prefix = note if is_complex else ""
            position = next(i for i, o in enumerate(outputs) if o is out)

            def value(position: int = position, part: Any = part) -> Any:
                return part(_quietly(func, given, position))

            if not backward:
                continue
            scale = unit if is_complex else 1
            _check_repeatable(out, wanted, scale, nondet_tol)
            if fast:
                _compare_projection(value, out, wanted, scale, number, prefix, eps, atol, rtol)
            else:
                _compare(value, out, wanted, scale, number, prefix, eps, atol, rtol)
    if forward:
        _check_forward(func, given, outputs, live, eps, atol, rtol, fast, check_undefined_grad,
                       batched_forward)  # fmt: skip
    if not backward:
        return True
    if check_grad_dtypes:
        _check_dtypes(live, wanted)
    if batched:
        from ._forward_jacobians import check_batched_backward

        check_batched_backward(live, wanted)
    if check_undefined_grad and len(live) > 1:
        # Each output alone: the gradients of the others are undefined.
        for out in live:
            _pull(out, wanted, np.ones_like(out._data))
    return True


def _check_forward(
    func: Callable[..., Any], given: tuple[Any, ...], outputs: tuple[Any, ...],
    live: list[Tensor], eps: float, atol: float, rtol: float, fast: bool, undefined: bool,
    batched: bool,
) -> None:  # fmt: skip
    from ._forward_jacobians import check_batched_forward, check_forward

    positions = [i for i, o in enumerate(outputs) if any(o is t for t in live)]
    check_forward(func, given, positions, eps, atol, rtol, fast, undefined)
    if batched:
        check_batched_forward(func, given, positions)


def as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _check_inputs(inputs: tuple[Any, ...]) -> None:
    import warnings

    some = False
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor) or x._edge is None:
            continue
        some = True
        if x._data.dtype not in (np.float64, np.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex. ",
                UserWarning,
                stacklevel=4,
            )
        if any(s == 0 and n > 1 for s, n in zip(x._data.strides, x._data.shape, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs "
                "that are non-overlapping to be able to compute the numerical gradients "
                "correctly. You should call .contiguous on the input before passing it to "
                "gradcheck."
            )
    if not some:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )


def _quietly(func: Callable[..., Any], inputs: tuple[Any, ...], position: int) -> Any:
    before = _core.set_modes(False, False)
    try:
        return np.array(as_tuple(func(*inputs))[position]._data)
    finally:
        _core.set_modes(*before)


def numerical(value: Callable[[], Any], x: Tensor, eps: float) -> Any:
    """Central differences of `value` by each element of `x`, which is changed and restored."""
    data = x._data
    rows = []
    is_complex = data.dtype.kind == "c"
    for place in np.ndindex(*data.shape):
        row = _difference(value, data, place, eps)
        if is_complex:
            row = row + 1j * _difference(value, data, place, eps * 1j)
        rows.append(row)
    if not rows:
        return np.zeros((0, value().size), data.dtype)
    return np.stack(rows)


def _difference(value: Callable[[], Any], data: Any, place: Any, step: Any) -> Any:
    kept = data[place].copy()
    try:
        data[place] = kept + step
        above = value().ravel()
        data[place] = kept - step
        below = value().ravel()
    finally:
        data[place] = kept
    return (above - below) / (2 * abs(step))


def _pull(out: Tensor, inputs: list[Tensor], g: Any) -> list[Any]:
    """One vector-Jacobian product, zeros where there is no dependence."""
    found = grad(out, inputs, wrap(g), retain_graph=True, allow_unused=True)
    return [
        np.zeros_like(x._data) if r is None else r._data for x, r in zip(inputs, found, strict=True)
    ]


def analytical(out: Tensor, inputs: list[Tensor], scale: complex) -> list[Any]:
    """The Jacobian of one output by each input, column by column."""
    columns: list[list[Any]] = [[] for _ in inputs]
    for place in np.ndindex(*out._data.shape):
        g = np.zeros(out._data.shape, out._data.dtype)
        g[place] = scale
        for column, r in zip(columns, _pull(out, inputs, g), strict=True):
            column.append(np.ravel(r))
    return [
        np.stack(c, axis=1) if c else np.zeros((x._data.size, 0), x._data.dtype)
        for c, x in zip(columns, inputs, strict=True)
    ]


def close(found: Any, expected: Any, rtol: float, atol: float) -> bool:
    """Whether all elements agree within the tolerances."""
    return bool(np.all(np.abs(found - expected) <= atol + rtol * np.abs(expected)))


def _mismatch(prefix: str, output: int, number: int, expected: Any, found: Any) -> str:
    sentence = f"Jacobian mismatch for output {output} with respect to input {number},\n"
    return f"{prefix}{sentence}numerical:{expected}\nanalytical:{found}\n"


def _compare(
    value: Callable[[], Any], out: Tensor, inputs: list[Tensor], scale: complex, number: int,
    prefix: str, eps: float, atol: float, rtol: float,
) -> None:  # fmt: skip
    found = analytical(out, inputs, scale)
    for i, x in enumerate(inputs):
        expected = numerical(value, x, eps).astype(x._data.dtype)
        if not close(found[i], expected, rtol, atol):
            raise GradcheckError(_mismatch(prefix, number, i, wrap(expected), wrap(found[i])))


def _compare_projection(
    value: Callable[[], Any], out: Tensor, inputs: list[Tensor], scale: complex, number: int,
    prefix: str, eps: float, atol: float, rtol: float,
) -> None:  # fmt: skip
    """v J u for random u and v, by one difference and by one backward pass."""
    source = np.random.default_rng(0)
    v = source.uniform(0.5, 1.0, out._data.shape)
    pulled = _pull(out, inputs, (v * scale).astype(out._data.dtype))
    for i, x in enumerate(inputs):
        data = x._data
        u = source.uniform(0.5, 1.0, data.shape) / max(data.size, 1) ** 0.5
        if data.dtype.kind == "c":
            u = u + 1j * source.uniform(0.5, 1.0, data.shape) / max(data.size, 1) ** 0.5
        kept = data.copy()
        try:
            data[...] = kept + eps * u
            above = value()
            data[...] = kept - eps * u
            below = value()
        finally:
            data[...] = kept
        expected = float(np.sum(v * (above - below)) / (2 * eps))
        found = float(np.sum(np.real(np.conj(pulled[i]) * u)))
        if not close(np.asarray(found), np.asarray(expected), rtol, atol):
            whole = numerical(value, x, eps)
            exact = analytical(out, inputs, scale)[i]
            worst = float(np.max(np.abs(whole - exact), initial=0.0))
            raise GradcheckError(
                _mismatch(prefix, number, i, expected, found)
                + FAST.format(wrap(np.asarray(whole)), wrap(exact), worst)
            )


def _check_repeatable(out: Tensor, inputs: list[Tensor], scale: complex, tolerance: float) -> None:
    g = np.full(out._data.shape, scale, out._data.dtype)
    for a, b in zip(_pull(out, inputs, g), _pull(out, inputs, g), strict=True):
        if np.any(np.abs(np.asarray(a) - b) > tolerance):
            raise GradcheckError(_NOT_REENTRANT.format(tolerance))


def _check_zero(
    func: Callable[..., Any], given: tuple[Any, ...], outputs: tuple[Any, ...],
    inputs: list[Tensor], eps: float,
) -> None:  # fmt: skip
    for position, out in enumerate(outputs):
        if out._data.dtype.kind not in "fcV":
            continue
        for x in inputs:
            if np.any(numerical(lambda p=position: _quietly(func, given, p), x, eps)):  # type: ignore[misc]
                raise GradcheckError("Numerical gradient for function expected to be zero")


def _check_dtypes(outputs: list[Tensor], inputs: list[Tensor]) -> None:
    for out in outputs:
        g = wrap(np.ones_like(out._data))
        for x, r in zip(
            inputs, grad(out, inputs, g, retain_graph=True, allow_unused=True), strict=True
        ):
            if r is not None and r._data.dtype != x._data.dtype:
                raise GradcheckError("Gradient has dtype mismatch")


def first_derivative(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any, strided: bool
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """`func`'s vector-Jacobian product as a function of the inputs and the vectors."""
    given = as_tuple(inputs)
    outputs = _live(func(*given))
    if grad_outputs is None:
        source = np.random.default_rng(0)
        vectors = []
        for o in outputs:
            shape = o._data.shape
            numbers = source.standard_normal((*shape, 2) if strided else shape)
            if o._data.dtype.kind == "c":
                numbers = np.asarray(numbers + 1j * source.standard_normal(numbers.shape))
            numbers = numbers.astype(o._data.dtype)
            vectors.append(wrap(numbers[..., 0] if strided else numbers, _core.LEAF))
        cotangents: tuple[Any, ...] = tuple(vectors)
    else:
        cotangents = as_tuple(grad_outputs)
    count = len(cotangents)

    def derivative(*arguments: Any) -> tuple[Any, ...]:
        xs, vs = arguments[:-count], arguments[-count:]
        # Under no_grad (for differences) gradients are still wanted, only without their graph.
        before = _core.set_modes(True, False)
        try:
            sources = tuple(
                wrap(x._data[...], _core.LEAF)
                if isinstance(x, Tensor) and x._edge is not None and not before[0]
                else x
                for x in xs
            )
            wanted = [x for x in sources if isinstance(x, Tensor) and x._edge is not None]
            results = grad(_live(func(*sources)), wanted, vs, create_graph=True, allow_unused=True)
        finally:
            _core.set_modes(*before)
        return tuple(r for r in results if r is not None)

    return derivative, (*given, *cotangents)


def _live(outputs: Any) -> list[Tensor]:
    return [o for o in as_tuple(outputs) if isinstance(o, Tensor) and o._edge is not None]
