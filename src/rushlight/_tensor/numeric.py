"""Questions about dtypes and tensors, and the process-wide settings of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor, ctx
from .creation import as_dtype
from .device import CPU, default_device
from .device import device as device_type
from .registry import overloaded, public

# ---------------------------------------------------------------------------------------------
# Limits of dtypes


class _Limits:
    """What ``finfo`` and ``iinfo`` share."""

    __slots__ = ("_dtype",)
    _dtype: _dtypes.dtype

    @property
    def dtype(self) -> str:
        """The dtype's name."""
        return self._dtype.name

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._dtype is other._dtype

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._dtype.name))


def _wanted(name: str, dtype: Any) -> _dtypes.dtype:
    if not isinstance(dtype, _dtypes.dtype):
        raise TypeError(
            f"{name}(): argument 'type' (position 1) must be torch.dtype, not "
            f"{type(dtype).__name__}"
        )
    return dtype


class finfo(_Limits):
    """The limits of a floating dtype; of the default one where none is given.

    Source: https://pytorch.org/docs/stable/type_info.html

    >>> import rushlight as torch
    >>> torch.finfo(torch.float32).eps
    1.1920928955078125e-07
    """

    __slots__ = ("bits", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: Any = None) -> None:
        dtype = _dtypes.default.dtype if type is None else _wanted("finfo", type)
        if not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                "'torch.finfo'"
            )
        self._dtype = dtype.to_real()
        digits, bits, low, high = _FLOATS[self._dtype.name]
        self.bits = bits
        self.eps = 2.0 ** (1 - digits)
        self.max = (2.0 - 2.0 ** (1 - digits)) * 2.0**high
        self.min = -self.max
        self.smallest_normal = self.tiny = 2.0**low
        self.resolution = _RESOLUTIONS[self._dtype.name]

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


# significant bits, bits, exponents of the smallest normal number and of the largest one
_FLOATS = {
    "float16": (11, 16, -14, 15), "bfloat16": (8, 16, -126, 127),
    "float32": (24, 32, -126, 127), "float64": (53, 64, -1022, 1023),
}  # fmt: skip
_RESOLUTIONS = {"float16": 0.001, "bfloat16": 0.01, "float32": 1e-06, "float64": 1e-15}


class iinfo(_Limits):
    """The limits of an integer dtype.

    Source: https://pytorch.org/docs/stable/type_info.html

    >>> import rushlight as torch
    >>> torch.iinfo(torch.uint8).max
    255
    """

    __slots__ = ("bits", "max", "min")

    def __init__(self, type: Any) -> None:
        dtype = _wanted("iinfo", type)
        if dtype is _dtypes.bool:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if dtype.is_floating_point or dtype.is_complex:
            raise TypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle "
                "'torch.iinfo'"
            )
        self._dtype = dtype
        self.bits = dtype.itemsize * 8
        info = np.iinfo(dtype.numpy)
        self.min, self.max = int(info.min), int(info.max)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


# ---------------------------------------------------------------------------------------------
# Promotion


def promote_types(type1: Any, type2: Any) -> _dtypes.dtype:
    """The smallest dtype that both convert to.

    >>> import rushlight as torch
    >>> torch.promote_types(torch.int32, torch.float32)
    torch.float32
    """
    for position, (name, value) in enumerate((("type1", type1), ("type2", type2))):
        if not isinstance(value, _dtypes.dtype):
            raise TypeError(
                f"promote_types(): argument '{name}' (position {position + 1}) must be "
                f"torch.dtype, not {type(value).__name__}"
            )
    return _dtypes.promote(type1, type2)


def _operand(value: Any) -> tuple[_dtypes.dtype, int]:
    if isinstance(value, Tensor):
        return _core.dtype_of(value), 2 if value._data.ndim else 1
    return _dtypes.number_dtype(value), 0


def _result_type(first: Any, second: Any) -> _dtypes.dtype:
    return _dtypes.result_type((_operand(first), _operand(second)))


