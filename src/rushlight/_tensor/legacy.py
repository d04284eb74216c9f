"""PyTorch's old constructors: ``torch.Tensor(2, 3)``, ``torch.FloatTensor([1, 2])``, ``x.new``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor, wrap
from . import convert, from_data
from .device import Size, check_device
from .options import allocate, finish
from .registry import public

_TYPES = {
    "FloatTensor": _dtypes.float32, "DoubleTensor": _dtypes.float64, "HalfTensor": _dtypes.float16,
    "BFloat16Tensor": _dtypes.bfloat16, "LongTensor": _dtypes.int64, "IntTensor": _dtypes.int32,
    "ShortTensor": _dtypes.int16, "CharTensor": _dtypes.int8, "ByteTensor": _dtypes.uint8,
    "BoolTensor": _dtypes.bool,
}  # fmt: skip
_OPTIONS = (
    "(*, torch.device device = None)", "(torch.Storage storage)", "(Tensor other)",
    "(tuple of ints size, *, torch.device device = None)",
    "(object data, *, torch.device device = None)",
)  # fmt: skip


def _refuse(args: tuple[Any, ...], kwargs: dict[str, Any]) -> TypeError:
    from .._define.messages import invalid_combination

    return TypeError(invalid_combination("new", list(_OPTIONS), args, kwargs))


def legacy_tensor(
    dtype: Any, args: tuple[Any, ...], kwargs: dict[str, Any], strict: bool = True
) -> Tensor:
    """What an old constructor makes of its arguments.

    Args:
        dtype: of the result.
        strict: whether a tensor argument must be of this dtype.
    """
    device = kwargs.get("device")
    if device is not None:
        check_device(device)
    if set(kwargs) - {"device", "data", "size", "other", "storage"}:
        raise _refuse(args, kwargs)
    for name in ("data", "size", "other", "storage"):
        if name in kwargs and not args:
            args = (kwargs[name],)
    if not args:
        return finish(np.empty(0, dtype.numpy))
    if len(args) == 1:
        return _of_one(args[0], dtype, strict)
    if not all(isinstance(n, int) and not isinstance(n, bool) for n in args):
        try:
            args = tuple(n.__index__() for n in args)
        except (AttributeError, TypeError):
            raise _refuse(args, kwargs) from None
    return finish(allocate(np.empty, args, dtype.numpy))


def _of_one(value: Any, dtype: Any, strict: bool) -> Tensor:
    if isinstance(value, Tensor):
        if strict and value._data.dtype != dtype.numpy:
            raise TypeError(
                f"expected {_options_text(dtype)} (got {_options_text(_core.dtype_of(value))})"
            )
        return value.detach()
    if isinstance(value, Size):
        return finish(allocate(np.empty, tuple(value), dtype.numpy))
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return finish(allocate(np.empty, (int(value),), dtype.numpy))
    if hasattr(value, "_buffer") or hasattr(value, "untyped"):
        t = wrap(np.empty(0, dtype.numpy))
        return convert.set_(t, value)
    if isinstance(value, str | bytes):
        raise TypeError(f"new(): invalid data type '{type(value).__name__}'")
    if not isinstance(value, np.ndarray) and not from_data.is_sequence(value):
        raise TypeError(f"new(): data must be a sequence (got {type(value).__name__})")
    return finish(from_data.array_from(value, dtype.numpy))


_WORDS = {
    "float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16",
    "int64": "long int", "int32": "int", "int16": "short int", "int8": "signed char",
    "uint8": "unsigned char", "bool": "bool",
}  # fmt: skip


def _options_text(dtype: Any) -> str:
    return (
        f"TensorOptions(dtype={_WORDS.get(dtype.name, dtype.name)}, device=cpu, layout=Strided, "
        "requires_grad=false (default), pinned_memory=false (default), memory_format=(nullopt))"
    )


class TensorType(type):
    """The type of ``torch.FloatTensor`` and the like: a dtype that can be called, with which
    ``isinstance`` asks for tensors of that dtype."""

    _tensor_dtype: Any
    _available: bool

    def __new__(mcs, name: str, module: str, dtype: Any, available: bool = True) -> Any:
        made = super().__new__(mcs, name, (), {"__module__": module, "__slots__": ()})
        made._tensor_dtype = dtype
        made._available = available
        return made

    def __init__(cls, name: str, module: str, dtype: Any, available: bool = True) -> None:
        super().__init__(name, (), {})

    @property
    def dtype(cls) -> Any:
        """The dtype of its tensors."""
        return cls._tensor_dtype

    @property
    def is_cuda(cls) -> bool:
        """Whether its tensors live on a GPU."""
        return not cls._available

    def __call__(cls, *args: Any, **kwargs: Any) -> Tensor:
        if not cls._available:
            raise TypeError(
                f"type {cls.__module__}.{cls.__name__} not available. Torch not compiled with "
                "CUDA enabled."
            )
        return legacy_tensor(cls._tensor_dtype, args, kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        return (
            cls._available
            and isinstance(instance, Tensor)
            and instance._data.dtype == cls._tensor_dtype.numpy
        )

    def __reduce__(cls) -> Any:
        return tensor_type, (cls.__name__,)


def tensor_type(name: str) -> Any:
    """The old type called `name`, such as ``FloatTensor``."""
    return TENSOR_TYPES[name]


TENSOR_TYPES: dict[str, Any] = {n: TensorType(n, "torch", d) for n, d in _TYPES.items()}


def cuda_types() -> dict[str, Any]:
    """The same names for ``torch.cuda``: they can be named and never called."""
    return {n: TensorType(n, "torch.cuda", d, False) for n, d in _TYPES.items()}


def _new_tensor(cls: Any, *args: Any, **kwargs: Any) -> Tensor:
    """``torch.Tensor(...)``: of the default dtype."""
    if cls is not Tensor:
        if not args and not kwargs:
            t = _core.new(cls)
            t._data, t._edge, t._cell = np.empty(0, _dtypes.default.numpy), None, None
            return t
        plain = legacy_tensor(_dtypes.default.dtype, args, kwargs, strict=False)
        t = _core.new(cls)
        t._data, t._edge, t._cell = plain._data, plain._edge, plain._cell
        return t
    return legacy_tensor(_dtypes.default.dtype, args, kwargs, strict=False)


def new(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """A tensor of this tensor's dtype, as the old constructors make it."""
    return legacy_tensor(_core.dtype_of(self), args, kwargs)


