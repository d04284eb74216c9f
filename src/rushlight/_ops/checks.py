"""Checks and normal forms of attributes that many rows share, with PyTorch's errors."""

from __future__ import annotations

from typing import Any


def canonical_dim(dim: Any, ndim: int) -> int:
    """`dim` counted from the front.

    Raises:
        IndexError: outside ``[-ndim, ndim - 1]``.
    """
    span = ndim or 1
    if not -span <= dim < span:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], but got "
            f"{dim})"
        )
    return int(dim + span if dim < 0 else dim)


def canonical_dims(dims: Any, ndim: int) -> tuple[int, ...]:
    """Several dims counted from the front; an int is one dim, None all of them.

    Raises:
        RuntimeError: one dim appears twice.
    """
    if dims is None:
        return tuple(range(ndim))
    if isinstance(dims, int):
        dim = canonical_dim(dims, ndim)
        return (dim,) if ndim else ()
    found = tuple(canonical_dim(d, ndim) for d in dims)
    if len(found) > 1 and len(set(found)) != len(found):
        twice = next(d for i, d in enumerate(found) if d in found[:i])
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return found if ndim else ()


def infer_size(shape: Any, numel: int) -> tuple[int, ...]:
    """`shape` with its -1 filled in.

    Raises:
        RuntimeError: the shape does not hold `numel` elements.
    """
    shape = tuple(shape) if not isinstance(shape, int) else (shape,)
    unknown = None
    known = 1
    for i, n in enumerate(shape):
        if n == -1:
            if unknown is not None:
                raise RuntimeError("only one dimension can be inferred")
            unknown = i
        elif n < 0:
            raise RuntimeError(f"invalid shape dimension {n}")
        else:
            known *= n
    if unknown is None:
        if known == numel:
            return shape
    elif known and numel % known == 0:
        return (*shape[:unknown], numel // known, *shape[unknown + 1 :])
    elif known == 0 and numel == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified "
            "dimension size -1 can be any value and is ambiguous"
        )
    raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")


def view_of(x: Any, shape: Any) -> Any:
    """`x` in another shape over the same memory.

    Raises:
        RuntimeError: the strides do not allow it.
    """
    if x.flags.c_contiguous:
        return x.reshape(shape)
    try:
        return x.reshape(shape, copy=False)
    except ValueError:
        error = RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
        error.add_note(
            "rushlight: the tensor was transposed, permuted or sliced, so its elements are not in "
            "order in memory; reshape() copies them when it must, contiguous() always."
        )
        raise error from None
