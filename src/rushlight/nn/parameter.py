"""`Parameter` and `Buffer`: the tensors that a module finds by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor
from .._define import overriding
from .._tensor.device import check_device

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "is_lazy",
]


class _ParameterMeta(type(Tensor)):  # type: ignore[misc]
    """Tensors of other subclasses count as parameters when they were made by ``Parameter``."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return (
            cls is Parameter
            and isinstance(instance, Tensor)
            and bool(getattr(instance, "_is_param", False))
        )


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that becomes a parameter of the module it is assigned to.

    It shares the memory of `data`, is a leaf, and requires grad unless told otherwise. Results of
    operations on it are plain tensors.

    Args:
        data: the tensor; empty by default.
        requires_grad: whether gradients are wanted. Assigning under ``no_grad`` changes nothing.

    Raises:
        RuntimeError: `data` has an integer or boolean dtype and gradients are wanted.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html

    >>> import rushlight as torch
    >>> torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    __slots__ = ()
    __torch_function__ = classmethod(overriding.disabled)  # results are plain tensors

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        kind = type(data)
        if data is None:
            return make(cls, np.empty(0, _dtypes.default.numpy), requires_grad)
        if kind is Tensor or kind is Parameter:
            p = make(cls, data._data, requires_grad)
            p._cell = _core.cell_of(data)
            return p
        t = data.detach().requires_grad_(requires_grad)
        if type(t) is not kind:
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {kind.__name__} requires that "
                "detach() returns an instance of the same type, but return type "
                f"{type(t).__name__} was found instead. To use the type as a Parameter, please "
                "correct the detach() semantics defined by its __torch_dispatch__() implementation."
            )
        t._is_param = True
        return t

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        done = memo.get(id(self))
        if done is None:
            done = make(type(self), self._data.copy(order="K"), self._edge is not None)
            memo[id(self)] = done
        return done

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        plain = self if type(self) is not Parameter else _plain(self)
        return "Parameter containing:\n" + Tensor.__repr__(plain)

    __str__ = __repr__

    def __reduce_ex__(self, protocol: Any) -> Any:
        from collections import OrderedDict

        arguments: tuple[Any, ...] = (_without_grad(self), self._edge is not None, OrderedDict())
        state = {k: v for k, v in self.__dict__.items() if not k.startswith("_")}
        if not state:
            return _rebuild_parameter, arguments
        return _rebuild_parameter_with_state, (*arguments, state)


def make(cls: Any, array: Any, requires_grad: bool) -> Any:
    """An instance of `cls`, a Parameter, over the memory of `array`."""
    if requires_grad and array.dtype.kind not in "fc" and array.dtype != _dtypes.BFLOAT16:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    p = _core.new(cls)
    p._data = array
    p._edge = None
    if requires_grad:
        _core.make_leaf(p)
    p._cell = None
    return p


def _plain(p: Tensor) -> Tensor:
    return _core.wrap(p._data, p._edge)


def _without_grad(p: Tensor) -> Tensor:
    return _core.wrap(p._data)


def _rebuild_parameter(data: Any, requires_grad: bool, backward_hooks: Any) -> Any:
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(
    data: Any, requires_grad: bool, backward_hooks: Any, state: Any
) -> Any:
    p = Parameter(data, requires_grad)
    p.__dict__.update(state)
    return p


class _BufferMeta(type(Tensor)):  # type: ignore[misc]
    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return (
            cls is Buffer
            and isinstance(instance, Tensor)
            and bool(getattr(instance, "_is_buffer", False))
        )


class Buffer(Tensor, metaclass=_BufferMeta):
    """Makes a tensor that becomes a buffer of the module it is assigned to.

    What it returns is an ordinary tensor with a mark on it.

    Args:
        data: the tensor; empty by default.
        persistent: whether it is part of the module's ``state_dict``.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Buffer.html

    >>> import rushlight as torch
    >>> m = torch.nn.Module()
    >>> m.mean = torch.nn.Buffer(torch.tensor([1.0]))
    >>> list(m.state_dict())
    ['mean']
    """

    __slots__ = ()
    __torch_function__ = classmethod(overriding.disabled)

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = _core.wrap(np.empty(0, _dtypes.default.numpy))
        t = data.detach().requires_grad_(data.requires_grad)
        t.persistent = persistent
        t._is_buffer = True
        return t


