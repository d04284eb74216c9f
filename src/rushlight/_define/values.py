"""What PyTorch's argument parser takes for each kind of argument, and what it makes of it.

`accepts` answers whether a value may stand for a kind (it never converts); `convert` gives the
value that the op receives. The rules were found by experiment against PyTorch 2.13: a Python bool
is no int, a 0-d integer tensor is one unless it requires grad, `int[2]` takes a single int.
"""

from __future__ import annotations

from operator import index as as_index

import numpy as np

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


class Types:
    """The classes of the library that arguments are checked against; `()` matches nothing."""

    tensor: Any = ()
    dtype: Any = ()
    device: Any = ()
    size: Any = ()
    generator: Any = ()
    layout: Any = ()
    memory_format: Any = ()
    python_dtypes: Mapping[type, Any] = {}
    names: Mapping[type, str] = {}


class Trace:
    """What a resolution looked at beyond the types of the arguments.

    `by_value`: the choice depends on a value, so it must not be cached. `lists`: ids of the
    sequences that were taken for lists of ints after a look at their first element.
    """

    __slots__ = ("by_value", "lists")

    def __init__(self) -> None:
        self.by_value = False
        self.lists: list[int] = []


def configure(
    *,
    tensor_type: Any = None,
    dtype_type: Any = None,
    device_type: Any = None,
    size_type: Any = None,
    generator_type: Any = None,
    layout_type: Any = None,
    memory_format_type: Any = None,
    python_dtypes: Mapping[type, Any] | None = None,
) -> None:
    """Register the classes that arguments are checked against.

    Args:
        tensor_type: has `dim()`, `numel()`, `item()` and `requires_grad`.
        device_type: called with a string or an int where a device is wanted.
        python_dtypes: what `float`, `int`, `bool` and `complex` mean as a dtype.
    """
    for name, value in (
        ("tensor", tensor_type),
        ("dtype", dtype_type),
        ("device", device_type),
        ("size", size_type),
        ("generator", generator_type),
        ("layout", layout_type),
        ("memory_format", memory_format_type),
        ("python_dtypes", python_dtypes),
    ):
        if value is not None:
            setattr(Types, name, value)
    shown = {
        "dtype": "torch.dtype",
        "device": "torch.device",
        "size": "torch.Size",
        "generator": "torch._C.Generator",
        "layout": "torch.layout",
        "memory_format": "torch.memory_format",
    }
    Types.names = {
        getattr(Types, name): text for name, text in shown.items() if getattr(Types, name) != ()
    }


_HEAP_TYPE = 1 << 9


def type_name(value: Any) -> str:
    """A value's type as PyTorch's messages write it: `Tensor`, `int`, `numpy.ndarray`.

    >>> type_name(1), type_name(np.zeros(2))
    ('int', 'numpy.ndarray')
    """
    kind = type(value)
    name = Types.names.get(kind)
    if name is not None:
        return name
    # The interpreter's own name of a class: extension types carry their module, others do not.
    if kind.__module__ == "builtins":
        return kind.__name__
    if kind.__flags__ & _HEAP_TYPE and not kind.__module__.startswith("torch.return_types"):
        return kind.__name__
    return f"{kind.__module__}.{kind.__qualname__}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | complex | np.number | np.bool)


def _accepts_tensor(value: Any, size: int, trace: Trace) -> bool:
    return isinstance(value, Types.tensor)


def _accepts_tensor_or_number(value: Any, size: int, trace: Trace) -> bool:
    return isinstance(value, Types.tensor) or _is_number(value)


def _is_scalar_tensor(value: Any, trace: Trace) -> bool:
    if not isinstance(value, Types.tensor):
        return False
    trace.by_value = True
    return value.dim() == 0 and not value.requires_grad


def _accepts_scalar(value: Any, size: int, trace: Trace) -> bool:
    return _is_number(value) or _is_scalar_tensor(value, trace)