def can_cast(from_: Any, to: Any) -> bool:
    """Whether a result of the dtype `from_` may be written into `to`.

    >>> import rushlight as torch
    >>> torch.can_cast(torch.float64, torch.int32)
    False
    """
    source, target = as_dtype(from_, "can_cast"), as_dtype(to, "can_cast")
    if source.is_complex and not target.is_complex:
        return False
    if source.is_floating_point and target.category < _dtypes.FLOATING:
        return False
    return not (source.category > 0 and target is _dtypes.bool)


# ---------------------------------------------------------------------------------------------
# Questions about tensors


def is_tensor(obj: Any, /) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj: Any, /) -> bool:
    """Whether `obj` is a storage."""
    return type(obj).__module__ == "torch.storage"


def _question(name: str) -> Any:
    def ask(input: Any) -> bool:
        if not isinstance(input, Tensor):
            raise TypeError(
                f"{name}(): argument 'input' (position 1) must be Tensor, not "
                f"{type(input).__name__}"
            )
        return getattr(_core.dtype_of(input), name)

    ask.__name__ = ask.__qualname__ = name
    return ask


def numel(input: Any) -> int:
    """The number of elements."""
    if not isinstance(input, Tensor):
        raise TypeError(
            f"numel(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )
    return input._data.size


def is_nonzero(input: Any) -> bool:
    """Whether the only element is not zero.

    Raises:
        RuntimeError: not one element.
    """
    return bool(input)


def is_same_size(input: Any, other: Any) -> bool:
    """Whether both have the same shape."""
    return bool(input._data.shape == other._data.shape)


def equal(x: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape and equal elements.

    >>> import rushlight as torch
    >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
    True
    """
    _reads(x, other, "equal()")
    a, b = x._data, other._data
    return bool(a.shape == b.shape and (a == b).all())


def _reads(x: Tensor, other: Tensor, what: str) -> None:
    reader = getattr(ctx.handler, "reads", None)
    if reader is not None:
        reader(x, what)
        reader(other, what)


def allclose(
    x: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether ``|x - other| <= atol + rtol * |other|`` everywhere.

    >>> import rushlight as torch
    >>> torch.allclose(torch.tensor([1.]), torch.tensor([1. + 1e-7]))
    True
    """
    from .._ops.pointwise import isclose

    _reads(x, other, "allclose()")
    try:
        return bool(isclose(x, other, rtol, atol, equal_nan)._data.all())
    except ValueError:
        from .._ops import elementwise

        elementwise.sub.call(x, other)  # raises what broadcasting raises
        raise


# ---------------------------------------------------------------------------------------------
# Defaults


def get_default_dtype() -> _dtypes.dtype:
    """The dtype of Python floats."""
    return _dtypes.default.dtype


def set_default_dtype(d: Any, /) -> None:
    """Choose the dtype of Python floats and of constructors without ``dtype=``.

    Raises:
        TypeError: no floating dtype.

    Source: https://pytorch.org/docs/stable/generated/torch.set_default_dtype.html
    """
    if not isinstance(d, _dtypes.dtype):
        raise TypeError(
            "invalid dtype object: only floating-point types are supported as the default type"
        )
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    _dtypes.default.set(d)
    _core.changed_structure()


def set_default_tensor_type(t: Any, /) -> None:
    """Choose the default dtype by an old type's name (deprecated by PyTorch)."""
    import warnings

    from .legacy import TENSOR_TYPES, TensorType

    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use "
        "torch.set_default_dtype() and torch.set_default_device() as alternatives.",
        UserWarning,
        stacklevel=2,
    )
    if isinstance(t, str):
        name = t.removeprefix("torch.")
        if name.startswith("cuda."):
            raise TypeError(f"type {t} not available. Torch not compiled with CUDA enabled.")
        if name not in TENSOR_TYPES:
            raise ValueError(f"invalid type: {t!r}")
        t = TENSOR_TYPES[name]
    if not isinstance(t, TensorType):
        raise TypeError("invalid type object")
    if not t._available:
        t()
    set_default_dtype(t.dtype)


def get_default_device() -> Any:
    """The device of constructors without ``device=``."""
    return CPU if default_device.value is None else default_device.value


def set_default_device(device: Any) -> None:
    """Choose the device of constructors without ``device=``; None is the CPU.

    Raises:
        AssertionError: at the next constructor, for a device that is not there.
    """
    if device is None:
        default_device.value = None
        return
    default_device.value = device if isinstance(device, device_type) else device_type(device)


# ---------------------------------------------------------------------------------------------
# Settings


class _Settings:
    """What programs may set and rushlight remembers: one way of computing serves all values."""

    __slots__ = ("debug_mode", "fill", "matmul_precision")

    def __init__(self) -> None:
        self.debug_mode = 0
        self.fill = True
        self.matmul_precision = "highest"


settings = _Settings()


def set_float32_matmul_precision(precision: str) -> None:
    """Remember how float32 products may be computed; on the CPU they are always exact float32.

    Raises:
        RuntimeError: no string.
    """
    if not isinstance(precision, str):
        raise RuntimeError(
            f"set_float32_matmul_precision expects a str, but got {type(precision).__name__}"
        )
    if precision not in ("highest", "high", "medium"):
        import warnings

        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current"
            "setFloat32MatmulPrecision call has no effect.",
            UserWarning,
            stacklevel=2,
        )
        return
    settings.matmul_precision = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was told."""
    return settings.matmul_precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Remember the wish for determinism; every operation of rushlight is deterministic."""
    settings.debug_mode = (1 if warn_only else 2) if mode else 0


