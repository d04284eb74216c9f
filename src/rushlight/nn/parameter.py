"""`Parameter` and `Buffer`: the tensors that a module finds by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtypes
from .._core import Tensor

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

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = _core.wrap(np.empty(0, _dtypes.default.numpy))
        t = data.detach().requires_grad_(data.requires_grad)
        t.persistent = persistent
        t._is_buffer = True
        return t


class UninitializedParameter(Parameter):
    """Parameters without a shape, for lazy modules, are not there.

    Raises:
        NotImplementedError: always.
    """

    __slots__ = ()

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        raise NotImplementedError("torch.nn.UninitializedParameter: rushlight has no lazy modules")


class UninitializedBuffer(Tensor):
    """Buffers without a shape, for lazy modules, are not there.

    Raises:
        NotImplementedError: always.
    """

    __slots__ = ()

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None,
        persistent: bool = True,
    ) -> Any:  # fmt: skip
        raise NotImplementedError("torch.nn.UninitializedBuffer: rushlight has no lazy modules")


def is_lazy(param: Any) -> bool:
    """Whether `param` still waits for its shape: never, here."""
    return False


# For printing; pickles go through the functions above, so the name need not be importable.
Parameter.__module__ = Buffer.__module__ = "torch.nn.parameter"
UninitializedParameter.__module__ = UninitializedBuffer.__module__ = "torch.nn.parameter"
