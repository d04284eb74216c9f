"""``torch.vmap``: arguments and results; what ops mean inside is autograd/vmap.py."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from .._core import TEN, Tensor
from ..autograd.interpreters import below
from ..autograd.vmap import RANDOMNESS, Vmap, active, enter, leave
from ..utils._pytree import (
    TreeSpec,
    _broadcast_to_and_flatten,
    tree_flatten,
    tree_unflatten,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that computes `func` for a whole batch of arguments at once.

    ``vmap(func)(x)[i] == func(x[i])``: what is written for one example runs on many, each op once.

    Args:
        func: takes and returns trees of Tensors (lists, tuples, dicts).
        in_dims: which dim of each argument counts the examples, None for what all share; a tree
            like the arguments, or an int for all. All share keyword arguments.
        out_dims: where this dim is to be in the results.
        randomness: what random ops do: ``"error"``, ``"different"`` numbers for each example, or
            the ``"same"``.
        chunk_size: compute so many examples at a time; None for all.

    Raises:
        ValueError: `in_dims` or `out_dims` do not fit, batches of different sizes, results that
            are no Tensors.
        RuntimeError: inside, what depends on values: ``item()``, ``if``, boolean masks.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.vmap.html

    >>> import rushlight as torch
    >>> x = torch.tensor([[1., 2.], [3., 4.]])
    >>> torch.vmap(torch.dot)(x, x)
    tensor([ 5., 25.])
    >>> torch.vmap(lambda row, scale: row * scale, in_dims=(1, None))(x, 10)
    tensor([[10., 30.],
            [20., 40.]])
    """
    if randomness not in RANDOMNESS:
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError(
            f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})"
        )

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return apply(func, in_dims, out_dims, randomness, chunk_size, args, kwargs)

    return wrapped


def apply(
    func: Callable[..., Any], in_dims: Any, out_dims: Any, randomness: str,
    chunk_size: int | None, args: tuple[Any, ...], kwargs: dict[str, Any],
) -> Any:  # fmt: skip
    """``vmap(func, ...)(*args, **kwargs)``."""
    size, dims, leaves, spec = _inputs(in_dims, args, func)

    def run(some: list[Any], count: int) -> Any:
        level = Vmap(count, randomness)
        with level:
            with below(level):
                inside = [
                    x if d is None else enter(level, x, d) for x, d in zip(some, dims, strict=True)
                ]
            outputs = func(*tree_unflatten(inside, spec), **kwargs)
            with below(level):
                return _outputs(level, outputs, out_dims, func)

    if chunk_size is None or chunk_size >= size:
        return run(leaves, size)
    pieces = []
    for start in range(0, size, chunk_size):
        end = min(size, start + chunk_size)
        some = [
            x if d is None else TEN.slice(x, d, start, end, 1)
            for x, d in zip(leaves, dims, strict=True)
        ]
        pieces.append(tree_flatten(run(some, end - start)))
    out_spec = pieces[0][1]
    places = _broadcast_to_and_flatten(out_dims, out_spec) or [0] * out_spec.num_leaves
    joined = [
        column[0] if d is None else TEN.cat(list(column), d)
        for d, *column in zip(places, *(found for found, _ in pieces), strict=True)
    ]
    return tree_unflatten(joined, out_spec)


def name_of(func: Any) -> str:
    return getattr(func, "__name__", None) or repr(func)


def _inputs(
    in_dims: Any, args: tuple[Any, ...], func: Any
) -> tuple[int, list[Any], list[Any], TreeSpec]:
    """The size of the batch, the dim of each leaf, the leaves, the shape of the arguments."""
    where = f"vmap({name_of(func)}, in_dims={in_dims}, ...)(<inputs>): "
    if not isinstance(in_dims, int | tuple):
        raise ValueError(
            f"{where}expected `in_dims` to be int or a (potentially nested) tuple matching the "
            f"structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name_of(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or "
            "you are trying to vmap over a function with no inputs. The latter is unsupported."
        )
    leaves, spec = tree_flatten(args)
    dims = _broadcast_to_and_flatten(in_dims, spec)
    if dims is None:
        raise ValueError(
            f"{where}in_dims is not compatible with the structure of `inputs`. in_dims has "
            f"structure {tree_flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    sizes = []
    for i, (x, d) in enumerate(zip(leaves, dims, strict=True)):
        if not isinstance(d, int) and d is not None:
            raise ValueError(
                f"{where}Got in_dim={d} for an input but in_dim must be either an integer "
                "dimension or None."
            )
        if d is None:
            continue
        if not isinstance(x, Tensor):
            raise ValueError(
                f"{where}Got in_dim={d} for an input but the input is of type {type(x)}. We cannot "
                "vmap over non-Tensor arguments, please use None as the respective in_dim"
            )
        ndim = x._data.ndim
        if not -ndim <= d < ndim:
            raise ValueError(
                f"{where}Got in_dim={d} for some input, but that input is a Tensor of "
                f"dimensionality {ndim} so expected in_dim to satisfy -{ndim} <= in_dim < {ndim}."
            )
        dims[i] = d % ndim
        sizes.append(x._data.shape[d])
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if any(n != sizes[0] for n in sizes):
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return sizes[0], dims, leaves, spec


def _outputs(level: Vmap, outputs: Any, out_dims: Any, func: Any) -> Any:
    """The results with their batches where `out_dims` wants them; called below the level."""
    name = name_of(func)
    leaves, spec = tree_flatten(outputs)
    single = isinstance(outputs, Tensor)
    if single:
        fits = isinstance(out_dims, int) or out_dims is None
        dims: list[Any] | None = [out_dims]
        if isinstance(out_dims, tuple) and len(out_dims) == 1:
            dims, fits = [out_dims[0]], True
    else:
        dims = _broadcast_to_and_flatten(out_dims, spec)
        fits = dims is not None
    if isinstance(out_dims, int) or out_dims is None:
        pass
    elif not isinstance(out_dims, tuple | list | dict):
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python "
            "collection of ints representing where in the outputs the vmapped dimension should "
            "appear."
        )
    if not fits or dims is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with "
            f"the structure of `outputs`. out_dims has structure {tree_flatten(out_dims)[1]} but "
            f"outputs has structure {spec}."
        )
    found: list[Any] = []
    for x, d in zip(leaves, dims, strict=True):
        if not isinstance(x, Tensor):
            if d is None:
                found.append(x)
                continue
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(x)}. Did "
                "you mean to set out_dims= to None for output?"
            )
        if d is None:
            if level.belongs(x):
                raise ValueError(
                    f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is "
                    "None"
                )
            found.append(x)
        else:
            found.append(leave(level, x, d))
    return tree_unflatten(found, spec)


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """What is behind a tensor inside `vmap`, for looking at: the whole batch.

    Args:
        recurse: go through all levels.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.debug_unwrap.html

    >>> import rushlight as torch
    >>> def f(x):
    ...     print(torch.func.debug_unwrap(x))
    ...     return x
    >>> _ = torch.vmap(f)(torch.tensor([1., 2.]))
    tensor([1., 2.])
    """
    if not isinstance(tensor, Tensor):
        raise RuntimeError("Only torch.Tensor is supported by debug_unwrap")
    found = tensor
    for level in active():
        physical = level.physical(found)
        if physical is not None:
            found = physical
            if not recurse:
                break
    return found