def are_deterministic_algorithms_enabled() -> bool:
    """Whether `use_deterministic_algorithms` was switched on."""
    return settings.debug_mode > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether it was switched on with ``warn_only=True``."""
    return settings.debug_mode == 1


def get_deterministic_debug_mode() -> int:
    """0: off, 1: warn, 2: error."""
    return settings.debug_mode


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """The same wish in one number or word.

    Raises:
        TypeError: neither an int nor a string.
        RuntimeError: another value.
    """
    if not isinstance(debug_mode, int | str):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        words = {"default": 0, "warn": 1, "error": 2}
        if debug_mode not in words:
            raise RuntimeError(
                "invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got "
                f"{debug_mode}"
            )
        debug_mode = words[debug_mode]
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(
            f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}"
        )
    settings.debug_mode = debug_mode


def set_flush_denormal(mode: bool) -> bool:
    """Returns:
    whether denormal numbers could be switched off: False, unless they should stay on."""
    return not mode


def compiled_with_cxx11_abi() -> bool:
    """True, as in PyTorch's builds; there is no C++ here."""
    return True


def typename(obj: Any, /) -> str:
    """The name of an object's type, a tensor's old type name."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(kind, "__module__", "") or ""
    if module in ("builtins", "__builtin__", ""):
        return kind.__qualname__
    return f"{module}.{kind.__qualname__}"


def _register() -> None:
    overloaded(
        "equal", ("equal(Tensor self, Tensor other) -> bool", equal)
    )
    overloaded(
        "allclose",
        ("allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, "
         "bool equal_nan=False) -> bool", allclose),
    )  # fmt: skip
    overloaded(
        "result_type",
        ("result_type.Tensor(Tensor tensor, Tensor other) -> ScalarType", _result_type),
        ("result_type.Scalar(Tensor tensor, Scalar other) -> ScalarType", _result_type),
        ("result_type.Scalar_Tensor(Scalar scalar, Tensor tensor) -> ScalarType", _result_type),
        ("result_type.Scalar_Scalar(Scalar scalar1, Scalar scalar2) -> ScalarType", _result_type),
        method=False,
    )
    for name in ("is_floating_point", "is_complex", "is_signed"):
        public(name, _question(name), method=False)
    public("is_nonzero", is_nonzero)
    public("is_same_size", is_same_size)
    for function in (
        finfo, iinfo, promote_types, can_cast, is_tensor, is_storage, numel, get_default_dtype,
        set_default_dtype, set_default_tensor_type, get_default_device, set_default_device,
        set_float32_matmul_precision, get_float32_matmul_precision, use_deterministic_algorithms,
        are_deterministic_algorithms_enabled, is_deterministic_algorithms_warn_only_enabled,
        get_deterministic_debug_mode, set_deterministic_debug_mode, set_flush_denormal,
        compiled_with_cxx11_abi, typename,
    ):  # fmt: skip
        function.__module__ = "torch"
        public(function.__name__, function, method=False)


_register()
