"""What a dense tensor in main memory answers about layouts, devices and formats that rushlight has
not: sparse, quantized, other devices. Questions get their answer, conversions are refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._core import Tensor
from .._missing import MissingFromRushlight
from .._tensor.registry import METHODS, public
from .by_example import reads

_EXPECTED = {
    "is_coalesced": "sparse coordinate tensor", "coalesce": "sparse coordinate tensor",
    "indices": "sparse coordinate tensor", "values": "sparse tensor",
    "crow_indices": "sparse row compressed tensor", "col_indices": "sparse row compressed tensor",
    "ccol_indices": "sparse column compressed tensor",
    "row_indices": "sparse column compressed tensor",
}  # fmt: skip
_SPARSE = (
    "to_sparse to_sparse_coo to_sparse_csr to_sparse_csc to_sparse_bsr to_sparse_bsc to_mkldnn "
    "resize_as_sparse_"
).split()
_BACKEND = (
    "sparse_mask sparse_resize_ sparse_resize_and_clear_ to_padded_tensor q_scale q_zero_point "
    "q_per_channel_scales q_per_channel_zero_points q_per_channel_axis qscheme int_repr"
).split()
_NO_DEVICE = {
    "ipu": (RuntimeError, "PyTorch is not linked with support for ipu devices"),
    "xpu": (AssertionError, "Torch not compiled with XPU enabled"),
    "mtia": (
        AssertionError,
        "Torch not compiled with MTIA enabled. Ensure you have `import "
        "mtia.host_runtime.torch_mtia.dynamic_library` in your python src file and include "
        "`//mtia/host_runtime/torch_mtia:torch_mtia` as your target dependency!",
    ),
}


def _raising(name: str, kind: type[Exception], text: str) -> Any:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        raise kind(text)

    method.__name__ = method.__qualname__ = name
    return method


for _name, _layout in _EXPECTED.items():
    METHODS[_name] = _raising(
        _name, RuntimeError, f"{_name} expected {_layout} layout but got Strided"
    )
for _name in _SPARSE:
    METHODS[_name] = _raising(
        _name, MissingFromRushlight, f"Tensor.{_name}: rushlight has dense tensors only"
    )
for _name in ("smm", "sspaddmm"):
    METHODS[_name] = _raising(
        _name, RuntimeError, "tensor.sspaddmm(...) can only be called on sparse tensors"
    )
for _name in _BACKEND:
    METHODS[_name] = _raising(
        _name, MissingFromRushlight,
        f"Tensor.{_name}: rushlight has no sparse, quantized or nested tensors",
    )  # fmt: skip
for _name, (_kind, _text) in _NO_DEVICE.items():
    METHODS[_name] = _raising(_name, _kind, _text)
METHODS["record_stream"] = _raising("record_stream", RuntimeError, "unknown parameter type")
METHODS["reinforce"] = _raising(
    "reinforce", RuntimeError,
    "reinforce() was removed.\nUse torch.distributions instead.\n"
    "See https://pytorch.org/docs/main/distributions.html",
)  # fmt: skip


def dense_dim(self: Tensor) -> int:
    """The number of dense dims: all."""
    return self._data.ndim


def sparse_dim(self: Tensor) -> int:
    """The number of sparse dims: none."""
    return 0


def to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """This tensor itself, which is dense."""
    return self if dtype is None else self.to(dtype)


def dequantize(self: Tensor) -> Tensor:
    """This tensor itself, or as float32."""
    return self.to(_core._dtypes.float32)


def const_data_ptr(self: Tensor) -> int:
    """The address of the first element, for reading."""
    address: int = self._data.__array_interface__["data"][0]
    return address


def resize_as(self: Tensor, tensor: Tensor) -> Tensor:
    """A tensor of the size of `tensor` with the elements of this one."""
    found: Tensor = self.reshape(tensor._data.shape)
    return found


def module_load(self: Tensor, other: Tensor, assign: bool = False) -> Tensor:
    """What `Module.load_state_dict` puts in the place of this parameter or buffer.

    Args:
        other: the loaded tensor.
        assign: take `other` itself rather than its values.
    """
    if assign:
        return other.detach()
    return self.copy_(other).detach()


# ---- Python functions applied to every element --------------------------------------------------


def _without_grad(self: Tensor, name: str) -> None:
    if self._edge is not None:
        raise RuntimeError(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() "
            "instead."
        )


def _each(self: Tensor, others: tuple[Tensor, ...], name: str, function: Any) -> Tensor:
    if _core.ctx.handler is not None:
        raise NotImplementedError(f"Tensor.{name} in a transform or a compiled step")
    data = self._data
    lists = [data.reshape(-1).tolist()]
    for i, other in enumerate(others):
        if other._data.dtype != data.dtype:
            own, found = _core.dtype_of(self), _core.dtype_of(other)
            label = "other" if len(others) == 1 else "xy"[i]
            raise TypeError(
                f"{name}: expected torch.{own.type_name}Tensor for '{label}' (got "
                f"torch.{found.type_name}Tensor)"
            )
        lists.append(_core.OPS["expand"].call(other, data.shape)._data.reshape(-1).tolist())
    results = [function(*row) for row in zip(*lists, strict=True)]
    for value in results:
        if not isinstance(value, int | float | complex):
            raise TypeError(f"must be real number, not {type(value).__name__}")
    flat = np.array(results if results else [], object)
    kind = int if data.dtype.kind in "iu" else bool if data.dtype.kind == "b" else None
    if kind is not None:
        flat = np.array([kind(v) for v in results], object)
    data[...] = flat.reshape(data.shape).astype(data.dtype)
    _core.bump(self)
    return self


def apply_(self: Tensor, callable: Any) -> Tensor:
    """Replace every element by what `callable` makes of it: slow, one Python call for each.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.Tensor.apply_.html

    >>> import rushlight as torch
    >>> torch.tensor([1., 2.]).apply_(lambda x: x * 10)
    tensor([10., 20.])
    """
    _without_grad(self, "apply_")
    reads(self, "apply_()")
    if not _callable(callable):
        raise TypeError(f"'{type(callable).__name__}' object is not callable")
    return _each(self, (), "apply_", callable)


def map_(self: Tensor, tensor: Tensor, callable: Any) -> Tensor:
    """Replace every element by ``callable(element, element of tensor)``.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.Tensor.map_.html
    """
    _without_grad(self, "map_")
    reads(self, "map_()")
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"map_(): argument 'other' (position 1) must be Tensor, not {type(tensor).__name__}"
        )
    return _each(self, (tensor,), "map_", callable)


def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Any) -> Tensor:
    """Replace every element by ``callable(element, element of x, element of y)``."""
    _without_grad(self, "map2_")
    reads(self, "map2_()")
    return _each(self, (x, y), "map2_", callable)


_callable = callable

for _function in (
    dense_dim, sparse_dim, to_dense, dequantize, const_data_ptr, resize_as, module_load, apply_,
    map_, map2_,
):  # fmt: skip
    public(_function.__name__, _function, torch=False)


# ---- the same questions as functions ------------------------------------------------------------


def _question(name: str) -> Any:
    def function(input: Tensor) -> Any:
        if not isinstance(input, Tensor):
            raise TypeError(
                f"{name}(): argument 'input' (position 1) must be Tensor, not "
                f"{type(input).__name__}"
            )
        return getattr(input, name)()

    function.__name__ = function.__qualname__ = name
    return function


def is_distributed(self: Tensor) -> bool:
    """False."""
    return False


public("is_distributed", is_distributed, torch=False)
for _name in ("get_device", "is_distributed", "is_inference", "detach", "dequantize"):
    public(_name, _question(_name), method=False)