def _accepts_float(value: Any, size: int, trace: Trace) -> bool:
    if isinstance(value, int | float | np.integer | np.floating):
        return True
    return _is_scalar_tensor(value, trace)


def _accepts_int(value: Any, size: int, trace: Trace) -> bool:
    kind = type(value)
    if kind is int:
        return True
    if isinstance(value, int | np.integer):
        return kind is not bool
    return _is_scalar_tensor(value, trace) and type(value.item()) is int


def _accepts_symbolic_int(value: Any, size: int, trace: Trace) -> bool:
    # A size may be any tensor of one integer, where a dimension must be a 0-d one.
    if isinstance(value, Types.tensor):
        trace.by_value = True
    return _is_index(value)


def _accepts_bool(value: Any, size: int, trace: Trace) -> bool:
    return type(value) is bool


def _accepts_str(value: Any, size: int, trace: Trace) -> bool:
    return isinstance(value, str)


def _accepts_dtype(value: Any, size: int, trace: Trace) -> bool:
    if isinstance(value, Types.dtype):
        return True
    if isinstance(value, type):
        trace.by_value = True
        return value in Types.python_dtypes
    return False


def _accepts_device(value: Any, size: int, trace: Trace) -> bool:
    return isinstance(value, str) or type(value) is int or isinstance(value, Types.device)


def _accepts_layout(value: Any, size: int, trace: Trace) -> bool:
    return isinstance(value, Types.layout)


def _accepts_memory_format(value: Any, size: int, trace: Trace) -> bool:
    return isinstance(value, Types.memory_format)


def _accepts_generator(value: Any, size: int, trace: Trace) -> bool:
    return isinstance(value, Types.generator)


def _is_index(value: Any) -> bool:
    kind = type(value)
    if kind is int:
        return True
    if kind is bool:
        return False
    if isinstance(value, Types.tensor):
        return value.numel() == 1 and type(value.item()) in (int, bool)
    try:
        as_index(value)
    except TypeError:
        return False
    return True


def _accepts_ints(value: Any, size: int, trace: Trace) -> bool:
    if isinstance(value, tuple | list):
        if not value or _is_index(value[0]):
            trace.lists.append(id(value))
            return True
        trace.by_value = True
        return False
    if isinstance(value, Types.tensor):
        trace.by_value = size > 0 or trace.by_value
    return size > 0 and _is_index(value)


def _accepts_floats(value: Any, size: int, trace: Trace) -> bool:
    if isinstance(value, tuple | list):
        trace.by_value = True
        return not value or _accepts_float(value[0], 0, trace)
    return size > 0 and isinstance(value, int | float)


def _accepts_sequence(value: Any, size: int, trace: Trace) -> bool:
    return isinstance(value, tuple | list)


def _accepts_scalars(value: Any, size: int, trace: Trace) -> bool:
    if not isinstance(value, tuple | list):
        return False
    trace.by_value = True
    return all(_accepts_scalar(item, 0, trace) for item in value)


def _accepts_anything(value: Any, size: int, trace: Trace) -> bool:
    return True


# kind -> (what messages call it, the test)
KINDS: dict[str, tuple[str, Callable[[Any, int, Trace], bool]]] = {
    "Tensor": ("Tensor", _accepts_tensor),
    "Tensor|Scalar": ("Tensor", _accepts_tensor_or_number),
    "Scalar": ("Number", _accepts_scalar),
    "float": ("float", _accepts_float),
    "int": ("int", _accepts_int),
    "SymInt": ("int", _accepts_symbolic_int),
    "bool": ("bool", _accepts_bool),
    "str": ("str", _accepts_str),
    "ScalarType": ("torch.dtype", _accepts_dtype),
    "Device": ("torch.device", _accepts_device),
    "Layout": ("torch.layout", _accepts_layout),
    "MemoryFormat": ("torch.memory_format", _accepts_memory_format),
    "Generator": ("torch.Generator", _accepts_generator),
    "int[]": ("tuple of ints", _accepts_ints),
    "float[]": ("tuple of floats", _accepts_floats),
    "Tensor[]": ("tuple of Tensors", _accepts_sequence),
    "Scalar[]": ("tuple of Scalars", _accepts_scalars),
    "bool[]": ("tuple of bools", _accepts_sequence),
    "Storage": ("torch.Storage", _accepts_anything),
    "Stream": ("Stream", _accepts_anything),
    "Dimname": ("name", _accepts_str),
    "Dimname[]": ("tuple of names", _accepts_sequence),
}