def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False, **kwargs: Any) -> Any:
    """The old name of this tensor's type, or this tensor as another type.

    >>> import rushlight as torch
    >>> torch.zeros(1).type()
    'torch.FloatTensor'
    """
    own = _core.dtype_of(self)
    if dtype is None:
        return f"torch.{own.type_name}Tensor"
    if isinstance(dtype, str):
        name = dtype.removeprefix("torch.")
        if name.startswith("cuda."):
            raise TypeError(
                f"type {dtype} not available. Torch not compiled with CUDA enabled."
            )
        found = TENSOR_TYPES.get(name) if dtype.startswith("torch.") else None
        if name == "Tensor" and found is None and dtype.startswith("torch."):
            return convert.converted(self, _dtypes.default.dtype)
        if found is None:
            raise ValueError(f"invalid type: {dtype!r}")
        return convert.converted(self, found.dtype)
    if isinstance(dtype, TensorType):
        if not dtype._available:
            return dtype()
        return convert.converted(self, dtype.dtype)
    if dtype is Tensor:
        return convert.converted(self, _dtypes.default.dtype)
    from .creation import as_dtype

    return convert.converted(self, as_dtype(dtype, "type"))


def attach() -> None:
    """Make Tensor callable as PyTorch's is."""
    Tensor.__new__ = staticmethod(_new_tensor)  # type: ignore[method-assign,assignment]
    setattr(Tensor, "new", new)  # noqa: B010
    type_.__name__ = "type"
    setattr(Tensor, "type", type_)  # noqa: B010


for _name, _type in TENSOR_TYPES.items():
    public(_name, _type, method=False)
