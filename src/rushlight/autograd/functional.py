"""Derivatives of functions: jacobian, hessian, vjp, jvp, vhp, hvp.

All are made of reverse passes. A Jacobian-vector product differentiates the vector-Jacobian product
(which is linear in its vector) with respect to that vector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._core import LEAF, TEN, Tensor, wrap
from .differentiate import grad

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

_ops: Any = TEN


def _tensors(value: Any, role: str, of: str) -> tuple[bool, tuple[Tensor, ...]]:
    """`value` as a tuple, and whether it was one."""
    several = isinstance(value, tuple)
    items = value if several else (value,)
    for i, item in enumerate(items):
        if not isinstance(item, Tensor):
            if several:
                raise TypeError(
                    f"The {role} given to {of} must be either a Tensor or a tuple of Tensors but "
                    f"the value at index {i} has type {type(item)}."
                )
            raise TypeError(
                f"The {role} given to {of} must be either a Tensor or a tuple of Tensors but the "
                f"given {role} has type {type(item)}."
            )
    return several, items


def _fresh(inputs: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    """The inputs as tensors to differentiate by; connected to the originals if asked."""
    made = []
    for x in inputs:
        if create_graph and x._edge is not None:
            t = _ops.alias(x)
        else:
            t = wrap(x._data[...], LEAF)
        made.append(t)
    return tuple(made)


def _finished(values: Any, create_graph: bool) -> Any:
    if isinstance(values, tuple):
        return tuple(_finished(v, create_graph) for v in values)
    return values if create_graph else wrap(values._data)


def _unwrapped(values: tuple[Any, ...], several: bool) -> Any:
    return values if several else values[0]


def _call(
    func: Callable[..., Any], inputs: tuple[Tensor, ...], of: str, strict: bool
) -> tuple[bool, tuple[Tensor, ...]]:
    several, outputs = _tensors(func(*inputs), "outputs of the user-provided function", of)
    if strict:
        for i, out in enumerate(outputs):
            if out._edge is None:
                raise RuntimeError(
                    f"Output {i} of the user-provided function does not require gradients. The "
                    "outputs must be computed in a differentiable manner from the input when "
                    "running in strict mode."
                )
    return several, outputs


def _products(
    outputs: tuple[Tensor, ...],
    inputs: tuple[Tensor, ...],
    vectors: tuple[Any, ...],
    create_graph: bool,
    keep: bool = False,
) -> list[Any]:
    """v J for each input; None where the outputs do not depend on it."""
    live = [(o, v) for o, v in zip(outputs, vectors, strict=True) if o._edge is not None]
    if not live:
        return [None] * len(inputs)
    found = grad(
        [o for o, _ in live], list(inputs), [v for _, v in live],
        retain_graph=keep or create_graph, create_graph=create_graph, allow_unused=True,
    )  # fmt: skip
    return list(found)


def _zeros(x: Tensor) -> Tensor:
    return wrap(np.zeros(x._data.shape, x._data.dtype))


def _filled(values: list[Any], like: tuple[Tensor, ...], strict: bool, message: str) -> Any:
    if strict:
        for i, v in enumerate(values):
            if v is None:
                raise RuntimeError(message.format(i))
    return tuple(_zeros(x) if v is None else v for v, x in zip(values, like, strict=True))


def _check_vector(
    v: Any, like: tuple[Tensor, ...], several: bool, of: str, missing: str
) -> tuple[Tensor, ...]:
    if v is None:
        if several or like[0]._data.size != 1:
            raise RuntimeError(missing)
        return (wrap(np.ones(like[0]._data.shape, like[0]._data.dtype)),)
    _, vectors = _tensors(v, "v", of)
    if len(vectors) != len(like):
        if several:
            raise RuntimeError(
                f"v is a tuple of invalid length: should be {len(like)} but got {len(vectors)}."
            )
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (a, b) in enumerate(zip(vectors, like, strict=True)):
        if a._data.shape != b._data.shape:
            which = f"Entry {i} in v" if several else "v"
            raise RuntimeError(
                f"{which} has invalid size: should be torch.Size({list(b._data.shape)}) but got "
                f"torch.Size({list(a._data.shape)})."
            )
    return vectors


class _recording:
    """Record, whatever the mode outside is."""

    def __enter__(self) -> None:
        self.before = _core.set_modes(True, False)

    def __exit__(self, *_: object) -> None:
        _core.set_modes(*self.before)


_OUTPUT_VECTOR = (
    "The vector v can only be None if the user-provided function returns a single Tensor with a "
    "single element."
)
_INPUT_VECTOR = (
    "The vector v can only be None if the input to the user-provided function is a single Tensor "
    "with a single element."
)
_INDEPENDENT = (
    "The output of the user-provided function is independent of input {}. This is not allowed in "
    "strict mode."
)


def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """``func(*inputs)`` and the product of `v` with its Jacobian, v J.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.functional.vjp.html

    >>> import rushlight as torch
    >>> from rushlight.autograd.functional import vjp
    >>> vjp(lambda x: x * x, torch.tensor([1., 2.]), torch.ones(2))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    with _recording():
        several_in, given = _tensors(inputs, "inputs", "vjp")
        fresh = _fresh(given, create_graph)
        several_out, outputs = _call(func, fresh, "vjp", strict)
        vectors = _check_vector(v, outputs, several_out, "vjp", _OUTPUT_VECTOR)
        results = _products(outputs, fresh, vectors, create_graph)
        filled = _filled(results, fresh, strict, _INDEPENDENT)
    return (
        _unwrapped(_finished(outputs, create_graph), several_out),
        _unwrapped(_finished(filled, create_graph), several_in),
    )


def jvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """``func(*inputs)`` and the product of its Jacobian with `v`, J v.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.functional.jvp.html

    >>> import rushlight as torch
    >>> from rushlight.autograd.functional import jvp
    >>> jvp(lambda x: x * x, torch.tensor([1., 2.]), torch.tensor([1., 0.]))
    (tensor([1., 4.]), tensor([2., 0.]))
    """
    with _recording():
        several_in, given = _tensors(inputs, "inputs", "jvp")
        vectors = _check_vector(v, given, several_in, "jvp", _INPUT_VECTOR)
        fresh = _fresh(given, create_graph)
        several_out, outputs = _call(func, fresh, "jvp", strict)
        duals = tuple(wrap(np.zeros_like(o._data), LEAF) for o in outputs)
        pulled = _products(outputs, fresh, duals, True)
        live = [(p, t) for p, t in zip(pulled, vectors, strict=True) if p is not None]
        results = _products(
            tuple(p for p, _ in live), duals, tuple(t for _, t in live), create_graph
        )
        filled = _filled(results, outputs, strict, _INDEPENDENT)
    return (
        _unwrapped(_finished(outputs, create_graph), several_out),
        _unwrapped(_finished(filled, create_graph), several_out),
    )


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """All derivatives of `func`: J[i, j] = d output[i] / d input[j].

    Args:
        func: takes tensors, returns a tensor or several.
        inputs: a tensor or a tuple of them.
        create_graph: whether the result is differentiable.
        strict: whether independence of an input is an error instead of zeros.
        vectorize: all passes at once (by vmap) instead of one after the other.
        strategy: "reverse-mode": one pass for each element of the output; "forward-mode": one for
            each element of the input.

    Raises:
        NotImplementedError: forward mode without `vectorize`, or with `create_graph`.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.functional.jacobian.html

    >>> import rushlight as torch
    >>> torch.autograd.functional.jacobian(lambda x: x * x, torch.tensor([1., 2.]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your '
            'function has more outputs than inputs, "forward-mode" tends to be more performant. '
            'Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        from ._vectorized import forward_jacobian

        return forward_jacobian(func, inputs, create_graph, strict, vectorize)
    if strict and vectorize:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not "
            "supported together. Please either set `strict=False` or `vectorize=False`."
        )
    with _recording():
        several_in, given = _tensors(inputs, "inputs", "jacobian")
        fresh = _fresh(given, create_graph)
        several_out, outputs = _call(func, fresh, "jacobian", strict)
        if vectorize:
            from ._vectorized import all_rows

            rows = all_rows(outputs, fresh, create_graph)
        else:
            rows = tuple(
                _rows(i, out, fresh, create_graph, strict) for i, out in enumerate(outputs)
            )
    finished = tuple(_unwrapped(_finished(row, create_graph), several_in) for row in rows)
    return _unwrapped(finished, several_out)


def _rows(
    number: int, out: Tensor, inputs: tuple[Tensor, ...], create_graph: bool, strict: bool
) -> tuple[Tensor, ...]:
    """The derivatives of one output by each input."""
    columns: list[list[Any]] = [[] for _ in inputs]
    shape = out._data.shape
    for place in np.ndindex(*shape):
        one = np.zeros(shape, out._data.dtype)
        one[place] = 1
        found = _products((out,), inputs, (wrap(one),), create_graph, keep=True)
        for i, g in enumerate(found):
            if g is None and strict:
                raise RuntimeError(
                    f"Output {number} of the user-provided function is independent of input {i}. "
                    "This is not allowed in strict mode."
                )
            if strict and create_graph and g._edge is None:
                raise RuntimeError(
                    "The jacobian of the user-provided function is independent of input "
                    f"{i}. This is not allowed in strict mode when create_graph=True."
                )
            columns[i].append(_zeros(inputs[i]) if g is None else g)
    made = []
    for x, column in zip(inputs, columns, strict=True):
        whole = (*shape, *x._data.shape)
        if not column:
            made.append(wrap(np.zeros(whole, x._data.dtype)))
        elif create_graph:
            made.append(_ops.view(_ops.stack(column, 0), whole))
        else:
            made.append(wrap(np.stack([c._data for c in column]).reshape(whole)))
    return tuple(made)


def _single(func: Callable[..., Any], of: str) -> Callable[..., Tensor]:
    """`func`, checked to return one number."""

    def checked(*inputs: Tensor) -> Tensor:
        several, outputs = _tensors(func(*inputs), "outputs of the user-provided function", of)
        if several:
            raise RuntimeError(f"The function given to {of} should return a single Tensor")
        if outputs[0]._data.size != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {of} should contain a single element"
            )
        return outputs[0] if not outputs[0]._data.ndim else _ops.view(outputs[0], ())

    return checked


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a function that returns one number.

    Args as for :func:`jacobian`.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.functional.hessian.html

    >>> import rushlight as torch
    >>> torch.autograd.functional.hessian(lambda x: (x ** 3).sum(), torch.tensor([1., 2.]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    several, _ = _tensors(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode".'
        )
    single = _single(func, "hessian")

    def first(*given: Tensor) -> Any:
        if outer_jacobian_strategy == "forward-mode":
            for x in given:
                if x._edge is None:
                    _core.make_leaf(x)
        derivative = jacobian(single, given, create_graph=True)
        if strict:
            for i, g in enumerate(derivative):
                if g._edge is None:
                    raise RuntimeError(
                        "While computing the hessian, found that the jacobian of the user-provided "
                        f"function with respect to input {i} is independent of the input. This is "
                        "not allowed in strict mode. You should ensure that your function is twice "
                        "differentiable and that the jacobian depends on the inputs (this would be "
                        "violated by a linear function for example)."
                    )
        return derivative if several else derivative[0]

    return jacobian(first, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def vhp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """``func(*inputs)`` (one number) and the product of `v` with its Hessian.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.functional.vhp.html

    >>> import rushlight as torch
    >>> from rushlight.autograd.functional import vhp
    >>> vhp(lambda x: (x ** 3).sum(), torch.tensor([1., 2.]), torch.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return _hessian_product("vhp", func, inputs, v, create_graph, strict)


def hvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """``func(*inputs)`` (one number) and the product of its Hessian with `v`.

    The Hessian is symmetric: this is :func:`vhp`.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.functional.hvp.html
    """
    return _hessian_product("hvp", func, inputs, v, create_graph, strict)


def _hessian_product(
    of: str, func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool
) -> tuple[Any, Any]:
    with _recording():
        several, given = _tensors(inputs, "inputs", of)
        vectors = _check_vector(v, given, several, of, _INPUT_VECTOR)
        fresh = _fresh(given, create_graph)
        several_out, outputs = _call(func, fresh, of, strict)
        if several_out:
            raise RuntimeError(f"The function given to {of} should return a single Tensor")
        out = outputs[0]
        if out._data.size != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {of} should contain a single element"
            )
        one = wrap(np.ones_like(out._data))
        slopes = _products((out,), fresh, (one,), True)
        live = [(s, t) for s, t in zip(slopes, vectors, strict=True) if s is not None]
        results = _products(
            tuple(s for s, _ in live), fresh, tuple(t for _, t in live), create_graph
        )
        filled = _filled(
            results, fresh, strict,
            "The output of the user-provided function is independent of input {}. This is not "
            "allowed in strict mode.",
        )  # fmt: skip
    return _finished(out, create_graph), _unwrapped(_finished(filled, create_graph), several)
