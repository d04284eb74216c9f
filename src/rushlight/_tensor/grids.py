"""Coordinate grids: ``meshgrid`` and ``cartesian_prod``, from views of their arguments."""

from __future__ import annotations

from typing import Any

from .._core import Tensor
from .registry import public


def _listed(name: str, tensors: tuple[Any, ...]) -> list[Any]:
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    for place, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"expected Tensor as element {place} in argument 0, but got {type(t).__name__}"
            )
    return list(tensors)


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Grids of coordinates from one-dimensional tensors.

    Args:
        tensors: one for each dim; or a list of them.
        indexing: "ij": dims in the order of the arguments; "xy": the first two exchanged.

    Raises:
        RuntimeError: no tensors, different dtypes, tensors of more than one dim.

    Source: https://pytorch.org/docs/stable/generated/torch.meshgrid.html

    >>> import rushlight as torch
    >>> torch.meshgrid(torch.tensor([1, 2]), torch.tensor([3, 4]), indexing="ij")[0]
    tensor([[1, 1],
            [2, 2]])
    """
    listed = _listed("meshgrid", tensors)
    if indexing is None:
        import warnings

        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            "argument.",
            UserWarning,
            stacklevel=2,
        )
        indexing = "ij"
    if not listed:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if any(t._data.dtype != listed[0]._data.dtype for t in listed):
        raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    if indexing not in ("ij", "xy"):
        raise RuntimeError(
            'torch.meshgrid: indexing must be one of "xy" or "ij", but received: ' + indexing
        )
    for t in listed:
        if t._data.ndim > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t}"
            )
    exchanged = indexing == "xy" and len(listed) >= 2
    if exchanged:
        listed[0], listed[1] = listed[1], listed[0]
    shape = tuple(t._data.size for t in listed)
    grids = []
    for dim, t in enumerate(listed):
        place = [1] * len(shape)
        place[dim] = shape[dim]
        grids.append(t.view(place).expand(shape))
    if exchanged:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors: Any) -> Tensor:
    """All combinations of the elements of one-dimensional tensors, one in each row.

    Raises:
        RuntimeError: a tensor of another number of dims.

    >>> import rushlight as torch
    >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    from .registry import FUNCTIONS, resolve

    listed = _listed("cartesian_prod", tensors)
    for t in listed:
        if t._data.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(t._data.shape)}")
    if len(listed) == 1:
        return listed[0]
    grids = meshgrid(*listed, indexing="ij")
    flat = [g.reshape(-1) for g in grids]
    return resolve(FUNCTIONS["stack"])(flat, 1)


for _function in (meshgrid, cartesian_prod):
    _function.__module__ = "torch.functional"
    public(_function.__name__, _function, method=False)