class Unplanned(Exception):
    """A cached plan met a list that must be resolved anew; never seen by callers."""


def exact_ints(values: Any) -> tuple[int, ...]:
    """The tuple of a sequence of Python ints; anything else goes back to the parser."""
    for value in values:
        if type(value) is not int:
            raise Unplanned
    return tuple(values)


def exact_tensors(values: Any) -> tuple[Any, ...]:
    """The tuple of a sequence of tensors; anything else goes back to the parser."""
    tensor = Types.tensor
    for value in values:
        if type(value) is not tensor and not isinstance(value, tensor):
            raise Unplanned
    return tuple(values)


def plain(value: Any) -> Any:
    """A number as Python has it: from a NumPy scalar or a 0-d tensor."""
    if isinstance(value, np.generic) or isinstance(value, Types.tensor):
        return value.item()
    return value


def _int_item(item: Any) -> int:
    if isinstance(item, Types.tensor):
        if item.numel() == 1 and isinstance(number := item.item(), int):
            return int(number)
        raise TypeError
    return as_index(item)


def convert_ints(value: Any, size: int, where: str) -> tuple[int, ...]:
    """The ints of a list argument; a single int stands for `size` of them."""
    if not isinstance(value, tuple | list):
        return (_int_item(value),) * size
    result = []
    for position, item in enumerate(value):
        if type(item) is not int:
            try:
                item = _int_item(item)
            except TypeError:
                raise TypeError(
                    f"{where} failed to unpack the object at pos {position + 1} with error "
                    f'"type must be tuple of ints,but got {type_name(item)}"'
                ) from None
        result.append(item)
    return tuple(result)


def convert_tensors(value: Any, position: int, nullable: bool = False) -> tuple[Any, ...]:
    """The tensors of a list argument, which is argument number `position` of its op."""
    for place, item in enumerate(value):
        if not isinstance(item, Types.tensor) and not (nullable and item is None):
            raise TypeError(
                f"expected Tensor as element {place} in argument {position}, "
                f"but got {type_name(item)}"
            )
    return tuple(value)


def convert(kind: str, size: int, value: Any, where: str, position: int, nullable: bool) -> Any:
    """What the op receives for an accepted value.

    Args:
        where: the start of a message, `"view(): argument 'size'"`.
        nullable: whether the elements of a list may be None.
    """
    if kind == "Tensor" or kind == "bool" or kind == "str":
        return value
    if kind == "Tensor|Scalar":
        return plain(value) if isinstance(value, np.generic) else value
    if kind == "Scalar":
        return plain(value)
    if kind == "int" or kind == "SymInt":
        return _int_item(value)
    if kind == "float":
        return float(plain(value))
    if kind == "int[]":
        return convert_ints(value, size, where)
    if kind == "Tensor[]":
        return convert_tensors(value, position, nullable)
    if kind == "float[]":
        if not isinstance(value, tuple | list):
            return (float(value),) * size
        return tuple(float(plain(item)) for item in value)
    if kind == "ScalarType":
        return Types.python_dtypes[value] if isinstance(value, type) else value
    if kind == "Device":
        return value if isinstance(value, Types.device) else Types.device(value)
    if kind == "Scalar[]":
        return tuple(plain(item) for item in value)
    return tuple(value) if isinstance(value, list) else value
