"""The `*_copy` functions: what a view function shows, in memory of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._core import OPS, Tensor, wrap
from .._define.kinds import linear
from .._tensor import registry
from ..autograd.naming import renamed
from . import shaping, splitting
from .by_example import by_example
from .complexes import view_as_complex, view_as_real
from .division import without_derivative

#: The row of the view, PyTorch's node, and the schema of the copy.
_COPIES = {
    "permute_copy": (
        "permute", "PermuteBackward0_copy", "permute_copy(Tensor self, int[] dims) -> Tensor"),
    "select_copy": (
        "select", "SelectBackward0_copy",
        "select_copy.int(Tensor self, int dim, SymInt index) -> Tensor"),
    "slice_copy": (
        "slice", "SliceBackward0_copy",
        "slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, "
        "SymInt step=1) -> Tensor"),
    "t_copy": ("t", "TBackward0_copy", "t_copy(Tensor self) -> Tensor"),
    "transpose_copy": (
        "transpose", "TransposeBackward0_copy",
        "transpose_copy.int(Tensor self, int dim0, int dim1) -> Tensor"),
    "unfold_copy": (
        "unfold", "UnfoldBackward0_copy",
        "unfold_copy(Tensor self, int dimension, int size, int step) -> Tensor"),
    "unsqueeze_copy": (
        "unsqueeze", "UnsqueezeBackward0_copy", "unsqueeze_copy(Tensor self, int dim) -> Tensor"),
    "expand_copy": (
        "expand", "ExpandBackward0_copy",
        "expand_copy(Tensor self, SymInt[] size, *, bool implicit=False) -> Tensor"),
    "as_strided_copy": (
        "as_strided", "AsStridedBackward0_copy",
        "as_strided_copy(Tensor self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None)"
        " -> Tensor"),
    "view_copy_row": (
        "view", "ViewBackward0_copy", "view_copy(Tensor self, SymInt[] size) -> Tensor"),
    "squeeze_copy_all": (
        "squeeze", "SqueezeBackward0_copy", "squeeze_copy.dims(Tensor self, int[] dim) -> Tensor"),
    "alias_copy": ("alias", "AliasBackward0_copy", "alias_copy(Tensor self) -> Tensor"),
}  # fmt: skip


def _copied(name: str, of: str, node: str, schema: str) -> Any:
    row: Any = OPS[of]

    def forward(x: Any, *attributes: Any) -> Any:
        if of == "view":  # a copy has any shape
            return np.array(x, order="C").reshape(*attributes)
        return np.array(row.forward(x, *attributes), order="C")

    options = {"extra": row.extra} if row.extra else {}
    return linear(
        name, forward, schema, attrs=row.given_attrs, check=row.check, node=node,
        public=schema.startswith(name), x=row.formulas["x"], **options,
    )  # fmt: skip


ROWS = {name: _copied(name, *entry) for name, entry in _COPIES.items()}


@by_example
def _view_copy_of(x: Tensor, dtype: Any) -> Tensor:
    return wrap(shaping.view_dtype(x, dtype)._data.copy())


def _squeezed(dims: Any, number: int) -> Any:
    def target(x: Tensor, *given: Any) -> Any:
        wanted = dims(x, *given)
        return renamed(
            ROWS["squeeze_copy_all"].call(x, wanted), f"SqueezeBackward{number}_copy"
        )

    return target


registry.overloaded(
    "view_copy",
    ("view_copy(Tensor self, SymInt[] size) -> Tensor",
     lambda x, size: ROWS["view_copy_row"].call(x, tuple(size))),
    ("view_copy.dtype(Tensor self, ScalarType dtype) -> Tensor", _view_copy_of), method=False,
)  # fmt: skip
registry.overloaded(
    "squeeze_copy",
    ("squeeze_copy(Tensor self) -> Tensor",
     _squeezed(lambda x: tuple(range(x._data.ndim)), 0)),
    ("squeeze_copy.dim(Tensor self, int dim) -> Tensor", _squeezed(lambda x, dim: (dim,), 1)),
    ("squeeze_copy.dims(Tensor self, int[] dim) -> Tensor",
     _squeezed(lambda x, dim: tuple(dim), 2)), method=False,
)  # fmt: skip


# ---- functions ----------------------------------------------------------------------------------


def _apart(views: Any, node: str, copied: bool) -> tuple[Tensor, ...]:
    """The pieces as tensors that are no views of the whole."""
    if views:
        renamed(views[0], node)
    if _core.ctx.handler is not None:
        return tuple(OPS["clone"].call(v) for v in views)
    return tuple(wrap(v._data.copy() if copied else v._data, v._edge) for v in views)


def split_copy(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`torch.split` into copies."""
    return _apart(splitting.split_evenly.call(input, split_size, dim), "SplitBackward0_copy", True)


def split_with_sizes_copy(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """`torch.split_with_sizes` into copies."""
    pieces = splitting.split_with_sizes.call(input, tuple(split_sizes), dim)
    return _apart(pieces, "SplitWithSizesBackward0_copy", True)


def unbind_copy(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """`torch.unbind` into copies."""
    return _apart(splitting.unbind.call(input, dim), "UnbindBackward0_copy", True)


def unsafe_split(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`torch.split` whose pieces do not count as views: writing to them is on the caller."""
    return _apart(splitting.split_evenly.call(input, split_size, dim), "UnsafeSplitBackward0",
                  False)  # fmt: skip


def unsafe_split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """`torch.split_with_sizes` whose pieces do not count as views."""
    pieces = splitting.split_with_sizes.call(input, tuple(split_sizes), dim)
    return _apart(pieces, "UnsafeSplitWithSizesBackward0", False)


def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`torch.chunk` whose pieces do not count as views."""
    return _apart(splitting.chunk(input, chunks, dim), "UnsafeSplitBackward0", False)


def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Any:
    """`torch.narrow` as a copy."""
    view = shaping.narrow(input, dim, start, length)
    return renamed(_core.OPS["clone"].call(view), "NarrowCopyBackward0")


# PyTorch records it, without a derivative.
detach_copy = linear(
    "detach_copy", lambda x: np.array(x, order="C"), "detach_copy(Tensor self) -> Tensor",
    x=without_derivative("detach_copy"), node="NotImplemented",
)  # fmt: skip


def view_as_real_copy(input: Tensor) -> Any:
    """`torch.view_as_real` as a copy."""
    copy = _core.OPS["clone"].call(view_as_real.call(input))
    return renamed(copy, "ViewAsRealBackward0_copy")


def view_as_complex_copy(input: Tensor) -> Any:
    """`torch.view_as_complex` as a copy."""
    return _core.OPS["clone"].call(view_as_complex.call(input))


for _function in (
    split_copy, split_with_sizes_copy, unbind_copy, view_as_real_copy,
    view_as_complex_copy,
):  # fmt: skip
    registry.public(_function.__name__, _function, method=False)
for _shared in (unsafe_split, unsafe_split_with_sizes, unsafe_chunk, narrow_copy):
    registry.public(_shared.__name__, _shared)
registry.public("diagonal_copy", OPS["diagonal_copy"], method=False)
