"""Gradients and products with Jacobians as functions of functions."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from .._core import TEN, Tensor
from ..autograd import forward_ad
from ..autograd.scopes import Scope
from ..utils._pytree import tree_flatten, tree_map, tree_unflatten

if TYPE_CHECKING:
    from collections.abc import Callable


def grad(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that computes the gradient of `func`, which returns one number.

    Args:
        argnums: which arguments to differentiate by; an int or a tuple of them. Each may be a
            tree of Tensors, and the gradient is a tree like it.
        has_aux: `func` returns ``(value, more)``, and the result is ``(gradient, more)``.

    Raises:
        RuntimeError: `func` does not return a scalar Tensor; `argnums` that are not there.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.grad.html

    >>> import rushlight as torch
    >>> from rushlight.func import grad, vmap
    >>> grad(torch.sin)(torch.tensor(0.))
    tensor(1.)
    >>> grad(grad(lambda x: x ** 3))(torch.tensor(2.))
    tensor(12.)
    >>> vmap(grad(lambda w, x: (w * x).sum() ** 2), (None, 0))(torch.ones(2), torch.eye(2))
    tensor([[2., 0.],
            [0., 2.]])
    """

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        results = _grad_and_value(func, argnums, has_aux, args, kwargs)
        if has_aux:
            gradient, (_, aux) = results
            return gradient, aux
        return results[0]

    return wrapped