_NO_SHAPE = (
    "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
    "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. "
    "Call `forward` to initialize the parameters before accessing their attributes."
)
_NO_VALUES = (
    "Attempted to use an uninitialized parameter. This error happens when you are using a "
    "`LazyModule` or explicitly manipulating `torch.nn.parameter.UninitializedParameter` objects. "
    "When using LazyModules Call `forward` with a dummy batch to initialize the parameters before "
    "calling torch functions"
)
_set_array: Any = Tensor.__dict__["_data"].__set__


class UninitializedTensorMixin:
    """A tensor of which only dtype and device are known, until it is materialized."""

    __slots__ = ()
    cls_to_become: Any
    __dict__: dict[str, Any]

    def _refuse(self) -> Any:
        raise ValueError(_NO_VALUES)

    def _hold(self, array: Any) -> None:
        self.__dict__["_held"] = array

    _data = property(_refuse, _hold)  # so that whatever wants to compute is refused

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become a parameter or buffer of this shape; its values are still to be set."""
        held = self.__dict__.pop("_held")
        kind = held.dtype if dtype is None else dtype.numpy
        self.__class__ = self.cls_to_become
        _set_array(self, np.empty(tuple(shape), kind))

    @property
    def shape(self) -> Any:
        raise RuntimeError(_NO_SHAPE)

    def size(self, *dim: Any) -> Any:
        return self.data.size(*dim)

    @property
    def dtype(self) -> Any:
        return _dtypes.from_numpy(self.__dict__["_held"].dtype)

    @property
    def data(self) -> Tensor:
        return _core.wrap(self.__dict__["_held"])

    @data.setter
    def data(self, value: Any) -> None:
        self._hold(value.__dict__["_held"] if is_lazy(value) else value._data)

    @property
    def device(self) -> Any:
        return self.data.device

    def is_floating_point(self) -> bool:
        return self.data.is_floating_point()

    def is_complex(self) -> bool:
        return self.data.is_complex()

    def to(self, *args: Any, **kwargs: Any) -> Any:
        return self.data.to(*args, **kwargs)

    def share_memory_(self) -> Any:
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to "
            "initialize the parameters before calling `module.share_memory()`."
        )

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"<{type(self).__name__}>"

    __str__: Any = __repr__

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        done = memo.get(id(self))
        if done is None:
            edge = self._edge  # type: ignore[attr-defined]
            kind = self.__dict__["_held"].dtype
            done = memo[id(self)] = _lazily(type(self), kind, edge is not None)
        return done

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise RuntimeError(_NO_SHAPE)


def _converter(name: str) -> Any:
    def convert(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.data, name)(*args, **kwargs)

    convert.__name__ = name
    return convert


for _name in ("half", "float", "double", "bfloat16", "char", "short", "int", "long", "cpu", "cuda"):
    setattr(UninitializedTensorMixin, _name, _converter(_name))


def _lazily(cls: Any, kind: Any, requires_grad: bool) -> Any:
    t = _core.new(cls)
    t._data = np.empty(0, kind)
    t._edge = _core.LEAF if requires_grad else None
    t._cell = None
    return t


def _kind(dtype: Any, device: Any) -> Any:
    check_device(device)
    return _dtypes.default.numpy if dtype is None else dtype.numpy


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc]
    """A parameter whose shape is not known yet: lazy modules make it one at their first call.

    Raises:
        ValueError: it is used before.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.UninitializedParameter.html

    >>> import rushlight as torch
    >>> p = torch.nn.UninitializedParameter()
    >>> p.materialize((2, 3))
    >>> p.shape
    torch.Size([2, 3])
    """

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return _lazily(cls, _kind(dtype, device), requires_grad)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet. Source: torch.nn.parameter.UninitializedBuffer."""

    __slots__ = ()
    __torch_function__ = classmethod(overriding.disabled)
    cls_to_become = Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None,
        persistent: bool = True,
    ) -> Any:  # fmt: skip
        made = _lazily(cls, _kind(dtype, device), requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made


def is_lazy(param: Any) -> bool:
    """Whether `param` still waits for its shape."""
    return isinstance(param, UninitializedTensorMixin)


# For printing; pickles go through the functions above, so the name need not be importable.
Parameter.__module__ = Buffer.__module__ = "torch.nn.parameter"
for _class in (UninitializedTensorMixin, UninitializedParameter, UninitializedBuffer):
    _class.__module__ = "torch.nn.parameter"