def grad_and_value(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that computes the gradient of `func` and its value: ``(gradient, value)``.

    Arguments and errors are those of :func:`grad`; with `has_aux` the result is
    ``(gradient, (value, more))``.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.grad_and_value.html

    >>> import rushlight as torch
    >>> torch.func.grad_and_value(lambda x: x ** 2)(torch.tensor(3.))
    (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return _grad_and_value(func, argnums, has_aux, args, kwargs)

    return wrapped


def value_and_grad(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """`grad_and_value` with the value first: ``(value, gradient)``. rushlight's own: PyTorch has
    only the other order.

    >>> import rushlight as torch
    >>> torch.func.value_and_grad(lambda x: x ** 2)(torch.tensor(3.))
    (tensor(9.), tensor(6.))
    """

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        gradient, value = _grad_and_value(func, argnums, has_aux, args, kwargs)
        return value, gradient

    return wrapped


def _grad_and_value(
    func: Callable[..., Any], argnums: Any, has_aux: bool, args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:  # fmt: skip
    scope = Scope()
    chosen = chosen_arguments(argnums, args)
    flat, spec = tree_flatten(chosen)
    check_tensors(flat)
    leaves = scope.leaves(flat)
    with scope.recording():
        output = func(*put_back(argnums, args, tree_unflatten(leaves, spec)), **kwargs)
    aux = None
    if has_aux:
        if not (isinstance(output, tuple) and len(output) == 2):
            raise RuntimeError(
                "grad_and_value(f)(*args): output of function f should be a tuple: (output, aux) "
                "if has_aux is True"
            )
        output, aux = output
    if not isinstance(output, Tensor):
        raise RuntimeError(
            "grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got "
            f"{type(output)}"
        )
    if output._data.ndim:
        raise RuntimeError(
            "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor "
            f"with {output._data.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs "
            "instead?"
        )
    if output._data.dtype.kind == "c":
        raise RuntimeError(
            "grad can be implicitly created only for real scalar outputs but got "
            f"{output.dtype}"
        )
    found = scope.pull([output], [None], leaves)
    gradient = tree_unflatten(filled(found, flat), spec)
    value = scope.out(output)
    if has_aux:
        return gradient, (value, _aux(scope, aux))
    return gradient, value


def filled(found: list[Any], inputs: list[Tensor]) -> list[Tensor]:
    """Zeros in place of None: the result does not depend on that input."""
    return [TEN.zeros_like_(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


def _aux(scope: Scope, aux: Any) -> Any:
    for leaf in tree_flatten(aux)[0]:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(leaf)}")
    return tree_map(scope.out, aux)


def check_tensors(flat: list[Any]) -> None:
    for x in flat:
        if not isinstance(x, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")


def _position(argnum: Any, count: int) -> int:
    if not isinstance(argnum, int):
        raise RuntimeError(f"argnum must be int, got: {type(argnum)}")
    if argnum >= 0 and argnum < count:
        return argnum
    if -count <= argnum < 0:
        return argnum + count
    raise RuntimeError(f"Got argnum={argnum}, but only {count} positional inputs")


def positions(argnums: Any, count: int) -> tuple[int, ...]:
    """Which arguments `argnums` names.

    Raises:
        RuntimeError: none, one twice, one that is not there, or no numbers.
    """
    if isinstance(argnums, int):
        return (_position(argnums, count),)
    if not isinstance(argnums, tuple):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if not argnums:
        raise RuntimeError("argnums must be non-empty")
    found = tuple(_position(n, count) for n in argnums)
    if len(set(found)) != len(found):
        raise RuntimeError(f"argnums elements must be unique, got {found}")
    return found


def chosen_arguments(argnums: Any, args: tuple[Any, ...]) -> Any:
    """The argument that an int names, or a tuple of those that a tuple names."""
    found = tuple(args[p] for p in positions(argnums, len(args)))
    return found[0] if isinstance(argnums, int) else found


def put_back(argnums: Any, args: tuple[Any, ...], chosen: Any) -> list[Any]:
    """The arguments with others in place of the chosen ones."""
    new = list(args)
    values = (chosen,) if isinstance(argnums, int) else chosen
    for p, value in zip(positions(argnums, len(args)), values, strict=True):
        new[p] = value
    return new


# ---- products with the Jacobian -----------------------------------------------------------------


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of ``func(*primals)`` and a function that multiplies vectors by its Jacobian from
    the left: ``v -> v^T J``, one result for each primal.

    Args:
        primals: trees of Tensors.
        has_aux: `func` returns ``(output, more)``, and the result is
            ``(output, vjp_fn, more)``.

    Raises:
        RuntimeError: `func` returns what is no Tensor; cotangents unlike the output.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.vjp.html

    >>> import rushlight as torch
    >>> output, pull_back = torch.func.vjp(torch.square, torch.tensor([1., 2.]))
    >>> output, pull_back(torch.tensor([1., 10.]))
    (tensor([1., 4.]), (tensor([ 2., 40.]),))
    """
    output, function, aux = pull_back_of(func, primals, has_aux)
    return (output, function, aux) if has_aux else (output, function)


def pull_back_of(
    func: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool = False
) -> tuple[Any, Callable[..., Any], Any]:
    """The output of `func`, the function that pulls cotangents back, and what else it returned."""
    scope = Scope()
    flat, spec = tree_flatten(primals)
    check_tensors(flat)
    leaves = scope.leaves(flat)
    with scope.recording():
        output = func(*tree_unflatten(leaves, spec))
    aux = None
    if has_aux:
        if not (isinstance(output, tuple) and len(output) == 2):
            raise RuntimeError(
                "vjp(f, *primals): output of function f should be a tuple: (output, aux) if "
                "has_aux is True"
            )
        output, aux = output
        aux = _aux(scope, aux)
    outputs, out_spec = check_outputs("vjp(f, *primals)", output)

    def function(
        cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None
    ) -> Any:
        given, given_spec = tree_flatten(cotangents)
        if given_spec != out_spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                "outputs to the function. cotangents: "
                f"{_starred(given_spec)}, primal output: {_starred(out_spec)}"
            )
        for i, (g, t) in enumerate(zip(given, outputs, strict=True)):
            if g._data.shape != t._data.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{i}] has a shape of "
                    f"torch.Size({list(g._data.shape)}) and output[{i}] has a shape of "
                    f"torch.Size({list(t._data.shape)})."
                )
        found = scope.pull(outputs, given, leaves, retain_graph, create_graph)
        return tree_unflatten(filled(found, flat), spec)

    return tree_unflatten([scope.out(t) for t in outputs], out_spec), function, aux


def _starred(spec: Any) -> Any:
    return tree_unflatten([_STAR] * spec.num_leaves, spec)


class _Star:
    def __repr__(self) -> str:
        return "*"


_STAR = _Star()


def check_outputs(where: str, output: Any) -> tuple[list[Tensor], Any]:
    """The outputs of a function that may return Tensors only, and the shape of their tree."""
    flat, spec = tree_flatten(output)
    for t in flat:
        if not isinstance(t, Tensor):
            raise RuntimeError(
                f"{where}: expected f(*primals) to return only tensors, got unsupported type "
                f"{type(t)}"
            )
    if not flat:
        raise RuntimeError(
            f"{where}: Expected f to be a function that has non-empty output (got output = "
            f"{output})"
        )
    return flat, spec


def jvp(
    func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False,
    has_aux: bool = False,
) -> Any:  # fmt: skip
    """The value of ``func(*primals)`` and its derivative in the direction of `tangents`: J v.

    One pass in forward mode gives both.

    Args:
        primals: a tuple of the arguments, trees of Tensors.
        tangents: a tuple of the same shape.
        strict: an output that does not depend on the primals is an error; else its derivative
            is zero.
        has_aux: `func` returns ``(output, more)``, and the result is
            ``(output, derivative, more)``.

    Raises:
        RuntimeError: `primals` is no tuple of Tensors, or `tangents` is unlike it.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.jvp.html

    >>> import rushlight as torch
    >>> torch.func.jvp(torch.sin, (torch.tensor(0.),), (torch.tensor(2.),))
    (tensor(0.), tensor(2.))
    """
    where = "jvp(f, primals, tangents)"
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{where}: Expected primals to be a tuple. E.g. it should be valid to call "
            "f(*primals)."
        )
    flat, spec = tree_flatten(primals)
    given, given_spec = tree_flatten(tangents)
    if spec != given_spec:
        raise RuntimeError(
            f"{where}: Expected primals and tangents to have the same python structure. For "
            "example, if primals is a tuple of 3 tensors, tangents also must be. Got primals with "
            f"structure {spec} and tangents with structure {given_spec}"
        )
    _check_inputs(where, flat, "primals")
    _check_inputs(where, given, "tangents")
    for x, v in zip(flat, given, strict=True):
        if x._data.shape != v._data.shape:
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the "
                "original Tensor, this is not supported. Tensor is of size "
                f"{list(x._data.shape)} while the given forward gradient is of size "
                f"{list(v._data.shape)}."
            )
    aux = None
    with forward_ad._set_fwd_grad_enabled(True), forward_ad.jvp_level() as level:
        duals = [
            forward_ad.make_dual_at(level, x, v) for x, v in zip(flat, given, strict=True)
        ]
        output = func(*tree_unflatten(duals, spec))
        if has_aux:
            if not (isinstance(output, tuple) and len(output) == 2):
                raise RuntimeError(
                    f"{where}: output of function f should be a tuple: (output, aux) if has_aux "
                    "is True"
                )
            output, aux = output
            aux = tree_map(lambda t: forward_ad.primal_at(level, t), aux)
        outputs, out_spec = check_outputs(where, output)
        values = [forward_ad.primal_at(level, t) for t in outputs]
        moving = [forward_ad.tangent_at(level, t) for t in outputs]
        if strict and None in moving:
            raise RuntimeError(
                f"{where[:-1]}, strict=True): The output of f is independent of the inputs. This "
                "is not allowed with strict=True."
            )
    derivative = filled(moving, values)
    pair = tree_unflatten(values, out_spec), tree_unflatten(derivative, out_spec)
    return (*pair, aux) if has_aux else pair


def _check_inputs(where: str, flat: list[Any], what: str) -> None:
    for x in flat:
        if not isinstance(x, Tensor):
            raise RuntimeError(
                f"{where}: Expected {what} to only contain Tensors, got {type(x)}"
            )
    if not flat:
        raise RuntimeError(f"{where}: Expected {what} to contain at least one Tensor.")


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """The value of ``func(*primals)`` and its linear approximation there: ``v -> J v``.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.linearize.html

    >>> import rushlight as torch
    >>> value, push = torch.func.linearize(torch.square, torch.tensor([1., 3.]))
    >>> push(torch.tensor([1., 1.]))
    tensor([2., 6.])
    """
    output = func(*primals)
    flat, spec = tree_flatten(primals)
    kept = [TEN.alias(x) for x in flat]
    versions = [x._version for x in flat]

    def push(*tangents: Any) -> Any:
        given, given_spec = tree_flatten(tangents)
        if given_spec != spec:
            raise RuntimeError(
                "Expected the tangents "
                f"{given_spec} to have the same argspec as the primals {spec}"
            )
        for i, (v, x) in enumerate(zip(given, kept, strict=True)):
            if v._data.shape != x._data.shape:
                raise RuntimeError(
                    f"Expected tangent {i} {v.shape} to have the same shape as the primal "
                    f"{x.shape}"
                )
        if versions != [x._version for x in flat]:
            raise RuntimeError("linearize: a primal was changed in place since")
        return jvp(func, tree_unflatten(kept, spec), tree_unflatten(given, spec))[1]

    return output, push
